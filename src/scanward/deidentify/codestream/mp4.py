"""User data, names, times and supplemental information in MP4 files with H.264 or HEVC video (ISO/IEC 14496-12, -15).

The boxes are walked three times, always forward: to find the sample tables, which may lie behind the samples; then, in
step, once for the metadata boxes and for bytes of ``mdat`` that no sample owns, and once for the units in the samples.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import merge
from itertools import islice, repeat
from operator import attrgetter, itemgetter
from struct import Struct
from typing import NamedTuple

from scanward.deidentify.codestream.boxes import Handler, walk_boxes
from scanward.deidentify.codestream.icc import blank_profile_box
from scanward.deidentify.codestream.nal import AVC, HEVC, NalSyntax, find_in_unit
from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import DicomFormatError

FIRST_BOXES = frozenset((b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"pdin", b"pnot"))
"""What an MP4 or QuickTime file may begin with."""

_VISUAL_ENTRY_BYTES, _AUDIO_ENTRY_BYTES = 78, 28
_VISUAL_ENTRIES = (b"avc1", b"avc3", b"hvc1", b"hev1")
_CONTAINERS = {
    **dict.fromkeys((b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl"), 0),
    **dict.fromkeys((b"stsd", b"dref"), 8),
    b"mp4a": _AUDIO_ENTRY_BYTES,
}
_NEEDED = frozenset(
    b"ftyp styp elst vmhd smhd nmhd stts ctts cslg stss stsh stsc stsz stco co64 sdtp sbgp sgpd padb stdp subs "
    b"iods avcC btrt pasp clap fiel esds chan ac-3 ec-3 lpcm sowt twos ipcm .mp3".split()
)
_MAX_TRACKS = 64
_ENTRIES_AT_ONCE = 4096
_uint32 = Struct(">I")
_uint64 = Struct(">Q")
_chunk_run = Struct(">III")
_array_head = Struct(">BH")


class _Table(NamedTuple):
    position: int
    length: int  # in entries
    layout: Struct


@dataclass(slots=True)
class _Track:
    handler: bytes = b""
    syntax: NalSyntax | None = None
    length_bytes: int = 0
    sample_bytes: int = 0  # size of every sample, 0 if the table gives them one by one
    tables: dict[bytes, _Table] = field(default_factory=dict)


Open = Callable[[], FrameStream]
"""Gives a new stream over the whole file."""


def find_in_mp4(open_stream: Open) -> Iterator[MetadataSpan]:
    """Find the metadata of an MP4 file.

    Raises
    ------
    DicomFormatError
        The structure cannot be followed, or holds what is not looked into: movie fragments, tracks other than video
        and sound, other codecs, chunks out of order.
    """
    tracks = _find_tracks(open_stream())
    gaps = merge(*(_iter_extents(open_stream, track) for track in tracks))
    units = [_find_in_samples(open_stream, track) for track in tracks if track.handler == b"vide"]
    yield from merge(_find_in_boxes(open_stream(), gaps), *units, key=attrgetter("offset"))


# --- first walk: the sample tables -----------------------------------------------------------------------------------


def _find_tracks(stream: FrameStream) -> list[_Track]:
    tracks: list[_Track] = []

    def begin(_inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
        tracks.append(_Track())
        if len(tracks) > _MAX_TRACKS:
            raise DicomFormatError("MP4: more tracks than any real file has")
        return iter(())

    def read_handler(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
        track, kind = _last(tracks), inner.take(12)[8:]
        track.handler = track.handler or kind  # QuickTime has a second one, for where the data lies
        return iter(())

    def read_entry(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
        inner.take(_VISUAL_ENTRY_BYTES)
        readers = {kind: partial(_read_codec, _last(tracks), kind) for kind in (b"avcC", b"hvcC")}
        return walk_boxes(inner, {}, frozenset(), readers)

    def read_table(kind: bytes, inner: FrameStream, length: int, position: int) -> Iterator[MetadataSpan]:
        _read_table(_last(tracks), kind, inner, length, position)
        return iter(())

    handlers: dict[bytes, Handler] = {kind: partial(read_table, kind) for kind in (b"stsc", b"stsz", b"stco", b"co64")}
    handlers |= dict.fromkeys(_VISUAL_ENTRIES, read_entry) | dict.fromkeys((b"moof", b"mvex", b"stz2"), _refuse)
    for _ in walk_boxes(stream, _CONTAINERS, _NEEDED, {**handlers, b"tkhd": begin, b"hdlr": read_handler}):
        pass
    for track in tracks:
        _check_track(track)
    return tracks


def _refuse(_inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    raise DicomFormatError("MP4: expected whole sample tables, got movie fragments or compact sizes")


def _last(tracks: list[_Track]) -> _Track:
    if not tracks:
        raise DicomFormatError("MP4: expected a track header before a track's tables, got none")
    return tracks[-1]


def _read_codec(track: _Track, kind: bytes, inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    if track.syntax is not None:
        raise DicomFormatError("MP4: expected one codec configuration a track, got more")
    is_hevc = kind == b"hvcC"
    track.syntax = HEVC if is_hevc else AVC
    track.length_bytes = (inner.take(22)[21] if is_hevc else inner.take(5)[4]) % 4 + 1
    return iter(())


def _read_table(track: _Track, kind: bytes, inner: FrameStream, length: int, position: int) -> None:
    name = b"stco" if kind == b"co64" else kind
    if name in track.tables:
        raise DicomFormatError("MP4: expected one sample table of a kind, got more")
    inner.take(4)
    head = 8
    if kind == b"stsz":
        (track.sample_bytes,) = _uint32.unpack(inner.take(4))
        head = 12
    (count,) = _uint32.unpack(inner.take(4))
    layout = {b"stsc": _chunk_run, b"co64": _uint64}.get(kind, _uint32)
    if not (kind == b"stsz" and track.sample_bytes) and head + count * layout.size > length:
        raise DicomFormatError("MP4: a sample table is longer than its box")
    track.tables[name] = _Table(position + head, count, layout)


def _check_track(track: _Track) -> None:
    if track.handler not in (b"vide", b"soun"):
        raise DicomFormatError("MP4: expected video and sound tracks only, got another kind")
    if track.handler == b"vide" and track.syntax is None:
        raise DicomFormatError("MP4: expected H.264 or HEVC video, got another codec")
    if len(track.tables) != 3:
        raise DicomFormatError("MP4: a track lacks a sample table")


def _iter_entries(open_stream: Open, table: _Table) -> Iterator[tuple[int, ...]]:
    stream = open_stream()
    stream.skip(table.position)
    for at in range(0, table.length, _ENTRIES_AT_ONCE):
        yield from table.layout.iter_unpack(stream.take(min(_ENTRIES_AT_ONCE, table.length - at) * table.layout.size))


def _iter_sizes(open_stream: Open, track: _Track) -> Iterator[int]:
    table = track.tables[b"stsz"]
    if track.sample_bytes:
        return repeat(track.sample_bytes, table.length)
    return map(itemgetter(0), _iter_entries(open_stream, table))


def _iter_chunks(open_stream: Open, track: _Track) -> Iterator[tuple[int, int]]:
    """Give offset and number of samples of each chunk."""
    runs = _iter_entries(open_stream, track.tables[b"stsc"])
    run: tuple[int, ...] = (0, 0, 0)
    following = next(runs, None)
    for number, (offset, *_) in enumerate(_iter_entries(open_stream, track.tables[b"stco"]), 1):
        if following is not None and number >= following[0]:
            run, following = following, next(runs, None)
        yield offset, run[1]


def _iter_extents(open_stream: Open, track: _Track) -> Iterator[tuple[int, int]]:
    """Give start and end of each chunk, in order."""
    sizes, behind = _iter_sizes(open_stream, track), 0
    left = track.tables[b"stsz"].length
    for offset, count in _iter_chunks(open_stream, track):
        left -= count
        if offset < behind or left < 0:
            raise DicomFormatError("MP4: expected chunks in order that hold all samples, got others")
        behind = offset + (count * track.sample_bytes if track.sample_bytes else sum(islice(sizes, count)))
        yield offset, behind
    if left:
        raise DicomFormatError("MP4: expected chunks in order that hold all samples, got others")


# --- second walk: boxes and units ------------------------------------------------------------------------------------


def _find_in_boxes(stream: FrameStream, extents: Iterator[tuple[int, int]]) -> Iterator[MetadataSpan]:
    pending = list(islice(extents, 1))

    def find_gaps(inner: FrameStream, length: int, position: int) -> Iterator[MetadataSpan]:
        at, end = position, position + length
        while pending and pending[0][0] < end:
            first, last = pending.pop()
            pending.extend(islice(extents, 1))
            if first < at or last > end:
                raise DicomFormatError("MP4: a chunk of samples reaches over its box or over another chunk")
            yield from inner.blank(first - at, SpanKind.SLACK, b"\x00")
            inner.skip(last - first)
            at = last
        yield from inner.blank(None, SpanKind.SLACK, b"\x00")

    handlers: dict[bytes, Handler] = {b"mdat": find_gaps, b"hdlr": _find_in_handler}
    handlers |= dict.fromkeys((b"mvhd", b"tkhd", b"mdhd"), _find_in_times)
    handlers |= dict.fromkeys((b"url ", b"urn "), _find_in_location)
    handlers |= dict.fromkeys(_VISUAL_ENTRIES, _find_in_entry)
    yield from walk_boxes(stream, _CONTAINERS, _NEEDED, handlers)
    if pending:
        raise DicomFormatError("MP4: a chunk of samples lies outside of the media data")


def _find_in_times(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    is_wide = inner.take(4)[0] == 1
    yield from inner.blank(16 if is_wide else 8, SpanKind.TIME, b"\x00")


def _find_in_handler(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    inner.take(12)
    yield from inner.blank(None, SpanKind.NAME, b"\x00")  # reserved fields and the name


def _find_in_location(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    inner.take(4)
    yield from inner.blank(None, SpanKind.NAME, b"\x00")


def _find_in_entry(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    inner.take(42)
    yield from inner.blank(32, SpanKind.NAME, b"\x00")
    inner.take(4)
    yield from walk_boxes(inner, {}, _NEEDED, {b"colr": _find_in_colour, b"hvcC": _find_in_hevc_setup})


def _find_in_colour(inner: FrameStream, length: int, _position: int) -> Iterator[MetadataSpan]:
    if inner.take(4) in (b"nclx", b"nclc"):
        inner.skip(min(length - 4, 7))
        yield from inner.blank(None, SpanKind.SLACK, b"\x00")
    else:
        yield from blank_profile_box(inner, length - 4)


def _find_in_hevc_setup(inner: FrameStream, _length: int, _position: int) -> Iterator[MetadataSpan]:
    for _ in range(inner.take(23)[22]):
        _, count = _array_head.unpack(inner.take(3))
        for _ in range(count):
            yield from find_in_unit(inner, int.from_bytes(inner.take(2), "big"), HEVC)
    yield from inner.blank(None, SpanKind.SLACK, b"\x00")


def _find_in_samples(open_stream: Open, track: _Track) -> Iterator[MetadataSpan]:
    if track.syntax is None:
        return
    stream, sizes = open_stream(), _iter_sizes(open_stream, track)
    for offset, count in _iter_chunks(open_stream, track):
        if offset < stream.position or not stream.skip(offset - stream.position):
            raise DicomFormatError("MP4: expected chunks in order and within the file, got others")
        for left in islice(sizes, count):
            end = stream.position + left
            while stream.position < end:
                size = int.from_bytes(stream.take(track.length_bytes), "big")
                if stream.position + size > end:
                    raise DicomFormatError("MP4: a unit is longer than its sample")
                yield from find_in_unit(stream, size, track.syntax)
