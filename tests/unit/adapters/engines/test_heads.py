import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name in its own manual
from scipy import ndimage as ndi

from scanward.adapters.engines.heads import HeadAligner
from scanward.deidentify.faces.align_inputs import GRID_MM, make_align_inputs
from scanward.deidentify.faces.atlas import ORIGIN_MM, SPACING_MM, load_atlas
from scanward.deidentify.faces.gates import guesses
from scanward.ports.engines import Grid
from tests.common.heads import make_head


@pytest.fixture(scope="module")
def made():
    return make_head(5)


def align(made):
    inputs = make_align_inputs(made.volume)
    head = Grid(values=inputs.t1, origin_mm=inputs.origin_mm, spacing_mm=GRID_MM)
    template = Grid(values=load_atlas().t1, origin_mm=ORIGIN_MM, spacing_mm=SPACING_MM)
    return HeadAligner().align(head, ndi.binary_dilation(inputs.head, iterations=3), template, guesses(inputs)[3:7])


def test_finds_how_a_head_lies_and_says_the_same_on_any_number_of_threads(made):
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        first = align(made)
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(4)
        second = align(made)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    assert first.affine.tobytes() == second.affine.tobytes()
    assert first.metric == second.metric
    corners = np.array([[x, y, z, 1] for x in (-60, 60) for y in (-90, 60) for z in (-60, 60)]).T
    true = np.linalg.inv(made.to_atlas) @ corners
    assert np.abs(first.affine @ true - corners).max() < 5


def test_nothing_that_overlaps_has_no_alignment():
    empty = Grid(values=np.zeros((20, 20, 20), np.float32), origin_mm=(0, 0, 0), spacing_mm=4.0)
    template = Grid(values=load_atlas().t1, origin_mm=ORIGIN_MM, spacing_mm=SPACING_MM)
    inputs = make_align_inputs(make_head(5).volume)
    assert HeadAligner().align(empty, np.zeros((20, 20, 20), bool), template, guesses(inputs)) is None
