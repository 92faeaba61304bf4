"""What changes of a volume, put back: an independent reader sees the masked pixels changed and no others."""

from __future__ import annotations

import io
import subprocess

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.faces.planes import read_slices
from scanward.deidentify.faces.series import read_volume, survey
from scanward.deidentify.faces.write import PlanePatch, VolumePatch, join, rebuild_faceless, shows_beyond
from scanward.deidentify.pixels.header import read_pixel_header
from scanward.deidentify.pixels.rebuild import masks_of, rebuild, reopen
from scanward.errors import HoldError
from tests.common import codestreams as cs
from tests.common.head_series import AXIAL, SAGITTAL, files_of_zip, make_enhanced, make_slices, openers_of
from tests.common.pixels import box_of, encapsulated_file_of, file_of, make_header, open_file, raw_frames, replaced

TILT = np.deg2rad(18.5)
TILTED = (1, 0, 0, 0, np.cos(TILT), -np.sin(TILT))


def face_of(volume):
    """Return a made-up mask of a face: what lies in front, but for the brain."""
    k, j, i = np.indices(volume.values.shape)
    _, y, z = np.einsum("ab,bkji->akji", volume.affine[:3], np.stack([i, j, k, np.ones_like(k)]))
    return (y < -55) & (z < 40)


def write_back(files, patch_of, *, group_number=0):
    """Return, for each file, the Data Set before and after."""
    openers = openers_of(files)
    groups = survey(openers).groups
    group = groups[group_number]
    volume = read_volume(group, openers, ImageCodec())
    patch = patch_of(volume)
    pairs = []
    for number, data in enumerate(files):
        start, _, frames = open_file(data, ImageCodec())
        slices = group.frames_of(number)
        made = rebuild_faceless(frames, slices, {at: patch.cut(one.plane) for at, one in slices.items()})
        before = dcmread(io.BytesIO(data), force=True)
        pairs.append((before, before if made is None else replaced(data, made, start)))
    return group, volume, patch, pairs


def values_patch(value, *, flat=True):
    def patch_of(volume):
        mask = face_of(volume)
        values = np.full(volume.values.shape, value, np.float32)
        return VolumePatch(mask=mask, values=values[mask] if flat else values, affine=volume.affine)

    return patch_of


def mask_by_place(group, patch, number, shape):
    """Return the mask of an even volume for an instance of one frame."""
    (place,) = [at for at, one in enumerate(group.slices) if one.instance == number]
    return patch.mask[place].reshape(shape)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(
    ("allocated", "stored", "signed", "slope", "intercept"),
    [(16, 16, True, 1, 0), (16, 12, False, 1, -1024), (16, 16, False, 0.5, -1024), (16, 13, True, 2, -10)],
)
def test_only_masked_pixels_change(syntax, allocated, stored, signed, slope, intercept):
    files = make_slices(
        allocated=allocated, stored=stored, signed=signed, slope=slope, intercept=intercept, syntax=syntax
    )[::-1]
    group, _, patch, pairs = write_back(files, values_patch(-1000))
    assert patch.mask.any()
    for number, (before, after) in enumerate(pairs):
        old, new = raw_frames(before)[0], raw_frames(after)[0]
        mask = mask_by_place(group, patch, number, old.shape)
        assert np.array_equal(old[~mask], new[~mask])
        assert np.all(new[mask] == round((-1000 - intercept) / slope))


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, TILTED])
def test_nothing_but_pixels_changes(orientation):
    files = make_slices(orientation=orientation)
    _, _, _, pairs = write_back(files, values_patch(-1000, flat=False))
    for before, after in pairs:
        for ds in (before, after):
            ds.PixelData = b""
        assert before == after


def test_values_beyond_what_can_be_stored_are_the_nearest():
    for value, stored in ((-5000, 0), (90000, 4095)):
        files = make_slices(stored=12, signed=False, intercept=-1024)
        group, _, patch, pairs = write_back(files, values_patch(value))
        for number, (_, after) in enumerate(pairs):
            new = raw_frames(after)[0]
            assert np.all(new[mask_by_place(group, patch, number, new.shape)] == stored)


