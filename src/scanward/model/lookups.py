"""What looking a radiograph up in a reference set came to."""

from dataclasses import dataclass, field
from enum import Enum


class Likeness(Enum):
    """How alike two films are, the most first."""

    SAME_PIXELS = "the same pixels"
    """Every value is the same, whatever the file says around it."""

    SAME_FILM = "the same film"
    """One exposure, perhaps scaled, cut, turned, mirrored, inverted or shown with another window."""

    ALIKE = "alike"
    """Alike in many places, yet shifted against each other: perhaps another film of the patient; a person looks."""

    NO_MATCH = "no match"
    """Nothing that this program can tell. It is no proof that the patient is another one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How alike two films are, in numbers.

    Attributes
    ----------
    likeness
        What they come to.
    places
        In how many places of the film they agree, once one is laid over the other.
    shift
        Half of these lie closer than this, in pixels of a film whose longer side has 768.
    """

    likeness: Likeness
    places: int = 0
    shift: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A film of the reference that is like one that was looked up.

    Attributes
    ----------
    query, reference
        Paths, which may name a patient.
    comparison
        How alike they are.
    """

    query: str
    reference: str
    comparison: Comparison

    def __repr__(self) -> str:
        """Show no path."""
        return f"Match({self.comparison.likeness.value})"


@dataclass(kw_only=True, slots=True)
class LookupReport:
    """What a look-up came to.

    Attributes
    ----------
    queries, references
        How many films were looked up, and in how many.
    left_aside
        How many files were not looked at, by reason; of the films to look up, and of the reference.
    matches
        What is alike, by film in the order they were found, the most alike first.
    """

    queries: int = 0
    references: int = 0
    left_aside: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    matches: list[Match] = field(default_factory=list)
