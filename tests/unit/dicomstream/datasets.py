"""Data sets as plain trees, encoded here and not by the library, so that a mistake of its own cannot cancel out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from scanward.dicomstream.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding
from scanward.dicomstream.part10 import DataSetStart, open_data_set
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Edit, Scope, gather, rewrite_element
from scanward.dicomstream.similar import SimilarDataSets
from scanward.model.instance import Range
from scanward.standard.dictionary import vr_of
from scanward.standard.uids import find_transfer_syntax

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG = "1.2.840.10008.1.2.2"
LAYOUTS = {IMPLICIT: (True, True), EXPLICIT: (False, True), DEFLATED: (False, True), BIG: (False, False)}

_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
_NUL_PADDED = {"OB", "OD", "OF", "OL", "OV", "OW", "UI", "UN"}

REPLACEMENT = b"00000001"
"""Reads as a value of nearly every Value Representation."""


class MemorySource:
    """Bytes as a source; counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.read_bytes = 0

    def fileno(self) -> None:
        return None

    def read(self, offset: int, length: int) -> bytes:
        data = self.data[offset : offset + length]
        self.read_bytes += len(data)
        return data


@dataclass(frozen=True)
class Item:
    nodes: tuple[Node, ...]
    undefined: bool = False


@dataclass(frozen=True)
class Node:
    """An element: a value, or items. `as_un` encodes a sequence as UN, `bare` one without VR in explicit VR."""

    tag: int
    vr: str
    value: bytes = b""
    items: tuple[Item, ...] | None = None
    undefined: bool = False
    as_un: bool = False
    bare: bool = False


Plan = Mapping[tuple[int, ...], str]
"""Path to ``remove``, ``replace`` or ``descend``; what it does not name is kept."""


# --- encoding


def tag_bytes(tag: int, little: bool = True) -> bytes:
    return struct.pack("<HH" if little else ">HH", tag >> 16, tag & 0xFFFF)


def head(tag: int, vr: str, length: int, implicit: bool, little: bool) -> bytes:
    end = "<" if little else ">"
    if implicit:
        return tag_bytes(tag, little) + struct.pack(end + "I", length)
    if vr in _LONG:
        return tag_bytes(tag, little) + vr.encode() + b"\0\0" + struct.pack(end + "I", length)
    return tag_bytes(tag, little) + vr.encode() + struct.pack(end + "H", length)


def encode(nodes: Iterable[Node], implicit: bool, little: bool) -> bytes:
    return b"".join(encode_node(node, implicit, little) for node in nodes)


def encode_node(node: Node, implicit: bool, little: bool) -> bytes:
    if node.items is None:
        return head(node.tag, node.vr, len(node.value), implicit, little) + node.value
    vr, own_implicit, inner = "SQ", implicit, (implicit, little)
    if node.as_un and not implicit:
        vr, inner = "UN", (True, True)
    elif node.bare and not implicit:
        own_implicit, inner = True, (True, little)
    body = b"".join(encode_item(item, *inner) for item in node.items)
    if node.undefined:
        end = tag_bytes(0xFFFEE0DD, inner[1]) + bytes(4)
        return head(node.tag, vr, 0xFFFFFFFF, own_implicit, little) + body + end
    return head(node.tag, vr, len(body), own_implicit, little) + body


def encode_item(item: Item, implicit: bool, little: bool) -> bytes:
    body = encode(item.nodes, implicit, little)
    if item.undefined:
        end = tag_bytes(0xFFFEE00D, little) + bytes(4)
        return head(0xFFFEE000, "", 0xFFFFFFFF, True, little) + body + end
    return head(0xFFFEE000, "", len(body), True, little) + body


def encode_as(nodes: Iterable[Node], syntax: str) -> bytes:
    """The bare data set in the layout of a Transfer Syntax, before deflating."""
    return encode(nodes, *LAYOUTS[syntax])


def file_of(data_set: bytes, syntax: str, *, preamble: bytes = bytes(128), group_length: bool = True) -> bytes:
    """A Part 10 file around an encoded data set."""
    meta = head(0x00020001, "OB", 2, False, True) + b"\0\1"
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta += head(0x00020010, "UI", len(uid), False, True) + uid
    if group_length:
        meta = head(0x00020000, "UL", 4, False, True) + struct.pack("<I", len(meta)) + meta
    if syntax == DEFLATED:
        engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data_set = engine.compress(data_set) + engine.flush()
        data_set += b"\0" * (len(data_set) % 2)
    return preamble + b"DICM" + meta + data_set


