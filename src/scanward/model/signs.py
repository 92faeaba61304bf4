"""What a look at a scan without a seal found: evidence with its limits, never a verdict.

No sign found says nothing about where a scan comes from; a sign says that something wants an explanation.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum


class Step(StrEnum):
    """Which look."""

    COPY_MOVE = "copy-move"
    NOISE = "noise inconsistency"
    SYNTHETIC = "fully synthetic"


class Outcome(StrEnum):
    """What a look came to."""

    SIGN = "sign"
    """Something that is rare in scans nobody edited; how rare, the limits say."""

    NO_SIGN = "no sign"
    """Nothing that this look can see; what it cannot see, the limits say."""

    CANNOT_TELL = "cannot tell"
    """There was nothing to look at: too small, flat, damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A rate as it was counted.

    Attributes
    ----------
    what
        Of what, on what.
    hits, of
        How many of how many.
    """

    what: str
    hits: int
    of: int

    @property
    def rate(self) -> float:
        """The share counted."""
        return self.hits / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Where the rate lies with 95% confidence (Wilson's score interval)."""
        z = 1.959964
        center = (self.rate + z * z / (2 * self.of)) / (1 + z * z / self.of)
        half = z * math.sqrt(self.rate * (1 - self.rate) / self.of + z * z / (4 * self.of**2)) / (1 + z * z / self.of)
        return max(0.0, center - half), min(1.0, center + half)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a look can and cannot see.

    Attributes
    ----------
    sees, misses
        In words: what it was made for, and what passes it.
    false_alarms
        How often it gave a sign on scans that nobody edited.
    measured
        How often it found what.
    """

    sees: tuple[str, ...]
    misses: tuple[str, ...]
    false_alarms: Measured
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A rectangle of a frame: rows from `top` to before `bottom`, columns from `left` to before `right`."""

    frame: int = 0
    top: int
    left: int
    bottom: int
    right: int


class CopyKind(StrEnum):
    """How alike a copy is to what it was made of."""

    EXACT = "exact"
    """Sample by sample, save for a constant added."""

    CHANGED = "changed"
    """Turned, scaled or compressed anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """Two places that show the same, down to the noise; which of them was there first cannot be told.

    Attributes
    ----------
    kind
        How alike they are.
    first, second
        The places.
    pixels
        How many pixels of the second are the same.
    likeness
        Correlation of their fine detail, from 0 to 1; 1 where exact.
    angle_degrees, scale
        How the second is turned and scaled against the first.
    """

    kind: CopyKind
    first: Place
    second: Place
    pixels: int
    likeness: float = 1.0
    angle_degrees: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CopySigns:
    """What the search for copies came to.

    Attributes
    ----------
    outcome
        In a word.
    limits
        What the search can and cannot see.
    copies
        Those found, the largest first.
    why
        Why it cannot tell; else empty.
    """

    outcome: Outcome
    limits: Limits = field(repr=False)
    copies: tuple[Copy, ...] = ()
    why: str = ""


class Baseline(StrEnum):
    """What noise is held against."""

    SERIES = "series"
    """Other slices of the same series."""

    IMAGE = "image"
    """The rest of the image alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreMap:
    """How odd each part of a frame is.

    Attributes
    ----------
    rows, columns
        Of the map.
    step_pixels
        From one point of the map to the next; the first stands for the block in the upper left corner.
    block_pixels
        Side of the block that each point stands for.
    values
        Row by row, 32-bit floats with the lowest byte first; NaN where the block was not judged.
    """

    rows: int
    columns: int
    step_pixels: float
    block_pixels: float
    values: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseSigns:
    """What the look at the noise of a frame came to.

    Attributes
    ----------
    outcome
        In a word.
    limits
        What the look can and cannot see.
    baseline
        What the noise was held against.
    score
        Of the oddest region; NaN where it cannot tell.
    threshold
        From where on it is a sign.
    p_value
        Share of the slices of the series that score as much, counting this one; NaN without a series.
    region
        The oddest region; None where it cannot tell.
    score_map
        Scores of all regions; None where it cannot tell.
    why
        Why it cannot tell; else empty.
    """

    outcome: Outcome
    limits: Limits = field(repr=False)
    baseline: Baseline
    score: float = math.nan
    threshold: float = math.nan
    p_value: float = math.nan
    region: Place | None = None
    score_map: ScoreMap | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticScore:
    """How much a picture looks made as a whole by a generator.

    Attributes
    ----------
    outcome
        In a word: a sign where `score` is above `threshold`.
    limits
        What the score can and cannot see.
    score
        Log-odds of the model; only comparable with itself. NaN where it cannot tell.
    threshold
        From where on it is a sign: about 5% of the films it was calibrated on lie above.
    is_site_calibrated
        Whether the threshold comes from films of this site; if not, expect more false alarms than 5%.
    p_value
        Share of the films calibrated on that score as much or more.
    why
        Why it cannot tell; else empty.
    """

    outcome: Outcome
    limits: Limits = field(repr=False)
    score: float = math.nan
    threshold: float = math.nan
    is_site_calibrated: bool = False
    p_value: float = math.nan
    why: str = ""