def test_low_values_shown_white_stay_so():
    files = make_slices(modality="MR", allocated=8, signed=False, slope=4, photometric="MONOCHROME1")
    group, _, patch, pairs = write_back(files, values_patch(100))
    for number, (_, after) in enumerate(pairs):
        new = raw_frames(after)[0]
        assert np.all(new[mask_by_place(group, patch, number, new.shape)] == 255 - 25)


def test_what_was_not_scanned_stays_and_nothing_new_is_padding():
    def change(ds, number):
        ds.add_new(0x00280120, "SS", -2000)

    def paint(raw, number):
        raw[:4] = -2000
        return raw

    files = make_slices(change=change, paint=paint)
    group, _, patch, pairs = write_back(files, values_patch(-2000))
    touched = 0
    for number, (before, after) in enumerate(pairs):
        old, new = raw_frames(before)[0], raw_frames(after)[0]
        mask = mask_by_place(group, patch, number, old.shape)
        assert np.all(new[:4] == -2000)
        assert np.array_equal(old[~mask], new[~mask])
        assert np.all(new[4:][mask[4:]] == -1999)
        touched += np.count_nonzero(mask[:4])
    assert touched


def test_padding_that_draws_the_profile_goes_with_it():
    def change(ds, number):
        ds.add_new(0x00280120, "SS", -2000)

    files = make_slices(change=change, paint=lambda raw, number: np.where(raw < -500, -2000, raw))
    group, _, patch, pairs = write_back(files, values_patch(-1000))
    for number, (before, after) in enumerate(pairs):
        old, new = raw_frames(before)[0], raw_frames(after)[0]
        mask = mask_by_place(group, patch, number, old.shape)
        if (old > -2000).any():
            assert np.all(new[mask] == -1000)


def test_uneven_slices_take_what_is_nearest():
    along = [*np.arange(-96, -20, 4.0), *np.arange(-19, 97, 7.0)]
    files = make_slices(orientation=TILTED, step=(0, 0, 1), along=along)
    group, volume, patch, pairs = write_back(files, values_patch(-1000))
    changed = 0
    for number, (before, after) in enumerate(pairs):
        old, new = raw_frames(before)[0], raw_frames(after)[0]
        plane = group.frames_of(number)[0].plane
        height = (np.linalg.inv(volume.affine) @ (*plane.position, 1))[2]
        mask = patch.mask[round(height)]
        assert np.array_equal(old[~mask], new[~mask])
        assert np.all(new[mask] == -1000)
        changed += mask.sum()
    assert changed


def test_a_thinned_volume_changes_all_pixels_of_its_voxels():
    files = make_slices()
    openers = openers_of(files)
    (group,) = survey(openers).groups
    volume = read_volume(group, openers, ImageCodec(), max_voxels=33 * 24 * 28)
    mask = face_of(volume)
    patch = VolumePatch(mask=mask, values=np.arange(mask.sum(), dtype=np.float32), affine=volume.affine)
    for place, one in enumerate(group.slices):
        cut = patch.cut(one.plane)
        assert np.array_equal(cut.mask, np.kron(mask[place], np.ones((2, 2), bool)))
        whole = np.zeros(mask.shape, np.float32)
        whole[mask] = patch.values
        assert np.array_equal(cut.values[cut.mask], np.kron(whole[place], np.ones((2, 2)))[cut.mask])


@pytest.mark.parametrize("reverse", [False, True])
def test_frames_of_each_echo_get_values_of_their_own_scale(reverse):
    data = make_enhanced(echoes=2, reverse=reverse)
    for echo in (0, 1):
        group, _, patch, ((before, after),) = write_back([data], values_patch(300), group_number=echo)
        old, new = raw_frames(before), raw_frames(after)
        frames = [one.frame for one in group.slices]
        assert len(old) == len(new) == 62
        for frame in range(62):
            if frame not in frames:
                assert np.array_equal(old[frame], new[frame])
                continue
            mask = patch.mask[frames.index(frame)]
            assert np.array_equal(old[frame][~mask], new[frame][~mask])
            assert np.all(new[frame][mask] == 300 / (0.5 * (echo + 1)))
        assert before.PerFrameFunctionalGroupsSequence == after.PerFrameFunctionalGroupsSequence


