"""Puts new blocks into a sequential JPEG and leaves the others as they are, coefficient for coefficient.

To decode a frame and code it again would change every pixel a little. Here the entropy coded bits are followed block by
block (ISO/IEC 10918-1 Annex F); those of blocks that stay are copied, but for a difference to a DC coefficient before
that changed.
"""

from array import array
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanward.adapters.engines.frames_jpeg_parts import (
    LONGEST_CODE,
    HuffmanTable,
    JpegParts,
    NewBlocks,
    NotSplicedError,
    Scan,
    make_blocks,
)
from scanward.ports.engines import Samples

_END_OF_BLOCK, _SIXTEEN_ZEROS = 0x00, 0xF0

_AFTER_END = 128
"""What an end of block adds to the place in a block, so that it is told from a block that is full."""

_INVALID = 1024
"""What bits add that are no code."""

MAX_DC_BITS = 15
"""Bits of a difference of DC coefficients at most, with 12 bit samples (ISO/IEC 10918-1 Table F.6)."""


def splice_jpeg(data: bytes, samples: Samples, changed: NDArray[np.bool_]) -> bytes:
    """Return a JPEG codestream in which the blocks that a change touches are coded anew.

    Parameters
    ----------
    data
        The codestream as it was: sequential, Huffman coded, 8 or 12 bit.
    samples
        What it decodes to, in its own colour space with all chrominance, with some changed.
    changed
        (rows, columns): where.

    Raises
    ------
    NotSplicedError
        It is of another process, damaged, or its Huffman tables have no room for what is new.
    """
    parts = JpegParts(data)
    if (parts.rows, parts.columns) != changed.shape or len(parts.components) != (1 if samples.ndim == 2 else 3):
        raise NotSplicedError("expected a frame of the size of its samples")
    blocks = [make_blocks(parts, index, samples, changed) for index in range(len(parts.components))]
    followed = [_follow(parts, scan, blocks) for scan in parts.scans]
    renewed = _make_room(parts, followed)
    for scan, edits in zip(parts.scans, followed, strict=True):
        if any(dc in renewed or ac in renewed for dc, ac in scan.tables):
            # Other symbols got other codes too: all blocks are written with those.
            edits = _follow(parts, scan, blocks, all_blocks=True)
        codes = [(dc.codes(), ac.codes()) for dc, ac in scan.tables]
        for number, edit in enumerate(edits):
            if edit.blocks:
                scan.intervals[number] = _write(scan.intervals[number], edit, codes)
    return parts.join()


class _Symbol(NamedTuple):
    """A symbol of a Huffman table with the bits behind it."""

    is_ac: bool
    symbol: int
    bits: int
    length: int


class _Block(NamedTuple):
    """What takes the place of a block, or of its DC coefficient only.

    Attributes
    ----------
    start, end
        The bits that it takes the place of.
    part
        Which component of the scan.
    symbols
        What is written.
    """

    start: int
    end: int
    part: int
    symbols: list[_Symbol]


class _Edit(NamedTuple):
    """What changes between two restart markers, and where the last block ends."""

    blocks: list[_Block]
    end: int


