"""Drawings of what was altered: where they are red, what stays to be seen, how large they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scanward.adapters.heat_map import MAX_SIDE, MIN_SIDE, draw_heat_map
from scanward.errors import UnknownError
from scanward.model.comparison import Comparison, FrameChange, FrameFate, Standing
from scanward.model.instance import BytesSource
from scanward.model.seal import PixelKind
from scanward.seal.picture import Picture, compare_picture, seal_picture
from tests.common.sealing import KEY, Frames, compared, edited, opened, seal_of
from tests.common.transcoding import made_images, make_image

IMAGE = make_image(512, 512, seed=1)


def drawn(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(int)


def is_red(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0] > picture[..., 2] + 30


def comparison(*frames: FrameChange, **changes: object) -> Comparison:
    values = {
        "standing": Standing.ALTERED, "is_same_file": False, "pixel_kind": PixelKind.SAMPLES, "are_pixels_same": False,
    }  # fmt: skip
    return Comparison(frames=frames, **(values | changes))


def test_the_altered_tile_is_red_and_nothing_else_is():
    def forge(ds):
        samples = ds.pixel_array.copy()
        samples[70, 200] ^= 1
        ds.PixelData = samples.tobytes()

    copy = edited(IMAGE, forge)
    picture = drawn(draw_heat_map(opened(copy).frames, compared(seal_of(IMAGE), copy), 0))
    expected = np.zeros((512, 512), bool)
    expected[64:128, 192:256] = True
    assert (is_red(picture) == expected).all()


def test_an_unchanged_frame_is_shown_as_it_is():
    picture = drawn(draw_heat_map(opened(IMAGE).frames, compared(seal_of(IMAGE), IMAGE), 0))
    assert (picture[..., 0] == picture[..., 2]).all()
    assert picture.std() > 20


def test_what_is_below_is_still_seen():
    frames = Frames(np.tile(np.arange(256, dtype="u1"), (1, 256, 1)))
    change = FrameChange(fate=FrameFate.ALTERED, frame=0, sealed=0, tiles=tuple(range(16)))
    picture = drawn(draw_heat_map(frames, comparison(change), 0))
    inside = picture[100:400, 40:470]
    assert (np.diff(inside.mean(axis=(0, 2))) >= 0).all()
    assert inside.mean(axis=(0, 2))[-1] - inside.mean(axis=(0, 2))[0] > 100


@pytest.mark.parametrize("fate", [FrameFate.ADDED, FrameFate.MOVED, FrameFate.DAMAGED])
def test_a_whole_frame_is_drawn_around(fate):
    change = FrameChange(fate=fate, frame=0, sealed=None)
    picture = drawn(draw_heat_map(Frames(np.zeros((1, 100, 100), "u1")), comparison(change), 0))
    assert is_red(picture)[0].all()
    assert is_red(picture)[:, -1].all()


def test_another_form_of_samples_is_drawn_around_each_frame():
    picture = drawn(draw_heat_map(Frames(np.zeros((1, 100, 100), "u1")), comparison(form=("Rows",)), 0))
    assert is_red(picture)[0].all()


@pytest.mark.parametrize(("rows", "columns"), [(3000, 2000), (100, 64), (1, 1), (5, 5000), (512, 700)])
def test_drawings_have_a_sensible_size(rows, columns):
    change = FrameChange(fate=FrameFate.ALTERED, frame=0, sealed=0, tiles=(0,))
    picture = drawn(draw_heat_map(Frames(np.zeros((1, rows, columns), "u1")), comparison(change), 0))
    assert MIN_SIDE <= max(picture.shape[:2]) <= MAX_SIDE
    assert abs(picture.shape[1] / picture.shape[0] - columns / rows) <= 0.02 * columns / rows or min(rows, columns) < 9


@pytest.mark.parametrize("data", [data for _, data in made_images(((70, 130),))])
def test_every_form_of_image_is_drawn(data):
    assert drawn(draw_heat_map(opened(data).frames, compared(seal_of(data), data), 0)).std() > 1


def test_a_frame_that_cannot_be_decoded_is_drawn_all_the_same():
    class Damaged(Frames):
        def frame(self, index):
            from scanward.errors import DicomFormatError

            raise DicomFormatError("damaged")

    change = FrameChange(fate=FrameFate.DAMAGED, frame=0, sealed=0)
    assert is_red(drawn(draw_heat_map(Damaged(np.zeros((1, 90, 90), "u1")), comparison(change), 0)))[0].all()


@pytest.mark.parametrize(
    "samples", [np.zeros((90, 90), "u2"), np.zeros((90, 90, 3), "u1"), np.zeros((90, 90, 4), "u1")]
)
def test_a_picture_that_is_no_dicom_is_drawn(samples):
    seal = seal_picture(Picture(samples=samples), BytesSource(b"x"), KEY)
    altered = samples.copy()
    altered[70, 10] = 3
    found = compare_picture(seal, Picture(samples=altered), BytesSource(b"y"), is_coded_with_loss=False)
    assert is_red(drawn(draw_heat_map(Picture(samples=altered), found, 0)))[-1, 0]


@pytest.mark.parametrize("index", [-1, 1])
def test_a_frame_that_is_not_there_is_refused(index):
    with pytest.raises(UnknownError):
        draw_heat_map(opened(IMAGE).frames, comparison(), index)
