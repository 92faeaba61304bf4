"""The page of what is held for its pixels, and its forms: nothing is let go before a person saw how much it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from scanward.errors import StateError
from scanward.flow.reviewing import MIN_REASON_LENGTH, MOST_AT_ONCE, may_leave_as_it_is
from scanward.model.holds import UNDECIDED, Held, HoldKind, HoldState
from scanward.web.problems import Problem
from scanward.web.roles import Operation
from scanward.web.services import WebServices
from scanward.web.staff.rendering import render
from scanward.web.staff.sessions import Session, posted, session_of, sessions_of

SHOWN = MOST_AT_ONCE
"""So many instances of a group are shown, those that wait first; a decision is about these."""

_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_TEXT = Annotated[str, Form(max_length=500)]
_WHICH = Annotated[list[str], Form(max_length=MOST_AT_ONCE)]

IN_WORDS = {
    HoldKind.TEXT: "Text is in the picture, and stays there",
    HoldKind.PHOTOGRAPH: "The picture may show a person",
    HoldKind.FACE: "A face can be rebuilt from it, or may be",
    HoldKind.UNREADABLE: "No machine here can look at it",
    HoldKind.ENGINE: "What looks at pictures failed on it",
    HoldKind.UNSEEN: "Nobody has looked at it",
    HoldKind.EARLIER: "Held by an earlier version",
}

TO_DO = {
    HoldKind.TEXT: "If you let it go, it leaves with all that was found filled.",
    HoldKind.PHOTOGRAPH: "If you let it go, text in it is filled; who can be seen in it stays to be seen.",
    HoldKind.FACE: "If you let it go, the head stays as it is in the scan; text in it is filled.",
    HoldKind.UNREADABLE: "If you let it go, it can leave only as it is in the archive.",
    HoldKind.ENGINE: "If you let it go, it is looked at once more; where that fails, it can leave only as it is.",
    HoldKind.UNSEEN: "If you let it go, a machine takes out what it can where one is set up; else it leaves only as "
    "it is. It is looked at by itself once the profile has it looked at and what looks is installed.",
    HoldKind.EARLIER: "Have it looked at again: then it is known why.",
}

DECIDED = {
    HoldState.OPEN: "waits for you",
    HoldState.KEPT: "kept held",
    HoldState.LET_GO: "let go, being prepared",
    HoldState.LEFT: "let go",
    HoldState.PASSED: "looked at again: nothing holds it",
    HoldState.ENDED: "goes no further",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Held instances of one series that are held for the same reason, those that wait first."""

    kind: HoldKind
    reason: str
    series_id: str
    modality: str
    sop_class_uid: str
    instances: Sequence[Held]

    @property
    def shown(self) -> Sequence[Held]:
        """Those that are shown."""
        return self.instances[:SHOWN]

    @property
    def decidable(self) -> Sequence[Held]:
        """Those shown on which a person can decide."""
        return [one for one in self.shown if one.state in UNDECIDED]

    @property
    def waiting(self) -> int:
        """How many wait for a person."""
        return sum(one.state is HoldState.OPEN for one in self.instances)

    @property
    def regions(self) -> int:
        """How many regions were found in all of them."""
        return sum(one.hold.finding.count for one in self.instances)

    @property
    def in_words(self) -> str:
        """Why, in a few words."""
        return IN_WORDS[self.kind]

    @property
    def to_do(self) -> str:
        """What becomes of it."""
        return TO_DO[self.kind]


def groups_of(held: Sequence[Held]) -> Sequence[Group]:
    """Return held instances by series and reason, those with something to decide first."""
    groups: dict[tuple[str, str, str, str, str], list[Held]] = {}
    for one in held:
        key = (one.series_id, one.hold.kind.value, one.reason, one.modality, one.sop_class_uid)
        groups.setdefault(key, []).append(one)
    made = [
        Group(
            kind=HoldKind(kind),
            reason=reason,
            series_id=series_id,
            modality=modality,
            sop_class_uid=sop_class_uid,
            instances=sorted(some, key=lambda one: (one.state is not HoldState.OPEN, one.state, one.instance_id)),
        )
        for (series_id, kind, reason, modality, sop_class_uid), some in groups.items()
    ]
    return sorted(made, key=lambda group: (not group.waiting, group.series_id))


