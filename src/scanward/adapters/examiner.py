"""Looks at pictures for evidence (implements :class:`scanward.ports.examining.Examiner`)."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Final, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.adapters.difference_picture import draw_difference
from scanward.adapters.engines.pictures import MAX_PICTURE_BYTES, decode_samples, grey_of
from scanward.adapters.heat_map import draw_heat_map
from scanward.adapters.signatures.c2pa import read_manifest
from scanward.errors import EvidenceError, HoldError
from scanward.model.comparison import Comparison
from scanward.model.evidence import FilmMatch
from scanward.model.instance import ByteSource
from scanward.model.signs import CopySigns, Limits, NoiseSigns, SyntheticScore
from scanward.model.signs import Outcome as Sign
from scanward.model.verdict import Found, Step, StepName
from scanward.ports.examining import Opened, Picture
from scanward.seal.forensics.calibration import Calibration
from scanward.seal.forensics.copy_move import find_copies
from scanward.seal.forensics.difference import HOT, difference
from scanward.seal.forensics.lookup import Query, describe_query
from scanward.seal.forensics.noise import find_inconsistency
from scanward.seal.forensics.synthetic import score

MAX_FRAMES: Final = 64
"""Frames of a clip or volume in which copies are looked for; the first, evenly taken."""

_MAGICS: Final = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"RIFF")
_LONGEST_MAGIC: Final = 4

_FOUND: Final = {Sign.SIGN: Found.YES, Sign.NO_SIGN: Found.NO, Sign.CANNOT_TELL: Found.CANNOT_TELL}


class _Sight(NamedTuple):
    """What a step can see and what it can't."""

    sees: str
    misses: str


_SIGHTS: Final = {
    StepName.DECLARATION: _Sight(
        "what who made or exported the picture wrote into it and signed (C2PA)",
        "anything where nothing was written, or it was taken out, which takes no skill",
    ),
    StepName.LOOK_UP: _Sight(
        "copies of films that were sealed here: scaled, cut, turned, inverted, in another tone, taken from a screen",
        "films that were not sealed here, slices of CT and MR, parts smaller than a quarter of a film",
    ),
    StepName.DIFFERENCE: _Sight(
        "what was put in or taken out, once the pictures lie over each other and their tones are matched",
        "changes as small as the noise, and those of the whole picture",
    ),
}


