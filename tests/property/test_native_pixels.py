"""Native pixels of every layout: read as pydicom reads them; filled inside of boxes, untouched outside."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from scanward.deidentify.pixels.rebuild import masks_of, rebuild
from tests.common.pixels import NATIVE_SYNTAXES, box_of, file_of, make_header, open_file, raw_frames, replaced


@st.composite
def instances(draw):
    rows, columns, frames = draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["grey", "grey", "grey", "bits", "rgb", "ybr", "pairs", "palette"]))
    allocated = {"bits": 1, "pairs": 8, "palette": draw(st.sampled_from([8, 16]))}.get(
        kind, draw(st.sampled_from([8, 16, 32] if kind == "grey" else [8, 16]))
    )
    if kind == "pairs":
        columns += columns % 2
    samples = 3 if kind in {"rgb", "ybr", "pairs"} else 1
    photometric = {
        "grey": draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"])), "bits": "MONOCHROME2", "rgb": "RGB",
        "ybr": "YBR_FULL", "pairs": "YBR_FULL_422", "palette": "PALETTE COLOR",
    }[kind]  # fmt: skip
    stored = draw(st.integers(max(1, allocated // 2), allocated))
    ds = make_header(
        rows=rows, columns=columns, frames=frames, samples=samples, photometric=photometric, allocated=allocated,
        stored=stored, high=draw(st.integers(stored - 1, allocated - 1)), signed=kind == "grey" and draw(st.booleans()),
        planar=draw(st.sampled_from([0, 1])) if kind in {"rgb", "ybr"} else 0,
    )  # fmt: skip
    per_pixel = 2 if kind == "pairs" else samples
    length = -(-rows * columns * frames * per_pixel * allocated // 8)
    data = np.random.default_rng(draw(st.integers(0, 1 << 32))).bytes(length)
    if draw(st.booleans()):
        data = bytes(length)
    syntax = draw(st.sampled_from(NATIVE_SYNTAXES))
    # Single bits in words of big endian: pydicom does not swap the bytes, which PS3.5 8.2.1 asks for.
    vr = draw(st.sampled_from(["OB", "OW"])) if allocated == 8 else "OB" if allocated == 1 else "OW"
    return file_of(ds, data, syntax, vr=vr)


@st.composite
def boxes(draw):
    first = draw(st.integers(0, 3))
    return box_of(
        draw(st.integers(0, 12)), draw(st.integers(0, 12)), draw(st.integers(0, 6)), draw(st.integers(0, 6)),
        first, first + draw(st.integers(0, 2)),
    )  # fmt: skip


@given(data=instances(), regions=st.lists(boxes(), max_size=3))
def test_only_what_is_in_boxes_changes(data, regions):
    start, _, frames = open_file(data)
    before = raw_frames(dcmread(io.BytesIO(data)))
    for index in range(frames.count):
        assert np.array_equal(frames.frame(index), before[index])
    mask_of = masks_of(regions, frames.layout)
    made = rebuild(frames, mask_of)
    after = raw_frames(replaced(data, made, start))
    assert after.dtype == before.dtype
    halved = frames.layout.photometric == "YBR_FULL_422"
    for index in range(frames.count):
        mask = mask_of(index)
        if mask is None:
            assert np.array_equal(after[index], before[index])
            continue
        if halved:
            mask = np.repeat(mask.reshape(-1, 2).any(axis=1), 2).reshape(mask.shape)
        assert np.array_equal(after[index][~mask], before[index][~mask])
        assert_fits(before[index], after[index], mask, frames.layout)


def assert_fits(before, after, mask, layout):
    """What is filled in is made of what is outside: within its range, and nothing else where it is one value."""
    if mask.all() or not mask.any():
        return
    low = layout.high_bit - layout.bits_stored + 1
    cut = (1 << layout.bits_stored) - 1

    def values(array):
        found = (array.astype(np.int64) >> low) & cut
        return np.where(layout.is_signed & (found > cut >> 1), found - cut - 1, found)

    outside, inside = values(before[~mask]), values(after[mask])
    assert (inside >= outside.min(axis=0)).all()
    assert (inside <= outside.max(axis=0)).all()
    if layout.photometric == "PALETTE COLOR":
        assert set(inside.reshape(-1)) <= set(outside.reshape(-1))
