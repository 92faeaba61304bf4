"""What one process does with a share of the inputs: read them, and de-identify, check and release them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.decide.hold import evaluate_file
from scanward.deidentify.header.apply import ChangeSet
from scanward.deidentify.header.scan import (
    BURNED_IN_ANNOTATION,
    MODALITY,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    InstanceFacts,
    RawIdentifier,
    Scanner,
    decode_identifiers,
)
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import HoldError, NotDicomError, OutputError, ScanwardError, SourceError
from scanward.flow.documents import LEFT_OUT, Documents, FoundDocument, MakeCarriers, MakeRecogniser, suffix_of
from scanward.flow.faces import FaceLooker, MakePlanner, makes_volumes
from scanward.flow.pixels import MakeCleaner, Opener, PixelLooker, Stacks, has_pixels, shows_nothing
from scanward.flow.study import StudyDeidentifier
from scanward.model.decision import Decision, Deny, Permit
from scanward.model.faces import FaceVolume
from scanward.model.identifier import Identifier
from scanward.model.instance import DeidentifiedInstance
from scanward.model.pixels import NO_PIXELS, UNSEEN, PixelOutcome
from scanward.model.profile import Option, Profile
from scanward.model.report import Change, Outcome, PixelTally
from scanward.model.source import SourceFile
from scanward.model.text import DocumentMode, DocumentTally
from scanward.ports.files import ReleaseFolder, Sources
from scanward.ports.recognisers import Recogniser
from scanward.standard.modalities import likely_burned_in
from scanward.standard.uids import is_registered, is_well_formed_uid

if TYPE_CHECKING:
    from scanward.deidentify.documents.kinds import DocumentKind
    from scanward.deidentify.pixels.stack import Stack

COMPARE_BYTES = 1024 * 1024
"""How much of two inputs is compared at a time."""

MEDIA_STORAGE_DIRECTORY = b"1.2.840.10008.1.3.10"
MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002

FactsKey = tuple[tuple[tuple[int, bytes], ...], str, bool]
"""What instances of a series have in common, without the SOP Instance UID: values, Transfer Syntax, byte order."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """An input that goes no further: its place in the list of inputs, where it ended, and why."""

    index: int
    outcome: Outcome
    reason: str


@dataclass(slots=True)
class ScanResult:
    """What a share of the inputs said.

    Attributes
    ----------
    facts
        What instances have in common, each once.
    instances
        For each instance: its place in the list of inputs, place in `facts`, and SOP Instance UID.
    identifiers
        By study: what identifies its patient and itself.
    stopped
        Inputs that are not DICOM or cannot be read.
    unread
        How many of them could not be read here: on another machine they might.
    documents
        Reports and other documents among them that are not DICOM.
    """

    facts: list[FactsKey] = field(default_factory=list)
    instances: list[tuple[int, int, bytes]] = field(default_factory=list)
    identifiers: dict[str, set[Identifier]] = field(default_factory=dict)
    stopped: list[Stopped] = field(default_factory=list)
    unread: int = 0
    documents: list[FoundDocument] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unit:
    """A share of one study.

    Attributes
    ----------
    study
        Number of the study in the run.
    files
        The inputs, with their place in the list of inputs, their facts and SOP Instance UID.
    facts
        What the instances have in common; of one instance of the study where the unit is of documents.
    identifiers
        What must not be in the outputs.
    documents
        Documents that belong to the study: their place in the list of inputs, the input, how it is written.
    """

    study: int
    files: Sequence[tuple[int, SourceFile, int, bytes]]
    facts: dict[int, FactsKey]
    identifiers: frozenset[Identifier]
    documents: Sequence[tuple[int, SourceFile, "DocumentKind"]] = ()


@dataclass(slots=True)
class UnitResult:
    """What became of a unit.

    Attributes
    ----------
    study
        Number of the study in the run.
    released
        Place in the list of inputs and path of the output.
    stopped
        What was held or quarantined.
    changes
        Number of instances by change.
    bytes_released
        Length of all outputs.
    unread
        How many inputs could not be read here: on another machine they might.
    pixels
        What looking at the pixels of what was released came to.
    faces
        What was found of each volume that may show a head.
    documents
        What became of the documents that were released.
    """

    study: int
    released: list[tuple[int, str]] = field(default_factory=list)
    stopped: list[Stopped] = field(default_factory=list)
    changes: Counter[Change] = field(default_factory=Counter)
    bytes_released: int = 0
    unread: int = 0
    pixels: PixelTally = field(default_factory=PixelTally)
    faces: Sequence[FaceVolume] = ()
    documents: DocumentTally = field(default_factory=DocumentTally)


def facts_of(key: FactsKey, sop_instance_uid: bytes = b"") -> InstanceFacts:
    """Return the facts of one instance."""
    values, transfer_syntax_uid, little = key
    return InstanceFacts({**dict(values), SOP_INSTANCE_UID: sop_instance_uid}, (), transfer_syntax_uid, little)


class Worker:
    """Works on shares of a run; keeps what instances of a study have in common between them.

    Parameters
    ----------
    sources, output
        Where inputs come from and outputs go to.
    profile, recipient
        How, and for whom.
    recipient_key
        The recipient's key.
    release_unchecked_pixels
        Whether to release what is likely to carry burned-in text.
    spool
        Folder for inflated data sets, as secret as the inputs.
    make_cleaner
        Makes what looks at pixels; None where nobody looks.
    make_planner
        Makes what looks at faces; None where nobody looks.
    make_carriers
        Makes who cleans documents; None where nobody does.
    make_recogniser
        Makes what recognises identifiers in text; None for none.
    """

    def __init__(
        self,
        *,
        sources: Sources,
        output: ReleaseFolder,
        profile: Profile,
        recipient: str,
        recipient_key: bytes,
        release_unchecked_pixels: bool,
        spool: Path,
        make_cleaner: MakeCleaner | None = None,
        make_planner: MakePlanner | None = None,
        make_carriers: MakeCarriers | None = None,
        make_recogniser: MakeRecogniser | None = None,
    ) -> None:
        self._sources = sources
        self._output = output
        self._profile = profile
        self._recipient = recipient
        self._pseudonyms = Pseudonyms(recipient_key)
        self._release_unchecked_pixels = release_unchecked_pixels
        self._spool = spool
        self._looker = PixelLooker(make_cleaner, profile.pixels)
        self._faces = FaceLooker(make_planner, profile.faces, profile.body)
        self._documents = Documents(make_carriers, profile)
        self._make_recogniser = make_recogniser
        self._recogniser: Recogniser | None = None
        self._scanner = Scanner()
        self._study = -1
        self._deidentifier: StudyDeidentifier | None = None

    def name_study(self, facts: InstanceFacts) -> tuple[str, str]:
        """Return the pseudonym of an instance's patient and the new UID of its study."""
        uid = facts.text(STUDY_INSTANCE_UID)
        retains = Option.RETAIN_UIDS in self._profile.options and is_well_formed_uid(uid)
        if not retains and not is_registered(uid):
            uid = self._pseudonyms.uid(uid)
        return self._pseudonyms.patient(facts.patient_key), uid

    def is_same(self, first: SourceFile, second: SourceFile) -> bool:
        """Whether two inputs hold the same bytes."""
        if first.size != second.size:
            return False
        try:
            with self._sources.open(first) as one, self._sources.open(second) as other:
                return all(
                    one.read(at, COMPARE_BYTES) == other.read(at, COMPARE_BYTES)
                    for at in range(0, first.size, COMPARE_BYTES)
                )
        except ScanwardError:
            return False

    def goes_whole(self, facts: InstanceFacts) -> bool:
        """Whether a study is one unit for an instance of it: where a face may be, what is beside it has to be known."""
        return self._faces.looks and makes_volumes(facts)

    # The first pass

    def scan(self, files: Iterable[tuple[int, SourceFile]]) -> ScanResult:
        """Read the headers of inputs; nothing is written."""
        result = ScanResult()
        numbers: dict[FactsKey, int] = {}
        seen: dict[tuple[str, bytes], dict[int, tuple[RawIdentifier, ...]]] = {}
        for index, file in files:
            try:
                with self._sources.open(file) as source:
                    start = open_dicom(source, self._spool)
                    _refuse_directory(start)
                    facts = self._scanner.scan(start)
            except NotDicomError as error:
                self._scan_document(index, file, error, result)
                continue
            except OutputError:
                raise  # the spool is full: no fault of this input
            except ScanwardError as error:
                result.unread += isinstance(error, SourceError)
                result.stopped.append(Stopped(index, Outcome.QUARANTINED, _reason(error)))
                continue
            uid = facts.values.pop(SOP_INSTANCE_UID)
            key = (tuple(sorted(facts.values.items())), facts.transfer_syntax_uid, facts.little)
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(result.facts)
                result.facts.append(key)
            result.instances.append((index, number, uid))
            self._collect(facts, result.identifiers, seen)
        return result

    def _scan_document(self, index: int, file: SourceFile, error: NotDicomError, result: ScanResult) -> None:
        """Take an input that is not DICOM for a document, if it is one."""
        try:
            with self._sources.open(file) as source:
                kind = self._documents.tell(file.member or file.path, source)
                if kind is None:
                    result.stopped.append(Stopped(index, Outcome.NOT_DICOM, str(error)))
                elif self._profile.text.documents is DocumentMode.REMOVE:
                    result.stopped.append(Stopped(index, Outcome.NOT_DICOM, LEFT_OUT))
                else:
                    result.documents.append(self._documents.read(index, kind, source))
        except HoldError as why_not:
            result.stopped.append(Stopped(index, Outcome.HELD, _reason(why_not)))
        except OutputError:
            raise
        except ScanwardError as why_not:
            result.unread += isinstance(why_not, SourceError)
            result.stopped.append(Stopped(index, Outcome.QUARANTINED, _reason(why_not)))

    @staticmethod
    def _collect(
        facts: InstanceFacts,
        by_study: dict[str, set[Identifier]],
        seen: dict[tuple[str, bytes], dict[int, tuple[RawIdentifier, ...]]],
    ) -> None:
        study = facts.text(STUDY_INSTANCE_UID)
        identifiers = by_study.setdefault(study, set())
        charset = facts.charset
        # Runs of elements that instances share come as the same object: decoding one once is enough. They are kept,
        # so that their identity stays theirs.
        known = seen.setdefault((study, charset), {})
        novel: list[RawIdentifier] = []
        for part in facts.identifiers:
            if id(part) not in known:
                known[id(part)] = part
                novel.extend(part)
        if novel:
            identifiers |= decode_identifiers(novel, charset)

    # The second pass

    def deidentify(self, unit: Unit) -> UnitResult:
        """De-identify, check and release the instances of a unit.

        Raises
        ------
        OutputError
            The outputs cannot be written; what was released before stays.
        """
        result = UnitResult(unit.study)
        tally: Counter[ChangeSet] = Counter()
        deidentifier = self._begin(unit)
        all_facts = [facts_of(unit.facts[number], uid) for _, _, number, uid in unit.files]
        openers = [self._opener(file, facts) for (_, file, _, _), facts in zip(unit.files, all_facts, strict=True)]
        stacks = Stacks(self._looker, all_facts, openers)
        faces = self._faces.look(openers, all_facts)
        result.faces = faces.volumes
        kinds: dict[int, _Kind] = {}
        for place, (index, _, number, _) in enumerate(unit.files):
            facts = all_facts[place]
            kind = kinds.get(number)
            if kind is None:
                kind = kinds[number] = self._make_kind(facts)
            try:
                if kind.has_pixels:
                    _require_permit(kind.decision)
                faces.require_leave(place)
                stack = stacks.find(place)
                with openers[place]() as (start, _):
                    pixels = self._documents.clean_inside(start, facts, deidentifier)
                    if pixels is None:
                        pixels = self._see(start, facts, deidentifier.known, kind, stack)
                    pixels = faces.apply(place, start, facts, pixels)
                    checked, done = deidentifier.deidentify(start, facts, kind.permit, pixels=pixels)
                    path = self._output.write(checked)
            except OutputError:
                raise
            except HoldError as error:
                result.stopped.append(Stopped(index, Outcome.HELD, _reason(error)))
                continue
            except ScanwardError as error:
                result.unread += isinstance(error, SourceError)
                result.stopped.append(Stopped(index, Outcome.QUARANTINED, _reason(error)))
                continue
            if pixels.document is not None:
                result.documents.count(pixels.document)
            result.released.append((index, path))
            result.bytes_released += _length_bytes(done.instance)
            tally.update(done.changes)
            _count_pixels(result.pixels, pixels, kind, done.instance.placement.sop_instance_uid)
        self._clean_documents(unit, deidentifier, result)
        result.changes.update(_sum(tally))
        result.pixels.looked_by = frozenset(self._looker.names) if result.pixels.looked_at else frozenset()
        return result

    def _clean_documents(self, unit: Unit, study: StudyDeidentifier, result: UnitResult) -> None:
        """Clean and release the documents of a unit."""
        for index, file, kind in unit.documents:
            try:
                with self._sources.open(file) as source:
                    name, document = self._documents.clean(kind, source, study)
                facts = facts_of(next(iter(unit.facts.values())))
                patient, study_uid = self.name_study(facts)
                path = self._output.write_document(
                    f"{patient}/{study_uid}", f"{name}{suffix_of(kind, document.data)}", document
                )
            except OutputError:
                raise
            except HoldError as error:
                result.stopped.append(Stopped(index, Outcome.HELD, _reason(error)))
                continue
            except ScanwardError as error:
                result.unread += isinstance(error, SourceError)
                result.stopped.append(Stopped(index, Outcome.QUARANTINED, _reason(error)))
                continue
            result.released.append((index, path))
            result.bytes_released += len(document.data)
            result.documents.count(document)

    def _make_kind(self, facts: InstanceFacts) -> "_Kind":
        is_looked_at = self._looker.looks_at(facts.text(MODALITY))
        return _Kind(
            is_looked_at=is_looked_at,
            # Where it is looked at, that decides.
            decision=self._decide(facts, are_proven=is_looked_at),
            permit=Permit(recipient=self._recipient, profile=self._profile.name),
            has_pixels=has_pixels(facts),
            is_likely_burned_in=likely_burned_in(facts.text(MODALITY), facts.text(SOP_CLASS_UID)),
        )

    def _opener(self, file: SourceFile, facts: InstanceFacts) -> Opener:
        @contextmanager
        def open_instance() -> Iterator[tuple[DataSetStart, InstanceFacts]]:
            with self._sources.open(file) as source:
                yield open_dicom(source, self._spool), facts

        return open_instance

    def _see(
        self,
        start: DataSetStart,
        facts: InstanceFacts,
        known: KnownIdentifiers,
        kind: "_Kind",
        stack: "Stack | None",
    ) -> PixelOutcome:
        if kind.is_looked_at:
            return self._look(start, facts, known, stack)
        return _pixels_unseen(start, kind.decision)

    def _look(
        self, start: DataSetStart, facts: InstanceFacts, known: KnownIdentifiers, stack: "Stack | None"
    ) -> PixelOutcome:
        """Look at the pixels of an instance; raise `HoldError` where it may not leave for what came of it."""
        released = self._release_unchecked_pixels
        pixels = self._looker.look(start, facts, known, stack=stack, may_stay_unseen=released)
        decision = self._decide(facts, are_proven=pixels.is_proven)
        if isinstance(decision, Deny):
            if shows_nothing(start):
                return NO_PIXELS
            missing = self._looker.missing
            if missing is not None and has_pixels(facts):
                raise HoldError(f"{'; '.join(decision.reasons)}; {missing}", remedy=missing.remedy)
            raise HoldError("; ".join(decision.reasons))
        return pixels

    def _decide(self, facts: InstanceFacts, *, are_proven: bool) -> Decision:
        return evaluate_file(
            recipient=self._recipient,
            profile=self._profile.name,
            modality=facts.text(MODALITY),
            sop_class_uid=facts.text(SOP_CLASS_UID),
            burned_in_annotation=facts.text(BURNED_IN_ANNOTATION),
            release_unchecked_pixels=self._release_unchecked_pixels,
            are_proven=are_proven,
        )

    def _begin(self, unit: Unit) -> StudyDeidentifier:
        current = self._deidentifier
        if current is None or unit.study != self._study or unit.identifiers != current.identifiers:
            self._study = unit.study
            current = self._deidentifier = StudyDeidentifier(
                profile=self._profile,
                pseudonyms=self._pseudonyms,
                identifiers=unit.identifiers,
                patient_key=facts_of(next(iter(unit.facts.values()))).patient_key,
                # An earlier run that knew less of the patient may have released what is refused now.
                refused=self._output.withdraw,
                recogniser=self._find_recogniser(),
            )
        return current

    def _find_recogniser(self) -> Recogniser | None:
        if self._recogniser is None and self._make_recogniser is not None:
            self._recogniser = self._make_recogniser()
        return self._recogniser


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """What instances with the same facts have in common, as far as looking at pixels goes."""

    is_looked_at: bool
    decision: Decision
    permit: Permit
    has_pixels: bool
    is_likely_burned_in: bool


