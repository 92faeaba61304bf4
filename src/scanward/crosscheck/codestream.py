"""Looks into compressed pixels: what is picture, what is metadata, what lies behind the end."""

import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.encaps import generate_frames

_WORDS = re.compile(rb"(?<!S)(?!SPIFF\0)[A-Za-z0-9]{4}")
"""A writer that must not move bytes overwrites a comment with blanks; SPIFF is a header of JPEG-LS files."""
_JPEG_KEPT = frozenset({0xE0, 0xEE})
"""JFIF and Adobe's colour transform: needed to show the picture, no room for text."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A frame taken apart: the picture, segments that carry metadata (marker included), bytes behind the end."""

    picture: bytes
    metadata: tuple[bytes, ...]
    behind: bytes


def frames(data: bytes, count: int) -> Iterator[bytes]:
    """Yield the frames of an encapsulated value; `count` is Number of Frames."""
    yield from generate_frames(data, number_of_frames=count)


def take_apart(frame: bytes, rle_segment: int = 0) -> Parts:
    """Take a JPEG, JPEG-LS, JPEG 2000 or RLE frame apart; anything else is all picture.

    Parameters
    ----------
    rle_segment
        Bytes that each segment of an RLE frame unpacks to (PS3.5 Annex G); 0 for other encodings.
    """
    if rle_segment:
        return _rle(frame, rle_segment)
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    if frame[4:8] == b"jP  ":
        # A JP2 file: its boxes before the codestream are no picture (ISO/IEC 15444-1 Annex I).
        frame = frame[max(0, frame.find(b"\xff\x4f\xff\x51")) :]
    if frame.startswith(b"\xff\x4f\xff\x51"):
        return _jpeg2000(frame)
    return Parts(frame, (), b"")


def _jpeg(frame: bytes) -> Parts:
    at = 2
    metadata: list[bytes] = []
    kept = [frame[:2]]
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker == 0xDA:
            break
        segment = frame[at : at + 2 + length]
        is_metadata = marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in _JPEG_KEPT)
        (metadata if is_metadata else kept).append(segment)
        at += 2 + length
    # Inside entropy-coded data no 0xFF is followed by 0xD9, so that the end is looked for from the front.
    end = frame.find(b"\xff\xd9", at)
    end = len(frame) if end < 0 else end + 2
    return Parts(b"".join(kept) + frame[at:end], tuple(metadata), frame[end:].strip(b"\0\xff"))


def _rle(frame: bytes, size: int) -> Parts:
    """Find the end of the last segment by unpacking its lengths."""
    count = int.from_bytes(frame[:4], "little")
    if not 1 <= count <= 15:
        return Parts(frame, (), b"")
    at = int.from_bytes(frame[4 * count : 4 * count + 4], "little")
    done, excess = 0, 0
    while done < size and at < len(frame):
        control = frame[at]
        if control < 128:
            done, at = done + control + 1, at + control + 2
            # What a run has more than the image is shown by nobody.
            excess = max(done - size, 0)
        elif control > 128:
            done, at = done + 257 - control, at + 2
        else:
            at += 1
    end = at - excess
    return Parts(frame[:end], (), frame[end:].strip(b"\0"))


def _jpeg2000(frame: bytes) -> Parts:
    at = 2
    metadata: list[bytes] = []
    kept = [frame[:2]]
    while at + 4 <= len(frame) and frame[at] == 0xFF and frame[at + 1] != 0x90:
        length = struct.unpack(">H", frame[at + 2 : at + 4])[0]
        (metadata if frame[at + 1] == 0x64 else kept).append(frame[at : at + 2 + length])
        at += 2 + length
    end = frame.find(b"\xff\xd9", at)
    end = len(frame) if end < 0 else end + 2
    return Parts(b"".join(kept) + frame[at:end], tuple(metadata), frame[end:].strip(b"\0\xff"))


def look_at_frames(data: bytes, count: int, rle_segment: int = 0) -> tuple[str, tuple[str, ...]]:
    """Return a hash of all pictures of an encapsulated value, and what stands beside them, in words."""
    digest = hashlib.sha256()
    beside: set[str] = set()
    for frame in frames(data, count):
        parts = take_apart(frame, rle_segment)
        digest.update(parts.picture.rstrip(b"\0"))
        if any(_WORDS.search(segment[4:]) for segment in parts.metadata):
            beside.add("PixelData, comment or application segment")
        if re.search(rb"[A-Za-z]{4}", parts.behind):
            beside.add("PixelData, behind the end of a frame")
    return digest.hexdigest(), tuple(sorted(beside))
