"""Has the faces of a study looked at before its instances leave, on the way of files and of releases alike.

The first look loads the engines, so that a run without head scans does not wait for them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scanward.deidentify.faces.kinds import Role, role_by_class
from scanward.deidentify.header.scan import InstanceFacts
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import EngineError, UnseenError
from scanward.flow.pixels import Opener
from scanward.model.faces import FaceMode, FacePolicy, FaceVolume
from scanward.model.pixels import PixelOutcome

if TYPE_CHECKING:
    from scanward.deidentify.faces.study import FacePlan, FacePlanner

MakePlanner = Callable[[FacePolicy], "FacePlanner"]
"""Makes what looks at the faces of studies; what it looks with is loaded once in each process."""

NOBODY_LOOKS = "it may show a head, from which a face can be rebuilt, and nobody can look whether it does"


def may_show_head(facts: InstanceFacts) -> bool:
    """Return whether an instance is of a kind that may carry the surface of a head."""
    return role_by_class(facts) is not Role.OTHER


def makes_volumes(facts: InstanceFacts) -> bool:
    """Return whether an instance holds slices, from which it is told what the others of its study show."""
    return role_by_class(facts).makes_volumes


class StudyFaces:
    """What is done about the faces of one study.

    Parameters
    ----------
    plan
        As the planner made it; None where nobody looked.
    missing
        Why nobody could look.
    shows
        Which instances are of a kind that may show a head, by their places; read where `missing` is given.
    """

    def __init__(
        self, plan: "FacePlan | None" = None, *, missing: EngineError | None = None, shows: Sequence[bool] = ()
    ) -> None:
        self._plan = plan
        self._missing = missing
        self._shows = shows

    @property
    def volumes(self) -> tuple[FaceVolume, ...]:
        """What was found of each volume."""
        return () if self._plan is None else self._plan.volumes

    def require_leave(self, place: int) -> None:
        """Raise `HoldError` where an instance does not leave.

        Raises
        ------
        FaceError
            A face can be rebuilt from it, or may be.
        UnseenError
            Nobody could look.
        """
        if self._missing is not None and self._shows[place]:
            raise UnseenError(f"{NOBODY_LOOKS}: {self._missing}", remedy=_remedy(self._missing))
        if self._plan is not None:
            self._plan.require_leave(place)

    def apply(self, place: int, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Take the face out of an instance, after text went; errors as `require_leave`.

        Raises
        ------
        HoldError, DicomFormatError
            Its pixels cannot be made anew.
        """
        self.require_leave(place)
        return pixels if self._plan is None else self._plan.apply(place, start, facts, pixels)


NOT_LOOKED_AT = StudyFaces()
"""Nobody looks, as the profile says, or nothing in the study may show a head."""


class FaceLooker:
    """Looks at the faces of studies, as far as a policy says.

    Parameters
    ----------
    make_planner
        Makes what looks; None where nobody looks, whatever the policy says.
    policy
        What the profile does about faces.
    """

    def __init__(self, make_planner: MakePlanner | None, policy: FacePolicy) -> None:
        self._make_planner = make_planner
        self._policy = policy
        self._planner: FacePlanner | None = None
        self._missing: EngineError | None = None

    @property
    def looks(self) -> bool:
        """Whether anybody looks."""
        return self._make_planner is not None and self._policy.mode is not FaceMode.OFF

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
        shows = [may_show_head(one) for one in facts]
        if not self.looks or not any(shows):
            return NOT_LOOKED_AT
        planner = self._find_planner()
        if planner is None:
            return StudyFaces(missing=self._missing, shows=shows)
        return StudyFaces(planner.plan(openers))

    def _find_planner(self) -> "FacePlanner | None":
        if self._planner is None and self._missing is None and self._make_planner is not None:
            try:
                self._planner = self._make_planner(self._policy)
            except EngineError as error:
                self._missing = error
        return self._planner


def _remedy(missing: EngineError) -> str:
    return f"{missing.remedy} Or say --faces off, where no face matters.".strip()
