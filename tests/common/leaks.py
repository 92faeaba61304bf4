"""Searches outputs for planted tokens: in bytes, in decoded values, in what is packed inside."""

from __future__ import annotations

import re
import shutil
import subprocess
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.common.planter import Plant, PlantedFile, signature
from tests.common.tokens import Kind, notations

KEPT_BY_PROFILE: dict[str, frozenset[Kind]] = {
    "basic": frozenset(),
    "ai-inference": frozenset({Kind.TIME}),
    "research": frozenset({Kind.TIME}),
    "patient-copy": frozenset({Kind.DATE, Kind.TIME, Kind.UID, Kind.INSTITUTION, Kind.DEVICE}),
}
"""Kinds whose Attributes a profile keeps on purpose, so that finding their token is no leak."""


_TEXT_GRAM, _BYTE_GRAM = 3, 4
"""No token is shorter: a token whose beginning is nowhere in a file need not be searched for."""
_DIGITS = re.compile(rb"[0-9]*")


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A planted token that came out.

    Attributes
    ----------
    place
        Where it was planted.
    how
        How it was found: "bytes", "value 00081030", "file name", "PDF text" ...
    file
        Path of the output, relative to the folder searched.
    """

    place: str
    how: str
    file: str


@dataclass(frozen=True)
class _Text:
    how: str
    path: str
    text: str


@dataclass(frozen=True)
class _Output:
    """What one file says, in all the ways it is looked at."""

    file: str
    blobs: tuple[tuple[str, bytes], ...]
    texts: tuple[_Text, ...]
    signature: str
    study_date: str
    text_grams: frozenset[str]
    byte_grams: frozenset[bytes]


def find_leaks(
    planted: Sequence[PlantedFile], folder: Path, *, kept: frozenset[Kind] = frozenset(), identity: bool = True
) -> list[Leak]:
    """Search every file below `folder` for every planted token.

    Parameters
    ----------
    kept
        Kinds that a profile keeps, see `KEPT_BY_PROFILE`.
    identity
        Whether the hosts' own names, IDs and UIDs are searched for too.

    Notes
    -----
    Where dates are moved, a moved date can equal another planted one by chance. When an output can be told to come
    from a host (`signature`), dates that the offset seen in Study Date explains count only where they were planted.
    """
    plants = [
        plant
        for file in planted
        for plant in (*file.places, *(file.identity if identity else ()))
        if plant.kind not in kept
    ]
    by_signature = {file.signature: file for file in planted}
    leaks: dict[tuple[str, str], Leak] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        output = _look_at(path, path.relative_to(folder).as_posix())
        host = by_signature.get(output.signature)
        explained = _moved_dates(host, output)
        own = {id(plant) for plant in (*host.places, *host.identity)} if host is not None else set()
        for plant in plants:
            how = _find(plant, output, explained, is_own=id(plant) in own)
            if how:
                leaks.setdefault((plant.place, output.file), Leak(place=plant.place, how=how, file=output.file))
    return list(leaks.values())


def leaking_places(leaks: Iterable[Leak]) -> list[str]:
    """Return the places that leak, each once."""
    return sorted({leak.place for leak in leaks})


def _moved_dates(host: PlantedFile | None, output: _Output) -> frozenset[str]:
    if host is None or not re.fullmatch(r"\d{8}", output.study_date):
        return frozenset()
    try:
        offset = _day(output.study_date) - _day(host.study_date)
    except ValueError:
        return frozenset()
    if not offset:
        return frozenset()
    own = {plant.token for plant in (*host.places, *host.identity) if plant.kind is Kind.DATE}
    moved = set()
    for token in own:
        with suppress(OverflowError):  # a tool that writes the year 1 moves dates out of the calendar
            moved.add((_day(token) + offset).strftime("%Y%m%d"))
    return frozenset(moved)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _find(plant: Plant, output: _Output, explained: frozenset[str], *, is_own: bool) -> str:
    """Return how a plant is found in an output; empty when it is not."""
    by_chance = plant.kind is Kind.DATE and plant.token in explained
    if by_chance and not is_own:
        return ""  # the date of another host: nothing of that is in this output
    wanted = [text.casefold() for text in notations(plant.kind, plant.token)]
    wanted = [text for text in wanted if text[:_TEXT_GRAM] in output.text_grams]
    for seen in output.texts if wanted else ():
        if by_chance and seen.path != plant.path:
            continue
        if any(text in seen.text for text in wanted):
            return seen.how
    if by_chance:
        return ""
    variants = [variant for variant in plant.raw if variant[:_BYTE_GRAM] in output.byte_grams]
    for how, data in output.blobs if variants else ():
        if any(_stands(variant, data) for variant in variants):
            return how
    return ""


def _stands(variant: bytes, data: bytes) -> bool:
    """Whether a variant is in the data; digits inside a UID made of 128 random bits are there by chance."""
    at = data.find(variant)
    while at >= 0:
        if not variant.isdigit():
            return True
        start = len(data[max(0, at - 64) : at].rstrip(b"0123456789"))
        end = _DIGITS.match(data, at)
        if end is None or end.end() - max(0, at - 64) - start < 24:
            return True
        at = data.find(variant, at + 1)
    return False


def _look_at(path: Path, name: str) -> _Output:
    data = path.read_bytes()
    blobs, texts = [("bytes", data.lower())], [_Text("file name", "", name.casefold())]
    mark, study_date = "", ""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            ds = dcmread(path, force=True)
        except Exception:  # noqa: BLE001  - an output that pydicom can't read is still searched byte by byte
            ds = Dataset()
        if getattr(getattr(ds, "file_meta", None), "TransferSyntaxUID", "") == DeflatedExplicitVRLittleEndian:
            blobs.append(("inflated Data Set", _inflate_data_set(data).lower()))
        meta = getattr(ds, "file_meta", Dataset())
        texts += [*_values(meta), *_values(ds)]
        mark, study_date = signature(ds), str(ds.get("StudyDate", ""))
        document = ds.get("EncapsulatedDocument")
    blobs += [("inflated part", part.lower()) for part in inflated_parts(data)]
    if document:
        texts.append(_Text("PDF text", "", pdf_text(document).casefold()))
    text_grams = frozenset(gram for seen in texts for gram in _grams(seen.text, _TEXT_GRAM))
    byte_grams = frozenset(gram for _, blob in blobs for gram in _grams(blob, _BYTE_GRAM))
    return _Output(name, tuple(blobs), tuple(texts), mark, study_date, text_grams, byte_grams)


def _grams(data: Any, size: int) -> Iterator[Any]:
    return (data[at : at + size] for at in range(len(data) - size + 1))


def _inflate_data_set(data: bytes) -> bytes:
    length = int.from_bytes(data[140:144], "little")
    try:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(data[144 + length :])
    except zlib.error:
        return b""


def inflated_parts(data: bytes) -> Iterator[bytes]:
    """Yield what zlib streams anywhere in `data` hold."""
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            part = zlib.decompressobj().decompress(data[match.start() :], 1 << 22)
        except zlib.error:
            continue
        if len(part) >= 4:
            yield part


def _values(root: Dataset) -> Iterator[_Text]:
    """Yield every value that is text or can be read as such, from all levels."""
    stack: list[tuple[str, Dataset]] = [("", root)]
    while stack:
        prefix, ds = stack.pop()
        for tag in sorted(ds.keys()):
            path = f"{prefix}{int(tag):08X}"
            try:
                element = ds[tag]
                value = element.value
            except Exception as error:  # noqa: BLE001  - what can't be decoded is searched as bytes
                yield _Text(f"undecodable {path}", path, str(type(error)))
                continue
            if element.VR == "SQ":
                stack += [(path + "/", item) for item in value]
            elif isinstance(value, bytes):
                yield from (_Text(f"value {path}", path, text.casefold()) for text in _decoded(value))
            else:
                yield _Text(f"value {path}", path, str(value).casefold())


def _decoded(value: bytes) -> Iterator[str]:
    if len(value) > 1 << 20:
        return
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        yield value.decode(encoding, errors="replace")
    yield value[1:].decode("utf-16-le", errors="replace")


def pdf_text(document: bytes) -> str:
    """Return the text of a PDF by poppler's pdftotext; empty where that is not installed."""
    tool = shutil.which("pdftotext")
    if tool is None:
        return ""
    done = subprocess.run([tool, "-", "-"], input=document, capture_output=True, check=False, timeout=60)
    return done.stdout.decode("utf-8", errors="replace")
