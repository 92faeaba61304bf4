"""Risks that lie in what was kept: words in pixels and header, and what options of the profile retain."""

from collections.abc import Callable
from typing import Final

from scanward.deidentify.residual import sources
from scanward.deidentify.residual.advice import NAMED_PEOPLE, NARROWER, NO_COMPARING
from scanward.deidentify.residual.kinds import Applies, RiskKind, StudyView
from scanward.model.attribute import Action, Reason
from scanward.model.profile import Option
from scanward.model.report import Change
from scanward.model.text import TextMode


def _if(applies: bool) -> Applies:  # noqa: FBT001 - the answer is the only argument
    return Applies.YES if applies else Applies.NO


def _changed(view: StudyView, test: Callable[[Change], bool]) -> Applies:
    return _if(any(test(change) for change in view.study.changes))


def _is_kept_trait(change: Change) -> bool:
    parts = ("PatientAge", "PatientSex", "PatientSize", "PatientWeight")
    return change.action is Action.KEEP and change.attribute.endswith(parts)


def _retains(option: Option) -> Callable[[StudyView], Applies]:
    return lambda view: _if(option in view.profile.options)


_HIPAA_DATES = "Dates other than the year are identifiers by law (45 CFR 164.514(b)(2)(i)(C))."

PIXEL_RISKS: Final = (
    RiskKind(
        risk_id="text-unseen-likely",
        title="Text in pixels that nobody looked at",
        statement="This study has images of a kind that often carries burned-in text, and some were released without "
        "anybody's having looked at their pixels by machine.",
        applies=lambda view: _if(view.study.pixels.unseen_likely > 0),
        remains="Names, numbers and dates, if any are drawn into them.",
        advice=("Have pixels looked at: --pixels clean.", "Look at those images before they leave."),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="text-unseen",
        title="Pixels that nobody looked at",
        statement="Nobody has looked at some of the pixels: text that is burned into them, if any, is still there.",
        applies=lambda view: _if(view.study.pixels.unseen > view.study.pixels.unseen_likely),
        advice=("Have pixels looked at: --pixels clean.",),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="text-missed",
        title="Text in pixels that was missed",
        statement="Text was looked for in pixels by machine, twice and by different models. Handwriting, text fainter "
        "than the noise around it, and a person who can be recognised by what a photograph shows may have been missed.",
        applies=lambda view: _if(view.study.pixels.looked_at > 0),
        advice=("Look at samples of what leaves.",),
    ),
    RiskKind(
        risk_id="text-kept",
        title="Words that stay in pixels",
        statement="Words of kinds that the profile keeps (markers, scales, measurements) stayed in the pixels.",
        applies=lambda view: _if(view.study.pixels.kept_words > 0),
        advice=("Keep fewer kinds of words in the profile.",),
    ),
)
"""Text in pixels."""

HEADER_RISKS: Final = (
    RiskKind(
        risk_id="documents",
        title="Reports and documents",
        statement="Documents were cleaned: what is known of the patient, the order and those around them is gone, and "
        "was looked for again in the result; what was found besides by its form and by what stands around it is gone "
        "too. The name of a person whom nobody told of, in no list and in no telling position, may have stayed; so "
        "may a hint that is no name (an occupation, an event in the news).",
        applies=lambda view: _if(bool(view.study.documents.cleaned)),
        advice=(
            "Read samples of the documents that stay.",
            "Put surrogates in the place of names (--text surrogate), so that one that was missed does not stand out.",
        ),
        sources=(sources.HIDING_2013,),
    ),
    RiskKind(
        risk_id="surrogates",
        title="Surrogates",
        statement="Other names, numbers and dates stand where those of the patient were. They look real: whoever "
        "reads the text must know that they are not, and one of them may by chance be the name of somebody.",
        applies=lambda view: _if(view.profile.text.mode is TextMode.SURROGATE),
        advice=("Tell the recipient that names, numbers and dates in texts are made up.",),
        sources=(sources.HIDING_2013,),
    ),
    RiskKind(
        risk_id="free-text",
        title="Free text",
        statement="Free text was cleaned, not deleted: a hint at a person that is neither a name, number, date, place "
        "nor anything the study itself is known by (an unusual occupation, an event in the news) may have stayed.",
        applies=lambda view: _changed(
            view,
            lambda one: one.reason is Reason.TEXT or (one.action is Action.CLEAN and one.reason is Reason.OPTION),
        ),
        advice=("Read the texts that stay.", "Choose the profile basic, under which there are few."),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="old-overlays",
        title="Overlays in unused bits",
        statement="Overlay planes were removed. Where an old one is embedded in unused bits of the pixels it is still "
        "there.",
        applies=lambda view: _changed(view, lambda one: one.tag.startswith("(60")),
        advice=("Look at samples of what leaves, with all of their bits.",),
    ),
    RiskKind(
        risk_id="private-elements",
        title="Private elements",
        statement="Private elements that the TCIA knowledge base calls safe were kept; a vendor may use one for more "
        "than was seen when that was compiled.",
        applies=lambda view: _changed(view, lambda one: one.reason is Reason.SAFE_PRIVATE),
        advice=(NARROWER,),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="characteristics",
        title="Age, sex, size and weight",
        statement="Sex, age, size or weight were kept where the profile says so; a rare combination can single out.",
        evidence="Birth date, sex and ZIP code alone are unique for 63% of the people of the United States (Golle "
        "2006); age in years tells far less.",
        applies=lambda view: _changed(view, _is_kept_trait),
        advice=(NARROWER,),
        sources=(sources.UNIQUE_2006,),
    ),
    RiskKind(
        risk_id="dates",
        title="True dates",
        statement="Dates were kept as they are: who knows when somebody was scanned can find the study.",
        evidence=_HIPAA_DATES,
        applies=_retains(Option.RETAIN_FULL_DATES),
        advice=("Choose a profile that moves dates.", NAMED_PEOPLE),
        sources=(sources.HIPAA,),
    ),
    RiskKind(
        risk_id="intervals",
        title="True intervals",
        statement="Intervals between a patient's dates are true: a known sequence of visits can be recognised.",
        applies=_retains(Option.RETAIN_MODIFIED_DATES),
        done="All dates of a patient were moved by the same number of days.",
        advice=(NARROWER,),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="uids",
        title="True UIDs",
        statement="UIDs were kept: whoever can ask the archive for them finds the patient.",
        applies=_retains(Option.RETAIN_UIDS),
        advice=(NARROWER, NO_COMPARING),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="institution",
        title="Institution",
        statement="The institution was kept.",
        applies=_retains(Option.RETAIN_INSTITUTION_IDENTITY),
        remains="Where somebody was scanned, which narrows down who it is.",
        advice=(NARROWER,),
        sources=(sources.PS315,),
    ),
    RiskKind(
        risk_id="device",
        title="Identity of the scanner",
        statement="The device was kept; serial number and date together lead to an institution's schedule.",
        evidence="Serial numbers of devices are identifiers by law (45 CFR 164.514(b)(2)(i)(M)).",
        applies=_retains(Option.RETAIN_DEVICE_IDENTITY),
        advice=(NARROWER,),
        sources=(sources.HIPAA,),
    ),
)
"""What stays in the header."""
