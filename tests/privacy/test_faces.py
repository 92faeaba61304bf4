"""Nobody is recognisable in a head whose face was taken out, and its brain is as it was."""

import numpy as np
import pytest

from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.adapters.engines.heads import HeadAligner
from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.look import look
from scanward.deidentify.faces.remodel import remodel
from scanward.deidentify.faces.render import FACE_VIEWS, LIGHTS, depth_of, make_surface, shade, upright
from scanward.deidentify.faces.residual import measure_kept
from scanward.model.faces import FaceFill, FaceFinding
from tests.common.heads import make_head

HEADS = {
    "CT, tilted gantry": {"seed": 4, "ct": True, "shear": 1.0},
    "MR, slices of 5 mm": {"seed": 3, "spacing": (5.0, 1.5, 1.5)},
}
MOST_KEPT = {FaceFill.AIR: (0.05, 0.15), FaceFill.SKIN: (0.25, 0.35)}
"""Of face and ears."""


@pytest.fixture(scope="module", params=HEADS, ids=str)
def seen(request):
    made = make_head(**HEADS[request.param])
    found = look(made.volume, HeadAligner(), load_atlas())
    assert found.finding is FaceFinding.FACE_FOUND
    return made, found, surface_of(made, found, made.volume.values)


def surface_of(made, found, values):
    return make_surface(made.volume, values, found.inputs.skin, upright(found.fit.affine))


def hits(surface):
    finder = HeadFaceFinder()
    return sum(bool(finder.find(shade(depth_of(surface, view), LIGHTS[1]))) for view in FACE_VIEWS)


_TAKEN = {}
"""What was taken out already: it takes seconds, and several tests look at it."""


def take_out_once(seen, fill):
    key = (id(seen[0]), fill)
    if key not in _TAKEN:
        _TAKEN[key] = take_out(seen, fill)
    return _TAKEN[key]


def take_out(seen, fill):
    made, found, _ = seen
    mask = remodel(made.volume, found.fit.affine, found.inputs.skin, load_atlas(), fill=fill, seed=7)
    values = made.volume.values.copy()
    values[mask.mask] = mask.values
    return mask, values


@pytest.mark.parametrize("fill", FaceFill)
def test_face_and_ears_are_not_where_they_were(seen, fill):
    made, found, before = seen
    after = surface_of(made, found, take_out_once(seen, fill)[1])
    kept = measure_kept(made.volume, before, after, found.fit.affine)
    most_face, most_ears = MOST_KEPT[fill]
    assert kept.face <= most_face
    assert kept.ears <= most_ears


def test_a_detector_that_saw_a_face_sees_none(seen):
    made, found, before = seen
    assert hits(before) >= 6
    assert hits(surface_of(made, found, take_out_once(seen, FaceFill.AIR)[1])) <= 1


def test_brain_and_all_that_is_not_masked_keep_their_bits(seen):
    made, _, _ = seen
    mask, values = take_out_once(seen, FaceFill.AIR)
    assert 0.02 < mask.mask.mean() < 0.5
    assert int((mask.mask & made.brain).sum()) == 0
    assert np.array_equal(values[~mask.mask], made.volume.values[~mask.mask])


def test_the_same_seed_gives_the_same_bits(seen):
    first, second = take_out_once(seen, FaceFill.SKIN)[1], take_out(seen, FaceFill.SKIN)[1]
    assert first.tobytes() == second.tobytes()


def test_what_was_not_scanned_stays(seen):
    made, found, _ = seen
    valid = np.ones(made.volume.values.shape, bool)
    valid[: valid.shape[0] // 2] = False
    volume = type(made.volume)(
        values=made.volume.values, affine=made.volume.affine, valid=valid, modality=made.volume.modality
    )
    mask = remodel(volume, found.fit.affine, found.inputs.skin, load_atlas(), fill=FaceFill.AIR, seed=7)
    assert mask.mask.any()
    assert not (mask.mask & ~valid).any()
