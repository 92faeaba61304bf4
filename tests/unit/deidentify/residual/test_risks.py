"""Which risks are told of a study, and that each says what it rests on."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanward.deidentify.profile import load_profile
from scanward.deidentify.residual import RISKS, residual_risks
from scanward.deidentify.residual import sources as sources_module
from scanward.deidentify.residual.images import IMAGE_RISKS
from scanward.model.attribute import Action, Reason
from scanward.model.faces import FaceFinding, FaceMode, FacePolicy, FaceVolume
from scanward.model.profile import Option, Profile
from scanward.model.report import Change, Outcome, PixelTally, StudyReport
from scanward.model.risks import ImageKind, Region, Shown, Source

SOURCES = [value for value in vars(sources_module).values() if isinstance(value, Source)]


def study(*shown: Shown, **more) -> StudyReport:
    values = {
        "patient": "P1",
        "study_uid": "2.25.1",
        "outcomes": {Outcome.RELEASED: 3},
        "shown": dict.fromkeys(shown, 1),
    }
    return StudyReport(**(values | more))


def profile(*options: Option, faces: FaceMode = FaceMode.REMOVE) -> Profile:
    return Profile(name="some", description="Some.", options=frozenset(options), faces=FacePolicy(mode=faces))


def volumes(*findings: FaceFinding) -> tuple[FaceVolume, ...]:
    return tuple(FaceVolume(modality="CT", instances=30, slices=30, finding=one) for one in findings)


def told(report: StudyReport, by: Profile | None = None) -> dict[str, bool]:
    """Return the risks of a study by their names, and whether each is certain."""
    return {one.risk_id: not one.is_possible for one in residual_risks(report, by or profile())}


def found(report: StudyReport, risk_id: str, by: Profile | None = None):
    return next(one for one in residual_risks(report, by or profile()) if one.risk_id == risk_id)


# The table


def test_names_are_stable_and_each_is_there_once():
    names = [one.risk_id for one in RISKS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    wanted = {
        "chest-radiograph", "face", "brain", "body", "teeth", "bones", "implants", "photographs", "eyes", "movement",
        "sound", "rare-finding", "dates", "device",
    }  # fmt: skip
    assert wanted <= set(names)


def test_each_risk_of_images_says_how_sure_it_is_what_was_done_what_remains_and_what_to_do():
    for kind in IMAGE_RISKS:
        assert kind.evidence, kind.risk_id
        assert kind.done, kind.risk_id
        assert kind.remains, kind.risk_id
        assert kind.advice, kind.risk_id
        texts = (kind.statement, kind.evidence, kind.remains, *kind.advice)
        assert all(text.endswith(".") and "  " not in text for text in texts), kind.risk_id


def test_every_figure_names_its_source_by_author_or_law_and_year():
    for kind in RISKS:
        for name, year in re.findall(r"\((?:[A-Za-zäöü ]*?)([A-ZÄÖÜ][a-zäöü]+) (\d{4})\)", kind.evidence):
            cited = [one for one in kind.sources if one.year == int(year) and name in one.authors]
            assert cited, (kind.risk_id, name, year)
        if "%" in kind.evidence or re.search(r"\.\d\d", kind.evidence.replace("164.514", "").replace("202.204", "")):
            assert kind.sources, kind.risk_id
        for law in ("164.514", "202.204"):
            assert (law in kind.evidence) <= any(law in one.source_id for one in kind.sources), kind.risk_id


def test_sources_are_whole_differ_and_all_are_used():
    assert len({one.source_id for one in SOURCES}) == len(SOURCES)
    used = {one for kind in RISKS for one in kind.sources}
    assert used == set(SOURCES)
    for one in SOURCES:
        assert 1900 < one.year <= 2026
        assert one.citation.startswith(f"{one.authors} ({one.year}). ")
        assert not one.doi or re.fullmatch(r"10\.\d{4,9}/\S+", one.doi)


# What is shown


def test_a_study_of_which_nothing_was_released_leaves_no_risk():
    assert residual_risks(study(Shown(kind=ImageKind.CT), outcomes={Outcome.HELD: 3}), profile()) == []


def test_a_radiograph_may_be_of_a_chest_whatever_the_header_says():
    for region, is_certain in ((Region.CHEST, True), (Region.UNKNOWN, False), (Region.HAND, False)):
        assert told(study(Shown(kind=ImageKind.RADIOGRAPH, region=region)))["chest-radiograph"] is is_certain
    assert "chest-radiograph" not in told(study(Shown(kind=ImageKind.CT, region=Region.CHEST)))
    risk = found(study(Shown(kind=ImageKind.RADIOGRAPH, region=Region.CHEST)), "chest-radiograph")
    assert ".9940" in risk.evidence
    assert any("scanward lookup" in one for one in risk.advice)


def test_what_pixels_say_of_a_head_counts_and_not_the_header():
    # 1. The header says trunk, the pixels say head
    said_trunk = Shown(kind=ImageKind.CT, region=Region.TRUNK)
    removed = told(study(said_trunk, faces=volumes(FaceFinding.FACE_REMOVED)))
    assert removed["face"] is True
    assert removed["brain"] is True
    assert "body" not in removed
    # 2. The header says head, the pixels say none
    said_head = Shown(kind=ImageKind.CT, region=Region.HEAD)
    none = told(study(said_head, faces=volumes(FaceFinding.NO_HEAD)))
    assert not {"face", "brain"} & set(none)
    assert none["body"] is True
    # 3. Nobody looked: the header makes it certain, and never takes it away
    unseen = profile(faces=FaceMode.OFF)
    assert told(study(said_head), unseen)["face"] is True
    assert told(study(said_trunk), unseen)["face"] is False


def test_what_was_done_about_faces_is_told_as_it_was():
    def done(mode: FaceMode, *findings: FaceFinding) -> str:
        head = Shown(kind=ImageKind.MR, region=Region.HEAD)
        return found(study(head, faces=volumes(*findings)), "face", profile(faces=mode)).done

    assert "no faces looked for" in done(FaceMode.OFF)
    assert "no volume was looked at" in done(FaceMode.REMOVE)
    assert "taken out" in done(FaceMode.REMOVE, FaceFinding.FACE_REMOVED)
    assert "no face in it" in done(FaceMode.DETECT, FaceFinding.ALREADY_FACELESS)
    assert "held" in done(FaceMode.DETECT, FaceFinding.NO_FACE_IN_VIEW, FaceFinding.FACE_FOUND)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ImageKind.DENTAL, {"teeth"}),
        (ImageKind.EYE, {"eyes", "traits"}),
        (ImageKind.PHOTOGRAPH, {"photographs"}),
        (ImageKind.HEART_CURVE, {"heart-curve"}),
        (ImageKind.SLIDE, {"slides"}),
        (ImageKind.VOICE, {"sound"}),
        (ImageKind.RADIOGRAPH, {"bones", "traits"}),
    ],
)
def test_each_kind_of_image_brings_its_risks(kind, names):
    certain = {name for name, is_certain in told(study(Shown(kind=kind))).items() if is_certain}
    assert names <= certain <= names | {"copies"}


def test_what_nobody_looks_for_only_may_apply():
    got = told(study(Shown(kind=ImageKind.RADIOGRAPH), Shown(kind=ImageKind.PHOTOGRAPH, is_moving=True, is_video=True)))
    assert {name for name, is_certain in got.items() if not is_certain} >= {
        "implants", "rare-finding", "sound", "movement",
    }  # fmt: skip
    assert list(got.values()) == sorted(got.values(), reverse=True)  # what is certain first


def test_teeth_that_went_with_the_face_are_told():
    head = Shown(kind=ImageKind.CT, region=Region.HEAD)
    assert "went with the face" in found(study(head, faces=volumes(FaceFinding.FACE_REMOVED)), "teeth").done
    assert found(study(head), "teeth").done.startswith("Nothing")


def test_without_what_instances_show_the_modality_tells():
    assert told(study(modalities=["DX"]))["bones"] is True
    assert told(study(modalities=["SR"])) == {}


# What was kept


def test_options_and_changes_bring_their_risks():
    for option, name in (
        (Option.RETAIN_FULL_DATES, "dates"),
        (Option.RETAIN_MODIFIED_DATES, "intervals"),
        (Option.RETAIN_UIDS, "uids"),
        (Option.RETAIN_INSTITUTION_IDENTITY, "institution"),
        (Option.RETAIN_DEVICE_IDENTITY, "device"),
    ):
        assert told(study(), profile(option)) == {name: True}
    for change, name in (
        (Change("StudyDescription", "(0008,1030)", Action.CLEAN, Reason.TEXT), "free-text"),
        (Change("OverlayData", "(6000,3000)", Action.REMOVE, Reason.TABLE), "old-overlays"),
        (Change("Private", "(0029,1010)", Action.KEEP, Reason.SAFE_PRIVATE), "private-elements"),
        (Change("PatientAge", "(0010,1010)", Action.KEEP, Reason.OPTION), "characteristics"),
    ):
        assert told(study(changes={change: 1})) == {name: True}


def test_pixels_bring_their_risks():
    for tally, name in (
        (PixelTally(unseen=1, unseen_likely=1), "text-unseen-likely"),
        (PixelTally(unseen=1), "text-unseen"),
        (PixelTally(looked_at=1), "text-missed"),
        (PixelTally(kept_words=1), "text-kept"),
    ):
        assert told(study(pixels=tally)) == {name: True}


@pytest.mark.parametrize("name", ["basic", "ai-inference", "research", "patient-copy"])
def test_the_shipped_profiles_have_risks_for_what_they_keep(name):
    loaded = load_profile(name)
    got = told(study(), loaded)
    assert ("dates" in got) is (Option.RETAIN_FULL_DATES in loaded.options)
    assert ("intervals" in got) is (Option.RETAIN_MODIFIED_DATES in loaded.options)


@given(
    kinds=st.sets(st.sampled_from(ImageKind), min_size=1, max_size=4),
    regions=st.lists(st.sampled_from(Region), min_size=4, max_size=4),
    mode=st.sampled_from(FaceMode),
)
@example(kinds={ImageKind.CT}, regions=[Region.HEAD] * 4, mode=FaceMode.OFF)
@example(kinds={ImageKind.RADIOGRAPH}, regions=[Region.HAND] * 4, mode=FaceMode.REMOVE)
def test_what_a_header_says_of_the_body_part_never_takes_a_risk_away(kinds, regions, mode):
    by = profile(faces=mode)
    unsaid = told(study(*(Shown(kind=kind) for kind in kinds)), by)
    said = told(
        study(
            *(Shown(kind=kind, region=region) for kind, region in zip(sorted(kinds, key=str), regions, strict=False))
        ),
        by,
    )
    assert set(said) == set(unsaid)
    assert all(said[name] >= is_certain for name, is_certain in unsaid.items())
