"""What holds of seals for any image and header: kept as they are, silent for the same, loud for anything else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.errors import EvidenceError
from scanward.model.comparison import FrameFate, Standing
from scanward.seal.digest import pixel_root, seal_pixels
from scanward.seal.format import encode_seal, parse_seal
from scanward.seal.make import seal_root
from tests.common import codestreams
from tests.common.pixels import encapsulated_file_of, file_of, make_header
from tests.common.sealing import KEY, Frames, compared, edited, opened, seal_of

KEYS = st.binary(min_size=32, max_size=32)


@st.composite
def frames(draw):
    """Draw frames of any shape, depth and sign."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 140)), draw(st.integers(1, 140)))
    colours = draw(st.booleans())
    dtype = np.dtype(draw(st.sampled_from(["u1", "u2", "u4"] if colours else ["u1", "i1", "u2", "i2", "u4", "i4"])))
    bits = 8 * dtype.itemsize
    stored = draw(st.integers(max(1, bits // 2), bits))
    data = np.random.default_rng(draw(st.integers(0, 1 << 32))).bytes(int(np.prod(shape)) * dtype.itemsize * 3)
    samples = np.frombuffer(data, dtype)
    count = int(np.prod(shape))
    samples = samples.reshape(*shape, 3) if colours else samples[:count].reshape(shape)
    return Frames(
        samples.copy(), stored=stored, high=draw(st.integers(stored - 1, bits - 1)),
        photometric="RGB" if colours else "MONOCHROME2",
    )  # fmt: skip


@given(frames(), st.sampled_from("<>"), st.booleans())
def test_the_root_depends_on_the_numbers_alone(one, order, is_transposed):
    other = one.frames.astype(one.frames.dtype.newbyteorder(order))
    if is_transposed:
        other = np.asfortranarray(other)
    same = Frames(other, stored=one.layout.bits_stored, high=one.layout.high_bit, photometric=one.decoded_photometric)
    assert pixel_root(seal_pixels(one, KEY)) == pixel_root(seal_pixels(same, KEY))


@given(frames(), st.data())
def test_a_flipped_bit_changes_the_root_if_it_is_stored_and_only_then(one, data):
    layout = one.layout
    root = pixel_root(seal_pixels(one, KEY))
    words = one.frames.view(f"u{one.frames.dtype.itemsize}")
    at = tuple(data.draw(st.integers(0, size - 1)) for size in words.shape)
    bit = data.draw(st.integers(0, layout.bits_allocated - 1))
    words[at] ^= np.array(1 << bit, words.dtype)
    is_stored = layout.high_bit - layout.bits_stored < bit <= layout.high_bit
    assert (pixel_root(seal_pixels(one, KEY)) != root) == is_stored


@st.composite
def files(draw):
    rows, columns, count = draw(st.integers(8, 80)), draw(st.integers(32, 80)), draw(st.integers(1, 4))
    samples = np.random.default_rng(draw(st.integers(0, 1 << 32))).integers(0, 256, (count, rows, columns), np.uint8)
    ds = make_header(rows=rows, columns=columns, frames=count, allocated=8)
    ds.PatientName = draw(st.text("ABC^ é", max_size=20)).strip() or "X"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PixelSpacing = [draw(st.integers(1, 9)) / 8] * 2
    return ds, samples


@given(files(), st.sampled_from([ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]))
def test_any_encoding_of_an_instance_is_unchanged(made, syntax):
    ds, samples = made
    seal = seal_of(file_of(ds, samples.tobytes(), ExplicitVRLittleEndian))
    del ds.PixelData
    assert compared(seal, file_of(ds, samples.tobytes(), syntax)).standing is Standing.UNCHANGED


@given(files(), st.sampled_from([codestreams.RLE, codestreams.JPEG_LS, codestreams.JPEG_2000, codestreams.HTJ2K]))
def test_any_lossless_coding_of_an_instance_is_unchanged(made, syntax):
    ds, samples = made
    seal = seal_of(file_of(ds, samples.tobytes(), ExplicitVRLittleEndian))
    del ds.PixelData
    coded = [codestreams.make_codestream(frame, syntax) for frame in samples]
    assert compared(seal, encapsulated_file_of(ds, coded, syntax)).standing is Standing.UNCHANGED


@given(files(), st.randoms(use_true_random=False))
def test_any_order_of_frames_is_told(made, random):
    ds, samples = made
    seal = seal_of(file_of(ds, samples.tobytes(), ExplicitVRLittleEndian))
    order = list(range(len(samples)))
    random.shuffle(order)
    del ds.PixelData
    found = compared(seal, file_of(ds, samples[order].tobytes(), ExplicitVRLittleEndian))
    moved = {(change.frame, change.sealed) for change in found.frames}
    assert moved == {(at, frame) for at, frame in enumerate(order) if at != frame}
    assert all(change.fate is FrameFate.MOVED for change in found.frames)


@given(files(), KEYS)
def test_a_seal_is_kept_as_it_is(made, key):
    ds, samples = made
    seal = seal_of(file_of(ds, samples.tobytes(), ExplicitVRLittleEndian), key)
    assert parse_seal(encode_seal(seal)) == seal


SEAL = encode_seal(seal_of(file_of(make_header(rows=70, columns=70, allocated=8), bytes(4900), ExplicitVRLittleEndian)))


@given(st.data())
def test_any_damage_of_a_kept_seal_is_refused_by_our_error(data):
    start = data.draw(st.integers(0, len(SEAL)))
    end = data.draw(st.integers(start, min(len(SEAL), start + 40)))
    damaged = SEAL[:start] + data.draw(st.binary(max_size=40)) + SEAL[end:]
    if damaged != SEAL:
        with pytest.raises(EvidenceError):
            parse_seal(damaged)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_our_error(data):
    with pytest.raises(EvidenceError):
        parse_seal(data)


@given(KEYS, KEYS)
def test_roots_of_two_keys_differ(one, two):
    data = file_of(make_header(rows=3, columns=3, allocated=8), bytes(9), ExplicitVRLittleEndian)
    assert (seal_root(seal_of(data, one)) == seal_root(seal_of(data, two))) == (one == two)


TEXTS = ("PatientName", "StudyDescription", "InstitutionName", "ReferringPhysicianName", "StudyID", "SeriesDescription")
NUMBERS = ("PixelSpacing", "ImagePositionPatient", "RescaleSlope", "SliceThickness", "WindowWidth")
COUNTS = {"PixelSpacing": 2, "ImagePositionPatient": 3}


@given(st.sets(st.sampled_from(TEXTS)), st.sets(st.sampled_from(NUMBERS)))
def test_exactly_the_edited_attributes_are_told(texts, numbers):
    ds = make_header(rows=3, columns=3, allocated=8)
    for keyword in TEXTS:
        setattr(ds, keyword, "before")
    for keyword in NUMBERS:
        setattr(ds, keyword, [1] * COUNTS[keyword] if keyword in COUNTS else 1)
    data = file_of(ds, bytes(9), ExplicitVRLittleEndian)

    def edit(copy):
        for keyword in texts:
            setattr(copy, keyword, "after")
        for keyword in numbers:
            setattr(copy, keyword, [2] * COUNTS[keyword] if keyword in COUNTS else 2)

    found = compared(seal_of(data), edited(data, edit))
    copy = dcmread(io.BytesIO(data))
    assert {change.path for change in found.coerced} == {f"{int(copy[keyword].tag):08X}" for keyword in texts}
    assert {change.path for change in found.altered_header} == {f"{int(copy[keyword].tag):08X}" for keyword in numbers}
    expected = Standing.ALTERED if numbers else Standing.HEADER_COERCED if texts else Standing.UNCHANGED
    assert found.standing is expected
    assert opened(data).frames is not None
