"""Checkpoints (C2SP tlog-checkpoint): what a log says of itself, and who has to have signed it to be believed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scanward.errors import EvidenceError
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import HASH_BYTES, MAX_SIZE
from scanward.tlog.note import (
    Note,
    NoteAlgorithm,
    NoteKey,
    NoteSignature,
    cosignature_time,
    decode_base64,
    encode_base64,
    parse_note,
)

CLOCK_SKEW = timedelta(minutes=5)
"""A cosignature may be so far ahead of the clock of whoever checks it."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def parse_decimal(text: str, fault: LogFault, what: str) -> int:
    """Return a number without leading zeros; raises `EvidenceError` with `fault`."""
    if _DECIMAL.fullmatch(text) is None or int(text) > MAX_SIZE:
        raise EvidenceError(fault, f"expected {what} as a decimal number without leading zeros")
    return int(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What a log says of itself.

    Attributes
    ----------
    origin
        Name of the log.
    size
        How many entries it has.
    root
        Of the tree over them.
    extensions
        Lines that C2SP leaves to each log; this one writes none.
    """

    origin: str
    size: int
    root: bytes = field(repr=False)
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, encode_base64(self.root), *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that the text of a note gives; nothing is verified.

    Raises
    ------
    EvidenceError
        CHECKPOINT_FORM, CHECKPOINT_SIZE or CHECKPOINT_ROOT.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or "" in lines[:-1]:
        raise EvidenceError(LogFault.CHECKPOINT_FORM, "expected lines of origin, size and root, and none empty")
    size = parse_decimal(lines[1], LogFault.CHECKPOINT_SIZE, "the size of a log")
    root = decode_base64(lines[2], LogFault.CHECKPOINT_ROOT, "the root of a log")
    if len(root) != HASH_BYTES:
        raise EvidenceError(LogFault.CHECKPOINT_ROOT, f"expected a root of {HASH_BYTES} bytes, got {len(root)}")
    return Checkpoint(origin=lines[0], size=size, root=root, extensions=tuple(lines[3:-1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that a policy accepts.

    Attributes
    ----------
    checkpoint
        What the log says.
    note
        As it was signed.
    signers
        Keys of the log that signed it.
    cosigned
        When each witness that the policy knows says that it saw it.
    """

    checkpoint: Checkpoint
    note: Note = field(repr=False)
    signers: tuple[NoteKey, ...]
    cosigned: Mapping[NoteKey, datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Whom to believe about a log.

    Attributes
    ----------
    origin
        Name of the log.
    keys
        Keys of the log: those that sign and those that signed once.
    threshold
        How many of them have to have signed a checkpoint.
    witnesses
        Keys of witnesses.
    quorum
        How many of them have to have cosigned it.
    """

    origin: str
    keys: tuple[NoteKey, ...]
    threshold: int = 1
    witnesses: tuple[NoteKey, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(self.keys) or not 0 <= self.quorum <= len(self.witnesses):
            raise EvidenceError(LogFault.KEY_FORM, "expected as many keys as have to sign, and one of the log at least")
        if len({key.public_key for key in (*self.keys, *self.witnesses)}) != len(self.keys) + len(self.witnesses):
            raise EvidenceError(LogFault.KEY_FORM, "expected each key once: two names of one key are one signer")
        if any(key.algorithm is not NoteAlgorithm.ED25519 for key in self.keys) or any(
            key.algorithm is not NoteAlgorithm.COSIGNATURE for key in self.witnesses
        ):
            raise EvidenceError(LogFault.KEY_ALGORITHM, "expected Ed25519 keys of the log, cosignatures of witnesses")

    def verify(self, data: bytes, now: datetime | None = None) -> SignedCheckpoint:
        """Return the checkpoint in a note that the log, and witnesses where they are asked for, signed.

        Parameters
        ----------
        data
            The note.
        now
            The time, by which cosignatures from the future are told; they are not where it is None.

        Raises
        ------
        EvidenceError
            As `parse_note` and `parse_checkpoint`; CHECKPOINT_ORIGIN; SIGNATURE_FORGED, SIGNATURE_MISSING,
            SIGNATURE_UNKNOWN_KEY or SIGNATURE_THRESHOLD; the same of cosignatures, and COSIGNATURE_FUTURE.
        """
        # 1. The form, and which log it is.
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        if checkpoint.origin != self.origin:
            raise EvidenceError(LogFault.CHECKPOINT_ORIGIN, "the checkpoint is of another log")
        # 2. Keys of the log. One bad signature of a known key spoils all: somebody tampered with it.
        signed = _signed_by(note, self.keys, LogFault.SIGNATURE_FORGED)
        if len(signed) < self.threshold:
            raise self._too_few(note, len(signed))
        # 3. Witnesses.
        cosigned = _signed_by(note, self.witnesses, LogFault.COSIGNATURE_FORGED)
        if len(cosigned) < self.quorum:
            raise self._too_few_witnesses(note, len(cosigned))
        times = {key: cosignature_time(signature) for key, signature in cosigned.items()}
        if now is not None and any(time > now + CLOCK_SKEW for time in times.values()):
            raise EvidenceError(LogFault.COSIGNATURE_FUTURE, "a witness cosigned at a time that is still to come")
        return SignedCheckpoint(checkpoint=checkpoint, note=note, signers=tuple(signed), cosigned=times)

    def _too_few(self, note: Note, count: int) -> EvidenceError:
        expected = f"expected signatures of {self.threshold} known keys of the log, got {count}"
        if count:
            return EvidenceError(LogFault.SIGNATURE_THRESHOLD, expected)
        if any(one.name == self.origin for one in note.signatures):
            return EvidenceError(LogFault.SIGNATURE_UNKNOWN_KEY, f"{expected}; one is by a key that is not known")
        return EvidenceError(LogFault.SIGNATURE_MISSING, expected)

    def _too_few_witnesses(self, note: Note, count: int) -> EvidenceError:
        expected = f"expected cosignatures of {self.quorum} known witnesses, got {count}"
        if count:
            return EvidenceError(LogFault.COSIGNATURE_THRESHOLD, expected)
        if any(not any(key.has_made(one) for key in self.keys) for one in note.signatures):
            return EvidenceError(LogFault.COSIGNATURE_UNKNOWN_WITNESS, f"{expected}; others signed that are not known")
        return EvidenceError(LogFault.COSIGNATURE_MISSING, expected)


def _signed_by(note: Note, keys: Sequence[NoteKey], fault: LogFault) -> dict[NoteKey, NoteSignature]:
    """Return the keys that signed, each once however often it did."""
    found: dict[NoteKey, NoteSignature] = {}
    for signature in note.signatures:
        for key in keys:
            if not key.has_made(signature):
                continue
            if not key.is_valid(note.text, signature):
                raise EvidenceError(fault, "a signature says that it is by a known key, and is not")
            found.setdefault(key, signature)
    return found
