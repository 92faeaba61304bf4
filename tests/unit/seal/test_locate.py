"""Boxes of altered tiles, and a comparison as JSON."""

from __future__ import annotations

import json

from scanward.model.comparison import Change, Comparison, FrameChange, FrameFate, HeaderChange, Standing
from scanward.model.seal import Grade, PixelKind
from scanward.seal.locate import Region, as_json, regions_of


def altered(*tiles: int) -> FrameChange:
    return FrameChange(fate=FrameFate.ALTERED, frame=2, sealed=2, tiles=tiles)


def boxes(*tiles: int) -> list[tuple[int, int, int, int, int]]:
    """Of a frame of 150 rows and 300 columns: 3 by 5 tiles."""
    return [
        (one.x, one.y, one.width, one.height, one.tiles) for one in regions_of(altered(*tiles), rows=150, columns=300)
    ]


def test_one_tile_is_one_box():
    assert boxes(6) == [(64, 64, 64, 64, 1)]


def test_tiles_side_by_side_are_one_box():
    assert boxes(5, 6, 11) == [(0, 64, 128, 86, 3)]


def test_tiles_that_touch_at_a_corner_are_two_boxes():
    assert boxes(0, 6) == [(0, 0, 64, 64, 1), (64, 64, 64, 64, 1)]


def test_the_end_of_a_row_does_not_touch_the_next():
    assert boxes(4, 5) == [(256, 0, 44, 64, 1), (0, 64, 64, 64, 1)]


def test_all_tiles_are_the_whole_frame():
    assert boxes(*range(15)) == [(0, 0, 300, 150, 15)]


def test_a_frame_without_tiles_has_no_box():
    assert regions_of(FrameChange(fate=FrameFate.MOVED, frame=1, sealed=2), rows=150, columns=300) == ()


def test_boxes_come_from_the_top():
    found = regions_of(altered(2, 10, 14), rows=150, columns=300)
    assert [type(one) for one in found] == [Region] * 3
    assert [(one.y, one.x) for one in found] == [(0, 128), (128, 0), (128, 256)]


COMPARISON = Comparison(
    standing=Standing.ALTERED,
    is_same_file=False,
    pixel_kind=PixelKind.SAMPLES,
    are_pixels_same=False,
    form=("Number of Frames",),
    frames=(altered(6), FrameChange(fate=FrameFate.REMOVED, frame=None, sealed=7)),
    header=(HeaderChange(path="00100010", name="Patient's Name", grade=Grade.COERCIBLE, change=Change.CHANGED),),
    rows=150,
    columns=300,
    frame_count=7,
    sealed_frame_count=8,
)


def test_a_comparison_is_json_with_frames_counted_from_one():
    told = json.loads(json.dumps(as_json(COMPARISON)))
    assert told["standing"] == "altered"
    assert told["pixels"]["frames_that_differ"] == [
        {
            "fate": "altered",
            "frame": 3,
            "sealed_frame": 3,
            "tiles": [6],
            "regions": [{"x": 64, "y": 64, "width": 64, "height": 64, "tiles": 1}],
        },
        {"fate": "removed", "frame": None, "sealed_frame": 8, "tiles": [], "regions": []},
    ]
    assert told["header"] == [{"path": "00100010", "name": "Patient's Name", "grade": "coercible", "change": "changed"}]


def test_boxes_are_told_in_mm_where_these_are_known():
    told = as_json(COMPARISON, spacing_mm=(0.5, 0.25))
    region = told["pixels"]["frames_that_differ"][0]["regions"][0]
    assert (region["width_mm"], region["height_mm"]) == (16.0, 32.0)
