"""Nobody is recognisable in a head whose face was taken out, and its brain is as it was."""

from dataclasses import replace

import numpy as np
import pytest

from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.adapters.engines.heads import HeadAligner
from scanward.deidentify.faces.align_inputs import make_align_inputs
from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.look import LookedAt, look
from scanward.deidentify.faces.remodel import remodel
from scanward.deidentify.faces.render import FACE_VIEWS, LIGHTS, depth_of, make_surface, shade, upright
from scanward.deidentify.faces.residual import measure_kept
from scanward.model.faces import FaceFigures, FaceFill, FaceFinding
from scanward.ports.engines import Fit
from tests.common.heads import make_head

MOST_KEPT = {FaceFill.AIR: (0.05, 0.15), FaceFill.SKIN: (0.25, 0.15)}
"""Of face and ears."""

MOST_HITS = {FaceFill.AIR: 2, FaceFill.SKIN: 1}
"""Of nine renders; of those of the head as it was, most."""


@pytest.fixture(scope="module", params=["CT, tilted gantry", "MR, slices of 5 mm"])
def seen(request):
    if request.param.startswith("CT"):
        made = make_head(4, ct=True, spacing=(2.5, 2.0, 2.0), shear=1.0)
        found = look(made.volume, HeadAligner(), load_atlas())
        assert found.finding is FaceFinding.FACE_FOUND
    else:
        made = make_head(3, spacing=(5.0, 1.5, 1.5))
        found = as_made(made)
    return made, found, surface_of(made, found, made.volume.values)


def as_made(made):
    """Return what looking would come to, without an alignment: it is known how a made head lies."""
    inputs = make_align_inputs(made.volume)
    fit = Fit(affine=made.to_atlas, metric=-0.6, freedom=12)
    return LookedAt(finding=FaceFinding.FACE_FOUND, reasons=(), fit=fit, inputs=inputs, figures=FaceFigures())


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


def test_a_detector_that_saw_a_face_sees_hardly_any(seen):
    made, found, before = seen
    assert hits(before) >= 6
    for fill, most in MOST_HITS.items():
        assert hits(surface_of(made, found, take_out_once(seen, fill)[1])) <= most


def test_brain_and_all_that_is_not_masked_keep_their_bits(seen):
    made, _, _ = seen
    mask, values = take_out_once(seen, FaceFill.AIR)
    assert 0.02 < mask.mask.mean() < 0.5
    assert int((mask.mask & made.brain).sum()) == 0
    assert np.array_equal(values[~mask.mask], made.volume.values[~mask.mask])


@pytest.fixture(scope="module")
def small():
    made = make_head(3, spacing=(5.0, 3.0, 3.0))
    return made, as_made(made), None


def test_the_same_seed_gives_the_same_bits(small):
    first, second = (take_out(small, FaceFill.SKIN)[1] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_what_was_not_scanned_stays(small):
    made, found, _ = small
    valid = np.ones(made.volume.values.shape, bool)
    valid[: valid.shape[0] // 2] = False
    volume = replace(made.volume, valid=valid)
    mask = remodel(volume, found.fit.affine, found.inputs.skin, load_atlas(), fill=FaceFill.AIR, seed=7)
    assert mask.mask.any()
    assert not (mask.mask & ~valid).any()
