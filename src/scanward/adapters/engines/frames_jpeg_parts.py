"""A sequential JPEG taken apart into tables, components and the entropy coded bytes of its scans, and put together."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class by its name

import numpy as np
from numpy.typing import NDArray

from scanward.errors import DicomFormatError
from scanward.ports.engines import Samples

LONGEST_CODE = 16
"""Bits of a Huffman code at most (ISO/IEC 10918-1 Annex C)."""

_SOI, _EOI, _SOF0, _SOF1, _DHT, _SOS, _DQT, _DRI = 0xD8, 0xD9, 0xC0, 0xC1, 0xC4, 0xDA, 0xDB, 0xDD
_OTHER_FRAMES = frozenset({*range(0xC2, 0xD0), 0xDC, 0xF7}) - {_DHT}
"""Starts of frames of other processes, arithmetic coding, and a number of lines that comes later."""

_MARKER = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_LENGTH = Struct(">H")
_FRAME = Struct(">BHHB")


def _zigzag(place: int) -> tuple[int, int]:
    """Return what orders the coefficients of a block: by diagonals, up and down in turn."""
    row, column = divmod(place, 8)
    return row + column, row if (row + column) % 2 else column


_ZIGZAG = np.array(sorted(range(64), key=_zigzag))
_DCT = np.cos(np.outer(np.arange(8), 2 * np.arange(8) + 1) * np.pi / 16) * np.sqrt([[1 / 8]] + [[1 / 4]] * 7)


class NotSplicedError(DicomFormatError):
    """Blocks cannot be put into this codestream; the frame has to be written in another way."""


@dataclass(slots=True, eq=False)
class HuffmanTable:
    """A Huffman table as it stands in the codestream.

    Attributes
    ----------
    name
        Class and destination.
    counts
        How many codes there are of 1 to 16 bits.
    symbols
        What they stand for, in order of their codes.
    """

    name: int
    counts: list[int]
    symbols: list[int]

    def codes(self) -> dict[int, tuple[int, int]]:
        """Return code and length by symbol."""
        codes: dict[int, tuple[int, int]] = {}
        code, at = 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[at : at + count]:
                codes.setdefault(symbol, (code, length))
                code += 1
            at += count
            code <<= 1
        return codes

    def key(self) -> tuple[bytes, bytes]:
        """Return counts and symbols as what tables are remembered by."""
        return bytes(self.counts), bytes(self.symbols)

    def room(self) -> int:
        """Return how many codes of 16 bits are free; the one of ones only is never used (ISO/IEC 10918-1 C.2)."""
        return min((1 << LONGEST_CODE) - 1 - self.used(), 255 - self.counts[-1], 256 - len(self.symbols))

    def used(self) -> int:
        """Return how many of all 16 bits begin with a code."""
        return sum(count << (LONGEST_CODE - length) for length, count in enumerate(self.counts, 1))

    def add(self, symbols: list[int]) -> bool:
        """Give codes to symbols that have none, and return whether all others keep theirs.

        Raises
        ------
        NotSplicedError
            There are more than a table can hold.
        """
        keeps = len(symbols) <= self.room()
        if not keeps:
            symbols = [*symbols, self._free(len(symbols) + 1)]
        if len(symbols) > self.room():
            raise NotSplicedError("expected room in a Huffman table, got none")
        self.counts[-1] += len(symbols)
        self.symbols += symbols
        return keeps

    def _free(self, needed: int) -> int:
        """Take away the longest code that makes room for so many, and return its symbol."""
        at = len(self.symbols)
        for length in range(LONGEST_CODE, 0, -1):
            count = self.counts[length - 1]
            if count and 1 << (LONGEST_CODE - length) >= needed:
                self.counts[length - 1] -= 1
                return self.symbols.pop(at - 1)
            at -= count
        raise NotSplicedError("expected room in a Huffman table, got none")


@dataclass(slots=True, eq=False)
class Component:
    """One component of the frame.

    Attributes
    ----------
    number
        As the codestream names it.
    horizontal, vertical
        Sampling factors.
    quantisation
        Steps of the 64 coefficients, in zigzag order.
    blocks_across, blocks_down
        Blocks that hold pixels.
    """

    number: int
    horizontal: int
    vertical: int
    quantisation: NDArray[np.int64]
    blocks_across: int
    blocks_down: int


@dataclass(slots=True, eq=False)
class Scan:
    """One scan.

    Attributes
    ----------
    components
        Places of its components in the frame.
    tables
        Huffman tables of each, for DC and AC coefficients.
    keys
        What these are remembered by, as they were.
    restart_interval
        MCUs between restart markers, 0 for none.
    intervals
        Entropy coded bytes between restart markers, without stuffing.
    """

    components: list[int]
    tables: list[tuple[HuffmanTable, HuffmanTable]]
    keys: list[tuple[tuple[bytes, bytes], tuple[bytes, bytes]]]
    restart_interval: int
    intervals: list[bytes] = field(repr=False)

    def written(self) -> bytes:
        """Return the intervals with stuffing and restart markers."""
        parts = []
        for number, data in enumerate(self.intervals):
            if number:
                parts.append(bytes((0xFF, 0xD0 + (number - 1) % 8)))
            parts.append(data.replace(b"\xff", b"\xff\x00"))
        return b"".join(parts)


def _is_metadata(marker: int, body: bytes) -> bool:
    """Whether a segment says nothing that decoders need: a comment, or an application's other than of colour."""
    if marker == 0xE0:
        return not body.startswith(b"JFIF\0")
    if marker == 0xEE:
        return not body.startswith(b"Adobe")
    return 0xE1 <= marker <= 0xEF or marker == 0xFE


