"""One association, from the connection to its end; runs in a thread of its own."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from scanward.adapters import dimse_messages as dimse
from scanward.adapters import upper_layer
from scanward.adapters.dimse_messages import Buffered, Command, Message, Messages, Sink
from scanward.adapters.receive.dimse import contexts
from scanward.adapters.receive.dimse.commitment import MAX_REQUEST_BYTES
from scanward.adapters.receive.dimse.peers import Caller
from scanward.adapters.receive.dimse.services import (
    INVALID_INSTANCE,
    MAX_COMMENT,
    SUCCESS,
    UNRECOGNISED_OPERATION,
    Reply,
    Services,
)
from scanward.adapters.receive.dimse.spool import SpooledInstance
from scanward.adapters.upper_layer import AssociationRequest, Link
from scanward.config import PeerSettings
from scanward.dicomstream.file_meta import encode_file_meta
from scanward.errors import NetworkError, StoreError

_FROM_AFFECTED: Final = (dimse.AFFECTED_SOP_CLASS_UID, dimse.AFFECTED_SOP_INSTANCE_UID)
_FROM_REQUESTED: Final = (dimse.REQUESTED_SOP_CLASS_UID, dimse.REQUESTED_SOP_INSTANCE_UID)


class Discarded:
    """Takes a data set that is of no use, up to the end of its message (a sink)."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes

    def write(self, data: memoryview) -> None:
        """Drop some more; raises `NetworkError` above the limit."""
        self._left -= len(data)
        if self._left < 0:
            raise NetworkError("the peer sends an instance larger than allowed")


