"""Faces in head scans: what a profile says of them, what was found, and what was measured on the result."""

from dataclasses import dataclass
from enum import Enum


class FaceMode(Enum):
    """What is done about faces that can be rebuilt from a scan of the head."""

    OFF = "off"
    """Nobody looks, and nothing is claimed."""

    DETECT = "detect"
    """Heads from which a face can be rebuilt are held; the others leave as proven free of one."""

    REMOVE = "remove"
    """The face is taken out, and the result looked at again."""


class FaceFill(Enum):
    """What stands where the face was."""

    AIR = "air"
    """Air of the scan: nothing is left in front of the cut."""

    SKIN = "skin"
    """A generic skin, for algorithms that need a closed surface."""


class FaceUnsure(Enum):
    """What is done with slices of which pixels do not tell whether they show a head."""

    HOLD = "hold"
    """They are held."""

    BY_HEADER = "by-header"
    """They leave, without a claim, where the header names another part of the body and does not hint at a head."""


_WORDS = {
    FaceMode.OFF: "not looked for",
    FaceMode.DETECT: "looked for, heads that show one are held",
    FaceMode.REMOVE: "taken out",
}


@dataclass(frozen=True, kw_only=True)
class FacePolicy:
    """What a profile does about faces in head scans.

    Attributes
    ----------
    mode
        Whether they are looked for, and taken out.
    fill
        What stands in their place.
    unsure
        What is done where pixels do not tell whether there is a head.
    """

    mode: FaceMode = FaceMode.REMOVE
    fill: FaceFill = FaceFill.AIR
    unsure: FaceUnsure = FaceUnsure.HOLD

    @property
    def in_words(self) -> str:
        """What is done, as a sentence for a person."""
        text = f"Faces in head scans: {_WORDS[self.mode]}"
        if self.mode is FaceMode.REMOVE:
            text += f", {self.fill.value} stands in their place"
        if self.mode is not FaceMode.OFF and self.unsure is FaceUnsure.BY_HEADER:
            text += "; where pixels do not tell whether there is a head, the header is believed"
        return f"{text}."


class FaceFinding(Enum):
    """What looking at a volume came to."""

    NO_HEAD = "no head"
    ALREADY_FACELESS = "a head whose face is gone already"
    SKULL_STRIPPED = "a brain without skull and skin"
    NO_FACE_IN_VIEW = "a head whose face lies outside of what was scanned"
    OTHER_PART = "no head that pixels tell, and another part of the body by the header"
    FACE_FOUND = "a head with a face"
    FACE_REMOVED = "a head whose face was taken out"
    REFUSED = "a head, perhaps with a face, that no machine could treat"


FACELESS = frozenset(
    {
        FaceFinding.NO_HEAD,
        FaceFinding.ALREADY_FACELESS,
        FaceFinding.SKULL_STRIPPED,
        FaceFinding.NO_FACE_IN_VIEW,
        FaceFinding.FACE_REMOVED,
    }
)
"""Findings after which no face can be rebuilt from what leaves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceFigures:
    """What was measured on a volume; numbers only, None where something was not measured.

    Attributes
    ----------
    metric
        Mutual information of the alignment with the template; the lower the better.
    overlap
        Dice overlap of head and template, 0 to 1.
    vault_mm
        Median distance of the skull vault from that of the template.
    rotation_degrees
        By how much the template was turned.
    scales
        By how much it was scaled, least and largest.
    changed_share
        Share of voxels that were changed.
    face_kept, ears_kept
        Share of the surface that lies within 1.5 mm of what it was.
    hits_before, hits_after
        In how many of the renders a detector found a face.
    renders
        How many there are of each.
    """

    metric: float | None = None
    overlap: float | None = None
    vault_mm: float | None = None
    rotation_degrees: float | None = None
    scales: tuple[float, float] | None = None
    changed_share: float | None = None
    face_kept: float | None = None
    ears_kept: float | None = None
    hits_before: int | None = None
    hits_after: int | None = None
    renders: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceVolume:
    """What was found of one volume of a study; nothing in it tells who it is, but for the pictures.

    Attributes
    ----------
    modality
        Modality, in capitals.
    instances
        How many instances have slices of it.
    slices
        How many slices there are.
    finding
        What it is.
    reasons
        Why it is held; empty where it is not.
    figures
        What was measured.
    before, after
        What a stranger could see, from the front, half from the side and from the side, as one PNG each; empty where
        nothing was drawn. The first may show who it is: for those who may see the scan, and never for an output.
    """

    modality: str
    instances: int
    slices: int
    finding: FaceFinding
    reasons: tuple[str, ...] = ()
    figures: FaceFigures = FaceFigures()
    before: bytes = b""
    after: bytes = b""

    def __repr__(self) -> str:
        """Show no picture."""
        return f"FaceVolume({self.finding.value}, <{self.slices} slices>)"


class VolumeFault(Enum):
    """Why slices cannot be treated as a volume."""

    NO_GEOMETRY = "expected Image Position, Image Orientation (Patient) and Pixel Spacing, got none that can be"
    MIXED_ORIENTATIONS = "expected slices of one orientation, got several, too few of each"
    DUPLICATES = "expected one slice at each place, got several that nothing tells apart"
    FEW_SLICES = "expected at least 15 slices, got fewer"
    WIDE_GAPS = "expected at most 8 mm between slices, got more"
    MISSING_SLICES = "expected slices without a gap, got some that are missing"
    SHIFTED = "expected slices on one line, got some beside it"
    MIXED_SIZES = "expected slices of one size, got several, too few of each"
    TOO_LARGE = "expected a volume that fits in memory, got a larger one"
    NOT_GREY = "expected grey values, got colours or a table of values"
    NO_PIXELS = "expected pixels that can be read, got none"
