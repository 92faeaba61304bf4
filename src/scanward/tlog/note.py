"""Signed notes (C2SP signed-note) and the keys that verify them, cosignatures among them (C2SP tlog-cosignature)."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyRecord
from scanward.tlog.faults import LogFault

MAX_NOTE_BYTES = 1_000_000
"""As golang.org/x/mod/sumdb/note."""

MAX_SIGNATURES = 100
"""As golang.org/x/mod/sumdb/note."""

KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
PUBLIC_KEY_BYTES = 32
TIME_BYTES = 8

_DASH = "\u2014"
_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410 section 10.1)."""


class NoteAlgorithm(IntEnum):
    """Signature types of C2SP signed-note that are read here."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    """A witness says when it saw the checkpoint, and that it grew from what it saw before."""


def decode_base64(text: str, fault: LogFault, what: str) -> bytes:
    """Return what RFC 4648 section 4 says, in its one right form; raises `EvidenceError` with `fault`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        data = b""
    if not data or encode_base64(data) != text:
        raise EvidenceError(fault, f"expected {what} as standard base64")
    return data


def encode_base64(data: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(data).decode("ascii")


def _is_name(name: str) -> bool:
    return bool(name) and name.isprintable() and "+" not in name and not any(one.isspace() for one in name)


def check_name(name: str) -> str:
    """Return the name of a log or a key, as notes can carry it; raises `EvidenceError` with KEY_FORM."""
    if not _is_name(name):
        raise EvidenceError(
            LogFault.KEY_FORM,
            "expected a name without spaces, plus signs and control characters",
            remedy="Name a log like a URL without its scheme: example.com/log.",
        )
    return name


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteSignature:
    """A signature line of a note, not verified.

    Attributes
    ----------
    name
        Of the key.
    key_id
        4 bytes that tell keys of one name apart.
    signature
        The rest: 64 bytes for Ed25519; a cosignature has 8 bytes of time before them.
    """

    name: str
    key_id: bytes
    signature: bytes = field(repr=False)

    def line(self) -> str:
        """Return the line, with its newline."""
        return f"{_DASH} {self.name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A text with signature lines, none of them verified."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """Return the note as bytes."""
        return f"{self.text}\n{''.join(one.line() for one in self.signatures)}".encode()


def _parse_signature(line: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not _is_name(parts[1]):
        raise EvidenceError(LogFault.NOTE_SIGNATURE_LINE, "expected a dash, a name and a signature in a line of a note")
    data = decode_base64(parts[2], LogFault.NOTE_SIGNATURE_LINE, "a signature")
    if len(data) <= KEY_ID_BYTES:
        raise EvidenceError(LogFault.NOTE_SIGNATURE_LINE, "expected a key id and a signature, got fewer bytes")
    return NoteSignature(name=parts[1], key_id=data[:KEY_ID_BYTES], signature=data[KEY_ID_BYTES:])


def parse_note(data: bytes) -> Note:
    """Return a note in its one right form; signatures are not verified.

    Raises
    ------
    EvidenceError
        NOTE_TOO_LONG, NOTE_NOT_UTF8, NOTE_CONTROL_CHARACTER, NOTE_FORM, NOTE_SIGNATURE_LINE or
        NOTE_TOO_MANY_SIGNATURES.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise EvidenceError(LogFault.NOTE_TOO_LONG, f"expected a note of up to {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise EvidenceError(LogFault.NOTE_NOT_UTF8, "expected a note in UTF-8") from None
    if any(one < " " and one != "\n" for one in whole):
        raise EvidenceError(LogFault.NOTE_CONTROL_CHARACTER, "expected no control character but newlines in a note")
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise EvidenceError(LogFault.NOTE_FORM, "expected a text, a blank line and signature lines in a note")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise EvidenceError(LogFault.NOTE_TOO_MANY_SIGNATURES, f"expected up to {MAX_SIGNATURES} signatures")
    return Note(text=text + "\n", signatures=tuple(_parse_signature(line) for line in lines))


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteKey:
    """A public key that signatures of notes are verified by.

    Attributes
    ----------
    name
        The origin of a log, or the name of a witness.
    public_key
        32 bytes of Ed25519.
    algorithm
        What it signs: notes, or cosignatures.
    """

    name: str
    public_key: bytes = field(repr=False)
    algorithm: NoteAlgorithm = NoteAlgorithm.ED25519

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise EvidenceError(LogFault.KEY_FORM, f"expected a key of {PUBLIC_KEY_BYTES} bytes")

    @classmethod
    def from_record(cls, record: KeyRecord, name: str, algorithm: NoteAlgorithm = NoteAlgorithm.ED25519) -> "NoteKey":
        """Return the key of a record under a name; raises `EvidenceError` with KEY_ALGORITHM unless it is Ed25519."""
        key = record.public_key.removeprefix(_SPKI)
        if record.algorithm is not Algorithm.ED25519 or len(key) != PUBLIC_KEY_BYTES:
            raise EvidenceError(LogFault.KEY_ALGORITHM, "expected an Ed25519 key for a log")
        return cls(name=name, public_key=key, algorithm=algorithm)

    @classmethod
    def parse(cls, text: str) -> "NoteKey":
        """Return the key that a verifier key text (``name+id+key``) gives.

        Raises
        ------
        EvidenceError
            KEY_FORM, KEY_ALGORITHM, or KEY_ID where the id is not of the key.
        """
        name, _, rest = text.partition("+")
        key_id, _, key = rest.partition("+")
        data = decode_base64(key, LogFault.KEY_FORM, "a key")
        if data[0] not in set(NoteAlgorithm):
            raise EvidenceError(LogFault.KEY_ALGORITHM, "expected a key for Ed25519 or for cosignatures")
        parsed = cls(name=name, public_key=data[1:], algorithm=NoteAlgorithm(data[0]))
        if parsed.key_id.hex() != key_id:
            raise EvidenceError(LogFault.KEY_ID, "the id of a key does not belong to it")
        return parsed

    @property
    def key_id(self) -> bytes:
        """4 bytes that tell keys of one name apart."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.algorithm]) + self.public_key).digest()[:4]

    @property
    def record_id(self) -> str:
        """The `key_id` of the `KeyRecord` with this key."""
        return hashlib.sha256(_SPKI + self.public_key).digest()[:16].hex()

    def text(self) -> str:
        """Return the verifier key text, as other programs take it."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.algorithm]) + self.public_key)}"

    def has_made(self, signature: NoteSignature) -> bool:
        """Tell whether a signature line says that it is by this key."""
        return signature.name == self.name and signature.key_id == self.key_id

    def is_valid(self, text: str, signature: NoteSignature) -> bool:
        """Tell whether this key signed this text."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - start-up
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - start-up

        raw, message = signature.signature, text.encode()
        if self.algorithm is NoteAlgorithm.COSIGNATURE:
            time, raw = raw[:TIME_BYTES], raw[TIME_BYTES:]
            message = cosigned_message(text, int.from_bytes(time, "big"))
        if len(raw) != SIGNATURE_BYTES:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(raw, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def cosigned_message(text: str, seconds: int) -> bytes:
    """Return what a witness signs (C2SP tlog-cosignature, Ed25519)."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosignature_time(signature: NoteSignature) -> datetime:
    """Return when a witness says that it signed; raises `EvidenceError` with COSIGNATURE_FORM."""
    try:
        return datetime.fromtimestamp(int.from_bytes(signature.signature[:TIME_BYTES], "big"), UTC)
    except (ValueError, OverflowError, OSError):
        raise EvidenceError(LogFault.COSIGNATURE_FORM, "expected a cosignature to tell a time there is") from None


def sign_text(text: str, key: NoteKey, sign: Callable[[bytes], bytes], at: datetime | None = None) -> NoteSignature:
    """Return the signature of a text by a key.

    Parameters
    ----------
    key
        What is known of it.
    sign
        Returns the raw Ed25519 signature of a message; what it raises is passed on.
    at
        When; needed for a cosignature.
    """
    if key.algorithm is not NoteAlgorithm.COSIGNATURE:
        return NoteSignature(name=key.name, key_id=key.key_id, signature=sign(text.encode()))
    if at is None:
        raise ValueError("expected the time of a cosignature")
    seconds = int(at.timestamp())
    signature = seconds.to_bytes(TIME_BYTES, "big") + sign(cosigned_message(text, seconds))
    return NoteSignature(name=key.name, key_id=key.key_id, signature=signature)
