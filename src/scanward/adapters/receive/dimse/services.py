"""What is done with each message of an association; answers go back through `Reply`."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from scanward.adapters import dimse_data_sets as data_sets
from scanward.adapters import dimse_messages as dimse
from scanward.adapters.dimse_messages import Command
from scanward.adapters.receive.dimse.commitment import Report, Request, parse_request
from scanward.adapters.receive.dimse.contexts import PERFORMED_PROCEDURE_STEP, STORAGE_COMMITMENT
from scanward.adapters.receive.dimse.peers import Caller
from scanward.adapters.receive.dimse.reports import Reporter
from scanward.adapters.receive.dimse.spool import SpooledInstance
from scanward.config import DimseSettings, PeerSettings
from scanward.errors import NetworkError, ScanwardError, StoreError, StoreFullError
from scanward.model.study import Completion, Origin, OriginKind
from scanward.ports.intake import Intake
from scanward.ports.peers import PeerBook

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_INSTANCE: Final = 0x0111
NO_SUCH_INSTANCE: Final = 0x0112
INVALID_ARGUMENT: Final = 0x0115
INVALID_INSTANCE: Final = 0x0117
NO_SUCH_CLASS: Final = 0x0118
UNRECOGNISED_OPERATION: Final = 0x0211
OUT_OF_RESOURCES: Final = 0xA700
CANNOT_UNDERSTAND: Final = 0xC000

MAX_COMMENT: Final = 64
"""Characters of Error Comment (0000,0902), VR LO."""

_SCHEDULED_STEP_ATTRIBUTES_SEQUENCE: Final = 0x00400270
_STEP_STATUS: Final = 0x00400252
_STUDY_INSTANCE_UID: Final = 0x0020000D
_ENDED: Final = ("COMPLETED", "DISCONTINUED")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a response says: the status, a word on it, and further command elements."""

    status: int
    comment: str = ""
    more: Mapping[int, int | str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What all associations share.

    Attributes
    ----------
    settings
        Of the door.
    intake
        Where instances go.
    spool
        Folder for instances while they come.
    book
        Performed procedure steps: one that ends completes its studies.
    reporter
        Takes the answer to a storage commitment.
    clock
        Tells the time, aware UTC.
    """

    settings: DimseSettings
    intake: Intake
    spool: Path
    book: PeerBook
    reporter: Reporter
    clock: Callable[[], datetime]

    def store(self, peer: PeerSettings, spooled: SpooledInstance, command: Command) -> Reply:
        """Take an instance in; success only when it is durable and understood."""
        if spooled.is_full:
            return Reply(status=OUT_OF_RESOURCES, comment="no room left")
        try:
            kind = OriginKind.FETCH if self._is_fetched(command) else OriginKind.DIMSE
            receipt = self.intake.take(spooled, Origin(kind=kind, peer=peer.name, recipient=peer.recipient))
        except StoreFullError:
            return Reply(status=OUT_OF_RESOURCES, comment="no room left")
        except StoreError:
            return Reply(status=PROCESSING_FAILURE, comment="could not be stored")
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the sender must not hear success
            _LOG.error("an instance was not taken in: %s", type(error).__name__)  # its text may quote values
            return Reply(status=PROCESSING_FAILURE, comment="could not be stored")
        if not receipt.accepted:
            return Reply(status=CANNOT_UNDERSTAND, comment="quarantined")
        return Reply(status=SUCCESS)

    def _is_fetched(self, command: Command) -> bool:
        """Whether the sender says that it sends because we asked it to (C-MOVE, PS3.7 Section 9.1.1.1)."""
        return command.text(dimse.MOVE_ORIGINATOR) == self.settings.ae_title

    def commit(self, peer: PeerSettings, caller: Caller, command: Command, data: bytes) -> Reply:
        """Answer a request for storage commitment (PS3.4 Section J.3.2); what is to be reported is owed then."""
        if command.uid(dimse.REQUESTED_SOP_CLASS_UID) != STORAGE_COMMITMENT:
            return Reply(status=NO_SUCH_CLASS)
        action = {dimse.ACTION_TYPE_ID: 1}
        if command.find_number(dimse.ACTION_TYPE_ID) != 1:
            return Reply(status=INVALID_ARGUMENT)
        request = parse_request(data)
        if request is None:
            return Reply(status=INVALID_ARGUMENT, more=action)
        try:
            # On record before it is promised: a restart must not forget it.
            self.reporter.owe(peer, caller.address, self._check(request))
        except ScanwardError:
            return Reply(status=PROCESSING_FAILURE, more=action)
        return Reply(status=SUCCESS, more=action)

    def _check(self, request: Request) -> Report:
        held = [reference for reference in request.references if self.intake.has(*reference)]
        missing = [reference for reference in request.references if reference not in set(held)]
        self.intake.complete_instances([instance for _, instance in held], Completion.COMMITMENT)
        return Report(transaction=request.transaction, held=held, missing=missing)

    def begin_step(self, command: Command, data: bytes) -> Reply:
        """Note a performed procedure step that begins (N-CREATE, PS3.4 Section F.7.2.1)."""
        if command.uid(dimse.AFFECTED_SOP_CLASS_UID) != PERFORMED_PROCEDURE_STEP:
            return Reply(status=NO_SUCH_CLASS)
        step = command.uid(dimse.AFFECTED_SOP_INSTANCE_UID) or f"2.25.{uuid.uuid4().int}"
        items = data_sets.items_of(data_sets.parse(data), _SCHEDULED_STEP_ATTRIBUTES_SEQUENCE)
        studies = _uids(items)
        named = {dimse.AFFECTED_SOP_INSTANCE_UID: step}
        if not studies:
            return Reply(status=INVALID_ARGUMENT, more=named)
        try:
            is_new = self.book.begin_step(step, studies, self.clock())
        except ScanwardError:
            return Reply(status=PROCESSING_FAILURE, more=named)
        return Reply(status=SUCCESS if is_new else DUPLICATE_INSTANCE, more=named)

    def change_step(self, command: Command, data: bytes) -> Reply:
        """Note that a performed procedure step ended (N-SET, PS3.4 Section F.7.2.2)."""
        if command.uid(dimse.REQUESTED_SOP_CLASS_UID) != PERFORMED_PROCEDURE_STEP:
            return Reply(status=NO_SUCH_CLASS)
        uid = command.uid(dimse.REQUESTED_SOP_INSTANCE_UID)
        has_ended = data_sets.text_of(data_sets.parse(data), _STEP_STATUS) in _ENDED
        try:
            step = self.book.find_step(uid)
            if step is None:
                return Reply(status=NO_SUCH_INSTANCE)
            if step.has_ended:
                return Reply(status=PROCESSING_FAILURE, comment="the step may no longer be updated")
            if has_ended:
                for study in sorted(step.study_uids):
                    self.intake.complete(study, Completion.MPPS)
                self.book.end_step(uid, self.clock())
        except ScanwardError:
            return Reply(status=PROCESSING_FAILURE)
        return Reply(status=SUCCESS)


def _uids(items: Sequence[data_sets.Found]) -> frozenset[str]:
    studies = frozenset(data_sets.text_of(item, _STUDY_INSTANCE_UID) for item in items) - {""}
    if any(len(study) > 64 for study in studies):
        raise NetworkError("expected Study Instance UIDs, got something longer")
    return studies
