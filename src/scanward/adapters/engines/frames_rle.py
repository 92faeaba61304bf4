"""RLE frames (PS3.5 Annex G): a segment for each byte of each sample, the highest byte first."""

from itertools import pairwise
from struct import Struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from scanward.errors import DicomFormatError
from scanward.ports.engines import FrameLayout, Samples

HEADER_BYTES = 64
MAX_SEGMENTS = 15
MAX_EXPANSION = 64
"""Two bytes of a run make at most 128."""

MAX_EXCESS_BYTES = 4096
"""So much may follow the samples of a segment, which some writers fill up."""

_HEADER = Struct("<16I")


def decode_rle(data: bytes, layout: FrameLayout) -> Samples:
    """Return the samples of a frame, unsigned.

    Raises
    ------
    DicomFormatError
        The segments are other ones than the samples need, or too short.
    """
    width = max(1, layout.bits_allocated // 8)
    segments = layout.samples_per_pixel * width
    if len(data) < HEADER_BYTES:
        raise DicomFormatError("RLE: expected a header of 64 bytes, got fewer")
    count, *offsets = _HEADER.unpack_from(data)
    if count != segments:
        raise DicomFormatError(f"RLE: expected {segments} segments, got another number")
    bounds = [*offsets[:count], len(data)]
    if bounds[0] < HEADER_BYTES or any(end <= start for start, end in pairwise(bounds)):
        raise DicomFormatError("RLE: expected segments that follow each other")
    pixels = layout.rows * layout.columns
    planes = np.empty((layout.samples_per_pixel, width, pixels), np.uint8)
    for number in range(segments):
        planes[number // width, width - 1 - number % width] = _unpack(data[bounds[number] : bounds[number + 1]], pixels)
    samples = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(f"<u{width}").reshape(-1)
    shape = (layout.rows, layout.columns, layout.samples_per_pixel)[: 2 if layout.samples_per_pixel == 1 else 3]
    return samples.astype(samples.dtype.newbyteorder("=")).reshape(shape)


def _unpack(segment: bytes, length: int) -> NDArray[np.uint8]:
    if len(segment) * MAX_EXPANSION < length:
        raise DicomFormatError("RLE: a segment makes fewer samples than the image has")
    try:
        unpacked = imagecodecs.packbits_decode(segment, out=length + MAX_EXCESS_BYTES)
    except RuntimeError:
        raise DicomFormatError("RLE: expected runs of bytes, got something else") from None
    if len(unpacked) < length:
        raise DicomFormatError("RLE: a segment makes fewer samples than the image has")
    return np.frombuffer(unpacked, np.uint8, length)


def encode_rle(samples: Samples, layout: FrameLayout) -> bytes:
    """Return samples as an RLE frame; rows are coded each by itself (PS3.5 G.3.1)."""
    width = max(1, layout.bits_allocated // 8)
    octets = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).view(np.uint8)
    octets = octets.reshape(layout.rows, layout.columns, layout.samples_per_pixel, width)
    segments = []
    for sample in range(layout.samples_per_pixel):
        for byte in reversed(range(width)):
            plane = np.ascontiguousarray(octets[:, :, sample, byte])
            segment = bytes(imagecodecs.packbits_encode(plane, axis=-1))
            segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = [HEADER_BYTES]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    offsets += [0] * (MAX_SEGMENTS - len(offsets))
    return _HEADER.pack(len(segments), *offsets) + b"".join(segments)
