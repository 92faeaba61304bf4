"""What an instance shows, told from its header."""

import pytest

from scanward.deidentify.header.scan import (
    BODY_PART_EXAMINED,
    IMAGE_TYPE,
    MODALITY,
    NUMBER_OF_FRAMES,
    SAMPLES_PER_PIXEL,
    SOP_CLASS_UID,
    InstanceFacts,
)
from scanward.deidentify.residual.shown import kind_of, region_of, shown_by
from scanward.model.risks import ImageKind, Region, Shown

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT, DX, XC_FILM, CAPTURE = (STORAGE + last for last in ("2", "1.1", "77.1.4.1", "7"))


def shown(sop_class: str, modality: str, syntax: str = "1.2.840.10008.1.2.1", **more: bytes) -> Shown:
    names = {
        "image_type": IMAGE_TYPE,
        "body_part": BODY_PART_EXAMINED,
        "frames": NUMBER_OF_FRAMES,
        "samples": SAMPLES_PER_PIXEL,
    }
    values = {SOP_CLASS_UID: sop_class.encode(), MODALITY: modality.encode()}
    values |= {names[name]: value for name, value in more.items()}
    return shown_by(InstanceFacts(values, (), syntax, little=True))


@pytest.mark.parametrize(
    ("sop_class", "modality", "kind"),
    [
        (DX, "DX", ImageKind.RADIOGRAPH),
        (DX, "PX", ImageKind.DENTAL),  # panoramic units use the class of radiographs
        (CT, "CT", ImageKind.CT),
        (CAPTURE, "XC", ImageKind.PHOTOGRAPH),
        (CAPTURE, "DX", ImageKind.RADIOGRAPH),
        (CAPTURE, "CT", ImageKind.PICTURE),
        (CAPTURE, "", ImageKind.PICTURE),
        (STORAGE + "77.1.5.4", "OPT", ImageKind.EYE),
        (STORAGE + "9.4.1", "AU", ImageKind.VOICE),
        ("1.2.3", "MR ", ImageKind.MR),
        ("1.2.3", "??", ImageKind.OTHER),
    ],
)
def test_the_kind_is_that_of_the_class_and_where_it_wraps_anything_of_the_modality(sop_class, modality, kind):
    assert kind_of(sop_class_uid=sop_class, modality=modality) is kind


def test_image_type_tells_localisers_and_pictures_from_slices():
    assert shown(CT, "CT", image_type=b"ORIGINAL\\PRIMARY\\AXIAL").kind is ImageKind.CT
    assert shown(CT, "CT", image_type=b"ORIGINAL\\PRIMARY\\LOCALIZER").kind is ImageKind.LOCALIZER
    assert shown(CT, "CT", image_type=b"DERIVED\\SECONDARY\\VRT").kind is ImageKind.PICTURE
    assert shown(CT, "CT", samples=b"\3\0").kind is ImageKind.PICTURE


def test_several_frames_of_a_photograph_are_a_film_and_those_of_a_volume_are_slices():
    assert shown(XC_FILM, "XC", frames=b"240 ").is_moving
    assert not shown(XC_FILM, "XC", frames=b"1").is_moving
    assert not shown(XC_FILM, "XC", frames=b"many").is_moving
    assert not shown(STORAGE + "2.1", "CT", frames=b"240").is_moving
    assert not shown(STORAGE + "77.1.6", "SM", frames=b"240").is_moving


def test_what_is_coded_as_a_film_may_have_sound():
    film = shown(XC_FILM, "XC", "1.2.840.10008.1.2.4.102", frames=b"240")
    assert film.is_video
    assert film.is_moving
    assert not shown(XC_FILM, "XC", "1.2.840.10008.1.2.4.50", frames=b"240").is_video
    assert not shown(XC_FILM, "XC", "1.2.840.10008.1.2.4.110", frames=b"1").is_video  # JPEG XL


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("CHEST", Region.CHEST), ("Thorax^PA", Region.CHEST), ("HEAD", Region.HEAD), ("BRAIN", Region.HEAD),
        ("HAND", Region.HAND), ("LSPINE", Region.SPINE), ("ABDOMEN", Region.TRUNK), ("KNEE", Region.LIMB),
        ("JAW", Region.JAW), ("", Region.UNKNOWN), ("QQQ", Region.UNKNOWN),
    ],
)  # fmt: skip
def test_the_body_part_is_read_as_a_region(text, region):
    assert region_of(text) is region
    assert shown(DX, "DX", body_part=text.encode()).region is region
