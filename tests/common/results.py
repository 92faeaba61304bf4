"""A study as one recipient got it, and the results that the recipient makes of it."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir

import pydicom
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from scanward.deidentify.header.scan import Scanner, decode_identifiers
from scanward.deidentify.profile import load_profile
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.dicomstream.opening import open_dicom
from scanward.flow.study import StudyDeidentifier
from scanward.model.agreement import ResultScope
from scanward.model.decision import Permit
from scanward.model.instance import ByteSource, BytesSource, CheckedInstance, Piece
from scanward.release.label import Labelling
from scanward.release.match import Match, ReleasedContext, match_result
from scanward.release.originals import Originals
from scanward.release.read import ResultFacts, read_result
from scanward.release.reidentify import ReidentifiedResult, Reidentifier
from tests.common import documents, radiotherapy
from tests.common.images import make_sc
from tests.common.patients import Patient, Study
from tests.common.studies import Sample, make_samples

SPOOL = Path(gettempdir())
DISCLOSED = date(2026, 11, 20)
RECEIVED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TODAY = "20261121"
RECIPIENT_ROOT = "1.2.826.0.1.3680043.10.99999"

LABELLING = Labelling(
    recipient_name="Lung AI, Inc.", release_id="0f" * 16, agreement_version="ab" * 32, received=RECEIVED
)


@dataclass(kw_only=True)
class Sent:
    """What one recipient was sent of one study.

    Attributes
    ----------
    study
        The original.
    originals
        What the vault keeps of it.
    instances
        What left, by name of the sample.
    """

    study: Study
    originals: Originals
    instances: dict[str, Dataset]

    def context(self, *, others: Sequence[Sent] = (), archived: Iterable[str] = ()) -> ReleasedContext:
        """Return what ledger and vault would say."""
        sent = [ds for one in (self, *others) for ds in one.instances.values()]
        return ReleasedContext(
            instances=frozenset(str(ds.SOPInstanceUID) for ds in sent),
            series=frozenset(str(ds.SeriesInstanceUID) for ds in sent),
            disclosed_on=DISCLOSED,
            others={one.study_uid: one.originals.to_mapping() for one in others},
            archived=frozenset(archived),
        )

    @property
    def study_uid(self) -> str:
        """The new Study Instance UID."""
        return str(next(iter(self.instances.values())).StudyInstanceUID)

    def original(self, new: str) -> str:
        """Return the original of a new UID."""
        return self.originals.uids[new]

    def new(self, original: str) -> str:
        """Return what stands for an original UID."""
        return next(new for new, old in self.originals.uids.items() if old == original)


def send(
    samples: Iterable[Sample], *, key: bytes = b"k" * 32, profile: str = "ai-inference", moves_dates: bool = True
) -> Sent:
    """De-identify the instances of one study, as the gateway does, and note what the vault has to keep."""
    samples = list(samples)
    sources = {sample.name: encode(sample.ds) for sample in samples}
    scanner, identifiers = Scanner(), set()
    for data in sources.values():
        facts = scanner.scan(open_dicom(BytesSource(data), SPOOL))
        for part in facts.identifiers:
            identifiers |= decode_identifiers(part, facts.charset)
    pseudonyms = Pseudonyms(key)
    deidentifier = StudyDeidentifier(
        profile=load_profile(profile),
        pseudonyms=pseudonyms,
        identifiers=frozenset(identifiers),
        patient_key=facts.patient_key,
    )
    instances = {}
    for name, data in sources.items():
        start = open_dicom(BytesSource(data), SPOOL)
        checked, _ = deidentifier.deidentify(
            start, Scanner().scan(start), Permit(recipient="lung-ai", profile=profile, unchecked_pixels=True)
        )
        instances[name] = parse(file_of(checked))
    study, first = samples[0].study, samples[0].ds
    originals = Originals(
        uids=pseudonyms.made(),
        study_uid=study.uid("study"),
        pseudonym=deidentifier.patient,
        offset_days=deidentifier.offset_days if moves_dates else 0,
        patient_id=str(first.PatientID),
        issuer=str(first.get("IssuerOfPatientID", "")),
        patient_name=str(first.PatientName),
        birth_date=str(first.PatientBirthDate),
        sex=str(first.PatientSex),
        study_date=study.date,
        study_time=study.time,
        study_id=study.study_id,
        study_description=study.description,
        accession_number=study.accession,
        referring_physician=study.referring,
    )
    return Sent(study=study, originals=originals, instances=instances)


def chest(*, names: Sequence[str] = ("ct/1", "ct/2"), seed: int = 7) -> list[Sample]:
    """Return instances of the sample CT study."""
    return [sample for sample in make_samples(seed=seed) if sample.name in names]


@dataclass(kw_only=True)
class RecipientStudy(Study):
    """The study as the recipient sees it: UIDs it was sent, and its own where it makes something new."""

    sent: Sent = field(repr=False)

    def uid(self, name: str) -> str:
        """Return the UID that the recipient was sent under `name`, or one of its own."""
        original = self.sent.study.uid(name)
        for new, old in self.sent.originals.uids.items():
            if old == original:
                return new
        return f"{RECIPIENT_ROOT}.{zlib.crc32(name.encode())}"


def as_recipient(sent: Sent) -> RecipientStudy:
    """Return the study as the recipient sees it."""
    study, originals = sent.study, sent.originals
    patient: Patient = replace(
        study.patient, family=originals.pseudonym, given="", middle="", patient_id=originals.pseudonym,
        birth=study.patient.birth + timedelta(days=originals.offset_days),
    )  # fmt: skip
    return RecipientStudy(
        patient=patient, day=study.day + timedelta(days=originals.offset_days), time=study.time, accession="",
        study_id="", hospital="Lung AI, Inc.", department="", station="GPU7", serial="77", referring="",
        performing="Algorithm^Nodule", operator="", description="", sent=sent,
    )  # fmt: skip


def _pdf(study: Study) -> Dataset:
    pdf = documents.make_pdf(["7 mm nodule"], title="Nodules", author="Lung AI")
    return documents.make_encapsulated_pdf(study, pdf)


MAKERS: dict[str, Callable[[Study], Dataset]] = {
    "sr": documents.make_comprehensive_sr,
    "sr text": documents.make_basic_text_sr,
    "ko": documents.make_key_object,
    "pr": documents.make_presentation_state,
    "seg": radiotherapy.make_segmentation,
    "rtstruct": radiotherapy.make_structure_set,
    "rtdose": radiotherapy.make_dose,
    "sc": make_sc,
    "pdf": _pdf,
}
"""What comes back, by kind."""


def make_result(sent: Sent, kind: str) -> Dataset:
    """Make a result as a careful recipient does."""
    ds = MAKERS[kind](as_recipient(sent))
    ds.PatientName = sent.originals.pseudonym
    ds.SeriesInstanceUID = f"{RECIPIENT_ROOT}.1.{zlib.crc32(kind.encode())}"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{RECIPIENT_ROOT}.2.{zlib.crc32(kind.encode())}"
    ds.SeriesDate = ds.ContentDate = TODAY
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "Scanward"
    ds.LongitudinalTemporalInformationModified = "MODIFIED"
    if "VerificationFlag" in ds:
        ds.VerificationFlag = "UNVERIFIED"
        del ds.VerifyingObserverSequence
    for keyword in ("ReferencedStructureSetSequence", "ReferencedRTPlanSequence"):
        if keyword in ds:
            delattr(ds, keyword)
    return ds


def agree(*results: Dataset) -> ResultScope:
    """Return an agreement on results of these kinds."""
    return ResultScope(sop_classes=frozenset(str(ds.SOPClassUID) for ds in results))


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A result that came back: as it went to the archive."""

    facts: ResultFacts
    match: Match
    result: ReidentifiedResult
    data: bytes
    ds: Dataset


