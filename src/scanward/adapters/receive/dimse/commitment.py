"""Storage Commitment Push Model (PS3.4 Annex J): what was asked, and what is answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from scanward.adapters import dimse_data_sets as data_sets
from scanward.adapters import dimse_messages as dimse
from scanward.adapters.receive.dimse.contexts import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from scanward.errors import NetworkError

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
"""Longest list of instances that is read: some 50,000."""

ALL_HELD: Final = 1
SOME_MISSING: Final = 2
NO_SUCH_INSTANCE: Final = 0x0112

_TRANSACTION_UID: Final = 0x00081195
_REFERENCED_SOP_SEQUENCE: Final = 0x00081199
_FAILED_SOP_SEQUENCE: Final = 0x00081198
_REFERENCED_SOP_CLASS_UID: Final = 0x00081150
_REFERENCED_SOP_INSTANCE_UID: Final = 0x00081155
_FAILURE_REASON: Final = 0x00081197

Reference = tuple[str, str]
"""SOP Class and Instance UID."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Which instances a peer asks us to commit to."""

    transaction: str
    references: Sequence[Reference]

    def __repr__(self) -> str:
        """Show no UID."""
        return f"Request({len(self.references)} references)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Which of them are durable here."""

    transaction: str
    held: Sequence[Reference]
    missing: Sequence[Reference]

    def __repr__(self) -> str:
        """Show no UID."""
        return f"Report(held={len(self.held)}, missing={len(self.missing)})"

    @property
    def event_type(self) -> int:
        """Event Type ID (PS3.4 Section J.3.3.1)."""
        return SOME_MISSING if self.missing else ALL_HELD

    def to_text(self) -> str:
        """Return it as it is kept until the peer has it."""
        return json.dumps([self.transaction, list(self.held), list(self.missing)])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what was kept."""
        transaction, held, missing = json.loads(text)
        return cls(
            transaction=transaction,
            held=[(one, other) for one, other in held],
            missing=[(one, other) for one, other in missing],
        )

    def encode(self) -> bytes:
        """Return the Event Information."""
        elements: dict[int, data_sets.Value] = {_TRANSACTION_UID: self.transaction}
        if self.held:
            elements[_REFERENCED_SOP_SEQUENCE] = [_item(reference) for reference in self.held]
        if self.missing:
            failed = [{**_item(reference), _FAILURE_REASON: NO_SUCH_INSTANCE} for reference in self.missing]
            elements[_FAILED_SOP_SEQUENCE] = failed
        return data_sets.encode(elements)

    def command(self, message_id: int) -> bytes:
        """Return the command set of the N-EVENT-REPORT."""
        return dimse.encode_command(
            {
                dimse.AFFECTED_SOP_CLASS_UID: STORAGE_COMMITMENT,
                dimse.COMMAND_FIELD: dimse.N_EVENT_REPORT_RQ,
                dimse.MESSAGE_ID: message_id,
                dimse.DATA_SET_TYPE: dimse.WITH_DATA,
                dimse.AFFECTED_SOP_INSTANCE_UID: STORAGE_COMMITMENT_INSTANCE,
                dimse.EVENT_TYPE_ID: self.event_type,
            }
        )


def _item(reference: Reference) -> dict[int, data_sets.Value]:
    return {_REFERENCED_SOP_CLASS_UID: reference[0], _REFERENCED_SOP_INSTANCE_UID: reference[1]}


def parse_request(data: bytes) -> Request | None:
    """Return what the Action Information asks for, or None where it is not what it has to be."""
    try:
        found = data_sets.parse(data)
    except NetworkError:
        return None
    transaction = data_sets.text_of(found, _TRANSACTION_UID)
    references = [
        (data_sets.text_of(item, _REFERENCED_SOP_CLASS_UID), data_sets.text_of(item, _REFERENCED_SOP_INSTANCE_UID))
        for item in data_sets.items_of(found, _REFERENCED_SOP_SEQUENCE)
    ]
    uids = [transaction, *(uid for reference in references for uid in reference)]
    if not references or not all(0 < len(uid) <= 64 and not uid.strip("0123456789.") for uid in uids):
        return None
    return Request(transaction=transaction, references=references)
