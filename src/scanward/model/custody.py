"""What is said of a scan on its way, and signed: custody statements, and their place in the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

NO_STATEMENT = "0" * 64
"""Stands for the statement before the first of an object."""


class CustodyEvent(StrEnum):
    """What happened to an object."""

    RECEIVED = "received"
    QUARANTINED = "quarantined"
    SEALED = "sealed"
    COMPLETED = "completed"
    """A study, as far as it came: its instances, as one root."""
    DEIDENTIFIED = "de-identified"
    DISCLOSED = "disclosed"
    DELIVERED = "delivered"
    EXPORTED = "exported"
    RETURNED = "returned"
    STORED_ANEW = "stored anew"
    APPROVED = "approved"
    REFUSED = "refused"
    REOPENED = "opened again"
    LET_GO = "let go"
    """A person let go what was held for its pixels."""
    DELETED = "deleted"
    KEY_ADDED = "key added"
    KEY_RETIRED = "key retired"
    KEY_COMPROMISED = "key compromised"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What is said to have happened to an object.

    Attributes
    ----------
    object_id
        Opaque id of an instance, study, release, result or key.
    number
        Which statement of the object, from 0.
    previous
        SHA-256 of the signed statement before it, in hexadecimal; `NO_STATEMENT` for the first.
    event
        What happened.
    at
        When, aware UTC.
    actor
        Who did it: a component or a role, never a patient.
    facts
        What else: commitments, counts, ids. No value of a header.
    """

    object_id: str
    number: int
    previous: str
    event: CustodyEvent
    at: datetime
    actor: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedStatement:
    """A statement as it is kept.

    Attributes
    ----------
    body
        The statement as RFC 8785 JSON.
    key_id
        Of the key that signed it.
    signature
        Of `body`.
    blinding
        32 random bytes: who has them can show that an entry of the log is of this statement, nobody else can.
    """

    body: bytes = field(repr=False)
    key_id: str
    signature: bytes = field(repr=False)
    blinding: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedStatement:
    """A statement and where in the log its entry is; None while it is on its way there."""

    statement: SignedStatement
    index: int | None
