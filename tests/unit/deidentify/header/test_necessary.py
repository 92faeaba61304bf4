"""What is left out where an agreement names the Attributes that its purpose needs."""

from __future__ import annotations

import pytest

from scanward.deidentify.header.necessary import Need, need_of
from scanward.deidentify.header.plan import Method, Plan
from scanward.deidentify.profile import SHIPPED, load_profile, restrict
from scanward.model.attribute import Action, Reason
from scanward.standard.confidentiality import all_rows
from scanward.standard.dictionary import find_attribute, tag_of, vr_of
from scanward.standard.iods import attribute_type, required_type

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
UNKNOWN_CLASS = "1.2.3.4.5.6.7"


def path_of(keywords: str) -> tuple[int, ...]:
    return tuple(tag_of(keyword) for keyword in keywords.split("."))


def plan(*needed: str, profile: str = "ai-inference", sop_class: str = CT) -> Plan:
    return Plan(restrict(load_profile(profile), needed), sop_class)


def method(keywords: str, *needed: str, sop_class: str = CT) -> Method:
    path = path_of(keywords)
    return plan(*needed, sop_class=sop_class).operation(path, vr_of(path[-1]).encode()).method


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("ConvolutionKernel", Method.REMOVE),
        ("PatientAge", Method.REMOVE),
        ("StudyDescription", Method.REMOVE),
        ("ReferencedImageSequence", Method.REMOVE),
        ("PatientSex", Method.EMPTY),
        ("KVP", Method.EMPTY),
        ("StudyDate", Method.EMPTY),
        ("PatientName", Method.PSEUDONYM),
        ("PatientID", Method.PSEUDONYM),
        ("Rows", Method.KEEP),
        ("WindowCenter", Method.KEEP_CHECKED),
        ("PixelSpacing", Method.KEEP_CHECKED),
        ("ImagePositionPatient", Method.KEEP_CHECKED),
        ("SliceLocation", Method.KEEP_CHECKED),
        ("InstanceNumber", Method.KEEP_CHECKED),
        ("SeriesInstanceUID", Method.UID),
        ("FrameOfReferenceUID", Method.UID),
        ("Modality", Method.KEEP_CHECKED),
        ("SharedFunctionalGroupsSequence", Method.DESCEND),
    ],
)
def test_what_nobody_needs_goes_and_what_reading_needs_stays(keyword: str, expected: Method) -> None:
    assert method(keyword, "RescaleType") is expected


@pytest.mark.parametrize("keyword", ["ConvolutionKernel", "PatientAge", "PatientSex", "KVP", "StudyDate"])
def test_what_is_needed_is_treated_as_the_profile_says(keyword: str) -> None:
    assert method(keyword, keyword) is method(keyword, "*")
    assert method(keyword, keyword) not in (Method.REMOVE, Method.EMPTY)


def test_needing_more_than_the_profile_allows_changes_nothing() -> None:
    assert method("OperatorsName", "OperatorsName") is Method.REMOVE
    assert method("Allergies", "Allergies") is Method.REMOVE


def test_what_is_in_a_needed_sequence_is_needed() -> None:
    inside = "CTDIPhantomTypeCodeSequence.CodeMeaning"
    assert method(inside, "CTDIPhantomTypeCodeSequence") is not Method.REMOVE
    assert method(inside, "KVP") is Method.REMOVE


def test_why_is_said() -> None:
    done = plan("KVP").operation(path_of("ConvolutionKernel"), b"SH")
    assert (done.action, done.reason, done.option) == (Action.REMOVE, Reason.NOT_NEEDED, None)


def test_what_a_report_says_stays_in_a_report() -> None:
    assert need_of(path_of("ContentSequence.TextValue"), SR, ()) is Need.STAYS
    assert need_of(path_of("ContentSequence.ContentSequence.ConceptNameCodeSequence.CodeMeaning"), SR, ()) is Need.STAYS


def test_of_an_iod_that_is_not_known_nothing_is_left_out() -> None:
    assert need_of(path_of("ConvolutionKernel"), UNKNOWN_CLASS, ()) is Need.EMPTY
    assert need_of(path_of("Rows"), UNKNOWN_CLASS, ()) is Need.STAYS
    assert need_of(path_of("SOPInstanceUID"), UNKNOWN_CLASS, ()) is Need.STAYS


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("sop_class", [CT, MR])
def test_the_iod_gets_what_it_requires(name: str, sop_class: str) -> None:
    """And nothing that the profile takes out comes back."""
    narrow, wide = plan(profile=name, sop_class=sop_class), plan("*", profile=name, sop_class=sop_class)
    gone = 0
    for pattern in all_rows():
        if pattern == "private" or "x" in pattern:
            continue
        tag = int(pattern, 16)
        entry = find_attribute(tag)
        if entry is None or not entry.vr:
            continue
        vr = entry.vr[0].encode()
        kind, narrowed, before = (
            required_type(sop_class, (tag,)),
            narrow.operation((tag,), vr),
            wide.operation((tag,), vr),
        )
        if kind == "1" and entry.vr[0] != "SQ":
            assert narrowed.method not in (Method.REMOVE, Method.EMPTY), entry.keyword
        if kind == "2" and before.method is not Method.REMOVE:
            assert narrowed.method is not Method.REMOVE, entry.keyword
        if before.method in (Method.REMOVE, Method.EMPTY):
            assert narrowed == before
        gone += narrowed.method is Method.REMOVE and before.method is not Method.REMOVE
    assert gone > 20


def test_a_profile_without_need_is_planned_as_before() -> None:
    profile = load_profile("research")
    assert restrict(profile, ("*",)) is profile
    assert profile.needed is None


@pytest.mark.parametrize("sop_class", [CT, MR, SR])
def test_types_of_both_tables_agree(sop_class: str) -> None:
    for pattern in all_rows():
        if pattern != "private" and "x" not in pattern:
            kind = attribute_type(sop_class, (int(pattern, 16),))
            assert required_type(sop_class, (int(pattern, 16),)) == (None if kind == "3" else kind)
