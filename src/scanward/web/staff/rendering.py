"""Pages from templates; whatever is put into one is text, never markup."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scanward.adapters.report_faces import measured
from scanward.web.staff import words
from scanward.web.staff.sessions import Session

HERE = Path(__file__).parent

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

CSP_WITH_PICTURES = CSP.replace("img-src 'self'", "img-src 'self' data:")
"""Of a page that holds pictures of its own, which are kept nowhere and have no address."""

STATIC = {
    "staff.css": "text/css",
    "htmx.min.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}
"""Files that anyone may have; there are no others."""

SAID = {
    "approved": "Approved. It is decided on again and then prepared.",
    "refused": "Refused. Nothing of it leaves.",
    "stopped": "Stopped. Nothing more of it leaves; what has left stays on record.",
    "retried": "What failed was queued again.",
    "assigned": "Assigned. The result is looked at again.",
    "rejected": "Rejected. The result goes no further.",
    "looking": "The result is looked at again.",
    "recorded": "Recorded. What was denied is decided again, and what is queued before it leaves.",
    "withdrawn": "Withdrawn. What was denied is decided again, and what is queued before it leaves.",
    "filled": "Filled from now on. What waits is prepared again before it leaves.",
    "left": "Left as it is. You are not asked again.",
    "unfilled": "Filled no more. What waits is prepared again before it leaves.",
    "kept": "Kept held. They wait for nobody any more, and are not looked at again.",
    "letgo": "Let go. It is decided on again, prepared and then sent, within a minute or so.",
    "lookagain": "What waits here is looked at again, within a minute or so.",
    "before": "This form was sent before, so nothing was done a second time.",
}
"""What a page says after a form; the address names one of these."""


@cache
def environment() -> Environment:
    """Return the templates."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = (words.when, words.day, words.size, words.purpose, words.sop_class, words.delivery, words.listed)
    made.filters.update({one.__name__: one for one in (*named, words.period, words.becomes, words.dicom_day)})
    made.filters.update(
        pixels=words.pixels, person=words.person, plainly=words.plainly, set_of=frozenset, measured=measured
    )
    made.tests.update(digest=words.is_digest)
    made.globals.update(plural=words.plural, agreement_in_words=words.agreement_in_words)
    return made


def render(
    request: Request,
    template: str,
    session: Session | None,
    content: Mapping[str, object],
    *,
    status: int = 200,
    has_pictures: bool = False,
) -> HTMLResponse:
    """Return a page; `has_pictures` says that it may hold some itself."""
    page = environment().get_template(template)
    said = SAID.get(request.query_params.get("said", ""), "")
    text = page.render(session=session, path=request.url.path, version=request.app.version, said=said, **content)
    headers = {"Content-Security-Policy": CSP_WITH_PICTURES if has_pictures else CSP, "Referrer-Policy": "same-origin"}
    return HTMLResponse(text, status, headers)


@cache
def _file(name: str) -> bytes:
    return (HERE / "static" / name).read_bytes()


def static(name: str) -> Response:
    """Return one of the `STATIC` files."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(_file(name), headers=headers, media_type=STATIC[name])
