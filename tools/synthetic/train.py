"""Trains the synthetic score: ``python tools/synthetic/train.py DATA``; writes its model beside its code.

DATA is the folder of real scans. Trained on the 40 films of noneedanick/DeepFakeXRay (MIT licence, as its README says;
where its real films come from, it does not say), laundered alike; what is shipped are means, scales and weights of
features, no part of a film. The same versions make the same model.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "src/scanward/seal/forensics/synthetic_model.json"
sys.path.insert(0, str(ROOT))

from benchmarks.seal.clean_scans import read_films  # noqa: E402
from scanward.seal.forensics.synthetic_features import launder, measure  # noqa: E402

STRENGTH = 0.02
"""Inverse of the regularisation: films are few, features many."""

CLIP = 6.0
FOLDS, REPEATS = 5, 5
DIGITS = 6

Matrix = NDArray[np.float64]


class Fitted:
    """A logistic model on standardised features, as the shipped one computes it."""

    def __init__(self, features: Matrix, labels: NDArray[np.int64], strength: float = STRENGTH) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no film has
            self.mean = np.nan_to_num(np.nanmean(features, 0))
            self.scale = np.maximum(np.nan_to_num(np.nanstd(features, 0), nan=1.0), 1e-6)
        model = LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
        model.fit(self.standardise(features), labels)
        self.weights, self.bias = model.coef_[0], float(model.intercept_[0])

    def standardise(self, features: Matrix) -> Matrix:
        """Return features as the model takes them."""
        standard = np.nan_to_num((features - self.mean) / self.scale, nan=0.0)
        return np.asarray(np.clip(standard, -CLIP, CLIP), np.float64)

    def score(self, features: Matrix) -> Matrix:
        """Return log-odds."""
        return np.asarray(self.standardise(features) @ self.weights + self.bias, np.float64)


def cross_validate(features: Matrix, labels: NDArray[np.int64], tested: Matrix | None = None) -> Matrix:
    """Return the score of each film by models that have not seen it, (repeats, films).

    `tested` are other features of the same films, such as after an attack; else the features trained on.
    """
    tested = features if tested is None else tested
    out = np.zeros((REPEATS, len(labels)))
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for train, test in folds.split(features, labels):
            out[repeat, test] = Fitted(features[train], labels[train]).score(tested[test])
    return out


def main() -> None:
    """Train, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    cv2.setNumThreads(1)
    films = read_films(parser.parse_args().data)
    measured = [measure(launder(film.samples)) for film in films]
    names = sorted(measured[0])
    features = np.array([[one[name] for name in names] for one in measured])
    labels = np.array([int(film.is_generated) for film in films])
    fitted = Fitted(features, labels)
    real = np.sort(cross_validate(features, labels).mean(0)[labels == 0])
    body = {
        "trained_on": "40 films of noneedanick/DeepFakeXRay (MIT), 20 made by GPT-4o, 20 real",
        "names": names,
        "mean": fitted.mean.round(DIGITS).tolist(),
        "scale": fitted.scale.round(DIGITS).tolist(),
        "weights": fitted.weights.round(DIGITS).tolist(),
        "bias": round(fitted.bias, DIGITS),
        "real_scores": real.round(DIGITS).tolist(),
    }
    MODEL.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    print(f"{len(films)} films, {len(names)} features -> {MODEL.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
