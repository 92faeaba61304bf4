"""Makes custody statements of what happened, and brings them into the transparency log.

What happened stands in the ledger, in the transaction in which it did: what waits for a statement is read from there,
so that nothing is forgotten by a kill. A statement is signed and kept, then its entry is appended to the log, then its
place is noted. Killed in between, the next run finds the entry in the log and notes its place: none is appended twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scanward.errors import (
    DicomFormatError,
    EvidenceError,
    SigningError,
    StateError,
    StoreError,
    StoreFullError,
    UnknownError,
)
from scanward.flow.sealing import DEIDENTIFIED, SEALED, Sealer, SealingTools
from scanward.model.custody import NO_STATEMENT, CustodyEvent, Statement
from scanward.model.study import Batch
from scanward.ports.custody import Due, Head, KeptSeal, NewStatement
from scanward.ports.ledger import Ledger
from scanward.ports.log import Log
from scanward.ports.signing import Signer
from scanward.seal.digest import series_root
from scanward.seal.statement import BLINDING_BYTES, digest_of, entry_of, sign_statement
from scanward.tlog.checkpoint import parse_checkpoint
from scanward.tlog.note import parse_note

ACTOR = "scanward"
"""Who states what this program does by itself."""

DUE_AT_ONCE = 256
LOGGED_AT_ONCE = 1024
"""Entries of one batch, made durable together."""

EVENTS: Mapping[str, CustodyEvent] = {
    SEALED: CustodyEvent.SEALED,
    DEIDENTIFIED: CustodyEvent.DEIDENTIFIED,
    "received": CustodyEvent.RECEIVED,
    "quarantined": CustodyEvent.QUARANTINED,
    "completed": CustodyEvent.COMPLETED,
    "disclosed": CustodyEvent.DISCLOSED,
    "delivery": CustodyEvent.DELIVERED,
    "stored anew": CustodyEvent.STORED_ANEW,
    "approved": CustodyEvent.APPROVED,
    "refused": CustodyEvent.REFUSED,
    "opened again": CustodyEvent.REOPENED,
    "let go": CustodyEvent.LET_GO,
}
"""What the history calls it, and what a statement does."""

_OF_RECIPIENT = "of "
"""How the history says of a result whose it is."""


@dataclass(kw_only=True, slots=True)
class _Chains:
    """How far the chains of objects are, with the statements that are about to be kept, and who signs them."""

    signer: Signer
    heads: dict[str, Head]
    made: list[NewStatement] = field(default_factory=list)


class Notary:
    """States what happened; one process at a time appends to a log.

    Parameters
    ----------
    ledger
        What happened.
    tools
        What sealing takes.
    sealer
        Seals.
    signer
        Returns the key that signs statements now.
    origin
        Name of the log.
    open_log
        Opens the log, which takes the entries, once it is seen to go on from a size and root (hexadecimal) that were
        noted, None for the first time; again after it could not be written.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        tools: SealingTools,
        sealer: Sealer,
        signer: Callable[[], Signer],
        origin: str,
        open_log: Callable[[tuple[int, str] | None], Log],
    ) -> None:
        self._ledger = ledger
        self._tools = tools
        self._sealer = sealer
        self._signer = signer
        self._origin = origin
        self._open_log = open_log
        self._opened: Log | None = None

    def step(self) -> int:
        """State what is due and log what is stated; return how much that was."""
        return self.state() + self.log()

    def state(self) -> int:
        """Seal what is whole, and make statements of what happened since; return of how many events.

        Raises
        ------
        StoreError
            A store could not be read or written; nothing is forgotten.
        """
        due = self._tools.book.due(DUE_AT_ONCE)
        if not due:
            return 0
        subjects = sorted({one.subject for one in due})
        chains = _Chains(signer=self._signer(), heads=dict(self._tools.book.heads(subjects)))
        for one in due:
            self._state(chains, one)
        try:
            self._tools.book.record((), chains.made, [one.seq for one in due])
        except StateError:
            return 0  # another worker stated the same
        return len(due)

    def say(self, object_id: str, event: CustodyEvent, facts: Mapping[str, str | int], *, by: str = ACTOR) -> None:
        """State something at once, as of a key; durable on return.

        Raises
        ------
        StateError
            Another process stated something of the same object at the same moment.
        """
        chains = _Chains(signer=self._signer(), heads=dict(self._tools.book.heads([object_id])))
        self._add(chains, object_id, event, facts, by=by)
        self._tools.book.record((), chains.made)

    def _state(self, chains: _Chains, due: Due) -> None:
        event = EVENTS.get(due.what)
        if event is None:
            raise StoreError("expected an event that statements are made of, got another")
        facts: dict[str, str | int] = {"happened": due.at.isoformat(timespec="microseconds")}
        if due.what in {SEALED, DEIDENTIFIED}:
            facts |= json.loads(due.detail)
        elif due.detail:
            facts["said"] = due.detail
        if event is CustodyEvent.RECEIVED and due.detail.startswith(_OF_RECIPIENT):
            event = CustodyEvent.RETURNED
            self._seal_result(due.subject)
        if event is CustodyEvent.COMPLETED:
            facts |= self._seal_batch(due)
        self._add(chains, due.subject, event, facts, by=due.by or ACTOR)

    def _seal_result(self, result_id: str) -> None:
        try:
            self._sealer.seal_result(self._ledger.get_result(result_id))
        except StoreFullError:
            raise
        except (StoreError, DicomFormatError, UnknownError):
            return  # its blob is lost, or it is held as what it is: fsck and the desk tell

    def _seal_batch(self, due: Due) -> dict[str, str | int]:
        """Seal what a batch has, and return what is to be said of it."""
        number = _batch_number(due.detail)
        instances = self._ledger.instances_of(Batch(study_id=due.subject, number=number))
        lost = False
        try:
            self._sealer.seal_originals(due.subject, instances)
        except StoreError:
            lost = True  # told below, and by fsck; the others are sealed
        ids = {one.instance_id: one.series_id for one in instances}
        seals = [one for one in self._tools.book.seals_of(due.subject) if one.object_id in ids]
        if lost and len(seals) == len(ids):
            raise StoreError("seals could not be stored")
        return {"sealed": len(seals), "unsealed": len(ids) - len(seals), "root": _root_of(seals, ids)}

    def _add(
        self, chains: _Chains, object_id: str, event: CustodyEvent, facts: Mapping[str, str | int], *, by: str
    ) -> None:
        head = chains.heads.get(object_id)
        now = self._tools.clock()
        # Several machines state of one object, and their clocks differ a little: the chain's own never goes back.
        at = now if head is None else max(now, head.at)
        number = 0 if head is None else head.count
        signed = sign_statement(
            Statement(
                object_id=object_id,
                number=number,
                previous=NO_STATEMENT if head is None else head.digest,
                event=event,
                at=at,
                actor=by,
                facts=facts,
            ),
            chains.signer,
            self._tools.draw(BLINDING_BYTES),
        )
        digest = digest_of(signed)
        chains.heads[object_id] = Head(count=number + 1, digest=digest, at=at)
        chains.made.append(
            NewStatement(
                object_id=object_id, number=number, at=at, signed=signed, digest=digest, entry=entry_of(signed)
            )
        )

    def log(self) -> int:
        """Append statements to the log; return how many.

        Raises
        ------
        EvidenceError
            The log is older than it was, or another one: nothing is appended, and a person has to look.
        StoreError
            The log or the ledger could not be written; what is in the log already is found there next time.
        """
        waiting = self._tools.book.unlogged(LOGGED_AT_ONCE)
        if not waiting:
            return 0
        if self._opened is None:
            self._opened = self._open_log(self._tools.book.log_head(self._origin))
        try:
            self._append(self._opened, waiting)
        except (StoreError, EvidenceError, SigningError):
            self.close()  # opened again next time: what is durable and what is not is found out then
            raise
        return len(waiting)

    def close(self) -> None:
        """Let go of the log."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _append(self, log: Log, waiting: Sequence[tuple[int, bytes]]) -> None:
        places = self._find_there(log, {entry: seq for seq, entry in waiting})
        new = [(seq, entry) for seq, entry in waiting if seq not in places]
        if new:
            indices = log.append([entry for _, entry in new])
            places |= {seq: index for (seq, _), index in zip(new, indices, strict=True)}
        head = parse_checkpoint(parse_note(log.checkpoint()).text)
        self._tools.book.note_logged(places, self._origin, head.size, head.root.hex())

    def _find_there(self, log: Log, wanted: Mapping[bytes, int]) -> dict[int, int]:
        """Return the places of entries that are in the log and were not noted: a kill came between."""
        noted = self._tools.book.log_head(self._origin)
        start = 0 if noted is None else noted[0]
        return {
            wanted[entry]: index
            for index, entry in enumerate(log.entries(start, log.size), start=start)
            if entry in wanted
        }


def _batch_number(detail: str) -> int:
    """Return the number of a batch as the history says it: ``batch 3: 12 instances, by quiet``."""
    word = detail.removeprefix("batch ").partition(":")[0]
    if not word.isdecimal():
        raise StoreError("expected the history to name a batch, got something else")
    return int(word)


def _root_of(seals: Sequence[KeptSeal], series: Mapping[str, str]) -> str:
    """Return the root over the series of a batch, each over the roots of its instances, in a fixed order."""
    by_series: dict[str, list[KeptSeal]] = {}
    for one in seals:
        by_series.setdefault(series[one.object_id], []).append(one)
    roots = [
        series_root([bytes.fromhex(one.root) for one in sorted(some, key=lambda one: one.object_id)])
        for _, some in sorted(by_series.items())
    ]
    return series_root(roots).hex() if roots else ""
