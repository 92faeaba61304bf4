"""Codes drawn by the test itself into noise; and pictures without one."""

import cv2
import numpy as np
import pytest
import zxingcpp
from pydicom import dcmread
from pydicom.pixels import pixel_array

from scanward.adapters.engines.barcodes import BarcodeReader

F = zxingcpp.BarcodeFormat
CONTENT = {
    F.Code128: "MRN5530178", F.Code39: "MRN5530178", F.ITF: "0012345678", F.EAN13: "4006381333931", F.Codabar: "A123456789B",
    F.Code93: "MRN5530178", F.QRCode: "MRN5530178", F.MicroQRCode: "12345", F.DataMatrix: "MRN5530178", F.PDF417: "MRN5530178",
    F.Aztec: "MRN5530178",
}  # fmt: skip
LINEAR = (F.Code128, F.Code39, F.ITF, F.EAN13, F.Codabar, F.Code93)


@pytest.fixture(scope="module")
def reader():
    return BarcodeReader()


def scan(seed, side=560):
    """A picture like an X-ray: soft shapes, edges and noise."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.uniform(20, 200, (9, 9)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        x, y, size = rng.integers(0, side, 3)
        cv2.ellipse(
            soft, (int(x), int(y)), (int(size) // 3 + 9, int(size) // 9 + 9), 40, 0, 360, float(rng.uniform(60, 230)), 5
        )
    return np.clip(soft + rng.normal(0, 8, soft.shape), 0, 255).astype(np.uint8)


def put(grey, kind, *, turn=0.0, scale=3, inverted=False, low=0, high=255):
    """Put a code into the middle of a picture; return the picture and where modules of the code are."""
    code = np.asarray(zxingcpp.create_barcode(CONTENT[kind], kind).to_image(scale=scale, add_quiet_zones=False))
    if kind in LINEAR:
        code = np.repeat(code[:1], 70, axis=0)
    code = np.where(code > 127, high, low).astype(np.float32)
    if inverted:
        code = low + high - code
    paper = np.pad(code, 10 * scale, constant_values=low if inverted else high)
    inside = np.pad(np.ones_like(code), 10 * scale)
    height, width = paper.shape
    side = grey.shape[0]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
    matrix[:, 2] += side / 2 - np.array([width, height]) / 2
    mask = cv2.warpAffine(np.ones_like(paper), matrix, (side, side))
    placed = cv2.warpAffine(paper, matrix, (side, side))
    mixed = grey * (1 - mask) + placed
    return np.clip(mixed, 0, 255).astype(np.uint8), cv2.warpAffine(inside, matrix, (side, side)) > 0.5


def look(reader, grey):
    picture = np.repeat(grey[..., None], 3, axis=2)
    return reader.find(picture)


def covered(quads, shape):
    mask = np.zeros(shape, np.uint8)
    for quad in quads:
        cv2.fillPoly(mask, [np.round(quad).astype(np.int32)], 1)
    return mask.astype(bool)


@pytest.mark.parametrize("turn", [0, 90, 4])
@pytest.mark.parametrize("kind", list(CONTENT), ids=str)
def test_every_kind_of_code_is_found_whole(reader, kind, turn):
    grey, code = put(scan(1), kind, turn=turn)

    filled = covered(look(reader, grey), grey.shape)

    assert filled[code].mean() > 0.99
    assert filled.sum() < (3 if kind is F.PDF417 else 2) * code.sum()


@pytest.mark.parametrize("kind", list(CONTENT), ids=str)
def test_a_filled_code_is_not_found_again(reader, kind):
    grey, _ = put(scan(2), kind)

    grey[covered(look(reader, grey), grey.shape)] = 90

    assert look(reader, grey) == []


@pytest.mark.parametrize("kind", list(CONTENT), ids=str)
def test_bright_codes_on_dark_are_found(reader, kind):
    grey, code = put(scan(3), kind, inverted=True)

    assert covered(look(reader, grey), grey.shape)[code].mean() > 0.98


@pytest.mark.parametrize("turn", [30, 45, 120, 200])
@pytest.mark.parametrize("kind", [*LINEAR, F.QRCode, F.DataMatrix, F.Aztec], ids=str)
def test_codes_at_any_angle_are_found(reader, kind, turn):
    grey, code = put(scan(4), kind, turn=turn)

    assert covered(look(reader, grey), grey.shape)[code].mean() > 0.95


@pytest.mark.parametrize("kind", LINEAR, ids=str)
def test_faint_bars_that_nobody_can_read_are_found(reader, kind):
    grey, code = put(scan(5), kind, low=100, high=135)
    noisy = np.clip(grey + np.random.default_rng(5).normal(0, 4, grey.shape), 0, 255).astype(np.uint8)

    assert covered(look(reader, noisy), grey.shape)[code].mean() > 0.9


@pytest.mark.parametrize("seed", range(12))
def test_pictures_without_a_code_have_none(reader, seed):
    assert look(reader, scan(seed + 100)) == []


def test_text_grids_and_rulers_are_no_codes(reader):
    grey = scan(7)
    for row in range(10):
        cv2.putText(
            grey, "OKAFOR MARIA 1962 5530178", (10, 30 + 24 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA
        )
    grey[300:420:12, 50:500] = 255
    grey[300:420, 50:500:12] = 255
    grey[450:500, 20:540:10] = 255

    assert look(reader, grey) == []


def colour_scale(grey, x, *, width=24, height=64):
    """Put a scale of power Doppler into a picture: yellow over red to black and back, as its luminance."""
    half = np.array([226, 226, 200, 160, 118, 84, 60, 46, 34, 22, 8, 0], np.float32)
    levels = cv2.resize(np.concatenate([half, half[::-1]])[:, None], (width, height), interpolation=cv2.INTER_LINEAR)
    grey[160 : 160 + height, x : x + width] = levels.astype(np.uint8)


@pytest.mark.parametrize("steps", [0, 6, 9])
def test_colour_and_grey_scales_are_no_codes(reader, steps):
    grey = np.full((480, 640), 12, np.uint8)
    colour_scale(grey, 17)
    colour_scale(grey, 598)
    grey[120:300, 300:330] = np.linspace(255, 0, 180)[:, None]
    if steps:
        grey[120:300, 400:430] = np.repeat(np.linspace(250, 0, steps), 180 // steps)[:180, None]

    assert look(reader, grey) == []


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name", ["burnedin/pydicom__pydicom-data/US1_UNCR.dcm", "dicom/pydicom__pydicom-data/US1_J2KI.dcm"]
)
def test_colour_scales_of_a_scanner_are_no_codes(reader, test_data, name):
    picture = pixel_array(dcmread(test_data / name))

    assert reader.find(np.ascontiguousarray(picture)) == []


@pytest.mark.parametrize("kind", LINEAR, ids=str)
def test_blurred_bars_that_nobody_can_read_are_found(reader, kind):
    grey, code = put(scan(8), kind, scale=4)
    blurred = cv2.imdecode(
        cv2.imencode(".jpg", cv2.GaussianBlur(grey, (0, 0), 3), [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0
    )

    assert zxingcpp.read_barcodes(blurred) == []
    assert covered(look(reader, blurred), grey.shape)[code].mean() > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (16, 16), (17, 40)])
def test_the_smallest_pictures_are_looked_at(reader, shape):
    assert look(reader, np.zeros(shape, np.uint8)) == []
