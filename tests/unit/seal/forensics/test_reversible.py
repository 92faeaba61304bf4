import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.errors import EvidenceError
from scanward.seal.forensics import ForensicsFault
from scanward.seal.forensics.reversible import MOST_PAYLOAD_BYTES, embed, extract


def smooth(seed: int, bits: int, *, signed: bool, side: int = 96, noise: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:side, :side] / side
    low = -(1 << bits - 1) if signed else 0
    values = low + (1 << bits) * (0.3 + 0.2 * np.sin(3 * down + seed % 7) * np.cos(2 * across))
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    return np.clip(values + rng.normal(0, noise, values.shape), low, low + (1 << bits) - 1).astype(kind)


@given(
    seed=st.integers(0, 10**6),
    bits=st.integers(7, 16),
    signed=st.booleans(),
    payload=st.binary(min_size=1, max_size=40),
)
def test_taking_out_gives_payload_and_every_sample_back(seed, bits, signed, payload):
    samples = smooth(seed, bits, signed=signed)
    before = samples.copy()
    carrying = embed(samples, payload, bits)
    assert (samples == before).all()
    assert carrying.dtype == samples.dtype
    assert np.abs(carrying.astype(np.int64) - samples).max() == 1
    found, restored = extract(carrying, bits)
    assert found == payload
    assert (restored == samples).all()


@given(seed=st.integers(0, 10**6), bits=st.integers(8, 16), signed=st.booleans(), bright=st.integers(0, 400))
def test_samples_at_the_ends_of_the_range_are_restored_or_refused(seed, bits, signed, bright):
    samples = smooth(seed, bits, signed=signed)
    rng = np.random.default_rng(seed)
    low = -(1 << bits - 1) if signed else 0
    places = rng.integers(0, samples.size, bright)
    samples.ravel()[places] = np.where(places % 2 == 0, low, low + (1 << bits) - 1)
    samples[:20] = low
    try:
        carrying = embed(samples, b"payload", bits)
    except EvidenceError as error:
        refused = error.fault
    else:
        refused = None
    if refused is not None:
        assert refused is ForensicsFault.CAPACITY
        return
    found, restored = extract(carrying, bits)
    assert found == b"payload"
    assert (restored == samples).all()


@pytest.mark.parametrize("payload", [b"", bytes(MOST_PAYLOAD_BYTES + 1), bytes(MOST_PAYLOAD_BYTES)])
def test_what_has_no_room_is_refused(payload):
    with pytest.raises(EvidenceError) as refused:
        embed(smooth(1, 12, signed=False), payload, 12)
    assert refused.value.fault is ForensicsFault.CAPACITY


def test_noise_has_no_room():
    rng = np.random.default_rng(0)
    with pytest.raises(EvidenceError) as refused:
        embed(rng.integers(0, 4096, (64, 64)).astype(np.uint16), b"a payload that is longer", 12)
    assert refused.value.fault is ForensicsFault.CAPACITY


@pytest.mark.parametrize(
    ("samples", "bits"),
    [
        (np.zeros((9, 9), np.uint16) + 4096, 12),
        (np.zeros((9, 9), np.int16) - 2049, 12),
        (np.zeros((9, 9), np.float32), 8),
        (np.zeros((9, 9, 3), np.uint8), 8),
        (np.zeros((2, 9), np.uint8), 8),
        (np.zeros((9, 9), np.uint8), 9),
        (np.zeros((9, 9), np.uint8), 1),
        (np.zeros((9, 9), np.uint32), 16),
    ],
)
def test_what_is_no_frame_of_that_depth_is_refused(samples, bits):
    for act in (lambda: embed(samples, b"p", bits), lambda: extract(samples, bits)):
        with pytest.raises(EvidenceError) as refused:
            act()
        assert refused.value.fault is ForensicsFault.RANGE


@given(place=st.integers(0, 96 * 96 - 1))
def test_what_carries_nothing_or_was_changed_says_so_or_still_gives_the_payload(place):
    plain = smooth(5, 12, signed=False)
    with pytest.raises(EvidenceError) as refused:
        extract(plain, 12)
    assert refused.value.fault is ForensicsFault.PAYLOAD
    carrying = embed(plain, b"who signs this", 12)
    carrying.ravel()[place] ^= 1
    try:
        found, _ = extract(carrying, 12)
    except EvidenceError as error:
        found = error.fault
    # A change beyond the payload is not seen here: whoever puts it in seals what is restored.
    assert found in {b"who signs this", ForensicsFault.PAYLOAD}
