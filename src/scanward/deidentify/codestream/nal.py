"""Network abstraction layer units of H.264 (ITU-T H.264) and HEVC (ITU-T H.265): what is said beside the pictures.

Supplemental enhancement information (SEI) is never needed to decode samples. Messages that steer timing, buffering or
display are kept; every other message, known or not, becomes a filler payload of the same length.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from scanward.deidentify.codestream.fragments import Fragment
from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream, map_runs
from scanward.errors import DicomFormatError, TruncatedError

MAX_SEI_BYTES = 1 << 18
"""A longer SEI unit is refused; real ones stay below some kilobytes."""

_UNIT_END = re.compile(rb"\x00\x00[\x00\x01]")
_ESCAPE = re.compile(rb"\x00\x00\x03")
_FILLER_PAYLOAD = 3

# buffering period, picture timing, pan-scan, recovery point, frame packing, display orientation, and HEVC's active
# parameter sets, decoding unit, structure of pictures, picture hash, mastering colour volume, light level, transfer.
_KEPT_PAYLOADS = frozenset({0, 1, 2, 6, 45, 47, 129, 130, 128, 132, 137, 144, 147})

# NAL unit types: SEI; and those without a picture whose bytes nobody defines or that only fill.
_SEI_AVC, _SILENT_AVC = frozenset({6}), frozenset({0, 12, *range(24, 32)})
_SEI_HEVC, _SILENT_HEVC = frozenset({39, 40}), frozenset({38, *range(41, 64)})


class NalSyntax:
    """How units of one of the two syntaxes are told apart.

    Parameters
    ----------
    is_hevc
        HEVC if true, else H.264.
    """

    def __init__(self, *, is_hevc: bool) -> None:
        self.header_bytes = 2 if is_hevc else 1
        self._shift, self._mask = (1, 0x3F) if is_hevc else (0, 0x1F)
        self._sei, self._silent = (_SEI_HEVC, _SILENT_HEVC) if is_hevc else (_SEI_AVC, _SILENT_AVC)
        kinds = self._sei | self._silent
        first = bytes(byte for byte in range(256) if byte >> self._shift & self._mask in kinds)
        self.start = re.compile(b"\x00\x00\x01[" + re.escape(first) + b"]")

    def is_sei(self, first: int) -> bool:
        """Tell from its first byte if a unit is supplemental enhancement information."""
        return first >> self._shift & self._mask in self._sei

    def is_silent(self, first: int) -> bool:
        """Tell from its first byte if a unit holds nothing that a decoder uses."""
        return first >> self._shift & self._mask in self._silent


AVC = NalSyntax(is_hevc=False)
HEVC = NalSyntax(is_hevc=True)


def find_in_annex_b(stream: FrameStream, syntax: NalSyntax) -> Iterator[MetadataSpan]:
    """Find the metadata of a byte stream of units with start codes (annex B of both standards).

    Raises
    ------
    DicomFormatError
        An SEI unit is longer than :data:`MAX_SEI_BYTES`.
    """
    while stream.search(syntax.start, 4):
        stream.skip(3)
        first = stream.peek(1)[0]
        if syntax.is_sei(first):
            length = _unit_length(stream)
            yield from find_in_sei(stream, length, syntax)
        else:
            stream.skip(syntax.header_bytes)
            yield from _blank_unit(stream)


def find_in_unit(stream: FrameStream, length: int, syntax: NalSyntax) -> Iterator[MetadataSpan]:
    """Pass one unit of known length and find its metadata."""
    first = stream.peek(1)[0] if length else 0
    if length and syntax.is_sei(first):
        if length > MAX_SEI_BYTES:
            raise DicomFormatError("video: a unit of supplemental information is longer than any real one")
        yield from find_in_sei(stream, length, syntax)
    elif length > syntax.header_bytes and syntax.is_silent(first):
        stream.skip(syntax.header_bytes)
        yield from stream.blank(length - syntax.header_bytes, SpanKind.SEI, b"\xff")
    elif not stream.skip(length):
        raise TruncatedError("video: a unit is longer than what is there")


def find_in_sei(stream: FrameStream, length: int, syntax: NalSyntax) -> Iterator[MetadataSpan]:
    """Pass one SEI unit of `length` bytes and turn the messages in it that are not kept into filler."""
    unit = stream.peek(length)
    if len(unit) != length:
        raise TruncatedError("video: a unit is longer than what is there")
    runs = list(stream.runs(length))
    filled = _fill_sei(unit, syntax.header_bytes)
    for match in re.finditer(rb"\x01+", bytes(map(int.__ne__, unit, filled))):
        yield from _map(runs, match.start(), filled[match.start() : match.end()])


def _map(runs: list[Fragment], start: int, fill: bytes) -> Iterator[MetadataSpan]:
    done = 0
    for offset, size, _ in map_runs(runs, start, len(fill)):
        yield MetadataSpan(offset, size, SpanKind.SEI, fill[done : done + size])
        done += size


def _fill_sei(unit: bytes, header_bytes: int) -> bytes:
    """Write filler over the messages of one unit.

    The bytes that keep start codes from appearing (00 00 03) count not towards a message's size, so they stay with
    the zeros before them: the message keeps its size and no start code can arise.
    """
    escapes = [match.start() for match in _ESCAPE.finditer(unit)]
    plain_escapes = [at + 2 - index for index, at in enumerate(escapes)]
    plain = unit.replace(b"\x00\x00\x03", b"\x00\x00").rstrip(b"\x00")
    filled = bytearray(unit)
    at = header_bytes
    while at < len(plain) - 1 or (at < len(plain) and plain[at] != 0x80):
        kind_at = at
        kind, at = _read_sum(plain, at)
        size, at = _read_sum(plain, at)
        until = min(at + size, len(plain))
        if kind not in _KEPT_PAYLOADS or at + size > len(plain):
            raw = _raw(kind_at, plain_escapes)
            if kind < 0xFF and filled[max(raw - 2, 0) : raw] != b"\x00\x00":
                filled[raw] = _FILLER_PAYLOAD
            start, end = _raw(at, plain_escapes), _raw(until, plain_escapes)
            filled[start:end] = b"\xff" * (end - start)
        at = until
    for at in escapes:
        kept = 4 if unit[at + 3 : at + 4] <= b"\x03" else 3  # what follows an escape has to be 3 at most
        filled[at : at + kept] = unit[at : at + kept]
    return bytes(filled)


def _raw(plain_at: int, plain_escapes: list[int]) -> int:
    return plain_at + bisect_right(plain_escapes, plain_at)


def _read_sum(plain: bytes, at: int) -> tuple[int, int]:
    """Read a number coded as a run of 0xFF and a last byte."""
    total = 0
    while at < len(plain) and plain[at] == 0xFF:
        total += 0xFF
        at += 1
    if at < len(plain):
        total += plain[at]
    return total, at + 1


def _unit_length(stream: FrameStream) -> int:
    unit = stream.peek(MAX_SEI_BYTES + 3)
    end = _UNIT_END.search(unit)
    if end is None and len(unit) > MAX_SEI_BYTES:
        raise DicomFormatError("video: a unit of supplemental information is longer than any real one")
    return end.start() if end else len(unit)


def _blank_unit(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Blank up to the next start code."""
    while chunk := stream.peek(1 << 16):
        end = _UNIT_END.search(chunk)
        if end and not chunk[: end.start()].lstrip(b"\xff").removeprefix(b"\x80"):
            stream.skip(end.start())  # filler data as it should be
            return
        if end:
            yield from stream.blank(end.start(), SpanKind.SEI, b"\xff")
            return
        yield from stream.blank(len(chunk) - 2 if len(chunk) == 1 << 16 else len(chunk), SpanKind.SEI, b"\xff")
