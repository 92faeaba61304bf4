"""How a blob is encrypted: a header, then segments of 64 KiB that can be read in any order.

    header    magic (8 bytes), length of the content (8, big-endian), salt (32), check (16)
    segments  AES-256-GCM of 65536 bytes each, the last one of what is left, each with its tag of 16 bytes

The key is derived by HKDF-SHA256 (RFC 5869) from the data key and the random salt, so no two blobs share one and the
nonce can count: 11 bytes of segment number and a byte that is 1 for the last segment. That is the STREAM construction
(Hoang, Reyhanitabar, Rogaway, Vizár 2015), laid out as in age. The associated data of each segment are the header and
the name of the blob. So a segment that is altered, moved, left out, added, or of another blob does not decrypt, and
what is read of a blob is what was stored under that name and nothing else. The check is derived along with the key: a
wrong key, name or length is told from the header alone.
"""

import hmac
import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scanward.adapters.keys import KEY_BYTES, derive
from scanward.errors import StoreError
from scanward.model.instance import ByteSource

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT_BYTES = 64 * 1024
"""Bytes of content in a segment."""

TAG_BYTES = 16
"""What AES-GCM adds to a segment."""

HEADER_BYTES = 64
"""Length of the header."""

CACHED_SEGMENTS = 4
"""So many decrypted segments of an open blob are kept: 256 KiB."""

BATCH_SEGMENTS = 16
"""So many segments are encrypted, or decrypted, between two calls of the system: 1 MiB."""

_SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES
_MAGIC = b"SWBLOB1\n"
_SALT_BYTES = 32
_CHECK_BYTES = 16
_INFO = b"scanward blob v1|"
_HEAD = struct.Struct(f">8sQ{_SALT_BYTES}s")
_NONCE = struct.Struct(">3xQ?")

ReadAt = Callable[[int, int], bytes]
"""Returns `length` stored bytes from `offset`, fewer at the end of what is stored; raises `StoreError`."""


def stored_bytes(size_bytes: int) -> int:
    """Return how long a blob with `size_bytes` of content is."""
    return HEADER_BYTES + size_bytes + TAG_BYTES * _segment_count(size_bytes)


def encrypt(key: bytes, name: str, content: ByteSource) -> Iterator[list[bytes]]:
    """Yield a blob in order, as lists of pieces of together about 1 MiB.

    Raises
    ------
    StoreError
        When `content` ends before its size.
    """
    size = content.size
    head = _HEAD.pack(_MAGIC, size, os.urandom(_SALT_BYTES))
    cipher, check = _derive(key, name, head)
    header = head + check
    associated = header + name.encode()
    batch = [header]
    last = _segment_count(size) - 1
    for first in range(0, last + 1, BATCH_SEGMENTS):
        offset = first * SEGMENT_BYTES
        wanted = min(BATCH_SEGMENTS * SEGMENT_BYTES, size - offset)
        plain = memoryview(content.read(offset, wanted))
        if len(plain) != wanted:
            raise StoreError(f"expected {wanted} bytes of what is to be stored, got {len(plain)}")
        for index in range(first, min(first + BATCH_SEGMENTS, last + 1)):
            start = (index - first) * SEGMENT_BYTES
            nonce = _NONCE.pack(index, index == last)
            batch.append(cipher.encrypt(nonce, plain[start : start + SEGMENT_BYTES], associated))
        yield batch
        batch = []


