"""Which signatures of a key count: rules over times."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import find_record, key_id_of, verify_signature, verify_signed, verify_times
from tests.common.signing import NOW, make_ring, refused

DAY = dt.timedelta(days=1)
RECORD = KeyRecord(
    key_id=key_id_of(b"public"),
    use=KeyUse.STATEMENTS,
    algorithm=Algorithm.P256,
    public_key=b"public",
    not_before=NOW,
    not_after=NOW + 100 * DAY,
)


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return make_ring(tmp_path_factory.mktemp("ring") / "home")


@pytest.mark.parametrize(
    ("changes", "at", "attested", "fault"),
    [
        ({}, NOW, None, None),
        ({}, NOW + 100 * DAY, None, SignatureFault.KEY_EXPIRED),
        ({}, NOW + 99 * DAY, NOW + 200 * DAY, None),
        ({}, NOW - DAY, None, SignatureFault.KEY_NOT_YET_VALID),
        ({}, NOW + 301 * DAY, None, SignatureFault.TIME_AHEAD),
        ({}, NOW, NOW + 301 * DAY, SignatureFault.TIME_AHEAD),
        ({}, NOW + 2 * DAY, NOW + DAY, SignatureFault.TIME_AFTER_ATTESTED),
        ({"retired": NOW + 50 * DAY}, NOW + 49 * DAY, None, None),
        ({"retired": NOW + 50 * DAY}, NOW + 50 * DAY, None, SignatureFault.KEY_RETIRED),
        ({"compromised": NOW + 50 * DAY}, NOW, NOW + 49 * DAY, None),
        ({"compromised": NOW + 50 * DAY}, NOW, NOW + 50 * DAY, SignatureFault.KEY_COMPROMISED),
        ({"compromised": NOW + 50 * DAY}, NOW, None, SignatureFault.KEY_COMPROMISED_UNATTESTED),
        (
            {"compromised": NOW + 50 * DAY, "retired": NOW + DAY},
            NOW + 2 * DAY,
            NOW + 3 * DAY,
            SignatureFault.KEY_RETIRED,
        ),
    ],
)
def test_times(changes, at, attested, fault):
    record, now = replace(RECORD, **changes), NOW + 300 * DAY
    if fault is None:
        verify_times(record, at=at, now=now, attested=attested)
        return
    with refused(fault):
        verify_times(record, at=at, now=now, attested=attested)


@given(
    at=st.integers(0, 200),
    seen=st.none() | st.integers(0, 200),
    first=st.none() | st.integers(0, 200),
    second=st.integers(0, 200),
)
def test_an_earlier_compromise_never_makes_more_count(at, seen, first, second):
    def counts(compromised):
        record = replace(RECORD, compromised=None if compromised is None else NOW + compromised * DAY)
        attested = None if seen is None else NOW + seen * DAY
        try:
            verify_times(record, at=NOW + at * DAY, now=NOW + 300 * DAY, attested=attested)
        except Exception:  # noqa: BLE001 - refused, whatever for
            return False
        return True

    earlier = second if first is None else min(first, second)
    assert not counts(earlier) or counts(first)


def test_the_use_of_a_key_is_its_only_one(ring):
    dicom = ring.signer(KeyUse.DICOM)
    with refused(SignatureFault.KEY_USE):
        verify_signed(
            ring.records(),
            key_id=dicom.record.key_id,
            use=KeyUse.STATEMENTS,
            message=b"x",
            signature=dicom.sign(b"x"),
            at=NOW,
            now=NOW,
        )


@pytest.mark.parametrize("use", KeyUse)
def test_a_signature_holds_for_its_message_and_key_alone(ring, use):
    signer = ring.signer(use)
    signature = signer.sign(b"message")

    verify_signature(signer.record, b"message", signature)
    for record, message, wrong in [
        (signer.record, b"other", signature),
        (signer.record, b"message", signature[:-1] + bytes([signature[-1] ^ 1])),
        (signer.record, b"message", b""),
    ]:
        with refused(SignatureFault.SIGNATURE_WRONG):
            verify_signature(record, message, wrong)


def test_a_key_of_another_algorithm_than_its_record_says_is_refused(ring):
    log = ring.signer(KeyUse.LOG)
    for wrong in (Algorithm.P256, Algorithm.RSA):
        with refused(SignatureFault.KEY_ALGORITHM):
            verify_signature(replace(log.record, algorithm=wrong), b"x", log.sign(b"x"))
    with refused(SignatureFault.KEY_ALGORITHM):
        verify_signature(RECORD, b"x", b"y")


def test_an_algorithm_that_the_use_does_not_have_is_refused(ring):
    log = replace(ring.signer(KeyUse.LOG).record, use=KeyUse.STATEMENTS)
    with refused(SignatureFault.KEY_ALGORITHM):
        find_record([log], log.key_id, KeyUse.STATEMENTS)


def test_an_id_that_is_not_that_of_the_key_is_refused():
    with refused(SignatureFault.KEY_ID):
        find_record([replace(RECORD, key_id="0" * 32)], "0" * 32, KeyUse.STATEMENTS)


def test_of_two_copies_of_a_record_the_stricter_counts():
    compromised = replace(RECORD, compromised=NOW + DAY)

    for records in ([RECORD, compromised], [compromised, RECORD]):
        assert find_record(records, RECORD.key_id, KeyUse.STATEMENTS).compromised == NOW + DAY
    with refused(SignatureFault.KEY_ID):
        find_record([RECORD, replace(RECORD, not_after=NOW + 999 * DAY)], RECORD.key_id, KeyUse.STATEMENTS)
