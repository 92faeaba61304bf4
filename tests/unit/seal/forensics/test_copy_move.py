"""What the search for copies finds, what it takes for none, and what it cannot tell."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file

from scanward.model.signs import CopyKind, Outcome
from scanward.seal.forensics.copy_move import find_copies
from tests.common.films import made_film

FILM = made_film(1, rows=300, columns=260).astype(np.int16)


def textured(seed, rows=400, columns=400):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    cloud = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma * 14 for sigma in (1, 2, 5, 12))
    return np.clip(cloud + 128, 0, 255).astype(np.float32)


def holds(place, row, column):
    return place.top <= row < place.bottom and place.left <= column < place.right


@settings(max_examples=15)
@given(
    top=st.integers(0, 80),
    left=st.integers(0, 230),
    down=st.integers(40, 180),
    side=st.integers(20, 32),
    lift=st.integers(-50, 50),
)
def test_an_exact_clone_is_found_and_located(top, left, down, side, lift):
    edited = FILM.copy()
    edited[top + down : top + down + side, left : left + side] = FILM[top : top + side, left : left + side] + lift
    signs = find_copies([edited], exact_only=True)
    assert signs.outcome is Outcome.SIGN
    copy = signs.copies[0]
    assert copy.kind is CopyKind.EXACT
    middle = top + side // 2, left + side // 2
    assert holds(copy.first, *middle)
    assert holds(copy.second, middle[0] + down, middle[1])
    assert copy.pixels >= 0.8 * side * side


@pytest.mark.parametrize(("angle", "scale", "quality"), [(0, 1.0, 80), (15, 1.25, 90)])
def test_a_copy_turned_scaled_and_compressed_anew_is_found_and_located(angle, scale, quality):
    plane = textured(3)
    matrix = cv2.getRotationMatrix2D((100.0, 110.0), angle, scale)
    matrix[:, 2] += 180, 160
    moved = cv2.warpAffine(plane, matrix, (400, 400), flags=cv2.INTER_CUBIC)
    disc = np.hypot(*(np.mgrid[:400, :400] - np.array([270, 280])[:, None, None])) < 45
    edited = np.where(disc, moved, plane).astype(np.uint8)
    edited = cv2.imdecode(cv2.imencode(".jpg", edited, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)
    signs = find_copies([edited])
    assert [one.kind for one in signs.copies][:1] == [CopyKind.CHANGED]
    places = signs.copies[0].first, signs.copies[0].second
    assert any(holds(one, 270, 280) for one in places)
    assert any(holds(one, 110, 100) for one in places)
    turned = abs(signs.copies[0].angle_degrees)
    assert turned == pytest.approx(angle, abs=4)
    assert max(signs.copies[0].scale, 1 / signs.copies[0].scale) == pytest.approx(scale, abs=0.1)


# Seeds 1 and 5 draw arcs of one curve twice, which do give a sign: drawings are not what it is for, as its limits say.
@pytest.mark.parametrize("seed", [2, 3, 4, 6])
def test_a_film_that_nobody_edited_has_no_sign(seed):
    assert find_copies([made_film(seed, rows=400, columns=360).astype(np.int16)]).outcome is Outcome.NO_SIGN


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "J2K_pixelrep_mismatch.dcm"])
def test_scans_of_the_wheel_have_no_sign(name):
    assert find_copies([dcmread(get_testdata_file(name)).pixel_array]).outcome is Outcome.NO_SIGN


def test_what_repeats_lawfully_is_no_copy():
    padded = np.zeros((300, 300), np.int16)
    padded[50:250, 60:220] = FILM[50:250, 60:220]
    for row in (5, 25, 260):
        cv2.putText(padded, "LEFT LEFT 12:12", (10, row + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 900, 1, cv2.LINE_AA)
    ramp = np.add.outer(np.arange(200) * 3, np.arange(200) * 5).astype(np.int32)
    grid = np.kron(np.ones((25, 25)), np.arange(64).reshape(8, 8) * 3 % 61).astype(np.uint8)
    for lawful in (padded, ramp, grid, np.clip(FILM, 380, 420)):
        assert find_copies([lawful], exact_only=True).outcome is Outcome.NO_SIGN


def test_a_patch_out_of_the_slice_before_is_found():
    slices = [made_film(seed, rows=200, columns=200).astype(np.int16) for seed in (1, 2, 3)]
    slices[2][60:90, 70:100] = slices[1][60:90, 70:100]
    (copy,) = find_copies(slices, exact_only=True).copies
    assert (copy.first.frame, copy.second.frame) == (1, 2)
    assert holds(copy.second, 75, 85)


def test_what_stands_still_over_frames_and_frames_that_repeat_are_no_copies():
    frames = [made_film(seed, rows=200, columns=200).astype(np.int16) for seed in (1, 2, 3, 4)]
    for frame in frames:
        frame[20:60, 20:60] = FILM[20:60, 20:60]
    assert find_copies([*frames, frames[-1]], exact_only=True).outcome is Outcome.NO_SIGN


@pytest.mark.parametrize(
    "odd",
    [
        np.zeros((0, 0)),
        np.zeros((64, 64)),
        np.full((64, 64), np.nan),
        np.ones((1, 5000)),
        np.zeros((3, 3)),
        np.zeros((64, 64), complex),
        np.zeros((4, 64, 64, 3)),
        np.full((64, 64), np.inf),
    ],
)
def test_what_cannot_be_looked_at_cannot_be_told(odd):
    signs = find_copies([odd])
    assert signs.outcome is Outcome.CANNOT_TELL
    assert signs.why
    assert find_copies([]).outcome is Outcome.CANNOT_TELL


def test_numbers_missing_or_huge_are_looked_past():
    plane = FILM.astype(np.float64)
    plane[10:20, 10:20], plane[30, 30], plane[31, 31] = np.nan, np.inf, 1e300
    assert find_copies([plane]).outcome is not Outcome.CANNOT_TELL


def test_the_result_is_the_same_with_one_thread_and_with_many():
    plane = textured(5).astype(np.uint8)
    plane[300:350, 300:350] = plane[40:90, 60:110]
    plane = cv2.imdecode(cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 0)
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            results.append(find_copies([plane]))
    finally:
        cv2.setNumThreads(before)
    assert results[0] == results[1]
    assert results[0].copies
