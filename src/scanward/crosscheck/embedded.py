"""Opens what is packed inside a file: zlib streams, PDF documents."""

import re
import zlib
from collections.abc import Iterator
from io import BytesIO

from scanward.crosscheck.quiet import quiet

MAX_UNPACKED_BYTES = 1 << 24
"""More than this of one stream is not looked at; a bomb ends here."""
MAX_STREAMS = 4096


def inflated_streams(data: bytes) -> Iterator[bytes]:
    """Yield what zlib and gzip streams anywhere in `data` hold."""
    count = 0
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", data):
        bits = zlib.MAX_WBITS | 16 if match[0][0] == 0x1F else zlib.MAX_WBITS
        try:
            part = zlib.decompressobj(wbits=bits).decompress(data[match.start() :], MAX_UNPACKED_BYTES)
        except zlib.error:
            continue
        if len(part) >= 4:
            count += 1
            yield part
        if count >= MAX_STREAMS:
            return


def pdf_texts(document: bytes) -> tuple[str, ...] | None:
    """Return the text of each page and the document information of a PDF; None when it cannot be read.

    Uses pypdf where it is installed; the streams inside are searched as bytes in any case.
    """
    try:
        from pypdf import PdfReader
    except ImportError:
        return None
    try:
        with quiet():
            reader = PdfReader(BytesIO(document))
            pages = [page.extract_text() for page in reader.pages]
            return (*pages, *(str(value) for value in (reader.metadata or {}).values()))
    except Exception:  # noqa: BLE001  - a broken document is one that can't be read, whatever pypdf raises
        return None
