"""What the API takes and answers, as OpenAPI shows it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from scanward.model.agreement import Agreement, Basis, Recipient
from scanward.model.consent import Effect, RecordedProvision
from scanward.model.pixels import PixelBox
from scanward.model.release import ItemState, RecordedDisclosure, Release, ReleaseState, Result, ResultState
from scanward.model.study import OriginKind, Study
from scanward.ports.ledger import Event, ItemLine, Quarantined, StudyLine

_ID = r"^[0-9a-f]{32}$"
_UID = r"^[0-9.]{1,64}$"
_RECIPIENT = r"^[a-z0-9][a-z0-9-]{0,62}$"

Identifier = Annotated[str, Path(pattern=_ID, description="32 hexadecimal digits, as lists show them.")]
RecipientId = Annotated[str, Path(pattern=_RECIPIENT, description="Short name of the recipient.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Before = Annotated[datetime | None, Query(description="Go on before this time, with an offset; from the last page.")]


class Taken(BaseModel):
    """What is sent to us: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Patient(Taken):
    """Which patient. In a body, since addresses are logged by proxies."""

    patient_id: Annotated[str, Field(min_length=1, max_length=256, description="Patient ID (0010,0020).")]
    issuer: Annotated[
        str, Field(max_length=256, description="Issuer of Patient ID (0010,0021), where instances say it.")
    ] = ""


class Reason(Taken):
    """Why, in words without identifiers."""

    reason: Annotated[str, Field(max_length=500)] = ""


class StudyToFetch(Taken):
    """Which study to fetch from the archive."""

    study_uid: Annotated[str, Field(pattern=_UID, description="Study Instance UID (0020,000D).")]


class Assignment(Taken):
    """To which release a result belongs."""

    release_id: Annotated[str, Field(pattern=_ID)]


class ProvisionToAdd(Patient):
    """A patient allows or refuses."""

    effect: Effect
    purposes: Annotated[
        list[str], Field(max_length=100, description="HL7 ActReason codes; in a denial, * alone means all.")
    ]
    recipients: Annotated[list[str], Field(max_length=100, description="Ids of recipients; * alone means all.")] = ["*"]
    starts: Annotated[datetime | None, Field(description="From when, with an offset; null: open.")] = None
    ends: Annotated[datetime | None, Field(description="Until when, not included; null: open.")] = None


class ProvisionToRevoke(Patient):
    """A patient takes a provision back."""

    provision_id: Annotated[int, Field(ge=0, le=2**53)]


class ReleaseOut(BaseModel):
    """What of one batch of a study goes to one recipient for one purpose."""

    release_id: str
    study_id: str
    batch: int = Field(description="Which part of the study: late instances make a further one.")
    recipient: str
    purpose: str = Field(description="HL7 ActReason code.")
    state: ReleaseState
    reasons: list[str] = Field(description="Of the last decision.")
    approved_by: str
    stopped_by: str = Field(description="Who of the staff stopped it; empty where nobody did, or a decision did.")
    changed: datetime

    @classmethod
    def of(cls, release: Release) -> Self:
        """Return a release as the API shows it."""
        return cls(
            release_id=release.release_id,
            study_id=release.study_id,
            batch=release.batch,
            recipient=release.recipient,
            purpose=release.purpose,
            state=release.state,
            reasons=list(release.reasons),
            approved_by=release.approved_by,
            stopped_by=release.stopped_by,
            changed=release.changed,
        )


class EventOut(BaseModel):
    """One entry of a history."""

    at: datetime
    what: str
    by: str
    detail: str

    @classmethod
    def of(cls, event: Event) -> Self:
        """Return an event as the API shows it."""
        return cls(at=event.at, what=event.what, by=event.by, detail=event.detail)


class BoxOut(BaseModel):
    """A rectangle of pixels that was filled; frames from 0, both included."""

    first_frame: int
    last_frame: int
    x: int
    y: int
    width: int
    height: int
    found_by: str

    @classmethod
    def of(cls, box: PixelBox) -> Self:
        """Return a box as the API shows it."""
        return cls(
            first_frame=box.first_frame,
            last_frame=box.last_frame,
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            found_by=box.found_by.value,
        )


