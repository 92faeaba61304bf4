"""The page that tells what is known of a file: it is sent, looked at and forgotten."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse

from scanward.errors import EvidenceError
from scanward.model.comparison import Comparison, FrameChange, FrameFate, Standing
from scanward.model.seal import Grade
from scanward.model.verdict import Found, Outcome, Step, StepName, Verdict
from scanward.seal.locate import Region, regions_of
from scanward.web.guard import VERIFIED_BYTES
from scanward.web.problems import Problem
from scanward.web.roles import Operation
from scanward.web.services import WebServices
from scanward.web.staff.rendering import render
from scanward.web.staff.sessions import Session, session_of, sessions_of
from scanward.web.verdicts import VerdictOut
from scanward.web.verifying import counter_of, may_show_pictures, received

SHOWN: Final = 100
"""So many Attributes and frames are listed; the JSON has them all."""

_FORM_FAULTS: Final = frozenset({422, 503})
"""What the form is shown again for, with what was wrong."""


class Telling(NamedTuple):
    """What an outcome is called, what it means, and what to do."""

    tone: str
    title: str
    means: str
    todo: str


_TELLINGS: Final[Mapping[Outcome, Telling]] = {
    Outcome.UNCHANGED: Telling(
        "good",
        "Authentic: as it was sealed",
        "Every pixel and every Attribute that was sealed is as it was. What happened before it was sealed, nobody can "
        "tell from this.",
        "You can use it as you would use the original.",
    ),
    Outcome.COERCED: Telling(
        "warn",
        "Pixels authentic; names or descriptions differ",
        "The pixels, and all that says how they are to be seen, are as they were sealed. Attributes that an archive "
        "may put right differ: they may have been put right, or somebody may have made it another patient's.",
        "See below which. If your archive or RIS did not change these, do not use it, and ask who sent it.",
    ),
    Outcome.ALTERED: Telling(
        "bad",
        "Altered since it was sealed",
        "It says that it is a scan that was sealed here, and it differs from that.",
        "Do not read or use it. Keep the file as it is, get the scan from the archive, and tell who is responsible "
        "for security.",
    ),
    Outcome.KNOWN: Telling(
        "warn",
        "No seal; it shows a film that was sealed here",
        "It is another form of a sealed film: scaled, cut, inverted, coded anew, or taken from a screen.",
        "Use the sealed original. What differs beyond the form is told below.",
    ),
    Outcome.UNKNOWN: Telling(
        "none",
        "Unknown: there is no seal to hold it against",
        "Nothing that is known here is like it. That says nothing about whether it is real.",
        "Ask where it comes from for the original, or for a seal. Do not decide on the signs below alone: some are "
        "missing in forged scans, and some are found in real ones.",
    ),
}

_LOSSY: Final = Telling(
    "bad",
    "Not as it was sealed: coded with losses, or in another form",
    "Its pixels were scaled or coded with losses since it was sealed, so that nearly all of them differ. Whether "
    "something else was changed too can only be told from a comparison of the pictures.",
    "Do not read it. Get the scan from the archive.",
)
_DECODED: Final = Telling(
    "bad",
    "Pixels differ from those that were sealed; the decoder may be why",
    "What was sealed was coded with losses, and this copy is coded otherwise. Decoders of such codings differ by a "
    "grey level, so that another decoder alone may be the reason; a change may be as well.",
    "Get the scan from the archive and read that. If boxes below lie over a part of the picture only, take it for "
    "altered.",
)
_UNREADABLE: Final = Telling(
    "none",
    "It has a seal, but its pixels cannot be decoded here",
    "So nobody can say here whether they are as they were sealed.",
    "Get the scan from the archive, or a copy in another Transfer Syntax without losses.",
)
_BROKEN: Final = Telling(
    "bad",
    "What vouches for its seal does not hold",
    "A signature, a proof or the log is not what it has to be. So nothing can be said about the file by its seal.",
    "Keep the file as it is, and tell who runs the gateway: scanward fsck says more.",
)

_NAMES: Final[Mapping[StepName, str]] = {
    StepName.DECLARATION: "What it says of its making",
    StepName.SIGNATURE: "Signatures within it",
    StepName.SEAL: "Its seal",
    StepName.LOG: "Who vouches for the seal",
    StepName.LOOK_UP: "Sealed films that show the same",
    StepName.DIFFERENCE: "Difference from the original",
    StepName.COPY_MOVE: "Parts copied within it",
    StepName.NOISE: "Noise that does not fit",
    StepName.SYNTHETIC: "Traces of a generator",
}
_WARNING: Final = frozenset({StepName.DECLARATION, StepName.COPY_MOVE, StepName.NOISE, StepName.SYNTHETIC})
"""Steps that find what speaks against a picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRow:
    """A step as it is shown; `word` says what it came to, `measured` how often it was right."""

    name: str
    word: str
    step: Step
    tone: str
    measured: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRow:
    """A frame that differs; its number is from 1."""

    number: int
    fate: str
    regions: Sequence[Region]


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureRow:
    """A drawing of a frame, as the address of a picture."""

    number: int
    address: str


