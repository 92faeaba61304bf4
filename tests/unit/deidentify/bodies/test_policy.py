"""The table ``[body]`` of a profile."""

import pytest

from scanward.deidentify.bodies.policy import parse_body_policy
from scanward.errors import ProfileError
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy

KEEP = [[-100, 100], [-80.5, 80], [-150, 150]]


def test_without_a_box_all_stays():
    assert parse_body_policy({}, "p") == BodyPolicy()
    assert BodyPolicy().in_words == "Bodies in scans: kept as they are."


def test_a_box_is_counted_from_the_body_unless_the_profile_says_otherwise():
    got = parse_body_policy({"keep_mm": KEEP}, "p")
    assert got == BodyPolicy(keep=BodyBox(x=(-100, 100), y=(-80.5, 80), z=(-150, 150)), origin=BodyOrigin.BODY)
    assert got.in_words == (
        "Bodies in scans: a box of 200 x 160.5 x 300 mm around the middle of the body stays, air stands in place of "
        "the rest."
    )
    other = parse_body_policy({"keep_mm": KEEP, "origin": "patient"}, "p")
    assert other.origin is BodyOrigin.PATIENT
    assert "of the patient's coordinates" in other.in_words


@pytest.mark.parametrize(
    "table",
    [
        {"keep": KEEP},
        {"origin": "body"},
        {"keep_mm": KEEP, "origin": "table"},
        {"keep_mm": "all"},
        {"keep_mm": KEEP[:2]},
        {"keep_mm": [*KEEP, [0, 50]]},
        {"keep_mm": [[0, 50], [0, 50], [0]]},
        {"keep_mm": [[0, 50], [0, 50], [50, 0]]},
        {"keep_mm": [[0, 50], [0, 50], [0, 5]]},
        {"keep_mm": [[0, 50], [0, 50], [0, True]]},
        {"keep_mm": [[0, 50], [0, 50], ["0", "50"]]},
        {"keep_mm": [[0, 50], [0, 50], [float("nan"), 50]]},
        {"keep_mm": [[0, 50], [0, 50], [0, float("inf")]]},
        {"keep_mm": [[0, 50], [0, 50], [-9000, 50]]},
    ],
)
def test_whatever_is_not_understood_is_refused(table):
    with pytest.raises(ProfileError, match=r"^p: "):
        parse_body_policy(table, "p")
