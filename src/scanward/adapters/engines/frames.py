"""Decodes and codes frames with imagecodecs, which brings the usual libraries (implements `ports.engines.FrameCodec`).

What a codestream says of its own shape is compared with the header before a decoder sees it: decoders take memory for
what the codestream says.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from scanward.adapters.engines.frames_jpeg import splice_jpeg
from scanward.adapters.engines.frames_jpeg_parts import NotSplicedError
from scanward.adapters.engines.frames_rle import decode_rle, encode_rle
from scanward.adapters.engines.frames_shape import (
    BASELINE,
    EXTENDED,
    JPEG_LS,
    LOSSLESS,
    PROGRESSIVE,
    CodedShape,
    read_jpeg2000_shape,
    read_jpeg_shape,
    read_jpegxl_shape,
)
from scanward.deidentify.pixels.native import NativeFormat
from scanward.errors import DicomFormatError, UnsupportedSyntaxError
from scanward.ports.engines import CodedFrame, FrameLayout, Samples

_ROOT = "1.2.840.10008.1.2."
ENCAPSULATED_UNCOMPRESSED = f"{_ROOT}1.98"
DEFLATED_FRAME = f"{_ROOT}8.1"
RLE = f"{_ROOT}5"
JPEG_XL_RECOMPRESSION = f"{_ROOT}4.111"
HTJ2K_RPCL = f"{_ROOT}4.202"

_JPEG = frozenset(f"{_ROOT}4.{last}" for last in (50, 51, 53, 55, 57, 70))
_JPEG_LS = frozenset(f"{_ROOT}4.{last}" for last in (80, 81))
_JPEG_2000 = frozenset(f"{_ROOT}4.{last}" for last in (90, 91))
_HTJ2K = frozenset(f"{_ROOT}4.{last}" for last in (201, 202, 203))
_JPEG_XL = frozenset(f"{_ROOT}4.{last}" for last in (110, 111, 112))
_PLAIN = frozenset({ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAME})

DECODED = _JPEG | _JPEG_LS | _JPEG_2000 | _HTJ2K | _JPEG_XL | _PLAIN | {RLE}
"""Transfer Syntaxes that are decoded: all of PS3.5 that code frames by themselves, which video does not."""

_SEQUENTIAL = frozenset({BASELINE, EXTENDED})
_PROCESSES = _SEQUENTIAL | {PROGRESSIVE, LOSSLESS}

MAX_PADDING_BYTES = 64
"""So much may follow the end of a codestream in its fragment."""

MIN_EFFORT = 3
"""Of JPEG XL: more takes many times as long and gains a few percent."""

_SIGNED = 0x80


class _Decoded(NamedTuple):
    """Samples as a decoder gave them, and how many of their bits count."""

    samples: Samples
    precision: int


class ImageCodec:
    """Decodes and codes frames in this process.

    Corrupt codestreams raise; the libraries were tried on a hundred thousand of them without a crash.
    """

    def can_decode(self, transfer_syntax_uid: str) -> bool:
        """Whether frames of a Transfer Syntax can be looked at."""
        return transfer_syntax_uid in DECODED

    def decode(self, data: bytes, transfer_syntax_uid: str, layout: FrameLayout) -> Samples:
        """Return the stored values of one frame; see `ports.engines.FrameCodec`."""
        decode = _decoder_of(transfer_syntax_uid)
        try:
            decoded = decode(data, layout)
        except DicomFormatError:
            raise
        except (RuntimeError, ValueError, TypeError, MemoryError, zlib.error):
            # Each library has its own; their texts may quote what they read.
            raise DicomFormatError("Pixel Data: a frame cannot be decoded: its codestream is damaged") from None
        return _fit(decoded, layout)

    def encode(
        self,
        samples: Samples,
        transfer_syntax_uid: str,
        layout: FrameLayout,
        *,
        original: bytes,
        changed: NDArray[np.bool_],
    ) -> CodedFrame | None:
        """Code one frame again; see `ports.engines.FrameCodec`."""
        coded: CodedFrame | None
        if transfer_syntax_uid in _JPEG:
            coded = _encode_jpeg(samples, transfer_syntax_uid, layout, original, changed)
        elif transfer_syntax_uid == JPEG_XL_RECOMPRESSION:
            coded = _encode_recompressed(samples, layout, original, changed)
        else:
            encode = _encoder_of(transfer_syntax_uid)
            if encode is None:
                return None
            try:
                data, photometric = encode(samples, transfer_syntax_uid, layout, original)
            except (ImportError, RuntimeError):
                # pyjpegls is missing (there is none for the latest Python), or has no room for the header of a frame
                # of a few pixels.
                return None
            coded = CodedFrame(
                data=data, transfer_syntax_uid=transfer_syntax_uid, photometric=photometric, is_lossy=False
            )
        if coded is None or len(coded.data) % 2 == 0:
            return coded
        return replace(coded, data=coded.data + b"\0")


# Decoding


def _decoder_of(uid: str) -> Callable[[bytes, FrameLayout], _Decoded]:
    if uid in _JPEG:
        return _decode_jpeg
    if uid in _JPEG_LS:
        return _decode_jpegls
    if uid in _JPEG_2000 or uid in _HTJ2K:
        return _decode_jpeg2000
    if uid == JPEG_XL_RECOMPRESSION:
        return _decode_recompressed
    if uid in _JPEG_XL:
        return _decode_jpegxl
    if uid == RLE:
        return lambda data, layout: _Decoded(decode_rle(data, layout), layout.bits_allocated)
    if uid == ENCAPSULATED_UNCOMPRESSED:
        return _decode_plain
    if uid == DEFLATED_FRAME:
        return _decode_deflated
    raise UnsupportedSyntaxError("Transfer Syntax UID: expected one whose frames can be decoded, got another")


def _require_shape(shape: CodedShape, layout: FrameLayout) -> None:
    if (shape.rows, shape.columns) != (layout.rows, layout.columns):
        raise DicomFormatError("Pixel Data: expected a frame of Rows and Columns, got another size")
    if shape.samples not in (0, layout.samples_per_pixel):
        raise DicomFormatError("Pixel Data: expected a frame with Samples per Pixel, got another number")
    if shape.precision > max(8, layout.bits_allocated):
        raise DicomFormatError("Pixel Data: expected a frame of at most Bits Allocated, got more")


def _decode_jpeg(data: bytes, layout: FrameLayout) -> _Decoded:
    shape = read_jpeg_shape(data)
    if shape.process not in _PROCESSES:
        raise DicomFormatError("Pixel Data: expected a JPEG process that can be decoded, got another")
    _require_shape(shape, layout)
    _require_end(data)
    space = "GRAYSCALE" if layout.samples_per_pixel == 1 else "RGB"
    # The same space on both sides: nothing is converted, whatever the file says or leaves out.
    return _Decoded(imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace=space), shape.precision)


def _require_end(data: bytes) -> None:
    """Refuse a codestream that stops early: decoders make up what is missing, each in its own way.

    The marker is the same for JPEG, JPEG-LS and JPEG 2000. Without it, CharLS takes seconds to find that out.
    """
    if b"\xff\xd9" not in data[-MAX_PADDING_BYTES:]:
        raise DicomFormatError("Pixel Data: expected a codestream to end with its marker, got the end before")


def _decode_jpegls(data: bytes, layout: FrameLayout) -> _Decoded:
    shape = read_jpeg_shape(data)
    if shape.process != JPEG_LS:
        raise DicomFormatError("Pixel Data: expected a JPEG-LS codestream, got another")
    _require_shape(shape, layout)
    _require_end(data)
    return _Decoded(imagecodecs.jpegls_decode(data), shape.precision)


def _decode_jpeg2000(data: bytes, layout: FrameLayout) -> _Decoded:
    shape = read_jpeg2000_shape(data)
    _require_shape(shape, layout)
    _require_end(data)
    return _Decoded(imagecodecs.jpeg2k_decode(data, numthreads=1, planar=False), shape.precision)


def _decode_jpegxl(data: bytes, layout: FrameLayout) -> _Decoded:
    _require_shape(read_jpegxl_shape(data), layout)
    samples = imagecodecs.jpegxl_decode(data, numthreads=1)
    return _Decoded(samples, 8 * samples.dtype.itemsize)


def _restore_jpeg(data: bytes) -> bytes:
    """Return the JPEG that a JPEG XL codestream was made of."""
    return bytes(imagecodecs.jpegxl_decode_jpeg(data))  # type: ignore[call-arg]  # the stub names one too many


def _decode_recompressed(data: bytes, layout: FrameLayout) -> _Decoded:
    _require_shape(read_jpegxl_shape(data), layout)
    return _decode_jpeg(_restore_jpeg(data), layout)


def _plain_format(layout: FrameLayout) -> NativeFormat:
    return NativeFormat(layout=layout, little=True, swaps_words=False)


def _decode_plain(data: bytes, layout: FrameLayout) -> _Decoded:
    native = _plain_format(layout)
    length = native.span(0)[1]
    if not length <= len(data) <= length + 1:
        raise DicomFormatError(f"Pixel Data: expected a frame of {length} bytes, got {len(data)}")
    return _Decoded(native.unpack(data[:length], 0), max(8, layout.bits_allocated))


def _decode_deflated(data: bytes, layout: FrameLayout) -> _Decoded:
    length = _plain_format(layout).span(0)[1]
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, length + 2)
    return _decode_plain(inflated, layout)


def _fit(decoded: _Decoded, layout: FrameLayout) -> Samples:
    """Return samples as wide as allocated, with the sign that the header gives them."""
    samples = decoded.samples
    shape = (layout.rows, layout.columns, layout.samples_per_pixel)[: 2 if layout.samples_per_pixel == 1 else 3]
    if samples.shape != shape or samples.dtype.kind not in "ui":
        raise DicomFormatError("Pixel Data: a frame came out in another shape than the header says")
    width = max(8, layout.bits_allocated)
    bits = samples.astype(np.dtype(f"i{samples.dtype.itemsize}") if samples.dtype.kind == "i" else samples.dtype)
    wide = bits.astype(np.dtype(f"u{width // 8}"))
    if decoded.precision >= width:
        return wide.view(np.dtype(f"i{width // 8}")) if layout.is_signed else wide
    spare = width - decoded.precision
    wide <<= spare
    if layout.is_signed:
        signed: Samples = wide.view(np.dtype(f"i{width // 8}")) >> spare
        return signed
    wide >>= spare
    return wide


# Coding again

_Encode = Callable[[Samples, str, FrameLayout, bytes], tuple[bytes, str]]


def _encoder_of(uid: str) -> _Encode | None:
    if uid in _JPEG_LS:
        return _encode_jpegls
    if uid in _JPEG_2000:
        return _encode_jpeg2000
    if uid in _HTJ2K:
        return _encode_htj2k
    if uid in _JPEG_XL:
        return _encode_jpegxl
    if uid == RLE:
        return lambda samples, _, layout, _original: (encode_rle(samples, layout), layout.photometric)
    if uid in _PLAIN:
        return _encode_plain
    return None


def _coded_bits(samples: Samples, precision: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the bits of samples that are coded, as unsigned numbers."""
    bits = samples.view(np.dtype(f"u{samples.dtype.itemsize}"))
    bits = bits & np.array((1 << precision) - 1, bits.dtype)
    return np.ascontiguousarray(bits, np.uint8) if precision <= 8 else np.ascontiguousarray(bits, np.uint16)