class JpegParts:
    """A codestream taken apart.

    Parameters
    ----------
    data
        The codestream.

    Raises
    ------
    NotSplicedError
        It is of another process than sequential Huffman coding, or damaged.
    """

    def __init__(self, data: bytes) -> None:
        self.precision = 0
        self.rows = self.columns = 0
        self.components: list[Component] = []
        self.scans: list[Scan] = []
        self._output: list[bytes | list[HuffmanTable] | Scan] = [b"\xff\xd8"]
        self._tables: dict[int, HuffmanTable] = {}
        self._quantisation: dict[int, NDArray[np.int64]] = {}
        self._frame: list[tuple[int, int, int, int]] = []
        self._restart_interval = 0
        try:
            self._parse(data)
        except (IndexError, KeyError, StructError, ValueError):
            raise NotSplicedError("expected a JPEG codestream whose tables are whole") from None

    @cached_property
    def largest(self) -> tuple[int, int]:
        """Largest sampling factors, vertical and horizontal."""
        return max(each.vertical for each in self.components), max(each.horizontal for each in self.components)

    @property
    def mcus_across(self) -> int:
        """Minimum coded units in a row, where components are interleaved."""
        return -(-self.columns // (8 * self.largest[1]))

    @property
    def mcus_down(self) -> int:
        """Rows of minimum coded units, where components are interleaved."""
        return -(-self.rows // (8 * self.largest[0]))

    def join(self) -> bytes:
        """Return the codestream with tables and scans as they are now."""
        written = []
        for part in self._output:
            if isinstance(part, bytes):
                written.append(part)
            elif isinstance(part, Scan):
                written.append(part.written())
            else:
                body = b"".join(bytes((table.name, *table.counts, *table.symbols)) for table in part)
                written += [b"\xff\xc4", _LENGTH.pack(len(body) + 2), body]
        return b"".join((*written, b"\xff\xd9"))

    def _parse(self, data: bytes) -> None:
        at = 2
        while True:
            if data[at] != 0xFF:
                raise NotSplicedError("expected a marker")
            marker = data[at + 1]
            if marker == 0xFF:
                at += 1
                continue
            if marker == _EOI:
                break
            end = at + 2 + _LENGTH.unpack_from(data, at + 2)[0]
            body = data[at + 4 : end]
            if end > len(data):
                raise NotSplicedError("expected a whole segment")
            if marker == _DHT:
                self._output.append(self._read_tables(body))
            elif not _is_metadata(marker, body):
                self._output.append(data[at:end])
                self._read(marker, body)
            if marker == _SOS:
                end = self._read_scan(data, end, body)
            at = end
        if not self.scans:
            raise NotSplicedError("expected a scan")

    def _read(self, marker: int, body: bytes) -> None:
        if marker in _OTHER_FRAMES:
            raise NotSplicedError("expected the sequential process with Huffman codes, got another")
        if marker == _DRI:
            (self._restart_interval,) = _LENGTH.unpack_from(body)
        elif marker == _DQT:
            at = 0
            while at < len(body):
                width = 2 if body[at] >> 4 else 1
                steps = np.frombuffer(body, ">u2" if width == 2 else "u1", 64, at + 1).astype(np.int64)
                self._quantisation[body[at] & 15] = np.maximum(steps, 1)
                at += 1 + 64 * width
        elif marker in (_SOF0, _SOF1):
            self.precision, self.rows, self.columns, count = _FRAME.unpack_from(body)
            if self.precision not in (8, 12):
                raise NotSplicedError("expected samples of 8 or 12 bits")
            for at in range(6, 6 + 3 * count, 3):
                self._frame.append((body[at], body[at + 1] >> 4, body[at + 1] & 15, body[at + 2]))

    def _read_tables(self, body: bytes) -> list[HuffmanTable]:
        tables, at = [], 0
        while at < len(body):
            counts = list(body[at + 1 : at + 17])
            end = at + 17 + sum(counts)
            table = HuffmanTable(body[at], counts, list(body[at + 17 : end]))
            if len(counts) != LONGEST_CODE or end > len(body) or table.used() > 1 << LONGEST_CODE:
                raise NotSplicedError("expected a whole Huffman table")
            self._tables[table.name] = table
            tables.append(table)
            at = end
        return tables

    def _read_scan(self, data: bytes, start: int, body: bytes) -> int:
        """Read a scan whose entropy coded bytes begin at `start`; return where they end."""
        if not self.components:
            self._make_components()
        numbers = [component.number for component in self.components]
        chosen = [numbers.index(body[at]) for at in range(1, 1 + 2 * body[0], 2)]
        names = [body[at] for at in range(2, 2 + 2 * body[0], 2)]
        tables = [(self._tables[name >> 4], self._tables[0x10 | name & 15]) for name in names]
        found = _MARKER.search(data, start)
        if found is None:
            raise NotSplicedError("expected a scan to end with a marker")
        intervals = [part.replace(b"\xff\x00", b"\xff") for part in _RESTART.split(data[start : found.start()])]
        scan = Scan(chosen, tables, [(dc.key(), ac.key()) for dc, ac in tables], self._restart_interval, intervals)
        self.scans.append(scan)
        self._output.append(scan)
        return found.start()

    def _make_components(self) -> None:
        tallest = max(vertical for _, _, vertical, _ in self._frame)
        widest = max(horizontal for _, horizontal, _, _ in self._frame)
        for number, horizontal, vertical, table in self._frame:
            if not horizontal or not vertical or widest % horizontal or tallest % vertical:
                raise NotSplicedError("expected components that are subsampled by whole numbers")
            self.components.append(
                Component(
                    number,
                    horizontal,
                    vertical,
                    self._quantisation[table],
                    -(-(self.columns * horizontal) // (8 * widest)),
                    -(-(self.rows * vertical) // (8 * tallest)),
                )
            )


@dataclass(frozen=True, slots=True)
class NewBlocks:
    """The blocks of one component that are coded anew.

    Attributes
    ----------
    places
        (rows, columns of blocks, those beyond the picture included): place in `coefficients`, or -1.
    coefficients
        Quantised, in zigzag order, for each block.
    """

    places: NDArray[np.int64]
    coefficients: list[list[int]]


def make_blocks(parts: JpegParts, index: int, samples: Samples, changed: NDArray[np.bool_]) -> NewBlocks:
    """Return the blocks of a component that a change touches, transformed and quantised.

    Parameters
    ----------
    parts
        The codestream.
    index
        Which component.
    samples
        The frame, with what was changed.
    changed
        (rows, columns): where.
    """
    component = parts.components[index]
    down, across = parts.mcus_down * component.vertical, parts.mcus_across * component.horizontal
    tall = 8 * (parts.largest[0] // component.vertical)
    wide = 8 * (parts.largest[1] // component.horizontal)
    beyond = (0, down * tall - parts.rows), (0, across * wide - parts.columns)
    grid = (down, tall, across, wide)
    touched = np.pad(changed, beyond).reshape(grid).any(axis=(1, 3))
    places = np.full(touched.shape, -1, np.int64)
    places[touched] = np.arange(np.count_nonzero(touched))
    plane = samples if samples.ndim == 2 else samples[:, :, index]
    # Blocks as rows of pixels; of chrominance that is halved, the mean of what each sample stands for.
    pixels = np.pad(plane, beyond, mode="edge").reshape(grid).transpose(0, 2, 1, 3)[touched].astype(np.float64)
    pixels = pixels.reshape(-1, 8, tall // 8, 8, wide // 8).mean(axis=(2, 4)) - (1 << (parts.precision - 1))
    transformed = (_DCT @ pixels @ _DCT.T).reshape(-1, 64)[:, _ZIGZAG]
    limit = (1 << (parts.precision + 2)) - 1
    quantised = np.clip(np.rint(transformed / component.quantisation), -limit, limit).astype(np.int64)
    return NewBlocks(places, quantised.tolist())
