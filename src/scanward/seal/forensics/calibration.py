"""Where the threshold of the synthetic score lies for the films of one site.

Every hospital's films differ from those a model was trained on; a threshold from elsewhere gives false alarms there at
any rate. A site scores films that it knows to be its own, and the threshold is put where about 5% of such films lie
above.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scanward.errors import EvidenceError

FORMAT = "scanward-synthetic-calibration-1"
TARGET = 0.05
MIN_FILMS = 20
"""With fewer films than 1 in `TARGET` no threshold among their scores keeps the rate."""

MAX_FILMS = 100_000
MAX_SCORE = 1e9


class CalibrationFault(StrEnum):
    """Why a calibration cannot be made or read."""

    TOO_FEW = "calibration.too-few-films"
    TOO_MANY = "calibration.too-many-films"
    NOT_FINITE = "calibration.score-not-finite"
    NOT_JSON = "calibration.not-json"
    OTHER_FORMAT = "calibration.other-format"
    OTHER_MODEL = "calibration.other-model"
    OTHER_FIELDS = "calibration.other-fields"
    NOT_IN_ORDER = "calibration.scores-not-in-order"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Scores of films that a site knows to be real.

    Attributes
    ----------
    model
        Digest of the model that gave them: scores of another one do not compare.
    scores
        In rising order.
    """

    model: str
    scores: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """From where on a score is a sign: a further film of the site lies above it with a chance of at most 5%."""
        # Of n + 1 films that are alike, the newest is among the k largest with chance k / (n + 1) (split conformal).
        above = int(TARGET * (len(self.scores) + 1) + 1e-9)
        return self.scores[len(self.scores) - above]

    def p_value(self, score: float) -> float:
        """Return the chance that a film of the site scores as much."""
        return (1 + sum(one >= score for one in self.scores)) / (1 + len(self.scores))


def calibrate(scores: Sequence[float], model: str) -> Calibration:
    """Return the calibration that scores of known films give; raises `EvidenceError`."""
    if any(not math.isfinite(one) for one in scores):
        raise EvidenceError(
            CalibrationFault.NOT_FINITE,
            "a score of a film is no finite number",
            remedy="Leave out films of which the score cannot be told.",
        )
    if len(scores) < MIN_FILMS:
        raise EvidenceError(
            CalibrationFault.TOO_FEW,
            f"expected {MIN_FILMS} films or more, got {len(scores)}",
            remedy="Give more films that are known to be real, of the devices that will be asked about.",
        )
    if len(scores) > MAX_FILMS:
        raise EvidenceError(
            CalibrationFault.TOO_MANY,
            f"expected {MAX_FILMS} films or fewer, got {len(scores)}",
            remedy="Give a random part of them.",
        )
    return Calibration(model=model, scores=tuple(sorted(float(one) for one in scores)))


def encode(calibration: Calibration) -> bytes:
    """Return a calibration as JSON."""
    body = {"format": FORMAT, "model": calibration.model, "scores": list(calibration.scores)}
    return json.dumps(body, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def parse(data: bytes, model: str) -> Calibration:
    """Return the calibration that JSON holds, if it is of a model; raises `EvidenceError`."""
    remedy = "Calibrate anew with films of the site."
    try:
        body = json.loads(data, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise EvidenceError(CalibrationFault.NOT_JSON, "the calibration is no JSON", remedy=remedy) from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise EvidenceError(CalibrationFault.OTHER_FORMAT, f"expected the format {FORMAT}", remedy=remedy)
    scores = body.get("scores")
    if set(body) != {"format", "model", "scores"} or not isinstance(scores, list) or not isinstance(body["model"], str):
        raise EvidenceError(CalibrationFault.OTHER_FIELDS, "expected format, model and scores alone", remedy=remedy)
    if any(type(one) not in {int, float} or not abs(one) <= MAX_SCORE for one in scores):
        raise EvidenceError(CalibrationFault.OTHER_FIELDS, "expected scores that are numbers", remedy=remedy)
    if body["model"] != model:
        raise EvidenceError(CalibrationFault.OTHER_MODEL, "the calibration is of another model", remedy=remedy)
    calibration = calibrate(scores, model)
    if list(calibration.scores) != scores:
        raise EvidenceError(CalibrationFault.NOT_IN_ORDER, "expected scores in rising order", remedy=remedy)
    return calibration


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a name occurs twice")
    return body
