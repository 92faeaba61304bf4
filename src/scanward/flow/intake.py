"""Takes instances in: parse, store encrypted, note in the ledger; only then the sender hears success.

An instance that is not understood is as durable as one that is: it waits, with the reason, for a person.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from scanward.dicomstream.opening import open_dicom
from scanward.errors import OutputError, ScanwardError, StoreError, StoreFullError
from scanward.flow.committer import Committer
from scanward.flow.healing import Healer, Incoming, Kept, Sameness, make_mark
from scanward.ingest.mark import CHUNK_BYTES
from scanward.ingest.parse import IncomingFacts, Parser
from scanward.model.instance import ByteSource
from scanward.model.release import Result, ResultState
from scanward.model.study import Arrival, Completion, Origin, ReceivedInstance
from scanward.ports.intake import Receipt
from scanward.ports.ledger import Ledger, Quarantined
from scanward.ports.stores import Blobs, Sealing, Vault

OTHER_PATIENT = "the study is known with another patient: ID, issuer, or name and birth date differ"
OTHER_CONTENT = "an instance with the same SOP Instance UID and other content is known"
LOST_CONTENT = "an instance with the same SOP Instance UID is known, its content is lost, and nothing tells what it was"


class GatewayIntake:
    """The gateway's intake (implements :class:`scanward.ports.intake.Intake`); for any number of threads.

    Parameters
    ----------
    blobs, vault, ledger, sealing
        The stores.
    spool
        Folder for inflated data sets, as secret as the instances.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        *,
        blobs: Blobs,
        vault: Vault,
        ledger: Ledger,
        sealing: Sealing,
        spool: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._blobs = blobs
        self._vault = vault
        self._ledger = ledger
        self._sealing = sealing
        self._spool = spool
        self._clock = clock
        self._healer = Healer(blobs, sealing, spool)
        self._threads = threading.local()
        self._committer = Committer(ledger.add_received)

    def take(self, content: ByteSource, origin: Origin) -> Receipt:
        """Take an instance in; see :meth:`scanward.ports.intake.Intake.take`."""
        try:
            start = open_dicom(content, self._spool)
            incoming = Incoming(content=content, start=start, facts=self._parser().parse(start))
        except OutputError:
            # The spool is full: no fault of the instance.
            raise StoreFullError("no room to inflate an instance in the spool") from None
        except StoreError:
            raise
        except ScanwardError as error:
            return self._quarantine(content, origin, str(error), None)
        if origin.recipient:
            return self._take_result(incoming, origin)
        return self._take_instance(incoming, origin)

    def _parser(self) -> Parser:
        parser: Parser | None = getattr(self._threads, "parser", None)
        if parser is None:
            parser = self._threads.parser = Parser()
        return parser

    def _take_instance(self, incoming: Incoming, origin: Origin) -> Receipt:
        received, key = self._store(incoming, origin)
        facts, content = incoming.facts, incoming.content
        # Should this raise, the row may be there or not: then the blob stays, for `fsck` to find if nothing names it.
        arrived = self._committer.add(received)
        if arrived.arrival is Arrival.ADDED or arrived.blob == received.blob:
            return _receipt(facts)
        try:
            if arrived.arrival is not Arrival.KNOWN:
                return self._quarantine(content, origin, OTHER_PATIENT, facts)
            if (arrived.study_id or received.study_id) != received.study_id:
                return self._quarantine(content, origin, OTHER_CONTENT, facts)
            return self._settle(key, incoming, origin, self._kept_instance(received.instance_id, origin))
        finally:
            self._blobs.delete(received.blob)

    def _store(self, incoming: Incoming, origin: Origin) -> tuple[ReceivedInstance, bytes]:
        """Store the bytes of an instance; return what the ledger shall know, and the study's data key."""
        facts, content = incoming.facts, incoming.content
        blind = self._sealing.blind
        study_id, instance_id = blind("study", facts.study_uid), blind("instance", facts.sop_instance_uid)
        key = self._vault.data_key(study_id)
        received = ReceivedInstance(
            study_id=study_id,
            patient_id=blind("patient", facts.patient.key),
            series_id=blind("series", facts.series_uid),
            instance_id=instance_id,
            study_uid=facts.study_uid,
            series_uid=facts.series_uid,
            sop_instance_uid=facts.sop_instance_uid,
            patient=facts.patient,
            study_date=facts.study_date,
            study_description=facts.study_description,
            accession_number=facts.accession_number,
            sop_class_uid=facts.sop_class_uid,
            transfer_syntax_uid=facts.transfer_syntax_uid,
            modality=facts.modality,
            body_part=facts.body_part,
            burned_in_annotation=facts.burned_in_annotation,
            size_bytes=content.size,
            blob=self._blobs.put(key, content),
            origin=origin,
            received=self._clock(),
            mark=make_mark(self._sealing, instance_id, incoming),
        )
        return received, key

    def _settle(self, key: bytes, incoming: Incoming, origin: Origin, kept: Kept) -> Receipt:
        """Receive what is there already: nothing to do where it is whole, stored anew where it was lost."""
        same = self._healer.settle(key, incoming, kept)
        if same is Sameness.SAME:
            return _receipt(incoming.facts)
        reason = OTHER_CONTENT if same is Sameness.OTHER else LOST_CONTENT
        return self._quarantine(incoming.content, origin, reason, incoming.facts)

    def _kept_instance(self, instance_id: str, origin: Origin) -> Kept:
        def find_blob() -> str:
            stored = self._ledger.find_instance(instance_id)
            return "" if stored is None else stored.blob

        return Kept(
            owner=instance_id,
            find_blob=find_blob,
            find_mark=lambda: self._ledger.find_mark(instance_id),
            replace=lambda lost, blob, size_bytes: self._ledger.replace_blob(
                instance_id, lost, blob, size_bytes, origin.peer, self._clock()
            ),
        )

    def _take_result(self, incoming: Incoming, origin: Origin) -> Receipt:
        facts, content = incoming.facts, incoming.content
        result_id = self._sealing.blind("result", f"{origin.recipient}|{facts.sop_instance_uid}")
        key = self._vault.data_key(result_id)
        blob = self._blobs.put(key, content)
        # The first one stays: what is sent again changes nothing of it.
        self._ledger.keep_result_mark(result_id, make_mark(self._sealing, result_id, incoming))
        added = self._ledger.add_result(
            Result(
                result_id=result_id,
                recipient=origin.recipient,
                release_id="",
                sop_class_uid=facts.sop_class_uid,
                size_bytes=content.size,
                blob=blob,
                outgoing="",
                state=ResultState.RECEIVED,
                reason="",
                received=self._clock(),
                attempts=0,
            )
        )
        if added:
            return _receipt(facts)
        try:
            return self._settle(key, incoming, origin, self._kept_result(result_id, origin))
        finally:
            self._blobs.delete(blob)

    def _kept_result(self, result_id: str, origin: Origin) -> Kept:
        return Kept(
            owner=result_id,
            find_blob=lambda: self._ledger.get_result(result_id).blob,
            find_mark=lambda: self._ledger.find_result_mark(result_id),
            replace=lambda lost, blob, _: self._ledger.replace_result_blob(
                result_id, lost, blob, origin.peer, self._clock()
            ),
        )

    def _quarantine(self, content: ByteSource, origin: Origin, reason: str, facts: IncomingFacts | None) -> Receipt:
        """Keep what is not understood, once for each content, under a data key of its own."""
        digest = hashlib.sha256()
        for at in range(0, content.size, CHUNK_BYTES):
            digest.update(content.read(at, CHUNK_BYTES))
        quarantine_id = self._sealing.blind("quarantined", digest.hexdigest())
        key = self._vault.data_key(quarantine_id)
        blob = self._blobs.put(key, content)
        added = self._ledger.add_quarantined(
            Quarantined(
                quarantine_id=quarantine_id,
                digest=quarantine_id,
                reason=reason,
                blob=blob,
                size_bytes=content.size,
                origin=origin,
                received=self._clock(),
            )
        )
        if not added:
            self._blobs.delete(blob)
            there = self._ledger.find_quarantined_blob(quarantine_id)
            # Its id is made of its content: it is the same.
            self._healer.settle_bytes(
                key,
                content,
                there,
                lambda lost, anew, _: self._ledger.replace_quarantined_blob(
                    quarantine_id, lost, anew, origin.peer, self._clock()
                ),
            )
        if facts is None:
            return Receipt(accepted=False, reason=reason)
        return _receipt(facts, accepted=False, reason=reason)

    def complete(self, study_uid: str, how: Completion) -> bool:
        """Note that a study is whole as far as it came."""
        return self._ledger.close_study(self._sealing.blind("study", study_uid), how, self._clock()) is not None

    def complete_instances(self, sop_instance_uids: Sequence[str], how: Completion) -> None:
        """Note that the studies of instances are whole as far as they came."""
        known = self._ledger.studies_of([self._sealing.blind("instance", uid) for uid in sop_instance_uids])
        for study_id in sorted(known):
            self._ledger.close_study(study_id, how, self._clock())

    def has(self, sop_class_uid: str, sop_instance_uid: str) -> bool:
        """Whether an instance is durable here."""
        stored = self._ledger.find_instance(self._sealing.blind("instance", sop_instance_uid))
        return stored is not None and stored.sop_class_uid == sop_class_uid


def _receipt(facts: IncomingFacts, *, accepted: bool = True, reason: str = "") -> Receipt:
    return Receipt(
        accepted=accepted,
        sop_class_uid=facts.sop_class_uid,
        sop_instance_uid=facts.sop_instance_uid,
        study_uid=facts.study_uid,
        reason=reason,
    )
