"""Looks at the pixels of an instance, takes text out, and looks again with other eyes.

1. May the picture show a person from outside? Then a person decides; see :mod:`scanward.deidentify.pixels.photographs`.
2. Where does text stand? One engine looks at every frame, or at composites of many; barcodes are looked for too.
3. What of it may stay? Words of closed lists, where the site keeps them and two models read them alike.
4. The rest is filled with what is around it, and bits beside the values are cleared.
5. Does what leaves show text? The other engine looks at it, decoded anew. What it finds goes as well, and it looks
   again, up to three times.
6. What it finds then cannot be taken out: a person has to look.

Nothing is claimed of pixels at which nobody looked, and nothing leaves where an engine failed its own test.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from scanward.deidentify.header.scan import MODALITY, RECOGNIZABLE_VISUAL_FEATURES, SOP_CLASS_UID, InstanceFacts
from scanward.deidentify.pixels.fill import Mask
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.deidentify.pixels.layouts import find_boxes, read_screen, shipped_layouts, tell_screen
from scanward.deidentify.pixels.photographs import needs_face_look, photograph_hold
from scanward.deidentify.pixels.rebuild import rebuild, reopen
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.deidentify.pixels.regions import read_regions, widened
from scanward.deidentify.pixels.samples import fills_samples, has_spare_content
from scanward.deidentify.pixels.search import boxes_of, looks_of
from scanward.deidentify.pixels.sequence import FrameSearch, Masks, search_frames
from scanward.deidentify.pixels.stack import Stack, look_through
from scanward.deidentify.pixels.stay import Keeper
from scanward.deidentify.pixels.view import View
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import PhotographError
from scanward.model.holds import MAX_BOXES, Finding, TextStaysError
from scanward.model.pixels import UNSEEN, FoundBy, PixelBox, PixelMode, PixelOutcome, PixelPolicy, PixelReplacement
from scanward.model.screens import Screen
from scanward.ports.engines import BarcodeEngine, FaceEngine, FrameCodec, TextEngine

FOUND = "text was found in the pixels, and the profile lets it be found, not taken out"
OVERLAY_FOUND = "bits beside the pixels hold an overlay, and the profile lets it be found, not taken out"
STILL_THERE = "after text was taken out of the pixels, another look found some that is still there"

REMEDY: Final = "Look at the instance in the source."

_PROOFS: Final = 3
"""Looks at the result; what all but the last one finds goes."""

_SAMPLED: Final = 5
"""Frames of many in which faces are looked for: none comes and goes within a few frames."""


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
    faces
        Finds faces.
    codec
        Decodes and codes frames.
    """

    text: TextEngine
    second: TextEngine
    barcodes: BarcodeEngine
    faces: FaceEngine
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
    kept
        Where words stand that stay.
    kept_words
        How many these are.
    has_overlay
        Whether bits beside the values hold something.
    frames
        How many frames there are.
    """

    shape: tuple[int, int]
    by: dict[FoundBy, Masks] = field(default_factory=dict)
    kept: Masks | None = None
    kept_words: int = 0
    has_overlay: bool = False
    frames: int = 1

    def masks(self, by: FoundBy) -> Masks:
        """Return what goes since `by` told."""
        return self.by.setdefault(by, Masks(self.shape))

    def of(self, index: int) -> Mask | None:
        """Return all that goes from a frame."""
        parts = [mask for masks in self.by.values() if (mask := masks.of(index)) is not None]
        return np.logical_or.reduce(parts) if parts else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filled."""
        return all(masks.is_empty for masks in self.by.values())

    def boxes(self) -> tuple[PixelBox, ...]:
        """Return all that is filled, for the report."""
        return tuple(
            PixelBox(
                first_frame=first, last_frame=last, x=box.x, y=box.y, width=box.width, height=box.height, found_by=by
            )
            for by, masks in self.by.items()
            for first, last, box in masks.boxes()
        )

    def tell(self) -> Finding:
        """Return where something was found, for the person who decides on an instance that is held for it."""
        boxes = self.boxes()
        rows, columns = self.shape
        return Finding(rows=rows, columns=columns, frames=self.frames, count=len(boxes), boxes=boxes[:MAX_BOXES])


