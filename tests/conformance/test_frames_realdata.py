"""Frames of real files: decoded as pydicom decodes them, and rebuilt with nothing else changed."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import UID

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.header.scan import Scanner
from scanward.deidentify.pixels.encapsulate import MAX_REACH_PIXELS
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.deidentify.pixels.rebuild import masks_of, rebuild, reopen
from scanward.dicomstream.opening import open_dicom
from scanward.errors import HoldError, ScanwardError
from scanward.model.instance import BytesSource
from tests.common.pixels import box_of, raw_frames, replaced
from tests.conftest import find_test_data

pytestmark = pytest.mark.realdata

MAX_BYTES = 600_000
"""Larger files are left out here: they show nothing that smaller ones do not."""

NOT_OPENED = {
    "empty_charset_LEI.dcm": "has no SOP Class UID",
    "meta_missing_tsyntax.dcm": "has no SOP Class UID",
    "nested_priv_SQ.dcm": "has no SOP Class UID",
    "JLSL_RGB_ILV0.dcm": "has no SOP Instance UID",
    "JLSL_RGB_ILV1.dcm": "has no SOP Instance UID",
    "JLSL_RGB_ILV2.dcm": "has no SOP Instance UID",
    "JLSN_RGB_ILV0.dcm": "has no SOP Instance UID",
    "rtplan_truncated.dcm": "cut short, and has no pixels",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "its last fragment is cut short",
    "parametric_map_float.dcm": "Float Pixel Data",
    "parametric_map_double_float.dcm": "Double Float Pixel Data",
    "GH364.dcm": "an item stands at the top level of the data set",
}
NOT_DECODED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "the header of the codestream is broken: another size than Rows and Columns",
}
PYDICOM_CANNOT = {
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm": "12 bit JPEG",
    "I341.dcm": "12 bit JPEG",
    "privateTag.dcm": "12 bit JPEG",
    "JPEG-lossy.dcm": "12 bit JPEG",
    "JPGExtended.dcm": "12 bit JPEG",
    "CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm": "a retired process",
    "HTJ2KLossless_08_RGB.dcm": "HTJ2K needs a library that is not among ours",
    "OT-PAL-8-face.dcm": "has no File Meta Information",
    "liver_deflate.dcm": "Deflated Image Frame Compression is newer",
}


NO_CODER = {"CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm": "becomes native"}


def real_files() -> list[Path]:
    root = find_test_data()
    if root is None:
        return []
    paths = [path for part in ("dicom", "burnedin", "images") for path in sorted((root / part).rglob("*"))]
    return [
        path
        for path in paths
        if path.is_file() and path.suffix in {".dcm", ".dicom", ""} and path.stat().st_size <= MAX_BYTES
    ]


@cache
def read(path: Path) -> tuple[bytes, Frames | None, str]:
    """Return the file, its frames, and why it has none."""
    data = path.read_bytes()
    try:
        start = open_dicom(BytesSource(data))
        return data, open_frames(start, Scanner().scan(start), ImageCodec()), ""
    except ScanwardError as error:
        return data, None, type(error).__name__


FILES = real_files()


@pytest.fixture(params=FILES or [None], ids=lambda path: path.name if path else "none")
def file(request) -> tuple[str, bytes, Frames | None]:
    if request.param is None:
        pytest.skip("no real scans here")
    data, frames, error = read(request.param)
    if frames is None:
        assert error in {"", "NotDicomError"} or request.param.name in NOT_OPENED
    return request.param.name, data, frames


def pydicom_frames(data: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return raw_frames(dcmread(io.BytesIO(data), force=True))


def test_decoded_as_pydicom_does(file):
    name, data, frames = file
    if frames is None:
        return
    if name in NOT_DECODED:
        with pytest.raises(ScanwardError):
            frames.frame(0)
        return
    samples = frames.frame(0)
    assert samples.flags.writeable
    if name in PYDICOM_CANNOT:
        with pytest.raises((AttributeError, NotImplementedError, RuntimeError, ValueError)):
            pydicom_frames(data)
        return
    expected = pydicom_frames(data)
    assert len(expected) == frames.count
    for index in range(min(frames.count, 3)):
        samples = frames.frame(index)
        assert samples.dtype == expected.dtype.newbyteorder("=")
        assert np.array_equal(samples, expected[index])


def test_rebuilt_with_nothing_else_changed(file):
    name, data, frames = file
    if frames is None or name in NOT_DECODED:
        return
    layout = frames.layout
    boxes = [box_of(layout.columns // 5, layout.rows // 5, layout.columns // 4 + 1, layout.rows // 4 + 1, 0, 1)]
    mask_of = masks_of(boxes, layout)
    made = rebuild(frames, mask_of)
    assert made.transfer_syntax_uid == ("1.2.840.10008.1.2.1" if name in NO_CODER else frames.transfer_syntax_uid)
    after = reopen(frames, made)
    is_lossy = frames.is_encapsulated and UID(made.transfer_syntax_uid)[-2:] in {"50", "51"}
    for index in range(min(frames.count, 3)):
        old, new = frames.frame(index), after.frame(index)
        mask = mask_of(index)
        if mask is None:
            assert np.array_equal(old, new)
            continue
        reach = MAX_REACH_PIXELS if is_lossy or name == "sample-op.dcm" else 0  # that is a lossy JPEG, called lossless
        y, x = np.nonzero(mask)
        near = np.zeros_like(mask)
        near[max(0, y.min() - reach) : y.max() + 1 + reach, max(0, x.min() - reach) : x.max() + 1 + reach + 1] = True
        if reach or layout.photometric == "YBR_FULL_422":
            assert np.array_equal(old[~near], new[~near])
        else:
            assert np.array_equal(old[~mask], new[~mask])
    if name not in PYDICOM_CANNOT:
        read_back = pydicom_frames_of(data, made, frames)
        assert np.array_equal(read_back[0], after.frame(0))


def pydicom_frames_of(data: bytes, made, frames: Frames) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return raw_frames(replaced(data, made, frames.start))


def test_float_pixels_are_held(test_data):
    path = next(test_data.rglob("parametric_map_float.dcm"))
    start = open_dicom(BytesSource(path.read_bytes()))
    with pytest.raises(HoldError):
        open_frames(start, Scanner().scan(start), ImageCodec())
