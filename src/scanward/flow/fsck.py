"""Compares ledger, blobs and vault, and tells every disagreement; changes nothing but leftovers, when asked to."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from scanward.errors import StoreError
from scanward.ports.audit import Audit, Disagreement
from scanward.ports.stores import Blobs, Vault

YOUNG = timedelta(hours=1)
"""A blob is stored before its row: one that no row names is a leftover only once it is older than this."""

READ_BYTES = 1024 * 1024
"""How much of a blob is read at a time."""


def check_stores(
    audit: Audit, blobs: Blobs, vault: Vault, *, now: datetime, repair: bool = False, reads: bool = False
) -> Iterator[Disagreement]:
    """Yield every disagreement between the stores, in numbered steps.

    Parameters
    ----------
    audit
        The ledger.
    blobs, vault
        The other stores.
    now
        Aware UTC.
    repair
        Whether to delete blobs that nothing names.
    reads
        Whether to read every blob to its end: damage beyond its header is found by that alone.

    Raises
    ------
    StoreError
        A store cannot be read at all.
    """
    # 1. What the ledger says of itself.
    yield from audit.disagreements()
    # 2. What the ledger names is there, and can be opened.
    stored = dict(blobs.names())
    named: set[str] = set()
    for use in audit.blob_uses():
        named.add(use.blob)
        key = vault.find_data_key(use.owner)
        if key is None:
            if use.needed:
                yield Disagreement(
                    what=f"{use.what} has no data key, so that nobody can read it",
                    subject=use.owner,
                    remedy="Restore the vault from its backup, or have the archive send the study again.",
                )
        elif use.blob not in stored:
            if use.needed:
                yield _missing(use.what, use.owner)
        elif not _can_open(blobs, key, use.blob, reads=reads):
            yield Disagreement(
                what=f"the blob of {use.what} cannot be opened: damaged, or of another key",
                subject=use.owner,
                remedy="Have it sent again, which stores it anew; or restore blobs and vault from one backup.",
            )
    # 3. What is there is named.
    for name, since in stored.items():
        if name not in named and since < now - YOUNG:
            if repair:
                blobs.delete(name)
            yield Disagreement(
                what="a blob that nothing names" + (", deleted" if repair else ""),
                subject=name,
                remedy="A leftover of a kill: scanward fsck --repair deletes it.",
            )
    # 4. Results find their way back.
    for recipient, study_uid, release_id in audit.released_studies():
        if vault.find_originals(recipient, study_uid) is None:
            yield Disagreement(
                what="a study was disclosed and the vault has no way back for its results",
                subject=release_id,
                remedy="Restore the vault from its backup; until then results of it are held.",
            )


def _can_open(blobs: Blobs, key: bytes, name: str, *, reads: bool) -> bool:
    try:
        with blobs.open(key, name) as blob:
            for offset in range(0, blob.size if reads else 0, READ_BYTES):
                blob.read(offset, READ_BYTES)
    except StoreError:
        return False
    return True


def _missing(what: str, owner: str) -> Disagreement:
    return Disagreement(
        what=f"the blob of {what} is missing",
        subject=owner,
        remedy="Have it sent again, which stores it anew; or restore the blobs from their backup.",
    )
