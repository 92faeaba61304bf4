"""Blind indexes and sealed values."""

import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanward.adapters.keys import KeyFolder, derive
from scanward.adapters.sealing import MasterSealing, OwnedCipher
from scanward.errors import StoreError

KEY = bytes(range(32))
SEALING = MasterSealing(KEY)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)


@given(owner=TEXTS, text=TEXTS)
@example(owner="\ud800", text="a\udcff")
def test_what_is_sealed_opens_for_its_owner(owner, text):
    sealed = SEALING.seal(owner, text)
    assert SEALING.open(owner, sealed) == text
    assert MasterSealing(KEY).open(owner, sealed) == text


@given(owner=TEXTS, other=TEXTS)
def test_a_value_moved_to_another_owner_does_not_open(owner, other):
    if owner == other:
        other += "x"
    sealed = SEALING.seal(owner, "Doe^Jane")
    with pytest.raises(StoreError, match="another owner"):
        SEALING.open(other, sealed)


def test_another_key_does_not_open():
    with pytest.raises(StoreError, match="another owner or key"):
        MasterSealing(bytes(32)).open("study", SEALING.seal("study", "x"))


@pytest.mark.parametrize("text", ["", "Doe^Jane"])
def test_every_flipped_byte_and_every_cut_is_noticed(text):
    sealed = SEALING.seal("study", text)
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 0x80
        for wrong in (bytes(altered), sealed[:index]):
            with pytest.raises(StoreError):
                SEALING.open("study", wrong)
    with pytest.raises(StoreError):
        SEALING.open("study", sealed + b"\0")


def test_the_same_text_is_never_sealed_the_same():
    assert len({SEALING.seal("study", "Doe^Jane") for _ in range(100)}) == 100
    assert b"Doe" not in SEALING.seal("study", "Doe^Jane")


def test_no_error_says_what_was_sealed():
    sealed = SEALING.seal("Roe^Richard", "Doe^Jane")
    with pytest.raises(StoreError) as caught:
        SEALING.open("other", sealed)
    assert "Doe" not in str(caught.value) + caught.value.remedy
    assert "Roe" not in str(caught.value) + caught.value.remedy


@given(kind=TEXTS, value=TEXTS, other_kind=TEXTS, other_value=TEXTS)
@example(kind="a", value="bc", other_kind="ab", other_value="c")
@example(kind="", value="study1", other_kind="study", other_value="1")
def test_indexes_are_the_same_just_for_the_same(kind, value, other_kind, other_value):
    one, other = SEALING.blind(kind, value), SEALING.blind(other_kind, other_value)
    assert (one == other) == ((kind, value) == (other_kind, other_value))
    assert len(one) == 32
    assert set(one) <= set("0123456789abcdef")
    assert MasterSealing(KEY).blind(kind, value) == one
    assert MasterSealing(bytes(32)).blind(kind, value) != one


def test_an_index_stays_what_it_was():
    """Ledgers hold them: a change here would part them from their studies."""
    key = derive(KEY, b"scanward blind index v1")
    expected = hmac.digest(key, b"\0\0\0\5study1.2.3", "sha256").hex()[:32]
    assert SEALING.blind("study", "1.2.3") == expected


def test_the_key_comes_from_the_master_key(tmp_path):
    first, second = (KeyFolder(tmp_path / home).derived_key("sealing") for home in ("a", "b"))
    with pytest.raises(StoreError):
        MasterSealing(second).open("study", MasterSealing(first).seal("study", "x"))


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        OwnedCipher(b"short")


def test_a_fingerprint_tells_content_and_owner_apart():
    sealing = SEALING
    made = sealing.fingerprint("one", [b"content"])
    assert len(made) == 16
    assert made == sealing.fingerprint("one", [b"con", b"", b"tent"])
    others = [
        sealing.fingerprint("two", [b"content"]),
        sealing.fingerprint("one", [b"contenT"]),
        sealing.fingerprint("one", [b"content\0"]),
        MasterSealing(bytes(32)).fingerprint("one", [b"content"]),
    ]
    assert len({made, *others}) == 5
