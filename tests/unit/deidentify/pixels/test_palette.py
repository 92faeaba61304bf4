"""Palettes in segments, as pydicom expands them and as the standard has them."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.pixels import apply_color_lut, pixel_array

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.header.scan import Scanner
from scanward.deidentify.pixels.frames import open_frames
from scanward.deidentify.pixels.view import View
from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, HoldError
from scanward.model.instance import BytesSource
from tests.common.pixels import file_of, make_header, open_file

EXPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def colours(table: list[int], count: int, *, bits: int = 16, syntax: str = EXPLICIT) -> list[int]:
    """Return what a palette of one table for all colours shows."""
    order = ">" if syntax == BIG else "<"
    if bits == 16:
        raw = struct.pack(f"{order}{len(table)}H", *table)
    else:
        octets = bytes(table) + b"\0" * (len(table) % 2)
        raw = b"".join(octets[at : at + 2][:: -1 if syntax == BIG else 1] for at in range(0, len(octets), 2))
    ds = make_header(rows=1, columns=count, photometric="PALETTE COLOR", allocated=16)
    for number in range(3):
        ds.add_new(0x00281101 + number, "US", [count, 0, bits])
        ds.add_new(0x00281221 + number, "OW", raw)
    _, _, frames = open_file(file_of(ds, struct.pack(f"{order}{count}H", *range(count)), syntax))
    shown = View(frames).show(frames.frame(0))
    assert (shown == shown[..., :1]).all()
    return shown[0, :, 0].tolist()


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_discrete_linear_and_indirect_segments(syntax):
    words = [0, 2, 0x0000, 0x1000, 1, 4, 0x5000, 2, 2, 0, 0]
    assert colours(words, 12, syntax=syntax) == [0, 16, 32, 48, 64, 80, 0, 16, 32, 48, 64, 80]
    octets = [0, 2, 0, 10, 1, 4, 50, 2, 1, 4, 0, 0, 0, 0, 1, 7]
    assert colours(octets, 11, bits=8, syntax=syntax) == [0, 10, 20, 30, 40, 50, 50, 50, 50, 50, 7]


@pytest.mark.parametrize(
    "words",
    [
        [],
        [0],
        [0, 3, 1, 2],
        [0, 5, 1, 2, 3, 4, 5],
        [1, 4, 9],
        [3, 4, 9],
        [2, 1, 0, 0],
        [0, 0] * 500,
        [0, 1, 5, 2, 1, 6, 0],
        [0, 1, 5, 2, 1, 0xFFFF, 0xFFFF],
        [0, 1, 5, 0, 0, *[2, 0xFFFF, 6, 0] * 1000],
    ],
)
def test_segments_that_make_no_palette_are_refused_at_once(words):
    with pytest.raises(DicomFormatError):
        colours(words, 4)


@given(st.lists(st.integers(0, 6), max_size=40))
def test_whatever_the_segments_say_it_ends(words):
    with suppress(DicomFormatError):
        assert len(colours(words, 9)) == 9


def test_a_palette_of_which_some_tables_are_in_segments_is_held():
    ds = make_header(rows=1, columns=1, photometric="PALETTE COLOR")
    for number in range(3):
        ds.add_new(0x00281101 + number, "US", [2, 0, 16])
        ds.add_new(0x00281201 + number, "OW", bytes(4))
    ds.add_new(0x00281221, "OW", bytes(8))
    with pytest.raises(HoldError):
        _, _, frames = open_file(file_of(ds, b"\0\0", EXPLICIT))
        View(frames).show(frames.frame(0))


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    ["burnedin/pydicom__pydicom-data/gdcm-US-ALOKA-16.dcm", "dicom/pydicom__pydicom-data/gdcm-US-ALOKA-16_big.dcm"],
)
def test_a_real_one_as_pydicom_shows_it(test_data, name):
    start = open_dicom(BytesSource((test_data / name).read_bytes()))
    frames = open_frames(start, Scanner().scan(start), ImageCodec())
    ds = dcmread(test_data / name)
    expected = apply_color_lut(pixel_array(ds, raw=True), ds) >> 8
    assert np.abs(View(frames).show(frames.frame(0)).astype(int) - expected).max() <= 1
