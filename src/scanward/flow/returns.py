"""Brings results back: matched to what went out, re-identified, labelled, delivered to the archive; or held.

Each result moves by itself, one durable move at a time, so that a kill at any point leaves it where it was.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from scanward.dicomstream.opening import open_dicom
from scanward.errors import OutputError, ScanwardError, StateError, StoreError
from scanward.flow.outbox import Retries
from scanward.model.instance import BytesSource
from scanward.model.release import Delivery, DeliveryReport, Result, ResultState
from scanward.ports.ledger import DisclosedStudy, Ledger, Registry
from scanward.ports.network import Archive, Outgoing
from scanward.ports.stores import Blobs, Sealing, Vault
from scanward.release.label import Labelling
from scanward.release.match import Match, ReleasedContext, match_result
from scanward.release.read import ResultFacts, read_opened
from scanward.release.recipe import RecipesSource, assemble, encode_pieces, length_bytes, read_recipe
from scanward.release.reidentify import ReidentifiedResult, Reidentifier

AT_ONCE = 50
"""So many results are looked at in one step."""

NO_AGREEMENT = "the recipient is not known any more, or nothing is agreed with it"
NOT_TAKEN = "the archive did not take it"
BLINDED_KINDS = ("study", "series", "instance")


class Returner:
    """Brings results back; for one thread at a time.

    Parameters
    ----------
    ledger, registry, blobs, vault, sealing
        The stores.
    archive
        Where results go; None: they wait until there is one.
    retries
        How often and when delivery is tried again.
    spool
        Folder for inflated data sets.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        blobs: Blobs,
        vault: Vault,
        sealing: Sealing,
        archive: Archive | None,
        retries: Retries,
        spool: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._blobs = blobs
        self._vault = vault
        self._sealing = sealing
        self._archive = archive
        self._retries = retries
        self._spool = spool
        self._clock = clock

    def step(self) -> int:
        """Match what came, deliver what is matched; return how many results moved."""
        received = self._ledger.find_results(ResultState.RECEIVED, AT_ONCE)
        for result in received:
            self._bring_back(result)
        return len(received) + self._deliver()

    # Match

    def _bring_back(self, result: Result) -> None:
        try:
            release_id, outgoing = self._reidentify(result)
        except (StoreError, OutputError):
            raise  # no fault of the result: tried again
        except ScanwardError as error:
            reason = f"{error}. {error.remedy}".rstrip() if error.remedy else str(error)
            self._move(result, ResultState.HELD, reason=reason)
            return
        self._move(result, ResultState.ACCEPTED, release_id=release_id, outgoing=outgoing)

    def _move(self, result: Result, state: ResultState, **what: object) -> None:
        # A person or another worker may have moved it meanwhile.
        with suppress(StateError):
            self._ledger.move_result(result.result_id, state, at=self._clock(), **what)  # type: ignore[arg-type]

    def _reidentify(self, result: Result) -> tuple[str, str]:
        """Return the release that a result belongs to, and the blob of what goes to the archive."""
        recipient = self._registry.find_recipient(result.recipient)
        if recipient is None or recipient.agreement is None:
            raise ScanwardError(NO_AGREEMENT)
        key = self._vault.data_key(result.result_id)
        with self._blobs.open(key, result.blob) as source:
            start = open_dicom(source, self._spool)
            facts = read_opened(start)
            study_uid, studies = self._find_studies(result, facts)
            originals = self._vault.find_originals(result.recipient, study_uid)
            context = self._context(result.recipient, facts, study_uid, studies)
            match = match_result(_assign(facts, study_uid), originals, context, recipient.agreement.results)
            if study_uid != facts.study_uid:
                match = _assigned(match, facts.study_uid)
            release_id = result.release_id or studies[study_uid].release_id
            labelling = Labelling(
                recipient_name=recipient.name,
                release_id=release_id,
                agreement_version=recipient.version,
                received=result.received,
            )
            made = Reidentifier(labelling).apply(start, facts, match)
            return release_id, self._blobs.put(key, _encode(made))

    def _find_studies(self, result: Result, facts: ResultFacts) -> tuple[str, dict[str, DisclosedStudy]]:
        """Return the new UID of the study that a result belongs to, and every study it touches, by new UID."""
        uids = sorted(facts.uids | {facts.study_uid})
        studies = {one.study_uid: one for one in self._ledger.find_disclosed(result.recipient, uids)}
        study_uid = facts.study_uid
        if result.release_id:
            # A person said to which release it belongs.
            for one in self._ledger.find_disclosed_by(result.release_id):
                studies[one.study_uid] = one
                study_uid = one.study_uid
        return study_uid, studies

    def _context(
        self, recipient: str, facts: ResultFacts, study_uid: str, studies: dict[str, DisclosedStudy]
    ) -> ReleasedContext:
        others = {}
        for uid in studies:
            kept = self._vault.find_originals(recipient, uid) if uid != study_uid else None
            if kept is not None:
                others[uid] = kept
        first = min((one.first for one in studies.values()), default=self._clock())
        blinds = {self._sealing.blind(kind, uid): uid for uid in facts.uids for kind in BLINDED_KINDS}
        return ReleasedContext(
            instances=frozenset().union(*(one.instances for one in studies.values())),
            series=frozenset().union(*(one.series for one in studies.values())),
            disclosed_on=first.astimezone(UTC).date(),
            others=others,
            archived=frozenset(blinds[known] for known in self._ledger.find_known(sorted(blinds))),
        )

    # Deliver

    def _deliver(self) -> int:
        if self._archive is None:
            return 0
        due = self._ledger.find_results(ResultState.ACCEPTED, AT_ONCE, due=self._clock())
        if not due:
            return 0
        files: list[Outgoing] = []
        results: dict[str, Result] = {}
        for result in due:
            file = _ResultFile.open(result, self._vault.data_key(result.result_id), self._blobs, self._spool)
            files.append(file)
            results[file.sop_instance_uid] = result
        for report in self._archive.store(files):
            found = results.pop(report.sop_instance_uid, None)
            if found is not None:
                self._note(found, report)
        for result in results.values():
            self._note(result, DeliveryReport(sop_instance_uid="", delivery=Delivery.UNKNOWN, detail="broke off"))
        return len(due)

    def _note(self, result: Result, report: DeliveryReport) -> None:
        attempts = result.attempts + 1
        if report.delivery is Delivery.CONFIRMED:
            self._move(result, ResultState.DELIVERED)
        elif report.delivery is Delivery.REFUSED or attempts >= self._retries.attempts:
            self._move(result, ResultState.HELD, reason=f"{NOT_TAKEN}: {report.detail}")
        else:
            # Sent again, the archive has it once: it is the same instance.
            next_attempt = self._retries.next_attempt(self._clock(), attempts)
            self._move(result, ResultState.ACCEPTED, reason=report.detail, next_attempt=next_attempt)


