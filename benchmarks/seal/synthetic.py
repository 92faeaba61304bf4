"""The synthetic score by cross-validation, against an attacker, and on films and slices of other places.

Everything is laundered alike inside the score. 20 + 20 films are few: each rate stands with its interval.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.seal.clean_scans import SERIES, Film, read_films, read_other_films, read_series
from benchmarks.table import format_table
from scanward.model.signs import Measured
from scanward.seal.forensics.calibration import MIN_FILMS, calibrate
from scanward.seal.forensics.planes import to_greys, to_plane
from scanward.seal.forensics.synthetic import load_model
from scanward.seal.forensics.synthetic_features import compress, launder, measure

ROOT = Path(__file__).resolve().parents[2]
STEPS = {"MR T1 head (MEMPRAGE)": 4}

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


def features_of(pictures: list[NDArray[np.generic]]) -> Matrix:
    """Return the features of pictures in the order of the model, (pictures, features)."""
    names = load_model().names
    measured = [measure(launder(one)) for one in pictures]
    return np.array([[one[name] for name in names] for one in measured])


def transplant(films: list[Film]) -> list[NDArray[np.generic]]:
    """Return the films as an attacker would hand them in: generated ones smoothed, with the noise of a real one."""
    real = [launder(film.samples).astype(np.float32) for film in films if not film.is_generated]
    fine = [one - cv2.GaussianBlur(one, (0, 0), 1.5) for one in real]
    out: list[NDArray[np.generic]] = []
    for number, film in enumerate(films):
        if not film.is_generated:
            out.append(film.samples)
            continue
        made = launder(film.samples).astype(np.float32)
        noise = fine[number % len(fine)]
        times = made.shape[0] // noise.shape[0] + 1, made.shape[1] // noise.shape[1] + 1
        noise = np.tile(noise, times)[: made.shape[0], : made.shape[1]]
        out.append(np.clip(np.rint(cv2.GaussianBlur(made, (0, 0), 1.0) + noise), 0, 255).astype(np.uint8))
    return out


def shrunk(film: Film) -> NDArray[np.generic]:
    """Return a film as a messenger would pass it on: a fifth smaller, JPEG 75."""
    greys = to_greys(to_plane(film.samples))
    small = cv2.resize(greys, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    return compress(np.asarray(small, np.float32), 75)


def area(scores: Matrix, labels: Labels) -> float:
    """Return the area under the curve: how often a generated film scores above a real one."""
    above = scores[labels == 1][:, None] - scores[labels == 0][None]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def area_interval(scores: Matrix, labels: Labels) -> tuple[float, float]:
    """Return where the area lies with 95% confidence, by drawing films anew 2000 times."""
    rng = np.random.default_rng(5)
    made, real = scores[labels == 1], scores[labels == 0]
    drawn = [
        area(
            np.r_[rng.choice(made, len(made)), rng.choice(real, len(real))],
            np.r_[np.ones(len(made)), np.zeros(len(real))],
        )
        for _ in range(2000)
    ]
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def by_cross_validation(data: Path) -> tuple[list[list[str]], dict[str, object], list[Film], Labels]:
    """Return rows and figures of what models say that have not seen the film."""
    sys.path.insert(0, str(ROOT / "tools" / "synthetic"))
    from train import cross_validate

    films = read_films(data)
    labels = np.array([int(film.is_generated) for film in films])
    plain = features_of([film.samples for film in films])
    changed = {
        "as they are": plain,
        "a fifth smaller, JPEG 75": features_of([shrunk(film) for film in films]),
        "real noise transplanted": features_of(transplant(films)),
    }
    rows: list[list[str]] = []
    figures: dict[str, object] = {}
    threshold = float(np.sort(cross_validate(plain, labels).mean(0)[labels == 0])[-2])
    for name, tested in changed.items():
        runs = cross_validate(plain, labels, tested)
        scores = runs.mean(0)
        hits = Measured(what=f"generated films, {name}", hits=int((scores[labels == 1] > threshold).sum()), of=20)
        alarms = Measured(what=f"real films, {name}", hits=int((scores[labels == 0] > threshold).sum()), of=20)
        low, high = area_interval(scores, labels)
        mean = float(np.mean([area(run, labels) for run in runs]))
        cells = [f"{one.hits}/{one.of} ({one.interval[0]:.2f} to {one.interval[1]:.2f})" for one in (hits, alarms)]
        rows.append([name, f"{mean:.3f} ({low:.2f} to {high:.2f})", *cells])
        figures[name] = {"area": mean, "interval": [low, high], "found": asdict(hits), "alarms": asdict(alarms)}
    return rows, figures, films, labels


def elsewhere(data: Path) -> list[Measured]:
    """Return how many real pictures of other places give a sign, by the threshold shipped and by their own."""
    model = load_model()

    def scores_of(pictures: list[NDArray[np.generic]]) -> list[float]:
        return [model.log_odds(dict(zip(model.names, row.tolist(), strict=True))) for row in features_of(pictures)]

    films = scores_of([film.samples for film in read_other_films(data)])
    shipped = model.baseline.threshold
    out = [
        Measured(
            what="radiographs of 5 other sources, threshold as shipped",
            hits=sum(one > shipped for one in films),
            of=len(films),
        )
    ]
    for name in SERIES:
        slices = scores_of(list(read_series(data, name, STEPS.get(name, 1))))
        known, asked = slices[::2], slices[1::2]
        out.append(Measured(what=f"{name}, as shipped", hits=sum(one > shipped for one in asked), of=len(asked)))
        if len(known) < MIN_FILMS:
            known = (known * MIN_FILMS)[:MIN_FILMS]  # fewer slices than a site would give: each counts more than once
        own = calibrate(known, model.digest).threshold
        out.append(Measured(what=f"{name}, calibrated", hits=sum(one > own for one in asked), of=len(asked)))
    return out


def run(data: Path | None) -> dict[str, object]:
    """Print the tables; return the figures."""
    if data is None:
        print("The synthetic score is not measured: there are no real scans here.")
        return {}
    cv2.setNumThreads(1)
    rows, figures, _, _ = by_cross_validation(data)
    print("\nSynthetic score, 5 x 5-fold cross-validation on 20 generated and 20 real films, 1 of 20 real above\n")
    print(format_table(["films", "AUC (95% interval)", "found", "false alarms"], rows))
    others = elsewhere(data)
    print("\nReal pictures of other places that give a sign\n")
    cells = [[one.what, f"{one.hits}/{one.of}", f"{one.interval[0]:.2f} to {one.interval[1]:.2f}"] for one in others]
    print(format_table(["pictures", "signs", "95% interval"], cells))
    return {"cross_validated": figures, "elsewhere": [asdict(one) for one in others]}