def _encode_jpeg(
    samples: Samples, uid: str, layout: FrameLayout, original: bytes, changed: NDArray[np.bool_]
) -> CodedFrame | None:
    shape = read_jpeg_shape(original)
    if shape.process in _SEQUENTIAL:
        try:
            data = splice_jpeg(original, samples, changed)
        except NotSplicedError:
            return None
        return CodedFrame(data=data, transfer_syntax_uid=uid, photometric=layout.photometric, is_lossy=True)
    if shape.process != LOSSLESS:
        return None
    colour = "YCBCR" if layout.photometric.startswith("YBR") else "RGB"
    space = "GRAYSCALE" if layout.samples_per_pixel == 1 else colour
    coded = imagecodecs.jpeg8_encode(
        _coded_bits(samples, shape.precision),
        lossless=True,
        predictor=1,
        bitspersample=shape.precision,
        colorspace=space,
        outcolorspace=space,
    )
    photometric = "YBR_FULL" if space == "YCBCR" else layout.photometric
    return CodedFrame(data=bytes(coded), transfer_syntax_uid=uid, photometric=photometric, is_lossy=False)


def _encode_jpegls(samples: Samples, _uid: str, layout: FrameLayout, original: bytes) -> tuple[bytes, str]:
    precision = read_jpeg_shape(original).precision
    bits = _coded_bits(samples, precision)
    if precision == 8 * bits.dtype.itemsize:
        return bytes(imagecodecs.jpegls_encode(bits)), layout.photometric
    # The other library codes all bits of a sample, and cannot be told how many count.
    import jpeg_ls  # type: ignore[import-untyped]

    data = jpeg_ls.encode_buffer(
        bits.tobytes(),
        rows=layout.rows,
        columns=layout.columns,
        samples_per_pixel=layout.samples_per_pixel,
        bits_stored=precision,
        interleave_mode=0 if layout.samples_per_pixel == 1 else 2,
    )
    return bytes(data), layout.photometric


