"""Text in pixels: what a profile says of it, where it was found, and what took its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from scanward.model.attribute import Tag
from scanward.model.instance import Piece
from scanward.model.screens import Layout, Screen
from scanward.model.text import DocumentOutcome


class PixelMode(Enum):
    """What is done about text in pixels."""

    OFF = "off"
    """Nobody looks: instances that are likely to show text are held."""

    DETECT = "detect"
    """Instances in which text is found are held; the others leave as proven free of it."""

    CLEAN = "clean"
    """Text is taken out, and the result looked at again."""


_WORDS = {
    PixelMode.OFF: "not looked for, instances likely to show it are held",
    PixelMode.DETECT: "looked for, instances that show it are held",
    PixelMode.CLEAN: "taken out",
}


class KeptText(Enum):
    """Words that a site may let stay, where they read exactly as such and identify nobody."""

    LATERALITY = "laterality"
    """Side and position markers: L, R, AP, PA, ..."""

    SCALE = "scale"
    """Numbers and units of scales, depth marks, windows."""

    MEASUREMENT = "measurement"
    """Labels, numbers and units of measurements."""


@dataclass(frozen=True, kw_only=True)
class PixelPolicy:
    """What a profile does about text in pixels.

    Attributes
    ----------
    mode
        For modalities that are not named.
    modes
        By Modality.
    kept
        Words that stay; none by default.
    layouts
        What the site has filled on screens of devices, besides what comes with Scanward; where text is taken out.
    """

    mode: PixelMode = PixelMode.CLEAN
    modes: Mapping[str, PixelMode] = field(default_factory=dict)
    kept: frozenset[KeptText] = frozenset()
    layouts: tuple[Layout, ...] = ()

    def mode_of(self, modality: str) -> PixelMode:
        """Return what is done about instances of a modality."""
        return self.modes.get(modality.strip().upper(), self.mode)

    @property
    def in_words(self) -> str:
        """What is done, as a sentence or two for a person."""
        others = ", ".join(f"{modality}: {_WORDS[mode]}" for modality, mode in sorted(self.modes.items()))
        text = f"Text in pixels: {_WORDS[self.mode]}{f'; {others}' if others else ''}."
        if self.kept:
            text += f" Words that stay: {', '.join(sorted(kind.value for kind in self.kept))}."
        if self.layouts:
            screens = "1 screen" if len(self.layouts) == 1 else f"{len(self.layouts)} screens"
            text += f" Always filled besides: what the site says of {screens}."
        return text


class FoundBy(Enum):
    """What told that a region has to go."""

    TEXT = "text detection"
    SECOND_LOOK = "text detection on the result"
    BARCODE = "barcode reader"
    DECLARED = "the header: regions of the ultrasound image"
    LAYOUT = "what is known of the device's screen"


SEEN_BY = frozenset({FoundBy.TEXT, FoundBy.SECOND_LOOK, FoundBy.BARCODE})
"""What saw something in the pixels; the others know without a look."""


@dataclass(frozen=True, kw_only=True, order=True)
class PixelBox:
    """A rectangle of pixels that was filled.

    Attributes
    ----------
    first_frame, last_frame
        The frames it is filled in, from 0, both included.
    x, y, width, height
        Column and row of its upper left corner, and its size, in pixels.
    found_by
        What told that it has to go.
    """

    first_frame: int
    last_frame: int
    x: int
    y: int
    width: int
    height: int
    found_by: FoundBy


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelReplacement:
    """New Pixel Data of an instance.

    Attributes
    ----------
    transfer_syntax_uid
        How the whole instance is encoded now; another one than before only where no coder of the old one exists.
    is_encapsulated
        Whether the value consists of fragments: an element of undefined length.
    pieces
        The value: new bytes, and ranges of the source where the bits are as they were.
    values
        New raw values of other top-level Attributes, in the byte order of the data set; None takes one out.
    """

    transfer_syntax_uid: str
    is_encapsulated: bool
    pieces: Sequence[Piece]
    values: Mapping[Tag, bytes | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelOutcome:
    """What looking at the pixels of an instance came to; an instance that has to be held raises instead.

    Attributes
    ----------
    is_proven
        Whether the pixels that leave were looked at and no text was found in them: what Burned In Annotation NO and the
        Clean Pixel Data Option (113101) are claimed from.
    boxes
        What was filled.
    kept_words
        How many words were read and left, since the site keeps their kind.
    replacement
        New Pixel Data, or None where it leaves as it was.
    screen
        Which device's screen it is; None where that is not known, or what tells it holds what is known of the patient.
    is_let_go
        Whether a person lets it leave, having looked at it: nothing is claimed of it, and the machine has taken out
        what it could.
    has_none
        Whether there are no pixels and no document in it, so that there is nothing to look at.
    is_faceless
        Whether what leaves was looked at and no face can be rebuilt from it: what Recognizable Visual Features NO and
        the Clean Recognizable Visual Features Option (113102) are claimed from.
    document
        What stands for the document that it encapsulates; None where it has none, or a notice stands for it.
    """

    is_proven: bool
    boxes: tuple[PixelBox, ...] = ()
    kept_words: int = 0
    replacement: PixelReplacement | None = None
    screen: Screen | None = None
    is_let_go: bool = False
    has_none: bool = False
    is_faceless: bool = False
    document: DocumentOutcome | None = None

    @property
    def holds_nothing_back(self) -> bool:
        """Whether what its pixels may show is no reason to hold an instance (any more)."""
        return self.is_proven or self.is_let_go or self.has_none


UNSEEN = PixelOutcome(is_proven=False)
"""Nobody looked."""

NO_PIXELS = PixelOutcome(is_proven=False, has_none=True)
"""There are no pixels and no document to look at."""

AS_THEY_ARE = PixelOutcome(is_proven=False, is_let_go=True)
"""No machine could look, and a person lets the pixels leave as they are."""
