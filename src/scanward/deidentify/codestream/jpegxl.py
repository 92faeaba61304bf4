"""Metadata boxes of JPEG XL (ISO/IEC 18181-2); a bare codestream has no place for text but frame names."""

from collections.abc import Iterator

from scanward.deidentify.codestream.boxes import walk_boxes
from scanward.deidentify.codestream.span import MetadataSpan
from scanward.deidentify.codestream.stream import FrameStream

MAGIC = b"\xff\x0a"
BOX_MAGIC = b"\x00\x00\x00\x0cJXL \r\n\x87\n"

_NEEDED = frozenset((b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp"))


def find_in_jpegxl(stream: FrameStream) -> Iterator[MetadataSpan]:
    """Find every box that decoding to samples does not need.

    That includes ``jbrd``, from which the JPEG that was recompressed can be made anew: it holds, compressed, that
    file's comments and application segments. The samples do not depend on it.
    """
    yield from walk_boxes(stream, {}, _NEEDED, {})