class ItemOut(BaseModel):
    """What became of one instance of a release; UIDs are the new ones."""

    state: str
    detail: str
    attempts: int
    sop_instance_uid: str = ""
    sop_class_uid: str = ""
    modality: str = ""
    size_bytes: int = 0
    pixels_looked_at: bool = Field(default=False, description="Whether its pixels show no text as they leave.")
    let_go: bool = Field(
        default=False, description="Whether a person let it go: no machine says that it shows no text."
    )
    words_kept: int = 0
    filled: list[BoxOut] = []

    @classmethod
    def of(cls, line: ItemLine) -> Self:
        """Return an item as the API shows it."""
        if line.item is None:
            return cls(state=line.state, detail=line.detail, attempts=line.attempts)
        return cls(
            state=line.state,
            detail=line.detail,
            attempts=line.attempts,
            sop_instance_uid=line.item.sop_instance_uid,
            sop_class_uid=line.item.sop_class_uid,
            modality=line.item.modality,
            size_bytes=line.item.size_bytes,
            pixels_looked_at=line.item.pixels.is_proven,
            let_go=line.item.pixels.is_let_go,
            words_kept=line.item.pixels.kept_words,
            filled=[BoxOut.of(box) for box in line.item.pixels.boxes],
        )


class ReleaseDetail(ReleaseOut):
    """A release with its instances and its history."""

    items: list[ItemOut]
    history: list[EventOut]


class StudyOut(BaseModel):
    """A study; its ids are keyed digests that tell nothing."""

    study_id: str
    modalities: list[str]
    instances: int
    waiting: int = Field(description="Instances that came since the study was last found complete.")
    first_received: datetime
    last_received: datetime
    releases: list[ReleaseOut]

    @classmethod
    def of(cls, line: StudyLine) -> Self:
        """Return a study as the API shows it."""
        return cls(
            study_id=line.study_id,
            modalities=list(line.modalities),
            instances=line.instances,
            waiting=line.waiting,
            first_received=line.first_received,
            last_received=line.last_received,
            releases=[ReleaseOut.of(one) for one in line.releases],
        )


class Identity(BaseModel):
    """Whose study it is; for privacy officers only."""

    patient_id: str
    issuer: str
    name: str
    birth_date: str
    study_uid: str
    study_date: str
    study_description: str
    accession_number: str

    @classmethod
    def of(cls, study: Study) -> Self:
        """Return the identity in a study."""
        return cls(
            patient_id=study.patient.patient_id,
            issuer=study.patient.issuer,
            name=study.patient.name,
            birth_date=study.patient.birth_date,
            study_uid=study.study_uid,
            study_date=study.study_date,
            study_description=study.study_description,
            accession_number=study.accession_number,
        )


class StudyDetail(StudyOut):
    """A study with its history, and whose it is where the caller may know."""

    identity: Identity | None = None
    history: list[EventOut]


class AgreementOut(BaseModel):
    """What was agreed."""

    purposes: list[str]
    modalities: list[str]
    body_parts: list[str]
    sop_classes: list[str]
    region: str
    starts: date
    ends: date
    retention_days: int
    obligations: list[str]
    human_approval: bool
    profile: str
    unchecked_pixels: bool
    priors: int
    result_sop_classes: list[str]

    @classmethod
    def of(cls, agreed: Agreement) -> Self:
        """Return an agreement as the API shows it."""
        return cls(
            purposes=sorted(agreed.purposes),
            modalities=sorted(agreed.data.modalities),
            body_parts=sorted(agreed.data.body_parts),
            sop_classes=sorted(agreed.data.sop_classes),
            region=agreed.region,
            starts=agreed.starts,
            ends=agreed.ends,
            retention_days=agreed.retention_days,
            obligations=sorted(agreed.obligations),
            human_approval=agreed.human_approval,
            profile=agreed.profile,
            unchecked_pixels=agreed.unchecked_pixels,
            priors=agreed.priors,
            result_sop_classes=sorted(agreed.results.sop_classes),
        )


class RecipientOut(BaseModel):
    """Somebody who receives studies."""

    recipient_id: str
    name: str
    address: str
    purpose: str
    delivery: str = Field(description="How studies get there.")
    basis: Basis = Field(description="On what ground; tells whether the statutory accounting lists it.")
    allowed_regions: list[str]
    version: str = Field(description="SHA-256 of the document.")
    agreement: AgreementOut | None

    @classmethod
    def of(cls, recipient: Recipient) -> Self:
        """Return a recipient as the API shows it."""
        agreed = recipient.agreement
        return cls(
            recipient_id=recipient.recipient_id,
            name=recipient.name,
            address=recipient.address,
            purpose=recipient.purpose,
            delivery=type(recipient.endpoint).__name__.removesuffix("Endpoint").lower(),
            basis=recipient.basis,
            allowed_regions=sorted(recipient.allowed_regions),
            version=recipient.version,
            agreement=AgreementOut.of(agreed) if agreed is not None else None,
        )


