"""Going on from a mirror, where the folder of the log itself is lost."""

import os
from pathlib import Path

from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.files import JOURNAL, refused
from scanward.adapters.tlog.journal import Journal
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.errors import EvidenceError, StoreError
from scanward.tlog.checkpoint import Policy
from scanward.tlog.faults import LogFault
from scanward.tlog.tile import TILE_WIDTH


def restore_journal(folder: Path, policy: Policy, *, least: int) -> int:
    """Let `FolderLog` go on from a mirror, which has no journal, and return how many entries it has.

    A mirror may be older than the last checkpoint that was signed; going on from it would sign a second root for one
    size. So what is known to have been in the log has to be told, as the ledger or a witness knows it.

    Parameters
    ----------
    folder
        The mirror; nobody writes to it.
    policy
        Who has to have signed its checkpoint.
    least
        How many entries the log is known to have had.

    Raises
    ------
    EvidenceError
        As `Policy.verify`; ROLLED_BACK where the mirror has fewer entries; and where it does not hold.
    StoreError
        It cannot be read or written, something in it does not agree, or there is a journal.
    """
    journals = folder / JOURNAL
    if journals.is_dir() and any(name.isdecimal() for name in os.listdir(journals)):
        raise StoreError("expected a mirror, got a log with a journal", remedy="Open it as it is.")
    reading = VerifiedLog.open(FolderReader(folder), policy)
    size = reading.checkpoint.size
    if size < least:
        raise EvidenceError(
            LogFault.ROLLED_BACK,
            "the mirror is older than what is known of the log",
            remedy="Look for a newer mirror or backup; otherwise begin a log of another name.",
        )
    for found in check_log(folder, policy):
        if found.subject != JOURNAL:
            raise StoreError(f"the mirror cannot be gone on from: {found.what}", remedy=found.remedy)
    start = size // TILE_WIDTH * TILE_WIDTH
    edges = [[], *reading.edges()[1:]] if start else []
    try:
        os.makedirs(journals, exist_ok=True)
        Journal.write(journals / f"{start:020}", edges, list(reading.entries(start, size)))
    except OSError as error:
        raise refused("restore the journal of the log", error) from None
    return size
