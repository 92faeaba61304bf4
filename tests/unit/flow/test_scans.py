"""Scans as they are opened: with frames, or with the reason why there are none; never with a foreign error."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.errors import DicomFormatError, NotDicomError, ScanwardError, UnsupportedSyntaxError
from scanward.flow.scans import NO_PIXELS, NOBODY_DECODES, open_scan
from scanward.model.instance import BytesSource
from scanward.seal.make import make_seal
from tests.common.pixels import NoCodec, encapsulated_file_of, make_header
from tests.common.sealing import KEY, edited, opened
from tests.common.transcoding import make_image

IMAGE = make_image(20, 30, frames=2)


def test_an_image_is_opened_with_its_frames():
    scan = opened(IMAGE)
    assert scan.frames.count == 2
    assert (scan.without_frames, scan.is_unseen) == ("", False)


def test_an_instance_without_pixels_says_so():
    scan = opened(edited(IMAGE, lambda ds: ds.pop("PixelData")))
    assert (scan.frames, scan.without_frames, scan.is_unseen) == (None, NO_PIXELS, False)


def test_damaged_pixels_are_told_as_there_and_damaged():
    scan = opened(edited(IMAGE, lambda ds: setattr(ds, "PixelData", b"\0\0")))
    assert (scan.frames, scan.is_unseen) == (None, False)
    assert "Pixel Data" in scan.without_frames


def test_pixels_without_a_decoder_are_told_as_unseen():
    data = encapsulated_file_of(make_header(rows=4, columns=4), [b"\0" * 8], "1.2.840.10008.1.2.4.80")
    scan = open_scan(BytesSource(data), None, NoCodec())
    assert (scan.frames, scan.is_unseen) == (None, True)


def test_without_a_codec_nothing_is_decoded():
    scan = open_scan(BytesSource(IMAGE), None, None)
    assert (scan.frames, scan.without_frames, scan.is_unseen) == (None, NOBODY_DECODES, True)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotDicomError),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), NotDicomError),
        (IMAGE.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.77"), UnsupportedSyntaxError),
        (edited(IMAGE, lambda ds: ds.pop("SOPClassUID")), DicomFormatError),
    ],
    ids=["nothing", "a picture", "an unknown syntax", "no class"],
)
def test_what_is_no_instance_is_refused(data, error):
    with pytest.raises(error):
        opened(data)


def test_damaged_files_raise_only_our_errors():
    """Every cut and 400 flips: an error of ours, or a seal."""
    rng = random.Random(7)
    damaged = [IMAGE[: rng.randrange(len(IMAGE))] for _ in range(150)]
    for _ in range(400):
        copy = bytearray(IMAGE)
        for _ in range(rng.randrange(1, 4)):
            copy[rng.randrange(132, 1700)] = rng.choice((0, 0xFF, 0xFE, rng.randrange(256)))
        damaged.append(bytes(copy))
    sealed = 0
    for data in damaged:
        source = BytesSource(data)
        try:
            make_seal(open_scan(source, None, ImageCodec()), source, KEY)
        except ScanwardError:
            continue
        sealed += 1
    assert 0 < sealed < len(damaged)


def test_opening_loads_no_arrays_before_it_is_asked_to():
    script = "import sys, scanward.flow.scans, scanward.seal.make, scanward.seal.compare, scanward.seal.format\n"
    script += "sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