@pytest.mark.parametrize("uid", [cs.RLE, cs.JPEG_LS, cs.JPEG_2000])
def test_coded_frames_are_coded_again_only_where_they_change(uid):
    native = make_slices(signed=False, intercept=-1024, stored=16)
    files = []
    for data in native:
        ds = dcmread(io.BytesIO(data), force=True)
        frame = raw_frames(ds)[0]
        del ds.PixelData
        files.append(encapsulated_file_of(ds, [cs.make_codestream(frame, uid)], uid))
    group, _, patch, pairs = write_back(files, values_patch(-1000))
    for number, (before, after) in enumerate(pairs):
        old, new = raw_frames(before)[0], raw_frames(after)[0]
        mask = mask_by_place(group, patch, number, old.shape)
        assert after.file_meta.TransferSyntaxUID == uid
        assert np.array_equal(old[~mask], new[~mask])
        assert np.all(new[mask] == 24)
        if not mask.any():
            assert before.PixelData == after.PixelData


def test_a_face_goes_after_text_did():
    data = make_slices(change=lambda ds, number: ds.add_new(0x00280107, "SS", 900))[12]
    start, _, frames = open_file(data)
    slices = {0: read_slices(frames.header, frames.facts, 0)[0]}
    text = rebuild(frames, masks_of([box_of(4, 40, 20, 6)], frames.layout))
    mask = np.zeros((48, 56), np.bool_)
    mask[:20, 10:40] = True
    patch = PlanePatch(mask=mask, values=np.full(mask.shape, -900, np.float32), known=~mask | mask)
    face = rebuild_faceless(reopen(frames, text), slices, {0: patch})
    after = replaced(data, join(text, face), start)
    old, new = raw_frames(dcmread(io.BytesIO(data), force=True))[0], raw_frames(after)[0]
    wanted = raw_frames(replaced(data, text, start))[0]
    wanted[mask] = -900
    assert np.array_equal(new, wanted)
    assert "LargestImagePixelValue" not in after
    assert not np.array_equal(old, wanted)


# Carried over to others of the same Frame of Reference


def slice_of(data):
    _, facts, frames = open_file(data)
    (one,) = read_slices(frames.header, facts, 0)
    return one


def source_patch():
    openers = openers_of(make_slices())
    (group,) = survey(openers).groups
    volume = read_volume(group, openers, ImageCodec())
    mask = face_of(volume)
    return VolumePatch(mask=mask, values=None, affine=volume.affine)


@pytest.mark.parametrize(("modality", "air"), [("PT", 0), ("MR", 3), ("CT", -1000)])
def test_a_mask_is_carried_to_another_series(modality, air):
    patch = source_patch()
    files = make_slices(modality=modality, orientation=SAGITTAL, along=np.arange(-60, 61, 7.0), rows=40, columns=44)
    for data in files:
        start, facts, frames = open_file(data)
        (one,) = read_slices(read_pixel_header(start), facts, 0)
        cut = patch.carry(one.plane)
        made = rebuild_faceless(frames, {0: one}, {0: cut})
        new, old = (raw_frames(ds)[0] for ds in (replaced(data, made, start), dcmread(io.BytesIO(data), force=True)))
        j, i = np.indices((40, 44))
        position, row, column = (
            np.array(part) for part in (one.plane.position, one.plane.along_row, one.plane.along_column)
        )
        _, y, z = (position[axis] + 4 * i * row[axis] + 5 * j * column[axis] for axis in range(3))
        inside, clear = (y < -58) & (y > -117) & (z < 37) & (z > -95), (y > -52) | (z > 43)
        assert cut.mask[inside].all()
        assert not cut.mask[clear].any()
        assert np.all(new[inside] == air)
        assert np.array_equal(new[clear], old[clear])


def test_where_nobody_knows_is_told():
    patch = source_patch()
    one = slice_of(make_slices(along=[-140.0])[0])
    cut = patch.carry(one.plane)
    assert not cut.known.any()
    assert not cut.mask.any()
    air, skin = np.full((48, 56), -1000, np.float32), np.full((48, 56), 40, np.float32)
    assert shows_beyond(skin, cut, "CT")
    assert shows_beyond(skin, cut, "MR")
    assert not shows_beyond(air, cut, "CT")
    within = patch.carry(slice_of(make_slices()[14]).plane)
    assert within.known.all()
    assert not shows_beyond(skin, within, "CT")


