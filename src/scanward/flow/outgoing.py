"""Files about to leave, put together from their recipes as they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scanward.errors import StoreError
from scanward.model.release import OutboxItem, Release
from scanward.ports.stores import Blobs, Vault
from scanward.release.recipe import assemble, read_recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedFile:
    """A file of a release (implements :class:`scanward.ports.network.Outgoing`).

    Attributes
    ----------
    item
        What it is.
    source_blob
        Blob of the instance it was made of.
    key
        The study's data key.
    blobs, spool
        Where the bytes are.
    """

    item: OutboxItem
    source_blob: str
    key: bytes
    blobs: Blobs
    spool: Path

    def __repr__(self) -> str:
        """Show the new UID only."""
        return f"ReleasedFile({self.item.sop_instance_uid})"

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        return self.item.sop_class_uid

    @property
    def sop_instance_uid(self) -> str:
        """New SOP Instance UID."""
        return self.item.sop_instance_uid

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer Syntax of the file."""
        return self.item.transfer_syntax_uid

    @property
    def path(self) -> str:
        """Relative path, of pseudonyms and new UIDs."""
        return f"{self.item.patient}/{self.item.study_uid}/{self.item.series_uid}/{self.item.sop_instance_uid}.dcm"

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return self.item.size_bytes

    def chunks(self) -> Iterator[bytes]:
        """Yield the Part 10 file; raises `StoreError` when it cannot be read or is not what was accounted for."""
        length = 0
        with (
            self.blobs.open(self.key, self.item.recipe) as recipes,
            self.blobs.open(self.key, self.source_blob) as source,
        ):
            for chunk in assemble(read_recipe(recipes, self.item.index), source, self.spool):
                length += len(chunk)
                yield chunk
        if length != self.item.size_bytes:
            raise StoreError("a file came out shorter or longer than was accounted for")


class OutgoingFiles:
    """Opens what is about to leave.

    Parameters
    ----------
    blobs, vault
        The stores.
    spool
        Folder for inflated data sets.
    """

    def __init__(self, blobs: Blobs, vault: Vault, spool: Path) -> None:
        self._blobs = blobs
        self._vault = vault
        self._spool = spool

    def open(self, release: Release, item: OutboxItem, source_blob: str) -> ReleasedFile:
        """Return the file of an item; raises `StoreError` where the study was deleted."""
        key = self._vault.find_data_key(release.study_id)
        if key is None:
            raise StoreError("the study was deleted, so that nothing of it can leave any more")
        return ReleasedFile(
            item=item,
            source_blob=source_blob,
            key=key,
            blobs=self._blobs,
            spool=self._spool,
        )
