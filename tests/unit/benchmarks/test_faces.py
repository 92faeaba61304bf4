import numpy as np
import pytest

from benchmarks.faces.score import Goal, Look, find_changed, mean, pairwise_rms, rank_one, shape_rms


def face(change=0.0, *, missing=0):
    """Return depths of 30 by 30 places, half of them further back by `change`, the first rows not scanned."""
    depths = np.add.outer(np.arange(30.0), np.arange(30.0))
    depths[:, ::2] += change
    depths[:missing] = np.nan
    return depths


def look(view, light, *code):
    return Look(view=view, light=light, code=np.array(code, float))


def test_changed_voxels_are_told_from_those_written_in_another_type():
    before = np.array([0.0, 1000.0, 2000.0, 50.0], np.float32)
    assert find_changed(before, before + np.float32(0.5)).tolist() == [False] * 4
    assert find_changed(before, np.array([0, 1000, 0, 50], np.float32)).tolist() == [False, False, True, False]


def test_values_that_are_no_numbers_are_changed():
    before = np.zeros(2, np.float32)
    assert find_changed(before, np.array([np.nan, 0], np.float32)).tolist() == [True, False]


def test_difference_in_shape_is_half_of_what_half_of_the_places_moved():
    assert shape_rms(face(), face(4.0)) == pytest.approx(2.0)


def test_being_further_away_is_no_difference_in_shape():
    assert shape_rms(face(), face() + 10) == pytest.approx(0.0, abs=1e-9)


def test_faces_that_share_too_little_are_not_compared():
    assert shape_rms(face(), face(missing=25)) is None
    assert pairwise_rms([face(), face(missing=25)]) is None


def test_all_pairs_count():
    assert pairwise_rms([face(), face(4.0), face(8.0)]) == pytest.approx((2 + 4 + 2) / 3)


def test_means_leave_out_what_was_not_measured():
    assert mean([1.0, None, 3.0]) == 2.0
    assert mean([None]) is None


GALLERY = {
    "a": [look(0, 0, 0, 0), look(1, 0, 1, 0)],
    "b": [look(0, 0, 10, 0), look(1, 0, 11, 0)],
}


def test_persons_whose_nearest_render_is_their_own_are_recognised():
    assert rank_one(GALLERY, {"a": [look(0, 1, 0.1, 0)], "b": [look(0, 1, 10.1, 0)]}) == 1.0
    assert rank_one(GALLERY, {"a": [look(0, 1, 10.1, 0)], "b": [look(0, 1, 10.1, 0)]}) == 0.5


def test_the_render_of_the_same_person_from_the_same_side_does_not_count():
    gallery = {"a": [look(0, 0, 0, 0), look(1, 0, 50, 0)], "b": [look(0, 0, 10, 0)]}
    assert rank_one(gallery, {"a": [look(0, 1, 0.1, 0)]}) == 0.0


def test_probes_in_the_light_of_the_gallery_do_not_count():
    assert rank_one(GALLERY, {"a": [look(0, 0, 0.1, 0)]}) is None


@pytest.mark.parametrize(("got", "met", "word"), [(0.05, True, "met"), (0.06, False, "NOT met"), (None, None, "not m")])
def test_goals_say_whether_they_were_met(got, met, word):
    goal = Goal(text="face kept", most=0.05, got=got)
    assert goal.met is met
    assert str(goal).startswith(word)