def install(staff: FastAPI) -> None:
    """Add the page and its forms to the staff page."""
    decider = Depends(posted(Operation.DECIDE_RELEASES))

    @staff.get("/releases/{release_id}/held")
    def page(request: Request, release_id: _ID, session: Annotated[Session, Depends(session_of)]) -> HTMLResponse:
        sessions_of(request).require(session, Operation.READ_RELEASES)
        groups = groups_of(_services(request).staff.holds.held(release_id))
        content = {"release_id": release_id, "groups": groups, "decided": DECIDED}
        return render(request, "held.html", session, content)

    @staff.post("/releases/{release_id}/held/check")
    def check(
        request: Request,
        release_id: _ID,
        session: Annotated[Session, decider],
        held: _WHICH = [],  # noqa: B006 - FastAPI copies it
        every: _WHICH = [],  # noqa: B006
        whole: _TEXT = "",
    ) -> HTMLResponse:
        # Nothing happens yet: it is shown what would.
        wanted = _named(every if whole else held)
        holds = _services(request).staff.holds
        holds.require_may_leave(release_id)
        found = [one for one in holds.held(release_id) if wanted.get(one.instance_id) == one.seen]
        if len(found) != len(wanted) or any(one.state not in UNDECIDED for one in found):
            raise StateError(
                "expected instances as they are held now, got some as they were before",
                remedy="Go back and load the page again: they were looked at or decided on meanwhile.",
            )
        content = {
            "release_id": release_id,
            "groups": groups_of(found),
            "count": len(found),
            "held": sorted(wanted.items()),
            "as_it_is": any(may_leave_as_it_is(one) for one in found),
            "faces": any(one.hold.kind is HoldKind.FACE for one in found),
            "least": MIN_REASON_LENGTH,
            "decided": DECIDED,
        }
        return render(request, "held_check.html", session, content)

    @staff.post("/releases/{release_id}/held/let-go")
    def let_go(
        request: Request,
        release_id: _ID,
        session: Annotated[Session, decider],
        held: _WHICH,
        count: Annotated[int, Form(ge=0, le=10**6)] = 0,
        reason: _TEXT = "",
        looked: _TEXT = "",
        as_it_is: _TEXT = "",
    ) -> Response:
        if looked != "yes":
            raise Problem(422, "expected that you looked at each image in the archive", remedy="Look at them first.")
        _services(request).staff.holds.let_go(
            release_id,
            _named(held),
            by=session.principal.subject,
            reason=reason,
            count=count,
            as_it_is=as_it_is == "yes",
        )
        return _done(release_id, "letgo")

    @staff.post("/releases/{release_id}/held/keep")
    def keep(
        request: Request,
        release_id: _ID,
        session: Annotated[Session, decider],
        held: _WHICH = [],  # noqa: B006
        every: _WHICH = [],  # noqa: B006
        whole: _TEXT = "",
        reason: _TEXT = "",
    ) -> Response:
        wanted = _named(every if whole else held)
        _services(request).staff.holds.keep(release_id, wanted, by=session.principal.subject, reason=reason.strip())
        return _done(release_id, "kept")

    @staff.post("/releases/{release_id}/held/look-again")
    def look_again(
        request: Request,
        release_id: _ID,
        session: Annotated[Session, Depends(posted(Operation.RETRY_RELEASES))],
    ) -> Response:
        _services(request).staff.holds.look_again(release_id, by=session.principal.subject)
        return _done(release_id, "lookagain")


def _services(request: Request) -> WebServices:
    services: WebServices = request.app.state.services
    return services


def _done(release_id: str, said: str) -> Response:
    return RedirectResponse(f"/staff/releases/{release_id}/held?said={said}", 303)


def _named(held: Sequence[str]) -> dict[str, str]:
    """Return instances with what was seen of each, from the values of a form."""
    if not held:
        raise Problem(422, "expected at least one image, got none", remedy="Go back and tick the ones that you mean.")
    return {one.partition(".")[0]: one.partition(".")[2] for one in held}
