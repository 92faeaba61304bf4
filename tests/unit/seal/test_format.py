"""The bytes of a seal: one form, and each damage has its own name."""

from __future__ import annotations

import pytest

from scanward.errors import EvidenceError
from scanward.model.seal import Grade, HeaderLeaf, PixelKind, PixelSeal, Seal
from scanward.seal import format as seal_format
from scanward.seal.faults import SealFault
from scanward.seal.format import encode_seal, parse_seal

SYNTAX_AT = 14 + 1 + 32 + 32 + 8
KIND_AT = SYNTAX_AT + 1 + 19
LAYOUT_AT = KIND_AT + 1
PHOTOMETRIC_AT = LAYOUT_AT + 15
TILES_AT = PHOTOMETRIC_AT + 1 + 11
LEAVES_AT = TILES_AT + 2 * 2 * 32


def make(**changes: object) -> Seal:
    pixels = PixelSeal(
        kind=PixelKind.SAMPLES,
        rows=64,
        columns=100,
        samples_per_pixel=1,
        bits_stored=12,
        is_signed=False,
        photometric="MONOCHROME2",
        frames=2,
        digests=bytes(range(128)),
    )
    leaves = (
        HeaderLeaf(path="00080018", grade=Grade.IMMUTABLE, digest=b"a" * 32),
        HeaderLeaf(path="00081140[0].00081155", grade=Grade.IMMUTABLE, digest=b"b" * 32),
        HeaderLeaf(path='0029"ACME %C3"10', grade=Grade.COERCIBLE, digest=b"c" * 32),
    )
    values = {
        "key": b"k" * 32,
        "pixels": pixels,
        "header": leaves,
        "file_digest": b"f" * 32,
        "file_bytes": 1234,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
    }
    return Seal(**(values | changes))


GOOD = encode_seal(make())


def at(offset: int, new: bytes) -> bytes:
    return GOOD[:offset] + new + GOOD[offset + len(new) :]


BAD = {
    "nothing": (b"", SealFault.NOT_A_SEAL),
    "another format": (b"SCANWARD LEAD\n" + GOOD[14:], SealFault.NOT_A_SEAL),
    "a later version": (at(14, b"\2"), SealFault.VERSION),
    "only its beginning": (GOOD[:15], SealFault.TRUNCATED),
    "without its last byte": (GOOD[:-1], SealFault.TRUNCATED),
    "without its tiles": (GOOD[:TILES_AT], SealFault.TRUNCATED),
    "one byte more": (GOOD + b"\0", SealFault.TRAILING),
    "two in a row": (GOOD + GOOD, SealFault.TRAILING),
    "a syntax that is none": (at(SYNTAX_AT + 1, b"x"), SealFault.TRANSFER_SYNTAX),
    "an unknown kind": (at(KIND_AT, b"\3"), SealFault.PIXEL_KIND),
    "no rows": (at(LAYOUT_AT, bytes(4)), SealFault.LAYOUT),
    "two samples for each pixel": (at(LAYOUT_AT + 8, b"\2"), SealFault.LAYOUT),
    "no bits": (at(LAYOUT_AT + 9, b"\0"), SealFault.LAYOUT),
    "a sign that is none": (at(LAYOUT_AT + 10, b"\2"), SealFault.LAYOUT),
    "no frames": (at(LAYOUT_AT + 11, bytes(4)), SealFault.LAYOUT),
    "samples where it has none": (at(KIND_AT, b"\1"), SealFault.LAYOUT),
    "colours that are none": (at(PHOTOMETRIC_AT + 1, b"m"), SealFault.PHOTOMETRIC),
    "more tiles than there may be": (at(LAYOUT_AT + 11, b"\xff" * 4), SealFault.TILES),
    "more Attributes than there may be": (at(LEAVES_AT, b"\xff" * 4), SealFault.LEAF_COUNT),
    "an unknown grade": (at(LEAVES_AT + 4, b"\2"), SealFault.GRADE),
    "a path that is none": (at(LEAVES_AT + 7, b"g"), SealFault.PATH),
    "a path in small letters": (at(LEAVES_AT + 7, b"0008001a"), SealFault.PATH),
    "Attributes out of order": (at(LEAVES_AT + 7, b"FFFCFFFC"), SealFault.ORDER),
    "a changed digest of a tile": (at(TILES_AT, b"\xff"), SealFault.ROOT),
    "a changed digest of the file": (at(50, b"\xff"), SealFault.ROOT),
    "another key": (at(15, b"K"), SealFault.ROOT),
    "another grade": (at(LEAVES_AT + 4, b"\1"), SealFault.ROOT),
    "another Attribute": (at(LEAVES_AT + 7, b"00080016"), SealFault.ROOT),
    "a changed root": (GOOD[:-1] + b"\0", SealFault.ROOT),
    "other bits": (at(LAYOUT_AT + 9, b"\x10"), SealFault.ROOT),
    "another sign": (at(LAYOUT_AT + 10, b"\1"), SealFault.ROOT),
    "another shape of as many tiles": (
        at(LAYOUT_AT, (100).to_bytes(4, "big") + (64).to_bytes(4, "big")),
        SealFault.ROOT,
    ),
}


def test_a_seal_comes_back_as_it_was():
    assert parse_seal(GOOD) == make()


@pytest.mark.parametrize(
    "pixels",
    [PixelSeal(kind=PixelKind.NONE), PixelSeal(kind=PixelKind.BYTES, digests=b"d" * 32)],
    ids=lambda one: one.kind,
)
def test_a_seal_without_samples_comes_back_as_it_was(pixels):
    seal = make(pixels=pixels, header=(), transfer_syntax_uid="")
    assert parse_seal(encode_seal(seal)) == seal


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_seal_is_refused_by_what_is_wrong(name):
    data, fault = BAD[name]
    with pytest.raises(EvidenceError) as caught:
        parse_seal(data)
    assert caught.value.fault is fault


def test_a_photometric_interpretation_without_samples_is_refused():
    data = encode_seal(make(pixels=PixelSeal(kind=PixelKind.NONE)))
    at_length = LAYOUT_AT + 15
    with pytest.raises(EvidenceError) as caught:
        parse_seal(data[:at_length] + b"\1A" + data[at_length + 1 :])
    assert caught.value.fault is SealFault.PHOTOMETRIC


def test_a_seal_beyond_all_size_is_refused_unread(monkeypatch):
    monkeypatch.setattr(seal_format, "MAX_SEAL_BYTES", len(GOOD) - 1)
    with pytest.raises(EvidenceError) as caught:
        parse_seal(GOOD)
    assert caught.value.fault is SealFault.TOO_LARGE


def test_every_fault_has_a_vector():
    shown = {fault for _, fault in BAD.values()} | {SealFault.TOO_LARGE}
    assert shown == set(SealFault)


def test_each_cut_and_each_flipped_byte_is_refused():
    for end in range(len(GOOD)):
        with pytest.raises(EvidenceError):
            parse_seal(GOOD[:end])
        with pytest.raises(EvidenceError):
            parse_seal(GOOD[:end] + bytes((GOOD[end] ^ 1,)) + GOOD[end + 1 :])


def test_a_seal_tells_no_key_and_no_digest_when_shown():
    shown = repr(make())
    assert "kkkk" not in shown
    assert "ffff" not in shown
    assert "00080018" not in shown
