"""What is refused before anything is allocated or decoded, and how coded frames are told apart."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from scanward.deidentify.pixels.frames import MAX_FRAMES, open_frames
from scanward.deidentify.pixels.samples import has_spare_content, without_spare_content
from scanward.errors import DicomFormatError, HoldError
from tests.common.pixels import encapsulated_file_of, file_of, make_header, open_file

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"


class Echo:
    """Decodes a codestream to its first bytes."""

    def can_decode(self, uid):
        return uid == RLE

    def decode(self, data, uid, layout):
        return np.frombuffer(data[: layout.rows * layout.columns], np.uint8).reshape(layout.rows, layout.columns)


def refused(ds, data=bytes(64), match="", error=HoldError):
    with pytest.raises(error, match=match):
        open_file(file_of(ds, data, EXPLICIT))


def test_40000_rows_and_columns_are_refused_whatever_bytes_are_there():
    refused(make_header(rows=40_000, columns=40_000), match="Rows and Columns")
    ds = make_header(rows=40_000, columns=40_000)
    with pytest.raises(HoldError, match="Rows and Columns"):
        open_file(encapsulated_file_of(ds, [b"\0" * 100], RLE), Echo())


def test_a_frame_that_takes_too_much_memory_to_look_at_is_refused():
    refused(make_header(rows=8_000, columns=5_001), match="Rows and Columns")


def test_samples_that_are_not_there():
    refused(make_header(rows=9, columns=9), match="expected 81 bytes", error=DicomFormatError)
    refused(make_header(rows=8, columns=8, frames=10_000), match="640000", error=DicomFormatError)
    refused(make_header(rows=8, columns=8, frames=MAX_FRAMES + 1), match="Number of Frames")
    refused(make_header(rows=0, columns=8), match="Rows", error=DicomFormatError)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"allocated": 24}, HoldError),
        ({"allocated": 12}, HoldError),
        ({"allocated": 64}, HoldError),
        ({"allocated": 16, "stored": 17}, DicomFormatError),
        ({"allocated": 16, "stored": 12, "high": 16}, DicomFormatError),
        ({"allocated": 16, "stored": 12, "high": 10}, DicomFormatError),
        ({"photometric": "CMYK", "samples": 4}, HoldError),
        ({"photometric": ""}, HoldError),
        ({"photometric": "RGB", "samples": 1}, DicomFormatError),
        ({"photometric": "MONOCHROME2", "samples": 3}, DicomFormatError),
        ({"photometric": "YBR_FULL_422", "samples": 3, "columns": 3, "rows": 3}, HoldError),
    ],
)
def test_layouts_that_are_not_understood(changes, error):
    refused(make_header(**{"rows": 4, "columns": 4, **changes}), data=bytes(4096), error=error, match="expected")


def test_pixels_that_are_no_integers():
    ds = make_header(rows=2, columns=2, allocated=32)
    ds.add_new(0x7FE00008, "OF", bytes(16))
    with pytest.raises(HoldError, match="Float"):
        open_file(file_of(ds, bytes(16), EXPLICIT))


def test_no_decoder():
    ds = make_header(rows=2, columns=2)
    with pytest.raises(HoldError, match="no decoder"):
        open_file(encapsulated_file_of(ds, [b"0123"], RLE))


@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize("table", [False, True])
def test_frames_of_several_fragments(fragments, table):
    coded = [bytes([65 + number]) * 12 for number in range(5)]
    ds = make_header(rows=3, columns=4, frames=5)
    data = encapsulated_file_of(ds, coded, RLE, fragments_per_frame=fragments, table=table)
    if fragments > 1 and not table:
        # Nothing tells the frames apart: no table, and codestreams that begin like nothing.
        with pytest.raises(DicomFormatError):
            open_file(data, Echo())
        return
    _, _, frames = open_file(data, Echo())
    assert [bytes(frames.frame(index).reshape(-1)) for index in range(5)] == coded
    assert all(len(list(frames.fragments(index))) == fragments for index in range(5))


def test_frames_without_a_table_that_begin_like_codestreams():
    coded = [b"\xff\xd8\xff" + bytes([65 + number]) * 13 for number in range(3)]
    ds = make_header(rows=3, columns=4, frames=3)
    _, _, frames = open_file(encapsulated_file_of(ds, coded, RLE, fragments_per_frame=2, table=False), Echo())
    assert [frames.coded(index) for index in range(3)] == coded


def test_fewer_and_more_frames_than_said():
    for count in (2, 4):
        ds = make_header(rows=3, columns=4, frames=count)
        with pytest.raises(DicomFormatError):
            open_file(encapsulated_file_of(ds, [b"\0" * 12] * 3, RLE), Echo())


@pytest.mark.parametrize("cut", [1, 9, 40])
def test_fragments_cut_short(cut):
    data = encapsulated_file_of(make_header(rows=3, columns=4, frames=2), [b"\0" * 12] * 2, RLE)
    with pytest.raises(DicomFormatError):
        open_file(data[:-cut], Echo())


def test_a_fragment_longer_than_the_file():
    data = encapsulated_file_of(make_header(rows=3, columns=4), [b"\7" * 12], RLE)
    with pytest.raises(DicomFormatError):
        open_file(data.replace(struct.pack("<I", 12) + b"\7", struct.pack("<I", 1 << 30) + b"\7"), Echo())


def test_no_pixels():
    ds = make_header(rows=2, columns=2)
    start, facts, _ = open_file(file_of(ds, bytes(4), EXPLICIT))
    del start, facts
    data = file_of(ds, b"", EXPLICIT)
    from scanward.deidentify.header.scan import Scanner
    from scanward.dicomstream.opening import open_dicom
    from scanward.model.instance import BytesSource

    start = open_dicom(BytesSource(data))
    assert open_frames(start, Scanner().scan(start), Echo()) is None


def test_bits_beside_values():
    ds = make_header(rows=1, columns=2, allocated=16, stored=12, high=12)
    _, _, frames = open_file(file_of(ds, struct.pack("<2H", 0x1FFE, 0x0002), EXPLICIT))
    samples = frames.frame(0)
    assert not has_spare_content(samples, frames.layout)
    samples[0, 0] |= 0x4001
    assert has_spare_content(samples, frames.layout)
    assert without_spare_content(samples, frames.layout).tolist() == [[0x1FFE, 0x0002]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, False),
        ({0x60000100: 1, 0x60000102: 0}, False),
        ({0x60000100: 16, 0x60000102: 12}, True),
        ({0x60020100: 1, 0x60020102: 15}, True),
    ],
)
def test_an_overlay_in_the_samples_is_declared(values, expected):
    ds = make_header(rows=1, columns=1, allocated=16, stored=12)
    for tag, value in values.items():
        ds.add_new(tag, "US", value)
    _, _, frames = open_file(file_of(ds, bytes(2), EXPLICIT))
    assert frames.has_embedded_overlay is expected
    ds.add_new(0x60000100, "US", 16)
    ds.add_new(0x60003000, "OW", bytes(2))
    _, _, frames = open_file(file_of(ds, bytes(2), EXPLICIT))
    assert frames.has_embedded_overlay is (0x60020100 in values)


def test_a_sign_that_is_repeated_is_no_content():
    ds = make_header(rows=1, columns=3, allocated=16, stored=12, signed=True)
    _, _, frames = open_file(file_of(ds, struct.pack("<3H", 0xF800, 0x0800, 0x07FF), EXPLICIT))
    samples = frames.frame(0)
    assert not has_spare_content(samples, frames.layout)
    assert without_spare_content(samples, frames.layout).tolist() == [[-2048, -2048, 2047]]
    samples[0, 2] |= 0x1000
    assert has_spare_content(samples, frames.layout)
