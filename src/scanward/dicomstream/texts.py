"""Reads a few texts of the top level of a data set."""

from collections.abc import Iterable

from scanward.dicomstream.charset import decode_text
from scanward.dicomstream.part10 import DataSetStart
from scanward.model.attribute import Tag

SPECIFIC_CHARACTER_SET = 0x00080005

MAX_TEXT_BYTES = 1024
"""Longer values are not taken: an LO or PN is far shorter (PS3.5 Table 6.2-1)."""


def read_texts(start: DataSetStart, tags: Iterable[Tag]) -> dict[Tag, str]:
    """Return the values of `tags` at the top level as text, empty where missing; stops behind the last of them.

    Raises
    ------
    DicomFormatError
        The data set is not well formed up to there.
    """
    wanted = {SPECIFIC_CHARACTER_SET, *tags}
    last = max(wanted)
    raw: dict[Tag, bytes] = {}
    reader, offset = start.reader, start.offset
    while offset + 8 <= reader.size:
        element = reader.element(offset, start.encoding)
        if element.tag > last:
            break
        if element.tag in wanted and element.length <= MAX_TEXT_BYTES:
            raw[element.tag] = reader.read(element.value, element.length)
        offset = reader.end(element, reader.size)
    charset = raw.pop(SPECIFIC_CHARACTER_SET, b"").strip(b" \0")
    return {tag: decode_text(raw.get(tag, b""), charset).strip(" \0") for tag in wanted - {SPECIFIC_CHARACTER_SET}}
