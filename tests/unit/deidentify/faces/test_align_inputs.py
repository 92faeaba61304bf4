import numpy as np
import pytest

from scanward.deidentify.faces.align_inputs import (
    CT_SKIN_HU,
    GRID_MM,
    grid_affine,
    head_of,
    make_align_inputs,
    sample,
    skin_of,
    thinned,
)
from scanward.deidentify.faces.volume import Volume
from tests.common.heads import make_head


def volume_of(values, *, spacing=1.0, modality="MR", valid=None) -> Volume:
    return Volume(
        values=np.asarray(values, np.float32),
        affine=np.diag([spacing, spacing, spacing, 1.0]),
        valid=valid,
        modality=modality,
    )


def test_ct_is_told_by_its_header_or_else_by_values_that_only_it_has():
    air = np.full((20, 20, 20), -1000.0)
    assert skin_of(volume_of(air, modality="CT")).is_ct
    assert skin_of(volume_of(air, modality="")).is_ct
    assert not skin_of(volume_of(air, modality="MR")).is_ct
    assert skin_of(volume_of(air, modality="CT")).threshold == CT_SKIN_HU


def test_mr_skin_lies_between_noise_and_tissue():
    values = np.random.default_rng(0).uniform(0, 20, (30, 30, 30))
    values[8:22, 8:22, 8:22] += 300
    assert 20 < skin_of(volume_of(values)).threshold < 300


def test_what_was_not_scanned_does_not_count():
    values = np.random.default_rng(0).uniform(0, 20, (30, 30, 30))
    values[:15] = 1e6
    valid = np.zeros(values.shape, bool)
    valid[15:] = True
    assert skin_of(volume_of(values, valid=valid)).threshold < 100


def test_averaged_blocks_lie_where_their_voxels_lay():
    slices, rows, columns = np.indices((24, 24, 24))
    thin, valid, affine = thinned(volume_of(columns + 10 * rows + 100 * slices), 4.0)
    assert valid is None
    assert thin.shape == (6, 6, 6)
    x, y, z, _ = affine @ [2, 3, 4, 1]
    assert thin[4, 3, 2] == pytest.approx(x + 10 * y + 100 * z)


def test_sampling_on_a_turned_grid_finds_the_same_values():
    values = np.random.default_rng(0).random((8, 9, 10), np.float32)
    turned = np.array([[0, 1.0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert np.array_equal(sample(values, turned, (8, 10, 9), 0.0), values.transpose(0, 2, 1))


def test_a_table_is_no_part_of_the_head():
    tissue = np.zeros((30, 30, 30), bool)
    tissue[5:25, 5:20, 5:25] = True
    tissue[:, 25, :] = True
    assert not head_of(tissue, 4.0)[:, 24:].any()


def test_nothing_is_no_head():
    assert not head_of(np.zeros((10, 10, 10), bool), 4.0).any()


def test_grid_lies_along_patient_axes_whatever_the_slices_do():
    made = make_head(1, ct=True)
    upright = make_align_inputs(made.volume)
    flipped = Volume(
        values=np.ascontiguousarray(made.volume.values.transpose(2, 1, 0)[::-1]),
        affine=made.volume.affine[:, [2, 1, 0, 3]]
        @ np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, made.volume.values.shape[2] - 1], [0, 0, 0, 1]]),
        valid=None,
        modality="CT",
    )
    again = make_align_inputs(flipped)
    assert again.head_ml == pytest.approx(upright.head_ml, rel=0.02)
    assert again.start_mm == pytest.approx(upright.start_mm, abs=GRID_MM)
    assert grid_affine((1, 2, 3), 4.0)[:3, 3].tolist() == [1, 2, 3]
