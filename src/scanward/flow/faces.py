"""Has the scans of a study looked at before its instances leave, on the way of files and of releases alike.

Faces are taken out as the profile says, and what lies outside of the box that it keeps of bodies.

The first look loads the engines, so that a run without head scans does not wait for them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scanward.deidentify.bodies.kinds import may_show_body
from scanward.deidentify.faces.kinds import Role, role_by_class
from scanward.deidentify.header.scan import InstanceFacts
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import EngineError, UnseenError
from scanward.flow.pixels import Opener
from scanward.model.bodies import BodyPolicy
from scanward.model.faces import FaceMode, FacePolicy, FaceVolume
from scanward.model.pixels import PixelOutcome

if TYPE_CHECKING:
    from scanward.deidentify.bodies.study import ScanPlan, ScanPlanner

MakePlanner = Callable[[FacePolicy, BodyPolicy], "ScanPlanner"]
"""Makes what looks at the scans of studies; what it looks with is loaded once in each process."""

NOBODY_LOOKS = "it may show a head, from which a face can be rebuilt, and nobody can look whether it does"
NOBODY_CUTS = "the profile cuts bodies down to a box, and nobody can cut"


def may_show_head(facts: InstanceFacts) -> bool:
    """Return whether an instance is of a kind that may carry the surface of a head."""
    return role_by_class(facts) is not Role.OTHER


def makes_volumes(facts: InstanceFacts) -> bool:
    """Return whether an instance holds slices, from which it is told what the others of its study show."""
    return role_by_class(facts).makes_volumes


class StudyFaces:
    """What is done about the faces and bodies in the scans of one study.

    Parameters
    ----------
    plan
        As the planner made it; None where nobody looked.
    missing
        Why nobody could look.
    shows
        Which instances are of a kind at which somebody has to look, by their places; read where `missing` is given.
    cuts
        Whether bodies were to be cut; the same.
    """

    def __init__(
        self,
        plan: "ScanPlan | None" = None,
        *,
        missing: EngineError | None = None,
        shows: Sequence[bool] = (),
        cuts: bool = False,
    ) -> None:
        self._plan = plan
        self._missing = missing
        self._shows = shows
        self._cuts = cuts

    @property
    def volumes(self) -> tuple[FaceVolume, ...]:
        """What was found of each volume."""
        return () if self._plan is None else self._plan.volumes

    def left_out(self, place: int) -> str:
        """Return why the profile leaves an instance out, which is for no person to decide; empty where it may leave."""
        return "" if self._plan is None else self._plan.left_out(place)

    def require_leave(self, place: int) -> None:
        """Raise `HoldError` where an instance does not leave.

        Raises
        ------
        FaceError
            A face can be rebuilt from it, or may be.
        UnseenError
            Nobody could look.
        """
        self._require_sight(place)
        if self._plan is not None:
            self._plan.require_leave(place)

    def apply(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Take the face out of an instance and cut it, after text went; errors as `require_leave`.

        Raises
        ------
        HoldError, DicomFormatError
            Its pixels cannot be made anew.
        """
        self.require_leave(place)
        return pixels if self._plan is None else self._plan.apply(place, start, facts, pixels)

    def cut(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Cut an instance, and leave the face to whoever lets it go; errors as `apply`."""
        if self._cuts:
            self._require_sight(place)
        return pixels if self._plan is None else self._plan.cut(place, start, facts, pixels)

    def _require_sight(self, place: int) -> None:
        if self._missing is not None and self._shows[place]:
            what = NOBODY_CUTS if self._cuts else NOBODY_LOOKS
            raise UnseenError(f"{what}: {self._missing}", remedy=_remedy(self._missing))


NOT_LOOKED_AT = StudyFaces()
"""Nobody looks, as the profile says, or nothing in the study may show a head or a body that is cut."""


class FaceLooker:
    """Looks at the faces and bodies in the scans of studies, as far as policies say.

    Parameters
    ----------
    make_planner
        Makes what looks; None where nobody looks: faces stay then, and what would have to be cut is held.
    policy
        What the profile does about faces.
    body
        What it keeps of bodies.
    """

    def __init__(self, make_planner: MakePlanner | None, policy: FacePolicy, body: BodyPolicy) -> None:
        self._make_planner = make_planner
        self._policy = policy
        self._body = body
        self._planner: ScanPlanner | None = None
        self._missing: EngineError | None = None

    @property
    def looks(self) -> bool:
        """Whether anybody looks, or has to."""
        return self._cuts or (self._make_planner is not None and self._policy.mode is not FaceMode.OFF)

    @property
    def _cuts(self) -> bool:
        return self._body.keep is not None

    def look(self, openers: Sequence[Opener], facts: Sequence[InstanceFacts]) -> StudyFaces:
        """Look at all instances of a study.

        Parameters
        ----------
        openers
            Open them.
        facts
            What their headers say.

        Raises
        ------
        OutputError, StoreError
            Something could not be read or put aside; it is done over later.
        """
        shows = [may_show_head(one) or (self._cuts and may_show_body(one)) for one in facts]
        if not self.looks or not any(shows):
            return NOT_LOOKED_AT
        planner = self._find_planner()
        if planner is None:
            return StudyFaces(missing=self._missing, shows=shows, cuts=self._cuts)
        return StudyFaces(planner.plan(openers, facts))

    def _find_planner(self) -> "ScanPlanner | None":
        if self._planner is None and self._missing is None:
            try:
                if self._make_planner is None:
                    raise EngineError("expected something that looks at scans, got nothing")
                self._planner = self._make_planner(self._policy, self._body)
            except EngineError as error:
                self._missing = error
        return self._planner


def _remedy(missing: EngineError) -> str:
    return f"{missing.remedy} Or have nobody look for faces, where none matters.".strip()
