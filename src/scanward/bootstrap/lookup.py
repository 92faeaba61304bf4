"""Looks radiographs up in a reference set: `scanward lookup`."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanward.adapters.receive.folder import FolderSources
from scanward.deidentify.header.scan import Scanner
from scanward.dicomstream.opening import open_dicom
from scanward.errors import EngineError, HoldError, NotDicomError, ScanwardError, SourceError
from scanward.model.lookups import Likeness, LookupReport, Match
from scanward.model.source import RefusedFile, SourceFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scanward.adapters.engines.films import Film
    from scanward.adapters.engines.frames import ImageCodec

PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
"""Public sets come as these as often as in DICOM."""

LEAST_SIDE: Final = 64
"""Pixels: a smaller picture has no places to compare."""

NOT_A_FILM: Final = "neither DICOM with pixels nor a PNG, JPEG or TIFF"
UNREADABLE: Final = "an image that cannot be read"
TOO_SMALL: Final = f"an image of less than {LEAST_SIDE} pixels"

Tell = Callable[[str, int], None]
"""Called with what is done, and how many files it was done to."""


def look_up(query: Path, reference: Path, tell: Tell = lambda _what, _count: None) -> LookupReport:
    """Compare each film of `query` with each of `reference`; nothing is written.

    Parameters
    ----------
    query
        Radiographs to look up: a file, a folder or an archive.
    reference
        Where to look them up: likewise.
    tell
        Hears how far it is.

    Raises
    ------
    SourceError
        One of them is missing, or has no film.
    EngineError
        What looks is not installed.
    """
    require_engines()
    from scanward.adapters.engines.films import FilmMatcher

    matcher = FilmMatcher()
    report = LookupReport()
    with tempfile.TemporaryDirectory(prefix="scanward-") as spool:
        films: list[tuple[str, tuple[Film, ...]]] = []
        for path, values in read_films(query, Path(spool), report.left_aside[0]):
            films.append((path, matcher.describe_turned(values)))
            tell("films to look up", len(films))
        report.queries = len(films)
        if not films:
            raise SourceError("expected a radiograph to look up, got none", remedy="Name DICOM, PNG, JPEG or TIFF.")
        for path, values in read_films(reference, Path(spool), report.left_aside[1]):
            known = matcher.describe(values)
            report.references += 1
            tell("films of the reference", report.references)
            for own, turned in films:
                comparison = matcher.compare(turned, known)
                if comparison.likeness is not Likeness.NO_MATCH:
                    report.matches.append(Match(query=own, reference=path, comparison=comparison))
    if not report.references:
        raise SourceError("expected a radiograph in the reference, got none", remedy="Name a folder of them.")
    order = {path: place for place, (path, _) in enumerate(films)}
    ranks = list(Likeness)
    report.matches.sort(
        key=lambda one: (order[one.query], ranks.index(one.comparison.likeness), -one.comparison.places)
    )
    return report


def require_engines() -> None:
    """Raise `EngineError` where what looks at films is not installed."""
    missing = [name for name in ("numpy", "cv2", "imagecodecs") if find_spec(name) is None]
    if missing:
        raise EngineError("what looks at pixels is not installed", remedy="Install it: pip install 'scanward[pixels]'.")


def read_films(path: Path, spool: Path, left_aside: dict[str, int]) -> "Iterator[tuple[str, NDArray[np.float32]]]":
    """Yield path and grey values of each film in a file, folder or archive, and count what is none, by reason."""
    from scanward.adapters.engines.frames import ImageCodec

    codec, reasons = ImageCodec(), Counter[str]()
    sources = FolderSources((path,), exclude=spool, spool=spool)
    try:
        for file in sources.find():
            if isinstance(file, RefusedFile):
                reasons[file.reason] += 1
                continue
            values, reason = _read_film(sources, file, codec, spool)
            if values is not None and min(values.shape) < LEAST_SIDE:
                values, reason = None, TOO_SMALL
            if values is None:
                reasons[reason] += 1
            else:
                yield str(Path(file.path) / file.member) if file.member else file.path, values
    finally:
        sources.close()
        left_aside.update(reasons)


def _read_film(
    sources: FolderSources, file: SourceFile, codec: "ImageCodec", spool: Path
) -> "tuple[NDArray[np.float32] | None, str]":
    """Return the grey values of a film, or why there are none."""
    name = (file.member or file.path).lower()
    try:
        if name.endswith(PICTURES):
            return _read_picture(sources, file)
        return _read_dicom(sources, file, codec, spool)
    except NotDicomError:
        return None, NOT_A_FILM
    except HoldError:
        return None, "an image of a kind that is not looked at"
    except ScanwardError:
        return None, UNREADABLE


def _read_picture(sources: FolderSources, file: SourceFile) -> "tuple[NDArray[np.float32] | None, str]":
    from scanward.adapters.engines.pictures import MAX_PICTURE_BYTES, decode_grey

    if file.size > MAX_PICTURE_BYTES:
        return None, UNREADABLE
    with sources.open(file) as source:
        picture = decode_grey(source.read(0, file.size))
    return (None, UNREADABLE) if picture is None else (picture.astype("float32"), "")


def _read_dicom(
    sources: FolderSources, file: SourceFile, codec: "ImageCodec", spool: Path
) -> "tuple[NDArray[np.float32] | None, str]":
    from scanward.adapters.engines.pictures import grey_of
    from scanward.deidentify.pixels.frames import open_frames

    with sources.open(file) as source:
        start = open_dicom(source, spool)
        frames = open_frames(start, Scanner().scan(start), codec)
        return (None, NOT_A_FILM) if frames is None else (grey_of(frames), "")
