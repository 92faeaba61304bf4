"""Which photographs a person has to look at."""

import pytest

from scanward.deidentify.pixels.photographs import (
    DECLARED,
    FACE,
    FILM,
    FROM_OUTSIDE,
    Scene,
    needs_face_look,
    photograph_hold,
    scene_of,
)
from scanward.standard.modalities import MODALITIES
from scanward.standard.uids import is_registered

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT, SC, ES, PHOTO, EYE = (STORAGE + suffix for suffix in ("2", "7", "77.1.1", "77.1.4", "77.1.5.1"))


def hold(modality, sop_class_uid, *, frames=1, features="", has_face=False):
    return photograph_hold(
        modality=modality, sop_class_uid=sop_class_uid, frames=frames, recognizable_visual_features=features, has_face=has_face
    )  # fmt: skip


@pytest.mark.parametrize(
    ("modality", "sop_class_uid"),
    [
        ("XC", PHOTO),
        ("XC", SC),
        ("", PHOTO),
        (" xc ", ""),
        ("DMS", STORAGE + "77.1.7"),
        ("OT", PHOTO),
        ("ES", PHOTO),
        ("TG", SC),
    ],
)
def test_photographs_from_outside_are_always_held(modality, sop_class_uid):
    assert hold(modality, sop_class_uid) == FROM_OUTSIDE
    assert hold(modality, sop_class_uid, has_face=True) == FACE


def test_a_still_of_an_endoscopy_leaves_and_a_film_does_not():
    assert hold("ES", ES) is None
    assert hold("ES", ES, frames=2) == FILM
    assert hold("ES", STORAGE + "77.1.1.1", frames=900) == FILM
    assert hold("ES", ES, has_face=True) == FACE


def test_pages_and_eyes_are_held_where_a_face_was_found():
    for modality, sop_class_uid in (("OT", SC), ("", SC), ("CT", SC), ("DOC", ""), ("OP", EYE)):
        assert needs_face_look(modality, sop_class_uid)
        assert hold(modality, sop_class_uid) is None
        assert hold(modality, sop_class_uid, has_face=True) == FACE


def test_what_the_instance_says_of_itself_counts():
    assert hold("ES", ES, features="YES") == DECLARED
    assert hold("OT", SC, features=" yes") == DECLARED
    assert hold("OT", SC, features="NO") is None


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "CR", "DX", "MG", "PT", "NM", "XA", "SM", ""])
def test_scans_are_no_photographs(modality):
    assert scene_of(modality, CT) is Scene.OTHER
    assert not needs_face_look(modality, CT)
    assert hold(modality, CT, frames=300, features="YES", has_face=True) is None


def test_only_known_modalities_and_classes_are_named():
    from scanward.deidentify.pixels import photographs

    assert set(photographs._MODALITIES) <= MODALITIES
    assert all(is_registered(uid) for uid in photographs._SOP_CLASSES)
