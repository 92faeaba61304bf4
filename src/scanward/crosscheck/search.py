"""Searches one output for what is known of the inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scanward.crosscheck.attributes import BULK, MAKERS, Role, role_of
from scanward.crosscheck.embedded import inflated_streams, pdf_texts
from scanward.crosscheck.identifiers import NUMERIC_VRS, Known, runs_of
from scanward.crosscheck.needles import Needle, Searcher
from scanward.crosscheck.reading import Reading, Value
from scanward.crosscheck.report import Kind
from scanward.crosscheck.structure import (
    FULL_DATES,
    MODIFIED_DATES,
    RETAINS_DEVICE,
    RETAINS_INSTITUTION,
    RETAINS_UIDS,
    retained,
)
from scanward.crosscheck.vocabulary import unusual_words

CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Hit:
    """A wanted value in an output: its kind, the place, and where in the inputs it stood."""

    kind: Kind
    place: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What an output says that it retains, and which dates are explained by the patient's offset.

    Attributes
    ----------
    kinds
        Kinds that are retained on purpose.
    uid_values
        Whether UIDs are: then what is part of a UID is no finding.
    moved_dates
        Dates of the patient, moved: equal to another date of the inputs by chance.
    own_dates
        What stood where in the input that the output was made of: equal to that, no move explains a date.
    """

    kinds: frozenset[Kind]
    uid_values: bool
    moved_dates: frozenset[str]
    own_dates: frozenset[tuple[str, str]] = frozenset()


def allowed_in(
    output: Reading, moved_dates: frozenset[str], own_dates: frozenset[tuple[str, str]] = frozenset()
) -> Allowed:
    """Return what may be in `output` by its own marks (PS3.16 CID 7050)."""
    codes = retained(output)
    kinds: set[Kind] = set()
    for code, listed in (
        (FULL_DATES, (Kind.DATE, Kind.TIME)),
        (MODIFIED_DATES, (Kind.TIME,)),
        (RETAINS_INSTITUTION, (Kind.INSTITUTION, Kind.ADDRESS)),
        (RETAINS_DEVICE, (Kind.DEVICE,)),
        (RETAINS_UIDS, (Kind.UID,)),
    ):
        if code in codes:
            kinds.update(listed)
    return Allowed(
        kinds=frozenset(kinds),
        uid_values=RETAINS_UIDS in codes,
        moved_dates=moved_dates if MODIFIED_DATES in codes else frozenset(),
        own_dates=own_dates,
    )


def search_values(output: Reading, known: Known, searcher: Searcher, allowed: Allowed) -> Iterator[Hit]:
    """Yield hits in the parsed values."""
    for value in output.values:
        # Pixels are searched with the bytes of the file; as values they are not.
        texts = (*value.texts, *_runs(value))
        joined = "\n".join(texts)
        for needle in _hits(searcher, joined.encode("utf-8", errors="replace")):
            maker = bool(MAKERS.search(value.keywords[-1])) and known.is_maker(needle.wanted.value)
            if not maker and not _may_stand(needle, value, allowed):
                yield Hit(needle.wanted.kind, value.place, needle.wanted.source)
        for text in value.texts:
            kind = known.same_place.get((value.place, text.casefold()))
            if kind is not None and kind not in allowed.kinds:
                yield Hit(kind, value.place, value.place)


def _hits(searcher: Searcher, data: bytes) -> Iterator[Needle]:
    for _, needle in searcher.find(data):
        yield needle


def _may_stand(needle: Needle, value: Value, allowed: Allowed) -> bool:
    kind = needle.wanted.kind
    if kind in allowed.kinds or (allowed.uid_values and value.vr == "UI"):
        return True
    if needle.wanted.value not in allowed.moved_dates or (value.place, needle.wanted.value) in allowed.own_dates:
        return False
    # A birth date is explained only where a date stands: nothing else of it may come out by any chance.
    return kind is Kind.DATE or (kind is Kind.BIRTH_DATE and value.vr in {"DA", "DT"})


