"""Comments and application segments of JPEG (ISO/IEC 10918-1) and JPEG-LS (ISO/IEC 14495-1) codestreams.

What stays is what decoders use: the fixed part of JFIF, Adobe and SPIFF headers, HP's colour transform, the numbers of
an ICC profile. Text hidden among entropy-coded bits behind the last sample cannot be told from samples without
decoding; it counts as pixels.
"""

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from scanward.deidentify.codestream.fragments import Fragment
from scanward.deidentify.codestream.icc import MAX_PROFILE_BYTES, blank_profile
from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream, blank_trailing
from scanward.errors import DicomFormatError, TruncatedError

MAGIC = b"\xff\xd8\xff"

_EOI, _SOS, _DQT, _DNL, _DRI, _DHP, _EXP, _DHT, _DAC = 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xC4, 0xCC
_SOF55, _LSE, _COM, _TEM = 0xF7, 0xF8, 0xFE, 0x01
_APP0, _APP2, _APP8, _APP14, _APP15 = 0xE0, 0xE2, 0xE8, 0xEE, 0xEF
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), _DHP, _SOF55}) - {_DHT, 0xC8, _DAC}
_SEGMENTS = _FRAME_HEADERS | {_SOS, _DQT, _DNL, _DRI, _EXP, _DHT, _DAC, _LSE, _COM, *range(_APP0, _APP15 + 1)}
_STANDALONE = frozenset({_TEM, *range(0xD0, 0xD8)})

# Entropy-coded data ends at a marker: stuffed zeros and restart markers belong to it (10918-1 B.1.1.5). In JPEG-LS
# a 0xFF is followed by a zero bit instead (14495-1 A.1).
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SCAN_END_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")

_ICC = b"ICC_PROFILE\x00"
_ICC_HEADER_BYTES = len(_ICC) + 2
_SPIFF_LAST_TAG = 17  # 10918-3 F.2: entry types that exist; 1 ends the directory
_LSE_PRESET, _LSE_LAST = 1, 4


@dataclass(slots=True)
class _State:
    is_ls: bool = False
    has_spiff: bool = False
    icc: list[tuple[list[Fragment], bytes]] = field(default_factory=list)
    icc_bytes: int = 0


