"""What stays of the body in a study whose profile keeps a box: every slice is cut, and what shows more is left out."""

import io
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from scanward.adapters.engines.frames import ImageCodec
from scanward.deidentify.bodies.kinds import BESIDE_BOX, may_show_body
from scanward.deidentify.bodies.study import (
    NO_VOLUME,
    NOT_GREY,
    NOTHING_STAYS,
    UNPLACED,
    UNREADABLE,
    BodyPlanner,
    ScanPlan,
    ScanPlanner,
)
from scanward.deidentify.faces.findings import FaceEngines
from scanward.deidentify.faces.series import read_volume, survey
from scanward.deidentify.faces.study import FacePlan, Verdict
from scanward.deidentify.faces.write import VolumePatch
from scanward.deidentify.pixels.rebuild import masks_of, rebuild
from scanward.errors import DicomFormatError, FaceError, HoldError, StoreError
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy
from scanward.model.pixels import UNSEEN, FoundBy, PixelBox, PixelOutcome
from tests.common.head_series import make_enhanced, make_slices, opener_of, places
from tests.common.pixels import file_of, make_header, open_file, raw_frames, replaced

BOX = BodyBox(x=(-40, 40), y=(-50, 60), z=(-30, 45))
OF_BODY = BodyPolicy(keep=BOX)
OF_PATIENT = BodyPolicy(keep=BOX, origin=BodyOrigin.PATIENT)
STORAGE = "1.2.840.10008.5.1.4.1.1."


def plan_of(files: list[bytes], policy: BodyPolicy = OF_PATIENT) -> ScanPlan:
    openers = [opener_of(one) for one in files]
    facts = []
    for opener in openers:
        with opener() as (_, found):
            facts.append(found)
    return ScanPlanner(None, BodyPlanner(ImageCodec(), policy)).plan(openers, facts)


def applied(plan: ScanPlan, files: list[bytes], place: int, pixels: PixelOutcome | None = None):
    """Return an instance before and after."""
    with opener_of(files[place])() as (start, facts):
        outcome = plan.apply(place, start, facts, pixels or UNSEEN)
        before = dcmread(io.BytesIO(files[place]), force=True)
        return before, before if outcome.replacement is None else replaced(files[place], outcome.replacement, start)


def of_class(last: str, modality: str, **more: object) -> bytes:
    ds = make_header(rows=16, columns=16, modality=modality, sop_class=STORAGE + last)
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return file_of(ds, bytes(256), ExplicitVRLittleEndian)


def coded(data: bytes, syntax: str) -> bytes:
    if syntax == ExplicitVRLittleEndian:
        return data
    ds, stream = dcmread(io.BytesIO(data)), io.BytesIO()
    ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(stream)
    return stream.getvalue()


def outside_of(box: BodyBox, ds) -> np.ndarray:
    """Return which pixels lie outside of a box, as an independent reader sees it."""
    at = places(ds.ImageOrientationPatient, ds.ImagePositionPatient, ds.Rows, ds.Columns, ds.PixelSpacing)
    inside = [(place >= low) & (place <= high) for place, (low, high) in zip(at, (box.x, box.y, box.z), strict=True)]
    return ~np.logical_and.reduce(inside)


def is_cut(box: BodyBox, before, after, air: float) -> bool:
    old, new, outside = raw_frames(before)[0], raw_frames(after)[0], outside_of(box, before)
    scaled = new * float(before.RescaleSlope) + float(before.RescaleIntercept)
    return bool(np.array_equal(old[~outside], new[~outside]) and np.all(scaled[outside] == air))


def test_every_series_of_a_frame_of_reference_is_cut_by_where_its_pixels_lie():
    def own_series(name):
        return lambda ds, number: setattr(ds, "SeriesInstanceUID", name)

    files = [
        *make_slices(),
        *make_slices(modality="PT", spacing=(7.0, 7.0), rows=30, columns=30, change=own_series("2.25.31")),
        *make_slices(along=(-20.0, 0.0, 70.0), change=own_series("2.25.32")),
    ]
    plan = plan_of(files)
    for place in range(len(files)):
        before, after = applied(plan, files, place)
        assert is_cut(BOX, before, after, -1000 if before.Modality == "CT" else 0)


def test_a_box_is_counted_from_the_body_in_the_volume_that_shows_most_of_it():
    def second(ds, number):
        ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.31", f"2.25.8.{number}"

    # Finer, but of the upper half alone.
    part = make_slices(along=np.arange(0, 96, 3.0), change=second)
    whole = make_slices()
    box = BodyBox(x=(-50, 50), y=(-50, 50), z=(-20, 20))
    for files in ([*part, *whole], [*whole, *part]):
        plan = plan_of(files, BodyPolicy(keep=box))
        boxes = {cut.box for cut in plan.bodies.cuts}
        assert len(boxes) == 1
        (placed,) = boxes
        assert abs(sum(placed.z) / 2) <= 6
        for place in range(len(files)):
            assert is_cut(placed, *applied(plan, files, place), -1000)


