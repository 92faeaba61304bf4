"""Keys that sign, for tests: rings in a folder of the test's own, and chains of statements by them."""

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scanward.adapters.signing.folder import KeyRingFolder
from scanward.errors import EvidenceError
from scanward.model.custody import NO_STATEMENT, CustodyEvent, SignedStatement, Statement
from scanward.model.signing import KeyUse
from scanward.ports.signing import Signer
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.statement import digest_of, sign_statement

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
"""A time of the past, so that what stands by the real clock takes it too."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at: dt.datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> dt.datetime:
        return self.at

    def forward(self, **by: float) -> dt.datetime:
        """Move it on and return the time."""
        self.at += dt.timedelta(**by)
        return self.at


def make_ring(folder: Path, clock: Callable[[], dt.datetime] | None = None, **options) -> KeyRingFolder:
    """A ring with a key of each use."""
    ring = KeyRingFolder(folder, clock or Clock(), **options)
    for use in KeyUse:
        ring.signer(use)
    return ring


def blinding(number: int) -> bytes:
    """32 bytes that are no secret."""
    return number.to_bytes(32, "big")


def make_statement(number: int = 0, previous: str = NO_STATEMENT, **changes) -> Statement:
    """A statement of the object ``object-1``."""
    fields = {
        "object_id": "object-1",
        "number": number,
        "previous": previous,
        "event": CustodyEvent.RECEIVED if number == 0 else CustodyEvent.DELIVERED,
        "at": NOW + dt.timedelta(minutes=number),
        "actor": "gateway",
        "facts": {"instances": number},
    }
    return Statement(**{**fields, **changes})


def make_chain(signer: Signer, count: int = 3, facts: Sequence[dict] = (), **changes) -> list[SignedStatement]:
    """Statements that follow one another."""
    chain: list[SignedStatement] = []
    previous = NO_STATEMENT
    for number in range(count):
        own = {**changes, "facts": facts[number]} if number < len(facts) else changes
        signed = sign_statement(make_statement(number, previous, **own), signer, blinding(number))
        chain.append(signed)
        previous = digest_of(signed)
    return chain


@contextmanager
def refused(fault: SignatureFault):
    """What runs within is refused for this and no other fault."""
    with pytest.raises(EvidenceError) as raised:
        yield
    assert raised.value.fault is fault, f"expected {fault}, got {raised.value.fault}: {raised.value}"
    assert raised.value.remedy
