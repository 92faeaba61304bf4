"""Opens the stores for a check of all of them."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from scanward.adapters.store.audit import SqlAudit
from scanward.adapters.store.database import Database
from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import log_folder, log_keys, make_policy, make_ring, origin_of
from scanward.bootstrap.stores import Stores, open_stores
from scanward.errors import EvidenceError, StoreError
from scanward.flow.fsck import check_stores
from scanward.ports.audit import Disagreement
from scanward.tlog.checkpoint import Checkpoint

ROWS_AT_ONCE = 1000

LOST = "Keep both as they are: they prove what happened. Restore the log from its backup or a mirror, and report it."
"""What a person can do where the log is not what the ledger knows of it."""


@contextlib.contextmanager
def check_all(home: Path | None, *, repair: bool, reads: bool = False) -> Iterator[Iterator[Disagreement]]:
    """Open the stores of a home folder, and give every disagreement between them."""
    with open_stores(home) as stores:
        audit = SqlAudit(Database(stores.engines[0]))
        checks = check_stores(audit, stores.blobs, stores.vault, now=now(), repair=repair, reads=reads)
        yield itertools.chain(checks, check_custody(stores))


def check_custody(stores: Stores) -> Iterator[Disagreement]:
    """Yield what the log says of itself that does not hold, and where it and the ledger disagree, in numbered steps."""
    ring, folder = make_ring(stores, now), log_folder(stores)
    head = stores.custody.log_head(origin_of(stores))
    # 1. There is a log where there has to be one
    if not folder.is_dir() or not log_keys(stores, ring):
        if head is not None:
            yield Disagreement(
                what="the log that the ledger knows of is missing, or its keys are",
                subject=origin_of(stores),
                remedy=LOST,
            )
        return
    # 2. All of it is as it was written
    policy = make_policy(stores, ring)
    faults = list(check_log(folder, policy))
    yield from faults
    if faults or head is None:
        return
    # 3. It goes on from what the ledger knows of it
    try:
        log = VerifiedLog.open(FolderReader(folder), policy, now())
        log.follow(Checkpoint(origin=policy.origin, size=head[0], root=bytes.fromhex(head[1])))
        entries = list(log.entries(0, log.checkpoint.size))
    except (EvidenceError, StoreError) as error:
        yield Disagreement(what=f"the log and the ledger disagree: {error}", subject=policy.origin, remedy=LOST)
        return
    # 4. Each statement is where the ledger says
    after = 0
    while some := stores.custody.logged(after, ROWS_AT_ONCE):
        for seq, place, entry in some:
            after = seq
            if place >= len(entries) or entries[place] != entry:
                yield Disagreement(
                    what="a custody statement is not at its place in the log", subject=f"statement {seq}", remedy=LOST
                )
