"""What is done with each instance of a study that may show a head."""

from contextlib import contextmanager

import numpy as np
import pytest

from scanward.adapters.engines.frames import ImageCodec
from scanward.adapters.engines.head_faces import HeadFaceFinder
from scanward.deidentify.faces import residual
from scanward.deidentify.faces.aims import IN_FACE
from scanward.deidentify.faces.atlas import load_atlas
from scanward.deidentify.faces.findings import FACE_STAYS, FaceEngines
from scanward.deidentify.faces.render import View
from scanward.deidentify.faces.study import FacePlanner
from scanward.deidentify.faces.volume import Volume
from scanward.errors import FaceError, SourceError
from scanward.model.faces import FaceFinding, FaceMode, FacePolicy, FaceUnsure
from tests.common.head_files import PET, capture_of, dose_of, outlines_of, series_of
from tests.common.head_series import openers_of
from tests.common.heads import cropped, make_cylinders, make_head
from tests.common.nifti import KnowingAligner

LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}


class CountingAligner(KnowingAligner):
    """Counts how often it was asked."""

    asked = 0

    def align(self, head, within, template, guesses):
        type(self).asked += 1
        return super().align(head, within, template, guesses)


@pytest.fixture(scope="module", autouse=True)
def few_pictures():
    """One view of each side: the others take seconds, and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residual, "FACE_VIEWS", (View(turn_degrees=0),))
        patch.setattr(residual, "BACK_VIEWS", (View(turn_degrees=180),))
        yield


@pytest.fixture(scope="module")
def head():
    return make_head(4, ct=True, spacing=(4.0, 4.0, 4.0))


def plan(files, head, **policy):
    CountingAligner.asked = 0
    engines = FaceEngines(
        codec=ImageCodec(), aligner=CountingAligner(head.to_atlas), detector=HeadFaceFinder(), atlas=load_atlas()
    )
    return FacePlanner(engines, FacePolicy(**policy)).plan(openers_of(files))


def holds(planned, files):
    """Why instances are held, by their place."""
    return {place: planned.verdicts[place].hold for place in range(len(files)) if planned.verdicts[place].hold}


def thin(volume, *, first=0.4, last=0.5):
    return cropped(volume, first, last)


@pytest.fixture(scope="module")
def whole(head):
    """A study with all that may lie beside a head."""
    slices = series_of(head.volume)
    parts = {
        "slices": slices,
        "soft": series_of(head.volume, series="2.25.5"),
        "thin": series_of(thin(head.volume), series="2.25.6"),
        "emission": series_of(
            Volume(values=np.maximum(head.volume.values, 0), affine=head.volume.affine, valid=None, modality="PT"),
            series="2.25.7",
            sop_class=PET,
        ),
        "localizer": series_of(thin(head.volume, last=0.42), series="2.25.8", text=LOCALIZER)[:1],
        "capture": [capture_of()],
        "outlines": [outlines_of()],
        "dose": [dose_of(head.volume)],
    }
    places, files = {}, []
    for name, some in parts.items():
        places[name] = range(len(files), len(files) + len(some))
        files += some
    return places, files, plan(files, head), CountingAligner.asked


def test_one_alignment_serves_all_of_a_frame_of_reference(whole):
    _, _, planned, asked = whole
    found = [volume.finding for volume in planned.volumes]
    assert found.count(FaceFinding.FACE_REMOVED) == 4
    assert asked == 1


@pytest.mark.parametrize("name", ["slices", "soft"])
def test_slices_leave_proven_and_without_the_face(whole, name):
    places, _, planned, _ = whole
    verdicts = [planned.verdicts[place] for place in places[name]]
    assert all(not one.hold and one.is_faceless for one in verdicts)
    assert all(one.parts[0][1] is not None for one in verdicts)


@pytest.mark.parametrize("name", ["thin", "emission", "dose"])
def test_what_takes_the_mask_of_others_leaves_without_a_claim(whole, name):
    places, _, planned, _ = whole
    verdicts = [planned.verdicts[place] for place in places[name]]
    assert all(not one.hold and one.parts and not one.is_faceless for one in verdicts)


@pytest.mark.parametrize("name", ["localizer", "capture", "outlines"])
def test_what_shows_the_head_otherwise_is_left_out(whole, name):
    places, _, planned, _ = whole
    for place in places[name]:
        assert "beside a scan of a head" in planned.verdicts[place].hold
        with pytest.raises(FaceError):
            planned.require_leave(place)


def test_pictures_and_figures_are_there_for_the_staff(whole):
    _, _, planned, _ = whole
    told = planned.volumes[0]
    assert told.before.startswith(b"\x89PNG")
    assert told.after.startswith(b"\x89PNG")
    assert told.before != told.after
    assert told.figures.face_kept < 0.05
    assert "PNG" not in repr(told)


def test_beside_other_parts_all_of_it_leaves(head):
    legs = make_cylinders("legs")
    files = [*series_of(legs), *series_of(thin(legs), series="2.25.6"), capture_of(), outlines_of(), dose_of(legs)]
    planned = plan(files, head)
    assert not holds(planned, files)
    assert {one.finding for one in planned.volumes} == {FaceFinding.NO_HEAD}
    assert all(planned.verdicts[place].is_faceless for place in range(len(legs.values)))
    assert not any(patch is not None for one in planned.verdicts for _, patch in one.parts)


def test_a_thin_series_somewhere_else_is_held_though_another_shows_no_head(head):
    legs = make_cylinders("legs")
    elsewhere = Volume(
        values=thin(head.volume).values, affine=head.volume.affine + _moved(600), valid=None, modality="CT"
    )
    files = [*series_of(legs), *series_of(elsewhere, series="2.25.6")]
    planned = plan(files, head)
    assert set(holds(planned, files)) == set(range(len(legs.values), len(files)))


def _moved(z):
    moved = np.zeros((4, 4))
    moved[2, 3] = z
    return moved


def test_few_slices_alone_are_held_unless_they_are_too_small_or_too_wide(head):
    few = series_of(thin(head.volume))
    assert set(holds(plan(few, head), few).values()) == {"head scan: expected at least 15 slices, got fewer"}
    small = Volume(values=head.volume.values[:3], affine=np.diag([0.2, 0.2, 1.0, 1.0]), valid=None, modality="CT")
    trunk = thin(make_cylinders("trunk"))
    for volume in (small, trunk):
        files = series_of(volume)
        assert not holds(plan(files, head), files)


def test_a_head_that_is_left_to_people_is_held_with_the_reason(head):
    files = series_of(head.volume, text={"StudyDescription": "CT sinuses"})
    planned = plan(files, head)
    assert set(holds(planned, files).values()) == {f"{FaceFinding.FACE_FOUND.value}: {IN_FACE}"}
    assert planned.volumes[0].before


def test_a_profile_that_only_looks_holds_faces_and_lets_others_leave_proven(head):
    files = [*series_of(head.volume), *series_of(make_cylinders("legs"), series="2.25.9", reference="2.25.44")]
    planned = plan(files, head, mode=FaceMode.DETECT)
    count = len(head.volume.values)
    assert set(holds(planned, files)) == set(range(count))
    assert all(FACE_STAYS in planned.verdicts[place].hold for place in range(count))
    assert all(planned.verdicts[place].is_faceless for place in range(count, len(files)))


def test_a_missing_slice_holds_the_series_and_what_lies_beside_it(head):
    slices = series_of(head.volume)
    files = [*slices[:30], *slices[31:], capture_of()]
    reasons = holds(plan(files, head), files)
    assert len(reasons) == len(files)
    assert set(list(reasons.values())[:-1]) == {"head scan: expected slices without a gap, got some that are missing"}


def test_pixels_that_cannot_be_decoded_hold_the_whole_series(head):
    slices = series_of(head.volume)
    files = [*slices[:20], slices[20][:-2000], *slices[21:]]
    reasons = holds(plan(files, head), files)
    assert len(reasons) == len(files)


@pytest.mark.parametrize("beside", [[], [capture_of()]])
def test_outlines_without_a_scan_are_held(head, beside):
    files = [outlines_of(), *beside]
    assert list(holds(plan(files, head), files)) == [0]


KNEE = {"BodyPartExamined": "KNEE"}


def test_what_pixels_do_not_tell_leaves_by_the_header_where_the_site_says_so(head):
    few = thin(head.volume)
    files = series_of(few, text=KNEE)
    assert len(holds(plan(files, head), files)) == len(files)
    planned = plan(files, head, unsure=FaceUnsure.BY_HEADER)
    assert not holds(planned, files)
    assert not any(one.is_faceless for one in planned.verdicts)
    assert [one.finding for one in planned.volumes] == [FaceFinding.OTHER_PART]


def test_a_head_that_pixels_tell_loses_its_face_whatever_the_header_says(head):
    files = [
        *series_of(head.volume, text=KNEE),
        *series_of(thin(head.volume), series="2.25.6", reference="2.25.44", text=KNEE),
    ]
    planned = plan(files, head, unsure=FaceUnsure.BY_HEADER)
    count = len(head.volume.values)
    assert set(holds(planned, files)) == set(range(count, len(files)))
    assert all(planned.verdicts[place].is_faceless for place in range(count))


def test_one_slice_that_names_a_head_holds_all_of_a_series(head):
    few = thin(head.volume)
    files = series_of(few, text=KNEE)
    files[0] = series_of(few, text={"BodyPartExamined": "HEAD"})[0]
    assert len(holds(plan(files, head, unsure=FaceUnsure.BY_HEADER), files)) == len(files)


def test_a_scan_without_air_around_it_is_no_trunk_for_that(head):
    few = thin(head.volume)
    filled = Volume(
        values=np.maximum(few.values, 20), affine=few.affine * [[2], [2], [1], [1]], valid=None, modality="CT"
    )
    files = series_of(filled)
    assert len(holds(plan(files, head), files)) == len(files)


def test_coarse_slices_of_a_trunk_leave_and_those_of_a_head_do_not(head):
    for volume, held in ((make_cylinders("trunk"), False), (head.volume, True)):
        step = max(round(12 / volume.spacing_mm[1]), 1)
        coarse = Volume(
            values=np.ascontiguousarray(volume.values[:, ::step, ::step]),
            affine=volume.affine * [step, step, 1, 1],
            valid=None,
            modality="CT",
        )
        files = series_of(coarse)
        assert bool(holds(plan(files, head), files)) is held


def test_a_header_that_is_gone_by_then_is_not_believed(head):
    few = thin(head.volume)
    openers = openers_of(series_of(few, text=KNEE))
    reads = 0

    @contextmanager
    def going():
        nonlocal reads
        reads += 1
        if reads > 2:
            raise SourceError("it is gone")
        with openers[0]() as opened:
            yield opened

    engines = FaceEngines(
        codec=ImageCodec(), aligner=CountingAligner(head.to_atlas), detector=HeadFaceFinder(), atlas=load_atlas()
    )
    planned = FacePlanner(engines, FacePolicy(unsure=FaceUnsure.BY_HEADER)).plan([going, *openers[1:]])
    assert all(one.hold for one in planned.verdicts)
