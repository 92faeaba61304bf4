"""Text in many frames of one size: the frames of a cine, the slices of a volume.

Looking at each frame would cost too much, and text mostly stands still. So frames are looked at together, as
composites: their median shows what stands in most of them; the brightest and darkest values, the greatest departure
from the median and how far any is from both of its neighbours show what stands in a few. What one frame alone draws in
a level of its own is looked at there. Where a composite shows text that the median does not, the frames that depart
from it there are looked at one by one, in that place only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from scanward.deidentify.pixels.composites import Composites, Departing, Show, cropped, stretched, values_of
from scanward.deidentify.pixels.fill import Mask
from scanward.deidentify.pixels.looks import Levels, look_at_levels
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.search import bounds, boxes_of, find_text, levels_of, looks_of, mask_of
from scanward.deidentify.pixels.stay import Keeper, beyond
from scanward.deidentify.pixels.view import Grey, View
from scanward.ports.engines import BarcodeEngine, Picture, Quad, TextEngine

TOGETHER: Final = 100
"""Frames that are looked at together: the more, the more of the picture is bright or dark in one of them."""

MARGIN_HEIGHTS: Final = 1.5
"""How much of what is around a region is looked at with it."""

MAX_READINGS: Final = 400
"""Of words that stay, so many are read again in frames of a run that differ there; where it takes more, they go."""

_COVERED: Final = 0.98

_AS_FAR: Final = 0.5
"""Of what the frames depart by that show a text, less is no text of that kind."""

STRANGEST: Final = 3
"""Frames of a run in which barcodes are looked for by themselves: those farthest from the median."""


@dataclass(slots=True)
class Masks:
    """What goes in each frame.

    Attributes
    ----------
    shape
        Rows and columns.
    still
        By first and last frame: what goes from all frames from one to the other.
    passing
        By frame: what goes from it besides.
    """

    shape: tuple[int, int]
    still: dict[tuple[int, int], Mask] = field(default_factory=dict)
    passing: dict[int, Mask] = field(default_factory=dict)

    def of(self, index: int) -> Mask | None:
        """Return what goes in a frame, or None."""
        parts = [mask for (first, last), mask in self.still.items() if first <= index <= last]
        if index in self.passing:
            parts.append(self.passing[index])
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else np.logical_or.reduce(parts)

    def add_still(self, first: int, last: int, mask: Mask) -> None:
        """Let something go from all frames of a run."""
        if mask.any():
            have = self.still.get((first, last))
            self.still[first, last] = mask if have is None else have | mask

    def add(self, index: int, mask: Mask) -> None:
        """Let something go from one frame."""
        if mask.any():
            have = self.passing.get(index)
            self.passing[index] = mask if have is None else have | mask

    def merge(self, other: "Masks") -> None:
        """Add all that goes by another one."""
        for (first, last), mask in other.still.items():
            self.add_still(first, last, mask)
        for index, mask in other.passing.items():
            self.add(index, mask)

    def any_of(self, first: int, last: int) -> Mask:
        """Return what goes in any frame of a run."""
        mask = np.zeros(self.shape, np.bool_)
        for (start, end), still in self.still.items():
            if start <= last and first <= end:
                mask |= still
        for index, passing in self.passing.items():
            if first <= index <= last:
                mask |= passing
        return mask

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not self.still and not self.passing

    def boxes(self) -> Iterator[tuple[int, int, Rectangle]]:
        """Yield first and last frame and each rectangle that goes."""
        for (first, last), mask in sorted(self.still.items(), key=lambda item: item[0]):
            yield from ((first, last, box) for box in boxes_of(mask))
        for index, mask in sorted(self.passing.items()):
            yield from ((index, index, box) for box in boxes_of(mask))


@dataclass(slots=True)
class Searched:
    """What a look at frames came to.

    Attributes
    ----------
    text
        What goes since it is text.
    codes
        What goes since it is a barcode.
    kept
        Where words stand that stay.
    kept_words
        How many these are.
    """

    text: Masks
    codes: Masks
    kept: Masks
    kept_words: int = 0


def search_frames(
    engine: TextEngine, show: Show, count: int, view: View, *, is_proof: bool = False, kept: Masks | None = None
) -> Masks:
    """Find text in `count` frames of one size.

    Parameters
    ----------
    engine
        Looks.
    show
        Shows a frame; called a few times for each.
    count
        How many there are.
    view
        Of the instance, or of any one of the instances: its windows count.
    is_proof
        Whether this is a look at a result: nothing is enlarged more than usual.
    kept
        Words that stay; what is found of them does not count.

    Raises
    ------
    EngineError
        The engine failed its own test.
    """
    return FrameSearch(engine, show, view, is_proof=is_proof, kept=kept).search(count).text


class FrameSearch:
    """Looks at frames of one size.

    Parameters
    ----------
    engine, show, view, is_proof, kept
        As for `search_frames`.
    keeper
        Says which words stay, or None where none do that are not in `kept`.
    barcodes
        Finds barcodes, or None where nobody looks for them.
    """

    def __init__(
        self,
        engine: TextEngine,
        show: Show,
        view: View,
        *,
        is_proof: bool = False,
        kept: Masks | None = None,
        keeper: Keeper | None = None,
        barcodes: BarcodeEngine | None = None,
    ) -> None:
        self._engine = engine
        self._show = show
        self._view = view
        self._is_proof = is_proof
        self._kept = kept
        self._keeper = keeper
        self._barcodes = barcodes

    def search(self, count: int) -> Searched:
        """Return what is found in the frames from 0 on; raises as `search_frames`."""
        rows, columns = values_of(self._show(0)).shape[:2]
        shape = (rows, columns)
        found = Searched(Masks(shape), Masks(shape), self._kept or Masks(shape))
        for first in range(0, count, TOGETHER):
            last = min(first + TOGETHER, count) - 1
            if first == last:
                self._search_one(first, found)
            else:
                self._search_run(self._composites(first, last), found)
        return found

    def _search_one(self, index: int, found: Searched) -> None:
        looks = looks_of(self._show(index), self._view, is_proof=self._is_proof)
        quads = find_text(self._engine, looks)
        staying = self._choose(looks[0].picture, quads, ())
        if staying:
            found.kept_words = max(found.kept_words, _count_words([quads[number] for number in staying]))
            found.kept.add_still(index, index, mask_of([quads[number] for number in staying], found.kept.shape))
        going = mask_of([quad for number, quad in enumerate(quads) if number not in staying], found.text.shape)
        found.text.add_still(index, index, self._beyond(going, index, index))
        if self._barcodes is not None:
            found.codes.add_still(index, index, mask_of(self._barcodes.find(looks[0].picture), found.codes.shape))

    def _search_run(self, run: Composites, found: Searched) -> None:
        looks = looks_of(run.shown(run.median), self._view, is_proof=self._is_proof)
        bright, dark = (looks_of(run.shown(part), self._view)[0] for part in (run.brightest, run.darkest))
        departure = stretched(run.departure)
        # What flashes up is bright in all three: they are looked at together, as the colours of one picture.
        channels = (bright.picture.max(axis=2), departure[..., 0], stretched(run.flash)[..., 0])
        others = [replace(bright, picture=np.stack(channels, axis=2)), dark]
        quads = find_text(self._engine, looks)
        passing = mask_of(find_text(self._engine, others), run.shape)
        staying = self._stay(run, looks[0].picture, quads, passing, found)
        going = mask_of([quad for number, quad in enumerate(quads) if number not in staying], run.shape)
        still = self._beyond(going, run.first, run.last)
        found.text.add_still(run.first, run.last, still)
        kept = found.kept.any_of(run.first, run.last)
        boxes = [box for box in boxes_of(beyond(passing & ~still, kept)[0]) if not _is_covered(still, box)]
        for box, departing in zip(boxes, run.departing(boxes), strict=True):
            self._look_one_by_one(run, box, departing, found)
        self._look_at_own_levels(run, found)
        if self._barcodes is not None:
            self._find_codes(run, [looks[0].picture, bright.picture, dark.picture, departure], found.codes)

    def _beyond(self, mask: Mask, first: int, last: int) -> Mask:
        """Return what of a mask is more than words of which it is known that they stay."""
        return mask if self._kept is None else beyond(mask, self._kept.any_of(first, last))[0]

    # What stays

    def _choose(self, picture: Picture, quads: Sequence[Quad], beside: Sequence[Rectangle]) -> dict[int, str]:
        return {} if self._keeper is None else self._keeper.choose(picture, quads, beside)

    def _stay(
        self, run: Composites, picture: Picture, quads: Sequence[Quad], passing: Mask, found: Searched
    ) -> frozenset[int]:
        """Note which words stay, and where some frame shows something else; return which these are."""
        if self._keeper is None or not quads:
            return frozenset()
        beside = boxes_of(beyond(passing, mask_of(quads, run.shape))[1])
        texts = self._choose(picture, quads, beside)
        everywhere = Rectangle(0, 0, run.shape[1], run.shape[0])
        numbers = sorted(texts)
        differing = run.differing([bounds(quads[number]).common(everywhere) for number in numbers])
        readings: dict[int, int] = {}
        for here in differing.values():
            for at in here:
                readings[at] = readings.get(at, 0) + 1
        left = MAX_READINGS
        for at in sorted(readings, key=lambda at: (readings[at], at)):
            left -= readings[at]
            if left < 0:
                # Which frames show something else there would cost too much to tell.
                del texts[numbers[at]]
        lost: dict[int, frozenset[int]] = {}
        for index, here in differing.items():
            words = {numbers[at]: quads[numbers[at]] for at in here if numbers[at] in texts}
            lost[index] = self._read_again(index, words, texts)
        self._note_kept(run, quads, sorted(texts), lost, found)
        return frozenset(texts)

    def _read_again(self, index: int, words: dict[int, Quad], texts: dict[int, str]) -> frozenset[int]:
        """Return which words a frame does not show."""
        if not words or self._keeper is None:
            return frozenset()
        shown = self._show(index)
        picture = shown if not isinstance(shown, Grey) else looks_of(shown, self._view)[0].picture
        read = self._keeper.read(picture, list(words.values()))
        return frozenset(number for number, text in zip(words, read, strict=True) if text != texts[number])

    @staticmethod
    def _note_kept(
        run: Composites, quads: Sequence[Quad], staying: Sequence[int], lost: dict[int, frozenset[int]], found: Searched
    ) -> None:
        sometimes: frozenset[int] = frozenset().union(*lost.values())
        always = [quads[number] for number in staying if number not in sometimes]
        found.kept_words = max(found.kept_words, _count_words([quads[number] for number in staying]))
        found.kept.add_still(run.first, run.last, mask_of(always, run.shape))
        for index in run.frames if sometimes else ():
            gone = lost.get(index, frozenset())
            found.kept.add(index, mask_of([quads[number] for number in sometimes - gone], run.shape))
            found.text.add(index, mask_of([quads[number] for number in gone], run.shape))

    # What a few frames show

    def _look_one_by_one(self, run: Composites, box: Rectangle, departing: Departing, found: Searched) -> None:
        """Find the frames that show what a composite showed; where none can be told, it goes from all.

        Composites are looked at as they are. So first each frame is, too. Only where that does not find the text, or a
        frame departs about as much as those that show it, even contrast is looked at as well. What is fainter there
        than what is found is seen by the look at the result, when it no longer drowns.
        """
        around = _around(box, run.shape)
        showing = {index: quads for index in departing if (quads := self._quads_in(index, around, found, slice(0, 1)))}
        least = _AS_FAR * min((departing[index] for index in showing), default=0.0)
        for index, far in departing.items():
            if index not in showing and far >= least:
                quads = self._quads_in(index, around, found, slice(1, None))
                if quads:
                    showing[index] = quads
        part = _mask_of_box(box, run.shape)
        for index, quads in showing.items():
            # The composite may have shown but a part of the line.
            lines = self._engine.follow(self._picture(index), quads, part | mask_of(quads, run.shape))
            found.text.add(index, part | self._beyond_kept(mask_of([*quads, *lines], run.shape), index, found))
        if not showing:
            found.text.add_still(run.first, run.last, part)

    def _look_at_own_levels(self, run: Composites, found: Searched) -> None:
        """Find what one frame draws in a level of its own, and what drowns in the others in every composite."""
        if self._is_proof:
            return
        for index, own in run.own_levels().items():
            known = [mask for masks in (found.text, found.kept) if (mask := masks.of(index)) is not None]
            open_ = ~np.logical_or.reduce([np.zeros(run.shape, np.bool_), *known])
            look = look_at_levels(self._levels_of(self._show(index)), own, open_)
            found.text.add(index, mask_of(find_text(self._engine, [look]), run.shape))

    def _composites(self, first: int, last: int) -> Composites:
        windows = self._view.windows if isinstance(self._show(first), Grey) else ()
        default = next(((center - width / 2, center + width / 2) for center, width in windows), None)
        return Composites(self._show, first, last, None if self._is_proof else self._levels_of, default)

    def _levels_of(self, shown: Picture | Grey) -> Levels:
        return levels_of(shown, self._view)

    def _quads_in(self, index: int, around: Rectangle, found: Searched, which: slice) -> list[Quad]:
        """Return where a part of a frame shows text that does not stay, in some of its looks."""
        quads = find_text(self._engine, looks_of(cropped(self._show(index), around), self._view)[which])
        offset = np.array([around.x, around.y], np.float32)
        placed = [quad + offset for quad in quads]
        return placed if self._beyond_kept(mask_of(placed, found.text.shape), index, found).any() else []

    @staticmethod
    def _beyond_kept(mask: Mask, index: int, found: Searched) -> Mask:
        kept = found.kept.of(index)
        return mask if kept is None else beyond(mask, kept)[0]

    def _find_codes(self, run: Composites, pictures: Sequence[Picture], codes: Masks) -> None:
        """Look for barcodes in composites, and in the frames that are farthest from the median."""
        if self._barcodes is None:
            return
        still = mask_of(self._barcodes.find(pictures[0]), run.shape)
        passing = [quad for picture in pictures[1:] for quad in self._barcodes.find(picture)]
        codes.add_still(run.first, run.last, still)
        farthest = sorted(run.frames, key=lambda index: -run.far[index - run.first])[:STRANGEST]
        for index in {run.first, run.last, *farthest}:
            here = self._barcodes.find(self._picture(index))
            codes.add(index, mask_of(here, run.shape) & ~still)
            passing += here
        boxes = [box for box in boxes_of(mask_of(passing, run.shape) & ~still) if not _is_covered(still, box)]
        for box, departing in zip(boxes, run.departing(boxes), strict=True):
            around = _around(box, run.shape)
            showing = [index for index in departing if self._barcodes.find(self._picture(index, around))]
            for index in showing:
                codes.add(index, _mask_of_box(box, run.shape))
            if not showing:
                codes.add_still(run.first, run.last, _mask_of_box(box, run.shape))

    def _picture(self, index: int, part: Rectangle | None = None) -> Picture:
        shown = self._show(index) if part is None else cropped(self._show(index), part)
        return looks_of(shown, self._view)[0].picture if isinstance(shown, Grey) else shown


def _is_covered(still: Mask, box: Rectangle) -> bool:
    """Whether as good as all of a rectangle goes anyway."""
    return float(still[box.y : box.bottom, box.x : box.right].mean()) >= _COVERED


def _count_words(quads: Sequence[Quad]) -> int:
    """Return how many words are in these places: several looks find one word again."""
    words: list[Rectangle] = []
    for box in sorted((bounds(quad) for quad in quads), key=lambda box: -box.area):
        if not any(2 * word.common(box).area > box.area for word in words):
            words.append(box)
    return len(words)


def _around(box: Rectangle, shape: tuple[int, int]) -> Rectangle:
    """Return a region with what is around it."""
    margin = round(MARGIN_HEIGHTS * min(box.width, box.height))
    return box.grown(margin, margin).common(Rectangle(0, 0, shape[1], shape[0]))


def _mask_of_box(box: Rectangle, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    mask[box.y : box.bottom, box.x : box.right] = True
    return mask
