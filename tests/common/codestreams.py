"""Codestreams of every Transfer Syntax, made by the libraries and not by what is tested."""

from __future__ import annotations

import io
import struct

import imagecodecs
import jpeg_ls
import numpy as np
from PIL import Image
from pydicom.pixels.encoders.base import EncodeRunner
from pydicom.pixels.encoders.native import _encode_frame as pydicom_rle
from pydicom.uid import RLELossless

from scanward.ports.engines import FrameLayout

_ROOT = "1.2.840.10008.1.2."
BASELINE, EXTENDED, LOSSLESS, LOSSLESS_SV1 = (f"{_ROOT}4.{last}" for last in (50, 51, 57, 70))
JPEG_LS, JPEG_LS_NEAR = (f"{_ROOT}4.{last}" for last in (80, 81))
JPEG_2000, JPEG_2000_ANY = (f"{_ROOT}4.{last}" for last in (90, 91))
HTJ2K, HTJ2K_RPCL, HTJ2K_ANY = (f"{_ROOT}4.{last}" for last in (201, 202, 203))
JPEG_XL, JPEG_XL_RECOMPRESSION, JPEG_XL_ANY = (f"{_ROOT}4.{last}" for last in (110, 111, 112))
RLE, PLAIN, DEFLATED_FRAME = f"{_ROOT}5", f"{_ROOT}1.98", f"{_ROOT}8.1"

REVERSIBLE = (
    LOSSLESS, LOSSLESS_SV1, JPEG_LS, JPEG_LS_NEAR, JPEG_2000, JPEG_2000_ANY, HTJ2K, HTJ2K_RPCL, HTJ2K_ANY, JPEG_XL,
    JPEG_XL_ANY, RLE, PLAIN, DEFLATED_FRAME,
)  # fmt: skip
"""Transfer Syntaxes in which a frame can be coded as it is."""


def layout_of(samples, *, stored=None, photometric=None, planar=False):
    allocated = samples.dtype.itemsize * 8
    stored = stored or allocated
    return FrameLayout(
        rows=samples.shape[0], columns=samples.shape[1], samples_per_pixel=1 if samples.ndim == 2 else 3,
        bits_allocated=allocated, bits_stored=stored, high_bit=stored - 1, is_signed=samples.dtype.kind == "i",
        is_planar=planar, photometric=photometric or ("MONOCHROME2" if samples.ndim == 2 else "RGB"),
    )  # fmt: skip


def bits_of(samples, precision):
    bits = samples.view(f"u{samples.dtype.itemsize}") & np.array((1 << precision) - 1, f"u{samples.dtype.itemsize}")
    return np.ascontiguousarray(bits.astype(np.uint8 if precision <= 8 else np.uint16))


def make_codestream(samples, uid, *, stored=None):
    """Return samples as a codestream that keeps them as they are."""
    precision = stored or samples.dtype.itemsize * 8
    bits = bits_of(samples, precision)
    space = "GRAYSCALE" if samples.ndim == 2 else "RGB"
    if uid in (LOSSLESS, LOSSLESS_SV1):
        return bytes(
            imagecodecs.jpeg8_encode(
                bits, lossless=True, predictor=1 if uid == LOSSLESS_SV1 else 6, bitspersample=precision,
                colorspace=space, outcolorspace=space,
            )
        )  # fmt: skip
    if uid in (JPEG_LS, JPEG_LS_NEAR):
        if samples.size < 1024:
            return bytes(imagecodecs.jpegls_encode(bits_of(samples, samples.dtype.itemsize * 8)))
        return bytes(
            jpeg_ls.encode_buffer(
                bits.tobytes(), rows=samples.shape[0], columns=samples.shape[1],
                samples_per_pixel=1 if samples.ndim == 2 else 3, bits_stored=precision,
                interleave_mode=0 if samples.ndim == 2 else 1,
            )
        )  # fmt: skip
    if uid in (JPEG_2000, JPEG_2000_ANY):
        numbers = samples if samples.dtype.kind == "i" and samples.dtype.itemsize * 8 >= precision else bits
        return bytes(
            imagecodecs.jpeg2k_encode(
                np.ascontiguousarray(numbers), level=0, codecformat="J2K", reversible=True, bitspersample=precision
            )
        )
    if uid in (HTJ2K, HTJ2K_RPCL, HTJ2K_ANY):
        return bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(samples), reversible=True, planar=False))
    if uid in (JPEG_XL, JPEG_XL_ANY):
        return bytes(imagecodecs.jpegxl_encode(bits_of(samples, samples.dtype.itemsize * 8), lossless=True, effort=1))
    if uid == RLE:
        return make_rle(samples)
    plain = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    plain += b"\0" * (len(plain) % 2)
    if uid == DEFLATED_FRAME:
        import zlib

        engine = zlib.compressobj(wbits=-15)
        return engine.compress(plain) + engine.flush()
    return plain


def make_rle(samples):
    runner = EncodeRunner(RLELossless)
    runner.set_options(
        rows=samples.shape[0], columns=samples.shape[1], samples_per_pixel=1 if samples.ndim == 2 else 3,
        bits_allocated=8 * samples.dtype.itemsize, bits_stored=8 * samples.dtype.itemsize, number_of_frames=1,
        pixel_representation=0, photometric_interpretation="MONOCHROME2", byteorder="<",
    )  # fmt: skip
    return bytes(pydicom_rle(samples.astype(samples.dtype.newbyteorder("<")).tobytes(), runner))


def make_jpeg(samples, *, quality=80, subsampling="4:2:0", optimize=False, progressive=False, restart_blocks=0):
    """Return an 8 bit lossy JPEG by Pillow; colour samples are taken for Y, Cb and Cr."""
    image = Image.fromarray(samples, "L" if samples.ndim == 2 else "YCbCr")
    stream = io.BytesIO()
    options = {} if samples.ndim == 2 else {"subsampling": subsampling}
    if restart_blocks:
        options["restart_marker_blocks"] = restart_blocks
    image.save(stream, "JPEG", quality=quality, optimize=optimize, progressive=progressive, **options)
    return stream.getvalue()


def make_jpeg_of_scans(planes, quality=80):
    """Return a colour JPEG with one scan for each component, put together of three of grey."""
    greys = [make_jpeg(plane, quality=quality) for plane in planes]

    def segments(data):
        at, found = 2, []
        while True:
            marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
            found.append((marker, data[at : at + 2 + length]))
            at += 2 + length
            if marker == 0xDA:
                return found, data[at:-2]

    first, _ = segments(greys[0])
    rows, columns = planes[0].shape
    frame = struct.pack(">2sHBHHB", b"\xff\xc0", 17, 8, rows, columns, 3)
    frame += b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    parts = [b"\xff\xd8", *(body for marker, body in first if marker in (0xDB, 0xC4)), frame]
    for number, grey in enumerate(greys, 1):
        parts += [struct.pack(">2sHB", b"\xff\xda", 8, 1), bytes((number, 0x00, 0, 63, 0)), segments(grey)[1]]
    return b"".join((*parts, b"\xff\xd9"))
