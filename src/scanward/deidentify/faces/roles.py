"""What instances of a study with a head in it carry of the face, and what has to be done about each.

A face is not only in the slices of CT and MR. A surface is also in positron emission tomography, in the external
contour of a structure set, in a dose that ends at the skin, in label maps of the body, in raw data, and in every
picture that was made of the volume: localisers, renderings, projections, reformats without a place, captures.

What a dose shows is where the planning system stopped: many leave everything outside of the external contour at zero,
so that the edge of the dose is the skin. Nothing in the header says so; it is masked as all else.
"""

import re
from dataclasses import dataclass
from typing import Final

from scanward.deidentify.faces.kinds import STRUCTURE_SET, Role, role_by_class
from scanward.deidentify.faces.planes import FRAME_TYPE, Point
from scanward.deidentify.header.scan import IMAGE_TYPE, MODALITY, SAMPLES_PER_PIXEL, SOP_CLASS_UID, InstanceFacts
from scanward.deidentify.pixels.header import Elements
from scanward.deidentify.pixels.view import PER_FRAME_FUNCTIONAL_GROUPS, SHARED_FUNCTIONAL_GROUPS

_LOCALIZER: Final = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "SCANOGRAM", "SURVEY"})
_RENDERING: Final = frozenset(
    {"VOLUME_RENDER", "VRT", "SSD", "SURFACE_RENDER", "VOLREN", "RENDERED", "VR", "CINEMATIC_RENDER"}
)
_PROJECTION: Final = frozenset(
    {"MIP", "MINIP", "MAXIP", "AIP", "MEANIP", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "CURVED", "CPR"}
)
_CAPTURE: Final = frozenset(
    {"SCREEN SAVE", "SCREENSHOT", "SUMMARY", "SECONDARY CAPTURE", "REPORT", "PASTED", "POSDISP"}
)
_DENTAL_MODALITIES: Final = frozenset({"PX", "IO"})
_DENTAL_DEVICES: Final = re.compile(
    r"i-?cat|newtom|promax|viso|galileos|orthophos|axeos|veraview|accuitomo|kodak 9[05]|cs ?[89]\d00|pax-?|green|"
    r"op ?3d|op300|scanora|cranex|gxdp|rayscan|vgi|x-?mind|hyperion|giotto|papaya|smart3d|"
    r"planmeca|sirona|instrumentarium",
    re.IGNORECASE,
)
"""Words in the names of cone-beam scanners of teeth and jaws; CT of other makers have none of them."""

MANUFACTURER = 0x00080070
MODEL = 0x00081090
VOLUMETRIC_PROPERTIES = 0x00089206

_FRAME_TYPES: Final = (0x00189226, 0x00189329, 0x00189751)


def read_role(facts: InstanceFacts, header: Elements) -> Role:
    """Return what an instance is.

    Parameters
    ----------
    facts
        What the scan found in it.
    header
        Its elements.

    Raises
    ------
    DicomFormatError
        A sequence that has to be looked at is not well formed.
    """
    modality = facts.text(MODALITY).upper()
    if modality in _DENTAL_MODALITIES:
        return Role.DENTAL
    if facts.text(SOP_CLASS_UID) == STRUCTURE_SET:
        return Role.OUTLINES if outlines_body(header) else Role.OTHER
    role = role_by_class(facts)
    if not role.makes_volumes:
        return role
    if modality == "CT" and _DENTAL_DEVICES.search(f"{header.text(MANUFACTURER)} {header.text(MODEL)}"):
        return Role.DENTAL
    return _read_image_role(facts, header) or role


def _read_image_role(facts: InstanceFacts, header: Elements) -> Role | None:
    """Return what Image Type says, of all frames together; None where they are slices."""
    kinds = {one.strip().upper() for text in _image_types(facts, header) for one in text.split("\\")}
    if facts.number(SAMPLES_PER_PIXEL) == 3:
        return Role.RENDERING if kinds & _RENDERING else Role.CAPTURE
    if "3D" in kinds and "DERIVED" in kinds:
        return Role.RENDERING  # of an original, it says how slices were measured
    for names, role in (
        (_LOCALIZER, Role.LOCALIZER),
        (_RENDERING, Role.RENDERING),
        (_CAPTURE, Role.CAPTURE),
        (_PROJECTION, Role.PROJECTION),
        (frozenset({"MOSAIC"}), Role.MOSAIC),
    ):
        if kinds & names:
            return role
    # Frames of an enhanced image that are no plain slices (PS3.3 C.8.16.2.1.2): projections are SAMPLED.
    return Role.PROJECTION if header.text(VOLUMETRIC_PROPERTIES) in ("SAMPLED", "MIXED") else None


