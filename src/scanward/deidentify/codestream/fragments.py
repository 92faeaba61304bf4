"""The Items of an encapsulated Pixel Data value (PS3.5 A.4) and how they make up frames."""

from collections.abc import Generator, Iterator
from itertools import groupby
from operator import itemgetter
from struct import Struct
from typing import NamedTuple

from scanward.deidentify.codestream.span import Read
from scanward.errors import DicomFormatError, TruncatedError

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_HEADER_BYTES = 8
_UNDEFINED = 0xFFFFFFFF
_OFFSETS_AT_ONCE = 16384
_uint32 = Struct("<I").unpack_from


class Fragment(NamedTuple):
    """The value of one Item: `length` bytes from `offset`; the first Item is the Basic Offset Table."""

    offset: int
    length: int
    is_offset_table: bool = False


def iter_fragments(read: Read, start: int, end: int) -> Generator[Fragment, None, int]:
    """Walk the Items of an encapsulated Pixel Data value.

    Only lengths lead the way: a Sequence Delimitation Item inside a fragment's data is data.

    Parameters
    ----------
    read
        Access to the input.
    start
        The first byte after the element header, where the Basic Offset Table Item begins.
    end
        The first byte that cannot belong to the value, such as the size of the input.

    Yields
    ------
    Fragment
        The Basic Offset Table, then every fragment.

    Returns
    -------
    int
        The offset after the Sequence Delimitation Item, as the generator's return value.

    Raises
    ------
    DicomFormatError
        Something that is no Item stands where one must be; :class:`TruncatedError` if it reaches over `end`.
    """
    position, is_first = start, True
    while True:
        head = read(position, _HEADER_BYTES) if position + _HEADER_BYTES <= end else b""
        if len(head) != _HEADER_BYTES:
            raise TruncatedError("Pixel Data: expected an Item or the Sequence Delimitation Item, got the end")
        tag, length = head[:4], _uint32(head, 4)[0]
        position += _HEADER_BYTES
        if tag == _DELIMITER:
            if is_first:
                raise DicomFormatError("Pixel Data: expected the Basic Offset Table, got the end of the sequence")
            if length:
                raise DicomFormatError("Pixel Data: expected a Sequence Delimitation Item of length 0, got another")
            return position
        if tag != _ITEM:
            raise DicomFormatError("Pixel Data: expected an Item or the Sequence Delimitation Item, got another tag")
        if length == _UNDEFINED:
            raise DicomFormatError("Pixel Data: expected a fragment of defined length, got an undefined one")
        if length > end - position:
            raise TruncatedError("Pixel Data: a fragment is longer than what is there")
        yield Fragment(position, length, is_first)
        position, is_first = position + length, False


def find_end(read: Read, start: int, end: int) -> int:
    """Give the offset after the Sequence Delimitation Item; parameters and errors as :func:`iter_fragments`."""
    walk = iter_fragments(read, start, end)
    while True:
        try:
            next(walk)
        except StopIteration as stop:
            return int(stop.value)


def iter_frames(
    read: Read, start: int, end: int, number_of_frames: int, magics: tuple[bytes, ...]
) -> Iterator[Iterator[Fragment]]:
    """Group the fragments into frames; a frame has to be consumed before the next is asked for.

    The Basic Offset Table decides if it names one fragment start per frame. Else a single frame owns everything, as
    many fragments as frames are one each, and otherwise a fragment that begins like a codestream begins a frame. An
    Extended Offset Table needs no look: it allows one fragment a frame only.

    Parameters
    ----------
    read, start, end
        As for :func:`iter_fragments`.
    number_of_frames
        Number of Frames (0028,0008), 1 if absent.
    magics
        What a codestream may begin with.
    """
    if number_of_frames <= 1:
        yield (part for part in iter_fragments(read, start, end) if not part.is_offset_table)
        return
    count = sum(1 for part in iter_fragments(read, start, end) if not part.is_offset_table)
    numbered = _number_by_table(read, start, end)
    if count == number_of_frames:
        numbered = _number_one_each(read, start, end)
    elif not _is_table_good(numbered, number_of_frames):
        numbered = _number_by_magic(read, start, end, magics)
    else:
        numbered = _number_by_table(read, start, end)
    for _, group in groupby(numbered, key=itemgetter(0)):
        yield (part for _, part in group)


def _number_one_each(read: Read, start: int, end: int) -> Iterator[tuple[int, Fragment]]:
    for number, part in enumerate(iter_fragments(read, start, end)):
        if not part.is_offset_table:
            yield number, part


def _number_by_magic(read: Read, start: int, end: int, magics: tuple[bytes, ...]) -> Iterator[tuple[int, Fragment]]:
    number = 0
    longest = max(map(len, magics), default=0)
    for part in iter_fragments(read, start, end):
        if part.is_offset_table:
            continue
        number += read(part.offset, min(longest, part.length)).startswith(magics)
        yield number, part


def _number_by_table(read: Read, start: int, end: int) -> Iterator[tuple[int, Fragment]]:
    """Number fragments by the table; the last number stays below the table's size if an entry fits no fragment."""
    number, first, wanted = 0, 0, -1
    offsets: Iterator[int] = iter(())
    for part in iter_fragments(read, start, end):
        if part.is_offset_table:
            offsets = _iter_offsets(read, part)
            wanted, first = next(offsets, -1), part.offset + part.length
            if wanted:
                return
            continue
        if part.offset - _HEADER_BYTES - first == wanted:
            number, wanted = number + 1, next(offsets, -1)
        yield number, part
    if wanted >= 0:
        yield -1, Fragment(start, 0)


def _is_table_good(numbered: Iterator[tuple[int, Fragment]], number_of_frames: int) -> bool:
    number = 0
    for number, _ in numbered:  # noqa: B007 - the last one counts
        pass
    return number == number_of_frames


def _iter_offsets(read: Read, table: Fragment) -> Iterator[int]:
    for at in range(0, table.length - 3, _OFFSETS_AT_ONCE):
        chunk = read(table.offset + at, min(_OFFSETS_AT_ONCE, table.length - at))
        yield from (value for (value,) in Struct("<I").iter_unpack(chunk[: len(chunk) & ~3]))
