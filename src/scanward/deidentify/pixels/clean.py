"""Looks at the pixels of an instance, takes text out, and looks again with other eyes.

1. Where does text stand? One engine looks at every frame, or at composites of many; barcodes are looked for too.
2. What of it may stay? Words of closed lists, where the site keeps them and two models read them alike.
3. The rest is filled with what is around it.
4. Does the result show text? The other engine looks at it, filled. What it finds goes as well, and it looks once more.
5. What it finds then cannot be taken out: a person has to look.

Nothing is claimed of pixels at which nobody looked, and nothing leaves where an engine failed its own test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from scanward.deidentify.header.scan import MODALITY, InstanceFacts
from scanward.deidentify.pixels.fill import Mask, fill, read_background
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.deidentify.pixels.keep import TextRegion, find_kept
from scanward.deidentify.pixels.rebuild import rebuild
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.search import bounds, find_text, looks_of, mask_of
from scanward.deidentify.pixels.sequence import Masks, Show, search_frames
from scanward.deidentify.pixels.view import Grey, View
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import TextFoundError
from scanward.model.pixels import UNSEEN, FoundBy, PixelBox, PixelMode, PixelOutcome, PixelPolicy
from scanward.ports.engines import BarcodeEngine, FrameCodec, Picture, Quad, TextEngine

FOUND = "text was found in the pixels, and the profile lets it be found, not taken out"
STILL_THERE = "after text was taken out of the pixels, another look found some that is still there"

REMEDY: Final = "Look at the instance in the source."

_PROOFS: Final = 2
"""Looks at the result; what all but the last one finds goes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engines:
    """What looks.

    Attributes
    ----------
    text
        Finds text.
    second
        Another make, which looks at the result.
    barcodes
        Finds barcodes.
    codec
        Decodes and codes frames.
    """

    text: TextEngine
    second: TextEngine
    barcodes: BarcodeEngine
    codec: FrameCodec


@dataclass(slots=True)
class Found:
    """What goes from the frames of an instance.

    Attributes
    ----------
    shape
        Rows and columns.
    by
        What goes, by what told.
    kept_words
        How many words stay.
    """

    shape: tuple[int, int]
    by: dict[FoundBy, Masks] = field(default_factory=dict)
    kept_words: int = 0

    def masks(self, by: FoundBy) -> Masks:
        """Return what goes since `by` told."""
        return self.by.setdefault(by, Masks(self.shape))

    def of(self, index: int) -> Mask | None:
        """Return all that goes from a frame."""
        parts = [mask for masks in self.by.values() if (mask := masks.of(index)) is not None]
        return np.logical_or.reduce(parts) if parts else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return all(masks.is_empty for masks in self.by.values())

    def boxes(self) -> tuple[PixelBox, ...]:
        """Return all that goes, for the report."""
        return tuple(
            PixelBox(
                first_frame=first, last_frame=last, x=box.x, y=box.y, width=box.width, height=box.height, found_by=by
            )
            for by, masks in self.by.items()
            for first, last, box in masks.boxes()
        )


class PixelCleaner:
    """Cleans the pixels of one instance after the other; one for each process.

    Parameters
    ----------
    engines
        Look; made when the first pixels come.
    policy
        What the profile does about text.
    folder
        For temporary files, as secret as the instances; None for the system's.
    """

    def __init__(self, engines: Callable[[], Engines], policy: PixelPolicy, *, folder: Path | None = None) -> None:
        self._make_engines = engines
        self._engines: Engines | None = None
        self._policy = policy
        self._folder = folder

    @property
    def engines(self) -> Engines:
        """What looks.

        Raises
        ------
        EngineError
            It is not installed, or not what was measured.
        """
        if self._engines is None:
            self._engines = self._make_engines()
        return self._engines

    def clean(self, start: DataSetStart, facts: InstanceFacts, known: KnownIdentifiers) -> PixelOutcome:
        """Look at the pixels of an instance, and take text out as the profile says.

        Parameters
        ----------
        start, facts
            The instance.
        known
            What is known of the patient and study: no word that tells any of it stays.

        Raises
        ------
        HoldError
            A person has to look.
        EngineError
            An engine is missing or failed its own test, so that nobody has looked.
        DicomFormatError
            The pixels cannot be decoded.
        """
        mode = self._policy.mode_of(facts.text(MODALITY))
        if mode is PixelMode.OFF:
            return UNSEEN
        frames = open_frames(start, facts, self.engines.codec)
        if frames is None:
            return UNSEEN
        found = self.look(frames, mode, known)
        if found.is_empty:
            return PixelOutcome(is_proven=True, kept_words=found.kept_words)
        return PixelOutcome(
            is_proven=True,
            boxes=found.boxes(),
            kept_words=found.kept_words,
            replacement=rebuild(frames, found.of, folder=self._folder),
        )

    def look(self, frames: Frames, mode: PixelMode, known: KnownIdentifiers) -> Found:
        """Return what has to go so that nothing is found in the frames any more; parameters and errors as `clean`."""
        view = View(frames)
        background = read_background(frames.layout, frames.facts, frames.header)
        found = Found((frames.layout.rows, frames.layout.columns))

        def show(index: int) -> Picture | Grey:
            return view.show(frames.frame(index))

        def show_result(index: int) -> Picture | Grey:
            samples = frames.frame(index)
            mask = found.of(index)
            return view.show(samples if mask is None else fill(samples, mask, background))

        # 1. Where text stands, and 2. what of it may stay
        self._find(found, show, frames.count, view, known)
        # 3. and 4. Filled, and looked at with other eyes
        for number in range(_PROOFS):
            if mode is PixelMode.DETECT and not found.is_empty:
                raise TextFoundError(FOUND, remedy=REMEDY)
            again = search_frames(self.engines.second, show_result, frames.count, view)
            if again.is_empty:
                break
            # 5. What cannot be taken out
            if number == _PROOFS - 1:
                raise TextFoundError(STILL_THERE, remedy=REMEDY)
            found.masks(FoundBy.SECOND_LOOK).merge(again)
        return found

    def _find(self, found: Found, show: Show, count: int, view: View, known: KnownIdentifiers) -> None:
        if count == 1:
            shown = show(0)
            quads = find_text(self.engines.text, looks_of(shown, view))
            staying = self._find_kept(shown, quads, view, known)
            found.kept_words = len(staying)
            going = [quad for index, quad in enumerate(quads) if index not in staying]
            found.masks(FoundBy.TEXT).add_still(0, 0, mask_of(going, found.shape))
            codes = self.engines.barcodes.find(looks_of(shown, view)[0].picture)
            found.masks(FoundBy.BARCODE).add_still(0, 0, mask_of(codes, found.shape))
        else:
            found.masks(FoundBy.TEXT).merge(search_frames(self.engines.text, show, count, view))

    def _find_kept(
        self, shown: Picture | Grey, quads: Sequence[Quad], view: View, known: KnownIdentifiers
    ) -> frozenset[int]:
        """Return which regions hold words that stay."""
        if not self._policy.kept or not quads:
            return frozenset()
        picture = looks_of(shown, view)[0].picture
        readings = zip(self.engines.text.read(picture, quads), self.engines.second.read(picture, quads), strict=True)
        regions = [TextRegion(_box(quad), pair) for quad, pair in zip(quads, readings, strict=True)]
        kinds = find_kept(regions, self._policy.kept, known)
        return frozenset(index for index, kind in enumerate(kinds) if kind is not None)


def _box(quad: Quad) -> Rectangle:
    return bounds(quad)
