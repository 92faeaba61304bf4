"""Where text stands in one frame: all looks of it, by one engine."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from scanward.deidentify.pixels.fill import Mask
from scanward.deidentify.pixels.looks import (
    Levels,
    Look,
    levels_of_colour,
    levels_of_grey,
    look_at_lone_levels,
    looks_of_colour,
    looks_of_grey,
)
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.view import Grey, View
from scanward.ports.engines import Picture, Quad, TextEngine

GAP_HEIGHTS: Final = 2.5
"""Two regions of a line that are less than so many heights apart are one: the word between them was too faint."""

_ALIKE: Final = 1.8
"""Heights of the parts of one line differ by less than this factor."""

_WITHIN: Final = 0.8
"""A region of which so much lies within larger ones is no line of its own."""

_LEVEL: Final = 0.6
"""So much of the lower of two parts stands beside the other where both are of one line."""


def looks_of(shown: Picture | Grey, view: View, *, is_proof: bool = False) -> list[Look]:
    """Return the looks of a frame as it is shown; for a proof none is enlarged, and each is tested."""
    looks = _looks_of(shown, view)
    return (
        [replace(look, enlarge=min(look.enlarge, 1.0), seeded=True, levels=None) for look in looks]
        if is_proof
        else looks
    )


def _looks_of(shown: Picture | Grey, view: View) -> list[Look]:
    if not isinstance(shown, Grey):
        return looks_of_colour(shown)
    windows = [(center - width / 2, center + width / 2) for center, width in view.windows]
    return looks_of_grey(shown.values, windows, shown.padding, view.rescale[0])


def levels_of(shown: Picture | Grey, view: View) -> Levels:
    """Return the values of a frame in steps of one."""
    return levels_of_grey(shown.values, view.rescale[0]) if isinstance(shown, Grey) else levels_of_colour(shown)


def find_text(engine: TextEngine, looks: Sequence[Look]) -> list[Quad]:
    """Return where an engine finds text in any of the looks, all of one picture or of several of one place.

    Raises
    ------
    EngineError
        The engine failed its own test.
    """
    found = [(look, quad) for look in looks for quad in _find(engine, look)]
    if not looks:
        return []
    shape = looks[0].picture.shape[:2]
    if looks[0].levels is not None:
        lone = look_at_lone_levels(looks[0].levels, mask_of([quad for _, quad in found], shape))
        found += [(lone, quad) for quad in _find(engine, lone)] if lone is not None else []
    quads = [quad for _, quad in found]
    covered = mask_of(quads, shape)
    lines = _distinct(found, shape)
    for look in looks:
        # What is seen in even contrast alone is followed where contrast is as it is.
        own = [quad for seen, quad in lines if seen is look or (look is looks[0] and seen.seeded)]
        quads += engine.follow(look.picture, own, covered) if own else []
    return quads


def _find(engine: TextEngine, look: Look) -> list[Quad]:
    return [found.quad for found in engine.find(look.picture, enlarge=look.enlarge, seeded=look.seeded)]


def _distinct(found: Sequence[tuple[Look, Quad]], shape: tuple[int, int]) -> list[tuple[Look, Quad]]:
    """Return regions of which none lies mostly within larger ones."""
    covered = np.zeros(shape, np.uint8)
    distinct = []
    for look, quad in sorted(found, key=lambda item: -cv2.contourArea(item[1])):
        box = bounds(quad).common(Rectangle(0, 0, shape[1], shape[0]))
        part = np.zeros((box.height, box.width), np.uint8)
        cv2.fillPoly(part, [np.rint(quad - (box.x, box.y)).astype(np.int32)], 1)
        have = covered[box.y : box.bottom, box.x : box.right]
        if not part.any() or have[part > 0].mean() > _WITHIN:
            continue
        have |= part
        distinct.append((look, quad))
    return distinct


def mask_of(quads: Sequence[Quad], shape: tuple[int, int]) -> Mask:
    """Return which pixels regions cover, with what stands between the parts of a line."""
    mask = np.zeros(shape, np.uint8)
    for quad in quads:
        cv2.fillPoly(mask, [np.rint(quad).astype(np.int32)], 1)
    boxes = [bounds(quad) for quad in quads]
    for box in _gaps(boxes):
        mask[max(box.y, 0) : max(box.bottom, 0), max(box.x, 0) : max(box.right, 0)] = 1
    return mask.astype(np.bool_)


def bounds(quad: Quad) -> Rectangle:
    """Return the upright rectangle around a region."""
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    return Rectangle(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def boxes_of(mask: Mask) -> list[Rectangle]:
    """Return the upright rectangles around the parts of a mask that do not touch."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return [Rectangle(*(int(value) for value in stats[number][:4])) for number in range(1, count)]


def _gaps(boxes: Sequence[Rectangle]) -> Iterable[Rectangle]:
    """Yield what lies between neighbouring parts of lines that run across, and of those that run up or down."""
    for turned in (False, True):
        here = [_turned(box) for box in boxes] if turned else list(boxes)
        for left in here:
            # The nearest to the right only: a line is bridged from part to part.
            beside = [right for right in here if right.x >= left.right and _are_level(left, right)]
            if not beside:
                continue
            right = min(beside, key=lambda box: box.x)
            if right.x - left.right <= GAP_HEIGHTS * min(*left[2:], *right[2:]):
                top, bottom = min(left.y, right.y), max(left.bottom, right.bottom)
                gap = Rectangle(left.right, top, right.x - left.right, bottom - top)
                yield _turned(gap) if turned else gap


def _are_level(one: Rectangle, other: Rectangle) -> bool:
    low, high = sorted((one.height, other.height))
    if one.height > _ALIKE * one.width or other.height > _ALIKE * other.width:
        return False  # a line that runs the other way
    beside = min(one.bottom, other.bottom) - max(one.y, other.y)
    return low > 0 and high < _ALIKE * low and beside >= _LEVEL * low


def _turned(box: Rectangle) -> Rectangle:
    return Rectangle(box.y, box.x, box.height, box.width)