class EncryptedSource:
    """The content of a blob (implements :class:`scanward.model.instance.ByteSource`); any thread may read.

    Only the segments that a read touches are read and decrypted. Those of which it took a part are kept, as headers
    are read in small steps.

    Parameters
    ----------
    key, name
        What the blob was encrypted under.
    read_at
        Reads what is stored.
    close
        Called once at the end.
    request_segments
        So many segments, up to `BATCH_SEGMENTS`, are asked of `read_at` at once.

    Raises
    ------
    StoreError
        At once when the header is not of this key and name; by `read`, when a segment is altered or missing.
    """

    def __init__(
        self,
        key: bytes,
        name: str,
        read_at: ReadAt,
        *,
        close: Callable[[], None] | None = None,
        request_segments: int = 1,
    ) -> None:
        header = read_at(0, HEADER_BYTES)
        if len(header) != HEADER_BYTES or not header.startswith(_MAGIC):
            raise StoreError("expected a blob of version 1, got something else", remedy=_REMEDY)
        head = header[: _HEAD.size]
        self._cipher, check = _derive(key, name, head)
        if not hmac.compare_digest(check, header[_HEAD.size :]):
            raise StoreError("a blob is altered, or stored under another key or name", remedy=_REMEDY)
        self.size: int = _HEAD.unpack(head)[1]
        self._associated = header + name.encode()
        self._last = _segment_count(self.size) - 1
        self._read_at = read_at
        self._close = close
        self._request_segments = request_segments
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself; the blob is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it and forget what was decrypted."""
        self._kept.clear()
        if self._close is not None:
            self._close()

    def fileno(self) -> int | None:
        """None: no file holds these bytes in clear."""
        return None

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises `StoreError`."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        first, last = offset // SEGMENT_BYTES, (end - 1) // SEGMENT_BYTES
        whole = -(-offset // SEGMENT_BYTES)
        behind = last + 1 if end == self.size else end // SEGMENT_BYTES
        parts = []
        if first < whole:
            parts.append(self._segment(first)[offset % SEGMENT_BYTES : end - first * SEGMENT_BYTES])
        batches = range(whole, behind, BATCH_SEGMENTS)
        parts += [self._decrypt(index, min(index + BATCH_SEGMENTS, behind)) for index in batches]
        if last >= max(whole, behind):
            parts.append(self._segment(last)[: end - last * SEGMENT_BYTES])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _segment(self, index: int) -> bytes:
        """Return one segment and keep it, as more of it is likely to be asked for."""
        with self._lock:
            kept = self._kept.get(index)
            if kept is not None:
                self._kept.move_to_end(index)
                return kept
        plain = self._decrypt(index, index + 1)
        with self._lock:
            self._kept[index] = plain
            if len(self._kept) > CACHED_SEGMENTS:
                self._kept.popitem(last=False)
        return plain

    def _decrypt(self, first: int, behind: int) -> bytes:
        """Return the segments from `first` to before `behind` in clear, `BATCH_SEGMENTS` at most."""
        from cryptography.exceptions import InvalidTag

        decrypt, associated, last = self._cipher.decrypt_into, self._associated, self._last
        plain = _scratch()
        length = 0
        try:
            for index, sealed in enumerate(self._sealed(first, behind), first):
                end = length + max(0, len(sealed) - TAG_BYTES)
                length += decrypt(_NONCE.pack(index, index == last), sealed, associated, plain[length:end])
        except (InvalidTag, ValueError):  # ValueError: shorter than a tag, or longer than any segment
            raise StoreError("a blob is altered or cut off", remedy=_REMEDY) from None
        return bytes(plain[:length])

    def _sealed(self, first: int, behind: int) -> Iterator[bytes | memoryview]:
        """Yield the segments from `first` to before `behind` as stored."""
        for index in range(first, behind, self._request_segments):
            count = min(self._request_segments, behind - index)
            # A byte more than a full last segment has: what was appended to it must not go unnoticed.
            extra = index + count > self._last
            stored = self._read_at(HEADER_BYTES + index * _SEALED_BYTES, count * _SEALED_BYTES + extra)
            if count == 1:
                yield stored
                continue
            view = memoryview(stored)
            for start in range(0, count * _SEALED_BYTES, _SEALED_BYTES):
                full = start + _SEALED_BYTES == count * _SEALED_BYTES
                yield view[start:] if full else view[start : start + _SEALED_BYTES]


_memory = threading.local()


def _scratch() -> memoryview:
    """Return this thread's memory to decrypt into: taking fresh memory each time costs more than decrypting."""
    kept: memoryview | None = getattr(_memory, "scratch", None)
    if kept is None:
        kept = _memory.scratch = memoryview(bytearray(BATCH_SEGMENTS * SEGMENT_BYTES + 1))
    return kept


_REMEDY = "The archive has the original: have it sent again. Then look for what else the store has lost."


def _segment_count(size_bytes: int) -> int:
    """Return the number of segments: one at least, so that even no content is authenticated."""
    return max(1, -(-size_bytes // SEGMENT_BYTES))


def _derive(key: bytes, name: str, head: bytes) -> tuple["AESGCM", bytes]:
    """Return the cipher of a blob and the check of its header."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(key) != KEY_BYTES:
        raise StoreError(f"expected a data key of {KEY_BYTES} bytes, got {len(key)}")
    made = derive(key, _INFO + head + name.encode(), salt=head[-_SALT_BYTES:], length=KEY_BYTES + _CHECK_BYTES)
    return AESGCM(made[:KEY_BYTES]), made[KEY_BYTES:]
