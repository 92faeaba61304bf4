"""Makes encapsulated Pixel Data and codestreams to plant things in."""

from __future__ import annotations

from scanward.deidentify.codestream.blank import get_replacement
from scanward.deidentify.codestream.metadata import find_metadata
from scanward.deidentify.codestream.span import MetadataSpan, SpanKind

ROOT = "1.2.840.10008.1.2."
JPEG, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, JPEG_XL = (f"{ROOT}4.{last}" for last in (50, 70, 80, 90, 110))
MPEG2, H264, HEVC, RLE = f"{ROOT}4.100", f"{ROOT}4.102", f"{ROOT}4.107", f"{ROOT}5"
SECRET = b"DOE^JANE 1970-01-01 MRN-4711 "


def item(data: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(data).to_bytes(4, "little") + data


def encapsulate(*fragments: bytes, table: bytes = b"") -> bytes:
    return b"".join(map(item, (table, *fragments))) + b"\xfe\xff\xdd\xe0" + bytes(4)


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def find(value: bytes, syntax: str, number_of_frames: int = 1) -> list[MetadataSpan]:
    return list(find_metadata(lambda at, size: value[at : at + size], 0, len(value), syntax, number_of_frames))


def blank(value: bytes, syntax: str, number_of_frames: int = 1) -> bytes:
    """Blank, and check what holds for every result: order, no overlap, and nothing left on a second look."""
    data, behind = bytearray(value), 0
    for span in find(value, syntax, number_of_frames):
        assert span.offset >= behind
        assert span.kind is not SpanKind.UNHANDLED
        behind = span.offset + span.length
        data[span.offset : behind] = get_replacement(span)
    assert len(data) == len(value)
    assert find(bytes(data), syntax, number_of_frames) == []
    return bytes(data)


def blank_frame(frame: bytes, syntax: str, fragment_bytes: int | None = None) -> bytes:
    """Blank one frame, given and returned without Items."""
    size = fragment_bytes or len(frame)
    done = blank(encapsulate(*split(frame, size)), syntax)
    result, at = b"", 8
    while done[at : at + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(done[at + 4 : at + 8], "little")
        result += done[at + 8 : at + 8 + length]
        at += 8 + length
    return result


# --- JPEG --------------------------------------------------------------------------------------------------------------


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


SOF0 = segment(0xC0, b"\x08\x00\x08\x00\x08\x01\x01\x11\x00")
DQT = segment(0xDB, bytes((0, *range(1, 65))))
DHT = segment(0xC4, bytes((0, 0, 1, *[0] * 14)) + b"\x05")
SOS = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
ENTROPY = b"\x12\xff\x00\x34\xff\xd0\x56\xff\x00\x78"
EOI = b"\xff\xd9"


def jpeg(*extra: bytes, scan: bytes = SOS + ENTROPY, end: bytes = EOI) -> bytes:
    return b"\xff\xd8" + b"".join(extra) + DQT + SOF0 + DHT + scan + end


def jpeg_ls(*extra: bytes, end: bytes = EOI) -> bytes:
    frame = segment(0xF7, b"\x08\x00\x08\x00\x08\x01\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + b"\x12\xff\x7f\x34\xff\x00\xff\x60"
    return b"\xff\xd8" + b"".join(extra) + frame + scan + end


def icc_profile(description: bytes, curve: bytes = b"curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33\x00\x00") -> bytes:
    text = b"desc\x00\x00\x00\x00" + description
    text += b"\x00" * (-len(text) % 4)
    start = 128 + 4 + 24
    table = (2).to_bytes(4, "big")
    table += b"desc" + start.to_bytes(4, "big") + len(text).to_bytes(4, "big")
    table += b"rTRC" + (start + len(text)).to_bytes(4, "big") + len(curve).to_bytes(4, "big")
    body = table + text + curve
    head = bytearray(128)
    head[:4] = (128 + len(body)).to_bytes(4, "big")
    head[12:24] = b"mntrRGB XYZ "
    head[24:36] = b"\x07\xd9\x00\x02\x00\x19\x00\x0b\x00\x1a\x00\x0b"
    head[36:40] = b"acsp"
    return bytes(head) + body


# --- JPEG 2000 -----------------------------------------------------------------------------------------------------------


def marker_segment(marker: int, payload: bytes) -> bytes:
    return marker.to_bytes(2, "big") + (len(payload) + 2).to_bytes(2, "big") + payload


SIZ = marker_segment(0xFF51, bytes(36) + b"\x07\x01\x01")
COD = marker_segment(0xFF52, bytes(10))


def tile_part(*extra: bytes, data: bytes = b"\x80\xff\x64\x00\x05ABC\x11", length: int | None = None) -> bytes:
    rest = b"".join(extra) + b"\xff\x93" + data
    size = 12 + len(rest) if length is None else length
    return b"\xff\x90\x00\x0a\x00\x00" + size.to_bytes(4, "big") + b"\x00\x01" + rest


def jpeg_2000(*extra: bytes, tiles: bytes | None = None, end: bytes = EOI) -> bytes:
    return b"\xff\x4f" + SIZ + COD + b"".join(extra) + (tile_part() if tiles is None else tiles) + end


# --- boxes and video -----------------------------------------------------------------------------------------------------


def box(kind: bytes, *content: bytes, wide: bool = False) -> bytes:
    body = b"".join(content)
    if wide:
        return b"\x00\x00\x00\x01" + kind + (16 + len(body)).to_bytes(8, "big") + body
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def sei(*messages: tuple[int, bytes], head: bytes = b"\x06") -> bytes:
    """One unit of supplemental information, with the bytes that keep start codes from appearing."""
    plain = b"".join(bytes((kind,)) + b"\xff" * (len(m) // 255) + bytes((len(m) % 255,)) + m for kind, m in messages)
    escaped, zeros = bytearray(head), 0
    for byte in plain + b"\x80":
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(escaped)


def mp4(
    *samples: bytes,
    extra: bytes = b"",
    gap: bytes = b"",
    first: bytes = b"",
    handler: bytes = b"vide",
    name: bytes = b"",
) -> bytes:
    """A file with one H.264 track, a chunk a sample, `gap` before each; the tables lie behind the samples."""
    ftyp = box(b"ftyp", b"isom\x00\x00\x02\x00isomavc1")
    body, offsets = b"", []
    for sample in samples:
        body += gap
        offsets.append(len(ftyp) + len(first) + 8 + len(body))
        body += sample

    def table(kind: bytes, *rows: tuple[int, ...], head: bytes = b"") -> bytes:
        cells = b"".join(cell.to_bytes(4, "big") for row in rows for cell in row)
        return box(kind, bytes(4), head, len(rows).to_bytes(4, "big"), cells)

    entry = bytes(42) + name[:32].ljust(32, b"\x00") + bytes(4) + box(b"avcC", b"\x01\x64\x00\x0a\xff\xe0\x00") + extra
    stbl = box(
        b"stbl",
        box(b"stsd", bytes(7) + b"\x01", box(b"avc1", entry)),
        table(b"stsc", (1, 1, 1)),
        table(b"stsz", *((len(sample),) for sample in samples), head=bytes(4)),
        table(b"stco", *((offset,) for offset in offsets)),
    )
    minf = box(b"minf", box(b"dinf", box(b"dref", bytes(7) + b"\x01", box(b"url ", b"\x00\x00\x00\x01", name))), stbl)
    mdia = box(b"mdia", box(b"mdhd", bytes(4) + b"\x11" * 20), box(b"hdlr", bytes(8), handler, bytes(12), name), minf)
    trak = box(b"trak", box(b"tkhd", bytes(4) + b"\x22" * 80), mdia)
    moov = box(b"moov", box(b"mvhd", bytes(4) + b"\x33" * 96), trak, extra)
    return ftyp + first + box(b"mdat", body) + moov + extra


def avc_sample(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
