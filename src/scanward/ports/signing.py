"""Who signs. Private keys stay behind this port: in a folder, a hardware module or a key service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from scanward.model.signing import KeyRecord, KeyUse


class Signer(Protocol):
    """A key that can sign.

    If stolen: whoever has it can sign as this gateway until it is told as compromised. If lost: nothing that was signed
    is harmed, and a new one takes over.
    """

    @property
    def record(self) -> KeyRecord:
        """What anyone may know of it."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`: raw 64 bytes for Ed25519, DER for ECDSA, PKCS #1 v1.5 for RSA.

        Raises
        ------
        SigningError
            The key may not sign now, or what holds it refuses.
        """
        ...


class KeyRing(Protocol):
    """All keys of a gateway that sign or signed."""

    def signer(self, use: KeyUse) -> Signer:
        """Return the key that signs now; made on first use; raises `SigningError` where there is none."""
        ...

    def records(self) -> Sequence[KeyRecord]:
        """Return what is known of all keys, also those that sign no more, the oldest first."""
        ...

    def rotate(self, use: KeyUse, at: datetime) -> KeyRecord:
        """Make a new key that signs from `at` on, and retire the one before; durable on return."""
        ...

    def compromise(self, key_id: str, since: datetime, at: datetime) -> KeyRecord:
        """Note that somebody else may have a key since `since`, and rotate where it is the one that signs.

        Durable on return; raises `UnknownError` where there is no such key. It is never taken back, and a time that was
        noted only moves to an earlier one.
        """
        ...


class TimestampAuthority(Protocol):
    """Says when something was there (RFC 3161). Trusted for the time alone: it sees a digest."""

    def stamp(self, digest: bytes) -> bytes:
        """Return a token (DER) over a SHA-256 digest, checked; raises `NetworkError` or `EvidenceError`."""
        ...
