"""A result says that it is one, and nobody takes it for a person's finding."""

from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from scanward import __version__
from scanward.errors import ResultError
from scanward.release.label import COMMENT
from tests.common.modules import item
from tests.common.results import LABELLING, MAKERS, RECIPIENT_ROOT, Sent, bring_back, chest, encode, make_result, send


@pytest.fixture(scope="module")
def sent() -> Sent:
    return send(chest())


def labelled(sent: Sent, ds: Dataset) -> Dataset:
    return bring_back(ds, sent).ds


@pytest.mark.parametrize("kind", MAKERS)
def test_the_description_of_the_series_says_it(sent, kind):
    given = make_result(sent, kind)
    assert labelled(sent, given).SeriesDescription == f"AI result: {given.SeriesDescription}"


@pytest.mark.parametrize("kind", MAKERS)
def test_the_equipment_that_made_and_changed_it_is_named(sent, kind):
    made, changed = labelled(sent, make_result(sent, kind)).ContributingEquipmentSequence
    assert made.Manufacturer == made.InstitutionName == "Lung AI, Inc."
    assert made.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert (changed.Manufacturer, changed.SoftwareVersions) == ("Scanward", __version__)
    assert changed.PurposeOfReferenceCodeSequence[0].CodeValue == "109103"
    assert changed.ContributionDateTime == "20261121093000+0000"
    assert LABELLING.release_id in changed.ContributionDescription
    assert LABELLING.agreement_version in changed.ContributionDescription


def test_a_missing_description_is_made(sent):
    given = make_result(sent, "sr")
    del given.SeriesDescription
    assert labelled(sent, given).SeriesDescription == "AI result"


def test_an_empty_description_is_filled(sent):
    given = make_result(sent, "sr")
    given.SeriesDescription = ""
    assert labelled(sent, given).SeriesDescription == "AI result"


def test_a_long_description_keeps_the_label(sent):
    given = make_result(sent, "sr")
    given.SeriesDescription = "Ä" * 64
    given.SpecificCharacterSet = "ISO_IR 100"
    assert labelled(sent, given).SeriesDescription == "AI result: " + "Ä" * 53


def test_bytes_of_no_declared_character_set_stay_behind_the_label(sent):
    given = make_result(sent, "sr")
    given.SeriesDescription = "Groesse "
    data = encode(given).replace(b"Groesse ", b"Gr\xf6\xdfe XY")
    assert b"AI result: Gr\xf6\xdfe XY" in bring_back(data, sent).data


def test_a_label_is_not_put_twice(sent):
    given = make_result(sent, "sc")
    given.SeriesDescription, given.ImageComments = "AI result: nodules", f"{COMMENT} 7 mm"
    ds = labelled(sent, given)
    assert (ds.SeriesDescription, ds.ImageComments) == ("AI result: nodules", f"{COMMENT} 7 mm")


def test_image_comments_say_it_where_there_may_be_some(sent):
    given = make_result(sent, "sc")
    given.ImageComments = "7 mm"
    assert labelled(sent, given).ImageComments == "AI result, not verified by a person. 7 mm"
    assert labelled(sent, make_result(sent, "seg")).ImageComments == COMMENT
    for kind in ("sr", "pr", "pdf", "rtstruct", "ko"):
        assert "ImageComments" not in labelled(sent, make_result(sent, kind))


def test_content_descriptions_say_it_where_there_is_one(sent):
    assert labelled(sent, make_result(sent, "seg")).ContentDescription == "AI result: Lung nodule"
    assert labelled(sent, make_result(sent, "pr")).ContentDescription == "AI result: Nodule marked"
    assert "ContentDescription" not in labelled(sent, make_result(sent, "sr"))


def test_what_the_recipient_wrote_of_its_content_stays(sent):
    given = make_result(sent, "seg")
    ds = labelled(sent, given)
    assert ds.SegmentSequence[0].SegmentLabel == given.SegmentSequence[0].SegmentLabel
    assert ds.ContentLabel == given.ContentLabel


def test_a_sop_class_that_is_not_known_is_labelled_too(sent):
    given = make_result(sent, "sc")
    given.SOPClassUID = given.file_meta.MediaStorageSOPClassUID = f"{RECIPIENT_ROOT}.7"
    ds = labelled(sent, given)
    assert ds.SeriesDescription.startswith("AI result: ")
    assert len(ds.ContributingEquipmentSequence) == 2


def test_a_broken_equipment_sequence_is_made_anew(sent):
    given = make_result(sent, "sc")
    given.add_new(0x0018A001, "LO", "not a sequence")
    assert len(labelled(sent, given).ContributingEquipmentSequence) == 2


def test_long_names_and_versions_fit(sent):
    labelling = replace(LABELLING, recipient_name="N" * 200, agreement_version="é" * 2000)
    made, changed = bring_back(make_result(sent, "sc"), sent, labelling=labelling).ds.ContributingEquipmentSequence
    assert made.Manufacturer == "N" * 64
    assert len(changed.ContributionDescription) <= 1024


# Nobody but a person verifies


def verified(ds: Dataset) -> None:
    ds.VerificationFlag = "VERIFIED"


def observed(ds: Dataset) -> None:
    ds.VerifyingObserverSequence = [item(VerifyingObserverName="Doctor^Who")]


def approved(ds: Dataset) -> None:
    ds.ApprovalStatus = "APPROVED"


def approved_inside(ds: Dataset) -> None:
    ds.ContentSequence[0].ApprovalStatus = "APPROVED"


@pytest.mark.parametrize("attest", [verified, observed, approved, approved_inside])
def test_what_says_that_a_person_verified_it_is_held(sent, attest):
    given = make_result(sent, "sr")
    attest(given)
    with pytest.raises(ResultError, match="nobody has verified or approved") as caught:
        bring_back(given, sent)
    assert "Who" not in str(caught.value)
    assert caught.value.remedy


def test_an_empty_sequence_of_observers_says_nothing(sent):
    given = make_result(sent, "sr")
    given.VerifyingObserverSequence = []
    given.ApprovalStatus = "UNAPPROVED"
    assert labelled(sent, given).VerificationFlag == "UNVERIFIED"
