"""By what the content of an instance is told again where its bytes are lost, and how its file is put back.

A mark holds a keyed fingerprint of the data set, and what stood before the data set: File Meta Information is each
sender's own (PS3.10 Section 7.1), and recipes name ranges of the file as it first came. So the same instance from
another sender gets the first head again, and every range of it stays what it was.
"""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from scanward.dicomstream.part10 import MAGIC, PREAMBLE_BYTES, DataSetStart
from scanward.model.instance import ByteSource

CHUNK_BYTES = 1024 * 1024
"""How much of a data set is looked at at a time."""

MAX_HEAD_BYTES = 16 * 1024
"""What stands before a data set is some 350 bytes; with more of it, an instance gets no mark."""

_LEVEL = 6
_WINDOW_BITS = 9  # 512 bytes: a larger window costs more to set up than it saves
_MEMORY_LEVEL = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """By what an instance is told again.

    Attributes
    ----------
    fingerprint
        Keyed digest of Transfer Syntax and data set.
    head
        What stood before the data set; empty for one that is deflated, to whose inflated bytes ranges refer.
    """

    fingerprint: bytes
    head: bytes

    def encode(self, known: bytes) -> str:
        """Return it as text; `known` are bytes that are likely in the head and at hand again when it is decoded."""
        packer = zlib.compressobj(
            _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zdict=bytes(PREAMBLE_BYTES) + MAGIC + known
        )
        packed = packer.compress(self.head) + packer.flush()
        return base64.b64encode(bytes([len(self.fingerprint)]) + self.fingerprint + packed).decode("ascii")


def decode_mark(text: str, known: bytes) -> Mark | None:
    """Return the mark of a text, or None where it is none, or of other `known` bytes."""
    try:
        data = base64.b64decode(text, validate=True)
        length = data[0]
        unpacker = zlib.decompressobj(_WINDOW_BITS, zdict=bytes(PREAMBLE_BYTES) + MAGIC + known)
        head = unpacker.decompress(data[1 + length :], MAX_HEAD_BYTES)
    except (ValueError, IndexError, zlib.error):
        return None
    return Mark(fingerprint=data[1 : 1 + length], head=head) if unpacker.eof else None


def head_of(start: DataSetStart, content: ByteSource) -> bytes | None:
    """Return what stands before the data set of a file; None where that is too long to be kept."""
    if start.is_deflated:
        return b""
    return content.read(0, start.offset) if start.offset <= MAX_HEAD_BYTES else None


def marked_bytes(start: DataSetStart) -> Iterator[bytes]:
    """Yield what the fingerprint of an instance is made of."""
    source = start.reader.source
    yield f"{start.transfer_syntax_uid}|{source.size - start.offset}|".encode()
    for offset in range(start.offset, source.size, CHUNK_BYTES):
        yield source.read(offset, CHUNK_BYTES)


def is_same(one: DataSetStart, other: DataSetStart) -> bool:
    """Whether two files hold the same data set, whatever stands before it."""
    if one.transfer_syntax_uid != other.transfer_syntax_uid:
        return False
    ours, theirs = one.reader.source, other.reader.source
    length = ours.size - one.offset
    return length == theirs.size - other.offset and all(
        ours.read(one.offset + at, CHUNK_BYTES)[: length - at]
        == theirs.read(other.offset + at, CHUNK_BYTES)[: length - at]
        for at in range(0, length, CHUNK_BYTES)
    )


class Reheaded:
    """A file with another head before its data set (a `ByteSource`).

    Parameters
    ----------
    head
        What shall stand before the data set.
    content
        The file.
    offset
        Where its data set begins.
    """

    __slots__ = ("_content", "_head", "_offset", "size")

    def __init__(self, head: bytes, content: ByteSource, offset: int) -> None:
        self._head = head
        self._content = content
        self._offset = offset
        self.size = len(head) + content.size - offset

    def fileno(self) -> int | None:
        """No file holds these bytes."""
        return None

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        front = self._head[offset : offset + length]
        if len(front) == length:
            return front
        rest = max(offset - len(self._head), 0)
        return front + self._content.read(self._offset + rest, length - len(front))
