"""What people change from the command line, without a gateway running."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from scanward.adapters.documents import parse_provision, parse_recipient_document
from scanward.bootstrap.clock import now
from scanward.bootstrap.stores import Stores, open_stores
from scanward.flow.staff import Staff
from scanward.ports.network import Archive


def make_staff(stores: Stores, archive: Archive | None = None) -> Staff:
    """Return what people may change on opened stores."""
    return Staff(
        ledger=stores.ledger,
        registry=stores.ledger,
        desk=stores.ledger,
        sealing=stores.sealing,
        parse_document=parse_recipient_document,
        parse_provision=parse_provision,
        clock=now,
        archive=archive,
    )


@contextlib.contextmanager
def open_staff(home: Path | None = None, *, stores: Stores | None = None) -> Iterator[Staff]:
    """Open the stores of a home folder, or take opened ones, for what people may change."""
    if stores is not None:
        yield make_staff(stores)
        return
    with open_stores(home) as opened:
        yield make_staff(opened)
