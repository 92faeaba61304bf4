"""Where a copy differs, as boxes of pixels and as values that JSON can hold."""

from dataclasses import dataclass

from scanward.model.comparison import Comparison, FrameChange
from scanward.model.seal import TILE_PIXELS

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A box around altered tiles that touch each other along a side; unaltered ones may lie in its corners.

    Attributes
    ----------
    x, y, width, height
        In pixels; those at the edges end with the frame.
    tiles
        How many altered tiles are in it.
    """

    x: int
    y: int
    width: int
    height: int
    tiles: int


def regions_of(change: FrameChange, *, rows: int, columns: int) -> tuple[Region, ...]:
    """Return the boxes of the altered tiles of a frame, from the top, then from the left.

    Parameters
    ----------
    change
        What happened to the frame.
    rows, columns
        Of the frame.
    """
    across = -(-columns // TILE_PIXELS)
    left = set(change.tiles)
    found = []
    for first in change.tiles:
        if first not in left:
            continue
        group = _take_touching(first, left, across)
        tops, lefts = [tile // across for tile in group], [tile % across for tile in group]
        x, y = min(lefts) * TILE_PIXELS, min(tops) * TILE_PIXELS
        found.append(
            Region(
                x=x,
                y=y,
                width=min((max(lefts) + 1) * TILE_PIXELS, columns) - x,
                height=min((max(tops) + 1) * TILE_PIXELS, rows) - y,
                tiles=len(group),
            )
        )
    return tuple(sorted(found, key=lambda region: (region.y, region.x)))


def _take_touching(first: int, left: set[int], across: int) -> list[int]:
    """Take a tile and all that touch it along a side out of those that are left."""
    left.discard(first)
    group, waiting = [], [first]
    while waiting:
        tile = waiting.pop()
        group.append(tile)
        row, column = divmod(tile, across)
        for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            near = (row + down) * across + column + right
            if 0 <= column + right < across and near in left:
                left.discard(near)
                waiting.append(near)
    return group


def as_json(comparison: Comparison, *, spacing_mm: tuple[float, float] | None = None) -> dict[str, Json]:
    """Return a comparison as values that JSON can hold; frames are counted from 1, as DICOM does.

    Parameters
    ----------
    comparison
        What was found.
    spacing_mm
        Between rows and between columns, where the header of the copy says; regions are told in mm too then.
    """
    return {
        "standing": comparison.standing.value,
        "same_file": comparison.is_same_file,
        "pixels": {
            "sealed_as": comparison.pixel_kind.value,
            "same": comparison.are_pixels_same,
            "why_unreadable": comparison.why_unreadable,
            "form_differs": list(comparison.form),
            "coded_with_loss": comparison.is_lossy_copy,
            "original_coded_with_loss": comparison.is_of_lossy_original,
            "frames": comparison.frame_count,
            "sealed_frames": comparison.sealed_frame_count,
            "frames_that_differ": [_frame_as_json(change, comparison, spacing_mm) for change in comparison.frames],
        },
        "header": [
            {
                "path": change.path,
                "name": change.name,
                "grade": change.grade.value,
                "change": change.change.value,
            }
            for change in comparison.header
        ],
    }


def _frame_as_json(
    change: FrameChange, comparison: Comparison, spacing_mm: tuple[float, float] | None
) -> dict[str, Json]:
    return {
        "fate": change.fate.value,
        "frame": None if change.frame is None else change.frame + 1,
        "sealed_frame": None if change.sealed is None else change.sealed + 1,
        "tiles": list(change.tiles),
        "regions": [
            _region_as_json(region, spacing_mm)
            for region in regions_of(change, rows=comparison.rows, columns=comparison.columns)
        ],
    }


def _region_as_json(region: Region, spacing_mm: tuple[float, float] | None) -> dict[str, Json]:
    told: dict[str, Json] = {
        "x": region.x,
        "y": region.y,
        "width": region.width,
        "height": region.height,
        "tiles": region.tiles,
    }
    if spacing_mm is not None:
        told["width_mm"] = round(region.width * spacing_mm[1], 1)
        told["height_mm"] = round(region.height * spacing_mm[0], 1)
    return told
