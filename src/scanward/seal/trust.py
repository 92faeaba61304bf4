"""Which signatures of a key count: rules over what is known of it and over times, without any input or output.

What a signer says of the time is a claim. What somebody else saw (an RFC 3161 token, a checkpoint with witnesses) is
attested: it holds against a thief of the key, who can claim any time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.signature_faults import SignatureFault

KEY_ID_BYTES = 16

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By so much may two clocks differ (as Kerberos has it, RFC 4120 Section 8.2)."""

MAX_ATTESTATION_LAG = timedelta(days=7)
"""So long after it was made a signature may be seen by another for the first time: a gateway cut off for a week."""

_ALGORITHMS = {
    KeyUse.LOG: frozenset({Algorithm.ED25519}),
    KeyUse.STATEMENTS: frozenset({Algorithm.P256}),
    KeyUse.DICOM: frozenset({Algorithm.P256, Algorithm.RSA}),
}
_MIN_RSA_BITS = 2048  # NIST SP 800-131A Rev. 2 Section 3


def key_id_of(public_key: bytes) -> str:
    """Return the id of a key: the first 16 bytes of SHA-256 of its SubjectPublicKeyInfo, in hexadecimal."""
    return hashlib.sha256(public_key).digest()[:KEY_ID_BYTES].hex()


def allowed_algorithms(use: KeyUse) -> frozenset[Algorithm]:
    """Return the ways in which a key of this use may sign."""
    return _ALGORITHMS[use]


def verify_signed(
    records: Sequence[KeyRecord],
    *,
    key_id: str,
    use: KeyUse,
    message: bytes,
    signature: bytes,
    at: datetime,
    now: datetime,
    attested: datetime | None = None,
) -> KeyRecord:
    """Return the record of the key that signed `message`, once everything about it holds.

    Parameters
    ----------
    records
        What is known of keys, trusted.
    key_id, use
        Which key has to have signed, and what for.
    message, signature
        What was signed, and how.
    at
        When, as the signer says.
    now
        The time of the check.
    attested
        When somebody else saw it, where anybody did.

    Raises
    ------
    EvidenceError
        With the ``key.*``, ``signature.*`` or ``time.*`` fault that says why not.
    """
    # 1. A known key, of this use
    record = find_record(records, key_id, use)
    # 2. Its signature
    verify_signature(record, message, signature)
    # 3. Its times
    verify_times(record, at=at, now=now, attested=attested)
    return record


def find_record(records: Sequence[KeyRecord], key_id: str, use: KeyUse) -> KeyRecord:
    """Return the record of a key.

    Raises
    ------
    EvidenceError
        It is unknown, is of another use or algorithm, or its id is not that of its public key.
    """
    # 1. Known; where two copies of a record differ, the stricter counts
    found = [record for record in records if record.key_id == key_id]
    if not found:
        _refuse(SignatureFault.KEY_UNKNOWN, "expected the signature of a known key, got one of another")
    record = found[0] if len(found) == 1 else _strictest(found)
    # 2. The id is that of the public key
    if key_id_of(record.public_key) != key_id:
        _refuse(SignatureFault.KEY_ID, "expected a key record whose id is made of its public key, got another id")
    # 3. For this use
    if record.use is not use:
        _refuse(SignatureFault.KEY_USE, f"expected a key for {use}, got one for {record.use}")
    # 4. Which has no weaker algorithm
    if record.algorithm not in _ALGORITHMS[use]:
        _refuse(SignatureFault.KEY_ALGORITHM, f"expected an algorithm for {use}, got {record.algorithm}")
    return record


def verify_times(record: KeyRecord, *, at: datetime, now: datetime, attested: datetime | None = None) -> None:
    """Raise unless the key could sign at `at`, and nobody else can have made it look so.

    Raises
    ------
    EvidenceError
        With the ``key.*`` or ``time.*`` fault that says why not.
    """
    # 1. Not of the future, by the clock here nor by what others saw
    if at > now + CLOCK_TOLERANCE or (attested is not None and attested > now + CLOCK_TOLERANCE):
        _refuse(SignatureFault.TIME_AHEAD, "expected a time in the past, got one to come")
    # 2. Compromised: only what somebody else saw before counts, as a thief can claim any time
    verify_compromise(record, attested)
    # 3. Nobody saw it before it was made
    if attested is not None and at > attested + CLOCK_TOLERANCE:
        _refuse(SignatureFault.TIME_AFTER_ATTESTED, "others saw it before the time at which it says it was signed")
    # 4. Within the time of the key
    if at < record.not_before:
        _refuse(SignatureFault.KEY_NOT_YET_VALID, "the key was not valid yet when this says it was signed")
    if at >= record.not_after:
        _refuse(SignatureFault.KEY_EXPIRED, "the key had expired when this says it was signed")
    if record.retired is not None and at >= record.retired:
        _refuse(SignatureFault.KEY_RETIRED, "another key had taken over when this says it was signed")


def verify_compromise(record: KeyRecord, attested: datetime | None) -> None:
    """Raise `EvidenceError` where a key was compromised, unless somebody else saw what it signed before that."""
    if record.compromised is not None:
        if attested is None:
            _refuse(
                SignatureFault.KEY_COMPROMISED_UNATTESTED,
                "the key was compromised, and nobody but it says that this was signed before",
            )
        if attested >= record.compromised:
            _refuse(SignatureFault.KEY_COMPROMISED, "the key was compromised before anybody saw this signature")


def verify_lag(at: datetime, attested: datetime) -> None:
    """Raise `EvidenceError` where something says a much earlier time than at which it was first seen itself.

    That is what a clock set back by a year looks like, and a key that was retired and is used again.
    """
    if attested - at > MAX_ATTESTATION_LAG:
        _refuse(SignatureFault.TIME_BACKDATED, "it says a much earlier time than at which anybody saw it")


def verify_signature(record: KeyRecord, message: bytes, signature: bytes) -> None:
    """Raise `EvidenceError` unless `signature` of `message` was made by this key."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(record.public_key)
    except (ValueError, UnsupportedAlgorithm):
        _refuse(SignatureFault.KEY_ALGORITHM, "expected a public key, got something else")
    try:
        if record.algorithm is Algorithm.ED25519 and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif (
            record.algorithm is Algorithm.P256
            and isinstance(key, ec.EllipticCurvePublicKey)
            and isinstance(key.curve, ec.SECP256R1)
        ):
            key.verify(signature, message, ec.ECDSA(SHA256()))
        elif record.algorithm is Algorithm.RSA and isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
            key.verify(signature, message, padding.PKCS1v15(), SHA256())
        else:
            _refuse(SignatureFault.KEY_ALGORITHM, f"expected a public key for {record.algorithm}, got another")
    except InvalidSignature:
        _refuse(SignatureFault.SIGNATURE_WRONG, "the signature is not of this content by this key")


def _strictest(records: Sequence[KeyRecord]) -> KeyRecord:
    """Return of copies of one record, which may differ in two times alone, the one with which the least counts."""
    first = records[0]
    if any(replace(other, retired=first.retired, compromised=first.compromised) != first for other in records[1:]):
        _refuse(SignatureFault.KEY_ID, "expected copies of a key record to be alike, got two that differ")
    return replace(
        first,
        retired=min((record.retired for record in records if record.retired), default=None),
        compromised=min((record.compromised for record in records if record.compromised), default=None),
    )


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(fault, message, remedy="Do not rely on the signature; ask the signer for one that holds.")
