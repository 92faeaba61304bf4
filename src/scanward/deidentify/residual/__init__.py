"""What could remain in a study after all that was done, in words for whoever answers for it, with the evidence.

Each statement rests on a source or says that there is none; a figure that nobody published is not made up. What applies
is told from the kind of image and from what was seen in its pixels. What a header says of the body part adds certainty
where pixels say nothing; it never takes a risk away.
"""

from scanward.deidentify.residual.images import IMAGE_RISKS
from scanward.deidentify.residual.kept import HEADER_RISKS, PIXEL_RISKS
from scanward.deidentify.residual.kinds import StudyView
from scanward.deidentify.residual.shown import shown_by
from scanward.model.profile import Profile
from scanward.model.report import Outcome, StudyReport
from scanward.model.risks import ResidualRisk

RISKS = (*PIXEL_RISKS, *IMAGE_RISKS, *HEADER_RISKS)
"""All kinds of residual risk."""

__all__ = ["RISKS", "residual_risks", "shown_by"]


def residual_risks(study: StudyReport, profile: Profile) -> list[ResidualRisk]:
    """Return the risks that are left in what was released of a study; those that only may apply come last.

    Parameters
    ----------
    study
        Its outcomes, changes, what its instances show, and what was found in pixels and volumes.
    profile
        What it was de-identified with.
    """
    if not study.outcomes.get(Outcome.RELEASED):
        return []
    view = StudyView(study=study, profile=profile)
    found = [risk for kind in RISKS if (risk := kind.find(view)) is not None]
    return sorted(found, key=lambda one: one.is_possible)
