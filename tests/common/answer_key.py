"""Answer keys in the manner of MIDI-B: for each element, what the profile ``research`` has to do with it.

The profile keeps patient characteristics and safe private elements, moves dates, cleans text, structured content and
graphics. Device and institution go. Over-deletion is counted as a fault as much as a leak.

>>> key = write_key_studies(folder, seed=7)  # doctest: +SKIP
>>> score(key, folder, outputs)  # doctest: +SKIP
{<Category.TAG_RETAINED: 'tag retained'>: (1234, 1234), ...}
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from pydicom import config, dcmread
from pydicom.datadict import dictionary_is_retired
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from scanward.crosscheck.matching import match
from scanward.crosscheck.reading import Reading, is_dicom, read
from tests.common.studies import Sample, make_samples, write_sample


class Category(StrEnum):
    """What is scored, in the words of the MIDI-B challenge."""

    TAG_RETAINED = "tag retained"
    TEXT_NOT_NULL = "text not null"
    TEXT_RETAINED = "text retained"
    TEXT_REMOVED = "text removed"
    DATE_SHIFTED = "date shifted"
    UID_CHANGED = "UID changed"
    UID_CONSISTENT = "UID consistent"
    PATIENT_ID_CONSISTENT = "patient ID consistent"
    PIXELS_RETAINED = "pixels retained"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is expected of one element.

    Attributes
    ----------
    path
        Tags and item numbers: ``00400275/0/00321060``.
    texts
        Words that have to stay, or tokens that have to go; the old value of a date, UID or patient ID.
    """

    category: Category
    path: str
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnswerKey:
    """Answers by file, relative to the folder of inputs; patients by file, for what is consistent per patient."""

    answers: Mapping[str, tuple[Answer, ...]]
    patients: Mapping[str, str] = field(default_factory=dict)


_REMOVED = frozenset(
    "AccessionNumber StudyID InstitutionName InstitutionAddress InstitutionalDepartmentName StationName DeviceSerialNumber "
    "PatientAddress PatientTelephoneNumbers OtherPatientIDs RequestedProcedureID ScheduledProcedureStepID PlateID CassetteID "
    "DetectorID TreatmentMachineName VerifyingOrganization ContainerIdentifier SpecimenIdentifier PatientBirthDate".split()
)
"""Attributes whose value must not be there any more (PS3.15 Table E.1-1: Basic profile, no option of `research`)."""
_FREE_TEXT = frozenset(
    "StudyDescription SeriesDescription ProtocolName ImageComments AdditionalPatientHistory AdmittingDiagnosesDescription "
    "ContrastBolusAgent RequestedProcedureDescription ScheduledProcedureStepDescription DerivationDescription TextValue "
    "UnformattedTextValue ContentDescription RTPlanName StructureSetName ROIName SegmentLabel".split()
)
"""Attributes that are cleaned: clinical words stay."""
_NOT_ASKED = frozenset(
    "BurnedInAnnotation SpecificCharacterSet EncapsulatedDocument LongitudinalTemporalInformationModified DocumentTitle "
    "PatientName SoftwareVersions ManufacturerModelName Laterality".split()
)
"""Attributes about which the rules leave a choice."""
_REPLACED_SEQUENCES = frozenset(
    "VerifyingObserverSequence ReferencedPerformedProcedureStepSequence AuthorObserverSequence "
    "IssuerOfTheContainerIdentifierSequence IssuerOfTheSpecimenIdentifierSequence SpecimenPreparationSequence".split()
)
"""Sequences that are emptied or made anew; only removals are asked inside."""
_STOP = frozenset("the and for with was not has had from this that there seen by dr mr mrs ms".split())


