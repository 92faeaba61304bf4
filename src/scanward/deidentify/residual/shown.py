"""What an instance shows, told from its SOP Class, then its Modality; what it says of the body part is a hint only."""

import re
from typing import Final

from scanward.deidentify.header.scan import (
    BODY_PART_EXAMINED,
    IMAGE_TYPE,
    MODALITY,
    NUMBER_OF_FRAMES,
    SAMPLES_PER_PIXEL,
    SOP_CLASS_UID,
    InstanceFacts,
)
from scanward.model.risks import ImageKind, Region, Shown

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."

_CLASSES: Final = {
    ImageKind.RADIOGRAPH: ("1", "1.1", "1.1.1"),
    ImageKind.MAMMOGRAM: ("1.2", "1.2.1", "13.1.3", "13.1.4", "13.1.5"),
    ImageKind.DENTAL: ("1.3", "1.3.1", "13.1.2"),
    ImageKind.CT: ("2", "2.1", "2.2", "13.1.1"),
    ImageKind.MR: ("4", "4.1", "4.3", "4.4"),
    ImageKind.PET: ("128", "128.1", "130"),
    ImageKind.SCINTIGRAPHY: ("20",),
    ImageKind.FLUOROSCOPY: ("12.1", "12.1.1", "12.2", "12.2.1", "12.3"),
    ImageKind.ULTRASOUND: ("3", "3.1", "6", "6.1", "6.2", "6.3"),
    ImageKind.ENDOSCOPY: ("77.1.1", "77.1.1.1"),
    ImageKind.SLIDE: ("77.1.2", "77.1.2.1", "77.1.3", "77.1.6", "77.1.8"),
    ImageKind.PHOTOGRAPH: ("77.1", "77.2", "77.1.4", "77.1.4.1", "77.1.7"),
    ImageKind.EYE: (*(f"77.1.5.{last}" for last in range(1, 9)), "81.1", "82.1"),
    ImageKind.OUTLINE: ("481.3", "66.5", "68.1", "68.2", "104.3", "104.4", "104.5"),
    ImageKind.PICTURE: ("7", "7.1", "7.2", "7.3", "7.4"),
    ImageKind.HEART_CURVE: ("9.1.1", "9.1.2", "9.1.3", "9.1.4", "9.2.1", "9.3.1"),
    ImageKind.VOICE: ("9.4.1", "9.4.2"),
}
_KIND_OF_CLASS: Final = {_STORAGE + last: kind for kind, lasts in _CLASSES.items() for last in lasts}

_MODALITIES: Final = {
    ImageKind.RADIOGRAPH: "CR DX RG",
    ImageKind.MAMMOGRAM: "MG",
    ImageKind.DENTAL: "PX IO",
    ImageKind.CT: "CT",
    ImageKind.MR: "MR",
    ImageKind.PET: "PT",
    ImageKind.SCINTIGRAPHY: "NM ST",
    ImageKind.FLUOROSCOPY: "XA RF DS CF DF VF",
    ImageKind.ULTRASOUND: "US IVUS EC CD DD",
    ImageKind.ENDOSCOPY: "ES CS CP LP",
    ImageKind.PHOTOGRAPH: "XC DMS DG",
    ImageKind.EYE: "OP OPT OPM OCT OPTBSV OPTENF FS FA",
    ImageKind.SLIDE: "SM GM",
    ImageKind.OUTLINE: "RTSTRUCT M3D OSS",
    ImageKind.HEART_CURVE: "ECG",
    ImageKind.VOICE: "AU",
}
_KIND_OF_MODALITY: Final = {name: kind for kind, names in _MODALITIES.items() for name in names.split()}

_MOVING: Final = frozenset({ImageKind.ENDOSCOPY, ImageKind.PHOTOGRAPH, ImageKind.ULTRASOUND, ImageKind.FLUOROSCOPY})

_VIDEO: Final = "1.2.840.10008.1.2.4.10"
"""MPEG-2, MPEG-4 and HEVC (PS3.5 Section A.4.5 to A.4.8)."""