def _sum(tally: Counter[ChangeSet]) -> Counter[Change]:
    changes: Counter[Change] = Counter()
    for change_set, count in tally.items():
        for change in change_set.changes:
            changes[change] += count
    return changes


def _require_permit(decision: Decision) -> None:
    if isinstance(decision, Deny):
        raise HoldError("; ".join(decision.reasons))


def _pixels_unseen(start: DataSetStart, decision: Decision) -> PixelOutcome:
    """Return what to say of pixels at which nobody looks; raises `HoldError` where they hold an instance."""
    if isinstance(decision, Deny):
        if shows_nothing(start):
            return NO_PIXELS
        _require_permit(decision)
    return UNSEEN


def _count_pixels(tally: PixelTally, pixels: PixelOutcome, kind: _Kind, sop_instance_uid: str) -> None:
    if pixels.is_proven:
        tally.looked_at += 1
    elif kind.has_pixels:
        tally.unseen += 1
        tally.unseen_likely += kind.is_likely_burned_in
    tally.kept_words += pixels.kept_words
    if pixels.boxes:
        tally.redactions[sop_instance_uid] = pixels.boxes
    if pixels.screen is not None:
        tally.screens[pixels.screen] += 1
        if pixels.boxes:
            tally.screen_of[sop_instance_uid] = pixels.screen


def _length_bytes(instance: DeidentifiedInstance) -> int:
    return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in instance.pieces)


def _refuse_directory(start: DataSetStart) -> None:
    if start.meta.get(MEDIA_STORAGE_SOP_CLASS_UID) == MEDIA_STORAGE_DIRECTORY:
        raise NotDicomError("a DICOMDIR: an index of the files beside it, left out as their names change")


def _reason(error: ScanwardError) -> str:
    return f"{error}. {error.remedy}".rstrip() if error.remedy else str(error)