def test_segments_and_doses_lose_what_is_masked():
    patch = source_patch()
    labels = np.ones((3, 48, 56), np.uint8)
    ds = make_header(rows=48, columns=56, frames=3, allocated=1, modality="SEG")
    _, facts, frames = open_file(file_of(ds, np.packbits(labels, bitorder="little").tobytes(), ExplicitVRLittleEndian))
    like = slice_of(make_slices()[14])
    slices = read_slices(frames.header, facts, 0)
    assert all(one.plane is None for one in slices)
    cut = patch.carry(like.plane)
    made = rebuild_faceless(frames, {one.frame: one for one in slices}, {1: cut})
    after = reopen(frames, made)
    assert np.array_equal(after.frame(1), (~cut.mask).astype(np.uint8))
    assert after.frame(0).all()
    assert after.frame(2).all()


def test_the_planes_of_a_dose_follow_its_offsets():
    ds = make_header(rows=8, columns=8, frames=3, allocated=32, modality="RTDOSE")
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 10], list(AXIAL)
    ds.PixelSpacing = [2, 2]
    for offsets in ([0, 3, 6], [10, 13, 16]):
        ds.add_new(0x3004000C, "DS", offsets)
        _, facts, frames = open_file(file_of(ds, bytes(3 * 8 * 8 * 4), ExplicitVRLittleEndian))
        assert [one.plane.position[2] for one in read_slices(frames.header, facts, 0)] == [10, 13, 16]


def test_no_mask_of_another_size_and_no_colours():
    _, facts, frames = open_file(make_slices()[0])
    slices = {0: read_slices(frames.header, facts, 0)[0]}
    mask = np.ones((4, 4), np.bool_)
    with pytest.raises(HoldError, match="size"):
        rebuild_faceless(frames, slices, {0: PlanePatch(mask=mask, values=None, known=mask)})
    ds = make_header(rows=4, columns=4, samples=3, photometric="RGB")
    _, facts, frames = open_file(file_of(ds, bytes(48), ExplicitVRLittleEndian))
    with pytest.raises(HoldError, match="colours"):
        rebuild_faceless(frames, slices, {0: PlanePatch(mask=mask, values=None, known=mask)})
    with pytest.raises(ValueError, match="one value for each"):
        VolumePatch(mask=np.ones((2, 2, 2), bool), values=np.zeros(3, np.float32), affine=np.eye(4))


# Real series


def dciodvfy(ds, folder):
    path = folder / "one.dcm"
    ds.save_as(path)
    result = subprocess.run(["dciodvfy", path], capture_output=True, text=True, timeout=60, check=False)
    return {line for line in (result.stdout + result.stderr).splitlines() if line.startswith("Error")}


@pytest.mark.realdata
@pytest.mark.peers("dciodvfy")
@pytest.mark.parametrize(
    "name",
    [
        "neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip",
        "Slicer__Slicer/CTHeadAxial_dicom.zip",
        "neurolabusc__dcm_qa_decubitus/decubitus_HFS_t1_dicom.zip",
        "neurolabusc__dcm_qa_xa30/*.dcm",
    ],
)
def test_real_series_come_back_whole(test_data, tmp_path, name):
    (path,) = (test_data / "heads").glob(name)
    files = [path.read_bytes()] if path.suffix == ".dcm" else files_of_zip(path)
    group, volume, patch, pairs = write_back(files, lambda volume: VolumePatch(
        mask=volume.values > np.percentile(volume.values, 97),
        values=np.full(volume.values.shape, volume.values.min(), np.float32),
        affine=volume.affine,
    ))  # fmt: skip
    assert group.fault is None
    assert len(pairs) == len(files)
    changed = 0
    for number, (before, after) in enumerate(pairs):
        old, new = raw_frames(before), raw_frames(after)
        for frame, one in group.frames_of(number).items():
            mask = patch.cut(one.plane).mask
            assert np.array_equal(old[frame][~mask], new[frame][~mask])
            changed += np.count_nonzero(old[frame] != new[frame])
    assert changed > 0.9 * patch.mask.sum() * len(group.slices) / len(volume.values)
    middle = len(pairs) // 2
    assert dciodvfy(pairs[middle][1], tmp_path) <= dciodvfy(pairs[middle][0], tmp_path)