class Session:
    """An association with a known peer, accepted already.

    Parameters
    ----------
    link
        The connection.
    peer, caller
        Who it is.
    request
        What was asked.
    syntaxes
        Transfer Syntax by accepted context.
    services
        What all associations share.
    """

    def __init__(
        self,
        link: Link,
        *,
        peer: PeerSettings,
        caller: Caller,
        request: AssociationRequest,
        syntaxes: Mapping[int, str],
        services: Services,
    ) -> None:
        self._peer = peer
        self._caller = caller
        self._services = services
        self._syntaxes = syntaxes
        self._classes = {proposal.context_id: proposal.abstract_syntax for proposal in request.proposals}
        self._link = link
        self._messages = Messages(
            link, peer_max_pdu_bytes=request.max_pdu_bytes, grace_seconds=services.settings.idle_seconds
        )
        self._spooled: SpooledInstance | None = None
        self._message_id = 0
        self._reported: dict[int, str] = {}
        self.is_busy = False

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Serve until the peer releases the association; raises `NetworkError` when it ends otherwise."""
        try:
            while not is_stopping():
                message = self._messages.receive(self._sink_of)
                if message is None:
                    self._link.send([upper_layer.RELEASE_RESPONSE])
                    return
                self._serve(message)
                self._let_go()
                self.is_busy = False
            raise NetworkError("the door closes")
        finally:
            self._let_go()
            for report_id in self._reported.values():
                self._services.reporter.give_back(report_id)

    def _let_go(self) -> None:
        if self._spooled is not None:
            self._spooled.close()
            self._spooled = None

    def _sink_of(self, context_id: int, command: Command) -> Sink:
        """Choose where a data set goes."""
        self.is_busy = True
        syntax = self._syntaxes.get(context_id)
        if syntax is None:
            raise NetworkError("expected a message in an accepted context, got one in another")
        if command.number(dimse.COMMAND_FIELD) != dimse.C_STORE_RQ or not self._is_storage(context_id):
            return Buffered(MAX_REQUEST_BYTES)
        limit = self._services.settings.max_instance_bytes
        sop_class = command.uid(dimse.AFFECTED_SOP_CLASS_UID)
        sop_instance = command.uid(dimse.AFFECTED_SOP_INSTANCE_UID)
        if not sop_class or not sop_instance:
            return Discarded(limit)
        head = encode_file_meta(sop_class_uid=sop_class, sop_instance_uid=sop_instance, transfer_syntax_uid=syntax)
        self._spooled = SpooledInstance(self._services.spool, head, limit_bytes=limit)
        return self._spooled

    def _is_storage(self, context_id: int) -> bool:
        return contexts.is_storage(self._classes[context_id])

    def _serve(self, message: Message) -> None:
        """Do what a message asks for, and answer it."""
        command = message.command
        operation = command.number(dimse.COMMAND_FIELD)
        if operation & dimse.RESPONSE or operation == dimse.C_CANCEL_RQ:
            self._note_response(command)
            return
        if message.context_id not in self._syntaxes:
            raise NetworkError("expected a message in an accepted context, got one in another")
        data = bytes(message.sink.data) if isinstance(message.sink, Buffered) else b""
        service = self._classes[message.context_id]
        if operation == dimse.C_ECHO_RQ and service == contexts.VERIFICATION:
            reply = Reply(status=SUCCESS)
        elif operation == dimse.C_STORE_RQ and self._is_storage(message.context_id):
            reply = self._store(command)
        elif operation == dimse.N_ACTION_RQ and service == contexts.STORAGE_COMMITMENT:
            reply = self._services.commit(self._peer, self._caller, command, data)
        elif operation == dimse.N_CREATE_RQ and service == contexts.PERFORMED_PROCEDURE_STEP:
            reply = self._services.begin_step(command, data)
        elif operation == dimse.N_SET_RQ and service == contexts.PERFORMED_PROCEDURE_STEP:
            reply = self._services.change_step(command, data)
        else:
            reply = Reply(status=UNRECOGNISED_OPERATION)
        self._answer(message.context_id, command, operation, reply)
        if operation == dimse.N_ACTION_RQ and reply.status == SUCCESS:
            self._report(message.context_id)

    def _store(self, command: Command) -> Reply:
        if self._spooled is None:
            return Reply(status=INVALID_INSTANCE, comment="no instance, or no UID of it")
        return self._services.store(self._peer, self._spooled, command)

    def _answer(self, context_id: int, command: Command, operation: int, reply: Reply) -> None:
        """Send the response (PS3.7 Sections 9.3 and 10.3)."""
        requested = operation in {dimse.N_ACTION_RQ, dimse.N_SET_RQ}
        sop_class, sop_instance = (command.uid(uid) for uid in (_FROM_REQUESTED if requested else _FROM_AFFECTED))
        values: dict[int, int | str] = {
            dimse.COMMAND_FIELD: operation | dimse.RESPONSE,
            dimse.MESSAGE_ID_RESPONDED_TO: command.number(dimse.MESSAGE_ID),
            dimse.DATA_SET_TYPE: dimse.NO_DATA,
            dimse.STATUS: reply.status,
        }
        if sop_class:
            values[dimse.AFFECTED_SOP_CLASS_UID] = sop_class
        if sop_instance:
            values[dimse.AFFECTED_SOP_INSTANCE_UID] = sop_instance
        if reply.comment:
            values[dimse.ERROR_COMMENT] = reply.comment[:MAX_COMMENT]
        self._messages.send(context_id, dimse.encode_command({**values, **reply.more}))

    def _report(self, context_id: int) -> None:
        """Report storage commitments: where the peer listens for it, or else right here."""
        reporter = self._services.reporter
        if self._peer.report_port:
            reporter.send_soon()
            return
        # What cannot be sent or looked up is still owed; that the peer has gone, the next read tells.
        with contextlib.suppress(NetworkError, StoreError):
            for report_id, report in reporter.claim_for(self._peer):
                self._message_id = self._message_id % 0xFFFF + 1
                self._reported[self._message_id] = report_id
                self._messages.send(context_id, report.command(self._message_id), iter([report.encode()]))

    def _note_response(self, command: Command) -> None:
        """Note that the peer has a report; other responses are of something that is over already."""
        if command.number(dimse.COMMAND_FIELD) == dimse.N_EVENT_REPORT_RQ | dimse.RESPONSE:
            report_id = self._reported.pop(command.find_number(dimse.MESSAGE_ID_RESPONDED_TO) or 0, None)
            if report_id is not None:
                self._services.reporter.settle(report_id)
