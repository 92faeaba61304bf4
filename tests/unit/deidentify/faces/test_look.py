import numpy as np
import pytest

from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.look import look
from scanward.deidentify.faces.volume import Volume
from scanward.model.faces import FaceFinding
from tests.common.heads import make_cylinders, make_head, upside_down


@pytest.fixture(scope="module")
def aligner():
    from scanward.adapters.engines.heads import HeadAligner

    return HeadAligner()


class NoEngine:
    """Fails a test in which a volume is aligned that need not be."""

    name = "none"

    def align(self, *given):
        pytest.fail("aligned")


def test_face_that_is_gone_is_told(aligner):
    found = look(make_head(2, face=False).volume, aligner, load_atlas())
    assert found.finding is FaceFinding.ALREADY_FACELESS


def test_brain_without_skull_is_told(aligner):
    found = look(make_head(2, scalp=False).volume, aligner, load_atlas())
    assert found.finding is FaceFinding.SKULL_STRIPPED


def test_head_upside_down_is_refused(aligner):
    found = look(upside_down(make_head(3).volume), aligner, load_atlas())
    assert found.finding is FaceFinding.REFUSED
    assert found.reasons


def test_trunk_is_no_head():
    assert look(make_cylinders("trunk"), NoEngine(), load_atlas()).finding is FaceFinding.NO_HEAD


@pytest.mark.parametrize("modality", ["CT", "MR", ""])
def test_empty_scan_is_no_head(modality):
    values = np.full((30, 40, 40), -1000 if modality == "CT" else 0, np.float32)
    volume = Volume(values=values, affine=np.diag([2.0, 2, 2, 1]), valid=None, modality=modality)
    assert look(volume, NoEngine(), load_atlas()).finding is FaceFinding.NO_HEAD


@pytest.mark.parametrize(("slices", "step"), [(14, 4.0), (1, 4.0), (20, 9.0)])
def test_too_few_slices_and_too_wide_gaps_are_refused(slices, step):
    values = np.zeros((slices, 64, 64), np.float32)
    volume = Volume(values=values, affine=np.diag([3.0, 3, step, 1]), valid=None, modality="CT")
    found = look(volume, NoEngine(), load_atlas())
    assert found.finding is FaceFinding.REFUSED
    assert "expected" in found.reasons[0]
