"""What an ICC profile (ICC.1) says in words; its numbers are needed for colour and stay."""

from collections.abc import Iterator, Sequence
from struct import Struct

from scanward.deidentify.codestream.fragments import Fragment
from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream, map_runs

MAX_PROFILE_BYTES = 4 << 20
"""A longer profile is blanked whole instead of being held in memory; real ones stay below 3 MB."""

_HEADER_BYTES = 128
_MAX_TAGS = 256
_entry = Struct(">4sII")
_uint32 = Struct(">I").unpack_from

# Header fields that name a time or a maker: date and time, manufacturer, model, creator, and the MD5 of the whole.
_HEADER_SILENT = ((24, 36), (48, 56), (80, 128))

_NUMERIC_TAGS = frozenset(
    b"rXYZ gXYZ bXYZ wtpt bkpt lumi chad rTRC gTRC bTRC kTRC A2B0 A2B1 A2B2 B2A0 B2A1 B2A2 D2B0 D2B1 D2B2 D2B3 "
    b"B2D0 B2D1 B2D2 B2D3 gamt pre0 pre1 pre2 chrm cicp".split()
)
_NUMERIC_TYPES = frozenset((b"XYZ ", *b"curv para sf32 mft1 mft2 mAB mBA mpet chrm cicp".split(), b"mAB ", b"mBA "))
_TEXT_TYPES = frozenset((b"desc", b"text", b"mluc"))


def find_text_ranges(profile: bytes) -> list[tuple[int, int]] | None:
    """Find what of a profile is not a number that colour conversion needs.

    Returns
    -------
    list of (start, end) or None
        In order, without overlap; None if it is not a well formed profile, of which nothing can be kept.
    """
    if len(profile) < _HEADER_BYTES + 4 or profile[36:40] != b"acsp":
        return None
    count = _uint32(profile, _HEADER_BYTES)[0]
    table_end = _HEADER_BYTES + 4 + count * _entry.size
    if count > _MAX_TAGS or table_end > len(profile):
        return None
    kept = [(0, 24), (36, 48), (56, 80), (_HEADER_BYTES, table_end)]
    for signature, offset, size in _entry.iter_unpack(profile[_HEADER_BYTES + 4 : table_end]):
        if offset < table_end or size < 8 or offset + size > len(profile):
            return None
        kind = profile[offset : offset + 4]
        if signature in _NUMERIC_TAGS and kind in _NUMERIC_TYPES:
            kept.append((offset, offset + size))
        elif kind in _TEXT_TYPES:
            kept.append((offset, offset + 8))  # the type alone: an empty text, so that readers still open the profile
    return _complement(sorted(kept), len(profile))


def _complement(kept: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    gaps, at = [], 0
    for start, end in kept:
        if start > at:
            gaps.append((at, start))
        at = max(at, end)
    if at < length:
        gaps.append((at, length))
    return gaps


def blank_profile(runs: Sequence[Fragment], profile: bytes) -> Iterator[MetadataSpan] | None:
    """Give the spans for a profile that lies at `runs`, or None if it is not well formed."""
    ranges = find_text_ranges(profile)
    if ranges is None:
        return None
    return (
        MetadataSpan(offset, size, SpanKind.ICC_TEXT, b"\x00")
        for start, end in ranges
        for offset, size, _ in map_runs(runs, start, end - start)
    )


def blank_profile_box(stream: FrameStream, length: int) -> Iterator[MetadataSpan]:
    """Pass the next `length` bytes, a whole profile: blank its text, or all of it if it is none or too long."""
    profile = stream.peek(length) if length <= MAX_PROFILE_BYTES else b""
    runs = list(stream.runs(length)) if profile else []
    spans = blank_profile(runs, profile) if profile else None
    if spans is not None:
        yield from spans
    elif profile:
        yield from (MetadataSpan(offset, size, SpanKind.ICC_TEXT, b"\x00") for offset, size, _ in runs)
    else:
        yield from stream.blank(length, SpanKind.ICC_TEXT, b"\x00")
