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

from scanward.dicomstream.made import JoinedPieces
from scanward.dicomstream.opening import open_dicom
from scanward.errors import OutputError, StoreError
from scanward.model.instance import ByteSource, BytesSource, CheckedInstance, Piece, Range

MAGIC = b"scanward recipes 1\n"

CHUNK_BYTES = 256 * 1024
"""How much of a range is put out at a time."""

MAX_RECIPE_BYTES = 1 << 30
"""A recipe holds what changed of an instance: even with all pixels changed, an instance of more is sent in ranges."""

MAX_HEADS_BYTES = 64 * 1024 * 1024
"""What says of each piece what it is: of three million pieces."""

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
        New bytes and ranges of the source, in order; many new bytes are a range of the recipes, which have to be open.
    deflate_from
        Index of the first piece that is deflated as it leaves, or None.
    of_inflated
        Whether ranges refer to the data set that the source inflates to, and not to the source.
    """

    pieces: Sequence[Piece]
    deflate_from: int | None
    of_inflated: bool


class RecipesSource(JoinedPieces):
    """Recipes about to be stored: what was made aside is read when it is its turn, so that memory is bounded."""

    __slots__ = ()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end; raises `StoreError` where some are gone."""
        data = super().read(offset, length)
        if len(data) < min(length, self.size - offset):
            raise StoreError("what was made of an instance is shorter than it was")
        return data


def encode_recipes(checked: Sequence[CheckedInstance]) -> RecipesSource:
    """Return the recipes of instances, in their order."""
    return encode_pieces([(one.instance.pieces, one.instance.deflate_from) for one in checked])


def encode_pieces(files: Sequence[tuple[Sequence[Piece], int | None]]) -> RecipesSource:
    """Return the recipes of files, each given as its pieces and the index of the first that is deflated.

    Raises
    ------
    OutputError
        More was made anew of one than a recipe holds.
    """
    bodies = [_encode(pieces, deflate_from) for pieces, deflate_from in files]
    at = len(MAGIC) + _COUNT.size + _ENTRY.size * len(bodies)
    entries = []
    for body in bodies:
        length = sum(_length(piece) for piece in body)
        entries.append(_ENTRY.pack(at, length))
        at += length
    head = b"".join((MAGIC, _COUNT.pack(len(bodies)), *entries))
    return RecipesSource([head, *(piece for body in bodies for piece in body)], BytesSource(b""))


def _encode(pieces: Sequence[Piece], deflate_from: int | None) -> list[Piece]:
    """Return a recipe in pieces, in which every range names its source."""
    flags = 0 if deflate_from is None else _INFLATED_SOURCE
    heads: list[bytes] = []
    data: list[Piece] = []
    pending: list[Piece] = []

    def end_bytes() -> None:
        if pending:
            heads.append(_BYTES.pack(0, sum(_length(piece) for piece in pending)))
            data.extend(pending)
            pending.clear()

    first = _NO_DEFLATE
    for index, piece in enumerate(pieces):
        if index == deflate_from:
            end_bytes()
            first = len(heads)
        if isinstance(piece, bytes) or piece.source is not None:
            pending.append(piece)
        else:
            end_bytes()
            heads.append(_RANGE.pack(1, piece.offset, piece.length))
    end_bytes()
    held = sum(_length(piece) for piece in data)
    if held > MAX_RECIPE_BYTES:
        raise OutputError(
            f"expected at most {MAX_RECIPE_BYTES} bytes of an instance to be made anew, got {held}",
            remedy="Send the instance in a Transfer Syntax in which its pixels can be coded again.",
        )
    return [b"".join((_HEAD.pack(flags, first, len(heads)), *heads)), *data]


def made_bytes(checked: CheckedInstance) -> int:
    """Return how many bytes of an instance were made anew, and go into its recipe."""
    pieces = checked.instance.pieces
    return sum(_length(piece) for piece in pieces if isinstance(piece, bytes) or piece.source is not None)


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length


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
    if length > MAX_RECIPE_BYTES + MAX_HEADS_BYTES or offset + length > recipes.size:
        raise StoreError("a recipe is longer than what is there")
    try:
        return _decode(recipes, offset, length)
    except (StructError, IndexError):
        raise StoreError("a recipe is damaged") from None


def _decode(recipes: ByteSource, start: int, length: int) -> Recipe:
    flags, deflate_from, count = _HEAD.unpack(recipes.read(start, _HEAD.size))
    body = recipes.read(start, min(length, _HEAD.size + count * _RANGE.size, MAX_HEADS_BYTES))
    at = _HEAD.size
    kinds: list[int | Range] = []
    for _ in range(count):
        if body[at] == 0:
            kinds.append(_BYTES.unpack_from(body, at)[1])
            at += _BYTES.size
        else:
            _, offset, size = _RANGE.unpack_from(body, at)
            kinds.append(Range(offset, size))
            at += _RANGE.size
    pieces: list[Piece] = []
    for kind in kinds:
        if isinstance(kind, Range):
            pieces.append(kind)
            continue
        # What is long stays where it is until it is sent.
        pieces.append(
            recipes.read(start + at, kind) if kind <= CHUNK_BYTES else Range(start + at, kind, source=recipes)
        )
        at += kind
    if at != length:
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
