"""Which heads are left to people for what the scan is for, or how old the patient is."""

import numpy as np
import pytest

from scanward.deidentify.faces.aims import IN_FACE, TOO_YOUNG, left_to_people, names_other_part
from scanward.deidentify.faces.volume import Volume
from scanward.deidentify.pixels.header import read_pixel_header
from tests.common.head_files import series_of
from tests.common.head_series import opener_of


def reasons(**text):
    with opened(text)() as (start, _):
        return left_to_people(read_pixel_header(start))


def opened(text):
    volume = Volume(values=np.zeros((1, 4, 4), np.float32), affine=np.eye(4), valid=None, modality="MR")
    (file,) = series_of(volume, text={"SpecificCharacterSet": "ISO_IR 192", **text})
    return opener_of(file)


@pytest.mark.parametrize(
    "text",
    [
        {"StudyDescription": "CT Nasennebenhöhlen / sinuses"},
        {"BodyPartExamined": "ORBIT"},
        {"BodyPartExamined": "JAW"},
        {"ProtocolName": "Facial_bones 0.6"},
        {"SeriesDescription": "Zähne OK"},
        {"RequestedProcedureDescription": "CT maxillo-facial"},
    ],
)
def test_scans_of_the_face(text):
    assert reasons(**text) == (IN_FACE,)


def test_words_in_an_older_character_set():
    assert reasons(SpecificCharacterSet="ISO_IR 100", SeriesDescription="Zähne OK") == (IN_FACE,)


@pytest.mark.parametrize(
    "text",
    [
        {"PatientAge": "004Y"},
        {"PatientAge": "083M"},
        {"PatientAge": "020D"},
        {"PatientBirthDate": "20200105", "StudyDate": "20261121"},
    ],
)
def test_small_children(text):
    assert reasons(**text) == (TOO_YOUNG,)


@pytest.mark.parametrize(
    "text",
    [
        {"StudyDescription": "MR venography, sagittal sinus thrombosis"},
        {"SeriesDescription": "cavernous_sinus thin"},
        {"StudyDescription": "surface coil, interface test"},
        {"PatientAge": "007Y"},
        {"PatientBirthDate": "19840105", "StudyDate": "20261121"},
        {"PatientBirthDate": "20300105", "StudyDate": "20261121"},
        {},
    ],
)
def test_others(text):
    assert reasons(**text) == ()


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ({"BodyPartExamined": "KNEE"}, True),
        ({"BodyPartExamined": "KNEE ", "StudyDescription": "MR knee left"}, True),
        ({"BodyPartExamined": "LSPINE", "ProtocolName": "L-Spine T2 sag"}, True),
        ({"BodyPartExamined": "CSPINE"}, False),
        ({"BodyPartExamined": "HEAD"}, False),
        ({"BodyPartExamined": "CHEST", "StudyDescription": "CT head and chest"}, False),
        ({"BodyPartExamined": "KNEE", "SeriesDescription": "t1 Schädel"}, False),
        ({"BodyPartExamined": "KNEE", "ProtocolName": "facial bones"}, False),
        ({"StudyDescription": "MR knee left"}, False),
        ({}, False),
    ],
)
def test_what_names_another_part_of_the_body(text, other):
    with opened({"SpecificCharacterSet": "ISO_IR 192", **text})() as (start, _):
        assert names_other_part(read_pixel_header(start)) is other
