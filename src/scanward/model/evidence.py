"""What a look at a picture without a seal came to: which sealed film it is a copy of, where it differs, who had it."""

from dataclasses import dataclass, field
from enum import StrEnum


class FoundBy(StrEnum):
    """What named a film before it was compared."""

    HASH = "hash"
    PLACES = "places"


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmMatch:
    """A sealed film that a picture is a copy of.

    Attributes
    ----------
    name
        Which: as it was named when it was taken up, mostly an id.
    places
        How many places agree, each counted once.
    is_inverted, is_mirrored
        How the copy differs; a turn is in `to_film`.
    to_film
        a, b, c, d, e, f: a pixel x, y of the copy shows ax + by + c, dx + ey + f of the film.
    found_by
        What named the film.
    """

    name: str = field(repr=False)
    places: int
    is_inverted: bool
    is_mirrored: bool
    to_film: tuple[float, float, float, float, float, float]
    found_by: FoundBy


@dataclass(frozen=True, kw_only=True, slots=True)
class HotRegion:
    """A part of an original where a copy shows something else.

    Attributes
    ----------
    top, left, rows, columns
        A box around it, in pixels of the original.
    score
        How far the copy is from what was to be expected, in robust standard deviations.
    """

    top: int
    left: int
    rows: int
    columns: int
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientScore:
    """How well the mark of a recipient fits a copy, in standard deviations of what chance gives."""

    name: str = field(repr=False)
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FingerprintFinding:
    """Whose mark a copy carries.

    Attributes
    ----------
    scores
        Of all whose key was tried, the best first.
    least_score
        From which somebody is named.
    false_accusation_rate
        How often, at most, anybody would be named for a copy that none of these keys marked.
    recipient
        Who is named; None if nobody is.
    """

    scores: tuple[RecipientScore, ...] = field(repr=False)
    least_score: float
    false_accusation_rate: float
    recipient: str | None = field(repr=False)
