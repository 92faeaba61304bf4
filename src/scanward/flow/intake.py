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
from scanward.ingest.parse import IncomingFacts, Parser
from scanward.model.instance import ByteSource
from scanward.model.release import Result, ResultState
from scanward.model.study import Arrival, Completion, Origin, ReceivedInstance
from scanward.ports.intake import Receipt
from scanward.ports.ledger import Ledger, Quarantined
from scanward.ports.stores import Blobs, Sealing, Vault

COMPARE_BYTES = 1024 * 1024
"""How much of two instances is compared at a time."""

OTHER_PATIENT = "the study is known with another patient: ID, issuer, or name and birth date differ"
OTHER_CONTENT = "an instance with the same SOP Instance UID and other content is known"


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
        self._threads = threading.local()
        self._committer = Committer(ledger.add_received)

    def take(self, content: ByteSource, origin: Origin) -> Receipt:
        """Take an instance in; see :meth:`scanward.ports.intake.Intake.take`."""
        try:
            facts = self._parser().parse(open_dicom(content, self._spool))
        except OutputError:
            # The spool is full: no fault of the instance.
            raise StoreFullError("no room to inflate an instance in the spool") from None
        except StoreError:
            raise
        except ScanwardError as error:
            return self._quarantine(content, origin, str(error), None)
        if origin.recipient:
            return self._take_result(content, origin, facts)
        return self._take_instance(content, origin, facts)

    def _parser(self) -> Parser:
        parser: Parser | None = getattr(self._threads, "parser", None)
        if parser is None:
            parser = self._threads.parser = Parser()
        return parser

    def _take_instance(self, content: ByteSource, origin: Origin, facts: IncomingFacts) -> Receipt:
        blind = self._sealing.blind
        study_id = blind("study", facts.study_uid)
        key = self._vault.data_key(study_id)
        blob = self._blobs.put(key, content)
        received = ReceivedInstance(
            study_id=study_id,
            patient_id=blind("patient", facts.patient.key),
            series_id=blind("series", facts.series_uid),
            instance_id=blind("instance", facts.sop_instance_uid),
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
            blob=blob,
            origin=origin,
            received=self._clock(),
        )
        # Should this raise, the row may be there or not: then the blob stays, for `fsck` to find if nothing names it.
        arrived = self._committer.add(received)
        if arrived.arrival is Arrival.ADDED or arrived.blob == blob:
            return _receipt(facts)
        try:
            if arrived.arrival is Arrival.KNOWN:
                known_in = arrived.study_id or study_id
                if known_in == study_id and self._is_same(key, arrived.blob, content):
                    return _receipt(facts)
                return self._quarantine(content, origin, OTHER_CONTENT, facts)
            return self._quarantine(content, origin, OTHER_PATIENT, facts)
        finally:
            self._blobs.delete(blob)

    def _is_same(self, key: bytes, blob: str, content: ByteSource) -> bool:
        """Whether a blob holds the same data set; File Meta Information is each sender's own (PS3.10 Section 7.1)."""
        with self._blobs.open(key, blob) as known:
            ours, theirs = open_dicom(known, self._spool), open_dicom(content, self._spool)
            if ours.transfer_syntax_uid != theirs.transfer_syntax_uid:
                return False
            one, other = ours.reader.source, theirs.reader.source
            length = one.size - ours.offset
            return length == other.size - theirs.offset and all(
                one.read(ours.offset + at, COMPARE_BYTES)[: length - at]
                == other.read(theirs.offset + at, COMPARE_BYTES)[: length - at]
                for at in range(0, length, COMPARE_BYTES)
            )

    def _take_result(self, content: ByteSource, origin: Origin, facts: IncomingFacts) -> Receipt:
        result_id = self._sealing.blind("result", f"{origin.recipient}|{facts.sop_instance_uid}")
        key = self._vault.data_key(result_id)
        blob = self._blobs.put(key, content)
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
            if self._is_same(key, self._ledger.get_result(result_id).blob, content):
                return _receipt(facts)
            return self._quarantine(content, origin, OTHER_CONTENT, facts)
        finally:
            self._blobs.delete(blob)

    def _quarantine(self, content: ByteSource, origin: Origin, reason: str, facts: IncomingFacts | None) -> Receipt:
        """Keep what is not understood, once for each content, under a data key of its own."""
        digest = hashlib.sha256()
        for at in range(0, content.size, COMPARE_BYTES):
            digest.update(content.read(at, COMPARE_BYTES))
        quarantine_id = self._sealing.blind("quarantined", digest.hexdigest())
        blob = self._blobs.put(self._vault.data_key(quarantine_id), content)
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
