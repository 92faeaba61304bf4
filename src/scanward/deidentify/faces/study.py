"""The faces of a study: what is found in its volumes, and what that means for each of its instances.

1. Which frames make volumes, and which instances show a head in another way?
2. Each Frame of Reference is looked at: its volumes, the best one first, whose alignment the others share.
3. What is no volume takes the mask of one, or what is known of the place where it lies.
4. What lies beside a head - localisers, renderings, captures, outlines - is left out; beside other parts, it leaves.

No header says whether there is a head.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from scanward.deidentify.faces.aims import left_to_people, names_other_part
from scanward.deidentify.faces.findings import FaceEngines, treat
from scanward.deidentify.faces.groups import MAX_GAP_MM, SliceGroup
from scanward.deidentify.faces.kinds import Handling, Role
from scanward.deidentify.faces.places import Places, could_hold_a_head, holds_no_head
from scanward.deidentify.faces.planes import read_slices
from scanward.deidentify.faces.series import Opener, Survey, read_frame, read_volume, survey
from scanward.deidentify.faces.write import PlanePatch, VolumePatch, put_into, shows_beyond
from scanward.deidentify.header.scan import InstanceFacts
from scanward.deidentify.pixels.frames import open_frames
from scanward.deidentify.pixels.header import read_pixel_header
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import FaceError, OutputError, ScanwardError, StoreError
from scanward.model.faces import FACELESS, FaceFigures, FaceFinding, FacePolicy, FaceUnsure, FaceVolume
from scanward.model.pixels import PixelOutcome

LOOK: Final = "Look at it in the source; have a series that is not whole sent again, and leave out what shows a face."

BESIDE_HEAD: Final = "beside a scan of a head"
UNPLACED: Final = "slices of a head whose place is not known"
ALONE: Final = "slices of an emission scan, and no other scan of the same place tells where a face is"
BEYOND: Final = "it shows more of a head than the scan whose face is known"
NOTHING_TELLS: Final = "nothing in the study tells whether it shows a head"
UNREADABLE: Final = "its header cannot be read as far as it takes to tell whether it shows a head"

_ALONE: Final = frozenset(
    {Role.RENDERING, Role.PROJECTION, Role.MOSAIC, Role.OUTLINES, Role.SURFACE, Role.RAW, Role.UNKNOWN}
)
"""What shows a head, if it was made of one, and does not tell whether it was."""

_MAY_BE_A_HEAD: Final = frozenset(set(FaceFinding) - {FaceFinding.NO_HEAD, FaceFinding.OTHER_PART})


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Verdict:
    """What is done with an instance.

    Attributes
    ----------
    hold
        Why it does not leave; empty where it may.
    is_faceless
        Whether its pixels were looked at, and no face can be rebuilt from them: what Recognizable Visual Features NO
        and the Clean Recognizable Visual Features Option (113102) are claimed from.
    parts
        Its slices and what changes in them.
    """

    hold: str = ""
    is_faceless: bool = False
    parts: tuple[tuple[SliceGroup, VolumePatch | None], ...] = ()


KEEP: Final = Verdict()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FacePlan:
    """What is done with each instance of a study.

    Attributes
    ----------
    verdicts
        By the places of instances.
    volumes
        What was found of each volume, for the report.
    folder
        For temporary files.
    engines
        What looks.
    """

    verdicts: tuple[Verdict, ...]
    volumes: tuple[FaceVolume, ...]
    engines: FaceEngines
    folder: Path | None = None

    def require_leave(self, place: int) -> None:
        """Raise `FaceError` where an instance is held, with the reason."""
        hold = self.verdicts[place].hold
        if hold:
            raise FaceError(hold, remedy=LOOK)

    def apply(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Take the face out of an instance.

        Parameters
        ----------
        place
            Which instance.
        start, facts
            The same.
        pixels
            What looking for text in it came to.

        Raises
        ------
        FaceError, HoldError, DicomFormatError
            It does not leave, or its pixels cannot be made anew.
        """
        self.require_leave(place)
        verdict = self.verdicts[place]
        slices = {number: one for group, _ in verdict.parts for number, one in group.frames_of(place).items()}
        patches = _patches(verdict.parts, place)
        made = put_into(pixels, start, facts, slices, patches, self.engines.codec, folder=self.folder)
        return replace(made, is_faceless=verdict.is_faceless)


