"""The file command: all inputs are read first, then each study is de-identified, checked and released.

Two passes, because what must not leave with an instance may be known from another one only: a report that names the
patient of images without a name, a second series with the accession number of the first.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from scanward.deidentify.header.scan import MODALITY, STUDY_INSTANCE_UID
from scanward.deidentify.residual import residual_risks, shown_by
from scanward.errors import ScanwardError
from scanward.flow.document_texts import decode_documents, encode_documents
from scanward.flow.documents import JUST_TEXT, FoundDocument, is_just_text, link
from scanward.flow.face_texts import decode_volumes, encode_volumes
from scanward.flow.pixel_texts import decode_pixels, encode_pixels
from scanward.flow.processes import OpenPool, Pool, open_pool
from scanward.flow.worker import FactsKey, Stopped, Unit, UnitResult, Worker, facts_of
from scanward.model.attribute import Action, Reason
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.profile import Profile
from scanward.model.report import Change, Outcome, RunReport, StudyReport
from scanward.model.risks import Shown
from scanward.model.source import RefusedFile, SourceFile
from scanward.ports.files import Journal, JournalEntry, Sources

MIN_FILES_FOR_A_WORKER = 32
"""A process is started for so many inputs at least: for fewer, starting it takes longer than they do."""

UNIT_FILES = 256
"""Inputs that a worker reads or de-identifies at a time; so many at most are done again after a kill.

