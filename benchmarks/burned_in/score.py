"""How many words a detector covers, what it covers beside them, and what that costs."""

import resource
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burned_in.case import Case, Mask, Word

Detector = Callable[[Case], Mask]
"""Returns for a case which pixels of its frames are text: (frames, rows, columns)."""

COVERED = 0.9
"""A word is found if so much of its pixels, in each frame that shows it, is covered."""
VISIBLE = 8.0
"""Words of less contrast, in levels of 255, are counted in ``subvisual`` alone: white on white is there for nobody."""
SUBVISUAL = 4.0
CLEAR_SIZE_PX, CLEAR_CONTRAST = 10, 30.0
"""From these on a word counts as clear."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What a detector made of one word."""

    case: Case = field(repr=False)
    word: Word
    covered: float

    def __str__(self) -> str:
        word = self.word
        return (
            f"{self.case.name}, {word.text!r} at {word.x},{word.y}: {self.covered:.0%} covered; {word.size_px} px, "
            f"contrast {word.contrast:.0f}, noise {word.noise:.0f}, "
            f"legibility {word.legibility:.0f}, {word.style}, {word.rotation} deg, {word.script}"
        )

    @property
    def found(self) -> bool:
        """Whether the word is covered."""
        return self.covered >= COVERED

    @property
    def clear(self) -> bool:
        """Whether it is large enough, and stands out from what is around it."""
        return self.word.size_px >= CLEAR_SIZE_PX and self.word.contrast >= CLEAR_CONTRAST

    @property
    def legible(self) -> bool:
        """Whether, besides, three quarters of it stand out from what is just beside them, and from the noise."""
        return self.clear and self.word.legibility >= CLEAR_CONTRAST