def _patches(parts: Iterable[tuple[SliceGroup, VolumePatch | None]], place: int) -> dict[int, PlanePatch]:
    patches: dict[int, PlanePatch] = {}
    for group, patch in parts:
        if patch is None:
            continue
        own = patch.values is not None
        for number, one in group.frames_of(place).items():
            if one.plane is not None:
                patches[number] = patch.cut(one.plane) if own else patch.carry(one.plane)
    return patches


class FacePlanner:
    """Plans what is done about the faces of studies.

    Parameters
    ----------
    engines
        What looks.
    policy
        What the profile says.
    folder
        For new pixels that are too many for memory, as secret as the instances; None for the system's.
    """

    def __init__(self, engines: FaceEngines, policy: FacePolicy, *, folder: Path | None = None) -> None:
        self._engines = engines
        self._policy = policy
        self._folder = folder

    def plan(self, openers: Sequence[Opener], surveyed: Survey | None = None) -> FacePlan:
        """Return what is done with each instance of a study.

        Parameters
        ----------
        openers
            Open the instances; each is opened a few times.
        surveyed
            What they showed; None has them surveyed.

        Raises
        ------
        OutputError, StoreError
            Something could not be read or put aside; it is done over later.
        """
        surveyed = survey(openers) if surveyed is None else surveyed
        work = _Work(surveyed, openers, [[] for _ in openers])
        references: dict[tuple[str, str], list[SliceGroup]] = {}
        for group in surveyed.groups:
            references.setdefault(group.frame_of_reference, []).append(group)
        for groups in references.values():
            self._look_at(work, groups)
        self._settle_unsure(work)
        for reference, groups in references.items():
            for group in groups:
                if id(group) not in work.settled:
                    self._settle_by_place(work, reference, group)
        for place, role in enumerate(surveyed.roles):
            work.verdicts[place] += self._judge(work, place, role)
        return FacePlan(
            verdicts=tuple(_merged(one) for one in work.verdicts),
            volumes=tuple(work.volumes),
            engines=self._engines,
            folder=self._folder,
        )

    # 2. Volumes

    def _look_at(self, work: "_Work", groups: Sequence[SliceGroup]) -> None:
        """Look at what can be aligned of a Frame of Reference, the best first."""
        shared = None
        aligned = [group for group in groups if group.fault is None and group.modality != "PT"]
        for group in sorted(aligned, key=_worth):
            try:
                volume = read_volume(group, work.openers, self._engines.codec)
                if max(volume.spacing_mm) > MAX_GAP_MM and holds_no_head(volume):
                    work.settle(group, Verdict(is_faceless=True), _by_place(group, FaceFinding.NO_HEAD))
                    work.bare.setdefault(group.frame_of_reference, Places()).add(volume)
                    continue
                aims = self._aims(work, group)
                treated = treat(group, volume, self._engines, self._policy, shared=shared, left_to_people=aims)
            except (OutputError, StoreError):
                raise
            except ScanwardError as error:
                work.settle(group, Verdict(hold=f"head scan: {error}"), _unread(group, str(error)))
                continue
            told, finding = treated.told, treated.told.finding
            shared = shared or (treated.fit if finding is not FaceFinding.NO_HEAD else None)
            leaves = finding in FACELESS and not told.reasons
            verdict = (
                Verdict(is_faceless=True, parts=((group, treated.patch),))
                if leaves
                else Verdict(hold=f"{finding.value}: {'; '.join(told.reasons)}")
            )
            if finding is FaceFinding.REFUSED and not told.before:
                work.unsure.append((group, verdict, told))  # what was drawn is a head, whatever the header says
                continue
            work.settle(group, verdict, told)
            if finding is FaceFinding.NO_HEAD:
                work.bare.setdefault(group.frame_of_reference, Places()).add(volume)
            if treated.patch is not None:
                work.patches.setdefault(group.frame_of_reference, []).append(treated.patch)

    def _settle_unsure(self, work: "_Work") -> None:
        """Settle volumes that may be heads, where nothing else in the study shows one, as the site believes headers."""
        shows_head = work.shows_head
        for group, verdict, told in work.unsure:
            if not shows_head and self._is_other_part(work, group):
                work.settle(group, KEEP, replace(told, finding=FaceFinding.OTHER_PART, reasons=()))
            else:
                work.settle(group, verdict, told)

    def _is_other_part(self, work: "_Work", group: SliceGroup) -> bool:
        """Whether the site has the header believed, and all of a group is another part of the body by it."""
        if self._policy.unsure is not FaceUnsure.BY_HEADER:
            return False
        try:
            for instance in group.instances:
                with work.openers[instance]() as (start, _):
                    if not names_other_part(read_pixel_header(start)):
                        return False
        except (OutputError, StoreError):
            raise
        except ScanwardError:
            return False  # what cannot be read any more is not believed
        return True

    @staticmethod
    def _aims(work: "_Work", group: SliceGroup) -> tuple[str, ...]:
        with work.openers[group.instances[0]]() as (start, _):
            return left_to_people(read_pixel_header(start))

    # 3. What is no volume

    def _settle_by_place(self, work: "_Work", reference: tuple[str, str], group: SliceGroup) -> None:
        """Settle slices that cannot be aligned by what is known of the place where they lie."""
        if not could_hold_a_head(group) or work.is_bare(reference, group) or self._is_bare(work, group):
            work.settle(group, Verdict(is_faceless=True), _by_place(group, FaceFinding.NO_HEAD))
        elif (patch := self._patch_for(work, reference, group)) is not None:
            hold = self._beyond(work, group, patch)
            verdict = Verdict(hold=hold) if hold else Verdict(parts=((group, patch),))
            finding = FaceFinding.REFUSED if hold else FaceFinding.FACE_REMOVED
            work.settle(group, verdict, _by_place(group, finding, hold))
        elif not work.shows_head and self._is_other_part(work, group):
            work.settle(group, KEEP, _by_place(group, FaceFinding.OTHER_PART))
        else:
            reason = ALONE if group.fault is None else f"head scan: {group.fault.value}"
            work.settle(group, Verdict(hold=reason), _by_place(group, FaceFinding.REFUSED, reason))

    def _is_bare(self, work: "_Work", group: SliceGroup) -> bool:
        """Whether there is no head in slices, by their pixels alone."""
        if not group.has_grid:
            return False
        try:
            return holds_no_head(read_volume(group, work.openers, self._engines.codec))
        except (OutputError, StoreError):
            raise
        except ScanwardError:
            return False  # it is told when the instance is looked at

    @staticmethod
    def _patch_for(work: "_Work", reference: tuple[str, str], group: SliceGroup) -> VolumePatch | None:
        """Return the mask of a volume of the same Frame of Reference, to be carried over."""
        found = work.patches.get(reference)
        if not found or not reference[0] or not group.is_placed:
            return None
        return replace(found[0], values=None)

    def _beyond(self, work: "_Work", group: SliceGroup, patch: VolumePatch) -> str:
        """Return why slices are held that take the mask of a volume; empty where that covers them."""
        for instance in group.instances:
            try:
                with work.openers[instance]() as (start, facts):
                    frames = open_frames(start, facts, self._engines.codec)
                    for one in group.frames_of(instance).values():
                        if frames is None or one.plane is None:
                            return UNPLACED
                        values, _ = read_frame(frames, one)
                        if shows_beyond(values, patch.carry(one.plane), one.modality):
                            return BEYOND
            except (OutputError, StoreError):
                raise
            except ScanwardError as error:
                return str(error)
        return ""

    # 4. What lies beside

    def _judge(self, work: "_Work", place: int, role: Role | None) -> list[Verdict]:
        if role is None:
            return [Verdict(hold=UNREADABLE)]
        if role.makes_volumes:
            return []
        handling = role.beside_head
        if handling is Handling.HOLD:
            return [Verdict(hold=role.in_words)]
        if handling is Handling.KEEP or (work.has_volumes and not work.shows_head):
            return []
        if handling is Handling.MASK:
            return [self._mask(work, place, role)]
        if not work.has_volumes:
            return [Verdict(hold=f"{role.in_words}, and {NOTHING_TELLS}")] if role in _ALONE else []
        return [Verdict(hold=f"{role.in_words}, {BESIDE_HEAD}")]

    @staticmethod
    def _mask(work: "_Work", place: int, role: Role) -> Verdict:
        """Return what becomes of a dose or of segments beside a head, or alone."""
        left_out = Verdict(hold=f"{role.in_words}, {BESIDE_HEAD if work.has_volumes else f'and {NOTHING_TELLS}'}")
        try:
            with work.openers[place]() as (start, facts):
                slices = read_slices(read_pixel_header(start), facts, place)
        except (OutputError, StoreError):
            raise
        except ScanwardError:
            return left_out
        if not slices or any(one.plane is None for one in slices):
            return left_out
        group = SliceGroup(slices=tuple(slices), fault=None)
        if not could_hold_a_head(group):
            return KEEP
        found = work.patches.get(group.frame_of_reference) if slices[0].frame_of_reference else None
        return Verdict(parts=((group, replace(found[0], values=None)),)) if found else left_out


