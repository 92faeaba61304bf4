"""Palettes (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6), plain or in segments (PS3.3 C.7.9.2)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.pixels.header import Elements
from scanward.errors import DicomFormatError, HoldError
from scanward.ports.engines import Picture

_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
_TABLES = (0x00281201, 0x00281202, 0x00281203)
_SEGMENTED = (0x00281221, 0x00281222, 0x00281223)

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


class Palette(NamedTuple):
    """Colours in a row, and the value that the first stands for."""

    colours: Picture
    first: int


class _Descriptor(NamedTuple):
    size: int
    first: int
    bits: int


def read_palette(header: Elements, *, little: bool, signed: bool) -> Palette:
    """Return the palette of an instance.

    Parameters
    ----------
    header
        Its elements.
    little
        Byte order.
    signed
        Whether the stored values are signed.

    Raises
    ------
    DicomFormatError
        It is not well formed.
    HoldError
        Its three tables are not of one size, or some are in segments and some are not.
    """
    tables, firsts = [], set()
    has_segments = [tag in header for tag in _SEGMENTED]
    if any(has_segments) and not all(has_segments):
        raise HoldError("Palette Color Lookup Table Data: expected all tables in segments or none, got some")
    for descriptor_tag, plain, segmented in zip(_DESCRIPTORS, _TABLES, _SEGMENTED, strict=True):
        descriptor = _read_descriptor(header, descriptor_tag, signed=signed)
        if has_segments[0]:
            entries = _expand(_words(header.raw(segmented), descriptor.bits, little=little), descriptor)
        else:
            entries = _plain_entries(header.raw(plain), descriptor, little=little)
        tables.append(entries)
        firsts.add((len(entries), descriptor.first))
    if len(firsts) != 1:
        raise HoldError("Palette Color Lookup Table Data: expected three tables of the same size")
    return Palette(np.stack(tables, axis=1), firsts.pop()[1])


def _read_descriptor(header: Elements, tag: int, *, signed: bool) -> _Descriptor:
    unsigned = header.integers(tag)
    if len(unsigned) != 3:
        raise DicomFormatError("Palette Color Lookup Table Descriptor: expected three numbers")
    first = header.integers(tag, signed=True)[1] if signed else unsigned[1] & 0xFFFF
    return _Descriptor((unsigned[0] & 0xFFFF) or 65536, first, unsigned[2])


def _plain_entries(raw: bytes, descriptor: _Descriptor, *, little: bool) -> NDArray[np.uint8]:
    count = descriptor.size
    if len(raw) >= 2 * count:
        words = np.frombuffer(raw, "<u2" if little else ">u2", count)
        return _as_octets(words, descriptor.bits)
    if len(raw) < count:
        raise DicomFormatError("Palette Color Lookup Table Data: expected as many entries as its descriptor says")
    return _words(raw, 8, little=little)[:count].astype(np.uint8)


def _as_octets(words: NDArray[np.generic], bits: int) -> NDArray[np.uint8]:
    """Return entries as 8 bits; some writers say 16 of entries that have 8."""
    numbers = words.astype(np.int64)
    return (numbers >> 8 if bits > 8 and int(numbers.max()) > 255 else numbers).astype(np.uint8)


def _words(raw: bytes, bits: int, *, little: bool) -> NDArray[np.generic]:
    """Return the numbers of a table, which has 8 or 16 bits for each."""
    if bits > 8:
        return np.frombuffer(raw[: len(raw) & ~1], "<u2" if little else ">u2")
    octets = np.frombuffer(raw, np.uint8)
    # Two entries in a word, the first in its low byte.
    return octets if little else octets[: len(octets) & ~1].reshape(-1, 2)[:, ::-1].reshape(-1)


def _expand(words: NDArray[np.generic], descriptor: _Descriptor) -> NDArray[np.uint8]:
    """Return the entries that segments make (PS3.3 C.7.9.2)."""
    numbers: list[int] = words.tolist()
    entries: list[int] = []
    at = 0
    while len(entries) < descriptor.size:
        at = _follow(numbers, at, entries, descriptor, is_copied=False)
    if len(entries) != descriptor.size:
        raise DicomFormatError("Palette Color Lookup Table Data: expected as many entries as its descriptor says")
    return _as_octets(np.array(entries, np.int64), descriptor.bits)


def _follow(numbers: list[int], at: int, entries: list[int], descriptor: _Descriptor, *, is_copied: bool) -> int:
    """Add the entries of one segment; return where the next begins."""
    kind, length = _take(numbers, at, 2)
    if not length:
        # Of segments that make nothing a short table could name more than anybody can follow.
        raise DicomFormatError(
            "Palette Color Lookup Table Data: expected segments that make entries, got one that does not"
        )
    at += 2
    if kind == _DISCRETE:
        entries += _take(numbers, at, length)
        at += length
    elif kind == _LINEAR and entries:
        (end,) = _take(numbers, at, 1)
        start = entries[-1]
        entries += [round(start + (end - start) * step / length) for step in range(1, length + 1)]
        at += 1
    elif kind == _INDIRECT and not is_copied:
        # From which byte segments are made once more: 32 bits in as many numbers as they take, the low one first.
        width = 2 if descriptor.bits > 8 else 4
        parts = _take(numbers, at, width)
        copied = sum(part << (16 // (width // 2) * number) for number, part in enumerate(parts))
        copied //= 2 if descriptor.bits > 8 else 1
        for _ in range(length):
            copied = _follow(numbers, copied, entries, descriptor, is_copied=True)
        at += width
    else:
        raise DicomFormatError("Palette Color Lookup Table Data: expected a segment of a known kind, got another")
    if len(entries) > descriptor.size:
        raise DicomFormatError("Palette Color Lookup Table Data: expected as many entries as its descriptor says")
    return at


def _take(numbers: list[int], at: int, count: int) -> list[int]:
    part = numbers[at : at + count]
    if len(part) < count:
        raise DicomFormatError("Palette Color Lookup Table Data: expected a whole segment, got the end")
    return part