class PixelCleaner:
    """Cleans the pixels of one instance after the other; one for each process.

    Parameters
    ----------
    engines
        Makes what looks; called when the first pixels come.
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
        self._layouts = (*shipped_layouts(), *policy.layouts)

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

    def clean(
        self, start: DataSetStart, facts: InstanceFacts, known: KnownIdentifiers, *, stack: Stack | None = None
    ) -> PixelOutcome:
        """Look at the pixels of an instance, and take text out as the profile says.

        Parameters
        ----------
        start, facts
            The instance.
        known
            What is known of the patient and study: no word that tells any of it stays.
        stack
            What looking at the slices came to that the instance is one of.

        Raises
        ------
        HoldError
            A person has to look; `TextFoundError` where there is text and the profile does not take it out.
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
        self._hold_photographs(frames)
        if stack is not None and stack.is_about(facts):
            found = _begin(frames)
            _refuse_found(mode, found, found.has_overlay, is_overlay=True)
            mask = stack.mask_of(facts)
            if mask is not None:
                found.masks(FoundBy.TEXT).add_still(0, 0, mask)
            _refuse_found(mode, found, mask is not None)
            if mode is PixelMode.CLEAN:
                # No other look for these: they take nothing but away.
                self._add_layouts(found, frames)
            return self._outcome(found, self._rebuilt(frames, found), tell_screen(frames.header, *found.shape, known))
        found, replacement = self._look(frames, mode, known)
        return self._outcome(found, replacement, tell_screen(frames.header, *found.shape, known))

    def clean_as_far(self, start: DataSetStart, facts: InstanceFacts, known: KnownIdentifiers) -> PixelOutcome:
        """Take out what can be taken out of an instance that a person lets go, whatever is left; nothing is claimed.

        Parameters and errors as `clean`, but that no text and no photograph holds it. `UNSEEN` where there are no
        pixels.
        """
        frames = open_frames(start, facts, self.engines.codec)
        if frames is None:
            return UNSEEN
        found = _begin(frames)
        self._find(found, frames, known)
        self._add_known_places(found, frames)
        for _ in range(_PROOFS):
            replacement = self._rebuilt(frames, found)
            again = self._find_again(frames if replacement is None else reopen(frames, replacement), found)
            if again.is_empty:
                break
            found.masks(FoundBy.SECOND_LOOK).merge(again)
        return PixelOutcome(
            is_proven=False,
            is_let_go=True,
            boxes=found.boxes(),
            kept_words=found.kept_words,
            replacement=self._rebuilt(frames, found),
        )

    def look_through(
        self, instances: Iterable[Callable[[], AbstractContextManager[tuple[DataSetStart, InstanceFacts]]]]
    ) -> Stack:
        """Look at the slices of one volume together.

        Parameters
        ----------
        instances
            Open them; each is opened a few times.

        Raises
        ------
        HoldError, EngineError, DicomFormatError
            They cannot be looked at together; each may be looked at alone.
        """
        return look_through(
            list(instances), text=self.engines.text, second=self.engines.second, codec=self.engines.codec
        )

    def look(self, frames: Frames, mode: PixelMode, known: KnownIdentifiers) -> Found:
        """Return what has to go so that nothing is found in the frames any more; parameters and errors as `clean`."""
        return self._look(frames, mode, known)[0]

    @staticmethod
    def _outcome(found: Found, replacement: PixelReplacement | None, screen: Screen | None) -> PixelOutcome:
        return PixelOutcome(
            is_proven=True,
            boxes=found.boxes(),
            kept_words=found.kept_words,
            replacement=replacement,
            screen=screen,
        )

    def _rebuilt(self, frames: Frames, found: Found) -> PixelReplacement | None:
        if found.is_empty and not found.has_overlay:
            return None
        return rebuild(frames, found.of, without_spare=found.has_overlay, folder=self._folder)

    # 1. What shows a person from outside

    def _hold_photographs(self, frames: Frames) -> None:
        facts = frames.facts
        modality, sop_class_uid = facts.text(MODALITY), facts.text(SOP_CLASS_UID)
        has_face = False
        if needs_face_look(modality, sop_class_uid):
            view = View(frames)
            for index in _sampled(frames.count):
                picture = looks_of(view.show(frames.frame(index)), view)[0].picture
                has_face = has_face or bool(self.engines.faces.find(picture))
        reason = photograph_hold(
            modality=modality,
            sop_class_uid=sop_class_uid,
            frames=frames.count,
            recognizable_visual_features=facts.text(RECOGNIZABLE_VISUAL_FEATURES),
            has_face=has_face,
        )
        if reason is not None:
            raise PhotographError(reason, remedy=REMEDY)

    # 2. to 6.

    def _look(self, frames: Frames, mode: PixelMode, known: KnownIdentifiers) -> tuple[Found, PixelReplacement | None]:
        found = _begin(frames)
        _refuse_found(mode, found, found.has_overlay, is_overlay=True)
        # 2. Where text stands, and 3. what of it may stay
        self._find(found, frames, known)
        _refuse_found(mode, found, not found.is_empty)
        if mode is PixelMode.CLEAN:
            self._add_known_places(found, frames)
        for _ in range(_PROOFS):
            # 4. Filled, and 5. looked at with other eyes
            replacement = self._rebuilt(frames, found)
            result = frames if replacement is None else reopen(frames, replacement)
            again = self._find_again(result, found)
            if again.is_empty:
                return found, replacement
            found.masks(FoundBy.SECOND_LOOK).merge(again)
            _refuse_found(mode, found, is_found=True)
        # 6. What cannot be taken out
        raise TextStaysError(STILL_THERE, remedy=REMEDY, finding=found.tell())

    def _find(self, found: Found, frames: Frames, known: KnownIdentifiers) -> None:
        view = View(frames)
        engines = self.engines
        keeper = Keeper(engines.text, engines.second, self._policy.kept, known) if self._policy.kept else None
        search = FrameSearch(
            engines.text,
            lambda index: view.show(frames.frame(index)),
            view,
            keeper=keeper,
            barcodes=engines.barcodes,
        )
        searched = search.search(frames.count)
        found.kept, found.kept_words = searched.kept, searched.kept_words
        found.masks(FoundBy.TEXT).merge(searched.text)
        found.masks(FoundBy.BARCODE).merge(searched.codes)

    def _add_known_places(self, found: Found, frames: Frames) -> None:
        """Add what is always filled on a device's screen, and the rows of its header in which text was found."""
        self._add_layouts(found, frames)
        rows, columns = found.shape
        regions = read_regions(frames.header, rows, columns)
        for (first, end), mask in found.masks(FoundBy.TEXT).still.items():
            wide = widened(boxes_of(mask), regions, rows, columns)
            found.masks(FoundBy.DECLARED).add_still(first, end, _mask_of_boxes(wide, found.shape))

    def _add_layouts(self, found: Found, frames: Frames) -> None:
        boxes = find_boxes(self._layouts, read_screen(frames.header, *found.shape))
        found.masks(FoundBy.LAYOUT).add_still(0, frames.count - 1, _mask_of_boxes(boxes, found.shape))

    def _find_again(self, result: Frames, found: Found) -> Masks:
        """Return what the other engine finds in what leaves, but for the words that stay."""
        view = View(result)
        return search_frames(
            self.engines.second,
            lambda index: view.show(result.frame(index)),
            result.count,
            view,
            is_proof=True,
            kept=found.kept,
        )


def _has_overlay(frames: Frames) -> bool:
    """Whether bits beside the values hold something in any frame."""
    if frames.has_embedded_overlay:
        return True
    if fills_samples(frames.layout):
        return False
    return any(has_spare_content(frames.frame(index), frames.layout) for index in range(frames.count))


def _begin(frames: Frames) -> Found:
    shape = (frames.layout.rows, frames.layout.columns)
    return Found(shape, has_overlay=_has_overlay(frames), frames=frames.count)


def _refuse_found(mode: PixelMode, found: Found, is_found: bool, *, is_overlay: bool = False) -> None:  # noqa: FBT001 - what is asked
    if mode is PixelMode.DETECT and is_found:
        raise TextStaysError(OVERLAY_FOUND if is_overlay else FOUND, remedy=REMEDY, finding=found.tell())


def _sampled(count: int) -> list[int]:
    """Return the first, the last, and some frames between."""
    some = min(_SAMPLED, count)
    return sorted({round(number * (count - 1) / max(some - 1, 1)) for number in range(some)})


def _mask_of_boxes(boxes: Iterable[Rectangle], shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[max(box.y, 0) : max(box.bottom, 0), max(box.x, 0) : max(box.right, 0)] = True
    return mask
