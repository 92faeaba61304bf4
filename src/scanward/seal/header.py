"""The header of an instance as salted digests, one for each Attribute at every depth, by path."""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from scanward.dicomstream.encoding import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Encoding,
)
from scanward.dicomstream.part10 import (
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    DataSetStart,
)
from scanward.dicomstream.reader import Element
from scanward.dicomstream.rewrite import Scope
from scanward.errors import DicomFormatError, NestingError, TruncatedError
from scanward.model.attribute import Tag, format_tag
from scanward.model.seal import Grade, HeaderLeaf
from scanward.seal.elements import top_elements
from scanward.seal.grades import Form, grade_of
from scanward.seal.tree import tree_root
from scanward.seal.values import (
    BYTES_MARK,
    ITEMS_MARK,
    STRINGS,
    TEXT_MARK,
    WORD_BYTES,
    canonical_text,
    swapped,
    without_padding,
)

CONTENT = (0x00420011, 0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Encapsulated Document; Float, Double Float and plain Pixel Data."""

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
PIXEL_DATA = 0x7FE00010
PHOTOMETRIC_INTERPRETATION = 0x00280004

MAX_LEAVES = 40_000
"""Of one seal, some 3 MB. A header of more has one for each item of its sequences, or for each sequence."""

MAX_TEXT_BYTES = 1 << 20
"""A longer text is digested as it stands, not as decoded."""

CHUNK_BYTES = 1 << 20

MAX_PATH_CHARACTERS = 1024
"""Thirty sequences in each other with private creators of usual length; what is deeper goes into one leaf."""

_ATTRIBUTE = b"\0scanward attribute\0"
_ATTRIBUTE_SALT = b"attribute salt\0"
_FOLDED = b"\2scanward items\0"
_HEADER = b"\2scanward header\0"

_PLAIN_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.-")

_ITEM_BYTES = b"\xfe\xff\x00\xe0"
_HIDES_ITEMS = frozenset((b"UN", b"OB", b"OW"))
"""VRs that sequences come out with where a program did not know a private Attribute (PS3.5 Section 6.2.2)."""


class Fold(IntEnum):
    """How far leaves are joined where there are too many."""

    NONE = 0
    ITEMS = 1
    """One for each item of a sequence at the top level, as ``52009230[17]``."""
    SEQUENCES = 2
    """One for each sequence at the top level, as ``52009230[*]``."""


def seal_header(
    start: DataSetStart,
    key: bytes,
    form: Form,
    *,
    photometric: str = "",
    overlays: Mapping[Tag, bytes] | None = None,
    fold: Fold | None = None,
) -> tuple[HeaderLeaf, ...]:
    """Digest all Attributes of an instance, but those that may differ without a word, ordered by path.

    Parameters
    ----------
    start
        The instance.
    key
        Of the seal.
    form
        How the pixels of the seal are taken: DECODED leaves out what lossless coders change.
    photometric
        Photometric Interpretation of decoded samples, which stands for that of the header; empty where there are none.
    overlays
        Digests that count as part of the value of an Attribute, by its tag, as `digest_unused_bits` gives them.
    fold
        As `fold_of` tells it of a seal to compare with; None for the least that keeps to `MAX_LEAVES`.

    Raises
    ------
    DicomFormatError
        The data set is not well formed, or has more Attributes than can be compared with a seal.
    """
    # What stands for, and what is added to, the value of an Attribute of the top level.
    instead = {PHOTOMETRIC_INTERPRETATION: TEXT_MARK + photometric.encode()} if photometric else {}
    walk = _Walk(start, key, form, instead, overlays or {})
    if fold is not None:
        return walk.leaves(fold, limit=4 * MAX_LEAVES)
    for tried in (Fold.NONE, Fold.ITEMS):
        try:
            return walk.leaves(tried, limit=MAX_LEAVES)
        except _TooManyError:
            continue
    return walk.leaves(Fold.SEQUENCES, limit=MAX_LEAVES)


def fold_of(header: tuple[HeaderLeaf, ...]) -> Fold:
    """Return how far the leaves of a seal are joined."""
    ends = {leaf.path[-3:] for leaf in header if leaf.path.endswith("]")}
    return Fold.NONE if not ends else Fold.SEQUENCES if "[*]" in ends else Fold.ITEMS


def header_root(header: tuple[HeaderLeaf, ...]) -> bytes:
    """Return the root over all leaves with their number, paths and grades, so that none comes or goes unseen."""
    leaves = b"".join(
        sha256(_ATTRIBUTE + f"{leaf.path}\0{leaf.grade.value}\0".encode() + leaf.digest).digest() for leaf in header
    )
    return sha256(_HEADER + len(header).to_bytes(8, "big") + tree_root(leaves)).digest()


class _TooManyError(DicomFormatError):
    """More leaves than a seal may have."""


class _Walk:
    """Walks through a header."""

    def __init__(
        self, start: DataSetStart, key: bytes, form: Form, instead: Mapping[Tag, bytes], added: Mapping[Tag, bytes]
    ) -> None:
        self._start = start
        self._reader = start.reader
        self._salt_seed = _ATTRIBUTE_SALT + key
        self._form = form
        self._instead = instead
        self._added = added
        self._limit = 0
        self._fold = Fold.NONE
        self._joined: _Joined | None = None
        self._found: dict[str, HeaderLeaf] = {}
        self._again: dict[str, int] = {}

    def leaves(self, fold: Fold, *, limit: int) -> tuple[HeaderLeaf, ...]:
        """Return all leaves by path."""
        reader, scope = self._reader, Scope()
        self._limit, self._fold, self._joined = limit, fold, None
        self._found.clear()
        self._again.clear()
        left_out = (PIXEL_DATA,) if self._form is Form.DECODED else CONTENT
        for element in top_elements(self._start):
            scope.note(element, reader)
            grade = grade_of(element.tag, self._form)
            if grade is None or element.tag in left_out or _is_group_length(element):
                continue
            path = _name(element.tag, scope)
            if element.tag in self._instead:
                self._add(path, grade, (self._instead[element.tag],))
            elif element.tag in self._added:
                value = self._content(element, reader.end(element, reader.size), scope)
                self._add(path, grade, (*value, self._added[element.tag]))
            elif fold is Fold.SEQUENCES:
                self._take_as_one(element, path, grade, scope)
            else:
                self._take(element, path, grade, scope, reader.size, 0)
        self._take_meta()
        return tuple(self._found[path] for path in sorted(self._found))

    def _take_meta(self) -> None:
        """Digest the UIDs that name an instance from its File Meta Information, where the data set has none."""
        for tag, meta_tag in (
            (SOP_CLASS_UID, MEDIA_STORAGE_SOP_CLASS_UID),
            (SOP_INSTANCE_UID, MEDIA_STORAGE_SOP_INSTANCE_UID),
        ):
            value = self._start.meta.get(meta_tag, b"")
            if value and f"{tag:08X}" not in self._found:
                self._add(f"{tag:08X}", Grade.IMMUTABLE, (canonical_text(value, b"UI", b""),))

    def _take_as_one(self, element: Element, path: str, grade: Grade, scope: Scope) -> None:
        """Digest an element and all in it into one leaf, which takes no memory for what is in it."""
        self._joined = _Joined()
        self._take(element, path, grade, scope, self._reader.size, 0)
        # Not the one of before: what only looked like items was taken back.
        joined, self._joined = self._joined, None
        if joined.count == 1 and joined.last is not None:
            self._found[joined.last.path] = joined.last
        else:
            whole = f"{path}[*]"
            self._found[whole] = HeaderLeaf(path=whole, grade=grade, digest=joined.engine.digest())

    def _take(self, element: Element, path: str, grade: Grade, scope: Scope, limit: int, depth: int) -> int:
        """Digest an element and all in it; return the offset behind it."""
        if not element.tag & 0x10000 and self._reader.is_sequence(element):
            return self._take_items(element, path, grade, scope, limit, depth)
        if element.tag & 0x10000:
            behind = self._take_private_items(element, path, grade, scope, limit, depth)
            if behind is not None:
                return behind
        end = self._reader.end(element, limit)
        if element.length == 0:
            self._add(path, grade, ())
        elif path.endswith('"'):
            self._add(path, grade, (BYTES_MARK,))
        else:
            self._add(path, grade, self._content(element, end, scope))
        return end

    def _take_private_items(
        self, element: Element, path: str, grade: Grade, scope: Scope, limit: int, depth: int
    ) -> int | None:
        """Digest what is inside a private value if it is a sequence, also one whose VR no longer tells.

        One that is not well formed is a value like any other: nobody but its maker reads it. Returns the offset behind
        it, or None.
        """
        if not self._reader.is_sequence(element) and not self._looks_like_items(element):
            return None
        known, joined = len(self._found), None if self._joined is None else self._joined.copy()
        try:
            behind = self._take_items(element, path, grade, scope, limit, depth)
            if element.is_undefined or behind == element.value + element.length:
                return behind
        except _TooManyError:
            raise
        except DicomFormatError:
            pass
        self._forget_since(known)
        self._joined = joined
        return None

    def _looks_like_items(self, element: Element) -> bool:
        if element.vr not in _HIDES_ITEMS or element.is_undefined or element.length < len(_ITEM_BYTES):
            return False
        return self._reader.read(element.value, len(_ITEM_BYTES)) == _ITEM_BYTES

    def _take_items(self, element: Element, path: str, grade: Grade, scope: Scope, limit: int, depth: int) -> int:
        """Digest the items of a sequence; return the offset behind it."""
        if depth >= MAX_DEPTH:
            raise NestingError(f"{format_tag(element.tag)}: expected at most {MAX_DEPTH} nested sequences")
        reader, encoding = self._reader, self._inner_encoding(element)
        end = limit if element.is_undefined else reader.end(element, limit)
        offset, items = element.value, 0
        while offset < end or element.is_undefined:
            tag, length = reader.item(offset, encoding, end)
            offset += 8
            if tag == SEQUENCE_DELIMITER:
                break
            if tag != ITEM:
                raise DicomFormatError(f"{format_tag(element.tag)}: expected an item, got {format_tag(tag)}")
            inside = None if length == UNDEFINED_LENGTH else offset + length
            if inside is not None and inside > end:
                raise TruncatedError(f"{format_tag(element.tag)}: expected an item of {length} bytes, got the end")
            inner = Scope((), scope.charset)
            before, name = len(self._found), f"{path}[{items}]"
            offset = self._take_item(_Item(offset, inside, end, encoding), name, grade, inner, depth)
            if self._fold is Fold.ITEMS and depth == 0:
                within = tuple(self._forget_since(before))
                self._found[name] = HeaderLeaf(path=name, grade=grade, digest=header_root(within))
            items += 1
        self._add(path, grade, (ITEMS_MARK, items.to_bytes(4, "big")) if items else ())
        return offset

    def _take_item(self, item: "_Item", path: str, grade: Grade, scope: Scope, depth: int) -> int:
        """Digest the elements of an item; return the offset behind it."""
        reader, offset = self._reader, item.offset
        limit = item.limit if item.end is None else item.end
        while item.end is None or offset < item.end:
            if offset + 8 > limit:
                raise TruncatedError("expected an element or a delimiter in an item, got the end")
            element = reader.element(offset, item.encoding)
            if element.tag == ITEM_DELIMITER:
                return offset + 8
            if element.tag in (ITEM, SEQUENCE_DELIMITER):
                raise DicomFormatError(f"expected an element in an item, got {format_tag(element.tag)}")
            scope.note(element, reader)
            if grade_of(element.tag, Form.AS_IT_IS) is None or _is_group_length(element):
                offset = reader.end(element, limit)
            else:
                name = self._below(path, _name(element.tag, scope))
                offset = self._take(element, name, grade, scope, limit, depth + 1)
        return offset

    def _below(self, path: str, name: str) -> str:
        """Return the path of an Attribute in an item; of one that is too long its digest, where leaves are joined."""
        whole = f"{path}.{name}"
        if len(whole) <= MAX_PATH_CHARACTERS:
            return whole
        if self._fold is not Fold.SEQUENCES:
            raise _TooManyError(f"expected paths of at most {MAX_PATH_CHARACTERS} characters, got longer ones")
        return sha256(whole.encode("ascii")).hexdigest()

    def _inner_encoding(self, element: Element) -> Encoding:
        if element.vr in _HIDES_ITEMS and not element.encoding.implicit:
            return IMPLICIT_LITTLE
        return self._reader.inner_encoding(element)

    # Values

    def _content(self, element: Element, end: int, scope: Scope) -> Iterator[bytes]:
        """Give a value in its canonical form, piece by piece."""
        reader = self._reader
        vr = reader.vr_of(element.tag)
        if vr in STRINGS and element.vr not in WORD_BYTES and element.length <= MAX_TEXT_BYTES:
            yield canonical_text(reader.read(element.value, element.length), vr, scope.charset)
            return
        yield BYTES_MARK
        width = 1 if element.encoding.little else WORD_BYTES.get(element.vr, 1)
        if vr == b"UN" and element.length <= CHUNK_BYTES:
            yield without_padding(swapped(reader.read(element.value, element.length), width))
            return
        for at in range(element.value, end, CHUNK_BYTES):
            yield swapped(reader.read(at, min(CHUNK_BYTES, end - at)), width)

    def _add(self, path: str, grade: Grade, content: Iterable[bytes]) -> None:
        if path in self._found:
            # The same private creator twice, or an item that has an element twice.
            self._again[path] = number = self._again.get(path, 1) + 1
            path = f"{path}#{number}"
        if len(self._found) >= self._limit:
            raise _TooManyError(f"expected at most {self._limit} Attributes in the header, got more")
        name = path.encode("ascii")
        engine = sha256(_ATTRIBUTE + len(name).to_bytes(4, "big") + name + sha256(self._salt_seed + name).digest())
        for part in content:
            engine.update(part)
        leaf = HeaderLeaf(path=path, grade=grade, digest=engine.digest())
        if self._joined is None:
            self._found[path] = leaf
        else:
            self._joined.add(leaf)

    def _forget_since(self, known: int) -> list[HeaderLeaf]:
        return [self._found.popitem()[1] for _ in range(len(self._found) - known)][::-1]


class _Joined:
    """Leaves that are digested and not kept."""

    __slots__ = ("count", "engine", "last")

    def __init__(self) -> None:
        self.engine = sha256(_FOLDED)
        self.count = 0
        self.last: HeaderLeaf | None = None

    def add(self, leaf: HeaderLeaf) -> None:
        self.engine.update(leaf.digest)
        self.count += 1
        self.last = leaf

    def copy(self) -> "_Joined":
        other = _Joined()
        other.engine, other.count, other.last = self.engine.copy(), self.count, self.last
        return other


class _Item(NamedTuple):
    """Where an item begins and ends, None for one that a delimiter ends, and what it is in."""

    offset: int
    end: int | None
    limit: int
    encoding: Encoding


def _is_group_length(element: Element) -> bool:
    return element.tag & 0xFFFF == 0 and element.length == 4


def _name(tag: Tag, scope: Scope) -> str:
    """Return how an Attribute is named in a path: a private one by its creator, whose block may be any."""
    if not tag & 0x10000:
        return f"{tag:08X}"
    group, number = tag >> 16, tag & 0xFFFF
    if 0x10 <= number <= 0xFF:
        creator, rest = scope.creators.get(group << 8 | number), ""
    else:
        creator, rest = scope.creator_of(tag), f"{number & 0xFF:02X}"
    if not creator:
        return f"{tag:08X}"
    escaped = "".join(chr(byte) if byte in _PLAIN_CHARACTERS else f"%{byte:02X}" for byte in creator)
    return f'{group:04X}"{escaped}"{rest}'