def test_a_box_is_placed_in_each_frame_of_reference():
    def moved(ds, number):
        ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.31", "2.25.41"
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x + 100, y, z]

    plan = plan_of([*make_slices(), *make_slices(change=moved)], OF_BODY)
    first, last = plan.bodies.cuts[0].box, plan.bodies.cuts[-1].box
    assert last == first.moved((100, 0, 0))


@pytest.mark.parametrize("reverse", [False, True])
def test_frames_of_one_instance_are_cut_each(reverse):
    data = make_enhanced(echoes=2, reverse=reverse)
    before, after = applied(plan_of([data]), [data], 0)
    for old, new, group in zip(
        raw_frames(before), raw_frames(after), before.PerFrameFunctionalGroupsSequence, strict=True
    ):
        shared = before.SharedFunctionalGroupsSequence[0]
        at = places(
            shared.PlaneOrientationSequence[0].ImageOrientationPatient,
            group.PlanePositionSequence[0].ImagePositionPatient,
            before.Rows, before.Columns, shared.PixelMeasuresSequence[0].PixelSpacing,
        )  # fmt: skip
        inside = np.logical_and.reduce(
            [(one >= low) & (one <= high) for one, (low, high) in zip(at, (BOX.x, BOX.y, BOX.z), strict=True)]
        )
        assert np.array_equal(old[inside], new[inside])
        # Noise like that of the air of the frame, though none is in the box.
        assert set(new[~inside]) <= set(old[old <= np.percentile(old, 15)])


