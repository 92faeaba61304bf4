"""Recipes: how a de-identified, checked instance is put together from new bytes and ranges of the instance it came of.

What leaves is mostly pixels that did not change. So a release does not store its instances a second time: one blob
holds the recipes of a whole unit of work, a few kilobytes for each instance, and the bytes that leave are put together
from it and the blob of the source when they are sent. A recipe is made of a `CheckedInstance` only, and is as
deterministic as the file it stands for.

Layout, numbers little endian: magic, count (4 bytes), for each recipe its offset and length (8 bytes each); a recipe is
flags (1 byte), index of the first piece to deflate (4), count of pieces (4), for each piece a kind (1 byte) and either
its length (4) or offset and length in the source (8 each), then the bytes of all pieces of bytes in order.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class by its name

from scanward.dicomstream.opening import open_dicom
from scanward.errors import OutputError, StoreError
from scanward.model.instance import ByteSource, CheckedInstance, Piece, Range

MAGIC = b"scanward recipes 1\n"

CHUNK_BYTES = 256 * 1024
"""How much of a range is put out at a time."""

MAX_RECIPE_BYTES = 1 << 30
"""A recipe holds what changed of an instance: even with all pixels changed, an instance of more is sent in ranges."""

_COUNT = Struct("<I")
_ENTRY = Struct("<QQ")
_HEAD = Struct("<BII")
_BYTES = Struct("<BI")
_RANGE = Struct("<BQQ")
_NO_DEFLATE = 0xFFFFFFFF
_INFLATED_SOURCE = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one file is put together.

    Attributes
    ----------
    pieces
        New bytes and ranges of the source, in order.
    deflate_from
        Index of the first piece that is deflated as it leaves, or None.
    of_inflated
        Whether ranges refer to the data set that the source inflates to, and not to the source.
    """

    pieces: Sequence[Piece]
    deflate_from: int | None
    of_inflated: bool


def encode_recipes(checked: Sequence[CheckedInstance]) -> bytes:
    """Return the recipes of instances, in their order."""
    return encode_pieces([(one.instance.pieces, one.instance.deflate_from) for one in checked])


def encode_pieces(files: Sequence[tuple[Sequence[Piece], int | None]]) -> bytes:
    """Return the recipes of files, each given as its pieces and the index of the first that is deflated."""
    bodies = [_encode(pieces, deflate_from) for pieces, deflate_from in files]
    at = len(MAGIC) + _COUNT.size + _ENTRY.size * len(bodies)
    entries = []
    for body in bodies:
        entries.append(_ENTRY.pack(at, len(body)))
        at += len(body)
    return b"".join((MAGIC, _COUNT.pack(len(bodies)), *entries, *bodies))


def _encode(pieces: Sequence[Piece], deflate_from: int | None) -> bytes:
    flags = 0 if deflate_from is None else _INFLATED_SOURCE
    heads: list[bytes] = []
    data: list[bytes] = []
    pending: list[bytes] = []
    held = 0

    def end_bytes() -> None:
        if pending:
            joined = b"".join(pending)
            pending.clear()
            heads.append(_BYTES.pack(0, len(joined)))
            data.append(joined)

    first = _NO_DEFLATE
    for index, piece in enumerate(pieces):
        if index == deflate_from:
            end_bytes()
            first = len(heads)
        if isinstance(piece, bytes):
            pending.append(piece)
        elif piece.source is not None:
            pending.append(_read_made(piece, piece.source, at_most=MAX_RECIPE_BYTES - held))
            held += piece.length
        else:
            end_bytes()
            heads.append(_RANGE.pack(1, piece.offset, piece.length))
    end_bytes()
    return b"".join((_HEAD.pack(flags, first, len(heads)), *heads, *data))


