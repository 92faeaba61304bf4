"""The pages on custody: what was stated of a study, an instance or a copy, and whether all of it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Form, Path, Request
from fastapi.responses import HTMLResponse, Response

from scanward.errors import EvidenceError, UnknownError
from scanward.model.chains import Chain
from scanward.web.problems import Problem, problem_of
from scanward.web.roles import Operation
from scanward.web.seal_files import seal_response
from scanward.web.services import WebServices
from scanward.web.staff.rendering import render
from scanward.web.staff.sessions import Session, posted, session_of, sessions_of

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "study": ("The study", "Studies"),
    "instance": ("The instance", "Instances"),
    "copy": ("The copy that left", "Copies that left"),
    "release": ("The release", "Releases"),
    "result": ("The result that came back", "Results that came back"),
}
"""Of one, and of several."""

CHAINS_SHOWN: Final = 200
"""So many objects are shown at once; the API gives all."""

HIDDEN_FACTS: Final = frozenset({"happened", "seal"})
"""Facts that say to a person nothing that stands there not already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Objects of a kind."""

    name: str
    chains: Sequence[Chain]

    @property
    def has_statements(self) -> bool:
        """Whether anything was stated of any of them that holds."""
        return any(one.statements for one in self.chains)


_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_Uid = Annotated[str, Form(max_length=80)]
_UID_CHARACTERS: Final = frozenset("0123456789.")
_MAX_UID: Final = 64


def install(staff: FastAPI) -> None:
    """Add the pages and their forms to the staff page."""
    reader = Depends(posted(Operation.READ_CUSTODY))
    officer = Depends(posted(Operation.READ_IDENTITIES))

    @staff.get("/custody")
    def ask(request: Request, session: Annotated[Session, Depends(session_of)]) -> HTMLResponse:
        sessions_of(request).require(session, Operation.READ_CUSTODY)
        return _show(request, session, "")

    # Posted, though it changes nothing: addresses are kept by browsers and logged by proxies.
    @staff.post("/custody")
    def by_uid(request: Request, session: Annotated[Session, reader], uid: _Uid = "") -> HTMLResponse:
        try:
            uid = _parse_uid(uid)
        except Problem as problem:
            return _show(request, session, "", problem)
        return _show(request, session, uid)

    @staff.get("/studies/{study_id}/custody")
    def of_study(request: Request, study_id: _ID, session: Annotated[Session, Depends(session_of)]) -> HTMLResponse:
        sessions_of(request).require(session, Operation.READ_CUSTODY)
        study = _services(request).ledger.get_study(study_id)
        return _show(request, session, study.study_uid, study_id=study_id)

    @staff.post("/custody/seal")
    def seal(request: Request, _session: Annotated[Session, officer], uid: _Uid = "") -> Response:
        return seal_response(_services(request).seal_file(_parse_uid(uid)))


def _show(
    request: Request, session: Session, uid: str, problem: Problem | None = None, *, study_id: str = ""
) -> HTMLResponse:
    """Return the page on what a UID names; the form alone where it is empty."""
    report = None
    if uid:
        try:
            report = _services(request).custody(uid)
        except (UnknownError, EvidenceError) as error:
            problem = problem_of(error)
    content = {
        # Who may not read identities is not told the UID that an opaque id stands for.
        "uid": "" if study_id else uid,
        "study_id": study_id,
        "problem": problem,
        "report": report,
        "groups": () if report is None else _groups_of(report.chains[:CHAINS_SHOWN]),
        "hidden": HIDDEN_FACTS,
        "shown": CHAINS_SHOWN,
        "has_seal": report is not None and not study_id and all(one.kind != "study" for one in report.chains),
    }
    return render(request, "custody.html", session, content, status=200 if problem is None else problem.status)


def _groups_of(chains: Sequence[Chain]) -> Sequence[Group]:
    """Return objects by kind, each kind where its first one stands; what does not hold comes first."""
    found: dict[str, list[Chain]] = {}
    for one in chains:
        found.setdefault(one.kind, []).append(one)
    return [
        Group(
            name=KINDS.get(kind, (kind, kind))[len(some) > 1],
            chains=sorted(some, key=lambda one: not one.fault),
        )
        for kind, some in found.items()
    ]


def _parse_uid(text: str) -> str:
    uid = text.strip()
    if not uid or len(uid) > _MAX_UID or not _UID_CHARACTERS.issuperset(uid):
        raise Problem(
            422,
            f"expected a UID: digits and full stops, at most {_MAX_UID} of them",
            remedy="Copy the Study Instance UID (0020,000D) or the SOP Instance UID (0008,0018) of the scan.",
        )
    return uid


def _services(request: Request) -> WebServices:
    services: WebServices = request.app.state.services
    return services
