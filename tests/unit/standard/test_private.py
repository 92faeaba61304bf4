"""Private elements known to be safe, compared by hand with TCIA's knowledge base."""

import re

import pytest

from scanward.standard import private
from scanward.standard.private import Disposition, PrivatePath, find_disposition, is_known_creator

CSA = "SIEMENS CSA HEADER"
SYNGO = "SIEMENS SYNGO ADVANCED PRESENTATION"


@pytest.mark.parametrize(
    ("path", "vr", "expected"),
    [
        (((0x0019, "SIEMENS MR HEADER", 0x0C),), "IS", Disposition.KEEP),
        (((0x0019, " SIEMENS MR HEADER ", 0x0C),), "IS", Disposition.KEEP),
        (((0x0043, "GEMS_PARM_01", 0x63),), "SH", Disposition.DELETE),
        (((0x0009, "GEMS_PETD_01", 0x5C),), "UI", Disposition.HASH_UID),
        (((0x0009, "GEMS_PETD_01", 0x7B),), "DT", Disposition.OFFSET_DATE),
        (((0x0009, "GEMS_IDEN_01", 0x27),), "SL", Disposition.OFFSET_SECONDS),
        ((0x00081110, (0x2001, "Philips Imaging DD 001", 0xC1)), "LO", Disposition.KEEP),
        (
            (0x52009229, (0x0021, "SIEMENS MR SDS 01", 0xFE), (0x0021, "SIEMENS MR SDS 01", 0x0F)),
            "DS",
            Disposition.KEEP,
        ),
        (((0x0029, SYNGO, 0x02), (0x0029, SYNGO, 0xA9), 0x00080016), "UI", Disposition.HASH_UID),
        (((0x0029, SYNGO, 0x02), (0x0029, SYNGO, 0xA9), 0x00080023), "DA", Disposition.OFFSET_DATE),
    ],
)
def test_dispositions_are_those_of_the_knowledge_base(path: PrivatePath, vr: str, expected: Disposition) -> None:
    assert find_disposition(path, vr) is expected


@pytest.mark.parametrize(
    ("path", "vr"),
    [
        (((0x3F01, "INTELERAD MEDICAL SYSTEMS", 0x03),), "AE"),  # Source AE
        (((0x0011, "SIEMENS CM VA0  CMS", 0x11),), "TM"),  # Registration Time
        (((0x0013, "CTP", 0x10),), "LO"),  # Project Name
    ],
)
def test_what_tells_who_where_or_when_is_never_kept(path: PrivatePath, vr: str) -> None:
    assert find_disposition(path, vr) is Disposition.DELETE


@pytest.mark.parametrize(
    ("path", "vr"),
    [
        (((0x0019, "siemens mr header", 0x0C),), "IS"),  # creators are compared as they stand
        (((0x0019, "SIEMENS MR HEADER", 0x0C),), "PN"),  # a VR it was never seen with
        (((0x0021, "SIEMENS MR HEADER", 0x0C),), "IS"),  # another group
        (((0x0019, "", 0x0C),), "IS"),
        (((0x0019, "ACME", 0x0C),), "IS"),
        (((0x0009, "Unnamed Private Block - 10", 0x25),), "SH"),
        ((0x00290010,), "LO"),
        ((), "UN"),
    ],
)
def test_what_is_not_in_the_knowledge_base_has_no_disposition(path: PrivatePath, vr: str) -> None:
    assert find_disposition(path, vr) is None


def test_an_unknown_vr_gets_an_answer_only_where_all_vrs_agree() -> None:
    assert private._paths()["0019,SIEMENS MR HEADER,0c"] == "ISkOBkUNkUSk"
    assert find_disposition(((0x0019, "SIEMENS MR HEADER", 0x0C),), "SQ") is Disposition.KEEP
    assert private._paths()["0009,GEMS_PETD_01,97"] == "LOhUIhUNd"
    assert find_disposition(((0x0009, "GEMS_PETD_01", 0x97),), "UN") is Disposition.DELETE
    assert find_disposition(((0x0009, "GEMS_PETD_01", 0x97),), "SQ") is None


def test_a_creator_is_known_where_something_of_it_is_kept() -> None:
    assert is_known_creator(0x0019, "SIEMENS MR HEADER")
    assert is_known_creator(0x0019, " SIEMENS MR HEADER ")
    assert not is_known_creator(0x0021, "SIEMENS MR HEADER")
    assert not is_known_creator(0x0029, "SIEMENS CSA HEADER")  # all of it is deleted
    assert not is_known_creator(0x0009, "20100324115102")
    assert not is_known_creator(0x0019, "")


def test_every_row_is_accounted_for() -> None:
    counts = dict(private._content()["counts"])
    rows, paths = counts.pop("rows"), counts.pop("paths")
    assert paths == len(private._paths())
    letters = [letters[at : at + 3] for letters in private._paths().values() for at in range(0, len(letters), 3)]
    assert rows == len(letters) + sum(counts.values()) == 8787


def test_every_path_and_letter_is_well_formed() -> None:
    step = re.compile(r"[0-9a-f]{8}|[0-9a-f]{3}[13579bdf],[^\n\"\[\]]+,[0-9a-f]{2}")
    for path, letters in private._paths().items():
        assert all(step.fullmatch(part) for part in path.split("\n"))
        assert "," in path
        assert len(letters) % 3 == 0
        assert {Disposition(letter) for letter in letters[2::3]}


def test_nothing_with_a_person_a_date_or_a_uid_is_kept() -> None:
    for letters in private._paths().values():
        for at in range(0, len(letters), 3):
            if letters[at : at + 2] in ("PN", "DA", "DT", "TM", "AE", "UI"):
                assert letters[at + 2] != Disposition.KEEP