def _coded_numbers(samples: Samples, shape: CodedShape) -> Samples:
    """Return samples as the numbers that a JPEG 2000 codestream holds, signed where that one is."""
    bits = _coded_bits(samples, shape.precision)
    if not shape.is_signed:
        return bits
    spare = 8 * bits.dtype.itemsize - shape.precision
    numbers: Samples = (bits << spare).view(np.dtype(f"i{bits.dtype.itemsize}")) >> spare
    return numbers


def _has_colour_transform(original: bytes) -> bool:
    """Whether a JPEG 2000 codestream transforms its components (ISO/IEC 15444-1 A.6.1)."""
    at = original.find(b"\xff\x52")
    return at >= 0 and original[at + 8 : at + 9] == b"\1"


def _photometric_of(layout: FrameLayout) -> str:
    """Return how a frame is named that was coded with the reversible transform, where it had one."""
    return "YBR_RCT" if layout.photometric == "YBR_ICT" else layout.photometric


def _encode_jpeg2000(samples: Samples, _uid: str, layout: FrameLayout, original: bytes) -> tuple[bytes, str]:
    shape = read_jpeg2000_shape(original)
    transforms = layout.samples_per_pixel == 3 and _has_colour_transform(original)
    data = imagecodecs.jpeg2k_encode(
        _coded_numbers(samples, shape),
        level=0,
        codecformat="J2K",
        reversible=True,
        bitspersample=shape.precision,
        mct=transforms,
        numthreads=1,
    )
    return bytes(data), _photometric_of(layout)