def _image_types(facts: InstanceFacts, header: Elements) -> list[str]:
    found = [facts.text(IMAGE_TYPE)]
    for groups in (SHARED_FUNCTIONAL_GROUPS, PER_FRAME_FUNCTIONAL_GROUPS):
        for group in header.items(groups):
            found += [item.text(FRAME_TYPE) for macro in _FRAME_TYPES for item in group.items(macro)]
    return found


# Structure sets (PS3.3 C.8.8.5, C.8.8.6, C.8.8.8)

STRUCTURE_SET_ROI_SEQUENCE = 0x30060020
ROI_NUMBER = 0x30060022
ROI_NAME = 0x30060026
ROI_CONTOUR_SEQUENCE = 0x30060039
CONTOUR_SEQUENCE = 0x30060040
CONTOUR_DATA = 0x30060050
RT_ROI_OBSERVATIONS_SEQUENCE = 0x30060080
REFERENCED_ROI_NUMBER = 0x30060084
RT_ROI_INTERPRETED_TYPE = 0x300600A4

_OUTER_TYPES: Final = frozenset({"EXTERNAL", "BOLUS", "SUPPORT", "FIXATION"})
"""Interpreted types of what is the skin, or lies on it and copies it: a mask that holds the head too."""

_INNER_TYPES: Final = frozenset(
    {"PTV", "CTV", "GTV", "AVOIDANCE", "ORGAN", "CAVITY", "MARKER", "REGISTRATION", "ISOCENTER", "DOSE_REGION"}
)

_OUTER_NAME: Final = re.compile(
    r"body|skin|extern|outline|contour|surface|patient|head|face|facial|nose|\bear|lips?\b|mask|haut|k(?:ö|oe|o)rper|gesicht|"
    r"kontur|peau|corps|visage|piel|cuerpo|cara\b|cute\b|corpo|hud\b|krop",
    re.IGNORECASE,
)

LEAST_OUTLINE_MM: Final = 120.0
"""A contour at least so wide and so long may be the outside of a head, whatever it is called."""


@dataclass(slots=True)
class _Roi:
    name: str = ""
    kind: str = ""

    @property
    def is_outer(self) -> bool:
        return self.kind in _OUTER_TYPES or bool(_OUTER_NAME.search(self.name))


def outlines_body(header: Elements) -> bool:
    """Return whether a structure set has contours of the outside of the body, or such as may be.

    By the interpreted type, by words in the name, and, where the type does not say that it lies within, by size.

    Raises
    ------
    DicomFormatError
        A sequence is not well formed.
    """
    rois: dict[str, _Roi] = {}
    for item in header.items(STRUCTURE_SET_ROI_SEQUENCE):
        name = item.raw(ROI_NAME).decode("latin-1")
        rois[item.text(ROI_NUMBER)] = _Roi(name=name)
    for item in header.items(RT_ROI_OBSERVATIONS_SEQUENCE):
        roi = rois.setdefault(item.text(REFERENCED_ROI_NUMBER), _Roi())
        roi.kind = item.text(RT_ROI_INTERPRETED_TYPE).upper()
    for item in header.items(ROI_CONTOUR_SEQUENCE):
        roi = rois.get(item.text(REFERENCED_ROI_NUMBER), _Roi())
        if roi.is_outer and CONTOUR_SEQUENCE in item:
            return True
        if roi.kind not in _INNER_TYPES and any(_is_large(contour) for contour in item.items(CONTOUR_SEQUENCE)):
            return True
    return False


def _is_large(contour: Elements) -> bool:
    """Whether a contour, in whatever plane, reaches far in two directions; one that is too long to read does."""
    element = contour.find(CONTOUR_DATA)
    numbers = contour.decimals(CONTOUR_DATA)
    if element is not None and element.length and not numbers:
        return True
    points: list[Point] = [(x, y, z) for x, y, z in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False)]
    if not points:
        return False
    sizes: list[float] = sorted(max(axis) - min(axis) for axis in zip(*points, strict=True))
    return float(sizes[1]) >= LEAST_OUTLINE_MM
