"""Pseudonyms."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from scanward.deidentify.pseudonym import IMPLEMENTATION_CLASS_UID, MAX_OFFSET_DAYS, UID_PATTERN, Pseudonyms
from scanward.standard.uids import is_registered

KEY = bytes(range(32))


def test_a_uid_is_what_the_design_says() -> None:
    digest = hmac.new(KEY, b"uid|1.2.3", hashlib.sha256).digest()
    assert Pseudonyms(KEY).uid("1.2.3") == f"2.25.{int.from_bytes(digest[:16], 'big')}"


def test_another_recipient_gets_other_pseudonyms() -> None:
    one, other = Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    assert one.uid("1.2.3") != other.uid("1.2.3")
    assert one.patient("P1") != other.patient("P1")
    assert [one.offset_days(f"P{number}") for number in range(9)] != [
        other.offset_days(f"P{number}") for number in range(9)
    ]


def test_what_was_made_is_known_and_nothing_else() -> None:
    pseudonyms = Pseudonyms(KEY)
    made = pseudonyms.uid("1.2.3").encode()
    assert pseudonyms.is_made(made)
    assert pseudonyms.is_made(IMPLEMENTATION_CLASS_UID.encode())
    assert not pseudonyms.is_made(b"1.2.3")
    assert not Pseudonyms(KEY).is_made(made)


def test_a_patient_and_a_uid_of_the_same_text_are_not_linked() -> None:
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.patient("1.2.3")[3:] not in pseudonyms.uid("1.2.3")


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.1", "2.25.3", "1.2.840.113619.2.55.3.1"])
def test_uids_in_text_are_told_from_version_numbers(uid: str) -> None:
    assert (UID_PATTERN.search(f"see {uid} please") is not None) == (uid.count(".") >= 5)
    assert UID_PATTERN.search("version 1.2.3.4") is None


def test_what_names_this_implementation_is_a_uid_and_not_the_standards() -> None:
    assert UID_PATTERN.fullmatch(IMPLEMENTATION_CLASS_UID) is None  # short enough to stay in texts
    assert int(IMPLEMENTATION_CLASS_UID.removeprefix("2.25.")) < 1 << 128
    assert not is_registered(IMPLEMENTATION_CLASS_UID)


def test_dates_move_into_the_past_within_ten_years() -> None:
    offsets = {Pseudonyms(KEY).offset_days(f"P{number}") for number in range(500)}
    assert all(-MAX_OFFSET_DAYS <= offset <= -1 for offset in offsets)
    assert len(offsets) > 400