def _read_made(piece: Range, source: ByteSource, *, at_most: int) -> bytes:
    """Return bytes that were made aside, which nobody has when the recipe is used."""
    if piece.length > at_most:
        raise OutputError(
            f"expected at most {MAX_RECIPE_BYTES} bytes of an instance to be made anew, got more",
            remedy="Send the instance in a Transfer Syntax in which its pixels can be coded again.",
        )
    data = source.read(piece.offset, piece.length)
    if len(data) != piece.length:
        raise StoreError("what was made of an instance is shorter than it was")
    return data


def read_recipe(recipes: ByteSource, index: int) -> Recipe:
    """Return the recipe at place `index`.

    Raises
    ------
    StoreError
        It is not there, or these are no recipes.
    """
    head = recipes.read(0, len(MAGIC) + _COUNT.size)
    if len(head) < len(MAGIC) + _COUNT.size or not head.startswith(MAGIC):
        raise StoreError("expected recipes, got something else")
    (count,) = _COUNT.unpack_from(head, len(MAGIC))
    if not 0 <= index < count:
        raise StoreError(f"expected one of {count} recipes, asked for another")
    offset, length = _ENTRY.unpack(recipes.read(len(head) + index * _ENTRY.size, _ENTRY.size))
    if length > MAX_RECIPE_BYTES or offset + length > recipes.size:
        raise StoreError("a recipe is longer than what is there")
    try:
        return _decode(recipes.read(offset, length))
    except (StructError, IndexError):
        raise StoreError("a recipe is damaged") from None


def _decode(body: bytes) -> Recipe:
    flags, deflate_from, count = _HEAD.unpack_from(body, 0)
    at = _HEAD.size
    kinds: list[int | Range] = []
    for _ in range(count):
        if body[at] == 0:
            kinds.append(_BYTES.unpack_from(body, at)[1])
            at += _BYTES.size
        else:
            _, offset, length = _RANGE.unpack_from(body, at)
            kinds.append(Range(offset, length))
            at += _RANGE.size
    pieces: list[Piece] = []
    for kind in kinds:
        if isinstance(kind, int):
            pieces.append(body[at : at + kind])
            at += kind
        else:
            pieces.append(kind)
    if at != len(body):
        raise StoreError("a recipe came out shorter or longer than written")
    return Recipe(pieces, None if deflate_from == _NO_DEFLATE else deflate_from, bool(flags & _INFLATED_SOURCE))


def assemble(recipe: Recipe, source: ByteSource, spool: Path | None = None) -> Iterator[bytes]:
    """Yield the file that `recipe` makes of `source`, in chunks.

    Raises
    ------
    StoreError
        The source is shorter than the recipe says.
    """
    if recipe.of_inflated:
        source = open_dicom(source, spool).reader.source
    first = len(recipe.pieces) if recipe.deflate_from is None else recipe.deflate_from
    for piece in recipe.pieces[:first]:
        yield from _chunks(piece, source)
    if recipe.deflate_from is None:
        return
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    length = 0
    for piece in recipe.pieces[first:]:
        for chunk in _chunks(piece, source):
            deflated = compressor.compress(chunk)
            length += len(deflated)
            if deflated:
                yield deflated
    rest = compressor.flush()
    # PS3.5 A.5: a deflated data set is padded to even length.
    yield rest + b"\0" * ((length + len(rest)) % 2)


def _chunks(piece: Piece, source: ByteSource) -> Iterator[bytes]:
    if isinstance(piece, bytes):
        yield piece
        return
    source = piece.source_in(source)
    offset, end = piece.offset, piece.offset + piece.length
    while offset < end:
        chunk = source.read(offset, min(CHUNK_BYTES, end - offset))
        if not chunk:
            raise StoreError("an instance is shorter than its recipe says")
        offset += len(chunk)
        yield chunk


def length_bytes(pieces: Sequence[Piece], deflate_from: int | None, source: ByteSource) -> int:
    """Return the length of a file; of one that is deflated it is found by deflating it."""
    if deflate_from is None:
        return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
    return sum(len(chunk) for chunk in assemble(Recipe(pieces, deflate_from, of_inflated=False), source))
