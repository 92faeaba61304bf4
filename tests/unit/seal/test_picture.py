"""Pictures that are no DICOM: sealed by their samples."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scanward.model.comparison import Standing
from scanward.model.instance import BytesSource
from scanward.seal.format import encode_seal, parse_seal
from scanward.seal.picture import Picture, compare_picture, seal_picture
from tests.common.sealing import KEY

RNG = np.random.default_rng(8)
COLOURS = cv2.GaussianBlur(RNG.integers(0, 256, (150, 210, 3), np.uint8), (9, 9), 0)


def decoded(data: bytes) -> Picture:
    return Picture(
        samples=cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    )


def coded(samples: np.ndarray, form: str, *options: int) -> bytes:
    return cv2.imencode(form, cv2.cvtColor(samples, cv2.COLOR_RGB2BGR), options)[1].tobytes()


PNG = coded(COLOURS, ".png")
SEAL = seal_picture(decoded(PNG), BytesSource(PNG), KEY)


def compared(data: bytes, *, is_coded_with_loss: bool = False):
    return compare_picture(SEAL, decoded(data), BytesSource(data), is_coded_with_loss=is_coded_with_loss)


def test_the_file_itself_is_unchanged():
    assert compared(PNG).is_same_file


def test_a_lossless_copy_in_another_format_is_unchanged():
    found = compared(coded(COLOURS, ".tiff"))
    assert (found.standing, found.is_same_file) == (Standing.UNCHANGED, False)


def test_an_edit_is_found_in_its_tile():
    samples = COLOURS.copy()
    samples[70, 200, 2] ^= 1
    (change,) = compared(coded(samples, ".png")).frames
    assert change.tiles == (7,)


def test_a_jpeg_of_it_is_altered_everywhere_and_told_as_such():
    found = compared(coded(COLOURS, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 70), is_coded_with_loss=True)
    assert (found.standing, found.is_lossy_copy) == (Standing.ALTERED, True)


def test_a_smaller_copy_is_altered_and_tells_its_size():
    found = compared(coded(cv2.resize(COLOURS, (105, 75)), ".png"))
    assert (found.standing, found.form) == (Standing.ALTERED, ("Rows", "Columns"))


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3), (40, 50, 4)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
def test_seals_of_all_kinds_of_pictures_are_kept_as_they_are(shape, dtype):
    seal = seal_picture(Picture(samples=RNG.integers(0, 256, shape).astype(dtype)), BytesSource(b"file"), KEY)
    assert parse_seal(encode_seal(seal)) == seal


@pytest.mark.parametrize(
    "samples",
    [np.zeros((0, 4), "u1"), np.zeros((4, 4, 2), "u1"), np.zeros(4, "u1"), np.zeros((4, 4), "i2"), np.zeros((4, 4), "f4"),
     np.zeros((4, 4), "u4")],
)  # fmt: skip
def test_what_is_no_picture_is_refused(samples):
    with pytest.raises(ValueError, match="expected"):
        Picture(samples=samples)


def test_a_picture_has_one_frame():
    with pytest.raises(IndexError):
        decoded(PNG).frame(1)