def find_in_jpeg(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Find the metadata of one JPEG or JPEG-LS frame, in the order in which it lies.

    Missing end markers, fill bytes, and bytes between and after segments are what decoders take, and are taken.

    Raises
    ------
    DicomFormatError
        The marker structure cannot be followed; :class:`TruncatedError` if it ends inside a segment.
    """
    if stream.take(2) != MAGIC[:2]:
        raise DicomFormatError("JPEG: expected a start of image, got something else")
    state = _State()
    while True:
        if state.icc and not _is_icc(stream.peek(4 + len(_ICC))):
            yield from _flush_icc(state)
        marker = yield from _find_marker(stream)
        if marker is None:
            return
        if marker == _EOI:
            yield from blank_trailing(stream, MAGIC)
            return
        stream.skip(2)
        if marker in _STANDALONE:
            continue
        if marker not in _SEGMENTS:
            raise DicomFormatError(f"JPEG: expected a known marker, got 0xFF{marker:02X}")
        length = int.from_bytes(stream.take(2), "big") - 2
        if length < 0:
            raise DicomFormatError("JPEG: a segment is shorter than its own length field")
        yield from _find_in_segment(stream, marker, length, state)
        if marker == _SOS:
            stream.search(_SCAN_END_LS if state.is_ls else _SCAN_END, 2)


def _find_marker(stream: FrameStream) -> Generator[MetadataSpan, None, int | None]:
    """Move to the next marker and return its code, None at the end; blank what decoders pass over on the way."""
    while chunk := stream.peek(2):
        if len(chunk) == 2 and chunk[0] == 0xFF and chunk[1] not in (0, 0xFF):
            return chunk[1]
        chunk = stream.peek(4096)
        fill = len(chunk) - len(chunk.lstrip(b"\xff"))
        if fill == len(chunk) or (fill > 1 and chunk[fill]):
            stream.skip(max(fill - 1, 1))
        else:
            stream.skip(fill)  # a stuffed zero behind it makes it no marker
            until = chunk.find(b"\xff", fill)
            yield from stream.blank((len(chunk) if until < 0 else until) - fill, SpanKind.EXTRANEOUS, b"\x00")
    return None


def _find_in_segment(stream: FrameStream, marker: int, length: int, state: _State) -> Iterator[MetadataSpan]:
    if marker == _COM:
        yield from stream.blank(length, SpanKind.COMMENT, b" ")
        return
    data = stream.peek(length)
    if len(data) != length:
        raise TruncatedError("JPEG: a segment is longer than what is there")
    if marker == _APP2 and data.startswith(_ICC):
        state.icc.append((list(stream.runs(length)), data))
        state.icc_bytes += length
        if state.icc_bytes > MAX_PROFILE_BYTES:
            yield from _flush_icc(state)
        return
    if _APP0 <= marker <= _APP15:
        used = _app_bytes(marker, data, state)
        stream.skip(used)
        yield from stream.blank(length - used, SpanKind.APPLICATION, b"\x00")
        return
    if marker == _SOF55:
        state.is_ls = True
    used = length
    if marker in _FRAME_HEADERS:
        used = 6 + 3 * (data[5] if length > 5 else 0)
    elif marker in _TABLE_BYTES:
        used = _TABLE_BYTES[marker](data)
    if used > length:
        raise DicomFormatError(f"JPEG: the segment of marker 0xFF{marker:02X} is shorter than what it holds")
    stream.skip(used)
    yield from stream.blank(length - used, SpanKind.SLACK, b"\x00")


def _app_bytes(marker: int, data: bytes, state: _State) -> int:
    """Tell how many bytes of an application segment decoding needs; the rest can go."""
    if marker == _APP0 and data.startswith(b"JFIF\x00"):
        return min(len(data), 14)
    if marker == _APP14 and data.startswith(b"Adobe"):
        return min(len(data), 12)
    if marker == _APP8:
        if data.startswith(b"mrfx"):
            return min(len(data), 5)
        if data.startswith(b"SPIFF\x00"):
            state.has_spiff = True
            return min(len(data), 30)
        if state.has_spiff and 1 <= int.from_bytes(data[:4], "big") <= _SPIFF_LAST_TAG:
            return 6 if data[:6] == b"\x00\x00\x00\x01\xff\xd8" else 4
    return 0


def _is_icc(head: bytes) -> bool:
    return head[:2] == bytes((0xFF, _APP2)) and head[4:] == _ICC


def _flush_icc(state: _State) -> Iterator[MetadataSpan]:
    """Blank the text of the profile gathered so far, or all of it if it is not whole."""
    chunks = state.icc
    count = min(len(chunks), 0xFF)
    spans = None
    if [data[len(_ICC) : _ICC_HEADER_BYTES] for _, data in chunks] == [bytes((at + 1, count)) for at in range(count)]:
        runs = [run for parts, _ in chunks for run in _without(parts, _ICC_HEADER_BYTES)]
        spans = blank_profile(runs, b"".join(data[_ICC_HEADER_BYTES:] for _, data in chunks))
    if spans is None:
        parts = (run for runs, _ in chunks for run in runs)
        spans = (MetadataSpan(run.offset, run.length, SpanKind.ICC_TEXT, b"\x00") for run in parts)
    state.icc, state.icc_bytes = [], 0
    yield from spans


def _without(runs: list[Fragment], head: int) -> Iterator[Fragment]:
    for offset, size, _ in runs:
        cut = min(head, size)
        head -= cut
        if size > cut:
            yield Fragment(offset + cut, size - cut)


def _dqt_bytes(data: bytes) -> int:
    at = 0
    while at < len(data):
        step = 129 if data[at] >> 4 else 65
        if at and at + step > len(data):
            break
        at += step
    return at


def _dht_bytes(data: bytes) -> int:
    at = 0
    while at < len(data):
        step = 17 + sum(data[at + 1 : at + 17])
        if at and at + step > len(data):
            break
        at += step
    return at


def _lse_bytes(data: bytes) -> int:
    kind = data[0] if data else 0
    if not 1 <= kind <= _LSE_LAST:
        raise DicomFormatError("JPEG-LS: expected preset parameters of type 1 to 4, got another type")
    return 11 if kind == _LSE_PRESET else len(data)


_TABLE_BYTES: dict[int, Callable[[bytes], int]] = {
    _SOS: lambda data: 4 + 2 * data[0] if data else 4,
    _DQT: _dqt_bytes,
    _DHT: _dht_bytes,
    _DNL: lambda _: 2,
    _DRI: lambda data: min(max(len(data), 2), 4),  # JPEG-LS has wider ones
    _EXP: lambda _: 1,
    _LSE: _lse_bytes,
}
