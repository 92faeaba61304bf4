"""Rows of Table E.1-1, compared by hand with PS3.15 and checked as a whole."""

import pytest

from scanward.model.profile import Option
from scanward.standard import confidentiality
from scanward.standard.confidentiality import BASIC_ACTIONS, all_rows, derived_rows, find_row
from scanward.standard.dictionary import find_attribute

PRIVATE_CREATOR = 0x00290010


def test_the_table_has_every_row_of_its_edition() -> None:
    # 655 rows for standard Attributes, three of them for repeating groups, and one for private elements.
    assert len(all_rows()) == 656
    assert confidentiality.EDITION == "2026c"
    assert {pattern for pattern in all_rows() if not pattern.isalnum() or "x" in pattern or pattern == "private"} == {
        "50xxxxxx",
        "60xx3000",
        "60xx4000",
        "private",
    }


def test_every_action_and_option_is_known() -> None:
    columns = {option.column for option in Option}
    for row in all_rows().values():
        assert row.basic in BASIC_ACTIONS
        assert set(row.options) <= columns
        assert set(row.options.values()) <= {"K", "C"}
        assert row.name


def test_every_basic_action_occurs() -> None:
    assert {row.basic for row in all_rows().values()} == BASIC_ACTIONS


@pytest.mark.parametrize(
    ("tag", "basic", "options"),
    [
        (0x00100010, "Z", {}),
        (0x00100020, "Z/D", {}),
        (0x00080050, "Z", {}),
        (0x00080018, "U", {"rtnUIDsOpt": "K"}),
        (0x0008103E, "X", {"cleanDescOpt": "C"}),
        (0x00080080, "X/Z/D", {"rtnInstIdOpt": "K"}),
        (0x00080020, "Z", {"rtnLongFullDatesOpt": "K", "rtnLongModifDatesOpt": "C"}),
        (0x00081140, "X/Z/U*", {"rtnUIDsOpt": "K"}),
        (0x00101010, "X", {"rtnPatCharsOpt": "K"}),
        (0x0040A730, "D", {"cleanStructContOpt": "C"}),
        (0x00181000, "X/Z/D", {"rtnDevIdOpt": "K"}),
        (0x00189074, "D", {"rtnLongFullDatesOpt": "K", "rtnLongModifDatesOpt": "C"}),
    ],
)
def test_rows_are_those_of_the_standard(tag: int, basic: str, options: dict[str, str]) -> None:
    row = find_row(tag)
    assert row is not None
    assert row.basic == basic
    assert row.options == options


@pytest.mark.parametrize("tag", [0x50000005, 0x501E3000, 0x50020000])
def test_curves_of_every_group_have_a_row(tag: int) -> None:
    row = find_row(tag)
    assert row is not None
    assert (row.basic, row.options) == ("X", {"cleanGraphOpt": "C"})


@pytest.mark.parametrize(("tag", "name"), [(0x60023000, "Overlay Data"), (0x601E4000, "Overlay Comments")])
def test_overlays_of_every_group_have_a_row(tag: int, name: str) -> None:
    row = find_row(tag)
    assert row is not None
    assert (row.name, row.basic) == (name, "X")


def test_other_overlay_attributes_have_none() -> None:
    assert find_row(0x60000010) is None


@pytest.mark.parametrize("tag", [PRIVATE_CREATOR, 0x00291010, 0x50010010, 0x60013000, 0x00090000])
def test_every_tag_of_an_odd_group_is_private(tag: int) -> None:
    row = find_row(tag)
    assert row is not None
    assert row.name == "Private Attributes"
    assert (row.basic, row.options) == ("X", {"rtnSafePrivOpt": "C"})


@pytest.mark.parametrize("tag", [0x00280010, 0x7FE00010, 0x00080060, 0xFFFEE000])
def test_attributes_outside_the_table_have_no_row(tag: int) -> None:
    assert find_row(tag) is None


def test_derived_rows_never_keep_more_than_dates_and_uids() -> None:
    assert len(derived_rows()) == 35
    for pattern in derived_rows():
        assert set(all_rows()[pattern].options) <= {"rtnLongFullDatesOpt", "rtnLongModifDatesOpt", "rtnUIDsOpt"}


def test_the_names_agree_with_the_dictionary() -> None:
    for pattern, row in all_rows().items():
        if pattern != "private" and "x" not in pattern:
            entry = find_attribute(int(pattern, 16))
            assert entry is not None
            assert entry.name.replace(" ", "").lower() == row.name.replace(" ", "").lower()


def test_every_date_but_those_of_birth_and_place_falls_under_the_options_on_dates() -> None:
    for pattern, row in all_rows().items():
        entry = None if pattern == "private" or "x" in pattern else find_attribute(int(pattern, 16))
        if entry is not None and entry.vr[0] in ("DA", "TM", "DT"):
            # Birth is not longitudinal, a GPS time stamp tells where: no option on dates keeps them.
            kept_by_no_option = pattern in ("00100030", "00100032", "00160077")
            assert ("rtnLongModifDatesOpt" in row.options) is not kept_by_no_option


def test_no_basic_action_changed_between_the_editions() -> None:
    # README.md says so; a newer source that breaks it needs a look at each changed row's options.
    assert confidentiality._content()["changed"] == []
    assert confidentiality._content()["edition"] == confidentiality.EDITION
    assert confidentiality._content()["options_edition"] == confidentiality.OPTIONS_EDITION
