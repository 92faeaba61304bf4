import numpy as np
import pytest

from scanward.deidentify.faces import atlas as module
from scanward.deidentify.faces.atlas import SHAPE, load_atlas
from scanward.errors import EngineError


def test_all_fields_lie_on_one_grid():
    atlas = load_atlas()
    fields = (atlas.t1, atlas.t2, atlas.head, atlas.generic, atlas.cut, atlas.zone, atlas.brain)
    assert {field.shape for field in fields} == {SHAPE}
    assert 0 <= atlas.zone.min() < atlas.zone.max() <= 1


def test_brain_lies_in_the_head_and_behind_the_face():
    atlas = load_atlas()
    assert 1000 < atlas.brain.sum() * 8 / 1000 < 1400
    assert not (atlas.brain & ~atlas.head).any()
    assert (atlas.brain & (atlas.cut < 0)).sum() == 0


def test_generic_skin_has_no_nose():
    atlas = load_atlas()
    outside = atlas.head & (atlas.generic > 4)
    assert outside.sum() * 8 / 1000 > 10


def test_it_is_loaded_once_and_cannot_be_written_to():
    atlas = load_atlas()
    assert load_atlas() is atlas
    with pytest.raises(ValueError, match="read-only"):
        atlas.cut[0, 0, 0] = 1


def test_another_atlas_is_refused(monkeypatch):
    monkeypatch.setattr(module, "SHA256", "0" * 64)
    with pytest.raises(EngineError, match="expected the one that was measured"):
        load_atlas.__wrapped__()


def test_the_cut_runs_backwards_towards_the_jaw():
    middle, side = (module.cut_mm(*(np.array([v], np.float32) for v in (-60, -30, x)))[0] for x in (0, 60))
    assert side < middle


def test_as_t2_fluid_is_brighter_than_white_matter_and_skin():
    atlas = load_atlas()
    dark, white = np.percentile(atlas.t1[atlas.brain], (5, 95))
    fluid, matter = atlas.brain & (atlas.t1 < dark), atlas.brain & (atlas.t1 > white)
    skin = atlas.head & ~atlas.brain & (atlas.generic > -4) & (atlas.generic < 0)
    assert atlas.t2[fluid].min() > atlas.t2[matter].max()
    assert np.median(atlas.t2[skin]) < np.median(atlas.t2[matter]) < np.median(atlas.t2[fluid])
