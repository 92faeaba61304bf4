"""What holds for every study: what refers to it as it went out refers to it as it is, once it is back."""

import string
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.dicomstream.dates import shift_dt
from tests.common.images import CT_IMAGE
from tests.common.modules import item, reference
from tests.common.results import RECIPIENT_ROOT, bring_back, chest, make_result, send
from tests.common.studies import set_transfer_syntax

QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

NAMES = st.text(
    st.characters(codec="utf-8", categories=["Lu", "Ll", "Lo"]) | st.sampled_from(string.ascii_letters), min_size=1, max_size=20
)  # fmt: skip
KEYS = st.binary(min_size=32, max_size=32)
SYNTAXES = st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
SENT = send(chest())


@QUICK
@given(key=KEYS, seed=st.integers(0, 500), kind=st.sampled_from(["sr", "seg", "pr", "rtstruct"]), syntax=SYNTAXES)
def test_references_go_out_and_come_back(key, seed, kind, syntax) -> None:
    sent = send(chest(seed=seed), key=key)
    result = make_result(sent, kind)
    set_transfer_syntax(result, syntax)
    data = bring_back(result, sent).data
    for new, original in sent.originals.uids.items():
        assert new.encode() not in data
        if new in str(result):
            assert original.encode() in data
    assert sent.originals.pseudonym.encode() not in data


@QUICK
@given(depth=st.integers(1, 60), undefined=st.booleans(), syntax=SYNTAXES)
def test_references_come_back_from_any_depth(depth, undefined, syntax) -> None:
    result = make_result(SENT, "ko")
    innermost = item(ReferencedSOPSequence=[reference(CT_IMAGE, SENT.instances["ct/2"].SOPInstanceUID)])
    for _ in range(depth):
        innermost = item(ContentSequence=[innermost])
        innermost["ContentSequence"].is_undefined_length = undefined
    result.ContentSequence = [innermost]
    set_transfer_syntax(result, syntax)
    back = bring_back(result, SENT).ds
    for _ in range(depth + 1):
        back = back.ContentSequence[0]
    assert back.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == SENT.study.uid("ct/2")


@QUICK
@given(
    family=NAMES, given_name=NAMES, charset=st.sampled_from(["", "ISO_IR 100", "ISO_IR 144", "ISO_IR 192", "GB18030"])
)
def test_every_name_comes_back_whole(family, given_name, charset) -> None:
    name = f"{family}^{given_name}"
    sent = replace(SENT, originals=replace(SENT.originals, patient_name=name))
    result = make_result(SENT, "sr")
    result.SpecificCharacterSet = charset
    assert str(bring_back(result, sent).ds.PatientName) == name


@QUICK
@given(days=st.integers(-3650, -1), precision=st.sampled_from([4, 6, 8, 14]), back=st.integers(0, 20_000))
def test_dates_go_out_and_come_back(days, precision, back) -> None:
    sent = replace(SENT, originals=replace(SENT.originals, offset_days=days))
    original = f"{SENT.study.day - timedelta(days=back):%Y%m%d}101112"[:precision]
    result = make_result(SENT, "sc")
    result.AcquisitionDateTime = shift_dt(original, days)
    returned = bring_back(result, sent).ds.AcquisitionDateTime
    if precision >= 8:
        assert returned == original
    else:
        # A whole month or year moves from its middle, and lands beside itself at worst.
        assert abs(int(returned[:4]) - int(original[:4])) <= 1


@QUICK
@given(uids=st.lists(st.integers(0, 2**128 - 1).map(lambda number: f"2.25.{number}"), min_size=1, max_size=20))
def test_uids_of_the_recipient_stay(uids) -> None:
    result = make_result(SENT, "ko")
    result.ContentSequence[-1].ReferencedSOPSequence = [reference(CT_IMAGE, uid) for uid in uids]
    result.ContentSequence[0].TextValue = " ".join([*uids, RECIPIENT_ROOT])
    back = bring_back(result, SENT).ds
    assert [one.ReferencedSOPInstanceUID for one in back.ContentSequence[-1].ReferencedSOPSequence] == uids
    assert back.ContentSequence[0].TextValue == result.ContentSequence[0].TextValue
