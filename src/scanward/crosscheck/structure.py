"""What an output has to be like, whatever stood in the input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from scanward.crosscheck.attributes import PUBLIC_UIDS
from scanward.crosscheck.needles import is_date
from scanward.crosscheck.reading import Reading, Value
from scanward.crosscheck.report import Kind

RETAINS_PRIVATE, RETAINS_UIDS, RETAINS_DEVICE = "113111", "113110", "113109"
RETAINS_INSTITUTION, FULL_DATES, MODIFIED_DATES = "113112", "113106", "113107"
CLEANS_PIXELS = frozenset({"113101", "113102"})
"""Clean Pixel Data and Clean Recognizable Visual Features (PS3.16 CID 7050)."""

_PATTERNS = {
    "CS": re.compile(r"[A-Z0-9 _]{0,16}"),
    "DS": re.compile(r"[0-9+.Ee -]*"),
    "IS": re.compile(r"[0-9+ -]*"),
    "DA": re.compile(r"[0-9.]*"),
    "TM": re.compile(r"[0-9:. ]*"),
    "DT": re.compile(r"[0-9+. -]*"),
    "AS": re.compile(r"(\d{3}[DWMY])?"),
    "UI": re.compile(r"[0-9.]*"),
}
_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "SV": 8, "UV": 8}
_TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)

Fault = tuple[Kind, str]
"""Kind and place."""


def retained(reading: Reading) -> frozenset[str]:
    """Return the codes of (0012,0064), by which an output says what was done and what was retained."""
    return frozenset(
        text
        for value in reading.values
        if value.keywords == ("DeidentificationMethodCodeSequence", "CodeValue")
        for text in value.texts
    )


def faults_of(reading: Reading) -> Iterator[Fault]:
    """Yield what is wrong with one output by itself."""
    codes = retained(reading)
    yield from ((Kind.STRUCTURE, f"{place}, which cannot be read") for place in reading.faults)
    if reading.preamble.strip(b"\0"):
        yield Kind.STRUCTURE, "preamble"
    yield from _marks(reading, codes)
    for value in reading.values:
        yield from _value_faults(value, codes)
    yield from _orphans(reading)
    if reading.excess:
        yield Kind.STRUCTURE, "bytes behind the last pixel"
    yield from ((Kind.CODESTREAM, place) for place in reading.codestream)


def _orphans(reading: Reading) -> Iterator[Fault]:
    """Yield private elements whose block nobody reserved (PS3.5 Section 7.8.1), so that they are nobody's."""
    tags = {value.tags for value in reading.values if value.private}
    for value in reading.values:
        group, element = value.tags[-1] >> 16, value.tags[-1] & 0xFFFF
        if group & 1 and element > 0xFF and (*value.tags[:-1], group << 16 | element >> 8) not in tags:
            yield Kind.PRIVATE, f"{value.place}, without its creator"


def _marks(reading: Reading, codes: frozenset[str]) -> Iterator[Fault]:
    if reading.text("PatientIdentityRemoved") != "YES":
        yield Kind.MARKS, "PatientIdentityRemoved"
    if not reading.text("DeidentificationMethod") and not codes:
        yield Kind.MARKS, "DeidentificationMethod"
    if reading.text("BurnedInAnnotation") == "NO" and not codes & CLEANS_PIXELS:
        yield Kind.BURNED_IN, "BurnedInAnnotation"
    age = reading.text("PatientAge")
    if re.fullmatch(r"\d{3}Y", age) and int(age[:3]) > 90:
        yield Kind.AGE, "PatientAge"


def _value_faults(value: Value, codes: frozenset[str]) -> Iterator[Fault]:
    group, element = value.tags[-1] >> 16, value.tags[-1] & 0xFFFF
    if value.private:
        if RETAINS_PRIVATE not in codes:
            yield Kind.PRIVATE, value.place
    elif element == 0:
        if group != 2 and (value.vr != "UL" or len(value.data) != 4):
            yield Kind.STRUCTURE, value.place
    elif not value.keywords[-1]:
        yield Kind.UNKNOWN, value.place
    if value.vr in _TEXT_VRS:
        if b"\0" in value.data.rstrip(b"\0 "):
            yield Kind.STRUCTURE, f"{value.place}, behind a NUL"
        pattern = _PATTERNS.get(value.vr)
        if pattern and not all(pattern.fullmatch(text) for text in value.texts):
            yield Kind.MISFIT if value.vr == "CS" else Kind.STRUCTURE, f"{value.place}, not of its Value Representation"
    elif value.vr in _SIZES and len(value.data) % _SIZES[value.vr]:
        yield Kind.STRUCTURE, f"{value.place}, not of its Value Representation"
    if value.tags[-1] == 0xFFFCFFFC and value.data.strip(b"\0"):
        yield Kind.STRUCTURE, "DataSetTrailingPadding"


@dataclass(kw_only=True)
class Consistency:
    """Follows replacements over all matched instances: one new UID for one old, one offset for one patient."""

    forward: dict[str, str] = field(default_factory=dict)
    backward: dict[str, str] = field(default_factory=dict)
    offsets: dict[str, set[int]] = field(default_factory=dict)

    def add(self, source: Reading, output: Reading) -> Iterator[Fault]:
        """Take a matched pair in and yield what contradicts earlier ones."""
        before, after = _by_place(source), _by_place(output)
        for place, olds in before.items():
            news = after.get(place, ())
            if len(news) != len(olds):
                continue
            for old, new in zip(olds, news, strict=True):
                if old.vr == "UI" and not PUBLIC_UIDS.search(old.keywords[-1]) and old.tags[0] >> 16 != 2:
                    yield from self._add_uids(old, new)
                elif old.vr in {"DA", "DT"} and old.keywords[-1] != "PatientBirthDate":
                    self._add_dates(source.text("PatientID"), old, new)

    def _add_uids(self, old: Value, new: Value) -> Iterator[Fault]:
        if len(old.texts) != len(new.texts):
            return
        for one, other in zip(old.texts, new.texts, strict=True):
            if one.startswith("1.2.840.10008.") or other.startswith("1.2.840.10008."):
                continue
            if self.forward.setdefault(one, other) != other or self.backward.setdefault(other, one) != one:
                yield Kind.UID_MAP, old.place

    def _add_dates(self, patient: str, old: Value, new: Value) -> None:
        for one, other in zip(old.texts, new.texts, strict=False):
            if is_date(one[:8]) and is_date(other[:8]):
                self.offsets.setdefault(patient, set()).add(_days(other) - _days(one))


def _days(text: str) -> int:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()
    except ValueError:  # the 31st of a short month
        return 0


def _by_place(reading: Reading) -> dict[str, list[Value]]:
    out: dict[str, list[Value]] = {}
    for value in reading.values:
        if value.texts and not value.private:
            out.setdefault(value.place, []).append(value)
    return out


def pixel_faults(
    matched: Mapping[Path, Reading], outputs: Sequence[Reading]
) -> Iterator[tuple[Reading, Fault]]:  # fmt: skip
    """Yield outputs whose pixels are not those of their input, though they do not say that pixels were cleaned."""
    for output in outputs:
        source = matched.get(output.path)
        if source is None or output.pixel_hash == source.pixel_hash or retained(output) & CLEANS_PIXELS:
            continue
        if source.transfer_syntax == output.transfer_syntax:
            yield output, (Kind.PIXELS, "PixelData")
