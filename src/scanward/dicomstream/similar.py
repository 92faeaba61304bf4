"""Walks the top level of many similar data sets, doing again only what differs from one to the next.

The instances of a series share most of their header byte for byte. What is made of an element depends on its bytes
(and, for a private element, on its creator), so equal bytes have equal results. A walk therefore remembers the last
layout as runs of elements that did not change and places that did; on the next data set a run is recognised by one
comparison of bytes, which costs a small part of walking its elements.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Generic, Literal, NamedTuple, TypeVar

from scanward.dicomstream.encoding import SHORT_VRS, Encoding
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Scope
from scanward.errors import DicomFormatError, TruncatedError
from scanward.model.attribute import format_tag

CACHED_ELEMENT_BYTES = 8 * 1024
"""Elements up to this length are remembered by their bytes."""

MEMORY_ELEMENTS = 20_000
"""So many results are remembered before all are forgotten."""

MEMORY_BYTES = 8 * 1024 * 1024
"""So many bytes of elements are remembered before all are forgotten; with their results some tens of megabytes."""

MAX_ELEMENTS = 32_768
"""Elements at the top level of one data set: several times the Attributes of PS3.6. More are an attack or a defect."""

FIRST_CONTENT_TAG = 0x0040A730
"""Content Sequence, the first of the Attributes that hold the content proper (encapsulated documents, pixels ...)."""

FIRST_DATA_SET_GROUP = 0x0008
"""Lower groups are of commands, files and directories (PS3.5 Section 7.1); padding reads as one of them."""

DELIMITER_GROUP = 0xFFFE
"""Items and delimiters, which stand in sequences only."""

FIRST_PIXEL_TAG = 0x7FE00008
"""Float Pixel Data, the first of the Attributes that hold pixels."""

R = TypeVar("R")

Process = Callable[[Reader, Element, int, bytes | None], R]
"""Makes a result of an element, the offset after it and its private creator, and depends on nothing else."""

Join = Callable[[list[R]], R]
"""Makes one result of the results of neighbouring elements, such that it stands for all of them."""


class _Slot(NamedTuple, Generic[R]):
    """A run of elements that did not change (`raw` and their joint `result`), or one that did (`raw` is empty).

    `prefix` holds tag and VR of the one that did, `creator` its private creator, and `is_short` says whether its VR is
    explicit and has a length of 16 bits.
    """

    raw: bytes
    result: R | None
    prefix: bytes
    creator: bytes | None
    is_short: bool


class _Seen(NamedTuple, Generic[R]):
    """One element of the last layout; `raw` is empty for one too large to remember."""

    tag: int
    raw: bytes
    prefix: bytes
    creator: bytes | None
    is_creator: bool
    result: R


class _UnsortedError(DicomFormatError):
    """Elements of the rest belong before what was matched."""


class SimilarDataSets(Generic[R]):
    """Processes the top-level elements of data sets one after the other.

    Parameters
    ----------
    process
        Makes a result of an element.
    join
        Joins the results of a run.
    breaks
        Tags, ascending, that no run reaches across, so that something can be put in between.
    """

    def __init__(self, process: Process[R], join: Join[R], breaks: tuple[int, ...] = ()) -> None:
        self._process = process
        self._join = join
        self._breaks = breaks
        self._encoding: Encoding | None = None
        self._forget()

    def _forget(self) -> None:
        self._memory: dict[tuple[bytes | None, bytes], R] = {}
        self._memory_bytes = 0
        self._layout: list[_Seen[R]] = []
        self._slots: list[_Slot[R]] = []
        self._slots_bytes = 0
        self._changing: set[bytes] = set()
        # What the elements behind the layout depend on.
        self._creators: dict[int, bytes] = {}
        self._last_tag = -1

    def process(self, start: DataSetStart) -> list[R]:
        """Return the results of all top-level elements of a data set, in ascending order; runs count as one.

        Raises
        ------
        DicomFormatError
            The data set is not well formed, or has an element twice.
        """
        if self._encoding != start.encoding:
            # Equal bytes mean something else in another encoding.
            self._forget()
            self._encoding = start.encoding
        results: list[R] = []
        if self._slots:
            offset = self._match(start, results)
            if offset >= 0:
                try:
                    self._walk_rest(start, offset, results)
                except _UnsortedError:
                    pass
                else:
                    return results
            results = []
        self._walk_and_learn(start, results)
        return results

    def _match(self, start: DataSetStart, results: list[R]) -> int:
        """Follow the slots; return the offset behind them, or -1 where the data set is laid out otherwise."""
        reader, encoding = start.reader, start.encoding
        memory = self._memory
        length = min(self._slots_bytes, reader.size - start.offset)
        buffer, at = reader.window(start.offset, length)
        base = start.offset - at
        append = results.append
        first, second = (6, 7) if encoding.little else (7, 6)
        for raw, result, prefix, creator, is_short in self._slots:
            if raw:
                if not buffer.startswith(raw, at):
                    return -1
                append(result)  # type: ignore[arg-type]  # a run has a result
                at += len(raw)
                continue
            if buffer[at : at + len(prefix)] != prefix:
                return -1
            if is_short and at + 8 <= len(buffer):
                # A short VR: what was met before is recognised without reading its header.
                raw_end = at + 8 + buffer[at + first] + (buffer[at + second] << 8)
                found = memory.get((creator, buffer[at:raw_end]))
                if found is not None and raw_end <= len(buffer):
                    append(found)
                    at = raw_end
                    continue
            try:
                element = reader.element(base + at, encoding)
                end = reader.end(element, reader.size)
            except DicomFormatError:
                # Whether that is damage or what trails the content, the walk tells.
                return -1
            value = buffer[at : end - base]
            if end - base > len(buffer) or len(value) > CACHED_ELEMENT_BYTES:
                return -1
            key = (creator, value)
            found = memory.get(key)
            if found is None:
                found = self._make(reader, element, end, creator, key)
            append(found)
            at = end - base
        return base + at

    def _make(
        self, reader: Reader, element: Element, end: int, creator: bytes | None, key: tuple[bytes | None, bytes]
    ) -> R:
        result = self._process(reader, element, end, creator)
        self._memory_bytes += len(key[1])
        if self._memory_bytes > MEMORY_BYTES or len(self._memory) >= MEMORY_ELEMENTS:
            self._memory.clear()
            self._memory_bytes = len(key[1])
        self._memory[key] = result
        return result

    def _walk_and_learn(self, start: DataSetStart, results: list[R]) -> None:
        """Walk all elements and make the layout to expect next of what did not change since the last."""
        layout: list[_Seen[R]] = []
        scope = Scope()
        ascends = self._walk(start, start.offset, layout, scope, -1)
        results.extend(seen.result for seen in layout)
        if not ascends:
            return
        # Large elements, and all behind them, are never matched.
        count = next((index for index, seen in enumerate(layout) if not seen.raw), len(layout))
        layout = layout[:count]
        last = self._layout
        if [seen.prefix for seen in last] == [seen.prefix for seen in layout]:
            for before, now in zip(last, layout, strict=True):
                if before.raw != now.raw and not now.is_creator:
                    self._changing.add(now.prefix)
            self._slots = self._compile(layout)
            self._slots_bytes = sum(len(seen.raw) for seen in layout)
            self._last_tag = layout[-1].tag if layout else -1
            self._creators = {
                block: creator
                for block, creator in scope.creators.items()
                if (block >> 8 << 16 | block & 0xFF) <= self._last_tag
            }
        else:
            self._slots = []
        self._layout = layout

    def _compile(self, layout: list[_Seen[R]]) -> list[_Slot[R]]:
        slots: list[_Slot[R]] = []
        run: list[_Seen[R]] = []
        for seen in layout:
            if seen.prefix in self._changing:
                self._end_run(run, slots)
                slots.append(_Slot(b"", None, seen.prefix, seen.creator, seen.prefix[4:] in SHORT_VRS))
            else:
                if run and any(run[-1].tag < at <= seen.tag for at in self._breaks):
                    self._end_run(run, slots)
                run.append(seen)
        self._end_run(run, slots)
        return slots

    def _end_run(self, run: list[_Seen[R]], slots: list[_Slot[R]]) -> None:
        if run:
            result = self._join([seen.result for seen in run])
            slots.append(_Slot(b"".join(seen.raw for seen in run), result, b"", None, is_short=False))
            run.clear()

    def _walk_rest(self, start: DataSetStart, offset: int, results: list[R]) -> None:
        layout: list[_Seen[R]] = []
        scope = Scope()
        scope.creators.update(self._creators)
        if not self._walk(start, offset, layout, scope, self._last_tag) and layout[0].tag <= self._last_tag:
            raise _UnsortedError("expected ascending tags in the data set, got one that is not")
        results.extend(seen.result for seen in layout)

    def _walk(self, start: DataSetStart, offset: int, layout: list[_Seen[R]], scope: Scope, last_tag: int) -> bool:
        """Walk from `offset` to the end and return whether tags ascend; if not, `layout` is sorted by tag.

        What cannot be an element is taken for trailing bytes, and left out, only behind the content of the instance;
        earlier it is damage, and an error.
        """
        reader, encoding = start.reader, start.encoding
        size = reader.size
        highest = last_tag
        while offset < size:
            try:
                element, end = self._next(reader, offset, encoding)
                if element.tag <= highest and not self._is_known(reader, element.tag, scope):
                    raise DicomFormatError("expected ascending tags in the data set, got one that is not")
            except DicomFormatError:
                if self._is_trailing(reader, offset, encoding, highest, scope):
                    break
                raise
            if len(layout) >= MAX_ELEMENTS:
                raise DicomFormatError(f"expected at most {MAX_ELEMENTS} elements in the data set, got more")
            highest = max(highest, element.tag)
            scope.note(element, reader)
            layout.append(self._see(reader, element, end, scope))
            offset = end
        return _sort(layout, last_tag)

    @staticmethod
    def _next(reader: Reader, offset: int, encoding: Encoding) -> tuple[Element, int]:
        """Return the element at `offset` of the top level, and where it ends."""
        if offset + 8 > reader.size:
            raise TruncatedError(f"expected an element at offset {offset}, got {reader.size - offset} bytes")
        element = reader.element(offset, encoding)
        if element.tag >> 16 == DELIMITER_GROUP:
            raise DicomFormatError(
                f"expected an element at offset {offset}, got {format_tag(element.tag)}, which belongs to no Sequence",
                remedy="Export the instance anew: something took out the header of a Sequence and left what was in it.",
            )
        return element, reader.end(element, reader.size)

    def _see(self, reader: Reader, element: Element, end: int, scope: Scope) -> _Seen[R]:
        creator = scope.creator_of(element.tag) if element.tag & 0x10000 else None
        number = element.tag & 0xFFFF
        is_creator = bool(element.tag & 0x10000) and 0x10 <= number <= 0xFF
        length = end - element.start
        if length > CACHED_ELEMENT_BYTES or element.tag >= FIRST_PIXEL_TAG:
            return _Seen(element.tag, b"", b"", creator, is_creator, self._process(reader, element, end, creator))
        raw = reader.read(element.start, length)
        key = (creator, raw)
        result = self._memory.get(key)
        if result is None:
            result = self._make(reader, element, end, creator, key)
        return _Seen(element.tag, raw, raw[: 4 if element.encoding.implicit else 6], creator, is_creator, result)

    @classmethod
    def _is_trailing(cls, reader: Reader, offset: int, encoding: Encoding, highest: int, scope: Scope) -> bool:
        """Whether what is no element at `offset` trails the instance and is not damage.

        Behind pixels it does. Behind other content it does unless it starts like a known element that is cut short.
        """
        if highest >= FIRST_PIXEL_TAG:
            return True
        if highest < FIRST_CONTENT_TAG:
            return False
        rest = reader.read(offset, min(4, reader.size - offset))
        order: Literal["little", "big"] = "little" if encoding.little else "big"
        tag = int.from_bytes(rest[:2], order) << 16 | int.from_bytes(rest[2:], order)
        return len(rest) < 4 or not cls._is_known(reader, tag, scope)

    @staticmethod
    def _is_known(reader: Reader, tag: int, scope: Scope) -> bool:
        """Whether `tag` is an Attribute of the standard, or of a private creator that was met."""
        if tag >> 16 < FIRST_DATA_SET_GROUP or tag >> 16 == DELIMITER_GROUP:
            return False
        return reader.vr_of(tag) != b"UN" or scope.creator_of(tag) is not None


def _sort(layout: list[_Seen[R]], last_tag: int) -> bool:
    """Sort by tag what is not; return whether it was, from `last_tag` on."""
    for seen in layout:
        if seen.tag <= last_tag:
            break
        last_tag = seen.tag
    else:
        return True
    layout.sort(key=lambda seen: seen.tag)
    for before, after in pairwise(layout):
        if before.tag == after.tag:
            raise DicomFormatError(f"{format_tag(after.tag)}: expected it once in the data set, got it twice")
    return False
