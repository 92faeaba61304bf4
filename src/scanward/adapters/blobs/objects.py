"""Blobs in an object store, through fsspec (implements :class:`scanward.ports.stores.Blobs`).

A blob is put by one request, or in parts that become an object when all are there, so that what has a name is whole;
it is read by ranges.

Trust: nothing readable without the data keys. The options hold credentials that let a thief delete.
"""

import errno
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from scanward.adapters.blobs.errors import full, missing
from scanward.adapters.blobs.format import (
    BATCH_SEGMENTS,
    HEADER_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    EncryptedSource,
    encrypt,
    stored_bytes,
)
from scanward.adapters.object_store import open_store, put_object
from scanward.errors import ScanwardError, StoreError
from scanward.model.instance import ByteSource

FRONT_BYTES = HEADER_BYTES + SEGMENT_BYTES + TAG_BYTES + 1
"""Fetched when a blob is opened: header and first segment, which is where the header of an instance is."""

_NAME = re.compile(r"[0-9a-f]{32}")
_FOLDER = re.compile(r"[0-9a-f]{2}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_STATUS = 507  # Insufficient Storage, RFC 4918 Section 11.5
_FULL_CODES = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"})
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


class ObjectBlobs:
    """Encrypted blobs in an object store: ``{url}/{2 hex}/{30 hex}``.

    Any number of threads and processes may use one store at once; each process has an object of its own.

    Parameters
    ----------
    url
        As fsspec takes it: ``s3://bucket/prefix``.
    options
        Of fsspec, for the kind of store.

    Raises
    ------
    ConfigError
        At once, when the store's kind or an option is not known.
    StoreFullError
        By `put`, when the store says that it has no room; nothing is stored then and nothing was deleted.
    StoreError
        By each method, for all else that the store refuses; messages carry no name.
    """

    def __init__(self, url: str, options: Mapping[str, object] | None = None) -> None:
        self._fs, self._root = open_store(
            url, options or {}, for_a_folder="Leave blobs_url empty: the blobs are in the home folder then."
        )

    def put(self, key: bytes, content: ByteSource) -> str:
        """Store `content` encrypted under `key` and return its name; durable on return."""
        name = secrets.token_hex(16)
        path = self._path(name)
        try:
            with _told("stored"):
                pieces = (piece for batch in encrypt(key, name, content) for piece in batch)
                put_object(self._fs, path, stored_bytes(content.size), pieces)
        except BaseException:
            with suppress(Exception):  # it may be stored all the same; no one has its name, so fsck finds it
                self._fs.rm_file(path)
            raise
        return name

    def open(self, key: bytes, name: str) -> EncryptedSource:
        """Open a blob for random access, as a context manager."""
        path = self._path(name)
        front = self._fetch(path, 0, FRONT_BYTES)

        def read_at(offset: int, length: int) -> bytes:
            if offset + length <= len(front) or len(front) < FRONT_BYTES:
                return front[offset : offset + length]
            return self._fetch(path, offset, length)

        return EncryptedSource(key, name, read_at, request_segments=BATCH_SEGMENTS)

    def delete(self, name: str) -> None:
        """Remove a blob; on return it is not there, whether it was or not."""
        path = self._path(name)
        with _told("removed"), suppress(FileNotFoundError):
            self._fs.rm_file(path)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield name and time of storing of every blob."""
        with _told("listed"):
            self._fs.invalidate_cache()
            try:
                paths: list[str] = self._fs.ls(self._root, detail=False)
            except FileNotFoundError:  # nothing was put yet
                paths = []
        for folder in sorted(filter(_FOLDER.fullmatch, (path.rstrip("/").rpartition("/")[2] for path in paths))):
            with _told("listed"):
                found: dict[str, dict[str, object]] = self._fs.find(f"{self._root}/{folder}", detail=True)
                named = [(folder + path.rpartition("/")[2], path, info) for path, info in found.items()]
                listed = [(name, self._time(path, info)) for name, path, info in named if _NAME.fullmatch(name)]
            yield from listed

    def _path(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise StoreError("expected the name of a blob to be 32 hexadecimal digits")
        return f"{self._root}/{name[:2]}/{name[2:]}"

    def _fetch(self, path: str, offset: int, length: int) -> bytes:
        with _told("read"):
            data: bytes = self._fs.cat_file(path, start=offset, end=offset + length)
        return data

    def _time(self, path: str, info: Mapping[str, object]) -> datetime:
        """Return when an object was stored: each kind of store has its own word for it."""
        found = next((info[name] for name in _TIMES if name in info), None)
        if found is None:
            found = self._fs.modified(path)
        if isinstance(found, str):
            found = datetime.fromisoformat(found)
        if isinstance(found, int | float):
            found = datetime.fromtimestamp(found, UTC)
        if not isinstance(found, datetime):
            raise StoreError("expected the object store to tell the time of its objects")
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what any store's library raises into our errors, which carry no name."""
    try:
        yield
    except ScanwardError:
        raise
    except FileNotFoundError:
        if what == "read":
            raise missing() from None
        raise StoreError(f"a blob cannot be {what}: the bucket is not there", remedy=_REMEDY) from None
    except Exception as error:  # noqa: BLE001 - each store's library has errors of its own
        if _is_full(error):
            raise full() from None
        raise StoreError(f"a blob cannot be {what}: {type(error).__name__}", remedy=_REMEDY) from None


_REMEDY = "Check that the object store can be reached, and blobs_url and the credentials in blobs_options_file."


def _is_full(error: BaseException) -> bool:
    """Tell whether a store refused for want of room."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)  # as botocore's ClientError has it
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return status == _FULL_STATUS or response.get("Error", {}).get("Code") in _FULL_CODES
    return False
