"""Compares outputs with their inputs, to find whether anything that identifies a patient came through.

This stage reads files itself, other than the stages of the pipeline: it is a second opinion, so that it must not see
the files through the writer's eyes. Numbered steps are repeated at each block.

1. Find the files on both sides.
2. Read the inputs and collect what identifies.
3. Read the outputs and tell which input each was made from.
4. Check the structure of each output, and the consistency of all.
5. Search each output: values, words, bytes, what is packed inside.
6. Search names of files and folders, and files that are not DICOM.
"""

import hashlib
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from pathlib import Path

from scanward.crosscheck.identifiers import Known, collect
from scanward.crosscheck.matching import match
from scanward.crosscheck.needles import Searcher
from scanward.crosscheck.reading import Reading, is_dicom, read
from scanward.crosscheck.report import CrosscheckReport, Finding, Kind, Severity
from scanward.crosscheck.search import (
    Allowed,
    Hit,
    allowed_in,
    search_bytes,
    search_embedded,
    search_values,
    search_words,
)
from scanward.crosscheck.structure import RETAINS_UIDS, Consistency, faults_of, pixel_faults, retained
from scanward.errors import SourceError

_NOTHING = Allowed(kinds=frozenset(), uid_values=False, moved_dates=frozenset())
_SOFT_KINDS = frozenset({Kind.WORD, Kind.MISFIT})


def compare(
    sources: Path | Iterable[Path], outputs: Path | Iterable[Path], mapping: Mapping[Path, Path] | None = None
) -> CrosscheckReport:
    """Search outputs for what identifies the patients of the inputs.

    Parameters
    ----------
    sources, outputs
        Folders or files.
    mapping
        Which output was made from which input, where that is known.

    Returns
    -------
    CrosscheckReport
        With every finding; it names places and kinds, never a value.

    Raises
    ------
    SourceError
        When a side is missing or cannot be listed.
    """
    # 1. Find the files.
    source_files, output_files = _files(sources), _files(outputs)
    root = _root(outputs, output_files)
    # 2. Collect what identifies.
    known = Known()
    inputs = []
    for reading in _read_all(source_files):
        collect(known, reading)
        inputs.append(reading.without_data())
    searcher = Searcher(known.wanted.values())
    # 3. Read the outputs.
    results = [reading.without_data() for reading in _read_all(output_files)]
    matched, certain = match(inputs, results, mapping)
    names = _safe_names(output_files, root, searcher)
    findings: set[Finding] = set()
    # 4. Structure and consistency.
    offsets = _check_structure(results, matched, certain, names, findings)
    # 5. Search each output.
    for output in results:
        findings.update(_search_one(output, matched.get(output.path), known, searcher, offsets, names[output.path]))
    # 6. Names, and files that are not DICOM.
    others = [path for path in output_files if path not in {output.path for output in results}]
    keeps_uids = {output.path for output in results if RETAINS_UIDS in retained(output)}
    findings.update(_search_names(output_files, root, searcher, names, keeps_uids))
    findings.update(_search_others(others, source_files, known, searcher, names))
    return CrosscheckReport(
        inputs=len(inputs),
        outputs=len(results),
        other_outputs=len(others),
        matched=len(matched),
        searched=dict(sorted(Counter(wanted.kind.value for wanted in known.wanted.values()).items())),
        findings=tuple(sorted(findings)),
        not_examined=_not_examined(),
    )


def _not_examined() -> tuple[str, ...]:
    texts = ["what can be seen in the pixels"]
    if importlib.util.find_spec("pypdf") is None:
        texts.append("text in PDF documents beyond their unpacked streams: pypdf is not installed")
    return tuple(texts)


