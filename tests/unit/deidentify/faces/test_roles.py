"""What instances beside the slices of a head carry of its face."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from scanward.deidentify.faces.kinds import Handling, Role
from scanward.deidentify.faces.roles import outlines_body, read_role
from scanward.deidentify.faces.series import survey
from scanward.deidentify.header.scan import Scanner
from scanward.deidentify.pixels.header import read_pixel_header
from scanward.dicomstream.opening import open_dicom
from scanward.model.instance import BytesSource
from tests.common.head_series import CT, ENHANCED_MR, MR, make_enhanced, make_slices, openers_of
from tests.common.pixels import file_of, make_header

STORAGE = "1.2.840.10008.5.1.4.1.1."


def opened(data):
    start = open_dicom(BytesSource(data))
    return Scanner().scan(start), read_pixel_header(start)


def role_of(*, sop_class=CT, modality="CT", kind=("ORIGINAL", "PRIMARY", "AXIAL"), samples=1, change=None):
    ds = make_header(
        rows=4, columns=4, sop_class=sop_class, modality=modality, samples=samples,
        photometric="RGB" if samples == 3 else "MONOCHROME2",
    )  # fmt: skip
    ds.ImageType = list(kind)
    if change is not None:
        change(ds)
    return read_role(*opened(file_of(ds, bytes(16 * samples), ExplicitVRLittleEndian)))


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        (("ORIGINAL", "PRIMARY", "AXIAL"), Role.SLICES),
        (("ORIGINAL", "PRIMARY", "M", "3D"), Role.SLICES),
        (("DERIVED", "SECONDARY", "MPR"), Role.SLICES),
        (("ORIGINAL", "PRIMARY", "LOCALIZER"), Role.LOCALIZER),
        (("ORIGINAL", "PRIMARY", "SCOUT"), Role.LOCALIZER),
        (("DERIVED", "SECONDARY", "VOLUME_RENDER"), Role.RENDERING),
        (("DERIVED", "SECONDARY", "3D"), Role.RENDERING),
        (("DERIVED", "PRIMARY", "PROJECTION IMAGE", "MIP"), Role.PROJECTION),
        (("DERIVED", "SECONDARY", "CPR"), Role.PROJECTION),
        (("DERIVED", "SECONDARY", "SCREEN SAVE"), Role.CAPTURE),
        (("ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"), Role.MOSAIC),
    ],
)
@pytest.mark.parametrize(("sop_class", "modality"), [(CT, "CT"), (MR, "MR")])
def test_image_type_tells(kind, role, sop_class, modality):
    assert role_of(sop_class=sop_class, modality=modality, kind=kind) is role


@pytest.mark.parametrize(
    ("last", "modality", "role"),
    [
        ("7", "CT", Role.CAPTURE),
        ("7.4", "MR", Role.CAPTURE),
        ("128", "PT", Role.EMISSION),
        ("66.4", "SEG", Role.LABELS),
        ("481.2", "RTDOSE", Role.DOSE),
        ("66", "MR", Role.RAW),
        ("30", "MR", Role.RAW),
        ("66.5", "SEG", Role.SURFACE),
        ("13.1.1", "XA", Role.SLICES),
        ("13.1.2", "CT", Role.DENTAL),
        ("1.1", "PX", Role.DENTAL),
        ("1.3", "IO", Role.DENTAL),
        ("1.1", "DX", Role.OTHER),
        ("481.5", "RTPLAN", Role.OTHER),
        ("999.1", "OT", Role.UNKNOWN),
    ],
)
def test_the_class_tells(last, modality, role):
    assert role_of(sop_class=STORAGE + last, modality=modality) is role


def test_every_role_says_what_is_done():
    assert {role: role.beside_head for role in (Role.SLICES, Role.EMISSION, Role.DOSE, Role.LABELS)} == {
        Role.SLICES: Handling.VOLUME,
        Role.EMISSION: Handling.MASK,
        Role.DOSE: Handling.MASK,
        Role.LABELS: Handling.MASK,
    }
    assert Role.DENTAL.beside_head is Handling.HOLD
    assert Role.OTHER.beside_head is Handling.KEEP
    left = {Role.LOCALIZER, Role.RENDERING, Role.PROJECTION, Role.MOSAIC, Role.CAPTURE, Role.OUTLINES, Role.SURFACE,
            Role.RAW, Role.UNKNOWN}  # fmt: skip
    assert {role for role in Role if role.beside_head is Handling.LEAVE_OUT} == left


def test_colours_of_a_scanner_are_captures():
    assert role_of(samples=3) is Role.CAPTURE
    assert role_of(samples=3, kind=("DERIVED", "SECONDARY", "VRT")) is Role.RENDERING


@pytest.mark.parametrize(
    ("maker", "model", "role"),
    [
        ("Imaging Sciences International", "17-19 i-CAT", Role.DENTAL),
        ("Planmeca", "ProMax 3D Mid", Role.DENTAL),
        ("J.Morita.Mfg.Corp.", "3D Accuitomo 170", Role.DENTAL),
        ("SIEMENS", "SOMATOM Force", Role.SLICES),
        ("GE MEDICAL SYSTEMS", "Revolution CT", Role.SLICES),
        ("Canon", "Aquilion ONE", Role.SLICES),
        ("Philips", "Ingenuity CT", Role.SLICES),
    ],
)
def test_cone_beam_scanners_of_teeth_are_known(maker, model, role):
    def change(ds):
        ds.Manufacturer, ds.ManufacturerModelName = maker, model

    assert role_of(change=change) is role


def test_enhanced_projections_are_told_by_their_frames():
    facts, header = opened(make_enhanced())
    assert read_role(facts, header) is Role.SLICES

    def sampled(ds):
        ds.VolumetricProperties = "SAMPLED"

    def localizer(ds):
        kind, group = Dataset(), Dataset()
        kind.FrameType = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]
        group.MRImageFrameTypeSequence = Sequence([kind])
        ds.SharedFunctionalGroupsSequence = Sequence([group])

    enhanced = {"sop_class": ENHANCED_MR, "modality": "MR"}
    assert role_of(**enhanced, change=sampled) is Role.PROJECTION
    assert role_of(**enhanced, change=localizer) is Role.LOCALIZER


def test_a_localiser_in_the_series_takes_no_part_in_the_volume():
    def change(ds, number):
        if number == 0:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    found = survey(openers_of(make_slices(change=change)))
    assert found.roles[:2] == (Role.LOCALIZER, Role.SLICES)
    assert [len(group.slices) for group in found.groups] == [32]


# Structure sets


def structure_set(*rois):
    """Return the file of a structure set: (name, interpreted type, half width and length in mm) each."""
    ds = make_header(rows=1, columns=1, sop_class=STORAGE + "481.3", modality="RTSTRUCT")
    ds.StructureSetROISequence, ds.RTROIObservationsSequence, ds.ROIContourSequence = (Sequence() for _ in range(3))
    for number, (name, kind, size) in enumerate(rois):
        roi, observation, contours, contour = (Dataset() for _ in range(4))
        roi.ROINumber, roi.ROIName = number, name
        observation.ReferencedROINumber = contours.ReferencedROINumber = number
        observation.RTROIInterpretedType = kind
        angles = np.linspace(0, 2 * np.pi, 40)
        points = np.stack([size[0] * np.cos(angles), size[1] * np.sin(angles), 0 * angles], 1)
        contour.ContourData = [f"{one:.2f}" for one in points.ravel()]
        contour.NumberOfContourPoints = len(points)
        contours.ContourSequence = Sequence([contour])
        ds.StructureSetROISequence.append(roi)
        ds.RTROIObservationsSequence.append(observation)
        ds.ROIContourSequence.append(contours)
    return file_of(ds, b"", ExplicitVRLittleEndian)


@pytest.mark.parametrize(
    ("rois", "outlines"),
    [
        ([("Brainstem", "ORGAN", (15, 15)), ("PTV60", "PTV", (30, 30))], False),
        ([("Brain", "ORGAN", (70, 85))], False),
        ([("Structure1", "EXTERNAL", (80, 100))], True),
        ([("Structure1", "BOLUS", (20, 30))], True),
        ([("BODY", "ORGAN", (80, 100))], True),
        ([("Haut", "", (80, 100))], True),
        ([("zz1", "", (80, 100))], True),
        ([("zz1", "CONTROL", (80, 100))], True),
        ([("zz1", "", (20, 25))], False),
        ([("Eye_L", "ORGAN", (12, 12)), ("Heart", "ORGAN", (40, 40))], False),
    ],
)
def test_structure_sets_with_an_outside_are_left_out(rois, outlines):
    facts, header = opened(structure_set(*rois))
    assert outlines_body(header) is outlines
    assert read_role(facts, header) is (Role.OUTLINES if outlines else Role.OTHER)
