"""Keys, entries and checkpoints of transparency logs, made up."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scanward.adapters.tlog.folder import FolderLog
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.tlog.checkpoint import Checkpoint, Policy
from scanward.tlog.merkle import leaf_hash, tree_hash
from scanward.tlog.note import Note, NoteAlgorithm, NoteKey, sign_text

ORIGIN = "hospital.example/log"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class LogSigner:
    """An Ed25519 key in memory (`ports.signing.Signer`), the same for the same number."""

    def __init__(self, number: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.record = KeyRecord(
            key_id=hashlib.sha256(public).digest()[:16].hex(),
            use=KeyUse.LOG,
            algorithm=Algorithm.ED25519,
            public_key=public,
            not_before=NOW,
            not_after=NOW.replace(year=2036),
        )

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def key(self, name: str = ORIGIN) -> NoteKey:
        """What verifies its notes."""
        return NoteKey.from_record(self.record, name)

    def witness_key(self, name: str) -> NoteKey:
        """What verifies its cosignatures."""
        return replace(self.key(name), algorithm=NoteAlgorithm.COSIGNATURE)


SIGNER = LogSigner(1)
WITNESS = LogSigner(50)
WITNESS_KEY = WITNESS.witness_key("witness.example/w1")
POLICY = Policy(origin=ORIGIN, keys=(SIGNER.key(),))


def make_entries(count: int, first: int = 0) -> list[bytes]:
    """Entries as the gateway makes them: 32 bytes each."""
    return [hashlib.sha256(b"entry %d" % number).digest() for number in range(first, first + count)]


def open_log(folder: Path, **how: object) -> FolderLog:
    """A log of `SIGNER`; a new journal after 300 entries, so that tests come to see one."""
    return FolderLog(folder, **{"origin": ORIGIN, "signers": [SIGNER], "journal_entries": 300, **how})


def make_text(size: int, *, origin: str = ORIGIN, root: bytes | None = None) -> str:
    """The text of a checkpoint of `make_entries`."""
    root = tree_hash([leaf_hash(entry) for entry in make_entries(size)]) if root is None else root
    return Checkpoint(origin=origin, size=size, root=root).text()


def sign_checkpoint(
    text: str,
    signers: Sequence[LogSigner] = (SIGNER,),
    witnesses: Sequence[tuple[LogSigner, str, datetime]] = (),
    *,
    name: str = ORIGIN,
) -> bytes:
    """A note of a text, signed and cosigned."""
    lines = [sign_text(text, signer.key(name), signer.sign) for signer in signers]
    lines += [sign_text(text, one.witness_key(called), one.sign, at) for one, called, at in witnesses]
    return Note(text=text, signatures=tuple(lines)).encode()
