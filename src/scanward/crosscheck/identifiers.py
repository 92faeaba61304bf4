"""Collects for itself what identifies the patients of the inputs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scanward.crosscheck.attributes import BULK, MAKERS, PUBLIC_UIDS, Role, is_birth_date, role_of
from scanward.crosscheck.needles import Wanted, is_date
from scanward.crosscheck.reading import Reading, Value
from scanward.crosscheck.report import Kind
from scanward.crosscheck.vocabulary import unusual_words

_STANDARD_UID = "1.2.840.10008."
_RUNS = re.compile(rb"[A-Za-z0-9 .,:;@/_<>=\"'()^+-]{6,}")
_WIDE_RUNS = re.compile(rb"(?:[A-Za-z0-9 .,:;@/_^+-]\x00){5,}")
NUMERIC_VRS = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
_SHORTEST_SAME_PLACE = 2


@dataclass(kw_only=True)
class Known:
    """What is known of the inputs.

    Attributes
    ----------
    wanted
        Values that must not come out.
    words
        Unusual words of free and private text, with the place they stand in: for review.
    same_place
        Values of identifying Attributes by place, however short: they must not stand there again.
    dates
        Dates by patient, for outputs that move dates.
    safe_words
        Unusual words of technical Attributes, which are not for review.
    makers
        What stands in Attributes that name manufacturers and coding schemes, casefolded.
    """

    wanted: dict[tuple[Kind, str], Wanted] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    same_place: dict[tuple[str, str], Kind] = field(default_factory=dict)
    dates: dict[str, set[str]] = field(default_factory=dict)
    safe_words: set[str] = field(default_factory=set)
    makers: set[str] = field(default_factory=set)

    def is_maker(self, value: str) -> bool:
        """Whether a value also is part of a manufacturer's or coding scheme's name."""
        return any(value.casefold() in maker for maker in self.makers)

    def add(self, kind: Kind, value: str, source: str) -> None:
        """Add a value that must not come out."""
        if value:
            self.wanted.setdefault((kind, value), Wanted(kind, value, source))


def collect(known: Known, reading: Reading) -> None:
    """Add what identifies in one input to `known`."""
    patient = reading.text("PatientID") or reading.text("PatientName")
    ours = reading.text("ImplementationVersionName").upper().startswith("SCANWARD")
    for value in reading.values:
        # What Scanward wrote into an input says nothing of its patient, and stands in every output again.
        if ours and value.keywords[-1] in {"ImplementationVersionName", "ImplementationClassUID"}:
            continue
        match value.vr:
            case "UI":
                _take_uids(known, value)
            case "DA" | "DT":
                _take_dates(known, value, patient)
            case "TM":
                _take_times(known, value)
            case _:
                _take_texts(known, value)


def _take_times(known: Known, value: Value) -> None:
    for text in value.texts:
        if text.strip("0."):
            known.add(Kind.TIME, text, value.place)


def _take_texts(known: Known, value: Value) -> None:
    place = value.place
    role, kind = role_of(value.keywords, value.vr)
    numbers = value.vr in NUMERIC_VRS
    if (numbers or not value.texts) and BULK.search(place):
        return
    if MAKERS.search(value.keywords[-1]):
        known.makers.update(text.casefold() for text in value.texts)
    for text in runs_of(value.data) if numbers or not value.texts else value.texts:
        if role is Role.IDENTIFIES:
            _take_identifying(known, kind, text, place)
        elif role is Role.SAFE and value.texts and not numbers:
            known.safe_words |= unusual_words(text)
        else:
            for word in unusual_words(text):
                known.words.setdefault(word, place)


def _take_identifying(known: Known, kind: Kind, text: str, place: str) -> None:
    known.add(kind, text, place)
    if len(text) >= _SHORTEST_SAME_PLACE:
        known.same_place.setdefault((place, text.casefold()), kind)
    if kind in {Kind.ADDRESS, Kind.INSTITUTION, Kind.PHONE, Kind.ID, Kind.DEVICE}:
        # A street, a hospital or an e-mail's name is told by its one unusual word.
        for word in unusual_words(text, least=6):
            known.add(kind, word, place)
    if kind is Kind.NAME:
        for word in unusual_words(text):
            known.add(Kind.NAME, word, place)
    if is_date(text):
        known.add(Kind.DATE, text, place)


def _take_uids(known: Known, value: Value) -> None:
    if PUBLIC_UIDS.search(value.keywords[-1]):
        return
    for text in value.texts:
        if len(text) >= 8 and not text.startswith(_STANDARD_UID):
            known.add(Kind.UID, text, value.place)


def _take_dates(known: Known, value: Value, patient: str) -> None:
    keyword = value.keywords[-1]
    for text in value.texts:
        day = text[:8]
        if not is_date(day):
            continue
        known.add(Kind.BIRTH_DATE if is_birth_date(keyword) else Kind.DATE, day, value.place)
        known.dates.setdefault(patient, set()).add(day)


def runs_of(data: bytes) -> Iterator[str]:
    """Yield what can be read as text in binary data."""
    for match in _RUNS.finditer(data):
        yield match[0].decode("ascii")
    for match in _WIDE_RUNS.finditer(data):
        yield match[0].decode("utf-16-le", errors="replace")
