"""Where frames lie in the patient, and what tells volumes from each other (PS3.3 C.7.6.2, C.7.6.16)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanward.deidentify.header.scan import (
    COLUMNS,
    IMAGE_TYPE,
    MODALITY,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    InstanceFacts,
)
from scanward.deidentify.pixels.fill import RESCALE_INTERCEPT, RESCALE_SLOPE
from scanward.deidentify.pixels.frames import MAX_FRAMES
from scanward.deidentify.pixels.header import Elements
from scanward.deidentify.pixels.view import (
    PER_FRAME_FUNCTIONAL_GROUPS,
    PIXEL_VALUE_TRANSFORMATION,
    SHARED_FUNCTIONAL_GROUPS,
)
from scanward.errors import DicomFormatError
from scanward.model.attribute import Tag

Point = tuple[float, float, float]
"""x, y, z: to the left, to the back, to the head of the patient, in mm."""

IMAGE_POSITION = 0x00200032
IMAGE_ORIENTATION = 0x00200037
FRAME_OF_REFERENCE_UID = 0x00200052
INSTANCE_NUMBER = 0x00200013
PIXEL_SPACING = 0x00280030
GRID_FRAME_OFFSET_VECTOR = 0x3004000C
MODALITY_LUT_SEQUENCE = 0x00283000
PLANE_POSITION = 0x00209113
PLANE_ORIENTATION = 0x00209116
PIXEL_MEASURES = 0x00289110
FRAME_TYPE = 0x00089007

MARKS: Final[tuple[tuple[Tag, tuple[Tag, ...]], ...]] = (
    (0x00189082, (0x00189114,)),  # Effective Echo Time, in MR Echo
    (0x00180086, ()),  # Echo Number(s)
    (0x00180081, ()),  # Echo Time
    (0x00189079, (0x00189115,)),  # Inversion Times, in MR Modifier
    (0x00180082, ()),  # Inversion Time
    (0x00181314, ()),  # Flip Angle
    (0x00200100, ()),  # Temporal Position Identifier
    (0x00209128, (0x00209111,)),  # Temporal Position Index, in Frame Content
    (0x00209153, (0x00189118,)),  # Nominal Cardiac Trigger Delay Time, in Cardiac Synchronization
    (0x00181060, ()),  # Trigger Time
    (0x00541300, ()),  # Frame Reference Time
    (0x00189087, (0x00189117,)),  # Diffusion b-value, in MR Diffusion
    (0x00189087, ()),
    (0x00189089, (0x00189117, 0x00189076)),  # Diffusion Gradient Orientation
    (0x00189089, ()),
    (IMAGE_TYPE, ()),
    (FRAME_TYPE, (0x00189226,)),  # in MR Image Frame Type
    (FRAME_TYPE, (0x00189329,)),  # in CT Image Frame Type
    (FRAME_TYPE, (0x00189751,)),  # in PET Frame Type
    (0x00181210, ()),  # Convolution Kernel
    (0x00209056, (0x00209111,)),  # Stack ID, in Frame Content
    (0x00200012, ()),  # Acquisition Number
    (0x00080032, ()),  # Acquisition Time
)
"""What may tell slices apart that lie at one place, with the sequences it lies in: the first of these that does."""

_LEAST_SPACING_MM: Final = 0.01
_MAX_SPACING_MM: Final = 50.0
_MAX_POSITION_MM: Final = 1e5


@dataclass(frozen=True, kw_only=True, slots=True)
class Plane:
    """Where the pixels of a frame lie.

    Attributes
    ----------
    position
        Centre of the first pixel.
    along_row, along_column
        Directions in which columns and rows are counted, of length 1.
    row_spacing_mm, column_spacing_mm
        Distance of rows, and of columns.
    rows, columns
        Size.
    """

    position: Point
    along_row: Point
    along_column: Point
    row_spacing_mm: float
    column_spacing_mm: float
    rows: int
    columns: int

    @property
    def normal(self) -> Point:
        """Direction across, of length 1."""
        return _cross(self.along_row, self.along_column)

    @property
    def distance_mm(self) -> float:
        """Place along the normal."""
        return dot(self.normal, self.position)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """A frame that may be a slice of a volume.

    Attributes
    ----------
    instance
        Place of its instance among those that were given.
    frame
        Its number in the instance, from 0.
    plane
        Where it lies; None where the header does not say, or says what cannot be.
    slope, intercept
        From stored to modality values.
    series, frame_of_reference
        UIDs; frame of reference is empty where there is none.
    sop_instance_uid
        Of its instance.
    modality, photometric
        As the header says, in capitals.
    has_table
        Whether modality values come from a table, not from slope and intercept.
    number
        Instance Number, or the number of the frame; None where there is none.
    marks
        Values of `MARKS`, in their order; empty where missing.
    """

    instance: int
    frame: int
    plane: Plane | None
    slope: float
    intercept: float
    series: str
    frame_of_reference: str
    sop_instance_uid: str
    modality: str
    photometric: str
    has_table: bool
    number: int | None
    marks: tuple[str, ...]

    def __repr__(self) -> str:
        """Name no UID."""
        return f"Slice(instance {self.instance}, frame {self.frame})"


def read_slices(header: Elements, facts: InstanceFacts, instance: int) -> list[Slice]:
    """Return the frames of an instance with their places.

    Parameters
    ----------
    header
        Its elements.
    facts
        What the scan found in it.
    instance
        Its place among those that are looked at together.

    Raises
    ------
    DicomFormatError
        A sequence is not well formed, or there are fewer functional groups than frames.
    """
    count = _count(facts)
    shared = next(header.items(SHARED_FUNCTIONAL_GROUPS), None)
    own = _own_groups(header, count)
    offsets = header.decimals(GRID_FRAME_OFFSET_VECTOR)
    slices = []
    for frame, group in enumerate(own):
        groups = [one for one in (group, shared) if one is not None]
        plane = _read_plane(header, groups, facts)
        if count > 1 and not groups:
            plane = _offset(plane, offsets, frame)
        slope, intercept = _read_rescale(header, groups)
        slices.append(
            Slice(
                instance=instance,
                frame=frame,
                plane=plane,
                slope=slope,
                intercept=intercept,
                series=facts.text(SERIES_INSTANCE_UID),
                frame_of_reference=header.text(FRAME_OF_REFERENCE_UID),
                sop_instance_uid=facts.text(SOP_INSTANCE_UID),
                modality=facts.text(MODALITY).upper(),
                photometric=facts.text(PHOTOMETRIC_INTERPRETATION),
                has_table=MODALITY_LUT_SEQUENCE in header,
                number=frame if count > 1 else _integer(header.text(INSTANCE_NUMBER)),
                marks=tuple(_read_mark(header, groups, tag, path) for tag, path in MARKS),
            )
        )
    return slices


def dot(one: Point, other: Point) -> float:
    """Return the scalar product."""
    return sum(left * right for left, right in zip(one, other, strict=True))


def _cross(one: Point, other: Point) -> Point:
    return (
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )


def _count(facts: InstanceFacts) -> int:
    count = _integer(facts.text(NUMBER_OF_FRAMES)) or 1
    if not 1 <= count <= MAX_FRAMES:
        raise DicomFormatError(f"Number of Frames: expected 1 to {MAX_FRAMES}, got another number")
    return count


def _own_groups(header: Elements, count: int) -> Iterator[Elements | None]:
    if PER_FRAME_FUNCTIONAL_GROUPS not in header:
        yield from (None for _ in range(count))
        return
    found = 0
    for group in header.items(PER_FRAME_FUNCTIONAL_GROUPS):
        if found < count:
            yield group
        found += 1
    if found != count:
        raise DicomFormatError("Per-Frame Functional Groups: expected as many as there are frames, got others")


def _find(header: Elements, groups: list[Elements], macro: Tag, tag: Tag) -> Elements | None:
    """Return where an Attribute stands: in the functional groups of a frame, those of all frames, or the header."""
    for group in groups:
        item = next(group.items(macro), None)
        if item is not None and tag in item:
            return item
    return header if not groups and tag in header else None


def _read_plane(header: Elements, groups: list[Elements], facts: InstanceFacts) -> Plane | None:
    position = _decimals(_find(header, groups, PLANE_POSITION, IMAGE_POSITION), IMAGE_POSITION)
    orientation = _decimals(_find(header, groups, PLANE_ORIENTATION, IMAGE_ORIENTATION), IMAGE_ORIENTATION)
    spacing = _decimals(_find(header, groups, PIXEL_MEASURES, PIXEL_SPACING), PIXEL_SPACING)
    rows, columns = facts.number(ROWS) or 0, facts.number(COLUMNS) or 0
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or not rows or not columns:
        return None
    if not all(_LEAST_SPACING_MM <= one <= _MAX_SPACING_MM for one in spacing):
        return None
    if any(abs(one) > _MAX_POSITION_MM for one in position):
        return None
    directions = _directions(orientation)
    if directions is None:
        return None
    return Plane(
        position=(position[0], position[1], position[2]),
        along_row=directions[0],
        along_column=directions[1],
        row_spacing_mm=spacing[0],
        column_spacing_mm=spacing[1],
        rows=rows,
        columns=columns,
    )


def _directions(values: list[float]) -> tuple[Point, Point] | None:
    """Return the two directions made exactly perpendicular and of length 1; None where they are far from that."""
    row, column = values[:3], values[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    if any(abs(length - 1) > 0.01 for length in lengths):
        return None
    row = [one / lengths[0] for one in row]
    slant = sum(left * right for left, right in zip(row, column, strict=True))
    if abs(slant) > 0.01:
        return None
    column = [one - slant * along for one, along in zip(column, row, strict=True)]
    length = math.hypot(*column)
    column = [one / length for one in column]
    return (row[0], row[1], row[2]), (column[0], column[1], column[2])


def _offset(plane: Plane | None, offsets: list[float], frame: int) -> Plane | None:
    """Return the plane of a frame of a dose (PS3.3 C.8.8.3.2); frames without offsets have no place of their own."""
    if plane is None or frame >= len(offsets):
        return None
    # The first is 0, or all are places along z of the patient.
    offset = offsets[frame] - (0.0 if offsets[0] == 0 else offsets[0])
    x, y, z = (at + offset * along for at, along in zip(plane.position, plane.normal, strict=True))
    return Plane(
        position=(x, y, z),
        along_row=plane.along_row,
        along_column=plane.along_column,
        row_spacing_mm=plane.row_spacing_mm,
        column_spacing_mm=plane.column_spacing_mm,
        rows=plane.rows,
        columns=plane.columns,
    )


def _read_rescale(header: Elements, groups: list[Elements]) -> tuple[float, float]:
    found = _find(header, groups, PIXEL_VALUE_TRANSFORMATION, RESCALE_SLOPE)
    if found is None and RESCALE_SLOPE in header:
        found = header
    slope = next(iter(_decimals(found, RESCALE_SLOPE)), 1.0)
    return slope or 1.0, next(iter(_decimals(found, RESCALE_INTERCEPT)), 0.0)


def _read_mark(header: Elements, groups: list[Elements], tag: Tag, path: tuple[Tag, ...]) -> str:
    if not path:
        return header.raw(tag).hex() if tag in header and not groups else ""
    for group in groups:
        item: Elements | None = group
        for step in path:
            item = None if item is None else next(item.items(step), None)
        if item is not None and tag in item:
            return item.raw(tag).hex()
    return ""


def _decimals(elements: Elements | None, tag: Tag) -> list[float]:
    return [] if elements is None else elements.decimals(tag)


def _integer(text: str) -> int | None:
    try:
        return int(text.strip("\0 "))
    except ValueError:
        return None
