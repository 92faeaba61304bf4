"""What stays of the body in each instance of a study, where a profile keeps a box of it.

1. A box is placed once in each Frame of Reference: in the volume that shows most of the body, where it is counted from
   the body.
2. Each frame whose place is known is cut, whatever series it is of.
3. What shows the body otherwise - localisers, contours, segments, doses, captures - is left out, as is a frame that
   cannot be cut. This does not depend on what else there is: the scan may have gone before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanward.deidentify.bodies.crop import crop_plane, place_box
from scanward.deidentify.bodies.kinds import why_left_out
from scanward.deidentify.faces.groups import SliceGroup
from scanward.deidentify.faces.planes import Slice
from scanward.deidentify.faces.series import Opener, Survey, read_volume, survey
from scanward.deidentify.faces.write import put_into
from scanward.deidentify.header.scan import InstanceFacts
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import HoldError, OutputError, ScanwardError, SourceError, StoreError
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy
from scanward.model.faces import FaceVolume, VolumeFault
from scanward.model.pixels import PixelOutcome
from scanward.ports.engines import FrameCodec

if TYPE_CHECKING:
    from scanward.deidentify.faces.study import FacePlan, FacePlanner

MAX_VOXELS: Final = 40_000_000
"""Of the volume in which a body is looked for: its ends are needed to some mm, not to a pixel."""

REMEDY: Final = "Leave it out, or have the purpose agreed with a profile that keeps what it shows."

CUT: Final = "the profile cuts bodies down to a box"
UNREADABLE: Final = f"its header cannot be read as far as it takes to tell what it shows, and {CUT}"
UNPLACED: Final = f"slices whose place is not known, and {CUT}"
NOT_GREY: Final = f"slices of colours or with a table of values, and {CUT}"
COUNTED: Final = f"{CUT} that is counted from it; one in the coordinates of the patient would need no body"
NO_VOLUME: Final = f"{COUNTED}; expected a volume that shows where it is, got none"
NOTHING_STAYS: Final = f"{CUT}, and nothing that was scanned lies in it"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cut:
    """What becomes of an instance.

    Attributes
    ----------
    hold
        Why it does not leave; empty where it may.
    box
        What stays of its frames, in the coordinates of the patient; None where all does.
    slices
        Its frames, by their numbers.
    """

    hold: str = ""
    box: BodyBox | None = None
    slices: Mapping[int, Slice] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BodyPlan:
    """What stays of the body in each instance of a study.

    Attributes
    ----------
    cuts
        By the places of instances.
    codec
        Decodes.
    folder
        For temporary files.
    """

    cuts: tuple[Cut, ...]
    codec: FrameCodec
    folder: Path | None = None

    def left_out(self, place: int) -> str:
        """Return why an instance does not leave; empty where it may."""
        return self.cuts[place].hold

    def require_leave(self, place: int) -> None:
        """Raise `HoldError` where an instance does not leave."""
        if self.cuts[place].hold:
            raise HoldError(self.cuts[place].hold, remedy=REMEDY)

    def apply(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Cut an instance, after whatever else was taken out of its pixels.

        Raises
        ------
        HoldError, DicomFormatError
            It does not leave, or its pixels cannot be made anew.
        """
        self.require_leave(place)
        cut = self.cuts[place]
        if cut.box is None:
            return pixels
        patches = {number: crop_plane(cut.box, one.plane) for number, one in cut.slices.items() if one.plane}
        return put_into(pixels, start, facts, cut.slices, patches, self.codec, folder=self.folder)


