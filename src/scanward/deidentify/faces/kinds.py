"""What instances are as far as faces go, told from their SOP Class alone; no library is needed to say so."""

from enum import Enum
from typing import Final

from scanward.deidentify.header.scan import ROWS, SOP_CLASS_UID, InstanceFacts

STRUCTURE_SET: Final = "1.2.840.10008.5.1.4.1.1.481.3"


class Handling(Enum):
    """What is done with an instance of a study that shows a head."""

    VOLUME = "volume"
    """Its slices are aligned, and the face taken out; where they are no volume, masked by that of another series."""

    MASK = "mask"
    """The mask of a volume of the same Frame of Reference is carried over; without one, it is left out."""

    LEAVE_OUT = "leave out"
    """It shows the face, or may, and nothing can be done about it."""

    HOLD = "hold"
    """It identifies whatever is done: it is never anonymous."""

    KEEP = "keep"
    """It carries nothing of the surface of a head."""


class Role(Enum):
    """What an instance is, as far as faces go: a word for it, and what is done about it beside a head."""

    SLICES = ("slices of a scan", Handling.VOLUME)
    EMISSION = ("slices of a positron emission tomography", Handling.MASK)
    LABELS = ("segments on the grid of a scan", Handling.MASK)
    DOSE = ("a dose, which may end at the skin", Handling.MASK)
    LOCALIZER = ("a localiser", Handling.LEAVE_OUT)
    RENDERING = ("a rendering of a volume", Handling.LEAVE_OUT)
    PROJECTION = ("a projection through a slab, which mixes what lies before and behind it", Handling.LEAVE_OUT)
    MOSAIC = ("many slices in one picture", Handling.LEAVE_OUT)
    CAPTURE = ("a capture or summary, which may show anything", Handling.LEAVE_OUT)
    OUTLINES = ("contours, one of them the outside of the body", Handling.LEAVE_OUT)
    SURFACE = ("a surface made of a scan", Handling.LEAVE_OUT)
    RAW = ("raw data that a scan can be made of again", Handling.LEAVE_OUT)
    UNKNOWN = ("pixels of a kind that is not known", Handling.LEAVE_OUT)
    DENTAL = ("a panoramic or cone-beam dental study, which is never anonymous", Handling.HOLD)
    OTHER = ("nothing that carries the surface of a head", Handling.KEEP)

    @property
    def in_words(self) -> str:
        """What it is, for a person."""
        return self.value[0]

    @property
    def beside_head(self) -> Handling:
        """What is done with it in a study that shows a head."""
        return self.value[1]

    @property
    def makes_volumes(self) -> bool:
        """Whether its frames are looked at as slices."""
        return self in (Role.SLICES, Role.EMISSION)


_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."

_CLASSES: Final = {
    Role.SLICES: (
        "2", "2.1", "2.2",  # CT, Enhanced CT, Legacy Converted Enhanced CT
        "4", "4.1", "4.4",  # MR, Enhanced MR, Legacy Converted Enhanced MR
        "13.1.1",  # X-Ray 3D Angiographic
    ),
    Role.EMISSION: ("128", "130", "128.1"),  # PET, Enhanced PET, Legacy Converted Enhanced PET
    Role.LABELS: ("66.4", "66.7"),  # Segmentation, Label Map Segmentation
    Role.DOSE: ("481.2",),
    Role.CAPTURE: ("7", "7.1", "7.2", "7.3", "7.4", "4.3"),  # Secondary Capture, also multi-frame; Enhanced MR Color
    Role.SURFACE: ("66.5", "68.1", "68.2", "104.3", "104.4", "104.5"),  # Surface Segmentation, Scan, STL, OBJ, MTL
    Role.RAW: ("66", "30"),  # Raw Data; Parametric Map, whose values are no integers
    Role.DENTAL: ("1.3", "1.3.1", "13.1.2"),  # Digital Intra-Oral X-Ray; X-Ray 3D Craniofacial
    Role.OTHER: (
        "1", "1.1", "1.1.1", "1.2", "1.2.1", "13.1.3",  # CR, DX, mammography: projections, tomosynthesis
        "12.1", "12.1.1", "12.2", "12.2.1", "12.77",  # XA, RF
        "3.1", "6.1", "6.2",  # ultrasound
        "5", "20",  # Nuclear Medicine: slices of some 7 mm, of what takes up the tracer
        "3", "6", "6.3", "12.3", "13.1.4", "13.1.5", "14.1", "14.2", "481.23", "481.24",  # retired, or rare
        "481.1", "481.4", "481.5", "481.6", "481.7", "481.8", "481.9",  # RT Image, Plan, records
        "4.2", "66.1", "66.2", "66.3", "66.6", "67",  # spectroscopy, registrations, fiducials, tracts, units
    ),
}  # fmt: skip

_LIGHT: Final = (_STORAGE + "77.1.", _STORAGE + "81.1", _STORAGE + "82.1")
"""Visible light: what photographs show from outside holds them (:mod:`scanward.deidentify.pixels.photographs`)."""

_ROLES: Final = {_STORAGE + last: role for role, classes in _CLASSES.items() for last in classes}


def is_known_class(sop_class_uid: str) -> bool:
    """Return whether the SOP Class alone tells what an instance is."""
    return sop_class_uid in _ROLES or sop_class_uid == STRUCTURE_SET


def role_by_class(facts: InstanceFacts) -> Role:
    """Return what an instance is by its SOP Class; pixels of a kind that is not known are taken for such."""
    sop_class = facts.text(SOP_CLASS_UID)
    if sop_class == STRUCTURE_SET:
        return Role.OUTLINES
    role = _ROLES.get(sop_class)
    if role is None and sop_class.startswith(_LIGHT):
        return Role.OTHER
    if role is None:
        return Role.UNKNOWN if sop_class.startswith(_STORAGE) and facts.number(ROWS) else Role.OTHER
    return role
