"""Keys that sign, and what is known of them: the public half, which anyone may have."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class KeyUse(StrEnum):
    """What a key signs; a key has one use."""

    LOG = "log"
    """Checkpoints of the log: Ed25519, as clients of C2SP logs expect."""

    STATEMENTS = "statements"
    """Custody statements, detached CMS and manifests of exports: P-256 with a certificate."""

    DICOM = "dicom"
    """Digital signatures in DICOM files (PS3.15 Annex C): P-256 or RSA with a certificate; no Ed25519 there."""


class Algorithm(StrEnum):
    """How a key signs."""

    ED25519 = "Ed25519"
    P256 = "ECDSA-P256-SHA256"
    RSA = "RSA-PKCS1v15-SHA256"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRecord:
    """What anyone may know of a key.

    Attributes
    ----------
    key_id
        First 16 bytes of SHA-256 of `public_key`, in hexadecimal.
    use
        What it signs.
    algorithm
        How.
    public_key
        SubjectPublicKeyInfo, DER.
    certificates
        X.509, DER, its own first; empty for Ed25519.
    not_before, not_after
        When it may sign, aware UTC.
    retired
        Since when another one signs in its place.
    compromised
        Since when somebody else may have it: what was not timestamped before is not trusted.
    """

    key_id: str
    use: KeyUse
    algorithm: Algorithm
    public_key: bytes = field(repr=False)
    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    not_before: datetime
    not_after: datetime
    retired: datetime | None = None
    compromised: datetime | None = None