def _encode_htj2k(samples: Samples, uid: str, layout: FrameLayout, original: bytes) -> tuple[bytes, str]:
    shape = read_jpeg2000_shape(original)
    numbers = _coded_numbers(samples, shape)
    transforms = layout.samples_per_pixel == 3 and _has_colour_transform(original)
    spare = 8 * numbers.dtype.itemsize - shape.precision
    if spare and not shape.is_signed:
        # The library takes all bits of a number for its precision, and codes the distance to the middle of that. The
        # same distances are those to the middle of fewer bits, which the header is then made to say.
        numbers = numbers + np.array((1 << (shape.precision + spare - 1)) - (1 << (shape.precision - 1)), numbers.dtype)
    data = bytearray(
        imagecodecs.htj2k_encode(
            numbers,
            reversible=True,
            rgb=transforms,
            planar=False,
            tlm=uid == HTJ2K_RPCL,
        )
    )
    for component in range(layout.samples_per_pixel):
        data[42 + 3 * component] = (_SIGNED if shape.is_signed else 0) | (shape.precision - 1)
    return bytes(data), _photometric_of(layout)


def _encode_jpegxl(samples: Samples, _uid: str, layout: FrameLayout, _original: bytes) -> tuple[bytes, str]:
    bits = samples.view(np.dtype(f"u{samples.dtype.itemsize}"))
    data = imagecodecs.jpegxl_encode(
        np.ascontiguousarray(bits), lossless=True, effort=MIN_EFFORT, numthreads=1, usecontainer=False
    )
    return bytes(data), "RGB" if layout.samples_per_pixel == 3 else layout.photometric


def _encode_recompressed(
    samples: Samples, layout: FrameLayout, original: bytes, changed: NDArray[np.bool_]
) -> CodedFrame | None:
    """Code a JPEG in JPEG XL again, as the JPEG that it was made of with some blocks changed."""
    coded = _encode_jpeg(samples, JPEG_XL_RECOMPRESSION, layout, _restore_jpeg(original), changed)
    if coded is None:
        return None
    data = bytes(imagecodecs.jpegxl_encode_jpeg(coded.data, usecontainer=False, numthreads=1))
    return replace(coded, data=data)


def _encode_plain(samples: Samples, uid: str, layout: FrameLayout, _original: bytes) -> tuple[bytes, str]:
    native = _plain_format(layout)
    data = native.pack(samples, bytes(native.span(0)[1]), 0)
    if uid == DEFLATED_FRAME:
        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = compressor.compress(data) + compressor.flush()
    return data, layout.photometric
