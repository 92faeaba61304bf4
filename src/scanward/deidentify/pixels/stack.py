"""The slices of one volume, each an instance of its own, looked at together."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from scanward.deidentify.header.scan import SOP_INSTANCE_UID, InstanceFacts
from scanward.deidentify.pixels.fill import Background, Mask, fill, read_background
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.deidentify.pixels.sequence import Masks, search_frames
from scanward.deidentify.pixels.view import Grey, View
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import HoldError
from scanward.ports.engines import FrameCodec, Picture, TextEngine

Opener = Callable[[], AbstractContextManager[tuple[DataSetStart, InstanceFacts]]]
"""Opens an instance."""

MAX_HELD_BYTES: Final = 256 * 1024 * 1024
"""Shown slices that are held, so that they need not be opened and decoded again."""

_PROOFS: Final = 3


@dataclass(frozen=True, slots=True)
class Stack:
    """What looking at the slices came to.

    Attributes
    ----------
    masks
        By SOP Instance UID as it stands in the header: what goes, or None.
    """

    masks: dict[bytes, Mask | None]

    def is_about(self, facts: InstanceFacts) -> bool:
        """Whether an instance is one of the slices."""
        return facts.values[SOP_INSTANCE_UID] in self.masks

    def mask_of(self, facts: InstanceFacts) -> Mask | None:
        """Return what goes from an instance."""
        return self.masks[facts.values[SOP_INSTANCE_UID]]


def look_through(openers: Sequence[Opener], *, text: TextEngine, second: TextEngine, codec: FrameCodec) -> Stack:
    """Find text in the slices of one volume, until another engine finds no more.

    Raises
    ------
    HoldError, EngineError, DicomFormatError
        They cannot be looked at together.
    """
    slices = _Slices(openers, codec)
    masks = search_frames(text, slices.show, len(openers), slices.view)
    for _ in range(_PROOFS):
        slices.masks = masks
        again = search_frames(second, slices.show_filled, len(openers), slices.view, is_proof=True)
        if again.is_empty:
            return Stack({uid: masks.of(index) for index, uid in enumerate(slices.uids)})
        masks.merge(again)
    raise HoldError("expected nothing to be left of text that was taken out of slices, found some")


class _Slices:
    """Shows slices as the frames of one volume; what fits is held."""

    def __init__(self, openers: Sequence[Opener], codec: FrameCodec) -> None:
        self._openers = openers
        self._codec = codec
        self._held: dict[int, Picture | Grey] = {}
        self._held_bytes = 0
        self.uids: list[bytes] = []
        self.masks: Masks | None = None
        for number, opener in enumerate(openers):
            with opener() as (start, facts):
                self.uids.append(facts.values[SOP_INSTANCE_UID])
                if number == 0:
                    frames = self._frames(start, facts)
                    self.view = View(frames)
                    _ = self.view.windows  # read while it is open
                    self._layout = frames.layout

    def _frames(self, start: DataSetStart, facts: InstanceFacts) -> Frames:
        frames = open_frames(start, facts, self._codec)
        if frames is None or frames.count != 1:
            raise HoldError("expected slices of one frame each")
        return frames

    def show(self, index: int) -> Picture | Grey:
        """Show a slice as it is."""
        held = self._held.get(index)
        if held is not None:
            return held
        with self._openers[index]() as (start, facts):
            frames = self._frames(start, facts)
            if frames.layout != self._layout:
                raise HoldError("expected slices of one size and depth")
            shown = View(frames).show(frames.frame(0))
        size = shown.values.nbytes if isinstance(shown, Grey) else shown.nbytes
        if self._held_bytes + size <= MAX_HELD_BYTES:
            self._held[index] = shown
            self._held_bytes += size
        return shown

    def show_filled(self, index: int) -> Picture | Grey:
        """Show a slice as it will leave."""
        mask = self.masks.of(index) if self.masks is not None else None
        if mask is None:
            return self.show(index)
        with self._openers[index]() as (start, facts):
            frames = self._frames(start, facts)
            background: Background = read_background(frames.layout, facts, frames.header)
            return View(frames).show(fill(frames.frame(0), mask, background))
