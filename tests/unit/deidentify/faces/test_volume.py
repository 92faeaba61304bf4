"""Slices as volumes: where they lie, which belong together, and what is refused."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.faces.kinds import Role
from scanward.deidentify.faces.series import make_grid, read_volume, survey
from scanward.errors import DicomFormatError, HoldError, SourceError
from scanward.model.faces import VolumeFault
from tests.common.head_series import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    expected_at,
    files_of_zip,
    make_enhanced,
    make_slices,
    openers_of,
)
from tests.common.pixels import NoCodec

TILT = np.deg2rad(18.5)
TILTED = (1, 0, 0, 0, np.cos(TILT), -np.sin(TILT))
FEET_FIRST = (-1, 0, 0, 0, 1, 0)
DECUBITUS = (0, -1, 0, 1, 0, 0)
OBLIQUE = (0.9, np.sqrt(1 - 0.81), 0, -np.sqrt(1 - 0.81) * 0.8, 0.9 * 0.8, -0.6)


def read_one(files, **options):
    openers = openers_of(files)
    groups = survey(openers).groups
    assert [group.fault for group in groups] == [None]
    return read_volume(groups[0], openers, NoCodec(), **options), groups[0]


def faults_of(files):
    return {group.fault for group in survey(openers_of(files)).groups}


def agrees(volume, share=0.0):
    """Whether a volume has the head where its affine says, but for a share of voxels at edges."""
    wanted = expected_at(volume.affine, volume.values.shape, volume.modality)
    return np.mean(np.abs(volume.values - wanted) > 1.01) <= share


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, FEET_FIRST, DECUBITUS, OBLIQUE, TILTED])
@pytest.mark.parametrize("order", ["as made", "reversed", "mixed up"])
def test_voxels_lie_where_the_head_is(orientation, order, modality):
    files = make_slices(orientation=orientation, modality=modality)
    if order == "reversed":
        files = files[::-1]
    elif order == "mixed up":
        files = [files[at] for at in np.random.default_rng(1).permutation(len(files))]
    volume, _ = read_one(files)
    assert volume.values.shape == (33, 48, 56)
    assert volume.valid is None
    assert np.linalg.det(volume.affine[:3, :3]) > 0
    assert volume.spacing_mm == pytest.approx((6, 5, 4))
    assert not volume.is_sheared
    assert agrees(volume)


def test_a_tilted_gantry_makes_a_sheared_volume():
    volume, _ = read_one(make_slices(orientation=TILTED, step=(0, 0, 1)))
    assert volume.is_sheared
    assert volume.spacing_mm == pytest.approx((6, 5, 4), rel=1e-4)
    assert agrees(volume, 0.001)


def test_uneven_slices_are_put_on_even_ones():
    along = [*np.arange(-96, -20, 4.0), *np.arange(-19, 97, 7.0)]
    volume, group = read_one(make_slices(orientation=TILTED, step=(0, 0, 1), along=along))
    assert not group.is_even
    assert len(along) < len(volume.values) <= 2 * len(along)
    assert agrees(volume, 0.08)  # where it is interpolated across an edge
    assert volume.values.min() >= -1024


def test_pixels_need_not_be_square_and_many_are_taken_together():
    volume, _ = read_one(make_slices(modality="MR"), max_voxels=33 * 24 * 28)
    assert volume.values.shape == (33, 24, 28)
    assert volume.spacing_mm == pytest.approx((6, 10, 8))
    fine, _ = read_one(make_slices(modality="MR"))
    assert volume.values[10, 5, 7] == pytest.approx(fine.values[10, 10:12, 14:16].mean(), rel=1e-5)
    # The middle of four pixels, in the patient.
    wanted = fine.affine @ (14.5, 10.5, 10, 1)
    assert volume.affine @ (7, 5, 10, 1) == pytest.approx(wanted)
    with pytest.raises(HoldError, match="fits in memory"):
        read_one(make_slices(), max_voxels=100)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("form", [(8, None, False), (16, 12, False), (16, 12, True), (16, 16, True)])
def test_values_mean_the_same_however_they_are_stored(form, photometric):
    allocated, stored, signed = form
    files = make_slices(
        modality="MR", allocated=allocated, stored=stored, signed=signed, slope=4.0, photometric=photometric
    )
    volume, _ = read_one(files)
    wanted = expected_at(volume.affine, volume.values.shape, "MR")
    assert np.abs(volume.values - wanted).max() <= 4


def test_what_a_ct_did_not_scan_is_not_valid():
    def paint(raw, number):
        y, x = np.mgrid[:48, :56]
        raw[np.hypot(5 * (y - 23.5), 4 * (x - 27.5)) > 115] = -2000
        return raw

    volume, _ = read_one(make_slices(paint=paint))
    assert volume.valid is not None
    assert not volume.valid[:, 0, 0].any()
    assert volume.valid[:, 24, 28].all()
    assert volume.values.min() == -1024


def test_padding_that_ends_at_the_skin_is_air():
    volume, _ = read_one(make_slices(paint=lambda raw, number: np.where(raw < -500, -2000, raw)))
    # Slices of nothing but padding were not scanned.
    assert volume.valid is None or volume.valid[5:-5].all()

    def change(ds, number):
        ds.add_new(0x00280120, "SS", -32768)

    files = make_slices(modality="MR", change=change, paint=lambda raw, number: np.where(raw < 10, -32768, raw))
    volume, _ = read_one(files)
    assert volume.valid is None
    assert volume.values.min() >= 0


# What belongs together


def test_enhanced_frames_make_a_volume_for_each_echo():
    openers = openers_of([make_enhanced(echoes=2, reverse=True)])
    groups = survey(openers).groups
    assert [(len(group.slices), group.fault) for group in groups] == [(31, None), (31, None)]
    for group in groups:
        volume = read_volume(group, openers, NoCodec())
        wanted = expected_at(volume.affine, volume.values.shape, "MR")
        assert np.abs(volume.values - wanted).max() <= 1


def set_mark(tag, vr, value):
    def change(ds, number):
        ds.add_new(tag, vr, value(number))

    return change


@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00180086, "IS"), (0x00180081, "DS"), (0x00200100, "IS"), (0x00189087, "FD"), (0x00200012, "IS")]
)
def test_echoes_and_times_are_volumes_of_their_own(tag, vr):
    along = np.repeat(np.arange(-90, 91, 6.0), 2)
    groups = survey(
        openers_of(make_slices(along=along, change=set_mark(tag, vr, lambda number: 1 + number % 2)))
    ).groups
    assert [(len(group.slices), group.fault) for group in groups] == [(31, None), (31, None)]


def test_directions_of_diffusion_are_volumes_of_their_own():
    along = np.tile(np.arange(-90, 91, 6.0), 4)

    def change(ds, number):
        direction = number // 31
        ds.add_new(0x00189087, "FD", 1000.0 if direction else 0.0)
        if direction:
            ds.add_new(0x00189089, "FD", [float(direction == axis) for axis in (1, 2, 3)])
        ds.AcquisitionTime = f"1200{number % 60:02}"

    groups = survey(openers_of(make_slices(modality="MR", along=along, change=change))).groups
    assert [(len(group.slices), group.fault) for group in groups] == [(31, None)] * 4


def test_passes_are_told_apart_by_their_numbers_alone():
    along = np.tile(np.arange(-90, 91, 6.0), 3)
    groups = survey(openers_of(make_slices(along=along))).groups
    assert [(len(group.slices), group.fault) for group in groups] == [(31, None)] * 3


def test_an_acquisition_number_for_each_slice_tells_nothing():
    files = make_slices(change=set_mark(0x00200012, "IS", lambda number: number))
    assert faults_of(files) == {None}


def test_series_and_frames_of_reference_are_kept_apart():
    def change(ds, number):
        ds.SeriesInstanceUID = "2.25.3.2"
        ds.SOPInstanceUID = f"2.25.8.{number}"
        del ds.FrameOfReferenceUID

    groups = survey(openers_of([*make_slices(), *make_slices(change=change)])).groups
    assert [group.fault for group in groups] == [None, None]
    assert len({group.frame_of_reference for group in groups}) == 2


# What is refused


def without(indices):
    return lambda files: [one for at, one in enumerate(files) if at not in indices]


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (make_slices()[:14], VolumeFault.FEW_SLICES),
        (make_slices()[5:6], VolumeFault.FEW_SLICES),
        (make_slices(along=np.arange(-96, 97, 8.5)), VolumeFault.WIDE_GAPS),
        (without({12})(make_slices(along=np.arange(-60, 61, 3.0))), VolumeFault.MISSING_SLICES),
        (without({12, 14})(make_slices(along=np.arange(-60, 61, 3.0))), VolumeFault.MISSING_SLICES),
        (without({1})(make_slices(along=np.arange(-60, 61, 3.0))), VolumeFault.MISSING_SLICES),
        ([*make_slices(), make_slices()[9]], VolumeFault.DUPLICATES),
        ([*make_slices(), *make_slices()], VolumeFault.DUPLICATES),
    ],
    ids=["few", "one", "gaps", "missing", "two missing", "missing at the end", "one twice", "all twice"],
)
def test_what_is_no_volume_is_refused_with_the_reason(files, fault):
    groups = survey(openers_of(files)).groups
    assert {group.fault for group in groups} == {fault}
    with pytest.raises(HoldError) as caught:
        groups[0].require_volume()
    assert str(caught.value) == f"head scan: {fault.value}"
    assert caught.value.remedy


def test_few_slices_are_read_for_a_mask_from_elsewhere_and_doubled_ones_are_not():
    openers = openers_of(make_slices()[5:8])
    (group,) = survey(openers).groups
    assert not group.can_align
    assert agrees(read_volume(group, openers, NoCodec()))
    openers = openers_of([*make_slices(), make_slices()[9]])
    (group,) = survey(openers).groups
    with pytest.raises(HoldError, match="one slice at each place"):
        read_volume(group, openers, NoCodec())


def test_a_slice_sent_again_under_another_name_is_a_duplicate():
    def change(ds, number):
        ds.SOPInstanceUID, ds.InstanceNumber = "2.25.99", 99

    again = make_slices(along=[-96.0], change=change)
    assert faults_of([*make_slices(), *again]) == {VolumeFault.DUPLICATES}


def test_mixed_orientations_are_refused_but_not_what_is_a_volume():
    few = make_slices(orientation=SAGITTAL, along=[0.0], change=set_mark(0x00080018, "UI", lambda number: "2.25.9.9"))
    groups = survey(openers_of([*make_slices(), *few])).groups
    assert [(len(group.slices), group.fault) for group in groups] == [(33, None), (1, VolumeFault.MIXED_ORIENTATIONS)]
    turning = [
        make_slices(
            orientation=(np.cos(angle), np.sin(angle), 0, 0, 0, -1),
            along=[0.0],
            change=set_mark(0x00080018, "UI", lambda number, angle=angle: f"2.25.9.{int(angle * 100) + 1}"),
        )[0]
        for angle in np.linspace(0, 3, 20)
    ]
    assert faults_of(turning) == {VolumeFault.MIXED_ORIENTATIONS}


def test_a_slice_of_another_size_is_refused():
    other = make_slices(rows=40, along=[100.0], change=set_mark(0x00080018, "UI", lambda number: "2.25.9.9"))
    assert faults_of([*make_slices(), *other]) == {None, VolumeFault.MIXED_SIZES}


def test_slices_beside_the_line_are_refused():
    def change(ds, number):
        if number == 11:
            x, y, z = ds.ImagePositionPatient
            ds.ImagePositionPatient = [x + 5, y, z]

    assert faults_of(make_slices(change=change)) == {VolumeFault.SHIFTED}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", None),
        ("ImagePositionPatient", ["1", "2"]),
        ("ImageOrientationPatient", None),
        ("ImageOrientationPatient", ["1", "0", "0", "1", "0", "0"]),
        ("ImageOrientationPatient", ["0", "0", "0", "0", "0", "0"]),
        ("PixelSpacing", None),
        ("PixelSpacing", ["0", "0"]),
        ("ImagePositionPatient", ["1", "2", "1e30"]),
    ],
)
def test_a_place_that_cannot_be_is_refused(keyword, value):
    def change(ds, number):
        if value is None:
            del ds[keyword]
        else:
            setattr(ds, keyword, value)

    assert faults_of(make_slices(change=change)) == {VolumeFault.NO_GEOMETRY}


def test_colours_and_tables_are_refused():
    def change(ds, number):
        ds.PhotometricInterpretation = "PALETTE COLOR"

    groups = survey(openers_of(make_slices(modality="MR", change=change))).groups
    assert {group.fault for group in groups} == {VolumeFault.NOT_GREY}
    with pytest.raises(HoldError, match="grey"):
        read_volume(groups[0], [], NoCodec())


def test_fewer_groups_than_frames_are_an_error_of_that_instance():
    data = make_enhanced()
    broken = data.replace(b"\x28\x00\x08\x00IS\x02\x0031", b"\x28\x00\x08\x00IS\x02\x0030")
    assert broken != data
    found = survey(openers_of([broken, *make_slices()]))
    assert found.roles[0] is None
    assert [group.fault for group in found.groups] == [None]


def test_pixels_that_end_early_are_an_error():
    files = make_slices()
    whole = openers_of(files)
    files[7] = files[7][:-2000]
    openers = openers_of(files)
    found = survey(openers)
    assert found.roles[7] is None
    assert {group.fault for group in found.groups} == {VolumeFault.WIDE_GAPS}
    with pytest.raises(DicomFormatError):
        read_volume(survey(whole).groups[0], openers, NoCodec())


# Real series


@pytest.mark.realdata
def test_a_real_tilted_uneven_ct(test_data):
    files = files_of_zip(test_data / "heads/neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip")
    openers = openers_of(files)
    (group,) = survey(openers).groups
    assert (len(group.slices), group.fault, group.is_even) == (28, None, False)
    grid = make_grid(group)
    assert 28 < grid.shape[0] <= 56
    volume = read_volume(group, openers, ImageCodec())
    assert volume.is_sheared
    assert volume.values.min() >= -1024
    assert volume.valid is not None  # the circle


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("Slicer__Slicer/CTHeadAxial_dicom.zip", {(93, 64, 64)}),
        ("neurolabusc__dcm_qa_decubitus/decubitus_HFS_t1_dicom.zip", {(35, 256, 256)}),
    ],
)
def test_real_series_are_volumes(test_data, name, shapes):
    openers = openers_of(files_of_zip(test_data / "heads" / name))
    groups = [group for group in survey(openers).groups if group.fault is None]
    assert {make_grid(group).shape for group in groups} == shapes


@pytest.mark.realdata
def test_a_real_study_that_lacks_a_slice_of_each_series(test_data):
    openers = openers_of(files_of_zip(test_data / "heads/FNNDSC__data/adi_brain_t1_dicom.zip"))
    found = survey(openers)
    assert sorted((len(group.slices), group.fault) for group in found.groups) == [
        (55, VolumeFault.MISSING_SLICES),
        (175, VolumeFault.MISSING_SLICES),
    ]
    assert len({group.frame_of_reference for group in found.groups}) == 1
    assert all(group.can_align for group in found.groups)
    assert {make_grid(group).shape for group in found.groups} == {(56, 512, 384), (176, 192, 192)}
    assert found.roles.count(Role.MOSAIC) == 2


@pytest.mark.realdata
def test_a_real_enhanced_multi_frame(test_data):
    (path,) = (test_data / "heads/neurolabusc__dcm_qa_xa30").glob("*.dcm")
    openers = openers_of([path.read_bytes()])
    (group,) = survey(openers).groups
    volume = read_volume(group, openers, ImageCodec())
    assert volume.values.shape == (96, 128, 128)
    assert volume.spacing_mm == pytest.approx((2, 2, 2), rel=0.01)


def test_what_cannot_be_opened_is_told_apart_from_what_cannot_be_read():
    openers = openers_of(make_slices(along=[0.0, 6.0]))

    @contextmanager
    def gone():
        raise SourceError("it is gone")
        yield

    surveyed = survey([openers[0], gone, openers[1]])
    assert surveyed.unread == {1}
    assert surveyed.roles == (Role.SLICES, None, Role.SLICES)
