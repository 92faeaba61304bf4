"""Whatever the value and the key: pseudonyms hold their promises."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from scanward.deidentify.pseudonym import MAX_OFFSET_DAYS, Pseudonyms

keys = st.binary(min_size=32, max_size=32)
# Values come from decoded bytes; a surrogate of surrogateescape is the odd byte in one.
values = st.text(st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))


@given(keys, st.lists(values, unique=True, max_size=30))
def test_different_values_have_different_pseudonyms_and_equal_ones_the_same(key: bytes, found: list[str]) -> None:
    one, again = Pseudonyms(key), Pseudonyms(key)
    for make in ("uid", "patient"):
        made = [getattr(one, make)(value) for value in found]
        assert len(set(made)) == len(found)
        assert made == [getattr(again, make)(value) for value in found]


@given(keys, values)
def test_pseudonyms_are_valid_where_they_stand(key: bytes, value: str) -> None:
    pseudonyms = Pseudonyms(key)
    uid = pseudonyms.uid(value)
    # PS3.5 Section 9.1 and Annex B.2: 64 characters, components without leading zero.
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]{0,38})", uid)
    assert len(uid) <= 44
    # PS3.5 Table 6.2-1: fits LO and PN, needs no character set, and is a name in any file system.
    assert re.fullmatch(r"SW-[A-Z2-7]{16}", pseudonyms.patient(value))
    assert -MAX_OFFSET_DAYS <= pseudonyms.offset_days(value) <= -1


@given(keys, keys, values)
def test_another_key_gives_others(key: bytes, other: bytes, value: str) -> None:
    one, two = Pseudonyms(key), Pseudonyms(other)
    assert (one.uid(value) == two.uid(value)) == (key == other)
    assert (one.patient(value) == two.patient(value)) == (key == other)


@given(keys, st.lists(values, max_size=20))
def test_what_was_made_is_known_as_made(key: bytes, found: list[str]) -> None:
    pseudonyms = Pseudonyms(key)
    made = [pseudonyms.uid(value).encode() for value in found]
    assert all(pseudonyms.is_made(uid) for uid in made)
