"""What the plan says, by the table, the options, the IOD and the Value Representation."""

from __future__ import annotations

import pytest

from scanward.deidentify.header.plan import MARKS, Method, Plan
from scanward.deidentify.profile import SHIPPED, load_profile
from scanward.model.attribute import Action, Reason
from scanward.model.profile import Option, Profile
from scanward.standard.confidentiality import all_rows
from scanward.standard.dictionary import find_attribute, tag_of, vr_of
from scanward.standard.iods import attribute_type

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
UNKNOWN_CLASS = "1.2.3.4.5.6.7"


def profile(*options: Option, **rules: Action) -> Profile:
    return Profile(
        name="test",
        description="test",
        options=frozenset(options),
        rules={tag_of(keyword): action for keyword, action in rules.items()},
    )


def operation(keyword: str, *options: Option, sop_class: str = CT, vr: str = "", **rules: Action):
    tag = tag_of(keyword)
    return Plan(profile(*options, **rules), sop_class).operation((tag,), (vr or vr_of(tag)).encode())


@pytest.mark.parametrize(
    ("keyword", "method", "action"),
    [
        ("PatientName", Method.PSEUDONYM, Action.EMPTY),
        ("PatientID", Method.PSEUDONYM, Action.EMPTY),
        ("PatientBirthDate", Method.EMPTY, Action.EMPTY),
        ("AccessionNumber", Method.EMPTY, Action.EMPTY),
        ("StudyDate", Method.EMPTY, Action.EMPTY),
        ("OperatorsName", Method.REMOVE, Action.REMOVE),
        ("InstitutionName", Method.REMOVE, Action.REMOVE),
        ("StudyDescription", Method.REMOVE, Action.REMOVE),
        ("SOPInstanceUID", Method.UID, Action.UID),
        ("ReferencedImageSequence", Method.DESCEND, Action.UID),
        ("Rows", Method.KEEP, Action.KEEP),
        ("PixelSpacing", Method.KEEP_CHECKED, Action.KEEP),
        ("EncryptedAttributesSequence", Method.REMOVE, Action.REMOVE),
    ],
)
def test_the_basic_profile(keyword: str, method: Method, action: Action) -> None:
    done = operation(keyword)
    assert (done.method, done.action) == (method, action)


@pytest.mark.parametrize(
    ("keyword", "option", "method"),
    [
        ("StudyDescription", Option.CLEAN_DESCRIPTORS, Method.CLEAN_TEXT),
        ("StudyDate", Option.RETAIN_MODIFIED_DATES, Method.SHIFT),
        ("StudyDate", Option.RETAIN_FULL_DATES, Method.KEEP_CHECKED),
        ("SOPInstanceUID", Option.RETAIN_UIDS, Method.KEEP_CHECKED),
        ("PatientSex", Option.RETAIN_PATIENT_CHARACTERISTICS, Method.KEEP_CHECKED),
        ("PatientAge", Option.RETAIN_PATIENT_CHARACTERISTICS, Method.CAP_AGE),
        ("InstitutionName", Option.RETAIN_INSTITUTION_IDENTITY, Method.KEEP_CHECKED),
        ("DeviceSerialNumber", Option.RETAIN_DEVICE_IDENTITY, Method.KEEP_CHECKED),
        ("ContentSequence", Option.CLEAN_STRUCTURED_CONTENT, Method.DESCEND),
    ],
)
def test_an_option_decides_before_the_basic_profile_and_is_named(keyword: str, option: Option, method: Method) -> None:
    done = operation(keyword, option)
    assert (done.method, done.option, done.reason) == (method, option, Reason.OPTION)
    assert operation(keyword).option is None


def test_a_rule_decides_before_everything() -> None:
    done = operation("StudyDescription", Option.CLEAN_DESCRIPTORS, StudyDescription=Action.EMPTY)
    assert (done.method, done.reason, done.option) == (Method.EMPTY, Reason.RULE, None)


@pytest.mark.parametrize(
    ("basic", "kind", "action"),
    [
        ("X/Z", "2", "Z"), ("X/Z", "3", "X"), ("X/D", "1", "D"), ("X/D", "3", "X"), ("X/D", "2", "D"),
        ("Z/D", "1", "D"), ("Z/D", "1C", "D"), ("Z/D", "2", "Z"), ("Z/D", "3", "Z"), ("Z/D", "2C", "Z"),
        ("X/Z/D", "1", "D"), ("X/Z/D", "2", "Z"), ("X/Z/D", "3", "X"), ("X/Z/U*", "1", "U"), ("X/Z/U*", "3", "U"),
        ("X/Z", "", "X"), ("Z/D", "", "Z"),
    ],
)  # fmt: skip
def test_conditional_actions_go_by_the_type(basic: str, kind: str, action: str) -> None:
    assert Plan(profile(), CT)._resolve_conditional(basic, kind) == action


