"""What stored values show: as pydicom converts them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space

from scanward.deidentify.pixels.header import read_pixel_header
from scanward.deidentify.pixels.view import Grey, View
from scanward.errors import DicomFormatError
from tests.common.pixels import file_of, make_header, open_file

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


def show(ds, data, syntax=EXPLICIT):
    _, _, frames = open_file(file_of(ds, data, syntax))
    return View(frames).show(frames.frame(0))


def test_rgb_is_shown_as_it_is():
    data = bytes(range(48))
    shown = show(make_header(rows=4, columns=4, samples=3, photometric="RGB"), data)
    assert shown.dtype == np.uint8
    assert shown.tobytes() == data


def test_deeper_colours_are_scaled():
    ds = make_header(rows=1, columns=2, samples=3, photometric="RGB", allocated=16, stored=12)
    shown = show(ds, struct.pack("<6H", 0, 2048, 4095, 16, 4094, 0xF000))
    assert shown.tolist() == [[[0, 127, 255], [0, 254, 0]]]


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_ybr_as_pydicom_converts_it(photometric):
    rng = np.random.default_rng(1)
    ds = make_header(rows=16, columns=16, samples=3, photometric=photometric)
    data = rng.integers(0, 256, 16 * 16 * (2 if photometric.endswith("422") else 3)).astype(np.uint8).tobytes()
    _, _, frames = open_file(file_of(ds, data, EXPLICIT))
    expected = convert_color_space(frames.frame(0), "YBR_FULL", "RGB")
    assert np.abs(View(frames).show(frames.frame(0)).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("first", [0, 3])
def test_palettes_of_8_and_16_bits(syntax, first):
    order = ">" if syntax == BIG else "<"
    for bits in (8, 16):
        ds = make_header(rows=1, columns=4, photometric="PALETTE COLOR")
        for number in range(3):
            ds.add_new(0x00281101 + number, "US", [5, first, bits])
            entries = [10 * number, 20, 30, 40, 50]
            if bits == 16:
                table = struct.pack(f"{order}5H", *(entry << 8 | 7 for entry in entries))
            else:
                table = struct.pack(f"{order}3H", entries[0] | 20 << 8, 30 | 40 << 8, 50)
            ds.add_new(0x00281201 + number, "OW", table)
        shown = show(ds, bytes((first, first + 1, first + 4, 255)), syntax)
        assert shown.tolist() == [[[0, 10, 20], [20, 20, 20], [50, 50, 50], [50, 50, 50]]]


def test_a_palette_that_begins_below_zero():
    ds = make_header(rows=1, columns=2, photometric="PALETTE COLOR", allocated=16, signed=True)
    for number in range(3):
        ds.add_new(0x00281101 + number, "SS", [2, -1, 16])
        ds.add_new(0x00281201 + number, "OW", struct.pack("<2H", 0x1000, 0x2000))
    assert show(ds, struct.pack("<2h", -1, 0)).tolist() == [[[16, 16, 16], [32, 32, 32]]]


def test_palettes_that_are_not_understood():
    ds = make_header(rows=1, columns=1, photometric="PALETTE COLOR")
    with pytest.raises(DicomFormatError):
        show(ds, b"\0")
    for number in range(3):
        ds.add_new(0x00281101 + number, "US", [5, 0, 16])
        ds.add_new(0x00281201 + number, "OW", bytes(4))
    with pytest.raises(DicomFormatError):
        show(ds, b"\0")


def test_grey_is_rescaled_and_padding_kept_apart():
    ds = make_header(rows=1, columns=4, allocated=16, stored=12, signed=True, modality="CT", photometric="MONOCHROME1")
    ds.RescaleSlope, ds.RescaleIntercept = "2", "-100"
    ds.WindowCenter, ds.WindowWidth = ["40", "300"], ["400", "1500"]
    ds.add_new(0x00280120, "SS", -2000)
    ds.add_new(0x00280121, "SS", -1990)
    _, _, frames = open_file(file_of(ds, struct.pack("<4h", -2000, -1995, 0, 1000), EXPLICIT))
    view = View(frames)
    grey = view.show(frames.frame(0))
    assert isinstance(grey, Grey)
    assert grey.values.dtype == np.float32
    assert grey.values.tolist() == [[-4100, -4090, -100, 1900]]
    assert grey.padding.tolist() == [[True, True, False, False]]
    assert grey.is_inverted
    assert view.windows == ((40, 400), (300, 1500))


@pytest.mark.parametrize("shared", [True, False])
def test_functional_groups_tell_too(shared):
    ds = make_header(rows=1, columns=1, frames=1, allocated=16)
    transformation, window, group = Dataset(), Dataset(), Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = "3", "1"
    window.WindowCenter, window.WindowWidth = "10", "20"
    group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [transformation], [window]
    if shared:
        ds.SharedFunctionalGroupsSequence = [group]
    else:
        ds.PerFrameFunctionalGroupsSequence = [group]
    for syntax in (EXPLICIT, IMPLICIT, BIG):
        _, _, frames = open_file(file_of(ds, struct.pack(">H" if syntax == BIG else "<H", 5), syntax))
        view = View(frames)
        assert view.show(frames.frame(0)).values.tolist() == [[16]]
        assert view.windows == ((10, 20),)
        assert view.show(frames.frame(0)).padding is None


def test_values_of_the_header():
    ds = make_header(rows=1, columns=1)
    ds.add_new(0x00280030, "LO", "0.5\\x\\nan\\2")
    region = Dataset()
    region.add_new(0x00186018, "UL", 70000)
    region.add_new(0x0018602C, "FD", 0.25)
    ds.add_new(0x00186011, "SQ", [region, Dataset()])
    for syntax in (EXPLICIT, IMPLICIT, BIG):
        start, _, _ = open_file(file_of(ds, b"\0", syntax))
        header = read_pixel_header(start)
        assert header.decimals(0x00280030) == [0.5, 2.0]
        found = list(header.items(0x00186011))
        assert [item.integer(0x00186018) for item in found] == [70000, None]
        assert found[0].decimals(0x0018602C) == [0.25]
        assert 0x0018602C in found[0]
        assert 0x0018602C not in found[1]
        assert list(header.items(0x00280010)) == []
        changed = header.with_values({0x00280030: None, 0x00280010: b"\1\2"})
        assert 0x00280030 not in changed
        assert changed.raw(0x00280010) == b"\1\2"


@pytest.mark.parametrize(
    ("slope", "intercept"), [("1E39", "0"), ("1E308", "0"), ("1E-300", "0"), ("1", "1E39"), ("0.0000001", "1E9")]
)
def test_no_rescaling_makes_values_one_that_differ(slope, intercept):
    ds = make_header(rows=1, columns=4, allocated=16, stored=12)
    ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
    shown = show(ds, struct.pack("<4H", 0, 1, 2, 4095))
    assert isinstance(shown, Grey)
    assert np.isfinite(shown.values).all()
    assert len(set(shown.values.ravel().tolist())) == 4