class VersionOut(BaseModel):
    """One version of a recipient's document."""

    version: str
    document: str
    saved: datetime
    saved_by: str

    @classmethod
    def of(cls, row: tuple[str, str, datetime, str]) -> Self:
        """Return a version as the API shows it."""
        version, document, saved, saved_by = row
        return cls(version=version, document=document, saved=saved, saved_by=saved_by)


class ProvisionOut(BaseModel):
    """A provision of a patient's consent."""

    provision_id: int
    effect: Effect
    purposes: list[str]
    recipients: list[str]
    starts: datetime | None
    ends: datetime | None
    recorded: datetime
    recorded_by: str
    revoked: datetime | None

    @classmethod
    def of(cls, recorded: RecordedProvision) -> Self:
        """Return a provision as the API shows it."""
        provision = recorded.provision
        return cls(
            provision_id=recorded.provision_id,
            effect=provision.effect,
            purposes=sorted(provision.purposes),
            recipients=sorted(provision.recipients),
            starts=provision.starts,
            ends=provision.ends,
            recorded=recorded.recorded,
            recorded_by=recorded.recorded_by,
            revoked=recorded.revoked,
        )


class ProvisionAdded(BaseModel):
    """A provision was recorded."""

    provision_id: int


class DisclosureOut(BaseModel):
    """A disclosure; recorded before anything left."""

    disclosure_id: int
    release_id: str
    study_id: str
    disclosed: datetime
    recipient: str
    recipient_name: str
    recipient_address: str
    purpose: str
    basis: Basis
    description: str
    region: str
    delete_by: date
    agreement_version: str
    instances: int
    states: dict[ItemState, int] = Field(description="What became of its instances since.")

    @classmethod
    def of(cls, recorded: RecordedDisclosure) -> Self:
        """Return a disclosure as the API shows it."""
        one = recorded.disclosure
        return cls(
            disclosure_id=recorded.disclosure_id,
            release_id=recorded.release_id,
            study_id=recorded.study_id,
            disclosed=one.disclosed,
            recipient=one.recipient,
            recipient_name=one.recipient_name,
            recipient_address=one.recipient_address,
            purpose=one.purpose,
            basis=one.basis,
            description=one.description,
            region=one.region,
            delete_by=one.delete_by,
            agreement_version=one.agreement_version,
            instances=recorded.instances,
            states=dict(recorded.states),
        )


class ResultOut(BaseModel):
    """A result of a recipient."""

    result_id: str
    recipient: str
    release_id: str = Field(description="To which release it belongs; empty while nothing matches.")
    sop_class_uid: str
    size_bytes: int
    state: ResultState
    reason: str
    received: datetime
    attempts: int

    @classmethod
    def of(cls, result: Result) -> Self:
        """Return a result as the API shows it."""
        return cls(
            result_id=result.result_id,
            recipient=result.recipient,
            release_id=result.release_id,
            sop_class_uid=result.sop_class_uid,
            size_bytes=result.size_bytes,
            state=result.state,
            reason=result.reason,
            received=result.received,
            attempts=result.attempts,
        )


class QuarantinedOut(BaseModel):
    """An instance that is not understood."""

    quarantine_id: str
    reason: str
    size_bytes: int
    door: OriginKind
    peer: str
    recipient: str
    received: datetime

    @classmethod
    def of(cls, one: Quarantined) -> Self:
        """Return a quarantined instance as the API shows it."""
        return cls(
            quarantine_id=one.quarantine_id,
            reason=one.reason,
            size_bytes=one.size_bytes,
            door=one.origin.kind,
            peer=one.origin.peer,
            recipient=one.origin.recipient,
            received=one.received,
        )


class Changed(BaseModel):
    """How many were changed."""

    instances: int


class UploadOut(BaseModel):
    """What became of an upload's files."""

    accepted: int = Field(description="Durable here and understood.")
    quarantined: int = Field(description="Durable here, but not understood; a person has to look.")
    skipped: int = Field(description="No DICOM.")
    refused: int = Field(description="Could not be read or stored; nothing of them is here.")
    reasons: list[str] = Field(description="Why, each once, in words without identifiers.")


def releases_out(releases: Sequence[Release]) -> list[ReleaseOut]:
    """Return releases as the API shows them."""
    return [ReleaseOut.of(one) for one in releases]
