"""How much a picture looks made as a whole by a generator: a score, of which the limits are known."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from scanward.model.signs import Limits, Measured, Outcome, SyntheticScore
from scanward.seal.forensics import synthetic_features
from scanward.seal.forensics.calibration import Calibration
from scanward.seal.forensics.planes import Unfit

LIMITS = Limits(
    sees=("films that were made as a whole by the generator it was trained on (GPT-4o)",),
    misses=(
        "films of an attacker who lays the noise of a real film over them: hardly better than chance (AUC 0.54)",
        "films of generators it was not trained on: not measured",
        "real films that were edited in part",
        "whether a film of another hospital scores high for its devices alone, unless it was calibrated there",
    ),
    false_alarms=Measured(what="real films of the set, by cross-validation", hits=1, of=20),
    measured=(
        Measured(what="found: generated films, by cross-validation (AUC 0.92)", hits=17, of=20),
        Measured(what="found: the same a fifth smaller, JPEG 75 (AUC 0.87)", hits=10, of=20),
        Measured(what="found: the same with real noise transplanted (AUC 0.54)", hits=6, of=20),
        Measured(what="false alarms on films of other sources, not calibrated", hits=1, of=7),
    ),
)
"""Figures of ``benchmarks/seal/synthetic.py``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A logistic model as plain numbers.

    Attributes
    ----------
    digest
        Of the file it came from.
    names
        Of the features, in order.
    mean, scale
        Of each feature in training; a feature that could not be measured counts as its mean.
    weights, bias
        Of the standardised features.
    baseline
        Scores of real films by cross-validation, in rising order.
    """

    digest: str
    names: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float
    baseline: Calibration

    def log_odds(self, features: Mapping[str, float]) -> float:
        """Return the score of features."""
        values = np.array([features[name] for name in self.names])
        standard = np.clip(np.nan_to_num((values - self.mean) / self.scale, nan=0.0), -6, 6)
        return math.fsum((standard * self.weights).tolist()) + self.bias


@cache
def load_model() -> Model:
    """Return the model that comes with Scanward."""
    data = (resources.files("scanward.seal.forensics") / "synthetic_model.json").read_bytes()
    body = json.loads(data)
    digest = hashlib.sha256(data).hexdigest()
    return Model(
        digest=digest,
        names=tuple(body["names"]),
        mean=np.array(body["mean"]),
        scale=np.array(body["scale"]),
        weights=np.array(body["weights"]),
        bias=float(body["bias"]),
        baseline=Calibration(model=digest, scores=tuple(body["real_scores"])),
    )


def score(picture: NDArray[np.generic], calibration: Calibration | None = None) -> SyntheticScore:
    """Return how much a picture looks made as a whole by a generator.

    Parameters
    ----------
    picture
        Samples, (rows, columns) or with colours last.
    calibration
        Of the site that the picture is said to come from; without it the threshold is that of the training set, which
        other sites' films may pass at any rate.
    """
    try:
        features = synthetic_features.measure(synthetic_features.launder(picture))
    except Unfit as unfit:
        return SyntheticScore(outcome=Outcome.CANNOT_TELL, limits=LIMITS, why=str(unfit))
    model = load_model()
    value = model.log_odds(features)
    used = calibration or model.baseline
    return SyntheticScore(
        outcome=Outcome.SIGN if value > used.threshold else Outcome.NO_SIGN,
        limits=LIMITS,
        score=value,
        threshold=used.threshold,
        is_site_calibrated=calibration is not None,
        p_value=used.p_value(value),
    )