def _assign(facts: ResultFacts, study_uid: str) -> ResultFacts:
    """Return what a result says, with the study a person assigned it to in place of the one it names."""
    if facts.study_uid == study_uid:
        return facts
    references = tuple(
        one._replace(study=study_uid) if one.study == facts.study_uid else one for one in facts.references
    )
    return replace(facts, study_uid=study_uid, references=references)


def _assigned(match: Match, study_uid: str) -> Match:
    """Return a match in which the Study Instance UID that the recipient wrote is put back too."""
    return replace(match, uids={**match.uids, study_uid: match.originals.study_uid})


def _encode(made: ReidentifiedResult) -> RecipesSource:
    """Return the recipe of a result, and beside it what it is."""
    facts = {
        "sop_class_uid": made.sop_class_uid,
        "sop_instance_uid": made.sop_instance_uid,
        "transfer_syntax_uid": made.transfer_syntax_uid,
        "path": f"{made.study_uid}/{made.series_uid}/{made.sop_instance_uid}.dcm",
        "size_bytes": length_bytes(made.pieces, made.deflate_from, made.source),
    }
    return encode_pieces([(made.pieces, made.deflate_from), ([json.dumps(facts).encode()], None)])


@dataclass(frozen=True, kw_only=True, slots=True)
class _ResultFile:
    """A result about to go to the archive (implements :class:`scanward.ports.network.Outgoing`)."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    path: str
    size_bytes: int
    result: Result
    key: bytes
    blobs: Blobs
    spool: Path

    @classmethod
    def open(cls, result: Result, key: bytes, blobs: Blobs, spool: Path) -> "_ResultFile":
        with blobs.open(key, result.outgoing) as recipes:
            facts = json.loads(b"".join(assemble(read_recipe(recipes, 1), BytesSource(b""))))
        return cls(**facts, result=result, key=key, blobs=blobs, spool=spool)

    def __repr__(self) -> str:
        """Show the kind only."""
        return f"_ResultFile({self.sop_class_uid})"

    def chunks(self) -> Iterator[bytes]:
        """Yield the Part 10 file."""
        with (
            self.blobs.open(self.key, self.result.outgoing) as recipes,
            self.blobs.open(self.key, self.result.blob) as source,
        ):
            yield from assemble(read_recipe(recipes, 0), source, self.spool)