@dataclass(slots=True)
class _Work:
    """A study that is being looked at."""

    surveyed: Survey
    openers: Sequence[Opener]
    verdicts: list[list[Verdict]]
    volumes: list[FaceVolume] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)
    patches: dict[tuple[str, str], list[VolumePatch]] = field(default_factory=dict)
    bare: dict[tuple[str, str], Places] = field(default_factory=dict)
    unsure: list[tuple[SliceGroup, Verdict, FaceVolume]] = field(default_factory=list)

    @property
    def has_volumes(self) -> bool:
        """Whether any volume tells what is there."""
        return bool(self.volumes)

    @property
    def shows_head(self) -> bool:
        """Whether a head was found, or something that may be one."""
        return any(one.finding in _MAY_BE_A_HEAD for one in self.volumes)

    def is_bare(self, reference: tuple[str, str], group: SliceGroup) -> bool:
        """Whether no head can lie where slices do, as volumes of the same Frame of Reference tell."""
        places = self.bare.get(reference)
        return bool(reference[0]) and group.is_placed and places is not None and places.cover(group)

    def settle(self, group: SliceGroup, verdict: Verdict, told: FaceVolume) -> None:
        """Note what becomes of the slices of a group."""
        self.settled.add(id(group))
        self.volumes.append(told)
        for instance in group.instances:
            self.verdicts[instance].append(verdict)