A study that may show a head is one unit: what its instances show is known from all of them together.
"""

_PATIENT_KINDS = frozenset(
    {
        IdentifierKind.PATIENT_NAME,
        IdentifierKind.PATIENT_ID,
        IdentifierKind.BIRTH_DATE,
        IdentifierKind.ADDRESS,
        IdentifierKind.PHONE,
        IdentifierKind.EMAIL,
    }
)
"""What identifies a patient in all their studies."""

T = TypeVar("T")

Report = Callable[[str, int, int, int, int], None]
"""Called with the phase (``reading``, ``de-identifying``) and done and total files and bytes."""


@dataclass(frozen=True, kw_only=True)
class FileRun:
    """What a run works with.

    Attributes
    ----------
    sources
        Where inputs come from.
    journal
        Opens the journal; called once the other processes have been started, which must not share it.
    has_output
        Tells whether an output that the journal names is still in its place.
    boot
        Names the start of the machine: what a run left unfinished is trusted until the next one.
    sync
        Makes outputs written so far outlive a power cut.
    worker
        Does the work; copied into each process.
    profile
        How to de-identify.
    workers
        Number of processes.
    report
        The empty report to fill.
    open_pool
        Gives those who do the work.
    unit_files
        Inputs that are read or de-identified at a time.
    """

    sources: Sources
    journal: Callable[[], Journal]
    has_output: Callable[[str], bool]
    boot: str
    sync: Callable[[], None]
    worker: Worker
    profile: Profile
    workers: int
    report: RunReport
    open_pool: OpenPool = open_pool
    unit_files: int = UNIT_FILES


@dataclass(slots=True)
class _Study:
    """A study of the run: what its instances have in common and which they are, and the documents about it."""

    uid: str
    number: int
    patient_key: str
    patient: str
    new_uid: str
    modalities: set[str]
    files: list[tuple[int, int, bytes]]
    report: StudyReport
    documents: list[FoundDocument] = field(default_factory=list)

    @property
    def inputs(self) -> list[int]:
        """The places of all of it in the list of inputs."""
        return [*(index for index, _, _ in self.files), *(one.index for one in self.documents)]


def deidentify_files(run: FileRun, progress: Report) -> RunReport:
    """De-identify all inputs of a run and return its report.

    Raises
    ------
    ScanwardError
        The run as a whole cannot go on (a full disk, a source that is missing). What it did so far is in the journal
        and in its place; the same call goes on from there.
    """
    files, refused = _find(run.sources, progress)
    workers = min(run.workers, max(1, len(files) // MIN_FILES_FOR_A_WORKER))
    with run.open_pool(run.worker, workers) as pool:
        scanned = _scan(run, pool, files, progress)
        studies, stopped = _group(run, files, scanned)
        journal = run.journal()
        journal.begin(f"{run.boot} {_digest(files)}")
        ledger = _Ledger(run, journal, studies)
        stopped += [Stopped(-1, Outcome.QUARANTINED, one.reason) for one in refused]
        _deidentify(run, pool, files, scanned, studies, ledger, progress)
        run.sync()
        return _finish(run, files, scanned.facts, len(files) + len(refused), studies, stopped, ledger)


# The inputs


def _digest(files: Sequence[SourceFile]) -> str:
    """Return a hash of what was found. Another input may name a patient whose outputs were made without knowing it."""
    digest = hashlib.sha256()
    for file in files:
        line = f"{file.path}\0{file.member}\0{file.size}\0{file.modified_ns}\n"
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _find(sources: Sources, progress: Report) -> tuple[list[SourceFile], list[RefusedFile]]:
    files: list[SourceFile] = []
    refused: list[RefusedFile] = []
    for found in sources.find():
        if isinstance(found, RefusedFile):
            refused.append(found)
        else:
            files.append(found)
            if len(files) % 1000 == 0:
                progress("reading", 0, len(files), 0, 0)
    return files, refused


@dataclass(slots=True)
class _Scanned:
    facts: list[FactsKey]
    instances: list[tuple[int, int, bytes]]
    identifiers: dict[str, set[Identifier]]
    stopped: list[Stopped]
    documents: list[FoundDocument]


def _scan(run: FileRun, pool: Pool, files: Sequence[SourceFile], progress: Report) -> _Scanned:
    merged = _Scanned([], [], {}, [], [])
    numbers: dict[FactsKey, int] = {}
    shares = _shares(list(enumerate(files)), run.unit_files)
    done = 0
    for share, result in pool.scan(shares):
        renumbered = []
        for key in result.facts:
            number = numbers.setdefault(key, len(numbers))
            if number == len(merged.facts):
                merged.facts.append(key)
            renumbered.append(number)
        merged.instances += [(index, renumbered[number], uid) for index, number, uid in result.instances]
        for study, found in result.identifiers.items():
            merged.identifiers.setdefault(study, set()).update(found)
        merged.stopped += result.stopped
        merged.documents += result.documents
        done += len(share)
        progress("reading", done, len(files), 0, 0)
    merged.instances.sort()
    merged.documents.sort(key=lambda one: one.index)
    merged.stopped.sort(key=lambda one: one.index)
    return merged


def _shares(values: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while share := list(islice(iterator, size)):
        yield share


# Studies


def _group(run: FileRun, files: Sequence[SourceFile], scanned: _Scanned) -> tuple[list[_Study], list[Stopped]]:
    """Put instances together as studies; of several with one SOP Instance UID the first is taken."""
    by_uid: dict[str, _Study] = {}
    first_of: dict[bytes, int] = {}
    stopped = list(scanned.stopped)
    for index, number, uid in scanned.instances:
        facts = facts_of(scanned.facts[number])
        study_uid = facts.text(STUDY_INSTANCE_UID)
        study = by_uid.get(study_uid)
        if study is None:
            patient, new_uid = run.worker.name_study(facts)
            study = by_uid[study_uid] = _Study(
                study_uid, len(by_uid), facts.patient_key, patient, new_uid, set(), [],
                StudyReport(patient=patient, study_uid=new_uid),
            )  # fmt: skip
        modality = facts.text(MODALITY)
        if modality.isalnum():
            study.modalities.add(modality)
        first = first_of.setdefault(uid.strip(b" \0"), index)
        if first != index and not run.worker.is_same(files[first], files[index]):
            stopped.append(
                Stopped(
                    index,
                    Outcome.QUARANTINED,
                    "another input has the same SOP Instance UID and other content. Find out which one is right.",
                )
            )
        else:
            study.files.append((index, number, uid))
    studies = list(by_uid.values())
    stopped += _link_documents(studies, scanned)
    return studies, stopped


def _link_documents(studies: Sequence[_Study], scanned: _Scanned) -> list[Stopped]:
    """Give each study the documents about it, and what they name; return those that belong to none."""
    linked, others = link(
        scanned.documents,
        [study.uid for study in studies],
        [study.patient_key for study in studies],
        scanned.identifiers,
    )
    for one in linked:
        study = studies[one.study]
        study.documents.append(one.document)
        scanned.identifiers.setdefault(study.uid, set()).update(one.document.facts.identifiers)
    return [
        Stopped(document.index, Outcome.NOT_DICOM, JUST_TEXT)
        if is_just_text(document)
        else Stopped(document.index, Outcome.HELD, reason)
        for document, reason in others
    ]


def _identifiers_of(studies: Sequence[_Study], scanned: _Scanned) -> dict[int, frozenset[Identifier]]:
    """Return what must not leave with each study: its own identifiers, and its patient's from their other studies."""
    own: dict[int, set[Identifier]] = {study.number: set() for study in studies}
    by_patient: dict[str, set[Identifier]] = defaultdict(set)
    for study in studies:
        own[study.number] = scanned.identifiers.get(study.uid, set())
        by_patient[study.patient_key] |= {one for one in own[study.number] if one.kind in _PATIENT_KINDS}
    return {study.number: frozenset(own[study.number] | by_patient[study.patient_key]) for study in studies}