def _follow(parts: JpegParts, scan: Scan, all_new: list[NewBlocks], *, all_blocks: bool = False) -> list[_Edit]:
    """Return what is written in each restart interval of a scan: what changes, or all."""
    blocks = [all_new[index] for index in scan.components]
    pattern, places = _in_order(parts, scan, blocks)
    each = scan.restart_interval * len(pattern) or len(places)
    if len(scan.intervals) != -(-len(places) // each):
        raise NotSplicedError("expected as many restart intervals as the frame has")
    edits = []
    for number, data in enumerate(scan.intervals):
        here = places[number * each : (number + 1) * each]
        if max(here) < 0 and not all_blocks:
            edits.append(_Edit([], 0))
        else:
            edits.append(_follow_interval(data, scan, pattern, here, blocks, all_blocks=all_blocks))
    return edits


def _in_order(parts: JpegParts, scan: Scan, blocks: list[NewBlocks]) -> tuple[list[int], list[int]]:
    """Return the components of the blocks of an MCU, and the place of each new block of the scan, -1 for others."""
    components = [parts.components[index] for index in scan.components]
    if len(components) == 1:
        only = components[0]
        return [0], blocks[0].places[: only.blocks_down, : only.blocks_across].reshape(-1).tolist()
    pattern: list[int] = []
    columns = []
    for part, (component, new) in enumerate(zip(components, blocks, strict=True)):
        units = new.places.reshape(parts.mcus_down, component.vertical, parts.mcus_across, component.horizontal)
        columns.append(units.transpose(0, 2, 1, 3).reshape(parts.mcus_down * parts.mcus_across, -1))
        pattern += [part] * columns[-1].shape[1]
    return pattern, np.concatenate(columns, axis=1).reshape(-1).tolist()


def _follow_interval(
    data: bytes, scan: Scan, pattern: list[int], places: list[int], blocks: list[NewBlocks], *, all_blocks: bool
) -> _Edit:
    """Follow the bits of all blocks of an interval; a loop over single codes, so written for speed."""
    windows = _windows(data)
    limit = 8 * len(data)
    tables = [(_dc_codes(*dc), _ac_codes(*ac)) for dc, ac in scan.keys]
    before = [0] * len(tables)  # the DC coefficient of the last block of each component
    moved = [0] * len(tables)  # how far it is from what stands there now
    found: list[_Block] = []
    at = 0
    parts = pattern * (len(places) // len(pattern))
    for part, place in zip(parts, places, strict=True):
        dc_codes, ac_codes = tables[part]
        start = at
        entry = dc_codes[(windows[at >> 3] >> (16 - (at & 7))) & 0xFFFF]
        at += entry & 31
        size = entry >> 5
        difference = 0
        if size:
            if size > MAX_DC_BITS:
                raise NotSplicedError("expected codes of the Huffman table, got other bits")
            difference = (windows[at >> 3] >> (32 - size - (at & 7))) & ((1 << size) - 1)
            if not difference >> (size - 1):
                difference -= (1 << size) - 1
            at += size
        dc_end = at
        index = 1
        while index < 64:
            entry = ac_codes[(windows[at >> 3] >> (16 - (at & 7))) & 0xFFFF]
            at += entry & 31
            index += entry >> 5
        if (index != 64 and not _AFTER_END < index < _AFTER_END + 64) or at > limit:
            raise NotSplicedError("expected codes of the Huffman table, got other bits")
        if place >= 0:
            new = blocks[part].coefficients[place]
            symbols = [_dc_symbol(new[0] - before[part] - moved[part]), *_ac_symbols(new)]
            found.append(_Block(start, at, part, symbols))
            before[part] += difference
            moved[part] = new[0] - before[part]
        else:
            before[part] += difference
            if moved[part]:
                found.append(_Block(start, dc_end, part, [_dc_symbol(difference - moved[part])]))
                moved[part] = 0
            elif all_blocks:
                found.append(_Block(start, dc_end, part, [_dc_symbol(difference)]))
            if all_blocks:
                found.append(_Block(dc_end, at, part, _read_symbols(windows, dc_end, at, scan.keys[part][1])))
    return _Edit(found, at)


def _read_symbols(windows: "array[int]", at: int, end: int, key: tuple[bytes, bytes]) -> list[_Symbol]:
    """Return the symbols of the AC coefficients of a block."""
    codes = _ac_symbols_of(*key)
    symbols = []
    while at < end:
        symbol, length = codes[(windows[at >> 3] >> (16 - (at & 7))) & 0xFFFF]
        at += length
        size = symbol & 15
        bits = (windows[at >> 3] >> (32 - size - (at & 7))) & ((1 << size) - 1)
        at += size
        symbols.append(_Symbol(True, symbol, bits, size))
    return symbols


def _windows(data: bytes) -> "array[int]":
    """Return the 32 bits from each byte on."""
    octets = np.frombuffer(data + b"\xff" * 8, np.uint8).astype(np.uint32)
    words = octets[:-3] << 24 | octets[1:-2] << 16 | octets[2:-1] << 8 | octets[3:]
    return array("I", words.tobytes())


@lru_cache(maxsize=32)
def _dc_codes(counts: bytes, symbols: bytes) -> list[int]:
    """Return, for each 16 bits, the length of the code that they begin with and the bits behind it."""
    codes = [_INVALID << 5] * 65536
    for first, end, length, symbol in _spread(counts, symbols):
        codes[first:end] = [symbol << 5 | length] * (end - first)
    return codes


@lru_cache(maxsize=32)
def _ac_codes(counts: bytes, symbols: bytes) -> list[int]:
    """Return, for each 16 bits, the length of code and bits behind it, and how many coefficients they stand for."""
    codes = [_INVALID << 5] * 65536
    for first, end, length, symbol in _spread(counts, symbols):
        run, size = symbol >> 4, symbol & 15
        if size:
            entry = (run + 1) << 5 | (length + size)
        else:
            entry = {_END_OF_BLOCK: _AFTER_END, _SIXTEEN_ZEROS: 16}.get(symbol, _INVALID) << 5 | length
        codes[first:end] = [entry] * (end - first)
    return codes


@lru_cache(maxsize=8)
def _ac_symbols_of(counts: bytes, symbols: bytes) -> list[tuple[int, int]]:
    """Return, for each 16 bits, the symbol whose code they begin with, and its length."""
    codes = [(_END_OF_BLOCK, LONGEST_CODE)] * 65536
    for first, end, length, symbol in _spread(counts, symbols):
        codes[first:end] = [(symbol, length)] * (end - first)
    return codes


def _spread(counts: bytes, symbols: bytes) -> list[tuple[int, int, int, int]]:
    """Return which 16 bits begin with each code: first, end, length of the code, symbol."""
    found = []
    first, at = 0, 0
    for length, count in enumerate(counts, 1):
        width = 1 << (16 - length)
        for symbol in symbols[at : at + count]:
            found.append((first, first + width, length, symbol))
            first += width
        at += count
    return found


def _dc_symbol(difference: int) -> _Symbol:
    size = abs(difference).bit_length()
    return _Symbol(False, size, difference if difference >= 0 else difference + (1 << size) - 1, size)


def _ac_symbols(coefficients: list[int]) -> list[_Symbol]:
    symbols = []
    run = 0
    for value in coefficients[1:]:
        if not value:
            run += 1
            continue
        while run > 15:
            symbols.append(_Symbol(True, _SIXTEEN_ZEROS, 0, 0))
            run -= 16
        size = abs(value).bit_length()
        symbols.append(_Symbol(True, run << 4 | size, value if value > 0 else value + (1 << size) - 1, size))
        run = 0
    if run:
        symbols.append(_Symbol(True, _END_OF_BLOCK, 0, 0))
    return symbols


def _make_room(parts: JpegParts, followed: list[list[_Edit]]) -> set[HuffmanTable]:
    """Give codes to symbols that are written and have none; return the tables whose other codes changed by that."""
    needed: dict[HuffmanTable, set[int]] = {}
    for scan, edits in zip(parts.scans, followed, strict=True):
        for edit in edits:
            for block in edit.blocks:
                for symbol in block.symbols:
                    needed.setdefault(scan.tables[block.part][symbol.is_ac], set()).add(symbol.symbol)
    return {table for table, symbols in needed.items() if not table.add(sorted(symbols.difference(table.symbols)))}


MAX_HELD_BITS = 4096
"""So many new bits are gathered as one number, whose length makes each further one cost more."""

_Codes = dict[int, tuple[int, int]]


def _write(data: bytes, edit: _Edit, codes: list[tuple[_Codes, _Codes]]) -> bytes:
    """Return the bytes of an interval with its new blocks."""
    old = np.unpackbits(np.frombuffer(data, np.uint8))
    pieces: list[NDArray[np.uint8]] = []
    value, length, at = 0, 0, 0
    for block in edit.blocks:
        if block.start > at or length > MAX_HELD_BITS:
            pieces += [_bits(value, length), old[at : block.start]]
            value = length = 0
        for symbol in block.symbols:
            code, code_length = codes[block.part][symbol.is_ac][symbol.symbol]
            value = (value << code_length | code) << symbol.length | symbol.bits
            length += code_length + symbol.length
        at = block.end
    pieces += [_bits(value, length), old[at : edit.end]]
    joined = np.concatenate(pieces)
    # The last byte is filled up with ones (ISO/IEC 10918-1 F.1.2.3).
    return np.packbits(np.pad(joined, (0, -len(joined) % 8), constant_values=1)).tobytes()


def _bits(value: int, length: int) -> NDArray[np.uint8]:
    """Return the bits of a number."""
    spare = -length % 8
    data = (value << spare).to_bytes((length + spare) // 8, "big")
    return np.unpackbits(np.frombuffer(data, np.uint8))[:length]
