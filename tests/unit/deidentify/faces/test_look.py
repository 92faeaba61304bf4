from dataclasses import replace

import numpy as np
import pytest

from scanward.adapters.engines.heads import HeadAligner
from scanward.adapters.nifti import read_nifti
from scanward.deidentify.faces.align_inputs import make_align_inputs
from scanward.deidentify.faces.atlas import ORIGIN_MM, SPACING_MM, load_atlas
from scanward.deidentify.faces.look import face_of, look
from scanward.deidentify.faces.remodel import remodel
from scanward.deidentify.faces.volume import Volume
from scanward.model.faces import FaceFill, FaceFinding
from scanward.ports.engines import Fit
from tests.common.heads import cropped, make_cylinders, make_head, upside_down

SPACING = (3.0, 3.0, 3.0)


class NoEngine:
    """Fails a test in which a volume is aligned that need not be."""

    name = "none"

    def align(self, *given):
        pytest.fail("aligned")


def seen_on(made, values) -> FaceFinding:
    """Return what is said of the face of a head of which it is known how it lies."""
    volume = replace(made.volume, values=np.asarray(values, np.float32))
    fit = Fit(affine=made.to_atlas, metric=-0.6, freedom=12)
    return face_of(volume, make_align_inputs(volume), fit, load_atlas())


def places_of(made) -> np.ndarray:
    """Return x, y and z of the atlas of each voxel."""
    index = np.stack([*np.indices(made.volume.values.shape)[::-1], np.ones(made.volume.values.shape)])
    return np.einsum("ab,b...->a...", made.to_atlas @ made.volume.affine, index)[:3]


def in_face(made) -> np.ndarray:
    """Return which voxels lie in the face, and what is in front of it."""
    at = (places_of(made) - np.array(ORIGIN_MM)[:, None, None, None]) / SPACING_MM
    index = [
        np.clip(np.rint(one).astype(int), 0, length - 1)
        for one, length in zip(at[::-1], load_atlas().cut.shape, strict=True)
    ]
    return load_atlas().cut[tuple(index)] < 0


@pytest.fixture(scope="module", params=[False, True], ids=["MR", "CT"])
def made(request):
    return make_head(2, ct=request.param, spacing=SPACING)


def test_a_face_is_found(made):
    assert seen_on(made, made.volume.values) is FaceFinding.FACE_FOUND


@pytest.mark.parametrize("fill", FaceFill)
def test_what_was_treated_with_air_is_known_again(fill):
    made = make_head(2, spacing=SPACING)
    skin = make_align_inputs(made.volume).skin
    mask = remodel(made.volume, made.to_atlas, skin, load_atlas(), fill=fill, seed=3)
    values = made.volume.values.copy()
    values[mask.mask] = mask.values
    assert (seen_on(made, values) is FaceFinding.ALREADY_FACELESS) == (fill is FaceFill.AIR)


def test_a_face_that_another_program_took_off_is_known():
    made = make_head(2, spacing=SPACING)
    values = made.volume.values.copy()
    values[in_face(made)] = 0
    assert seen_on(made, values) is FaceFinding.ALREADY_FACELESS


@pytest.mark.parametrize("share", [0.12, 0.3])
def test_a_dark_face_is_one(share):
    made = make_head(2, spacing=SPACING)
    values = np.where(in_face(made), made.volume.values * share, made.volume.values)
    assert seen_on(made, values) is FaceFinding.FACE_FOUND


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(lambda x, y, z: x < 0, id="one side"),
        pytest.param(lambda x, y, z: z < -60, id="mouth and nose, by metal"),
        pytest.param(lambda x, y, z: z > -50, id="eyes"),
        pytest.param(lambda x, y, z: np.abs(x) < 25, id="nose and mouth"),
    ],
)
def test_a_face_of_which_part_is_lost_is_one(made, lost):
    empty = float(made.volume.values.min())
    values = np.where(in_face(made) & lost(*places_of(made)), empty, made.volume.values)
    assert seen_on(made, values) is FaceFinding.FACE_FOUND


@pytest.mark.parametrize("first", [0.1, 0.2, 0.25, 0.3])
def test_a_face_that_ends_with_the_scan_is_not_taken_for_one_that_is_gone(made, first):
    volume = cropped(made.volume, first, 1.0, axis=1)
    fit = Fit(affine=made.to_atlas, metric=-0.6, freedom=12)
    found = face_of(volume, make_align_inputs(volume), fit, load_atlas())
    assert found in {FaceFinding.FACE_FOUND, FaceFinding.NO_FACE_IN_VIEW}


def test_brain_without_skull_is_told():
    found = look(make_head(2, scalp=False, spacing=SPACING).volume, HeadAligner(), load_atlas())
    assert found.finding is FaceFinding.SKULL_STRIPPED


def test_head_upside_down_is_refused():
    found = look(upside_down(make_head(2, ct=True, spacing=SPACING).volume), HeadAligner(), load_atlas())
    assert found.finding is FaceFinding.REFUSED
    assert found.reasons


def test_trunk_is_no_head():
    assert look(make_cylinders("trunk"), NoEngine(), load_atlas()).finding is FaceFinding.NO_HEAD


@pytest.mark.parametrize(("slices", "step"), [(14, 4.0), (1, 4.0), (20, 9.0)])
def test_too_few_slices_and_too_wide_gaps_are_refused(slices, step):
    values = np.zeros((slices, 64, 64), np.float32)
    volume = Volume(values=values, affine=np.diag([3.0, 3, step, 1]), valid=None, modality="CT")
    found = look(volume, NoEngine(), load_atlas())
    assert found.finding is FaceFinding.REFUSED
    assert "expected" in found.reasons[0]


@pytest.mark.realdata
def test_real_t2_that_was_defaced_by_others_passes_unchanged(test_data):
    volume = read_nifti(test_data / "heads/neurolabusc__Clinical/T2.nii.gz").volume()
    assert look(volume, HeadAligner(), load_atlas()).finding is FaceFinding.ALREADY_FACELESS
