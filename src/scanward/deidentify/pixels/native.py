"""Native Pixel Data (PS3.5 Section 8.1.1, Annex A): where a frame lies, and its bytes as samples and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanward.errors import HoldError
from scanward.ports.engines import FrameLayout, Samples

Octets = NDArray[np.uint8]

HALVED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
"""Photometric Interpretations in which two pixels share one pair of chrominance samples (PS3.3 C.7.6.3.1.2)."""

ALLOCATED = frozenset({1, 8, 16, 32})
"""Bits Allocated that samples may have here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeFormat:
    """How the samples of a frame lie in bytes.

    Attributes
    ----------
    layout
        The samples.
    little
        Byte order.
    swaps_words
        Whether the bytes of each 16 bit word are swapped: samples of up to 8 bits in OW, big endian (PS3.5 8.2.1).
    """

    layout: FrameLayout
    little: bool
    swaps_words: bool

    @property
    def frame_bits(self) -> int:
        """How many bits a frame takes; frames follow each other without a gap, even those of single bits."""
        layout = self.layout
        pixels = layout.rows * layout.columns
        if layout.photometric in HALVED:
            return pixels * 2 * layout.bits_allocated
        return pixels * layout.samples_per_pixel * layout.bits_allocated

    def span(self, index: int) -> tuple[int, int, int]:
        """Return where a frame lies: first byte, bytes, and how many bits of the first byte are the frame's before."""
        first = index * self.frame_bits
        end = first + self.frame_bits
        step = 16 if self.swaps_words else 8
        start = first // step * (step // 8)
        return start, -(-end // step) * (step // 8) - start, first % step

    def unpack(self, data: bytes, skip_bits: int) -> Samples:
        """Return the samples of a frame.

        Parameters
        ----------
        data
            The bytes of its span.
        skip_bits
            As `span` gives it.
        """
        octets = np.frombuffer(data, np.uint8)
        if self.swaps_words:
            octets = _swap(octets)
        if self.layout.bits_allocated == 1:
            bits = np.unpackbits(octets, bitorder="little")[skip_bits : skip_bits + self.frame_bits]
            return bits.reshape(self._shape())
        flat = octets[skip_bits // 8 :][: self.frame_bits // 8].view(self._dtype())
        flat = flat.astype(flat.dtype.newbyteorder("="))  # a copy that may be written to
        if self.layout.photometric in HALVED:
            return _join_pairs(flat).reshape(self._shape())
        if self.layout.samples_per_pixel > 1 and self.layout.is_planar:
            rows, columns, samples = self._shape()
            return np.ascontiguousarray(flat.reshape(samples, rows, columns).transpose(1, 2, 0))
        return flat.reshape(self._shape())

    def pack(self, samples: Samples, data: bytes, skip_bits: int) -> bytes:
        """Return the bytes of the span of a frame with other samples.

        Parameters
        ----------
        samples
            As `unpack` gives them.
        data
            The bytes as they were: those of the neighbouring frames stay.
        skip_bits
            As `span` gives it.
        """
        octets = np.frombuffer(data, np.uint8)
        if self.swaps_words:
            octets = _swap(octets)
        if self.layout.bits_allocated == 1:
            bits = np.unpackbits(octets, bitorder="little")
            bits[skip_bits : skip_bits + self.frame_bits] = samples.reshape(-1)
            octets = np.packbits(bits, bitorder="little")
        else:
            octets = octets.copy()
            octets[skip_bits // 8 :][: self.frame_bits // 8] = self._flatten(samples).view(np.uint8)
        return (_swap(octets) if self.swaps_words else octets).tobytes()

    def _flatten(self, samples: Samples) -> Samples:
        if self.layout.photometric in HALVED:
            flat = _split_pairs(samples.reshape(-1, 3))
        elif self.layout.samples_per_pixel > 1 and self.layout.is_planar:
            flat = samples.transpose(2, 0, 1).reshape(-1)
        else:
            flat = samples.reshape(-1)
        return np.ascontiguousarray(flat, dtype=self._dtype())

    def _dtype(self) -> np.dtype[np.generic]:
        kind = "i" if self.layout.is_signed else "u"
        return np.dtype(f"{'<' if self.little else '>'}{kind}{self.layout.bits_allocated // 8}")

    def _shape(self) -> tuple[int, ...]:
        layout = self.layout
        if layout.samples_per_pixel == 1:
            return layout.rows, layout.columns
        return layout.rows, layout.columns, layout.samples_per_pixel


def require_native(layout: FrameLayout) -> None:
    """Raise `HoldError` where native samples of a layout are not understood."""
    if layout.photometric in HALVED and (layout.samples_per_pixel != 3 or layout.rows * layout.columns % 2):
        raise HoldError("Pixel Data: expected three samples and an even number of pixels where chrominance is halved")


def _swap(octets: Octets) -> Octets:
    return octets.reshape(-1, 2)[:, ::-1].reshape(-1)


def _join_pairs(flat: Samples) -> Samples:
    """Y1 Y2 Cb Cr for each two pixels, as Y Cb Cr for each."""
    pairs = flat.reshape(-1, 4)
    pixels = np.empty((len(pairs), 2, 3), flat.dtype)
    pixels[:, 0, 0] = pairs[:, 0]
    pixels[:, 1, 0] = pairs[:, 1]
    pixels[:, :, 1:] = pairs[:, None, 2:]
    return pixels


def _split_pairs(pixels: Samples) -> Samples:
    """Y Cb Cr for each pixel, as Y1 Y2 Cb Cr for each two, with the chrominance of the first."""
    halves = pixels.reshape(-1, 2, 3)
    pairs = np.empty((len(halves), 4), pixels.dtype)
    pairs[:, :2] = halves[:, :, 0]
    pairs[:, 2:] = halves[:, 0, 1:]
    return pairs.reshape(-1)