def _worth(group: SliceGroup) -> tuple[float, int]:
    """Return what puts the volume first that shows most of how a head lies: the one with the smallest largest gap."""
    planes = group.planes
    reach = abs(planes[-1].distance_mm - planes[0].distance_mm)
    coarsest = max(reach / (len(planes) - 1), planes[0].row_spacing_mm, planes[0].column_spacing_mm)
    # From 1 mm on, more is of no use, and a longer reach is.
    return round(max(coarsest, 1.0), 1), -round(reach)


def _merged(verdicts: Sequence[Verdict]) -> Verdict:
    holds = tuple(dict.fromkeys(one.hold for one in verdicts if one.hold))
    if holds:
        return Verdict(hold="; ".join(holds))
    return Verdict(
        is_faceless=bool(verdicts) and all(one.is_faceless for one in verdicts),
        parts=tuple(part for one in verdicts for part in one.parts),
    )


def _by_place(group: SliceGroup, finding: FaceFinding, reason: str = "") -> FaceVolume:
    return FaceVolume(
        modality=group.modality,
        instances=len(group.instances),
        slices=len(group.slices),
        finding=finding,
        reasons=(reason,) if reason else (),
        figures=FaceFigures(),
    )


def _unread(group: SliceGroup, reason: str) -> FaceVolume:
    return _by_place(group, FaceFinding.REFUSED, reason)
