"""What a profile keeps of the body that a scan shows: all of it, or a box."""

from dataclasses import dataclass
from enum import Enum

Range = tuple[float, float]
"""From and to, in mm."""


class BodyOrigin(Enum):
    """What a box is counted from."""

    BODY = "body"
    """The middle of the body that is in the volume."""

    PATIENT = "patient"
    """The origin of the patient's coordinates, as the scanner has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyBox:
    """A box along the axes of the patient (PS3.3 C.7.6.2.1.1).

    Attributes
    ----------
    x, y, z
        To the left, to the back and to the head of the patient, in mm.
    """

    x: Range
    y: Range
    z: Range

    def moved(self, by: tuple[float, float, float]) -> "BodyBox":
        """Return the box, moved."""
        x, y, z = ((low + step, high + step) for (low, high), step in zip((self.x, self.y, self.z), by, strict=True))
        return BodyBox(x=x, y=y, z=z)


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyPolicy:
    """What a profile keeps of a body.

    Attributes
    ----------
    keep
        What stays; everything outside of it becomes air. None keeps all.
    origin
        What it is counted from.
    """

    keep: BodyBox | None = None
    origin: BodyOrigin = BodyOrigin.BODY

    @property
    def in_words(self) -> str:
        """What is done, as a sentence for a person."""
        if self.keep is None:
            return "Bodies in scans: kept as they are."
        sides = " x ".join(f"{high - low:g}" for low, high in (self.keep.x, self.keep.y, self.keep.z))
        place = "around the middle of the body" if self.origin is BodyOrigin.BODY else "of the patient's coordinates"
        return f"Bodies in scans: a box of {sides} mm {place} stays, air stands in place of the rest."