@dataclass(kw_only=True)
class Score:
    """What a detector made of a subset.

    Attributes
    ----------
    hits
        Of each word that can be seen.
    false_area
        For each image the share of it that was covered without need.
    touched
        Names of the images where something was covered without need.
    cpu_seconds, megapixels
        Of the process and its children, over all frames.
    failed
        Names of the cases where the detector raised, and what; they count as not found.
    """

    subset: str
    hits: list[Hit] = field(default_factory=list)
    false_area: list[float] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0
    megapixels: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return the figures."""
        clear = [hit for hit in self.hits if hit.clear]
        legible = [hit for hit in self.hits if hit.legible]
        figures: dict[str, Any] = {
            "images": len(self.false_area), "words": len(self.hits), "found_percent": percent(self.hits),
            "clear_words": len(clear), "clear_found_percent": percent(clear),
            "legible_words": len(legible), "legible_found_percent": percent(legible),
            "false_area_percent": 100 * float(np.mean(self.false_area or [0.0])),
            "touched": len(self.touched), "cpu_seconds_per_megapixel": self.cpu_seconds / max(self.megapixels, 1e-9),
            "failed": len(self.failed),
        }  # fmt: skip
        return figures | {"by": {name: _by(self.hits, key) for name, key in GROUPS.items()}}

    def missed(self, *, clear: bool = True) -> list[Hit]:
        """Return the words that were not covered, the least covered first."""
        return sorted(
            (hit for hit in self.hits if not hit.found and (hit.clear or not clear)), key=lambda one: one.covered
        )


def percent(hits: Sequence[Hit]) -> float | None:
    """Return how many of them are found; None of none."""
    return 100 * sum(hit.found for hit in hits) / len(hits) if hits else None


def _band(value: float, edges: Sequence[float]) -> str:
    low = max((edge for edge in edges if value >= edge), default=0)
    high = min((edge for edge in edges if value < edge), default=None)
    return f"{low:g}+" if high is None else f"{low:g}-{high:g}"


GROUPS: Mapping[str, Callable[[Hit], str]] = {
    "size": lambda hit: f"{_band(hit.word.size_px, (8, 10, 12, 14, 18, 24, 36, 48, 60))} px",
    "contrast": lambda hit: _band(hit.word.contrast, (4, 8, 15, 30, 60, 120)),
    "contrast to noise": lambda hit: _band(hit.word.contrast / max(hit.word.noise, 1), (1, 2, 4, 8)),
    "legibility": lambda hit: _band(hit.word.legibility, (4, 8, 15, 30, 60, 120)),
    "style": lambda hit: hit.word.style,
    "rotation": lambda hit: hit.word.rotation,
    "script": lambda hit: hit.word.script,
    "depth": lambda hit: f"{hit.case.frames.dtype.itemsize * 8} bit{' colour' if hit.case.frames.ndim == 4 else ''}",
    "frames": lambda hit: "one of many" if 1 == len(hit.word.frames) < hit.case.frames.shape[0] else "all",
    "background": lambda hit: hit.case.background.partition(" ")[0].strip(","),
}
"""What the words are told apart by."""


def _by(hits: Iterable[Hit], key: Callable[[Hit], str]) -> dict[str, list[float | int | None]]:
    groups: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        groups[key(hit)].append(hit)
    return {name: [percent(groups[name]), len(groups[name])] for name in sorted(groups, key=_natural)}


def _natural(name: str) -> tuple[float, str]:
    number = name.partition(" ")[0].partition("-")[0].rstrip("+")
    return (float(number), name) if number.replace(".", "").isdigit() else (float("inf"), name)


def run(detector: Detector, cases: Iterable[Case], *, subset: str) -> Score:
    """Let a detector look at all cases; it sees the first one twice, as it may load what it needs then."""
    score = Score(subset=subset)
    stream = iter(cases)
    first = next(stream, None)
    if first is None:
        return score
    _look(detector, first, Score(subset=subset))
    for case in chain([first], stream):
        _look(detector, case, score)
    return score


def _look(detector: Detector, case: Case, score: Score) -> None:
    before = cpu_seconds()
    try:
        found = detector(case)
    except Exception as error:  # noqa: BLE001 - a peer may raise anything; it is told
        score.failed[case.name] = f"{type(error).__name__}: {error}"[:200]
        found = np.zeros(case.frames.shape[:3], bool)
    score.cpu_seconds += cpu_seconds() - before
    score.megapixels += case.megapixels
    if found.shape != case.frames.shape[:3]:
        raise ValueError(f"expected a mask of {case.frames.shape[:3]}, got {found.shape}")
    least = SUBVISUAL if case.subset == "subvisual" else VISIBLE
    score.hits += [
        Hit(case=case, word=word, covered=word.covered(found))
        for word in case.words
        if word.contrast >= least and word.style != "mark"
    ]
    beside = found & ~case.near_words()
    score.false_area.append(float(beside.mean()))
    if beside.any():
        score.touched.append(case.name)


def cpu_seconds() -> float:
    """Return the user and system time of this process and of its children that have ended."""
    usages = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def by_frame(detect: Callable[[NDArray[np.uint8]], Mask]) -> Detector:
    """Return a detector of cases that shows each frame, in its default window as RGB, to one of images."""
    return lambda case: np.stack([detect(frame) for frame in case.render()])


def describe(score: Score) -> str:
    """Return the figures as text."""
    figures = score.summary()
    lines = [
        f"{score.subset}: {figures['words']} words in {figures['images']} images, "
        f"found {_number(figures['found_percent'])} %, "
        f"of {figures['clear_words']} clear ones {_number(figures['clear_found_percent'])} %, "
        f"of {figures['legible_words']} legible ones {_number(figures['legible_found_percent'])} %; "
        f"false area {figures['false_area_percent']:.2f} % (touched {figures['touched']}); "
        f"{figures['cpu_seconds_per_megapixel']:.2f} CPU s/Mpx"
        + (f"; failed on {figures['failed']}" if figures["failed"] else "")
    ]
    lines += [
        f"  {name}: " + ", ".join(f"{key} {_number(share)} ({count})" for key, (share, count) in groups.items())
        for name, groups in figures["by"].items()
        if len(groups) > 1
    ]
    return "\n".join(lines)


def _number(share: float | None) -> str:
    return "-" if share is None else f"{share:.1f}"