def test_where_the_iod_is_not_known_a_value_that_may_be_required_is_not_left_out() -> None:
    plan = Plan(profile(), UNKNOWN_CLASS)
    assert plan._resolve_conditional("X/D", "") is Action.DUMMY
    assert plan._resolve_conditional("X/Z", "") is Action.EMPTY


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("sop_class", [CT, MR, UNKNOWN_CLASS])
def test_no_profile_breaks_what_the_iod_requires(name: str, sop_class: str) -> None:
    """An Attribute of Type 1 is never left out or emptied, one of Type 2 never left out."""
    plan = Plan(load_profile(name), sop_class)
    for pattern in all_rows():
        if pattern == "private" or "x" in pattern:
            continue
        tag = int(pattern, 16)
        entry = find_attribute(tag)
        if entry is None or not entry.vr or tag in MARKS or entry.vr[0] == "SQ":
            continue
        kind = attribute_type(sop_class, (tag,))
        method = plan.operation((tag,), entry.vr[0].encode()).method
        if kind == "1":
            assert method not in (Method.REMOVE, Method.EMPTY), entry.keyword
        elif kind == "2":
            assert method is not Method.REMOVE, entry.keyword


@pytest.mark.parametrize("name", SHIPPED)
def test_no_name_and_no_identifier_of_the_patient_is_kept_by_any_profile(name: str) -> None:
    plan = Plan(load_profile(name), CT)
    for keyword in (
        "PatientName", "PatientID", "OtherPatientIDs", "PatientBirthDate", "PatientAddress", "AccessionNumber",
        "PatientTelephoneNumbers", "OperatorsName", "ReferringPhysicianName", "PersonName", "MedicalRecordLocator",
    ):  # fmt: skip
        tag = tag_of(keyword)
        done = plan.operation((tag,), vr_of(tag).encode())
        assert done.method in (Method.REMOVE, Method.EMPTY, Method.DUMMY, Method.PSEUDONYM), keyword


@pytest.mark.parametrize("tag", [0x00080000, 0x00020010, 0x00041220, 0xFFFCFFFC, 0xFFFEE000, 0x00080007, *MARKS])
@pytest.mark.parametrize("name", SHIPPED)
def test_structure_marks_and_what_nobody_knows_go(tag: int, name: str) -> None:
    assert Plan(load_profile(name), CT).operation((tag,), b"LO").method is Method.REMOVE


@pytest.mark.parametrize("tag", [0x60003000, 0x601E4000, 0x50000010])
@pytest.mark.parametrize("name", SHIPPED)
def test_overlays_and_curves_go(tag: int, name: str) -> None:
    assert Plan(load_profile(name), CT).operation((tag,), b"OW").method is Method.REMOVE


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009, 0x7FE00010])
@pytest.mark.parametrize(
    "outer", [("ReferencedImageSequence",), ("SourceImageSequence", "ReferencedImageSequence"), ("BasicGrayscaleImageSequence",)]
)  # fmt: skip
def test_pixels_inside_of_sequences_go_since_nobody_looks_at_them(outer: tuple[str, ...], tag: int, name: str) -> None:
    """Previews, copies of a screen: with the same name drawn in as in the image itself."""
    plan = Plan(load_profile(name), CT)
    path = tuple(tag_of(keyword) for keyword in outer)
    for vr in (b"OB", b"OW", b"OF", b"UN"):
        assert plan.operation((*path, tag), vr).method is Method.REMOVE
        assert plan.operation((tag,), vr).method is not Method.REMOVE


@pytest.mark.parametrize(
    "outer", [(), ("ReferencedImageSequence",), ("ReferencedSeriesSequence", "ReferencedImageSequence")]
)
@pytest.mark.parametrize("keyword", ["IconImageSequence", 0x60003000, 0x601E3000, 0x50003000])
@pytest.mark.parametrize("name", SHIPPED)
def test_icons_overlays_and_curves_go_wherever_they_stand(
    name: str, keyword: str | int, outer: tuple[str, ...]
) -> None:
    path = tuple(tag_of(word) for word in outer)
    tag = keyword if isinstance(keyword, int) else tag_of(keyword)
    vr = b"OW" if isinstance(keyword, int) else b"SQ"
    for sop_class_uid in (CT, "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.3.4"):
        assert Plan(load_profile(name), sop_class_uid).operation((*path, tag), vr).method is Method.REMOVE


@pytest.mark.parametrize("vr", ["UN", "OB", "US", "LO", "SQ"])
def test_a_vr_that_is_not_the_dictionarys_hides_nothing(vr: str) -> None:
    assert operation("PatientName", vr=vr).method is Method.PSEUDONYM
    assert operation("OperatorsName", vr=vr).method is Method.REMOVE
    assert operation("Rows", vr="LO").method is not Method.KEEP


def test_codes_that_stand_for_a_person_are_dummies() -> None:
    plan = Plan(profile(), CT)
    path = (tag_of("ReferringPhysicianIdentificationSequence"), tag_of("PersonIdentificationCodeSequence"))
    assert plan.operation((*path, tag_of("CodeValue")), b"SH").method is Method.DUMMY
    assert plan.operation((tag_of("AnatomicRegionSequence"), tag_of("CodeValue")), b"SH").method is not Method.DUMMY
