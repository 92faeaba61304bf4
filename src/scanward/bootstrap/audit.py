"""Opens the stores for a check of all of them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from scanward.adapters.store.audit import SqlAudit
from scanward.adapters.store.database import Database
from scanward.bootstrap.clock import now
from scanward.bootstrap.stores import open_stores
from scanward.flow.fsck import check_stores
from scanward.ports.audit import Disagreement


@contextlib.contextmanager
def check_all(home: Path | None, *, repair: bool, reads: bool = False) -> Iterator[Iterator[Disagreement]]:
    """Open the stores of a home folder, and give every disagreement between them."""
    with open_stores(home) as stores:
        audit = SqlAudit(Database(stores.engines[0]))
        yield check_stores(audit, stores.blobs, stores.vault, now=now(), repair=repair, reads=reads)