# The work


class _Ledger:
    """What is done, now and in an earlier run that was interrupted."""

    def __init__(self, run: FileRun, journal: Journal, studies: Sequence[_Study]) -> None:
        self._run = run
        self._journal = journal
        self._by_key = {(study.patient, study.new_uid): study for study in studies}
        self.outcomes: dict[SourceFile, tuple[Outcome, str]] = {}
        self.resumed = 0
        self.bytes_released = 0
        self._changes: dict[int, Counter[Change]] = {study.number: Counter() for study in studies}
        for entry in list(journal.find_done()):
            if entry.output and not run.has_output(entry.output):
                # Somebody took outputs away: their changes are counted with those of others, so all is done again.
                journal.forget()
                self.outcomes.clear()
                break
            self.outcomes[entry.file] = (Outcome(entry.outcome), entry.detail)
        for text in journal.partial_reports():
            self._add_partial(json.loads(text))
        self.resumed = len(self.outcomes)

    def changes_of(self, study: _Study) -> Counter[Change]:
        """Return the number of instances by change."""
        return self._changes[study.number]

    def record(self, files: Sequence[SourceFile], study: _Study, result: UnitResult) -> None:
        """Note a unit's results, so that they are not done again after a kill."""
        entries = [
            JournalEntry(files[index], Outcome.RELEASED.value, "", study.number, path)
            for index, path in result.released
        ]
        entries += [
            JournalEntry(files[one.index], one.outcome.value, one.reason, study.number, "") for one in result.stopped
        ]
        partial = {
            "patient": study.patient,
            "study": study.new_uid,
            "bytes": result.bytes_released,
            "changes": [[*change_to_json(change), count] for change, count in result.changes.items()],
            "pixels": encode_pixels(result.pixels),
            "faces": encode_volumes(result.faces),
            "documents": encode_documents(result.documents),
        }
        self._journal.record(entries, json.dumps(partial, separators=(",", ":")))
        for entry in entries:
            self.outcomes[entry.file] = (Outcome(entry.outcome), entry.detail)
        self._changes[study.number].update(result.changes)
        study.report.pixels.add(result.pixels)
        study.report.faces = (*study.report.faces, *result.faces)
        study.report.documents.add(result.documents)
        self.bytes_released += result.bytes_released

    def _add_partial(self, partial: dict[str, Any]) -> None:
        study = self._by_key.get((partial["patient"], partial["study"]))
        if study is None:
            return
        self.bytes_released += partial["bytes"]
        for attribute, tag, action, reason, count in partial["changes"]:
            self._changes[study.number][Change(attribute, tag, Action(action), Reason(reason))] += count
        study.report.pixels.add(decode_pixels(partial["pixels"]))
        study.report.faces = (*study.report.faces, *decode_volumes(partial["faces"]))
        study.report.documents.add(decode_documents(partial["documents"]))


def change_to_json(change: Change) -> tuple[str, str, str, str]:
    """Return a change as JSON has it."""
    return change.attribute, change.tag, change.action.value, change.reason.value


