"""Puts a short payload into the samples of a picture so that taking it out gives every sample back, bit for bit.

Shifting of the histogram of prediction errors (Ni and others 2006; Sachnev and others 2009): every second sample, as on
a chessboard, is predicted by its four neighbours, which stay as they are. The most frequent error carries the bits, and
larger errors make room by one. No sample changes by more than one. Nobody's diagnosis should hang on that: it is an
option for copies that have to carry their own proof, off unless asked for.

The payload is not secret and not authenticated here: whoever puts it in signs it, or seals what is restored.
"""

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.errors import EvidenceError
from scanward.seal.forensics import ForensicsFault

MOST_PAYLOAD_BYTES: Final = 4096

_MAGIC: Final = b"SWR1"
_HEAD: Final = struct.Struct(">4sHI")
_MARGIN: Final = 64
"""Part of the range at each end: where neighbours are in it, a sample carries nothing, as it could leave the range."""

_PEAKS: Final = range(-3, 4)
"""Errors that may carry bits; taking out tries them all, so that none has to be told."""

_LEAST_SIDE: Final = 3

Samples = NDArray[np.integer]


def embed(samples: Samples, payload: bytes, bits_stored: int) -> Samples:
    """Return samples that carry a payload.

    Parameters
    ----------
    samples
        (rows, columns), 8 or 16 bits to a sample, signed or not.
    payload
        What they are to carry, 1 to `MOST_PAYLOAD_BYTES` bytes.
    bits_stored
        How many bits of a sample are used: no sample goes beyond.

    Raises
    ------
    EvidenceError
        There is no room for it, or there are samples beyond `bits_stored`.
    """
    low, high = _check(samples, bits_stored)
    if not 1 <= len(payload) <= MOST_PAYLOAD_BYTES:
        raise EvidenceError(
            ForensicsFault.CAPACITY, f"expected a payload of 1 to {MOST_PAYLOAD_BYTES} bytes, got {len(payload)}"
        )
    framed = _HEAD.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload
    bits = np.unpackbits(np.frombuffer(framed, np.uint8)).astype(np.int32)
    values = samples.astype(np.int32)
    places, errors = _errors(values, low, high)
    peak = max(_PEAKS, key=lambda one: (int((errors == one).sum()), -abs(one)))
    carriers = np.flatnonzero(errors == peak)
    if len(carriers) < len(bits):
        raise EvidenceError(
            ForensicsFault.CAPACITY,
            f"expected room for {len(bits)} bits, got {len(carriers)}",
            remedy="Keep the payload beside the picture: this one is too small, too noisy or too dark.",
        )
    last = int(carriers[len(bits) - 1])
    shift = (errors > peak).astype(np.int32)
    shift[carriers[: len(bits)]] = bits
    shift[last + 1 :] = 0
    flat = values.ravel()
    flat[places] += shift
    if int(values.max()) > high:
        raise EvidenceError(
            ForensicsFault.CAPACITY,
            "expected samples that can all grow by one, got one at the end of the range among darker ones",
            remedy="Keep the payload beside the picture.",
        )
    return values.astype(samples.dtype)


def extract(samples: Samples, bits_stored: int) -> tuple[bytes, Samples]:
    """Return the payload that samples carry, and the samples as they were before.

    Raises
    ------
    EvidenceError
        They carry none, or it was damaged: then nothing can be restored.
    """
    low, high = _check(samples, bits_stored)
    values = samples.astype(np.int32)
    places, errors = _errors(values, low, high)
    for peak in _PEAKS:
        carriers = np.flatnonzero((errors == peak) | (errors == peak + 1))
        bits = errors[carriers] > peak
        payload = _read(bits)
        if payload is None:
            continue
        last = int(carriers[(_HEAD.size + len(payload)) * 8 - 1])
        flat = values.ravel()
        flat[places[: last + 1]] -= errors[: last + 1] > peak
        return payload, values.astype(samples.dtype)
    raise EvidenceError(
        ForensicsFault.PAYLOAD,
        "expected samples that carry a payload, got none, or one that was damaged",
        remedy="Ask for the file as it was given: any change of a sample, lossy compression too, destroys it.",
    )


def _read(bits: NDArray[np.bool_]) -> bytes | None:
    head = np.packbits(bits[: _HEAD.size * 8]).tobytes()
    if len(head) < _HEAD.size:
        return None
    magic, length, checksum = _HEAD.unpack(head)
    payload = np.packbits(bits[_HEAD.size * 8 : (_HEAD.size + length) * 8]).tobytes()
    whole = magic == _MAGIC and len(payload) == length and 1 <= length <= MOST_PAYLOAD_BYTES
    return payload if whole and zlib.crc32(payload) == checksum else None


def _errors(values: NDArray[np.int32], low: int, high: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return which samples may carry something, and by how much each differs from what its neighbours say."""
    rows, columns = values.shape
    inner = np.zeros(values.shape, np.bool_)
    inner[1:-1, 1:-1] = True
    down, across = np.ogrid[:rows, :columns]
    inner &= (down + across) % 2 == 0
    predicted = np.zeros_like(values)
    around = (values[:-2, 1:-1], values[1:-1, :-2], values[1:-1, 2:], values[2:, 1:-1])
    predicted[1:-1, 1:-1] = sum(around[1:], around[0]) >> 2
    places = np.flatnonzero(inner)
    errors = (values - predicted).ravel()[places]
    expected = predicted.ravel()[places]
    # By the neighbours alone, which nothing changes, so that taking out leaves the same ones out.
    usable = np.minimum(expected - low, high - expected) > max((high - low) // _MARGIN, 2)
    return places[usable], errors[usable]


def _check(samples: Samples, bits_stored: int) -> tuple[int, int]:
    """Return the lowest and the highest value that a sample may have."""
    kind = samples.dtype
    if samples.ndim != 2 or min(samples.shape) < _LEAST_SIDE or kind.kind not in "iu" or kind.itemsize > 2:
        raise EvidenceError(
            ForensicsFault.RANGE, f"expected one frame of 8 or 16 bits, got shape {samples.shape} of {kind}"
        )
    if not 2 <= bits_stored <= kind.itemsize * 8:
        raise EvidenceError(
            ForensicsFault.RANGE, f"expected Bits Stored from 2 to {kind.itemsize * 8}, got {bits_stored}"
        )
    low = -(1 << bits_stored - 1) if kind.kind == "i" else 0
    high = low + (1 << bits_stored) - 1
    if int(samples.min()) < low or int(samples.max()) > high:
        raise EvidenceError(
            ForensicsFault.RANGE,
            f"expected samples within {bits_stored} bits, got some beyond",
            remedy="Mask samples to Bits Stored before.",
        )
    return low, high
