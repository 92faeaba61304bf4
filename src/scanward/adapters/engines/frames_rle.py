"""RLE frames (PS3.5 Annex G): a segment for each byte of each sample, the highest byte first.

A segment ends with the run that makes its last sample. What follows is not looked at, since it does not leave:
:mod:`scanward.deidentify.codestream.rle` overwrites it in frames that stay, and frames that are coded anew are without.
"""

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
"""Samples of so many bytes behind those of a segment are unpacked before its end is looked for, run by run."""

_LONGEST_RUN = 128
_NO_RUN = 128

_SHORT = "RLE: a segment makes fewer samples than the image has"
_REMEDY = "The instance is damaged: send it again, or have it exported without compression."

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
        raise DicomFormatError(_SHORT, remedy=_REMEDY)
    try:
        unpacked = imagecodecs.packbits_decode(segment, out=length + MAX_EXCESS_BYTES)
    except RuntimeError:
        # What follows the samples is no run: other readers stop before it as well, and it never leaves.
        runs = segment[: _end_of_runs(segment, length)]
        unpacked = imagecodecs.packbits_decode(runs, out=length + _LONGEST_RUN)
    if len(unpacked) < length:
        raise DicomFormatError(_SHORT, remedy=_REMEDY)
    return np.frombuffer(unpacked, np.uint8, length)


def _end_of_runs(segment: bytes, length: int) -> int:
    """Return where the run ends that makes the last of `length` samples."""
    at, made, end = 0, 0, len(segment)
    while made < length and at < end:
        code = segment[at]
        if code < _NO_RUN:
            made += code + 1
            at += code + 2
        else:
            made += 257 - code if code > _NO_RUN else 0
            at += 2 if code > _NO_RUN else 1
    if made < length or at > end:
        raise DicomFormatError(_SHORT, remedy=_REMEDY)
    return at


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