class FilmIndex(Protocol):
    """Films that were sealed."""

    def __len__(self) -> int: ...

    def find(self, query: Query) -> tuple[FilmMatch, ...]:
        """Return the films that a picture is a copy of, the one with the most places first."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shown:
    """A picture that is looked at.

    Attributes
    ----------
    grey
        As a viewer shows it: (rows, columns).
    frames
        Samples of its frames as they are stored, some of them.
    """

    grey: NDArray[np.float32]
    frames: tuple[NDArray[np.generic], ...]


class PictureExaminer:
    """Looks at pictures.

    Parameters
    ----------
    index
        Returns the films that were sealed; None where there are none at hand.
    calibration
        Of the site's own films; None for that of the training set.
    """

    def __init__(self, index: Callable[[], FilmIndex] | None = None, calibration: Calibration | None = None) -> None:
        self._index = index
        self._calibration = calibration

    def open(self, content: ByteSource, scan: Opened | None) -> Shown | None:
        """Return the picture that a file shows; None where it shows none that can be decoded."""
        if scan is not None:
            if scan.frames is None:
                return None
            wanted = np.unique(np.linspace(0, scan.frames.count - 1, min(scan.frames.count, MAX_FRAMES)).astype(int))
            frames = tuple(scan.frames.frame(int(one)) for one in wanted)
            return Shown(grey=grey_of(scan.frames), frames=frames)
        if content.size > MAX_PICTURE_BYTES:
            return None
        samples = decode_samples(content.read(0, content.size))
        if samples is None:
            return None
        grey = samples if samples.ndim == 2 else cv2.cvtColor(samples[..., :3], cv2.COLOR_RGB2GRAY)
        return Shown(grey=np.asarray(grey, np.float32), frames=(np.asarray(samples),))

    def declare(self, content: ByteSource) -> Step:
        """Look for what the file says of its own origin (C2PA)."""
        start = content.read(0, _LONGEST_MAGIC)
        if not start.startswith(_MAGICS):
            says = "it is no picture that can say so (PNG, JPEG, TIFF, WebP)"
            return _step(StepName.DECLARATION, Found.NOT_DONE, says)
        try:
            manifest = read_manifest(content.read(0, min(content.size, MAX_PICTURE_BYTES)))
        except EvidenceError as error:
            return _step(StepName.DECLARATION, Found.CANNOT_TELL, str(error))
        if manifest is None:
            return _step(StepName.DECLARATION, Found.NO, "it says nothing of its origin")
        declared = manifest.declaration
        if declared is None:
            says = f"it says where it comes from, and nothing of a generative model; the manifest is {manifest.state}"
            return _step(StepName.DECLARATION, Found.NO, says, _plain(manifest))
        made_by = declared.agent or declared.generator or "a generative model"
        says = f"it says of itself that {made_by} made it or a part of it; manifest: {declared.state}; signer: "
        says += f"{declared.signer or 'nobody named'}, {declared.trust}"
        return _step(StepName.DECLARATION, Found.YES, says, _plain(declared))

    def look_up(self, picture: Picture) -> tuple[Step, str]:
        """Look for a sealed film that shows the same; return its id too, empty where there is none."""
        shown = _shown(picture)
        index = self._index() if self._index is not None else None
        if index is None or not len(index):
            step = _step(StepName.LOOK_UP, Found.NOT_DONE, "no sealed film is known here")
            return step, ""
        try:
            found = index.find(describe_query(shown.grey))
        except EvidenceError as error:
            return _step(StepName.LOOK_UP, Found.CANNOT_TELL, str(error)), ""
        figures: dict[str, object] = {"films": len(index)}
        if not found:
            says = "it is no copy of a film that was sealed here, as far as can be told"
            return _step(StepName.LOOK_UP, Found.NO, says, figures), ""
        best = found[0]
        figures |= {"places": best.places, "inverted": best.is_inverted, "mirrored": best.is_mirrored}
        says = f"it shows a film that was sealed here: {best.places} places agree{_how(best)}"
        return _step(StepName.LOOK_UP, Found.YES, says, figures), best.name

    def differ(self, picture: Picture, original: Picture) -> tuple[Step, bytes]:
        """Look where a picture differs from its original; return that as a PNG too, empty where nobody can say."""
        ours, theirs = _shown(picture), _shown(original)
        try:
            found = difference(theirs.grey, ours.grey)
        except EvidenceError as error:
            return _step(StepName.DIFFERENCE, Found.CANNOT_TELL, str(error)), b""
        regions = [_plain(one) for one in found.regions]
        step = _step(
            StepName.DIFFERENCE,
            Found.YES if regions else Found.NO,
            f"it differs from the original in {len(regions)} places" if regions else "no difference stands out",
            {"regions": regions, "score": found.score, "threshold": HOT, "compared": found.compared},
        )
        return step, draw_difference(found)

    def look_for_edits(self, picture: Picture) -> Sequence[Step]:
        """Look for copies within it, for noise that does not fit, for what a generator leaves."""
        shown = _shown(picture)
        return [
            _copy_step(find_copies(shown.frames)),
            _noise_step(find_inconsistency(shown.frames[0], shown.frames[1:])),
            _synthetic_step(score(shown.grey, self._calibration)),
        ]

    def draw(self, scan: Opened, comparison: Comparison, frame: int) -> bytes:
        """Return a PNG of a frame with what was altered drawn over it."""
        if scan.frames is None:
            raise HoldError("expected frames to draw on, got none")
        return draw_heat_map(scan.frames, comparison, frame)


def _step(name: StepName, found: Found, says: str, figures: Mapping[str, object] | None = None) -> Step:
    sight = _SIGHTS[name]
    return Step(name=name, found=found, says=says, sees=sight.sees, misses=sight.misses, figures=figures or {})


def _shown(picture: Picture) -> Shown:
    if not isinstance(picture, Shown):
        raise TypeError("expected a picture that this examiner opened")
    return picture


def _how(match: FilmMatch) -> str:
    words = [word for word, is_so in (("inverted", match.is_inverted), ("mirrored", match.is_mirrored)) if is_so]
    return f" ({' and '.join(words)})" if words else ""


def _copy_step(signs: CopySigns) -> Step:
    says = {
        Sign.SIGN: f"{len(signs.copies)} parts of it are copies of other parts",
        Sign.NO_SIGN: "no part of it is a copy of another",
        Sign.CANNOT_TELL: signs.why,
    }[signs.outcome]
    figures = {"copies": [_plain(one) for one in signs.copies]} if signs.copies else {}
    return _evidence(StepName.COPY_MOVE, signs.outcome, says, signs.limits, figures)


def _noise_step(signs: NoiseSigns) -> Step:
    says = {
        Sign.SIGN: "the noise of one region does not fit that around it",
        Sign.NO_SIGN: "its noise is even, as far as can be told",
        Sign.CANNOT_TELL: signs.why,
    }[signs.outcome]
    figures: dict[str, object] = {}
    if signs.outcome is not Sign.CANNOT_TELL:
        region = None if signs.region is None else _plain(signs.region)
        figures = {"score": _number(signs.score), "threshold": _number(signs.threshold), "region": region}
        figures |= {"p_value": _number(signs.p_value), "baseline": signs.baseline.value}
    return _evidence(StepName.NOISE, signs.outcome, says, signs.limits, figures)


def _synthetic_step(found: SyntheticScore) -> Step:
    says = {
        Sign.SIGN: "its score is one that films made by a generator have more often than others",
        Sign.NO_SIGN: "its score is one that films of patients have as well",
        Sign.CANNOT_TELL: found.why,
    }[found.outcome]
    figures: dict[str, object] = {}
    if found.outcome is not Sign.CANNOT_TELL:
        figures = {"score": _number(found.score), "threshold": _number(found.threshold)}
        figures |= {"p_value": _number(found.p_value), "calibrated_for_this_site": found.is_site_calibrated}
    return _evidence(StepName.SYNTHETIC, found.outcome, says, found.limits, figures)


def _evidence(name: StepName, sign: Sign, says: str, limits: Limits, figures: Mapping[str, object]) -> Step:
    measured = [
        {"what": one.what, "hits": one.hits, "of": one.of, "interval_95": [round(end, 3) for end in one.interval]}
        for one in (limits.false_alarms, *limits.measured)
    ]
    return Step(
        name=name,
        found=_FOUND[sign],
        says=says,
        sees="; ".join(limits.sees),
        misses="; ".join(limits.misses),
        figures={**figures, "measured": measured},
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def _plain(value: object) -> dict[str, object]:
    """Return a value of the model as plain values, for JSON."""
    plain: dict[str, object] = json.loads(json.dumps(asdict(value), default=_of))  # type: ignore[call-overload]
    return plain


def _of(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
