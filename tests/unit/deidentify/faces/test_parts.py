"""What passes as no head, and that no part of a head ever does."""

from dataclasses import replace

import numpy as np
import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.nifti import read_nifti
from scanward.deidentify.faces.align_inputs import make_align_inputs
from scanward.deidentify.faces.parts import is_no_head
from scanward.deidentify.faces.series import read_volume, survey
from scanward.deidentify.faces.volume import Volume
from tests.common.head_series import files_of_zip, openers_of
from tests.common.heads import cropped, make_body, make_cylinders, make_head, turned, upside_down


def passes(volume: Volume) -> bool:
    return is_no_head(make_align_inputs(volume))


@pytest.fixture(scope="module")
def ct():
    return make_head(1, ct=True, spacing=(3.0, 3.0, 3.0)).volume


@pytest.fixture(scope="module")
def mr():
    return make_head(2, spacing=(3.0, 3.0, 3.0)).volume


@pytest.mark.parametrize("kind", ["trunk", "legs", "forearm", "phantom"])
def test_ct_of_other_parts_of_the_body_is_no_head(kind):
    assert passes(make_cylinders(kind))


@pytest.mark.parametrize("kind", ["trunk", "forearm", "phantom"])
def test_mr_of_a_trunk_a_thin_limb_and_a_phantom_is_no_head(kind):
    assert passes(make_cylinders(kind, ct=False))


@pytest.mark.parametrize("turn", [lambda one: one, upside_down, lambda one: turned(one, 0), lambda one: turned(one, 1)])
def test_a_head_is_one_however_it_lies(ct, mr, turn):
    assert not passes(turn(ct))
    assert not passes(turn(mr))


@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("part", [(0.1, 0.3), (0.2, 0.45), (0.4, 0.6), (0.5, 0.8)])
def test_no_slab_of_a_head_passes(mr, part, tilted):
    made = make_head(1, ct=True, spacing=(3.0, 3.0, 3.0), shear=1.0 if tilted else 0.0).volume
    assert not passes(cropped(made, *part))
    assert not passes(cropped(mr, *part))


@pytest.mark.parametrize("part", [(0.1, 0.5), (0.3, 0.9)])
@pytest.mark.parametrize("axis", [1, 2])
def test_no_half_of_a_head_passes(ct, mr, part, axis):
    assert not passes(cropped(ct, *part, axis=axis))
    assert not passes(cropped(mr, *part, axis=axis))


@pytest.mark.parametrize("lowest", [0, 40, 80])
@pytest.mark.parametrize("arms", [False, True])
def test_a_trunk_with_a_head_on_it_does_not_pass_be_it_the_chin_alone(arms, lowest):
    assert not passes(make_body(arms=arms, lowest=lowest))


def test_ct_whose_header_names_no_offset_is_read_as_it_is_meant(ct):
    found = make_align_inputs(replace(ct, values=ct.values + 1024))
    assert found.skin.offset_hu == 1024
    assert np.array_equal(found.head, make_align_inputs(ct).head)


def test_ct_without_any_air_says_nothing(ct):
    assert not passes(replace(ct, values=np.clip(ct.values, 0, None)))


@pytest.mark.parametrize("modality", ["CT", "MR", ""])
def test_nothing_is_no_head(modality):
    values = np.full((30, 40, 40), -1000 if modality == "CT" else 0, np.float32)
    assert passes(Volume(values=values, affine=np.diag([2.0, 2, 2, 1]), valid=None, modality=modality))


@pytest.mark.realdata
def test_real_abdomen_passes_and_no_real_head_nor_a_third_of_one(test_data):
    assert passes(read_nifti(test_data / "images/wasserth__TotalSegmentator/example_ct.nii.gz").volume())
    for name in ("neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip", "Slicer__Slicer/CTHeadAxial_dicom.zip"):
        openers = openers_of(files_of_zip(test_data / "heads" / name))
        group = max(survey(openers).groups, key=lambda one: len(one.slices))
        volume = read_volume(group, openers, ImageCodec())
        assert not passes(volume)
        for part in ((0, 0.34), (0.33, 0.67), (0.66, 1)):
            assert not passes(cropped(volume, *part))
