"""Words that stay where they stand: chosen by two readings, and read again in every frame that differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from scanward.deidentify.pixels.fill import Mask
from scanward.deidentify.pixels.keep import TextRegion, agreed_text, find_kept
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.search import bounds
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.pixels import KeptText
from scanward.ports.engines import Picture, Quad, TextEngine

_MARGIN: Final = 0.35
"""Of the height of a word that stays: by so much engines differ in where it ends."""

_LETTER: Final = 0.3
"""Of the height of a word: what is less wide beside it holds no letter."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Says which words stay in a picture.

    Attributes
    ----------
    first, second
        Engines of two makes, which both read.
    allowed
        The kinds of words that the site keeps.
    known
        What is known of the patient and study.
    """

    first: TextEngine
    second: TextEngine
    allowed: frozenset[KeptText]
    known: KnownIdentifiers

    def choose(self, picture: Picture, quads: Sequence[Quad], beside: Sequence[Rectangle] = ()) -> dict[int, str]:
        """Return which regions hold words that stay, and what they read.

        Parameters
        ----------
        picture
            What they stand in.
        quads
            All regions of text in it.
        beside
            Where else text stands that goes, in some frames only.
        """
        if not self.allowed or not quads:
            return {}
        regions = self._read(picture, quads)
        kinds = find_kept([*regions, *(TextRegion(box, ()) for box in beside)], self.allowed, self.known)
        return {
            index: _plain(agreed_text(region))
            for index, (region, kind) in enumerate(zip(regions, kinds, strict=False))
            if kind is not None
        }

    def read(self, picture: Picture, quads: Sequence[Quad]) -> list[str]:
        """Return what both engines read alike and surely, as `choose` gives it; empty where they do not."""
        return [_plain(agreed_text(region)) for region in self._read(picture, quads)]

    def _read(self, picture: Picture, quads: Sequence[Quad]) -> list[TextRegion]:
        readings = zip(self.first.read(picture, quads), self.second.read(picture, quads), strict=True)
        return [TextRegion(bounds(quad), pair) for quad, pair in zip(quads, readings, strict=True)]


def _plain(text: str) -> str:
    return text.replace(" ", "").casefold()


def beyond(mask: Mask, kept: Mask) -> tuple[Mask, Mask]:
    """Return the parts of `mask` that reach beyond words that stay by a letter or more: whole, and what is beyond.

    Parameters
    ----------
    mask
        What was found.
    kept
        Words that stay.
    """
    if not kept.any() or not mask.any():
        return mask, mask
    words = cv2.connectedComponentsWithStats(kept.view(np.uint8), connectivity=8)[2][1:, :4].tolist()
    boxes = [Rectangle(*(int(value) for value in word)) for word in words]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    whole, rests = np.zeros_like(mask), np.zeros_like(mask)
    for number in range(1, count):
        part = Rectangle(*(int(value) for value in stats[number][:4]))
        here = slice(part.y, part.bottom), slice(part.x, part.right)
        is_part = labels[here] == number
        rest = is_part
        heights = [min(box.width, box.height) for box in boxes if box.meets(part)]
        if heights:
            rest = _rest(is_part, kept, part, min(heights))
        if rest.any():
            whole[here] |= is_part
            rests[here] |= rest
    return whole, rests


def _rest(is_part: Mask, kept: Mask, part: Rectangle, height: int) -> Mask:
    """Return what of a part lies beyond words of a height; nothing where no letter fits there."""
    reach, letter = max(round(_MARGIN * height), 2), max(round(_LETTER * height), 2)
    top, left = max(part.y - reach, 0), max(part.x - reach, 0)
    around = kept[top : part.bottom + reach, left : part.right + reach].view(np.uint8)
    grown = cv2.dilate(around, np.ones((2 * reach + 1,) * 2, np.uint8))
    grown = grown[part.y - top :, part.x - left :][: part.height, : part.width]
    rest = is_part & (grown == 0)
    opened = cv2.erode(np.pad(rest.view(np.uint8), 1), np.ones((letter, letter), np.uint8))
    return rest if opened.any() else np.zeros_like(rest)
