"""Recipients and what was agreed with each: typed data, nothing that runs."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFiles:
    """Paths of PEM files; `certificate` and `key` of ours where the peer asks for one.

    Attributes
    ----------
    authority
        Whom the peer's certificate has to be signed by; empty takes the system's.
    certificate, key
        Ours, for mutual TLS; empty without.
    """

    authority: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DimseEndpoint:
    """A Storage SCP."""

    host: str
    port: int
    called_ae: str
    calling_ae: str = "SCANWARD"
    tls: TlsFiles | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StowEndpoint:
    """A STOW-RS service (PS3.18 Section 10.5), with OAuth2 client credentials (RFC 6749 Section 4.4) where asked for.

    Attributes
    ----------
    url
        Root of the service: ``{url}/studies`` takes the instances.
    token_url, client_id, client_secret_file, scope
        Where tokens come from and as whom; the secret stands in a file of mode 0600. Empty without.
    authority
        PEM file of who signed the server's certificate; empty takes the system's.
    """

    url: str
    token_url: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    scope: str = ""
    authority: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderEndpoint:
    """A folder that the recipient reads."""

    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectStoreEndpoint:
    """A prefix in an S3-compatible object store.

    Attributes
    ----------
    url
        As fsspec takes it, such as ``s3://bucket/prefix``.
    options_file
        JSON file of mode 0600 with fsspec's options (key, secret, endpoint_url); empty takes the environment's.
    """

    url: str
    options_file: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageEndpoint:
    """A folder for packages encrypted with age, one for each release.

    Attributes
    ----------
    path
        The folder.
    age_recipients
        Public keys (``age1...``) that can open a package; at least one.
    """

    path: str
    age_recipients: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PullEndpoint:
    """Nothing is sent: the recipient fetches what it may have with QIDO-RS and WADO-RS."""


Endpoint = DimseEndpoint | StowEndpoint | FolderEndpoint | ObjectStoreEndpoint | PackageEndpoint | PullEndpoint


class Obligation(StrEnum):
    """What the recipient promised; travels with each release."""

    NO_REUSE = "no reuse for another purpose"
    NO_ONWARD_DISCLOSURE = "no onward disclosure"
    NO_RELINKING = "no attempt to find out who the patient is"
    DELETE_BY_DATE = "delete every copy by the date given"


class Basis(StrEnum):
    """On what ground data is disclosed; all but the last three are left out of 45 CFR 164.528(a)(1)'s accounting."""

    TREATMENT = "treatment, payment or health care operations"
    INDIVIDUAL = "to the individual"
    AUTHORISATION = "under the individual's authorisation"
    LIMITED_DATA_SET = "as part of a limited data set"
    RESEARCH = "research under a waiver of authorisation"
    PUBLIC_HEALTH = "public health"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataScope:
    """What data an agreement is about. Empty means nothing is agreed on that account; ``*`` alone means any.

    Attributes
    ----------
    modalities
        Values of Modality (0008,0060).
    body_parts
        Values of Body Part Examined (0018,0015).
    sop_classes
        SOP Class UIDs.
    attributes
        Keywords of the optional Attributes that the purpose needs; ``*`` alone leaves it to the profile. Every other
        optional Attribute is left out.
    """

    modalities: frozenset[str]
    body_parts: frozenset[str] = frozenset({"*"})
    sop_classes: frozenset[str] = frozenset({"*"})
    attributes: frozenset[str] = frozenset({"*"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultScope:
    """What may come back.

    Attributes
    ----------
    sop_classes
        SOP Class UIDs of results; empty: none are agreed.
    """

    sop_classes: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What was agreed with a recipient.

    Attributes
    ----------
    purposes
        HL7 v3 ActReason codes; each names itself and what is below it, but for secondary use below care
        (:func:`scanward.standard.act_reasons.covers`) and for ``MLTRAINING``, which have to be named.
    data
        What data.
    region
        Where the data may be (ISO 3166-1 alpha-2, upper case), where the recipient is.
    starts, ends
        First and last day on which data may leave.
    retention_days
        By when each copy has to be deleted, counted from the day it left.
    obligations
        What the recipient promised.
    human_approval
        Whether a person has to approve each release.
    profile
        Name of the de-identification profile to apply.
    unchecked_pixels
        Whether instances may leave whose pixels are likely to carry burned-in text that nobody has looked at.
    priors
        How many earlier studies of the patient are fetched from the archive along with each study.
    results
        What may come back.
    """

    purposes: frozenset[str]
    data: DataScope
    region: str
    starts: date
    ends: date
    retention_days: int
    obligations: frozenset[Obligation] = frozenset(Obligation)
    human_approval: bool = False
    profile: str = "ai-inference"
    unchecked_pixels: bool = False
    priors: int = 0
    results: ResultScope = field(default_factory=ResultScope)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """Somebody who receives studies.

    Attributes
    ----------
    recipient_id
        Short name: lower-case letters, digits and dashes.
    name, address
        Who and where, for the accounting (45 CFR 164.528(b)(2)(ii)).
    purpose
        The purpose for which studies are sent there, an ActReason code; decided on with each study.
    endpoint
        How studies get there.
    agreement
        What was agreed; None: nothing, so nothing leaves.
    allowed_regions
        Regions that the hospital allows for this recipient's data; the agreement's has to be among them.
    basis
        On what ground it is disclosed; tells whether the statutory accounting lists it.
    version
        SHA-256 of the document it was read from, hexadecimal; decisions name it.
    """

    recipient_id: str
    name: str
    address: str
    purpose: str
    endpoint: Endpoint
    agreement: Agreement | None
    allowed_regions: frozenset[str]
    basis: Basis
    version: str
