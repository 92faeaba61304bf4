"""Bodies are cut whoever looks at faces, and where nobody can cut, what would have to be cut is held."""

import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from scanward.bootstrap.faces import planner_maker
from scanward.deidentify.profile import load_profile, parse_profile
from scanward.errors import EngineError, UnseenError
from scanward.flow.faces import NOBODY_CUTS, FaceLooker
from scanward.flow.worker import Worker
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy
from scanward.model.faces import FaceMode, FacePolicy
from scanward.model.pixels import UNSEEN
from tests.common.head_series import make_slices, opener_of
from tests.common.memory import MemoryFolder, MemorySources
from tests.common.pixels import file_of, make_header, raw_frames, replaced

OFF = FacePolicy(mode=FaceMode.OFF)
BOX = BodyPolicy(keep=BodyBox(x=(-40, 40), y=(-50, 60), z=(-30, 45)), origin=BodyOrigin.PATIENT)


def looked(looker: FaceLooker, files: list[bytes]):
    openers = [opener_of(one) for one in files]
    facts = []
    for opener in openers:
        with opener() as (_, found):
            facts.append(found)
    return looker.look(openers, facts)


def radiograph() -> bytes:
    ds = make_header(rows=16, columns=16, modality="DX", sop_class="1.2.840.10008.5.1.4.1.1.1.1")
    return file_of(ds, bytes(256), ExplicitVRLittleEndian)


def missing(faces: FacePolicy, body: BodyPolicy):
    raise EngineError("expected the package scipy, found none", remedy="Install it.")


@pytest.mark.parametrize("maker", [None, missing])
def test_what_nobody_can_cut_is_held_and_the_rest_leaves(maker):
    files = [*make_slices(along=(0.0, 6.0)), radiograph()]
    looker = FaceLooker(maker, OFF, BOX)
    assert looker.looks
    study = looked(looker, files)
    for place in range(2):
        with pytest.raises(UnseenError, match=NOBODY_CUTS):
            study.require_leave(place)
        with opener_of(files[place])() as (start, facts), pytest.raises(UnseenError, match=NOBODY_CUTS):
            study.cut(place, start, facts, UNSEEN)
    study.require_leave(2)
    with opener_of(files[2])() as (start, facts):
        assert study.apply(2, start, facts, UNSEEN) is UNSEEN


def test_without_a_box_nobody_has_to_look():
    looker = FaceLooker(None, FacePolicy(), BodyPolicy())
    assert not looker.looks
    looked(looker, make_slices(along=(0.0,))).require_leave(0)
    assert not FaceLooker(missing, OFF, BodyPolicy()).looks


def test_with_faces_off_what_finds_faces_is_not_loaded(tmp_path, monkeypatch):
    def fail():
        raise AssertionError

    monkeypatch.setattr("scanward.bootstrap.faces.load_face_engines", fail)
    files = make_slices(along=(0.0, 6.0))
    study = looked(FaceLooker(planner_maker(tmp_path), OFF, BOX), files)
    assert study.volumes == ()
    with opener_of(files[0])() as (start, facts):
        made = study.apply(0, start, facts, UNSEEN)
        after = raw_frames(replaced(files[0], made.replacement, start))[0]
    before = dcmread(io.BytesIO(files[0]), force=True).pixel_array
    assert (after == before).any()
    assert (after != before).any()
    assert set(after[after != before]) == {-1000}


def test_a_study_that_is_cut_is_one_unit(tmp_path: Path):
    def goes_whole(profile) -> bool:
        worker = Worker(
            sources=MemorySources({}), output=MemoryFolder(), profile=profile, recipient="test",
            recipient_key=b"k" * 32, release_unchecked_pixels=True, spool=tmp_path, make_planner=missing,
        )  # fmt: skip
        with opener_of(make_slices(along=(0.0,))[0])() as (_, facts):
            return worker.goes_whole(facts)

    text = 'name = "own"\ndescription = "own"\n[faces]\nmode = "off"\n'
    assert not goes_whole(parse_profile(text))
    assert goes_whole(parse_profile(f"{text}[body]\nkeep_mm = [[-9, 9], [-9, 9], [-9, 9]]\n"))
    assert load_profile("basic").body == BodyPolicy()
