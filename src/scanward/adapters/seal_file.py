"""Seal files: a seal with all that vouches for it, to be handed on with the scan it is of.

Trust: whoever has a seal file can try guesses at header values against it, and can show that a copy is of the scan. So
it goes to who may have the scan. The keys in it are as it says: whoever looks takes them from the gateway that sealed,
by another way, or is told that nobody else vouches for them.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scanward.adapters.signing.records import format_records, parse_records
from scanward.errors import EvidenceError
from scanward.model.custody import SignedStatement
from scanward.model.seal import Seal
from scanward.model.signing import KeyRecord, KeyUse
from scanward.model.verdict import VerifyFault
from scanward.seal.format import encode_seal, parse_seal
from scanward.tlog.checkpoint import Policy, SignedCheckpoint
from scanward.tlog.note import NoteKey
from scanward.tlog.proof import parse_proof

TYPE = "scanward.seal-file.v1"

MAX_FILE_BYTES = 256 * 1024 * 1024
"""A seal of 100,000 frames of 256 tiles, and some statements."""

_KEYS = {"type", "seal", "statements", "log_origin", "log_proofs", "keys"}
_STATEMENT_KEYS = {"body", "key_id", "signature", "blinding"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SealFile:
    """What a seal file holds.

    Attributes
    ----------
    seal
        The seal.
    statements
        Signed statements on the sealed object, the first first.
    origin
        Name of the log; empty where none has them.
    log_proofs
        That statements are in the log (C2SP tlog-proof), by number.
    records
        Keys that sign or signed.
    authorities
        Certificates (DER) behind them.
    """

    seal: Seal
    statements: Sequence[SignedStatement]
    origin: str
    log_proofs: Mapping[int, bytes] = field(repr=False)
    records: Sequence[KeyRecord]
    authorities: Sequence[bytes] = field(default=(), repr=False)

    def places(self) -> dict[int, int]:
        """Return where in the log statements are said to be, by number; raises `EvidenceError`."""
        return {number: parse_proof(proof).index for number, proof in self.log_proofs.items()}

    def encode(self) -> bytes:
        """Return it as a file."""
        document = {
            "type": TYPE,
            "seal": base64.b64encode(encode_seal(self.seal)).decode("ascii"),
            "statements": [
                {
                    "body": one.body.decode("utf-8"),
                    "key_id": one.key_id,
                    "signature": base64.b64encode(one.signature).decode("ascii"),
                    "blinding": one.blinding.hex(),
                }
                for one in self.statements
            ],
            "log_origin": self.origin,
            "log_proofs": {str(number): proof.decode("utf-8") for number, proof in sorted(self.log_proofs.items())},
            "keys": json.loads(format_records(self.records, self.authorities)),
        }
        return json.dumps(document, indent=1, sort_keys=True).encode("utf-8") + b"\n"


def parse_seal_file(data: bytes) -> SealFile:
    """Return what a seal file holds; nothing of it is verified.

    Raises
    ------
    EvidenceError
        It is no seal file, or what is in it is not what it has to be.
    """
    try:
        if len(data) > MAX_FILE_BYTES:
            raise ValueError("too long")
        document = json.loads(data)
        if not isinstance(document, dict) or document.keys() != _KEYS or document["type"] != TYPE:
            raise ValueError("another document")
        seal = base64.b64decode(document["seal"], validate=True)
        statements = [_statement(one) for one in document["statements"]]
        proofs = {int(number): proof.encode("utf-8") for number, proof in document["log_proofs"].items()}
        keys = json.dumps(document["keys"]).encode("utf-8")
        origin = document["log_origin"]
        if not isinstance(origin, str):
            raise TypeError("no name")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise EvidenceError(
            VerifyFault.SEAL_FILE,
            "expected a seal file as Scanward writes it, got something else",
            remedy="Ask for it again: scanward custody UID --seal-file FILE.",
        ) from None
    records, authorities = parse_records(keys)
    return SealFile(
        seal=parse_seal(seal),
        statements=statements,
        origin=origin,
        log_proofs=proofs,
        records=records,
        authorities=authorities,
    )


class ProvenByFile:
    """A log as a seal file proves it (implements :class:`scanward.ports.examining.LogEvidence`).

    Parameters
    ----------
    proofs
        That entries are in the log (C2SP tlog-proof).
    origin
        Name of the log.
    records
        What is known of keys.
    now
        The time.
    """

    def __init__(self, proofs: Sequence[bytes], origin: str, records: Sequence[KeyRecord], now: datetime) -> None:
        self._proofs = [parse_proof(one) for one in proofs]
        self._policy = policy_of(origin, records, any_key=True)
        self._records = records
        self._now = now

    def check(self, index: int | None, entry: bytes) -> tuple[int, int, datetime | None]:
        """Return the place of an entry, the size of the log, and when a witness saw it there."""
        for proof in self._proofs:
            if proof.index == index:
                signed = proof.verify(entry, self._policy, self._now)
                seen = min(signed.cosigned.values(), default=None)
                if not is_seen_in_time(signed, self._records, seen):
                    raise EvidenceError(
                        VerifyFault.LOG_KEY_COMPROMISED,
                        "the key of the log was compromised, and nobody else saw this checkpoint before",
                        remedy="Ask for the seal file again: the log is signed by another key by now.",
                    )
                return proof.index, signed.checkpoint.size, min(signed.cosigned.values(), default=None)
        raise EvidenceError(VerifyFault.SEAL_FILE, "expected a proof that the statement is in the log, got none")


def policy_of(
    origin: str,
    records: Sequence[KeyRecord],
    witnesses: Sequence[NoteKey] = (),
    *,
    threshold: int = 1,
    any_key: bool = False,
) -> Policy:
    """Return a policy that takes checkpoints by any of the keys of a log; raises `EvidenceError` without one.

    Parameters
    ----------
    origin
        Name of the log.
    records
        What is known of keys.
    witnesses
        Whose cosignatures are heard.
    threshold
        How many keys have to have signed.
    any_key
        Whether keys count that somebody else may have: for checkpoints that others saw before (`is_seen_in_time`).
    """
    keys = tuple(
        NoteKey.from_record(one, origin)
        for one in records
        if one.use is KeyUse.LOG and (any_key or one.compromised is None)
    )
    return Policy(origin=origin, keys=keys, threshold=threshold, witnesses=tuple(witnesses))


def is_seen_in_time(signed: SignedCheckpoint, records: Sequence[KeyRecord], at: datetime | None) -> bool:
    """Whether a checkpoint is by a key that nobody else had when others saw it at a time, None for never."""
    known = {one.key_id: one.compromised for one in records}
    times = [known.get(key.record_id) for key in signed.signers if key.record_id in known]
    return any(one is None or (at is not None and at < one) for one in times)


def _statement(fields: Mapping[str, str]) -> SignedStatement:
    if fields.keys() != _STATEMENT_KEYS:
        raise ValueError("other fields")
    return SignedStatement(
        body=fields["body"].encode("utf-8"),
        key_id=fields["key_id"],
        signature=base64.b64decode(fields["signature"], validate=True),
        blinding=bytes.fromhex(fields["blinding"]),
    )
