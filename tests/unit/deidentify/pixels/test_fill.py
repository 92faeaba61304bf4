"""What is filled in fits, means nothing, and tells nothing of what was there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scanward.deidentify.pixels.fill import Background, fill, read_background
from scanward.deidentify.pixels.header import read_pixel_header
from scanward.ports.engines import FrameLayout
from tests.common.pixels import file_of, make_header, open_file

EXPLICIT = "1.2.840.10008.1.2.1"


def layout_of(samples, *, stored=None, signed=False, photometric="MONOCHROME2"):
    allocated = samples.dtype.itemsize * 8
    stored = stored or allocated
    return FrameLayout(
        rows=samples.shape[0], columns=samples.shape[1], samples_per_pixel=samples.shape[2] if samples.ndim == 3 else 1,
        bits_allocated=allocated, bits_stored=stored, high_bit=stored - 1, is_signed=signed, is_planar=False,
        photometric=photometric,
    )  # fmt: skip


def burn(samples, value, at=(12, 40)):
    picture = np.zeros(samples.shape[:2], np.uint8)
    cv2.putText(picture, "DOE^JANE", at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 1, 2)
    burned = samples.copy()
    burned[picture > 0] = value
    mask = np.zeros(samples.shape[:2], bool)
    mask[picture.any(axis=1).argmax() - 2 : 45, 8:150] = True
    return burned, mask, picture > 0


def test_text_on_a_plain_ground_is_gone_without_a_trace():
    ground = np.full((80, 200), 30, np.uint8)
    burned, mask, _ = burn(ground, 255)
    assert np.array_equal(fill(burned, mask, Background(layout=layout_of(ground))), ground)


@pytest.mark.parametrize(
    ("dtype", "signed"), [(np.uint8, False), (np.uint16, False), (np.int16, True), (np.uint32, False)]
)
def test_the_same_whatever_the_text_was(dtype, signed):
    rng = np.random.default_rng(1)
    ground = (100 + np.add.outer(np.arange(80) // 2, np.arange(200) // 4) + rng.integers(-5, 6, (80, 200))).astype(
        dtype
    )
    one, mask, _ = burn(ground, 255)
    other, _, _ = burn(ground, 3, at=(20, 42))
    background = Background(layout=layout_of(ground, signed=signed))
    filled = fill(one, mask, background)
    assert np.array_equal(filled[mask], fill(other, mask, background)[mask])
    assert np.array_equal(filled[~mask], ground[~mask])
    # A slope goes on as a slope: no flat patch, no edge.
    error = filled.astype(int) - ground
    assert np.abs(error[mask]).mean() < 8
    assert np.abs(np.diff(filled.astype(int), axis=0)).max() < 25


def test_colours_are_filled_for_each_channel():
    ground = np.empty((80, 200, 3), np.uint8)
    ground[:] = (10, 128, 200)
    burned, mask, _ = burn(ground, (255, 0, 255))
    assert np.array_equal(fill(burned, mask, Background(layout=layout_of(ground, photometric="YBR_FULL"))), ground)


def test_a_palette_gets_an_entry_that_is_used_around():
    ground = np.where(np.indices((80, 200)).sum(axis=0) % 3 == 0, 200, 7).astype(np.uint8)
    burned, mask, _ = burn(ground, 99)
    filled = fill(burned, mask, Background(layout=layout_of(ground, photometric="PALETTE COLOR")))
    assert set(np.unique(filled)) == {7, 200}
    assert (filled[mask] == 7).all()


def test_labels_become_none():
    ground = np.full((80, 200), 4, np.uint8)
    burned, mask, _ = burn(ground, 2)
    filled = fill(burned, mask, Background(layout=layout_of(ground), is_label=True))
    assert (filled[mask] == 0).all()
    assert (filled[~mask] == 4).all()


def test_single_bits_take_what_most_around_are():
    ground = np.ones((80, 200), np.uint8)
    burned, mask, _ = burn(ground, 0)
    layout = FrameLayout(
        rows=80, columns=200, samples_per_pixel=1, bits_allocated=1, bits_stored=1, high_bit=0, is_signed=False,
        is_planar=False, photometric="MONOCHROME2",
    )  # fmt: skip
    assert fill(burned, mask, Background(layout=layout)).all()


def test_padding_is_neither_taken_nor_made():
    ground = np.full((80, 200), -2000, np.int16)
    ground[30:, :] = 40
    burned, mask, _ = burn(ground, 3000)
    background = Background(layout=layout_of(ground, signed=True), padding=(-2000, -2000), floor=-1024)
    assert (fill(burned, mask, background)[mask] == 40).all()
    everywhere = np.full((80, 200), -2000, np.int16)
    everywhere[70:, :] = 900  # bone, far off
    burned, mask, _ = burn(everywhere, 3000)
    assert (fill(burned, mask, background)[mask] == -1024).all()


def test_a_region_without_surroundings():
    ground = np.full((20, 20), 77, np.uint16)
    mask = np.ones((20, 20), bool)
    assert (fill(ground, mask, Background(layout=layout_of(ground))) == 0).all()
    padded = Background(layout=layout_of(ground), padding=(0, 5))
    assert (fill(ground, mask, padded) == 6).all()


def test_bits_beside_the_value_are_not_filled_in():
    ground = np.full((80, 200), 0xF123, np.uint16)
    burned, mask, _ = burn(ground, 0xFFFF)
    filled = fill(burned, mask, Background(layout=layout_of(ground, stored=12)))
    assert (filled[mask] == 0x123).all()
    assert (filled[~mask] == 0xF123).all()


def test_what_a_ct_says_of_its_values():
    ds = make_header(rows=4, columns=4, allocated=16, stored=12, signed=True, modality="CT")
    ds.RescaleSlope, ds.RescaleIntercept = "2", "-24"
    ds.add_new(0x00280120, "SS", -900)
    start, facts, frames = open_file(file_of(ds, bytes(32), EXPLICIT))
    background = read_background(frames.layout, facts, read_pixel_header(start))
    assert background == Background(layout=frames.layout, padding=(-900, -900), floor=-500)
