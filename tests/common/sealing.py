"""Seals of instances, and copies beside them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from pydicom import dcmread
from pydicom.dataset import FileDataset

from scanward.adapters.engines.frames import ImageCodec
from scanward.flow.scans import open_scan
from scanward.model.comparison import Comparison
from scanward.model.instance import BytesSource
from scanward.model.seal import Seal
from scanward.ports.engines import FrameLayout
from scanward.seal.compare import compare
from scanward.seal.make import make_seal
from scanward.seal.scan import Scan

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))


def opened(data: bytes) -> Scan:
    return open_scan(BytesSource(data), None, ImageCodec())


def seal_of(data: bytes, key: bytes = KEY) -> Seal:
    return make_seal(opened(data), BytesSource(data), key)


def compared(seal: Seal, copy: bytes) -> Comparison:
    return compare(seal, opened(copy), BytesSource(copy))


def edited(data: bytes, edit: Callable[[FileDataset], object]) -> bytes:
    """Return a file after an edit by pydicom."""
    ds = dcmread(io.BytesIO(data))
    edit(ds)
    stream = io.BytesIO()
    ds.save_as(stream)
    return stream.getvalue()


class Frames:
    """Frames in memory."""

    def __init__(self, frames: np.ndarray, *, stored: int | None = None, high: int | None = None,
                 photometric: str = "MONOCHROME2", planar: bool = False) -> None:  # fmt: skip
        self.frames = frames
        self.count = len(frames)
        self.decoded_photometric = photometric
        allocated = 8 * frames.dtype.itemsize
        stored = stored or allocated
        self.layout = FrameLayout(
            rows=frames.shape[1], columns=frames.shape[2], samples_per_pixel=1 if frames.ndim == 3 else frames.shape[3],
            bits_allocated=allocated, bits_stored=stored, high_bit=stored - 1 if high is None else high,
            is_signed=frames.dtype.kind == "i", is_planar=planar, photometric=photometric,
        )  # fmt: skip

    def frame(self, index: int) -> np.ndarray:
        return self.frames[index]
