"""What stands for several volumes on one grid, and values that are as bright as each of them."""

import numpy as np
import pytest

from scanward.deidentify.faces.align_inputs import skin_of
from scanward.deidentify.faces.remodel import FaceMask
from scanward.deidentify.faces.volume import Volume
from scanward.deidentify.scans.volumes import Together, values_like
from scanward.model.faces import FaceFill

SHAPE = (24, 30, 30)


class Scan:
    def __init__(self, *volumes):
        self._volumes = volumes
        self.count = len(volumes)

    def volume(self, number=0):
        return self._volumes[number]


def ball(bright, *, modality="", air=5.0, shift=0, valid=None):
    z, y, x = np.indices(SHAPE)
    inside = (z - 12) ** 2 + (y - 15) ** 2 + (x - 15 - shift) ** 2 < 100
    noise = np.random.default_rng(1).uniform(0.5, 1.5, SHAPE)
    values = np.where(inside, bright, air) * noise if modality != "CT" else np.where(inside, 40.0, -1000.0)
    return Volume(values=values.astype(np.float32), affine=np.eye(4), valid=valid, modality=modality)


def test_one_volume_stands_for_itself():
    one = ball(100)
    together = Together.of(Scan(one))
    assert together.volume is one
    assert together.oddest is None


def test_each_volume_counts_as_much_however_bright_it_is():
    dim, bright, moved = ball(10, air=0.1), ball(9000, air=90), ball(100, air=1, shift=8)
    together = Together.of(Scan(dim, bright, moved))
    assert together.oddest == 2
    both = (together.volume.values > skin_of(together.volume).threshold).sum()
    assert both > 1.2 * (dim.values > 2).sum()


def test_hounsfield_units_stay_what_they_are_and_what_one_scanned_counts():
    half = np.ones(SHAPE, bool)
    half[:5] = False
    together = Together.of(Scan(ball(0, modality="CT", valid=half), ball(0, modality="CT", valid=half)))
    assert together.volume.modality == "CT"
    assert together.volume.values.min() == -1000
    assert np.array_equal(together.volume.valid, half)
    assert Together.of(Scan(ball(0, modality="CT", valid=half), ball(0, modality="CT"))).volume.valid is None


@pytest.mark.parametrize("fill", FaceFill)
def test_what_stands_where_a_face_was_is_as_bright_as_that_volume(fill):
    dim, bright = ball(100), ball(1000, air=50)
    mean = Together.of(Scan(dim, bright)).volume
    skin = skin_of(mean)
    mask = np.zeros(SHAPE, bool)
    mask[:, 3:9] = True
    is_flesh = np.arange(int(mask.sum())) % 2 == 0
    flesh = float(np.median(mean.values[(mean.values > skin.threshold) & ~mask]))
    dark = float(np.median(mean.values[mean.values <= skin.threshold]))
    made = FaceMask(mask=mask, values=np.where(is_flesh, flesh, dark).astype(np.float32), protected=mask)
    found = values_like(bright, mean, made, skin, fill=fill, seed=1)
    assert found[~is_flesh].mean() == pytest.approx(50, rel=0.1)
    wanted = 50 if fill is FaceFill.AIR else 1000
    assert found[is_flesh].mean() == pytest.approx(wanted, rel=0.15)
    assert np.array_equal(found, values_like(bright, mean, made, skin, fill=fill, seed=1))
