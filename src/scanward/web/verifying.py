"""Takes one file in and tells what is known of it; nothing of the file stays, and nothing of it is logged."""

import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from scanward.errors import EvidenceError, ScanwardError, SigningError, StoreError, UnknownError
from scanward.model.instance import ByteSource
from scanward.model.verdict import StepName, Verdict
from scanward.web.multipart import MultipartReader, PartEnd, PartStart, parse_media_type
from scanward.web.problems import Problem, log_unexpected
from scanward.web.services import WebServices
from scanward.web.spool import Spooled

AT_WORK: Final = 2
"""So many files are looked at at once: each takes a core and the memory of its pictures."""

MAX_INSIDE: Final = 8
"""So many are taken in at once, which are sent or wait for their turn: the spool has to hold them."""

MAX_FIELD_BYTES: Final = 256
MAX_NAME: Final = 120

RAW_TYPES: Final = frozenset(
    {"application/dicom", "application/octet-stream", "image/png", "image/jpeg", "image/tiff", "image/webp"}
)
"""Media types of a body that is the file itself."""

_FORM: Final = "multipart/form-data"
_REPORT: Final = "Where it happened stands in the log, without anything of the file: report that to us."


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A file that came.

    Attributes
    ----------
    content
        Its bytes.
    name
        What its sender calls it, as it may be shown; empty where it has no name.
    """

    content: Spooled
    name: str = ""


class Counter:
    """Where files are verified: some at work, some waiting, and nobody else let in.

    Parameters
    ----------
    verify
        Tells what is known of a file; for several threads.
    """

    def __init__(self, verify: Callable[[ByteSource], Verdict]) -> None:
        self._verify = verify
        self._inside = 0
        self._free = threading.Semaphore(AT_WORK)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Keep a place for a file before it is sent; raises `Problem` 503 where there is none."""
        if self._inside >= MAX_INSIDE:
            raise Problem(
                503,
                f"{MAX_INSIDE} files are being verified, and no more at once",
                remedy="Try again in a minute.",
                headers={"Retry-After": "60"},
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def verify(self, content: ByteSource) -> Verdict:
        """Tell what is known of a file.

        Raises
        ------
        Problem
            422: the file cannot be read. 500: it made something fail.
        EvidenceError
            What vouches for its seal does not hold.
        StoreError, SigningError
            What is known here cannot be read.
        """
        try:
            return await run_in_threadpool(self._work, content)
        except (EvidenceError, StoreError, SigningError):
            raise
        except UnknownError:
            # Deleted between two steps: another look finds it so.
            raise Problem(409, "what it was compared with was deleted meanwhile", remedy="Verify it again.") from None
        except ScanwardError as error:
            remedy = error.remedy or "Get the file anew from where it comes from; it may have been cut off on its way."
            raise Problem(422, f"the file cannot be read: {error}", remedy=remedy) from None
        except Exception as error:  # noqa: BLE001 - a file may be anything, and its message may hold what is in it
            log_unexpected(error)
            raise Problem(500, "the file could not be looked at to the end", remedy=_REPORT) from None

    def _work(self, content: ByteSource) -> Verdict:
        with self._free:
            return self._verify(content)


def counter_of(request: Request) -> Counter:
    """Return where files are verified."""
    counter: Counter = request.app.state.counter
    return counter


def may_show_pictures(verdict: Verdict, *, reads_identities: bool) -> bool:
    """Whether somebody may see its pictures: over a difference lies the sealed original, with all that it shows."""
    return reads_identities or all(step.name is not StepName.DIFFERENCE for step in verdict.steps)


@asynccontextmanager
async def received(
    request: Request, services: WebServices, check_csrf: Callable[[str], None] | None = None
) -> AsyncGenerator[Received]:
    """Take in the file of a request, which is gone at the end.

    Parameters
    ----------
    request
        A form with one file; or, where `check_csrf` is None, the file itself as well.
    services
        With the spool.
    check_csrf
        Told the word of the form before any of a file is kept; raises `Problem`.

    Raises
    ------
    Problem
        It is no such form, its fields are in another order, or there is not one file in it.
    StoreError
        The spool cannot be written.
    """
    kind, parameters = parse_media_type(request.headers.get("content-type", ""))
    content = Spooled(services.spool)
    try:
        if kind == _FORM:
            form = _Form(content, check_csrf)
            reader = MultipartReader(parameters.get("boundary", ""))
            async for chunk in request.stream():
                for event in reader.feed(chunk):
                    form.take(event)
            reader.end()
            name = form.end()
        elif check_csrf is None and kind in RAW_TYPES:
            async for chunk in request.stream():
                content.write(chunk)
            name = ""
        else:
            raise Problem(415, f"expected {', '.join([_FORM] if check_csrf else [_FORM, *sorted(RAW_TYPES)])}")
        if not content.size:
            raise Problem(422, "expected a file, got an empty one", remedy="Choose a file that holds something.")
        yield Received(content=content, name=name)
    finally:
        content.close()


class _Form:
    """Reads a form: its word first, then one file; other fields are of no interest."""

    def __init__(self, content: Spooled, check_csrf: Callable[[str], None] | None) -> None:
        self._content = content
        self._check_csrf = check_csrf
        self._is_checked = check_csrf is None
        self._csrf: bytearray | None = None
        self._is_in_file = False
        self._files = 0
        self._name = ""

    def take(self, event: PartStart | PartEnd | memoryview) -> None:
        """Take what was read next; raises `Problem`."""
        if isinstance(event, PartStart):
            self._begin(parse_media_type(event.headers.get("content-disposition", ""))[1])
        elif isinstance(event, PartEnd):
            self._is_in_file = False
            if self._csrf is not None and self._check_csrf is not None:
                self._check_csrf(self._csrf.decode("ascii", "replace"))
                self._is_checked = True
            self._csrf = None
        elif self._is_in_file:
            self._content.write(event)
        elif self._csrf is not None:
            self._csrf += event
            if len(self._csrf) > MAX_FIELD_BYTES:
                raise Problem(422, f"expected at most {MAX_FIELD_BYTES} bytes in a field of the form")

    def _begin(self, parameters: dict[str, str]) -> None:
        if "filename" in parameters:
            if not self._is_checked and self._check_csrf is not None:
                self._check_csrf("")
            self._files += 1
            if self._files > 1:
                raise Problem(422, "expected one file, got several", remedy="Send them one after another.")
            self._is_in_file = True
            self._name = _shown(parameters["filename"])
        elif parameters.get("name") == "csrf":
            self._csrf = bytearray()

    def end(self) -> str:
        """Return the name of the file; raises `Problem` where none came."""
        if not self._is_checked and self._check_csrf is not None:
            self._check_csrf("")
        if not self._files or (not self._name and not self._content.size):
            raise Problem(422, "expected a file, got none", remedy="Choose a file.")
        return self._name


def _shown(name: str) -> str:
    """Return a file's name as it may be shown: headers were read as Latin-1, and anything may stand in them."""
    text = name.encode("latin-1", "replace").decode("utf-8", "replace")
    text = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 3]}..."
