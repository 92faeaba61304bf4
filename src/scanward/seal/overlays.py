"""Overlays in the bits of samples that Bits Stored leaves unused (PS3.3 C.9.2, retired): sealed with their position.

The digests of tiles are of what Bits Stored holds, as lossless coders may drop the rest. Where the header says that an
overlay is in the rest, what it shows is part of what the header says.
"""

from hashlib import sha256
from typing import TYPE_CHECKING

from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import DicomFormatError, HoldError
from scanward.model.attribute import Tag
from scanward.seal.elements import top_elements

if TYPE_CHECKING:
    from scanward.ports.engines import FrameSource

_POSITION, _DATA = 0x0102, 0x3000
_GROUPS = frozenset(range(0x6000, 0x6020, 2))


def embedded_overlays(start: DataSetStart) -> frozenset[Tag]:
    """Return the tags of Overlay Bit Position of those overlays that are in the bits of samples."""
    elements = {element.tag: element for element in top_elements(start) if element.tag >> 16 in _GROUPS}
    return frozenset(
        tag
        for tag, element in elements.items()
        if tag & 0xFFFF == _POSITION
        and (tag & 0xFFFF0000 | _DATA) not in elements
        and 2 <= element.length <= 64
        and any(start.reader.read(element.value, element.length))
    )


def digest_unused_bits(start: DataSetStart, frames: "FrameSource | None") -> dict[Tag, bytes]:
    """Return a digest of the unused bits of all frames for each overlay that is in them; empty where none is.

    Parameters
    ----------
    start
        The instance.
    frames
        Its frames; without them there is no digest.
    """
    tags = embedded_overlays(start)
    if not tags or frames is None:
        return {}
    from scanward.seal.samples import unused_bits

    engine = sha256()
    try:
        for index in range(frames.count):
            engine.update(unused_bits(frames.frame(index), frames.layout))
    except (DicomFormatError, HoldError):
        return {}
    return dict.fromkeys(tags, engine.digest())
