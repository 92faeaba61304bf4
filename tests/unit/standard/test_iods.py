"""Types of Attributes, compared by hand with PS3.3."""

import pytest

from scanward.standard.confidentiality import all_rows
from scanward.standard.iods import TYPES, attribute_type, is_known_sop_class, sop_class_name

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
RETIRED_US = "1.2.840.10008.5.1.4.1.1.6"
US = "1.2.840.10008.5.1.4.1.1.6.1"
CONTENT = 0x0040A730


@pytest.mark.parametrize(
    ("sop_class", "path", "expected"),
    [
        (CT, (0x00100010,), "2"),
        (CT, (0x00080018,), "1"),
        (CT, (0x0020000D,), "1"),
        (CT, (0x00080020,), "2"),
        (CT, (0x00080080,), "3"),
        (CT, (0x00080023,), "2C"),
        (CT, (0x00081140, 0x00081155), "1"),
        (CT, (0x00181000,), "3"),
        (ENHANCED_CT, (0x00181000,), "1"),  # Enhanced General Equipment
        (ENHANCED_CT, (0x52009230, 0x00209111, 0x00189074), "1C"),  # Frame Content
        (ENHANCED_CT, (0x52009229,), "1"),
        (COMPREHENSIVE_SR, (0x0040A073, 0x0040A075), "1"),
        (COMPREHENSIVE_SR, (CONTENT,), "1C"),
        (COMPREHENSIVE_SR, (CONTENT, CONTENT, CONTENT, 0x0040A123), "1C"),
        (RT_STRUCTURE_SET, (0x30060002,), "1"),
        (RT_STRUCTURE_SET, (0x30060010, 0x00200052), "1"),
        (RT_STRUCTURE_SET, (0x30060020, 0x30060024), "1"),
        (ENCAPSULATED_PDF, (0x00420011,), "1"),
    ],
)
def test_types_are_those_of_the_standard(sop_class: str, path: tuple[int, ...], expected: str) -> None:
    assert attribute_type(sop_class, path) == expected


@pytest.mark.parametrize(
    ("sop_class", "path"),
    [
        ("1.2.3", (0x00100010,)),
        ("", (0x00100010,)),
        (CT, ()),
        (CT, (0x00420011,)),
        (CT, (0x00291010,)),
        (CT, (0x00100010, 0x00100010)),
        (CT, (0x00081140, 0x00291010)),
    ],
)
def test_what_is_not_in_the_iod_has_no_type(sop_class: str, path: tuple[int, ...]) -> None:
    assert attribute_type(sop_class, path) is None


def test_a_retired_class_has_the_types_of_its_successor() -> None:
    assert is_known_sop_class(RETIRED_US)
    assert attribute_type(RETIRED_US, (0x00100010,)) == attribute_type(US, (0x00100010,)) == "2"


def test_every_path_of_the_data_can_be_walked() -> None:
    from scanward.standard import iods

    content = iods._content()
    assert len(content["sop_classes"]) == 189
    assert set(content["sop_classes"].values()) == set(content["roots"])
    for number in range(len(content["nodes"])):
        for entry in iods._node(number).values():
            assert entry.type in TYPES or entry.below is not None
            # Children are stored before their parents, so that no walk can go round in circles.
            assert entry.below is None or entry.below < number


def test_each_class_requires_the_sop_instance_uid() -> None:
    from scanward.standard import iods

    without = {uid for uid in iods._content()["sop_classes"] if attribute_type(uid, (0x00080018,)) != "1"}
    assert without == {"1.2.840.10008.1.3.10"}  # a DICOMDIR has its UID in the File Meta Information only


def test_conditional_actions_can_be_resolved_for_ct() -> None:
    known = {
        pattern
        for pattern, row in all_rows().items()
        if "/" in row.basic and attribute_type(CT, (int(pattern, 16),)) is not None
    }
    assert {"00080021", "00080022", "0008002a", "00080080", "00081140", "00181030"} <= known


def test_names_of_classes() -> None:
    assert sop_class_name(CT) == "CT Image Storage"
    assert sop_class_name("1.2.840.10008.5.1.4.1.1.66.7") == "Label Map Segmentation Storage"
    assert sop_class_name("1.2.3") == ""
    assert not is_known_sop_class("1.2.3")
