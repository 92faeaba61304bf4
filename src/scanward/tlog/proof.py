"""Proofs that an entry is in a log, for whoever has only a file and a key (C2SP tlog-proof, ``.tlog-proof``)."""

from dataclasses import dataclass, field
from datetime import datetime

from scanward.errors import EvidenceError
from scanward.tlog.checkpoint import Policy, SignedCheckpoint, parse_decimal
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from scanward.tlog.note import MAX_NOTE_BYTES, decode_base64, encode_base64

HEAD = "c2sp.org/tlog-proof@v1"
"""First line of a proof."""

MAX_PROOF_BYTES = MAX_NOTE_BYTES + 200_000
"""A longer file is no proof: at most 63 hashes and some extra data come before the checkpoint."""

MAX_HASHES = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class LogProof:
    """That an entry is in a log.

    Attributes
    ----------
    index
        Of the entry.
    hashes
        From beside the leaf to below the root.
    checkpoint
        The signed note that says the root.
    extra
        Data that helps to use the proof; nothing vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...] = field(repr=False)
    checkpoint: bytes = field(repr=False)
    extra: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        """Return the proof as a file."""
        extra = [f"extra {encode_base64(self.extra)}"] if self.extra else []
        lines = [HEAD, *extra, f"index {self.index}", *(encode_base64(one) for one in self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    def verify(self, entry: bytes, policy: Policy, now: datetime | None = None) -> SignedCheckpoint:
        """See that `entry` is in the log that a policy trusts, and return the checkpoint that says so.

        Raises
        ------
        EvidenceError
            As `Policy.verify` and `verify_inclusion`.
        """
        signed = policy.verify(self.checkpoint, now)
        tree = signed.checkpoint
        verify_inclusion(leaf_hash(entry), self.index, tree.size, self.hashes, tree.root)
        return signed


def parse_proof(data: bytes) -> LogProof:
    """Return the proof that a file gives, in its one right form; nothing is verified.

    Raises
    ------
    EvidenceError
        PROOF_FORM, PROOF_EXTRA, PROOF_INDEX or PROOF_HASH.
    """
    head, blank, checkpoint = data[:MAX_PROOF_BYTES].partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = []
    if len(data) > MAX_PROOF_BYTES or not blank or not checkpoint or len(lines) < 2 or lines[0] != HEAD:
        raise EvidenceError(LogFault.PROOF_FORM, f"expected {HEAD}, an index, hashes, a blank line and a checkpoint")
    extra = b""
    if lines[1].startswith("extra "):
        extra = decode_base64(lines.pop(1).removeprefix("extra "), LogFault.PROOF_EXTRA, "extra data")
    if len(lines) < 2 or not lines[1].startswith("index "):
        raise EvidenceError(LogFault.PROOF_INDEX, "expected the index of the entry in a proof")
    index = parse_decimal(lines[1].removeprefix("index "), LogFault.PROOF_INDEX, "the index of an entry")
    hashes = tuple(decode_base64(line, LogFault.PROOF_HASH, "a hash of a proof") for line in lines[2:])
    if len(hashes) > MAX_HASHES or any(len(one) != HASH_BYTES for one in hashes):
        raise EvidenceError(LogFault.PROOF_HASH, f"expected up to {MAX_HASHES} hashes of {HASH_BYTES} bytes in a proof")
    return LogProof(index=index, hashes=hashes, checkpoint=checkpoint, extra=extra)