class BodyPlanner:
    """Plans what stays of the body in studies.

    Parameters
    ----------
    codec
        Decodes.
    policy
        What the profile says.
    folder
        For new pixels that are too many for memory, as secret as the instances; None for the system's.
    """

    def __init__(self, codec: FrameCodec, policy: BodyPolicy, *, folder: Path | None = None) -> None:
        self._codec = codec
        self._policy = policy
        self._folder = folder

    def plan(self, openers: Sequence[Opener], facts: Sequence[InstanceFacts], surveyed: Survey) -> BodyPlan:
        """Return what becomes of each instance of a study.

        Parameters
        ----------
        openers
            Open the instances.
        facts
            What tells their SOP Classes.
        surveyed
            What `openers` showed.

        Raises
        ------
        OutputError, StoreError
            Something could not be read; it is done over later.
        """
        cuts: dict[int, Cut] = {}
        references: dict[tuple[str, str], list[SliceGroup]] = {}
        for group in surveyed.groups:
            references.setdefault(group.frame_of_reference, []).append(group)
        for groups in references.values():
            cuts.update(self._cut(groups, openers))
        for place, role in enumerate(surveyed.roles):
            if role is None:
                cuts[place] = Cut(hold=UNREADABLE)
            elif not role.makes_volumes:
                cuts[place] = Cut(hold=why_left_out(role, facts[place]))
        return BodyPlan(
            cuts=tuple(cuts.get(place, Cut(hold=UNPLACED)) for place in range(len(openers))),
            codec=self._codec,
            folder=self._folder,
        )

    def _cut(self, groups: Sequence[SliceGroup], openers: Sequence[Opener]) -> dict[int, Cut]:
        """Return what becomes of the instances that have slices in a Frame of Reference."""
        frames: dict[int, dict[int, Slice]] = {}
        holds: dict[int, str] = {}
        for group in groups:
            for one in group.slices:
                frames.setdefault(one.instance, {})[one.frame] = one
                if one.plane is None:
                    holds[one.instance] = UNPLACED
                elif group.fault is VolumeFault.NOT_GREY:
                    holds.setdefault(one.instance, NOT_GREY)
        try:
            box = self._place(groups, openers)
            if not _holds_any(box, groups):
                raise HoldError(NOTHING_STAYS)
        except HoldError as error:
            return {place: Cut(hold=holds.get(place, str(error))) for place in frames}
        return {
            place: Cut(hold=holds[place]) if place in holds else Cut(box=box, slices=slices)
            for place, slices in frames.items()
        }

    def _place(self, groups: Sequence[SliceGroup], openers: Sequence[Opener]) -> BodyBox:
        """Return the box of a Frame of Reference: that of the volume which shows most of the body."""
        if self._policy.keep is not None and self._policy.origin is BodyOrigin.PATIENT:
            return self._policy.keep
        why_not = ""
        for group in sorted((one for one in groups if one.has_grid), key=_shows_least):
            try:
                volume = read_volume(group, openers, self._codec, max_voxels=MAX_VOXELS)
                box = place_box(self._policy, volume)
            except (OutputError, StoreError):
                raise
            except ScanwardError as error:
                why_not = why_not or f"{COUNTED}; {error}"
                continue
            if box is not None:
                return box
        raise HoldError(why_not or NO_VOLUME)


class ScanPlanner:
    """Plans what becomes of the scans of studies: faces go first, then what lies outside of a box.

    Parameters
    ----------
    faces, bodies
        Plan the one and the other; None where nobody does.
    """

    def __init__(self, faces: "FacePlanner | None", bodies: BodyPlanner | None) -> None:
        self._faces = faces
        self._bodies = bodies

    def plan(self, openers: Sequence[Opener], facts: Sequence[InstanceFacts]) -> "ScanPlan":
        """Return what becomes of each instance of a study; parameters and errors as `BodyPlanner.plan`."""
        surveyed = survey(openers)
        return ScanPlan(
            faces=None if self._faces is None else self._faces.plan(openers, surveyed),
            bodies=None if self._bodies is None else self._bodies.plan(openers, facts, surveyed),
            unread=surveyed.unread,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ScanPlan:
    """What becomes of the scans of a study.

    Attributes
    ----------
    faces, bodies
        What is done about the one and the other; None where nothing is.
    unread
        Places of instances that could not be opened.
    """

    faces: "FacePlan | None" = None
    bodies: BodyPlan | None = None
    unread: frozenset[int] = frozenset()

    @property
    def volumes(self) -> tuple[FaceVolume, ...]:
        """What was found of each volume that may show a head."""
        return () if self.faces is None else self.faces.volumes

    def left_out(self, place: int) -> str:
        """Return why an instance does not leave whatever a person says of its face; empty where it may."""
        return "" if self.bodies is None else self.bodies.left_out(place)

    def require_leave(self, place: int) -> None:
        """Raise `HoldError` where an instance does not leave, `FaceError` where that is for a face.

        Raises
        ------
        SourceError
            It could not be opened when the study was looked at.
        """
        if place in self.unread:
            raise SourceError("expected an input that can be opened, got one that could not be when its study was read")
        if self.bodies is not None:
            self.bodies.require_leave(place)
        if self.faces is not None:
            self.faces.require_leave(place)

    def apply(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Take the face out of an instance and cut it; errors as `require_leave` and `BodyPlan.apply`."""
        self.require_leave(place)
        if self.faces is not None:
            pixels = self.faces.apply(place, start, facts, pixels)
        return self.cut(place, start, facts, pixels)

    def cut(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Cut an instance alone, where a person lets its face go; errors as `BodyPlan.apply`."""
        return pixels if self.bodies is None else self.bodies.apply(place, start, facts, pixels)


def _shows_least(group: SliceGroup) -> tuple[bool, float, str]:
    """Return what puts the volume first that shows most of the body; emission is where a tracer is."""
    planes = group.planes
    across = abs(planes[-1].distance_mm - planes[0].distance_mm)
    first = planes[0]
    size = across * first.rows * first.row_spacing_mm * first.columns * first.column_spacing_mm
    return group.modality == "PT", -round(size), group.slices[0].series


def _holds_any(box: BodyBox, groups: Sequence[SliceGroup]) -> bool:
    """Return whether a box has any pixel of slices in it."""
    return any(not crop_plane(box, plane).mask.all() for group in groups for plane in group.planes)