def install(staff: FastAPI) -> None:
    """Add the page and its form to the staff page."""

    @staff.get("/verify")
    def ask(request: Request, session: Annotated[Session, Depends(session_of)]) -> HTMLResponse:
        sessions_of(request).require(session, Operation.VERIFY_SCANS)
        return _form(request, session, None)

    # No field of it is a parameter: those would be read into the system's folder for temporary files.
    @staff.post("/verify")
    async def tell(request: Request, session: Annotated[Session, Depends(session_of)]) -> HTMLResponse:
        sessions, counter = sessions_of(request), counter_of(request)
        sessions.check_origin(request)
        sessions.require(session, Operation.VERIFY_SCANS)
        services: WebServices = request.app.state.services
        name = ""
        try:
            with counter.enter():
                async with received(
                    request, services, lambda csrf: sessions.check_form(request, session, csrf)
                ) as file:
                    name = file.name
                    verdict = await counter.verify(file.content)
        except EvidenceError as error:
            content = {**_NOTHING, "telling": _BROKEN, "name": name, "broken": error}
            return render(request, "verified.html", session, content)
        except Problem as problem:
            if problem.status not in _FORM_FAULTS:
                raise
            return _form(request, session, problem)
        return render(request, "verified.html", session, _content(verdict, session, name), has_pictures=True)


def _form(request: Request, session: Session, problem: Problem | None) -> HTMLResponse:
    content = {"problem": problem, "most_bytes": VERIFIED_BYTES}
    return render(request, "verify.html", session, content, status=200 if problem is None else problem.status)


_NOTHING: Final[Mapping[str, object]] = {
    "broken": None,
    "verdict": None,
    "steps": (),
    "header": (),
    "more_header": 0,
    "frames": (),
    "more_frames": 0,
    "form": (),
    "pictures": (),
    "are_withheld": False,
    "signs": False,
    "is_compared": False,
    "differs": False,
    "download": "",
}


def _content(verdict: Verdict, session: Session, name: str) -> Mapping[str, object]:
    compared = verdict.comparison
    are_shown = may_show_pictures(verdict, reads_identities=session.may("READ_IDENTITIES"))
    return {
        **_NOTHING,
        "telling": telling_of(verdict),
        "name": name,
        "verdict": verdict,
        "steps": [_row_of(one, verdict.outcome) for one in verdict.steps],
        "signs": any(one.found is Found.YES and one.name in _WARNING for one in verdict.steps),
        "is_compared": any(one.name is StepName.DIFFERENCE for one in verdict.steps),
        "differs": any(one.found is Found.YES and one.name is StepName.DIFFERENCE for one in verdict.steps),
        "header": () if compared is None else [(one, _GRADES[one.grade]) for one in compared.header[:SHOWN]],
        "more_header": 0 if compared is None else max(0, len(compared.header) - SHOWN),
        "frames": () if compared is None else [_frame_of(one, compared) for one in compared.frames[:SHOWN]],
        "more_frames": 0 if compared is None else max(0, len(compared.frames) - SHOWN),
        "form": () if compared is None else compared.form,
        "pictures": [_picture_of(*one) for one in sorted(verdict.heat_maps.items())] if are_shown else (),
        "are_withheld": bool(verdict.heat_maps) and not are_shown,
        "download": _data("application/json", VerdictOut.of(verdict).model_dump_json(indent=2).encode()),
    }


def telling_of(verdict: Verdict) -> Telling:
    """Return what an outcome means and what to do."""
    compared = verdict.comparison
    if compared is not None and compared.standing is Standing.UNREADABLE:
        return _UNREADABLE
    if compared is not None and verdict.outcome is Outcome.ALTERED and (compared.is_lossy_copy or compared.form):
        return _LOSSY
    if compared is not None and compared.is_of_lossy_original and not compared.altered_header:
        return _DECODED
    return _TELLINGS[verdict.outcome]


_GRADES: Final[Mapping[Grade, str]] = {
    Grade.IMMUTABLE: "it must not change",
    Grade.COERCIBLE: "an archive may put it right",
}


def _row_of(step: Step, outcome: Outcome) -> StepRow:
    return StepRow(
        name=_NAMES[step.name],
        word=_word_of(step, outcome),
        step=step,
        tone=_tone_of(step, outcome),
        measured=_measured(step),
    )


def _word_of(step: Step, outcome: Outcome) -> str:
    if step.found is Found.YES and step.name is StepName.SEAL:
        return "differs" if outcome is Outcome.ALTERED else "matches"
    if step.found is Found.YES and step.name is StepName.LOG:
        return "holds"
    return step.found.value


def _tone_of(step: Step, outcome: Outcome) -> str:
    if step.found is not Found.YES:
        return ""
    if step.name is StepName.SEAL:
        return "bad" if outcome is Outcome.ALTERED else "good"
    if step.name is StepName.LOG:
        return "good"
    return "" if step.name is StepName.SIGNATURE else "warn"


def _measured(step: Step) -> Sequence[str]:
    """Return how often a step was right and wrong on films whose making is known."""
    found = step.figures.get("measured")
    if not isinstance(found, list):
        return ()
    return [f"{one['what']}: {one['hits']} of {one['of']}" for one in found if isinstance(one, dict)]


def _frame_of(change: FrameChange, compared: Comparison) -> FrameRow:
    number = change.sealed if change.frame is None else change.frame
    fate = change.fate.value
    if change.fate is FrameFate.MOVED and change.sealed is not None:
        fate = f"moved: it was sealed as frame {change.sealed + 1}"
    regions = regions_of(change, rows=compared.rows, columns=compared.columns)
    return FrameRow(number=0 if number is None else number + 1, fate=fate, regions=regions)


def _picture_of(frame: int, png: bytes) -> PictureRow:
    return PictureRow(number=frame + 1, address=_data("image/png", png))


def _data(kind: str, data: bytes) -> str:
    """Return an address that holds its content: nothing is kept that another request could ask for."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