def _files(given: Path | Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in [given] if isinstance(given, Path) else given:
        if path.is_dir():
            found += [
                Path(folder) / name for folder, _, names in os.walk(path, followlinks=False) for name in names
            ]  # fmt: skip
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError("expected a folder or file to compare, found none", remedy="Check the two paths.")
    return sorted(path for path in found if path.is_file())


def _root(given: Path | Iterable[Path], files: list[Path]) -> Path:
    if isinstance(given, Path):
        return given if given.is_dir() else given.parent
    return Path(os.path.commonpath([path.parent for path in files])) if files else Path()


def _read_all(paths: Iterable[Path]) -> Iterator[Reading]:
    return (read(path) for path in paths if is_dicom(path))


def _safe_names(paths: Iterable[Path], root: Path, searcher: Searcher) -> dict[Path, str]:
    """Return what each output is called in findings: its path, or a number where the path itself identifies."""
    names = {}
    for number, path in enumerate(paths, 1):
        relative = path.relative_to(root).as_posix()
        leaks = any(True for _ in searcher.find(relative.encode("utf-8", errors="surrogateescape")))
        names[path] = f"output {number}" if leaks else relative
    return names


def _check_structure(
    outputs: list[Reading],
    matched: Mapping[Path, Reading],
    certain: AbstractSet[Path],
    names: Mapping[Path, str],
    findings: set[Finding],
) -> dict[str, int]:
    """Add faults to `findings`; return the offset of dates by patient, where it is one."""
    consistency = Consistency()
    for output in outputs:
        found = list(faults_of(output))
        source = matched.get(output.path)
        if source is not None and output.path in certain:
            found += consistency.add(source, output)
        findings.update(Finding(_severity(kind), kind, names[output.path], place) for kind, place in found)
    for output, (kind, place) in pixel_faults(matched, [output for output in outputs if output.path in certain]):
        findings.add(Finding(Severity.FAULT, kind, names[output.path], place))
    return {patient: next(iter(days)) for patient, days in consistency.offsets.items() if len(days) == 1}


def _severity(kind: Kind) -> Severity:
    return Severity.REVIEW if kind in _SOFT_KINDS else Severity.FAULT


def _moved_dates(source: Reading | None, known: Known, offsets: Mapping[str, int]) -> frozenset[str]:
    if source is None:
        return frozenset()
    patient = source.text("PatientID") or source.text("PatientName")
    days = offsets.get(source.text("PatientID"), 0)
    if not days:
        return frozenset()
    return frozenset(_moved(day, days) for day in known.dates.get(patient, ()))


def _own_dates(source: Reading | None) -> frozenset[tuple[str, str]]:
    """Return the dates of an input, each with its place."""
    if source is None:
        return frozenset()
    return frozenset(
        (value.place, text[:8]) for value in source.values if value.vr in {"DA", "DT"} for text in value.texts
    )


def _moved(day: str, days: int) -> str:
    try:
        return (date(int(day[:4]), int(day[4:6]), int(day[6:8])) + timedelta(days=days)).strftime("%Y%m%d")
    except (ValueError, OverflowError):  # the 31st of a short month, or before the year 1
        return ""


def _search_one(
    output: Reading,
    source: Reading | None,
    known: Known,
    searcher: Searcher,
    offsets: Mapping[str, int],
    name: str,
) -> Iterator[Finding]:
    # Values were dropped after the first reading, so that memory does not grow with the number of files.
    output = read(output.path)
    allowed = allowed_in(output, _moved_dates(source, known, offsets), _own_dates(source))
    hits = [
        *search_values(output, known, searcher, allowed),
        *search_embedded(output, known, searcher, allowed),
    ]
    same_pixels = source is not None and source.pixel_hash == output.pixel_hash
    in_values = {(hit.kind, hit.source) for hit in hits}
    # What is found in a value is in the bytes too; it is told once.
    hits += [
        hit
        for hit in search_bytes(output.path, output, known, searcher, allowed, skip_pixels=same_pixels)
        if (hit.kind, hit.source) not in in_values
    ]
    leaking = {hit.place for hit in hits}
    for hit in hits:
        yield _finding(hit, name)
    for hit in search_words(output, known):
        if hit.place not in leaking:
            yield _finding(hit, name)


def _finding(hit: Hit, name: str) -> Finding:
    severity = Severity.REVIEW if hit.kind is Kind.WORD else Severity.LEAK
    return Finding(severity, hit.kind, name, hit.place, hit.source)


def _search_names(
    paths: Iterable[Path], root: Path, searcher: Searcher, names: Mapping[Path, str], keeps_uids: AbstractSet[Path]
) -> Iterator[Finding]:
    for path in paths:
        relative = path.relative_to(root).as_posix()
        if path in keeps_uids:
            # What a retained UID gives away is part of retaining it.
            relative = re.sub(r"\d+(\.\d+){4,}", "", relative)
        for _, needle in searcher.find(relative.encode("utf-8", errors="surrogateescape")):
            # New UIDs and retained ones name the files; whether a UID may be there is told at the UID itself.
            if needle.wanted.kind is not Kind.UID:
                yield Finding(
                    Severity.LEAK, needle.wanted.kind, names[path], "name of file or folder", needle.wanted.source
                )


def _search_others(
    others: Iterable[Path], sources: Iterable[Path], known: Known, searcher: Searcher, names: Mapping[Path, str]
) -> Iterator[Finding]:  # fmt: skip
    not_dicom = {_digest(path) for path in sources if not is_dicom(path)}
    for path in others:
        if _digest(path) in not_dicom:
            yield Finding(Severity.FAULT, Kind.FILE, names[path], "file that is not DICOM")
        for hit in search_bytes(path, None, known, searcher, _NOTHING, skip_pixels=False):
            yield _finding(hit, names[path])


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
