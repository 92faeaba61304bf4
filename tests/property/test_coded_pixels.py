"""Coded pixels of every layout and syntax: filled inside of boxes, and as they were outside."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.pixels.rebuild import masks_of, rebuild, reopen
from tests.common import codestreams as cs
from tests.common.pixels import box_of, encapsulated_file_of, make_header, open_file, raw_frames, replaced

PYDICOM_READS = {cs.JPEG_LS: "pyjpegls", cs.JPEG_LS_NEAR: "pyjpegls", cs.RLE: "pydicom"}
"""With plugins that do not end the process: python-gdcm aborts on some of these pictures."""


@st.composite
def instances(draw):
    rows, columns, count = draw(st.integers(2, 40)), draw(st.integers(2, 40)), draw(st.integers(1, 4))
    colour = draw(st.booleans())
    dtype = np.dtype(draw(st.sampled_from([np.uint8, np.uint16] if colour else [np.uint8, np.uint16, np.int16])))
    allocated = dtype.itemsize * 8
    stored = draw(st.integers(allocated - 5 if allocated == 16 else 6, allocated))
    uid = draw(st.sampled_from(cs.REVERSIBLE))
    if uid in {cs.HTJ2K, cs.HTJ2K_RPCL, cs.HTJ2K_ANY}:
        stored = allocated
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    spread = draw(st.sampled_from([1, 5, 1 << stored]))
    values = rng.integers(0, spread, (count, rows, columns, 3)[: 4 if colour else 3])
    values = (values + np.arange(columns)[:, None] if colour else values + np.arange(columns)) % (1 << stored)
    if dtype.kind == "i":
        values -= 1 << (stored - 1)
    samples = values.astype(dtype)
    ds = make_header(
        rows=rows, columns=columns, frames=count, samples=3 if colour else 1,
        photometric="RGB" if colour else "MONOCHROME2", allocated=allocated, stored=stored, signed=dtype.kind == "i",
    )  # fmt: skip
    coded = [cs.make_codestream(frame, uid, stored=stored) for frame in samples]
    file = encapsulated_file_of(ds, [one + b"\0" * (len(one) % 2) for one in coded], uid, table=draw(st.booleans()))
    return file, samples, uid


@st.composite
def boxes(draw):
    first = draw(st.integers(0, 3))
    return box_of(
        draw(st.integers(0, 39)), draw(st.integers(0, 39)), draw(st.integers(1, 20)), draw(st.integers(1, 20)),
        first, first + draw(st.integers(0, 3)),
    )  # fmt: skip


@given(instance=instances(), regions=st.lists(boxes(), min_size=1, max_size=3))
def test_only_what_is_in_boxes_changes(instance, regions):
    data, samples, _ = instance
    start, _, frames = open_file(data, ImageCodec())
    mask_of = masks_of(regions, frames.layout)
    made = rebuild(frames, mask_of)
    result = reopen(frames, made)
    assert result.count == len(samples)
    for index, before in enumerate(samples):
        after = result.frame(index)
        mask = mask_of(index)
        outside = np.ones(before.shape[:2], bool) if mask is None else ~mask
        assert np.array_equal(after[outside], before[outside])
        if mask is not None and outside.any():
            inside = after[mask].astype(int)
            assert (inside >= before[outside].min(axis=0)).all()
            assert (inside <= before[outside].max(axis=0)).all()
    if made.transfer_syntax_uid in PYDICOM_READS:
        expected = [result.frame(index) for index in range(result.count)]
        plugin = PYDICOM_READS[made.transfer_syntax_uid]
        assert np.array_equal(raw_frames(replaced(data, made, start), plugin=plugin), expected)
