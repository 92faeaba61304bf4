"""What a kind of residual risk is, and what of a study decides whether it applies."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from scanward.deidentify.residual.shown import kind_of
from scanward.model.faces import FaceFinding, FaceMode
from scanward.model.profile import Profile
from scanward.model.report import StudyReport
from scanward.model.risks import ImageKind, Region, ResidualRisk, Shown, Source


class Applies(Enum):
    """Whether a risk applies to a study."""

    YES = "yes"
    MAYBE = "neither the kind of image nor its pixels tell"
    NO = "no"


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyView:
    """A study as far as it decides which risks are left.

    Attributes
    ----------
    study
        Its outcomes, changes, what it shows, and what was found in its pixels and volumes.
    profile
        What it was de-identified with.
    """

    study: StudyReport
    profile: Profile

    @property
    def shown(self) -> frozenset[Shown]:
        """What released instances show; where that was not noted, what the modalities say."""
        if self.study.shown:
            return frozenset(self.study.shown)
        return frozenset(Shown(kind=kind_of(modality=one)) for one in self.study.modalities)

    @property
    def findings(self) -> frozenset[FaceFinding]:
        """What looking for heads came to; empty where nobody looked."""
        return frozenset(one.finding for one in self.study.faces)

    @property
    def are_faces_looked_for(self) -> bool:
        """Whether heads were looked for by the pixels."""
        return self.profile.faces.mode is not FaceMode.OFF and bool(self.findings)

    def has(self, *kinds: ImageKind, regions: frozenset[Region] = frozenset()) -> Applies:
        """Return whether one of some kinds of image is there; of a region, only the header says so."""
        found = [one for one in self.shown if one.kind in kinds]
        if not found:
            return Applies.NO
        return Applies.YES if not regions or any(one.region in regions for one in found) else Applies.MAYBE

    def has_head(self, *kinds: ImageKind) -> Applies:
        """Return whether a head is in a volume: by its voxels where somebody looked, else by what the header says."""
        by_header = self.has(*kinds, regions=frozenset({Region.HEAD, Region.JAW}))
        if by_header is Applies.NO or not self.are_faces_looked_for:
            return by_header
        if self.findings - {FaceFinding.NO_HEAD, FaceFinding.OTHER_PART}:
            return Applies.YES
        return Applies.MAYBE if FaceFinding.OTHER_PART in self.findings else Applies.NO


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskKind:
    """One row of the table of residual risks.

    Attributes
    ----------
    risk_id, title, statement, evidence, remains, advice, sources
        As `ResidualRisk` has them.
    applies
        Whether it applies to a study.
    done
        What was done about it in a study.
    """

    risk_id: str
    title: str
    statement: str
    applies: Callable[[StudyView], Applies]
    evidence: str = ""
    done: Callable[[StudyView], str] | str = ""
    remains: str = ""
    advice: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    def find(self, view: StudyView) -> ResidualRisk | None:
        """Return the risk as it stands in a study; None where it does not apply."""
        applies = self.applies(view)
        if applies is Applies.NO:
            return None
        return ResidualRisk(
            risk_id=self.risk_id,
            title=self.title,
            statement=self.statement,
            evidence=self.evidence,
            done=self.done if isinstance(self.done, str) else self.done(view),
            remains=self.remains,
            advice=self.advice,
            sources=self.sources,
            is_possible=applies is Applies.MAYBE,
        )
