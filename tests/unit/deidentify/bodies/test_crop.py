"""What is cut off a body: an independent reader sees air outside of the box, and the same bits within."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.bodies.crop import body_middle, crop_around, crop_plane, crop_volume, find_body, place_box
from scanward.deidentify.faces.series import read_volume, survey
from scanward.deidentify.faces.volume import Volume
from scanward.deidentify.faces.write import rebuild_faceless
from scanward.errors import HoldError
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy
from tests.common.head_series import AXIAL, SAGITTAL, make_slices, openers_of
from tests.common.pixels import open_file, raw_frames, replaced

TILT = np.deg2rad(18.5)
TILTED = (1, 0, 0, 0, np.cos(TILT), -np.sin(TILT))
BOX = BodyBox(x=(-40, 40), y=(-50, 60), z=(-30, 45))


def places_of(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    k, j, i = np.indices(shape)
    return np.einsum("ab,bkji->akji", affine[:3], np.stack([i, j, k, np.ones_like(k)]))


def is_within(box: BodyBox, places: np.ndarray) -> np.ndarray:
    inside = np.ones(places.shape[1:], bool)
    for place, (low, high) in zip(places, (box.x, box.y, box.z), strict=True):
        inside &= (place >= low) & (place <= high)
    return inside


def trunk(center=(20.0, -30.0, 5.0), *, modality="CT", air=-1000.0, tissue=40.0) -> Volume:
    """A body of some 20 cm, a table below it and a rod beside it, on a grid of 4 mm."""
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    affine[:3, 3] = -128, -128, -80
    x, y, z = places_of(affine, (32, 64, 64))
    body = ((x - center[0]) / 90) ** 2 + ((y - center[1]) / 70) ** 2 < 1
    body &= np.abs(z - center[2]) <= 60
    table = (np.abs(y - 70) < 3) & (np.abs(x) < 120)
    rod = (np.abs(x + 110) < 9) & (np.abs(y + 90) < 9)
    values = np.where(body | table | rod, tissue, air).astype(np.float32)
    return Volume(values=values, affine=affine, valid=None, modality=modality)


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, TILTED])
def test_outside_of_the_box_is_air_and_within_every_bit_stays(orientation):
    files = make_slices(orientation=orientation)
    openers = openers_of(files)
    (group,) = survey(openers).groups
    volume = read_volume(group, openers, ImageCodec())
    mask = crop_volume(BOX, volume).mask
    assert np.array_equal(mask, ~is_within(BOX, places_of(volume.affine, volume.values.shape)))
    assert mask.any()
    assert not mask.all()
    for number, data in enumerate(files):
        start, _, frames = open_file(data, ImageCodec())
        slices = group.frames_of(number)
        patches = {at: crop_plane(BOX, one.plane) for at, one in slices.items()}
        made = rebuild_faceless(frames, slices, patches)
        assert made is not None
        before = dcmread(io.BytesIO(data), force=True)
        after = replaced(data, made, start)
        outside = patches[0].mask
        old, new = raw_frames(before)[0], raw_frames(after)[0]
        assert np.array_equal(old[~outside], new[~outside])
        slope, intercept = float(before.RescaleSlope), float(before.RescaleIntercept)
        assert np.all(new[outside] * slope + intercept == -1000)
        for ds in (before, after):
            ds.PixelData = b""
        assert before == after  # geometry, and all else


def test_a_frame_and_its_volume_agree():
    files = make_slices()
    openers = openers_of(files)
    (group,) = survey(openers).groups
    patch = crop_volume(BOX, read_volume(group, openers, ImageCodec()))
    for one in group.slices:
        assert np.array_equal(crop_plane(BOX, one.plane).mask, patch.cut(one.plane).mask)


def test_the_body_is_what_is_largest_and_neither_table_nor_rod():
    volume = trunk()
    body = find_body(volume)
    x, y, _ = places_of(volume.affine, volume.values.shape)
    assert not body[np.abs(y - 70) < 3].any()
    assert not body[x < -100].any()
    assert np.allclose(body_middle(volume), (20, -30, 5), atol=4)


@pytest.mark.parametrize(("modality", "air", "tissue"), [("CT", -1000, 40), ("MR", 3, 400), ("PT", 0, 5)])
def test_a_box_counted_from_the_body_goes_with_it(modality, air, tissue):
    keep = BodyPolicy(keep=BodyBox(x=(-30, 30), y=(-30, 30), z=(-30, 30)))
    for center in ((0.0, 0.0, 0.0), (20.0, -30.0, 5.0)):
        box = place_box(keep, trunk(center, modality=modality, air=air, tissue=tissue))
        assert box is not None
        middle = [(low + high) / 2 for low, high in (box.x, box.y, box.z)]
        assert np.allclose(middle, center, atol=4)


def test_a_box_of_the_patient_stays_where_it_is_and_no_box_keeps_all():
    assert place_box(BodyPolicy(keep=BOX, origin=BodyOrigin.PATIENT), trunk()) is BOX
    assert place_box(BodyPolicy(), trunk()) is None


def test_without_a_body_nothing_is_counted_from_it():
    empty = np.full((20, 30, 30), -1000, np.float32)
    specks = empty.copy()
    specks[5:8, 5:8, 5:8] = 40
    for values in (empty, specks, np.zeros_like(empty)):
        volume = Volume(values=values, affine=np.eye(4), valid=None, modality="MR" if not values.any() else "CT")
        with pytest.raises(HoldError, match="expected a body"):
            place_box(BodyPolicy(keep=BOX), volume)


def test_around_an_organ_so_much_stays_as_is_asked_for():
    volume = trunk()
    wanted = np.zeros(volume.values.shape, bool)
    wanted[16, 32, 32] = True
    mask = crop_around(wanted, 20, volume).mask
    places = places_of(volume.affine, volume.values.shape)
    far = np.linalg.norm(places - places[:, 16, 32, 32][:, None, None, None], axis=0)
    assert not mask[far <= 20].any()
    assert mask[far > 20.001].all()


def test_around_nothing_is_refused():
    volume = trunk()
    with pytest.raises(HoldError, match="got an empty one"):
        crop_around(np.zeros(volume.values.shape, bool), 10, volume)
    with pytest.raises(ValueError, match="grid"):
        crop_around(np.ones((2, 2, 2), bool), 10, volume)


@given(
    lows=st.tuples(*[st.floats(-150, 100)] * 3), sizes=st.tuples(*[st.floats(10, 200)] * 3), shift=st.floats(-50, 50)
)
def test_a_larger_box_never_cuts_more(lows, sizes, shift):
    volume = trunk()
    small = BodyBox(**{name: (low, low + size) for name, low, size in zip("xyz", lows, sizes, strict=True)})
    x, y, z = ((low - abs(shift), high + 1) for low, high in (small.x, small.y, small.z))
    large = crop_volume(BodyBox(x=x, y=y, z=z), volume).mask
    assert not (large & ~crop_volume(small, volume).mask).any()
