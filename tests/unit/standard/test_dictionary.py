"""The registry of Attributes equals pydicom's, and answers for what implicit VR leaves open."""

import pytest
from pydicom import __version__ as pydicom_version
from pydicom.datadict import DicomDictionary

from scanward.standard import dictionary
from scanward.standard.dictionary import find_attribute, is_retired, keyword_of, tag_of, vr_of


@pytest.mark.skipif(not pydicom_version.startswith("3.0."), reason="the table was made with pydicom 3.0")
def test_every_entry_equals_that_of_pydicom() -> None:
    for tag, (vr, vm, name, retired, keyword) in DicomDictionary.items():
        entry = find_attribute(tag)
        assert entry is not None
        assert (entry.keyword, entry.name, entry.vm, entry.retired) == (keyword, name, vm, retired == "Retired")
        assert " or ".join(entry.vr) == vr.replace("NONE", "")
        assert not keyword or tag_of(keyword) == tag
    assert dictionary.EDITION == "2024c"


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x00100010, "PN"),
        (0x00280106, "US"),  # US or SS
        (0x7FE00010, "OW"),  # OB or OW
        (0x00283006, "OW"),  # US or OW
        (0x00280107, "US"),
        (0x00080000, "UL"),
        (0x00290000, "UL"),
        (0x00290010, "LO"),
        (0x002900FF, "LO"),
        (0x00290001, "UN"),
        (0x00291010, "UN"),
        (0x00080003, "UN"),
        (0xFFFEE000, "UN"),
    ],
)
def test_implicit_vr_is_decided(tag: int, vr: str) -> None:
    assert vr_of(tag) == vr


@pytest.mark.parametrize(
    ("tag", "keyword", "vr"),
    [
        (0x50043000, "CurveData", "OW"),
        (0x60023000, "OverlayData", "OW"),
        (0x601E4000, "OverlayComments", "LT"),
        (0x7F020010, "VariablePixelData", "OW"),
        (0x00203112, "SourceImageIDs", "CS"),
        (0x002804F2, "CoefficientCoding", "LO"),
        (0x002808A0, "CodeLabel", "CS"),
        (0x10000013, "HuffmanTableTriplet", "US"),
        (0x10101234, "ZonalMap", "US"),
    ],
)
def test_repeating_groups_are_recognised(tag: int, keyword: str, vr: str) -> None:
    assert keyword_of(tag) == keyword
    assert vr_of(tag) == vr
    entry = find_attribute(tag)
    assert entry is not None
    assert entry.tag == tag


@pytest.mark.parametrize("tag", [0x00290010, 0x50013000, 0x00080003, 0x00080000])
def test_what_is_not_in_the_registry_is_not_found(tag: int) -> None:
    assert find_attribute(tag) is None
    assert keyword_of(tag) == ""


def test_retirement_is_told() -> None:
    assert is_retired(0x00080001)
    assert is_retired(0x50003000)
    assert not is_retired(0x00080005)
    assert not is_retired(0x60003000)
    assert not is_retired(0x00290010)


def test_unknown_keyword_has_no_tag() -> None:
    assert tag_of("NoSuchKeyword") is None
    assert tag_of("") is None


def test_attributes_newer_than_the_registry_are_there() -> None:
    assert tag_of("PersonNamesToUseSequence") == 0x00100011
    assert vr_of(0x00100011) == "SQ"