@pytest.mark.parametrize(
    ("last", "modality", "more", "word"),
    [
        ("481.3", "RTSTRUCT", {}, "contours"),
        ("481.2", "RTDOSE", {}, "a dose"),
        ("66.4", "SEG", {}, "segments"),
        ("66.5", "SEG", {}, "a surface"),
        ("66", "MR", {}, "raw data"),
        ("7", "OT", {}, "a capture"),
        ("2", "CT", {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a localiser"),
        ("2", "CT", {"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "a projection"),
        ("20", "NM", {}, "nuclear medicine"),
        ("13.1.2", "CT", {}, "dental"),
        ("9999", "CT", {}, "not known"),
    ],
)
@pytest.mark.parametrize("is_alone", [True, False])
def test_what_shows_more_than_the_box_is_left_out_alone_and_beside_a_scan(last, modality, more, word, is_alone):
    files = [of_class(last, modality, **more), *(() if is_alone else make_slices())]
    plan = plan_of(files, OF_BODY)
    assert word in plan.left_out(0)
    assert BESIDE_BOX in plan.left_out(0)
    with pytest.raises(HoldError, match=word):
        applied(plan, files, 0)
    assert not any(plan.left_out(place) for place in range(1, len(files)))
    with opener_of(files[0])() as (_, facts):
        assert may_show_body(facts)


@pytest.mark.parametrize(("last", "modality"), [("1.1", "DX"), ("6.1", "US"), ("1.2", "MG"), ("481.5", "RTPLAN")])
def test_what_is_no_scan_leaves_as_it_is(last, modality):
    files = [of_class(last, modality)]
    plan = plan_of(files, OF_BODY)
    before, after = applied(plan, files, 0)
    assert before is after
    with opener_of(files[0])() as (_, facts):
        assert not may_show_body(facts)


def test_slices_that_cannot_be_cut_are_left_out_and_the_others_are_not():
    def lost(ds, number):
        if number == 4:
            del ds.ImagePositionPatient

    files = make_slices(change=lost)
    colour = make_header(rows=16, columns=16, samples=3, photometric="RGB", modality="CT", sop_class=STORAGE + "2")
    colour.FrameOfReferenceUID, colour.ImagePositionPatient = "2.25.4", [0, 0, 0]
    colour.ImageOrientationPatient, colour.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
    table = make_header(rows=16, columns=16, modality="CT", photometric="PALETTE COLOR", sop_class=STORAGE + "2")
    for keyword in ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        setattr(table, keyword, getattr(colour, keyword))
    files += [
        file_of(colour, bytes(768), ExplicitVRLittleEndian),
        file_of(table, bytes(256), ExplicitVRLittleEndian),
    ]
    plan = plan_of(files)
    holds = [plan.left_out(place) for place in range(len(files))]
    # Image Type DERIVED or colours make a capture of it; a table of values stays a slice.
    assert holds[4] == UNPLACED
    assert BESIDE_BOX in holds[-2]
    assert holds[-1] == NOT_GREY
    assert [place for place, hold in enumerate(holds) if hold] == [4, len(files) - 2, len(files) - 1]


def test_without_a_body_nothing_of_a_frame_of_reference_leaves_and_by_coordinates_it_does():
    empty = make_slices(paint=lambda raw, _: np.full_like(raw, -1000))
    plan = plan_of(empty, OF_BODY)
    holds = {plan.left_out(place) for place in range(len(empty))}
    assert len(holds) == 1
    assert "expected a body" in holds.pop()
    assert plan_of(empty, OF_PATIENT).left_out(0) == ""


def test_without_a_volume_a_box_cannot_be_counted_from_the_body():
    files = make_slices(along=(0.0, 0.0, 0.0, 6.0))  # several at one place
    assert plan_of(files, OF_BODY).left_out(0) == NO_VOLUME
    assert plan_of(files, OF_PATIENT).left_out(0) == ""


def test_a_box_beside_all_that_was_scanned_is_told():
    far = BodyPolicy(keep=BOX.moved((1000, 0, 0)), origin=BodyOrigin.PATIENT)
    files = make_slices()
    plan = plan_of(files, far)
    assert {plan.left_out(place) for place in range(len(files))} == {NOTHING_STAYS}


def test_a_header_that_cannot_be_read_is_left_out():
    files = make_slices()

    @contextmanager
    def broken():
        raise DicomFormatError("Image Type: expected a value, got none")
        yield

    with opener_of(files[0])() as (_, facts):
        pass
    plan = ScanPlanner(None, BodyPlanner(ImageCodec(), OF_BODY)).plan([broken], [facts])
    assert plan.left_out(0) == UNREADABLE


def test_a_store_that_fails_is_no_fault_of_the_study():
    files = make_slices()
    openers = [opener_of(one) for one in files]
    surveyed = survey(openers)

    @contextmanager
    def failing():
        raise StoreError("gone")
        yield

    with pytest.raises(StoreError):
        BodyPlanner(ImageCodec(), OF_BODY).plan([failing] * len(files), [], surveyed)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_a_face_goes_first_and_then_what_lies_outside(syntax):
    files = [coded(data, syntax) for data in make_slices()]
    openers = [opener_of(one) for one in files]
    (group,) = survey(openers).groups
    volume = read_volume(group, openers, ImageCodec())
    mask = np.zeros(volume.values.shape, bool)
    mask[:, 10:30, 20:30] = True  # in the box and out of it
    patch = VolumePatch(mask=mask, values=np.full(mask.sum(), 77.0, np.float32), affine=volume.affine)
    engines = FaceEngines(codec=ImageCodec(), aligner=None, detector=None, atlas=None)
    verdict = Verdict(is_faceless=True, parts=((group, patch),))
    faces = FacePlan(verdicts=(verdict,) * len(files), volumes=(), engines=engines)
    plan = ScanPlan(faces=faces, bodies=plan_of(files).bodies)
    is_changed = set()
    for place in range(len(files)):
        before, after = applied(plan, files, place)
        old, new, outside = before.pixel_array, raw_frames(after)[0], outside_of(BOX, before)
        masked = mask[place]
        assert np.all(new[outside] == -1000)
        assert np.all(new[masked & ~outside] == 77)
        assert np.array_equal(new[~masked & ~outside], old[~masked & ~outside])
        is_changed.add(bool((masked & ~outside).any()))
        with opener_of(files[place])() as (start, facts):
            assert plan.apply(place, start, facts, UNSEEN).is_faceless
            # Whoever lets a face go does not let the body go.
            cut = replaced(files[place], plan.cut(place, start, facts, UNSEEN).replacement, start)
        assert np.array_equal(raw_frames(cut)[0], np.where(outside, -1000, old))
    assert is_changed == {True, False}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_text_that_was_filled_stays_filled(syntax):
    files = [coded(data, syntax) for data in make_slices(along=(0.0, 6.0))]
    plan = plan_of(files)
    box = PixelBox(first_frame=0, last_frame=0, x=20, y=20, width=30, height=4, found_by=FoundBy.TEXT)
    start, _, frames = open_file(files[0], ImageCodec())
    filled = rebuild(frames, masks_of([box], frames.layout))
    before, after = applied(plan, files, 0, replace(UNSEEN, replacement=filled))
    expected = raw_frames(replaced(files[0], filled, start))[0]
    assert not np.array_equal(expected, before.pixel_array)
    assert np.array_equal(raw_frames(after)[0], np.where(outside_of(BOX, before), -1000, expected))


def test_no_cut_claims_that_there_is_no_face():
    files = make_slices()
    plan = plan_of(files)
    with opener_of(files[0])() as (start, facts):
        assert not plan.apply(0, start, facts, UNSEEN).is_faceless


def test_a_held_face_holds_beside_a_cut():
    files = make_slices()
    engines = FaceEngines(codec=ImageCodec(), aligner=None, detector=None, atlas=None)
    faces = FacePlan(verdicts=(Verdict(hold="a head"),) * len(files), volumes=(), engines=engines)
    plan = ScanPlan(faces=faces, bodies=plan_of(files).bodies)
    assert plan.left_out(0) == ""
    with pytest.raises(FaceError):
        applied(plan, files, 0)