# --- plans on trees


def paths_of(nodes: Iterable[Node]) -> list[tuple[int, ...]]:
    found: dict[tuple[int, ...], None] = {}
    stack: list[tuple[tuple[int, ...], Node]] = [((), node) for node in nodes]
    while stack:
        outer, node = stack.pop()
        path = (*outer, node.tag)
        found[path] = None
        for item in node.items or ():
            stack.extend((path, inner) for inner in item.nodes)
    return list(found)


def padded(value: bytes, vr: str) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in _NUL_PADDED else b" "
    return value


def apply(nodes: Iterable[Node], plan: Plan, value: bytes = REPLACEMENT, outer: tuple[int, ...] = ()) -> list[Node]:
    """Carry a plan out on a tree; the encoding of what comes back is what the library has to write."""
    done = []
    for node in nodes:
        path = (*outer, node.tag)
        edit = plan.get(path)
        if edit == "remove":
            continue
        if edit == "replace":
            # A sequence is emptied. One as UN or without VR keeps that header.
            new = Node(node.tag, "UN" if node.as_un else node.vr, padded(value, node.vr))
            node = replace(node, items=(), undefined=False) if node.items is not None else new
        elif edit == "descend" and node.items is not None:
            items = tuple(replace(item, nodes=tuple(apply(item.nodes, plan, value, path))) for item in node.items)
            node = replace(node, items=items)
        done.append(node)
    return done


# --- the library under test


def vr_bytes_of(tag: int) -> bytes:
    return vr_of(tag).encode()


def encoding_of(uid: str) -> tuple[Encoding, bool] | None:
    syntax = find_transfer_syntax(uid)
    if syntax is None:
        return None
    if not syntax.little_endian:
        return EXPLICIT_BIG, False
    return (IMPLICIT_LITTLE if syntax.implicit else EXPLICIT_LITTLE), syntax.deflated


def open_bytes(data: bytes) -> DataSetStart:
    return open_data_set(MemorySource(data), vr_of=vr_bytes_of, encoding_of=encoding_of)


def reader_of(data: bytes) -> Reader:
    return Reader(MemorySource(data), vr_bytes_of)


Decider = Callable[[Element, Scope, Reader], "Edit | bytes"]


def by_plan(plan: Plan, value: bytes = REPLACEMENT) -> Decider:
    edits = {"remove": Edit.REMOVE, "descend": Edit.DESCEND, None: Edit.KEEP}

    def decide(element: Element, scope: Scope, reader: Reader) -> Edit | bytes:
        edit = plan.get((*scope.path, element.tag))
        is_sequence = reader.is_sequence(element)
        if edit == "replace":
            return b"" if is_sequence else value
        return Edit.KEEP if edit == "descend" and not is_sequence else edits[edit]

    return decide


@dataclass(slots=True)
class Written:
    """A result for `SimilarDataSets`: what was written for some elements, and what each depended on."""

    data: bytes
    seen: tuple[tuple[int, bytes | None], ...] = field(default=())


def rewriter(decide: Decider, breaks: tuple[int, ...] = ()) -> SimilarDataSets[Written]:
    """The library's rewriting of whole data sets under a decision, all in memory."""

    def process(reader: Reader, element: Element, end: int, creator: bytes | None) -> Written:
        scope = Scope()
        if creator is not None:
            scope.creators[element.tag >> 16 << 8 | (element.tag & 0xFFFF) >> 8] = creator
        pieces, after = rewrite_element(reader, element, limit=reader.size, scope=scope, decide=decide)
        assert after == end
        return Written(materialize(reader, gather(reader, pieces)), ((element.tag, creator),))

    def join(results: list[Written]) -> Written:
        return Written(b"".join(one.data for one in results), tuple(seen for one in results for seen in one.seen))

    return SimilarDataSets(process, join, breaks)


def materialize(reader: Reader, pieces: Iterable[bytes | Range]) -> bytes:
    return b"".join(reader.read(piece.offset, piece.length) if isinstance(piece, Range) else piece for piece in pieces)


def rewrite(data: bytes, decide: Decider) -> bytes:
    """The data set of `data`, a file or bare data set, rewritten; inflated where it was deflated."""
    return b"".join(one.data for one in rewriter(decide).process(open_bytes(data)))
