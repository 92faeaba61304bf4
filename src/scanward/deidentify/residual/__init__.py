"""What could remain in a study after all that was done, in words for whoever answers for it."""

from scanward.model.attribute import Action, Reason
from scanward.model.profile import Option, Profile
from scanward.model.report import Change, Outcome, StudyReport

_HEAD_MODALITIES = frozenset({"CT", "MR", "PT"})


def residual_risks(study: StudyReport, profile: Profile) -> list[str]:
    """Return the risks that are left in what was released of a study, each as a sentence.

    Parameters
    ----------
    study
        Its outcomes, changes and modalities.
    profile
        What it was de-identified with.
    """
    if not study.outcomes.get(Outcome.RELEASED):
        return []
    risks = _risks_of_pixels(study)
    if _HEAD_MODALITIES & set(study.modalities):
        risks.append("If the head is in the volume, a face can be rebuilt from it; faces have not been removed.")
    risks += _risks_of_changes(study)
    risks += _risks_of_options(profile)
    return risks


def _risks_of_pixels(study: StudyReport) -> list[str]:
    pixels = study.pixels
    risks = []
    if pixels.unseen_likely:
        risks.append(
            "This study has images of a kind that often carries burned-in text, and some were released without "
            "anybody's having looked at their pixels by machine."
        )
    if pixels.unseen > pixels.unseen_likely:
        risks.append("Nobody has looked at some of the pixels: text that is burned into them, if any, is still there.")
    if pixels.looked_at:
        risks.append(
            "Text was looked for in pixels by machine, twice and by different models. Handwriting, text fainter than "
            "the noise around it, and a person who can be recognised by what a photograph shows may have been missed."
        )
    if pixels.kept_words:
        risks.append("Words of kinds that the profile keeps (markers, scales, measurements) stayed in the pixels.")
    return risks


def _risks_of_changes(study: StudyReport) -> list[str]:
    def has(*, action: Action | None = None, reason: Reason | None = None, part: str = "") -> bool:
        return any(_fits(change, action, reason, part) for change in study.changes)

    risks = []
    if has(reason=Reason.TEXT) or has(action=Action.CLEAN, reason=Reason.OPTION):
        risks.append(
            "Free text was cleaned, not deleted: a hint at a person that is neither a name, number, date, place nor "
            "anything the study itself is known by (an unusual occupation, an event in the news) may have stayed."
        )
    if any(change.tag.startswith("(60") for change in study.changes):
        risks.append(
            "Overlay planes were removed. Where an old one is embedded in unused bits of the pixels it is still there."
        )
    if has(reason=Reason.SAFE_PRIVATE):
        risks.append(
            "Private elements that the TCIA knowledge base calls safe were kept; a vendor may use one for more than "
            "was seen when that was compiled."
        )
    if has(part="PatientAge") or has(part="PatientSex") or has(part="PatientWeight"):
        risks.append("Sex, age, size or weight were kept where the profile says so; a rare combination can single out.")
    return risks


def _fits(change: Change, action: Action | None, reason: Reason | None, part: str) -> bool:
    if part:
        return change.attribute.endswith(part) and change.action is Action.KEEP
    return (action is None or change.action is action) and (reason is None or change.reason is reason)


def _risks_of_options(profile: Profile) -> list[str]:
    risks = []
    if Option.RETAIN_FULL_DATES in profile.options:
        risks.append("Dates were kept as they are: who knows when somebody was scanned can find the study.")
    if Option.RETAIN_MODIFIED_DATES in profile.options:
        risks.append("Intervals between a patient's dates are true: a known sequence of visits can be recognised.")
    if Option.RETAIN_UIDS in profile.options:
        risks.append("UIDs were kept: whoever can ask the archive for them finds the patient.")
    if Option.RETAIN_INSTITUTION_IDENTITY in profile.options:
        risks.append("The institution was kept.")
    if Option.RETAIN_DEVICE_IDENTITY in profile.options:
        risks.append("The device was kept; serial number and date together lead to an institution's schedule.")
    return risks