def _walk(root: Dataset) -> Iterator[tuple[str, tuple[str, ...], DataElement]]:
    stack: list[tuple[str, tuple[str, ...], Dataset]] = [("", (), root)]
    while stack:
        prefix, keywords, ds = stack.pop()
        for element in ds:
            path = f"{prefix}{int(element.tag):08X}"
            yield path, (*keywords, element.keyword), element
            if element.VR == "SQ":
                stack += [
                    (f"{path}/{number}/", (*keywords, element.keyword), item)
                    for number, item in enumerate(element.value)
                ]


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text that count, casefolded."""
    found = (word.casefold() for word in re.findall(r"[^\W_]+(?:[.,][0-9]+[^\W_]*)?", text))
    return tuple(word for word in found if len(word) >= 2 and word not in _STOP)


def answers_of(ds: Dataset, identity: Iterable[str]) -> Iterator[Answer]:
    """Yield what is expected of each element of an instance.

    Parameters
    ----------
    identity
        Name parts, IDs and numbers of the study, by which a text is parted into what goes and what stays.
    """
    tokens = frozenset(token.casefold() for token in identity if len(token) >= 3)
    for path, keywords, element in _walk(ds):
        if element.tag.is_private or element.is_empty or keywords[-1] in _NOT_ASKED:
            continue
        inside_replaced = bool(_REPLACED_SEQUENCES & set(keywords))
        yield from _answers_of_element(path, keywords[-1], element, tokens, inside_replaced=inside_replaced)
    if ds.get("PatientID"):
        yield Answer(category=Category.PATIENT_ID_CONSISTENT, path="00100020", texts=(str(ds.PatientID),))
    if "PixelData" in ds:
        yield Answer(category=Category.PIXELS_RETAINED, path="7FE00010")
    name = tuple(part for part in re.split(r"[\^= ]+", str(ds.get("PatientName", ""))) if len(part) >= 2)
    if name:
        yield Answer(category=Category.TEXT_REMOVED, path="00100010", texts=name)


def _answers_of_element(
    path: str, keyword: str, element: DataElement, tokens: frozenset[str], *, inside_replaced: bool
) -> Iterator[Answer]:
    value = str(element.value)
    if keyword in _REMOVED or keyword == "PatientID":
        yield Answer(category=Category.TEXT_REMOVED, path=path, texts=(value,))
    elif element.VR == "PN":
        parts = tuple(part for part in re.split(r"[\^= ]+", value) if len(part) >= 3)
        if parts:
            yield Answer(category=Category.TEXT_REMOVED, path=path, texts=parts)
    elif inside_replaced:
        return
    elif element.VR == "UI":
        yield from _uid_answers(path, element)
    elif element.VR in {"DA", "DT"}:
        if re.match(r"\d{8}", value):
            yield Answer(category=Category.DATE_SHIFTED, path=path, texts=(value[:8],))
    elif keyword in _FREE_TEXT:
        yield from _text_answers(path, value, tokens)
    elif not dictionary_is_retired(element.tag) and keyword != "PixelData":
        yield Answer(category=Category.TAG_RETAINED, path=path)
        if element.VR in {"CS", "LO", "SH", "DS", "IS", "AS"}:
            yield Answer(category=Category.TEXT_NOT_NULL, path=path)
        if element.VR in {"CS", "AS"} or keyword in {"PatientWeight", "PatientSize", "CodeMeaning", "CodeValue"}:
            yield Answer(category=Category.TEXT_RETAINED, path=path, texts=words_of(value))


def _uid_answers(path: str, element: DataElement) -> Iterator[Answer]:
    values = [element.value] if element.VM == 1 else list(element.value)
    for value in map(str, values):
        if value.startswith("1.2.840.10008."):
            yield Answer(category=Category.TAG_RETAINED, path=path)
        else:
            yield Answer(category=Category.UID_CHANGED, path=path, texts=(value,))
            yield Answer(category=Category.UID_CONSISTENT, path=path, texts=(value,))


def _text_answers(path: str, value: str, tokens: frozenset[str]) -> Iterator[Answer]:
    """Part a text into sentences: those that name nobody have to stay, what names somebody has to go."""
    kept: list[str] = []
    gone = {token for token in tokens if " " in token and token in value.casefold()}
    for token in gone:
        value = re.sub(re.escape(token), "", value, flags=re.IGNORECASE)
    for sentence in re.split(r"(?<=[.;])\s+| for | of Mrs?\. |, seen by ", value):
        found = {token for token in tokens if token in sentence.casefold()}
        gone |= found
        if not found:
            kept += words_of(sentence)
    if gone:
        yield Answer(category=Category.TEXT_REMOVED, path=path, texts=tuple(sorted(gone)))
    if kept:
        yield Answer(category=Category.TAG_RETAINED, path=path)
        yield Answer(category=Category.TEXT_NOT_NULL, path=path)
        yield Answer(category=Category.TEXT_RETAINED, path=path, texts=tuple(kept))


_DIRT: tuple[tuple[str, str], ...] = (
    ("SeriesDescription", "{old} for {given} {family}"),
    ("StudyDescription", "{old} for {family}, {given}"),
    ("ProtocolName", "{old} for {pid}"),
    ("ImageComments", "{old}, seen by Dr. {referring}"),
    ("ContrastBolusAgent", "{old} for {family}"),
    ("ContentDescription", "{old} of Mr. {family}"),
)
"""What technicians type into descriptions; every second instance gets it."""


def write_key_studies(folder: Path, *, seed: int = 7) -> AnswerKey:
    """Write the sample studies with identifiers in their descriptions, and return the key to them."""
    answers: dict[str, tuple[Answer, ...]] = {}
    patients: dict[str, str] = {}
    for number, sample in enumerate(make_samples(seed=seed), 1):
        identity = _identity(sample)
        if number % 2:
            _soil(sample)
        file = write_sample(sample, folder, number)
        name = file.path.relative_to(folder).as_posix()
        answers[name] = tuple(answers_of(sample.ds, identity))
        patients[name] = file.patient_id
    return AnswerKey(answers=answers, patients=patients)


def _identity(sample: Sample) -> tuple[str, ...]:
    study, patient = sample.study, sample.study.patient
    names = f"{patient.family}^{patient.given}^{study.referring}^{study.performing}^{study.operator}"
    return (*re.split(r"\^+", names), patient.patient_id, study.accession, study.study_id, study.hospital)


def _soil(sample: Sample) -> None:
    study, patient = sample.study, sample.study.patient
    for keyword, template in _DIRT:
        if keyword in sample.ds:
            text = template.format(
                old=getattr(sample.ds, keyword), given=patient.given, family=patient.family, pid=patient.patient_id,
                referring=study.referring.split("^")[0],
            )  # fmt: skip
            setattr(sample.ds, keyword, text[:64])


def pseudophi_key(archive: Path, folder: Path) -> AnswerKey:
    """Unpack TCIA's Pseudo-PHI MR series into `folder` and return the key to it.

    Its pseudo-identifiers are the patient's and physicians' names, the IDs, birth date, address and phone, the
    scanner's serial number and the private elements; its descriptions are clinical and have to stay.
    """
    answers: dict[str, tuple[Answer, ...]] = {}
    patients: dict[str, str] = {}
    with zipfile.ZipFile(archive) as packed:
        names = [name for name in packed.namelist() if "/dicom/" in name and name.endswith(".dcm")]
        for name in names:
            data = packed.read(name)
            target = folder / Path(name).name
            target.write_bytes(data)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ds = dcmread(BytesIO(data))
                identity = re.split(
                    r"[\^ ]+", f"{ds.PatientName}^{ds.ReferringPhysicianName}^{ds.PerformingPhysicianName}"
                )
                answers[target.name] = tuple(answers_of(ds, identity))
            patients[target.name] = str(ds.PatientID)
    return AnswerKey(answers=answers, patients=patients)


@dataclass(kw_only=True)
class _Tally:
    """What can be judged only when all files are read: UIDs, dates and IDs over the whole set."""

    uids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[str, list[int | None]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[Category, list[int]] = field(default_factory=lambda: {category: [0, 0] for category in Category})
    missed: list[tuple[Category, str, str]] = field(default_factory=list)

    def add(self, answer: Answer, file: str, *, passed: bool) -> None:
        self.counts[answer.category][0] += passed
        self.counts[answer.category][1] += 1
        if not passed:
            self.missed.append((answer.category, file, answer.path))


def score(key: AnswerKey, sources: Path, outputs: Path) -> dict[Category, tuple[int, int]]:
    """Return passed and total by category; an instance without an output fails all its answers."""
    return {category: (passed, total) for category, (passed, total) in _judge(key, sources, outputs).counts.items()}


def missed(key: AnswerKey, sources: Path, outputs: Path) -> list[tuple[Category, str, str]]:
    """Return category, file and path of each answer that is not met."""
    return _judge(key, sources, outputs).missed


def _judge(key: AnswerKey, sources: Path, outputs: Path) -> _Tally:
    readings = [read(path) for path in sorted(outputs.rglob("*")) if path.is_file() and is_dicom(path)]
    inputs = [read(sources / name) for name in key.answers]
    by_input: dict[Path, Reading] = {}
    by_path = {reading.path: reading for reading in readings}
    for output, source in match(inputs, readings, None)[0].items():
        by_input[source.path] = by_path[output]
    tally = _Tally()
    hashes = {reading.path: reading.pixel_hash for reading in inputs}
    for name, answers in key.answers.items():
        output = by_input.get(sources / name)
        values = _values(output.path) if output is not None else {}
        same_pixels = output is not None and output.pixel_hash == hashes[sources / name]
        for answer in answers:
            _judge_one(tally, answer, name, key.patients.get(name, ""), values, same_pixels=same_pixels)
    _judge_sets(tally)
    return tally


def _values(path: Path) -> dict[str, str]:
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        ds = dcmread(path, force=True)
        return {where: "" if element.is_empty else str(element.value) for where, _, element in _walk(ds)}


def _judge_one(
    tally: _Tally, answer: Answer, file: str, patient: str, values: Mapping[str, str], *, same_pixels: bool
) -> None:  # fmt: skip
    value = values.get(answer.path)
    lowered = (value or "").casefold()
    match answer.category:
        case Category.TAG_RETAINED:
            tally.add(answer, file, passed=value is not None)
        case Category.TEXT_NOT_NULL:
            tally.add(answer, file, passed=bool(value))
        case Category.TEXT_RETAINED:
            tally.add(answer, file, passed=bool(value) and set(answer.texts) <= set(words_of(lowered)))
        case Category.TEXT_REMOVED:
            gone = bool(values) and not any(text.casefold() in lowered for text in answer.texts)
            tally.add(answer, file, passed=gone)
        case Category.UID_CHANGED:
            tally.add(answer, file, passed=bool(value) and answer.texts[0] not in lowered)
        case Category.UID_CONSISTENT:
            tally.uids[answer.texts[0]].append(value or "")
        case Category.DATE_SHIFTED:
            tally.offsets[patient].append(_offset(answer.texts[0], value or ""))
        case Category.PATIENT_ID_CONSISTENT:
            tally.ids[patient].append(value or "")
        case Category.PIXELS_RETAINED:
            tally.add(answer, file, passed=same_pixels)


def _offset(old: str, new: str) -> int | None:
    try:
        return (
            date(int(new[:4]), int(new[4:6]), int(new[6:8])) - date(int(old[:4]), int(old[4:6]), int(old[6:8]))
        ).days
    except ValueError:
        return None


def _judge_sets(tally: _Tally) -> None:
    owners = Counter(value for values in tally.uids.values() for value in {*values})
    for values in tally.uids.values():
        agreed = len(set(values)) == 1 and owners[values[0]] == 1 and bool(values[0])
        tally.counts[Category.UID_CONSISTENT][0] += len(values) * agreed
        tally.counts[Category.UID_CONSISTENT][1] += len(values)
    for offsets in tally.offsets.values():
        usual = Counter(offset for offset in offsets if offset).most_common(1)
        passed = sum(offset is not None and bool(usual) and offset == usual[0][0] for offset in offsets)
        tally.counts[Category.DATE_SHIFTED][0] += passed
        tally.counts[Category.DATE_SHIFTED][1] += len(offsets)
    owners = Counter(value for values in tally.ids.values() for value in {*values})
    for values in tally.ids.values():
        agreed = len(set(values)) == 1 and owners[values[0]] == 1 and bool(values[0])
        tally.counts[Category.PATIENT_ID_CONSISTENT][0] += len(values) * agreed
        tally.counts[Category.PATIENT_ID_CONSISTENT][1] += len(values)