_LONGEST_NUMBER: Final = 12
"""Digits of an Integer String (PS3.5 Section 6.2)."""

_PICTURES: Final = frozenset(
    "VOLUME_RENDER VRT SSD SURFACE_RENDER VOLREN RENDERED MIP MINIP MAXIP PROJECTION SCREENSHOT SUMMARY".split()
) | {"PROJECTION IMAGE", "SCREEN SAVE", "SECONDARY CAPTURE"}

_LOCALIZERS: Final = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "SCANOGRAM", "SURVEY"})

_REGIONS: Final = tuple(
    (region, re.compile(pattern))
    for region, pattern in (
        (Region.JAW, r"JAW|MAXILLA|MANDIB|TOOTH|TEETH|DENT|TMJ"),
        (Region.HAND, r"HAND|WRIST|FINGER|THUMB|CARP"),
        (Region.HEAD, r"HEAD|BRAIN|SKULL|FACE|ORBIT|EYE|EAR\b|SINUS|NOSE|NECK|CRAN|SELLA|PITUIT|KOPF|SCHAEDEL|IAC"),
        (Region.CHEST, r"CHEST|THORAX|LUNG|RIB|HEART|CARDIAC|MEDIAST|STERN"),
        (Region.SPINE, r"SPINE|CSP|TSP|LSP|SSP|SACR|COCCYX|VERTEB|LWS|BWS|HWS"),
        (Region.TRUNK, r"ABDOM|PELVI|LIVER|KIDNEY|TRUNK|BODY|COLON|PROSTATE|UTERUS|HIP|BREAST|BLADDER|PANCREA"),
        (Region.LIMB, r"ARM|LEG|KNEE|FOOT|ANKLE|ELBOW|SHOULDER|FEMUR|TIBIA|HUMER|TOE|EXTREM|FOREARM|CLAVIC|CALC"),
    )
)


def shown_by(facts: InstanceFacts) -> Shown:
    """Return what an instance shows."""
    kind = kind_of(sop_class_uid=facts.text(SOP_CLASS_UID), modality=facts.text(MODALITY))
    types = {one.strip().upper() for one in facts.text(IMAGE_TYPE).split("\\")}
    if kind.is_volume and types & _LOCALIZERS:
        kind = ImageKind.LOCALIZER
    elif kind.is_volume and (types & _PICTURES or facts.number(SAMPLES_PER_PIXEL) == 3):
        kind = ImageKind.PICTURE
    is_video = facts.transfer_syntax_uid.startswith(_VIDEO)
    return Shown(
        kind=kind,
        region=region_of(facts.text(BODY_PART_EXAMINED)),
        # Several frames of others are slices, tiles or pages.
        is_moving=is_video or (kind in _MOVING and _frames(facts.text(NUMBER_OF_FRAMES)) > 1),
        is_video=is_video,
    )


def kind_of(*, modality: str, sop_class_uid: str = "") -> ImageKind:
    """Return what kind of image an instance is."""
    by_modality = _KIND_OF_MODALITY.get(modality.strip().upper(), ImageKind.OTHER)
    by_class = _KIND_OF_CLASS.get(sop_class_uid, ImageKind.OTHER)
    if by_class is ImageKind.RADIOGRAPH and by_modality is ImageKind.DENTAL:
        return ImageKind.DENTAL  # panoramic units send Digital X-Ray or Computed Radiography
    if by_class in (ImageKind.OTHER, ImageKind.PICTURE) and by_modality is not ImageKind.OTHER:
        # Secondary Capture wraps anything: what it says of its modality tells more.
        return ImageKind.PICTURE if by_class is ImageKind.PICTURE and by_modality.is_volume else by_modality
    return by_class


def region_of(body_part: str) -> Region:
    """Return the region of the body that a value of Body Part Examined names."""
    text = body_part.upper()
    return next((region for region, pattern in _REGIONS if pattern.search(text)), Region.UNKNOWN)


def _frames(text: str) -> int:
    digits = text.partition("\\")[0].strip()
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else 1
