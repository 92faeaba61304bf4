"""Walks the top level of many similar data sets, doing again only what differs from one to the next.

The instances of a series share most of their header byte for byte. What is made of an element depends on its bytes
(and, for a private element, on its creator), so equal bytes have equal results. A walk therefore remembers the last
layout as runs of elements that did not change and places that did; on the next data set a run is recognised by one
comparison of bytes, which costs a small part of walking its elements.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Scope
from scanward.errors import DicomFormatError

CACHED_ELEMENT_BYTES = 8 * 1024
"""Elements up to this length are remembered by their bytes."""

MEMORY_ELEMENTS = 20_000
"""So many results are remembered before all are forgotten: some tens of megabytes."""

FIRST_CONTENT_TAG = 0x0040A730
"""Content Sequence, the first of the Attributes that hold the content proper (encapsulated documents, pixels ...)."""

FIRST_PIXEL_TAG = 0x7FE00008
"""Float Pixel Data, the first of the Attributes that hold pixels."""

R = TypeVar("R")

Process = Callable[[Reader, Element, int, bytes | None], R]
"""Makes a result of an element, the offset after it and its private creator, and depends on nothing else."""

Join = Callable[[list[R]], R]
"""Makes one result of the results of neighbouring elements, such that it stands for all of them."""


class _Slot(NamedTuple, Generic[R]):
    """A run of elements that did not change (`raw` and their joint `result`), or one that did (`raw` is empty).

    `prefix` holds tag and VR of the one that did, and `creator` its private creator.
    """

    raw: bytes
    result: R | None
    prefix: bytes
    creator: bytes | None


class _Seen(NamedTuple, Generic[R]):
    """One element of the last layout; `raw` is empty for one too large to remember."""

    tag: int
    raw: bytes
    prefix: bytes
    creator: bytes | None
    is_creator: bool
    result: R


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
        self._memory: dict[tuple[bytes | None, bytes], R] = {}
        self._layout: list[_Seen[R]] = []
        self._slots: list[_Slot[R]] = []
        self._slots_bytes = 0
        self._changing: set[bytes] = set()
        self._encoding: object = None

    def process(self, start: DataSetStart) -> list[R]:
        """Return the results of all top-level elements of a data set, in order; runs count as one.

        Raises
        ------
        DicomFormatError
            The data set is not well formed, or its tags do not ascend.
        """
        results: list[R] = []
        offset = start.offset
        layout_key = start.encoding
        if self._slots and self._encoding == layout_key:
            offset = self._match(start, results)
            if offset < 0:
                results = []
                offset = start.offset
        if offset == start.offset:
            self._encoding = layout_key
            self._walk_and_learn(start, results)
        else:
            self._walk_rest(start, offset, results)
        return results

    def _match(self, start: DataSetStart, results: list[R]) -> int:
        """Follow the slots; return the offset behind them, or -1 where the data set is laid out otherwise."""
        reader, encoding = start.reader, start.encoding
        memory = self._memory
        length = min(self._slots_bytes, reader.size - start.offset)
        buffer, at = reader.window(start.offset, length)
        base = start.offset - at
        append = results.append
        for raw, result, prefix, creator in self._slots:
            if raw:
                if not buffer.startswith(raw, at):
                    return -1
                append(result)  # type: ignore[arg-type]  # a run has a result
                at += len(raw)
                continue
            if buffer[at : at + len(prefix)] != prefix:
                return -1
            element = reader.element(base + at, encoding)
            end = reader.end(element, reader.size)
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
        if len(self._memory) >= MEMORY_ELEMENTS:
            self._memory.clear()
        self._memory[key] = result
        return result

    def _walk_and_learn(self, start: DataSetStart, results: list[R]) -> None:
        """Walk all elements and make the layout to expect next of what did not change since the last."""
        layout: list[_Seen[R]] = []
        self._walk(start, start.offset, layout)
        results.extend(seen.result for seen in layout)
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
        else:
            self._slots = []
        self._layout = layout

    def _compile(self, layout: list[_Seen[R]]) -> list[_Slot[R]]:
        slots: list[_Slot[R]] = []
        run: list[_Seen[R]] = []
        for seen in layout:
            if seen.prefix in self._changing:
                self._end_run(run, slots)
                slots.append(_Slot(b"", None, seen.prefix, seen.creator))
            else:
                if run and any(run[-1].tag < at <= seen.tag for at in self._breaks):
                    self._end_run(run, slots)
                run.append(seen)
        self._end_run(run, slots)
        return slots

    def _end_run(self, run: list[_Seen[R]], slots: list[_Slot[R]]) -> None:
        if run:
            result = self._join([seen.result for seen in run])
            slots.append(_Slot(b"".join(seen.raw for seen in run), result, b"", None))
            run.clear()

    def _walk_rest(self, start: DataSetStart, offset: int, results: list[R]) -> None:
        layout: list[_Seen[R]] = []
        self._walk(start, offset, layout)
        results.extend(seen.result for seen in layout)

    def _walk(self, start: DataSetStart, offset: int, layout: list[_Seen[R]]) -> None:
        """Walk from `offset` to the end.

        What cannot be an element is taken for trailing bytes, and left out, only behind the content of the instance;
        earlier it is damage, and an error.
        """
        reader, encoding = start.reader, start.encoding
        size = reader.size
        scope = Scope()
        last_tag = -1
        while offset + 8 <= size:
            try:
                element = reader.element(offset, encoding)
                if element.tag <= last_tag:
                    raise DicomFormatError("expected ascending tags in the data set, got one that is not")
                end = reader.end(element, size)
            except DicomFormatError:
                if self._is_behind_content(reader, offset, last_tag):
                    return
                raise
            last_tag = element.tag
            scope.note(element, reader)
            layout.append(self._see(reader, element, end, scope))
            offset = end

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

    @staticmethod
    def _is_behind_content(reader: Reader, offset: int, last_tag: int) -> bool:
        """Whether what cannot be read at `offset` is trailing bytes and not damage.

        Behind pixels it is. Behind other content it is unless it starts like a known element that is cut short.
        """
        if last_tag >= FIRST_PIXEL_TAG:
            return True
        if last_tag < FIRST_CONTENT_TAG:
            return False
        buffer, at = reader.window(offset, 8)
        tag = int.from_bytes(buffer[at : at + 2], "little") << 16 | int.from_bytes(buffer[at + 2 : at + 4], "little")
        return tag <= last_tag or reader.vr_of(tag) == b"UN"
