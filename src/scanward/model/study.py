"""A study as the gateway holds it: who, what, how it came, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


def patient_key(*, patient_id: str, issuer: str, name: str, birth_date: str, study_uid: str) -> str:
    """Return what tells patients apart: ID and issuer, or else name and birth date, or else the study.

    Lengths keep apart what a separator inside a value would not.
    """
    parts = ("id", patient_id, issuer)
    if not patient_id:
        parts = ("name", name, birth_date)
    if not parts[1]:
        parts = ("study", study_uid, "")
    return "|".join(f"{len(part)}:{part}" for part in parts)


class OriginKind(StrEnum):
    """By which door an instance came."""

    DIMSE = "dimse"
    STOW = "stow"
    FOLDER = "folder"
    UPLOAD = "upload"
    FETCH = "fetch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Who brought an instance.

    Attributes
    ----------
    kind
        By which door.
    peer
        Name that the settings give the sender: never what the sender says of itself.
    recipient
        Id of the recipient whose result it is, or empty for an archive's or modality's own.
    """

    kind: OriginKind
    peer: str
    recipient: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientIdentity:
    """Who a patient is, as the instances say; kept encrypted, as little as the accounting needs.

    Attributes
    ----------
    key
        What tells patients apart: :attr:`scanward.deidentify.header.scan.InstanceFacts.patient_key`.
    patient_id, issuer, name, birth_date
        As in the instances, decoded; empty where missing.
    """

    key: str
    patient_id: str
    issuer: str
    name: str
    birth_date: str

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "PatientIdentity()"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedInstance:
    """An instance whose bytes are durable in the blobs and that the ledger shall know of.

    Attributes
    ----------
    study_id, patient_id, series_id, instance_id
        Blind indexes (keyed digests) of Study Instance UID, patient key, Series and SOP Instance UID: 32 hexadecimal
        digits each, the same for the same value.
    study_uid, series_uid, sop_instance_uid
        As received; kept encrypted.
    patient
        As received; kept encrypted.
    study_date, study_description, accession_number
        As received, empty where missing; kept encrypted.
    sop_class_uid, transfer_syntax_uid, modality, body_part
        What it is, in clear: decisions are made of it.
    burned_in_annotation
        As received (0028,0301), empty where missing.
    size_bytes
        Length of the file as received.
    blob
        Name of the blob that holds it under the study's data key.
    origin
        Who brought it.
    received
        When, aware UTC.
    mark
        By what its content is told again where the blob is lost; kept encrypted; empty where there is none.
    """

    study_id: str
    patient_id: str
    series_id: str
    instance_id: str
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    patient: PatientIdentity
    study_date: str
    study_description: str
    accession_number: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    body_part: str
    burned_in_annotation: str
    size_bytes: int
    blob: str
    origin: Origin
    received: datetime
    mark: str = ""

    def __repr__(self) -> str:
        """Show the blind index only."""
        return f"ReceivedInstance({self.instance_id})"


class Arrival(StrEnum):
    """What the ledger says of an instance that arrived."""

    ADDED = "added"
    KNOWN = "known"
    """One with the same SOP Instance UID is there; its blob has to be compared."""
    OTHER_PATIENT = "other patient"
    """The study is there with another patient."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """The answer for one instance; `blob` and `study_id` are those of what is there where it is `Arrival.KNOWN`."""

    arrival: Arrival
    blob: str = ""
    study_id: str = ""


class Completion(StrEnum):
    """How a study was found to be whole."""

    QUIET = "quiet time"
    COMMITMENT = "storage commitment"
    MPPS = "modality performed procedure step"
    REQUESTED = "requested"


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The instances of a study that were found complete together; late instances make a further batch."""

    study_id: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredInstance:
    """An instance as the ledger knows it; opaque ids and what decisions are made of."""

    instance_id: str
    series_id: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    body_part: str
    burned_in_annotation: str
    size_bytes: int
    blob: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorStudy:
    """What is known of another study of a patient, decrypted.

    Attributes
    ----------
    patient
        Who they were then.
    study_uid, accession_number
        As received.
    """

    patient: PatientIdentity
    study_uid: str
    accession_number: str

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "PriorStudy()"


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study with what its accounting needs, decrypted.

    Attributes
    ----------
    study_id, patient_id
        Blind indexes.
    study_uid, patient, study_date, study_description, accession_number
        As received.
    first_received, last_received
        Aware UTC.
    instances
        Of all batches.
    """

    study_id: str
    patient_id: str
    study_uid: str
    patient: PatientIdentity
    study_date: str
    study_description: str
    accession_number: str
    first_received: datetime
    last_received: datetime
    instances: Sequence[StoredInstance] = field(repr=False)

    def __repr__(self) -> str:
        """Show the blind index only."""
        return f"Study({self.study_id})"
