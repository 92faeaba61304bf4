"""Fits the score of synthetic films to those of a site: `scanward calibrate`."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from scanward.bootstrap.lookup import read_films, require_engines
from scanward.errors import OutputError, SourceError


def calibrate_on(paths: Sequence[Path], out: Path, tell: Callable[[int], None]) -> tuple[int, float, dict[str, int]]:
    """Write a calibration made of a site's own films; return how many, the threshold, and what was left aside.

    Raises
    ------
    EvidenceError
        There are too few films.
    SourceError
        A source is missing.
    OutputError
        The calibration cannot be written.
    """
    require_engines()
    from scanward.seal.forensics.calibration import calibrate, encode
    from scanward.seal.forensics.synthetic import load_model, score

    scores: list[float] = []
    left_aside: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="scanward-") as spool:
        for path in paths:
            others: dict[str, int] = {}
            for _, values in read_films(path, Path(spool), others):
                found = score(values)
                if found.why:
                    others[found.why] = others.get(found.why, 0) + 1
                    continue
                scores.append(found.score)
                tell(len(scores))
            for reason, count in others.items():
                left_aside[reason] = left_aside.get(reason, 0) + count
    if not scores:
        raise SourceError("expected films of this site, got none", remedy="Name DICOM, PNG, JPEG or TIFF.")
    made = calibrate(scores, load_model().digest)
    try:
        out.write_bytes(encode(made))
    except OSError as error:
        raise OutputError(f"cannot write the calibration: {os.strerror(error.errno or 0)}") from None
    return len(scores), made.threshold, left_aside
