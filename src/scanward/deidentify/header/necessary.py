"""Minimum necessary: which Attributes stay because the purpose, the pixels or the IOD needs them (45 CFR 164.502(b)).

What nobody needs is left out where the IOD lets it be, and emptied where the IOD wants it present (Type 2).
"""

from collections.abc import Collection
from enum import Enum

from scanward.model.attribute import Path, Tag
from scanward.standard.dictionary import find_attribute
from scanward.standard.iods import is_known_sop_class, required_type

_IMAGE = 0x0028

_CONTENT_GROUPS = frozenset(
    {
        0x003A,  # waveforms
        0x0042,  # encapsulated documents
        0x0062,  # segmentations
        0x0064,  # deformable registrations
        0x0066,  # surfaces, tracts
        0x006A,  # annotations of microscopy
        0x0070,  # presentation states, registrations
        0x3002, 0x3004, 0x3006, 0x3008, 0x300A, 0x300C, 0x300E, 0x3010,  # radiotherapy
        0x5200,  # functional groups of frames: geometry, and what makes a frame
        0x5400,  # waveforms
        0x7FE0,  # Pixel Data
    }
)  # fmt: skip
"""Groups that are what an instance is about, not what it says of the patient: agreed on with its SOP Class."""

_ESSENTIAL = frozenset(
    {
        0x00080005,  # Specific Character Set: how to read the rest
        0x00080008,  # Image Type: derived, localizer ...
        0x00080060,  # Modality
        0x00080201,  # Timezone Offset From UTC: what times mean, where any stay
        0x00082112,  # Source Image Sequence: or Referenced Series Sequence would refer to what nothing else does
        0x00082144,  # Recommended Display Frame Rate
        0x00180015,  # Body Part Examined: decisions are made of it, and whether Laterality is required
        0x00180040,  # Cine Rate
        0x00180050,  # Slice Thickness
        0x00180088,  # Spacing Between Slices
        0x00181063,  # Frame Time
        0x00181065,  # Frame Time Vector
        0x00181114,  # Estimated Radiographic Magnification Factor: size in the patient
        0x00181164,  # Imager Pixel Spacing
        0x00182010,  # Nominal Scanned Pixel Spacing
        0x00185100,  # Patient Position
        0x00189004,  # Content Qualification: not for clinical use
        0x0008001C,  # Synthetic Data
        0x00200011,  # Series, Acquisition, Instance Number: order
        0x00200012,
        0x00200013,
        0x00200020,  # Patient Orientation
        0x00200032,  # Image Position (Patient)
        0x00200037,  # Image Orientation (Patient)
        0x00200060,  # Laterality: left is not right
        0x00200062,  # Image Laterality
        0x00201041,  # Slice Location
        0x00220005,  # Patient Eye Movement Commanded: whether the code of the command is required
        0x00209311,  # Dimension Organization Type: whether each tile says where it is
        0x0040A730,  # Content Sequence: what a structured report says
        0x00409096,  # Real World Value Mapping Sequence: what pixel values measure
        *(0x00540010, 0x00540020, 0x00540050, 0x00540060, 0x00540070, 0x00540080, 0x00540090, 0x00540100),
        # Vectors of nuclear medicine: Frame Increment Pointer leads to them, in other IODs too
        0x20500010,  # Presentation LUT Sequence
        0x20500020,  # Presentation LUT Shape
    }
)
"""What reading, ordering and showing an image needs, optional or not."""


class Need(Enum):
    """What becomes of an Attribute that the profile would keep in some form."""

    STAYS = "stays"
    EMPTY = "is emptied"
    GOES = "goes"


def need_of(path: Path, sop_class_uid: str, needed: Collection[Tag]) -> Need:
    """Return what becomes of the Attribute at `path` where the purpose needs those in `needed` and what is in them."""
    if _is_essential(path) or any(tag in needed for tag in path):
        return Need.STAYS
    if not is_known_sop_class(sop_class_uid):
        return Need.EMPTY  # any may be required, so none is left out
    kind = required_type(sop_class_uid, path)
    if kind is None:
        return Need.GOES
    return Need.EMPTY if kind in ("2", "2C") else Need.STAYS


def _is_essential(path: Path) -> bool:
    outermost, tag = path[0], path[-1]
    if outermost >> 16 in _CONTENT_GROUPS or outermost in _ESSENTIAL or tag in _ESSENTIAL or tag >> 16 == _IMAGE:
        return True
    # UIDs tell what belongs together; they are replaced. Inside sequences they go with what refers.
    entry = find_attribute(tag)
    return len(path) == 1 and entry is not None and entry.vr == ("UI",)