def search_words(output: Reading, known: Known) -> Iterator[Hit]:
    """Yield unusual words of the inputs' texts that came through; technical Attributes are left out."""
    for value in output.values:
        role, _ = role_of(value.keywords, value.vr)
        if value.texts and role is Role.SAFE and value.vr not in NUMERIC_VRS:
            continue
        for text in (*value.texts, *_runs(value)):
            for word in unusual_words(text):
                if word in known.words and word not in known.safe_words:
                    yield Hit(Kind.WORD, value.place, known.words[word])


def _runs(value: Value) -> Iterator[str]:
    """Yield what can be read as text where a value is none, or is numbers that could hold letters."""
    if (value.texts and value.vr not in NUMERIC_VRS) or BULK.search(value.place):
        return iter(())
    return runs_of(value.data)


FEWEST_IN_CODESTREAM = 6
"""Shorter strings come about by chance in megabytes of compressed pixels; what is beside the picture in them is looked
at apart (codestream.py)."""


def search_bytes(
    path: Path, output: Reading | None, known: Known, searcher: Searcher, allowed: Allowed, *, skip_pixels: bool
) -> Iterator[Hit]:
    """Yield hits in the bytes of a file, as a stream.

    Parameters
    ----------
    skip_pixels
        Whether the native pixels are left out: they are those of the input, which is compared apart.
    """
    gap = output.pixel_range if output is not None and skip_pixels else None
    parts: list[tuple[int, int | None, int]] = [(0, None, 0)]
    if gap:
        parts = [(0, gap[0], 0), (gap[0] + gap[1], None, 0)]
    elif output is not None and output.fragments_from:
        parts = [(0, output.fragments_from, 0), (output.fragments_from, None, FEWEST_IN_CODESTREAM)]
    for start, stop, fewest in parts:
        for chunk in _chunks(path, start, stop, searcher.longest):
            for _, needle in searcher.find(chunk):
                if len(needle.data) >= fewest and not _allowed_bytes(needle, allowed, known):
                    yield Hit(needle.wanted.kind, "bytes", needle.wanted.source)
    if output is not None and output.inflated:
        for needle in _hits(searcher, output.inflated):
            if not _allowed_bytes(needle, allowed, known):
                yield Hit(needle.wanted.kind, "inflated bytes", needle.wanted.source)


def _allowed_bytes(needle: Needle, allowed: Allowed, known: Known) -> bool:
    kind = needle.wanted.kind
    if kind in allowed.kinds:
        return True
    # In bytes nobody can tell a moved date, the digits of a UID or a manufacturer from a leak; in values one can.
    if known.is_maker(needle.wanted.value):
        return True
    digits_of_uid = allowed.uid_values and kind in {Kind.DATE, Kind.BIRTH_DATE, Kind.DEVICE, Kind.ID}
    return digits_of_uid or (kind in {Kind.DATE, Kind.BIRTH_DATE} and needle.wanted.value in allowed.moved_dates)


def _chunks(path: Path, start: int, stop: int | None, overlap: int) -> Iterator[bytes]:
    with path.open("rb") as handle:
        handle.seek(start)
        tail = b""
        at = start
        while stop is None or at < stop:
            fresh = handle.read(CHUNK_BYTES if stop is None else min(CHUNK_BYTES, stop - at))
            if not fresh:
                return
            at += len(fresh)
            yield tail + fresh
            tail = (tail + fresh)[-overlap:] if overlap else b""


def search_embedded(output: Reading, known: Known, searcher: Searcher, allowed: Allowed) -> Iterator[Hit]:
    """Yield hits in packed parts of values: zlib streams, PDF documents."""
    for value in output.values:
        if not value.data or value.vr not in {"OB", "OW", "UN"}:
            continue
        texts: list[bytes] = list(inflated_streams(value.data))
        if value.data.startswith(b"%PDF"):
            texts += [text.encode("utf-8", errors="replace") for text in pdf_texts(value.data) or ()]
        for text in texts:
            for needle in _hits(searcher, text):
                if not _may_stand(needle, value, allowed):
                    yield Hit(needle.wanted.kind, f"{value.place}, packed inside", needle.wanted.source)
            for word in unusual_words(text.decode("utf-8", errors="replace")):
                if word in known.words:
                    yield Hit(Kind.WORD, f"{value.place}, packed inside", known.words[word])