def bring_back(
    ds: Dataset | bytes,
    sent: Sent,
    *,
    context: ReleasedContext | None = None,
    agreed: ResultScope | None = None,
    labelling: Labelling = LABELLING,
) -> Returned:
    """Read, match, re-identify and label a result; raises what these raise."""
    data = ds if isinstance(ds, bytes) else encode(ds)
    source = BytesSource(data)
    facts = read_result(source, SPOOL)
    agreed = agreed or ResultScope(sop_classes=frozenset({facts.sop_class_uid}))
    match = match_result(facts, sent.originals.to_mapping(), context or sent.context(), agreed)
    result = Reidentifier(labelling).apply(open_dicom(source, SPOOL), facts, match)
    written = assemble(result.pieces, result.source, result.deflate_from)
    return Returned(facts=facts, match=match, result=result, data=written, ds=parse(written))


def encode(ds: Dataset) -> bytes:
    """Return a data set as a file, whatever its values are."""
    buffer = io.BytesIO()
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def parse(data: bytes) -> Dataset:
    """Read a file."""
    return pydicom.dcmread(io.BytesIO(data))


def file_of(checked: CheckedInstance) -> bytes:
    """Return the file that leaves."""
    instance = checked.instance
    return assemble(instance.pieces, instance.source, instance.deflate_from)


def assemble(pieces: Sequence[Piece], source: ByteSource, deflate_from: int | None) -> bytes:
    """Put a file together."""
    parts = [piece if isinstance(piece, bytes) else source.read(piece.offset, piece.length) for piece in pieces]
    if deflate_from is None:
        return b"".join(parts)
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = engine.compress(b"".join(parts[deflate_from:])) + engine.flush()
    return b"".join(parts[:deflate_from]) + body + b"\0" * (len(body) % 2)
