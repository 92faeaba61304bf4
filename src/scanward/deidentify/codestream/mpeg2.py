"""User data of MPEG-2 video elementary streams (ISO/IEC 13818-2 6.2.2.2)."""

import re
from collections.abc import Iterator

from scanward.deidentify.codestream.span import MetadataSpan, SpanKind
from scanward.deidentify.codestream.stream import FrameStream
from scanward.errors import DicomFormatError

_USER_DATA, _SEQUENCE_END, _FIRST_SYSTEM_CODE = 0xB2, 0xB7, 0xB9
_INTERESTING = re.compile(rb"\x00\x00\x01[\xb2\xb7\xb9-\xff]")
_CHUNK_BYTES = 1 << 16


def find_in_mpeg2(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Find user data and what follows the end of a sequence.

    Raises
    ------
    DicomFormatError
        A start code of the systems layer stands inside the stream.
    """
    while stream.search(_INTERESTING, 4):
        code = stream.take(4)[3]
        if code >= _FIRST_SYSTEM_CODE:
            raise DicomFormatError("MPEG-2: expected a video elementary stream, got a system start code")
        kind, fill = (SpanKind.USER_DATA, b" ") if code == _USER_DATA else (SpanKind.TRAILING, b"\x00")
        while chunk := stream.peek(_CHUNK_BYTES):
            end = chunk.find(b"\x00\x00\x01")
            length = end if end >= 0 else len(chunk) - 2 if len(chunk) == _CHUNK_BYTES else len(chunk)
            yield from stream.blank(length, kind, fill)
            if end >= 0:
                break
