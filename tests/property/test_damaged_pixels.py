"""Files damaged anywhere: looking at their pixels and rebuilding them raises our errors and no others."""

from __future__ import annotations

import contextlib
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.header.scan import Scanner
from scanward.deidentify.pixels.frames import open_frames
from scanward.deidentify.pixels.rebuild import masks_of, rebuild, reopen
from scanward.deidentify.pixels.samples import has_spare_content
from scanward.deidentify.pixels.view import View
from scanward.dicomstream.opening import open_dicom
from scanward.errors import ScanwardError
from scanward.model.instance import BytesSource
from tests.common import codestreams as cs
from tests.common.pixels import NATIVE_SYNTAXES, box_of, encapsulated_file_of, file_of, make_header


def make_files():
    grey = (np.add.outer(np.arange(24), np.arange(30)) * 5 % 256).astype(np.uint8)
    ds = make_header(rows=24, columns=30, frames=2)
    ds.WindowCenter, ds.WindowWidth, ds.RescaleSlope, ds.RescaleIntercept = "40", "80", "1", "-3"
    files = [file_of(ds, grey.tobytes() * 2, syntax) for syntax in NATIVE_SYNTAXES]
    for uid in (*cs.REVERSIBLE, cs.BASELINE):
        one = cs.make_jpeg(grey) if uid == cs.BASELINE else cs.make_codestream(grey, uid)
        files.append(encapsulated_file_of(ds, [one + b"\0" * (len(one) % 2)] * 2, uid))
    palette = make_header(rows=24, columns=30, frames=2, photometric="PALETTE COLOR")
    for number in (1, 2, 3):
        palette.add_new(0x00281100 + number, "US", [256, 0, 16])
        palette.add_new(0x00281200 + number, "OW", bytes(range(256)) * 2)
    files.append(file_of(palette, grey.tobytes() * 2, NATIVE_SYNTAXES[1]))
    return files


FILES = make_files()


@given(which=st.integers(0, len(FILES) - 1), seed=st.integers(0, 1 << 30), count=st.integers(1, 6), cut=st.booleans())
def test_damage_anywhere(which, seed, count, cut):
    rng = random.Random(seed)
    data = bytearray(FILES[which])
    for _ in range(count):
        # Mostly in the header, whose few bytes decide on all others.
        at = rng.randrange(132, len(data)) if rng.random() < 0.3 else rng.randrange(132, min(len(data), 900))
        data[at] = rng.choice((0, 1, 0xFF, rng.randrange(256)))
    if cut:
        del data[rng.randrange(132, len(data)) :]
    with contextlib.suppress(ScanwardError):
        start = open_dicom(BytesSource(bytes(data)))
        facts = Scanner().scan(start)
        frames = open_frames(start, facts, ImageCodec())
        if frames is None:
            return
        for index in range(min(frames.count, 2)):
            samples = frames.frame(index)
            assert samples.shape[:2] == (frames.layout.rows, frames.layout.columns)
            has_spare_content(samples, frames.layout)
            View(frames).show(samples)
        made = rebuild(frames, masks_of([box_of(3, 4, 9, 8)], frames.layout))
        assert reopen(frames, made).count == frames.count
