"""Puts together what one file gives away."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scanward.adapters.inspection.classify import TEXT_VRS, classify, is_copy, is_telling_uid
from scanward.adapters.inspection.consequences import find_consequences
from scanward.adapters.inspection.findings import MAX_VALUE_CHARACTERS, Category, Finding, Inspection
from scanward.adapters.inspection.places import PixelFacts, find_places, read_layout
from scanward.adapters.inspection.read import Row, read_data_set, read_rows
from scanward.adapters.inspection.text import KnownValues, describe, find_cues, printable
from scanward.adapters.receive.folder import FileSource, open_file
from scanward.dicomstream.opening import open_dicom
from scanward.errors import ScanwardError
from scanward.standard.modalities import likely_burned_in
from scanward.standard.uids import name_of

_NUMBER_KEYWORDS = {
    "PatientID": "the patient ID",
    "OtherPatientIDs": "another patient ID",
    "IssuerOfPatientID": "the issuer of the patient ID",
    "AccessionNumber": "the accession number",
    "StudyID": "the study ID",
    "AdmissionID": "the admission ID",
    "PatientBirthDate": "the birth date",
    "PatientTelephoneNumbers": "a phone number",
    "DeviceSerialNumber": "the device's serial number",
    "InstitutionName": "the institution",
}
_CUE_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "UR"})
_OVERLAY_DATA = 0x3000


def inspect_file(path: Path) -> Inspection:
    """Return what the file at `path` gives away.

    Raises
    ------
    SourceError
        When it cannot be read; `NotDicomError` when it is not DICOM.
    DicomFormatError
        When it is too broken to be read.
    """
    with open_file(path) as source:
        ds = read_data_set(path)
        rows = list(read_rows(ds))
        facts = {row.keyword: row.text for row in rows if row.keyword and "." not in row.path}
        known = collect_known(rows)
        syntax = str(getattr(getattr(ds, "file_meta", None), "TransferSyntaxUID", "") or "")
        findings = [*_attribute_findings(rows, known), *_private_findings(rows, known)]
        findings += _place_findings(source, known, facts)
        findings += _file_name(path, known)
        findings += _pixel_findings(facts)
    findings = _merge(findings)
    return Inspection(
        sop_class=name_of(facts.get("SOPClassUID", "")) or "unknown",
        modality=facts.get("Modality", ""),
        transfer_syntax=name_of(syntax) or "unknown",
        size_bytes=source.size,
        elements=len(rows),
        findings=findings,
        consequences=find_consequences(findings, facts),
    )


def collect_known(rows: Sequence[Row]) -> KnownValues:
    """Return the identifying values among `rows`, to be found again elsewhere."""
    known = KnownValues()
    for row in rows:
        if row.vr == "PN":
            is_patient = row.keyword in {"PatientName", "OtherPatientNames", "PatientBirthName"}
            known.add_name(row.text.replace("\\", "^"), "the patient's name" if is_patient else "a name")
        elif row.keyword in _NUMBER_KEYWORDS:
            for value in row.text.split("\\"):
                known.add_number(value, _NUMBER_KEYWORDS[row.keyword])
    return known


def _attribute_findings(rows: Sequence[Row], known: KnownValues) -> Iterator[Finding]:
    for row in rows:
        group, element = row.tag >> 16, row.tag & 0xFFFF
        if element == 0:
            yield Finding(
                category=Category.HIDDEN,
                attribute="group lengths",
                note="tell that something was taken out, where they no longer fit",
            )
        elif group & 1:
            continue
        elif row.vr == "SQ":
            if is_copy(row.keyword):
                yield _finding(row, Category.HIDDEN, note="holds copies of values, or of the picture")
        elif group & 0xFF00 in {0x6000, 0x5000} and element == _OVERLAY_DATA:
            yield _finding(row, Category.HIDDEN, note="drawn over the picture; may be text")
        elif row.keyword == "EncapsulatedDocument":
            yield _finding(row, Category.HIDDEN, note=f"a document of {row.length:,} bytes with text of its own")
        elif row.text:
            yield from _value_finding(row, known)


def _value_finding(row: Row, known: KnownValues) -> Iterator[Finding]:
    """Yield the finding for a value, if it gives something away."""
    category = classify(row.tag, row.keyword, row.vr)
    if category is Category.UID:
        if any(is_telling_uid(value) for value in row.text.split("\\")):
            yield _finding(row, Category.UID, value=row.text, note=describe(known.find_kinds(row.text), ()))
    elif category not in {None, Category.TEXT}:
        yield _finding(row, category or Category.WHO, value=row.text)
    elif row.vr in TEXT_VRS:
        kinds = known.find_kinds(row.text)
        cues = find_cues(row.text) if row.vr in _CUE_VRS and not kinds else []
        note = describe(kinds, cues)
        if category is Category.TEXT or note:
            yield _finding(row, Category.TEXT, value=row.text, note=note)


def _private_findings(rows: Sequence[Row], known: KnownValues) -> Iterator[Finding]:
    """Yield one finding for each creator of private elements, and one for each element that repeats something known."""
    counts: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for row in rows:
        if not row.tag >> 16 & 1 or row.tag & 0xFFFF < 0x1000:
            continue
        creator = row.creator or "no creator named"
        counts[creator] += 1
        text = row.text or printable(row.data)
        texts[creator] += any(character.isalpha() for character in text)
        kinds = known.find_kinds(row.text) if row.text else known.find_kinds_in_bytes(row.data)
        if kinds:
            yield _finding(row, Category.PRIVATE, value=text, note=f"{describe(kinds, ())} ({creator})")
    for creator, count in counts.most_common():
        note = f"{count:,} elements, {texts[creator]:,} of them with text" if texts[creator] else f"{count:,} elements"
        yield Finding(category=Category.PRIVATE, attribute=creator, note=note)


def _place_findings(source: FileSource, known: KnownValues, facts: dict[str, str]) -> list[Finding]:
    try:
        start = open_dicom(source)
        return list(find_places(source, start, read_layout(start), known, _pixel_facts(facts)))
    except ScanwardError as error:
        note = f"the file is not well formed: {error}"
        return [Finding(category=Category.HIDDEN, attribute="encoding", note=note)]


def _pixel_facts(facts: dict[str, str]) -> PixelFacts:
    def number(keyword: str, default: int) -> int:
        text = facts.get(keyword, "").strip()
        return int(text) if text.isdecimal() else default

    frames = max(number("NumberOfFrames", 1), 1)
    bits = number("Rows", 0) * number("Columns", 0) * number("BitsAllocated", 0) * frames
    samples = 2 if facts.get("PhotometricInterpretation") in {"YBR_FULL_422", "YBR_PARTIAL_422"} else 0
    return PixelFacts(frames=frames, native_bytes=(bits * (samples or number("SamplesPerPixel", 1)) + 7) // 8)


def _file_name(path: Path, known: KnownValues) -> Iterator[Finding]:
    words = " ".join(path.stem.replace("_", " ").replace("-", " ").replace("^", " ").replace(".", " ").split())
    kinds = known.find_kinds(words)
    if kinds:
        yield Finding(category=Category.HIDDEN, attribute="name of the file", value=path.name, note=describe(kinds, ()))


def _pixel_findings(facts: dict[str, str]) -> Iterator[Finding]:
    claim = facts.get("BurnedInAnnotation", "").strip()
    if claim == "YES":
        note = "says that text is burned into it"
    elif likely_burned_in(facts.get("Modality", ""), facts.get("SOPClassUID", "")):
        note = "pictures of this kind often show names, numbers and dates"
    elif claim == "NO":
        return
    elif "Rows" in facts:
        note = "nothing says whether text is burned into it"
    else:
        return
    yield Finding(category=Category.PIXELS, attribute="BurnedInAnnotation", tag="(0028,0301)", value=claim, note=note)


def _finding(row: Row, category: Category, *, value: str = "", note: str = "") -> Finding:
    return Finding(category=category, attribute=row.path, tag=row.tags, value=value, note=note)


def _merge(findings: Sequence[Finding]) -> list[Finding]:
    """Return `findings` by category, those of the same place and value (or of UIDs, the same place) as one."""
    merged: dict[tuple[Category, str, str, str], Finding] = {}
    for finding in findings:
        shown = "" if finding.category in {Category.UID, Category.HIDDEN} else finding.value
        key = (finding.category, finding.attribute, shown, finding.note)
        first = merged.get(key)
        if first is None:
            merged[key] = replace(finding, value=_cut(finding.value))
        else:
            merged[key] = replace(first, count=first.count + finding.count)
    order = list(Category)
    by_category: Callable[[Finding], int] = lambda finding: order.index(finding.category)  # noqa: E731 - typed key
    return sorted(merged.values(), key=by_category)


def _cut(value: str) -> str:
    """Return `value` on one line, cut to what a table shows."""
    line = "".join(character if character.isprintable() else " " for character in value)
    line = " ".join(line.split())
    return line if len(line) <= MAX_VALUE_CHARACTERS else f"{line[: MAX_VALUE_CHARACTERS - 1]}…"