def _deidentify(
    run: FileRun,
    pool: Pool,
    files: Sequence[SourceFile],
    scanned: _Scanned,
    studies: Sequence[_Study],
    ledger: _Ledger,
    progress: Report,
) -> None:
    identifiers = _identifiers_of(studies, scanned)
    by_number = {study.number: study for study in studies}
    for study in studies:
        study.report.identifiers = Counter(one.kind.value for one in identifiers[study.number])
    total = sum(len(study.files) + len(study.documents) for study in studies)
    total_bytes = sum(files[index].size for study in studies for index in study.inputs)
    done = done_bytes = 0

    def units() -> Iterator[Unit]:
        nonlocal done, done_bytes
        for study in studies:
            left = [one for one in study.files if files[one[0]] not in ledger.outcomes]
            documents = [one for one in study.documents if files[one.index] not in ledger.outcomes]
            done += len(study.inputs) - len(left) - len(documents)
            done_bytes += sum(files[index].size for index in study.inputs if files[index] in ledger.outcomes)
            is_whole = any(run.worker.goes_whole(facts_of(scanned.facts[number])) for _, number, _ in left)
            for share in _shares(left, len(left) if is_whole else run.unit_files):
                yield Unit(
                    study.number,
                    [(index, files[index], number, uid) for index, number, uid in share],
                    {number: scanned.facts[number] for _, number, _ in share},
                    identifiers[study.number],
                )
            if documents:
                number = study.files[0][1]
                yield Unit(
                    study.number,
                    [],
                    {number: scanned.facts[number]},
                    identifiers[study.number],
                    [(one.index, files[one.index], one.kind) for one in documents],
                )

    for unit, result in pool.deidentify(units()):
        ledger.record(files, by_number[result.study], result)
        done += len(unit.files) + len(unit.documents)
        done_bytes += sum(file.size for _, file, _, _ in unit.files) + sum(file.size for _, file, _ in unit.documents)
        progress("de-identifying", done, total, done_bytes, total_bytes)


def _finish(
    run: FileRun,
    files: Sequence[SourceFile],
    facts: Sequence[FactsKey],
    found: int,
    studies: Sequence[_Study],
    stopped: Sequence[Stopped],
    ledger: _Ledger,
) -> RunReport:
    """Fill the report; the counts add up to what was found, or the run has failed."""
    report = run.report
    outcomes: Counter[Outcome] = Counter(one.outcome for one in stopped)
    report.skipped = dict(Counter(one.reason for one in stopped).most_common())
    by_study = [(study, Counter[Outcome](), Counter[str]()) for study in studies]
    for study, counts, reasons in by_study:
        released: Counter[int] = Counter()
        for index, number, _ in study.files:
            outcome, detail = ledger.outcomes[files[index]]
            counts[outcome] += 1
            released[number] += outcome is Outcome.RELEASED
            if detail:
                reasons[detail] += 1
        for document in study.documents:
            outcome, detail = ledger.outcomes[files[document.index]]
            counts[outcome] += 1
            if detail:
                reasons[detail] += 1
        outcomes.update(counts)
        study.report.modalities = sorted(study.modalities)
        study.report.outcomes = dict(counts)
        study.report.stopped = dict(reasons)
        study.report.changes = dict(ledger.changes_of(study))
        study.report.shown = _shown(facts, released)
        study.report.residual = residual_risks(study.report, run.profile)
    if sum(outcomes.values()) != found:
        raise ScanwardError(f"expected the counts to add up to {found} inputs, got {sum(outcomes.values())}")
    report.found = found
    report.resumed = ledger.resumed
    report.bytes_released = ledger.bytes_released
    report.outcomes = {outcome: outcomes[outcome] for outcome in Outcome}
    report.looked_by = sorted(frozenset().union(*(study.report.pixels.looked_by for study in studies)))
    report.studies = sorted((study.report for study in studies), key=lambda one: (one.patient, one.study_uid))
    return report


def _shown(facts: Sequence[FactsKey], released: Counter[int]) -> Counter[Shown]:
    """Return what released instances show."""
    shown: Counter[Shown] = Counter()
    for number, count in released.items():
        if count:
            shown[shown_by(facts_of(facts[number]))] += count
    return shown
