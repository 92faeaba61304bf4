"""Reads multipart/related bodies as they arrive (RFC 2046 Section 5.1, RFC 2387), whatever their pieces.

Only the search for the boundary looks at the bytes, so that a part costs little more than copying it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from scanward.web.problems import Problem

MAX_BOUNDARY = 200
"""RFC 2046 Section 5.1.1 allows 70 characters; Orthanc's DICOMweb plugin writes 73."""

MAX_HEAD_BYTES = 8 * 1024
"""Of the headers of one part, and of what stands before the first one."""

MAX_PARTS = 50_000
"""In one request; there are no studies of so many instances."""

_PARAMETER = re.compile(r';\s*([!#$%&\'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*')


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Return type and parameters of a media type (RFC 9110 Section 8.3.1), in lower case; empty where malformed."""
    kind, separator, rest = text.partition(";")
    parameters: dict[str, str] = {}
    rest = separator + rest
    at = 0
    while at < len(rest):
        found = _PARAMETER.match(rest, at)
        if found is None:
            if rest[at:].strip(" ;\t"):
                return "", {}
            break
        name, quoted, plain = found.groups()
        parameters[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        at = found.end()
    return kind.strip().lower(), parameters


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins; header names in lower case."""

    headers: Mapping[str, str]


class PartEnd:
    """The part ended."""

    __slots__ = ()


Event = PartStart | PartEnd | memoryview
"""What is read: a memoryview is content of the current part, and valid until the next event is asked for."""


class _State(Enum):
    PREAMBLE = auto()
    BOUNDARY = auto()
    HEAD = auto()
    CONTENT = auto()
    END = auto()


class MultipartReader:
    """Reads one body.

    Parameters
    ----------
    boundary
        The parameter of the body's media type.
    """

    def __init__(self, boundary: str) -> None:
        try:
            written = boundary.encode("ascii")
        except UnicodeEncodeError:
            written = b""
        if not 1 <= len(written) <= MAX_BOUNDARY or b"\r" in written or b"\n" in written:
            raise Problem(400, f"expected a boundary of 1 to {MAX_BOUNDARY} ASCII characters")
        self._delimiter = b"\r\n--" + written
        # The first boundary may stand at the very start, without a line before it.
        self._rest = b"\r\n"
        self._state = _State.PREAMBLE
        self._parts = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what `data` brings; raises `Problem` 400 where it is malformed."""
        buffer = self._rest + data
        view = memoryview(buffer)
        at = 0
        while True:
            if self._state is _State.CONTENT:
                end = buffer.find(self._delimiter, at)
                if end < 0:
                    # The boundary may have begun in what cannot be told yet.
                    keep = max(at, len(buffer) - len(self._delimiter) + 1)
                    if keep > at:
                        yield view[at:keep]
                    at = keep
                    break
                if end > at:
                    yield view[at:end]
                at = end + len(self._delimiter)
                self._state = _State.BOUNDARY
                yield PartEnd()
                continue
            step = self._step(buffer, at)
            if step is None:
                break
            at, event = step
            if event is not None:
                yield event
            if self._state is _State.END:
                at = len(buffer)  # what follows is to be ignored
                break
        self._rest = buffer[at:]
        if len(self._rest) > MAX_HEAD_BYTES + len(self._delimiter):
            raise Problem(400, "multipart body: expected a boundary or headers, got something else")

    def _step(self, buffer: bytes, at: int) -> tuple[int, Event | None] | None:
        """Return how far it goes outside of content, and what was found; None where more is needed."""
        if self._state is _State.PREAMBLE:
            found = buffer.find(self._delimiter, at)
            if found < 0:
                return None
            self._state = _State.BOUNDARY
            return found + len(self._delimiter), None
        if self._state is _State.BOUNDARY:
            return self._after_boundary(buffer, at)
        return self._head(buffer, at)

    def _after_boundary(self, buffer: bytes, at: int) -> tuple[int, Event | None] | None:
        """Read what stands behind a boundary: ``--`` after the last part, else the end of the line."""
        if len(buffer) - at < 2:
            return None
        if buffer.startswith(b"--", at):
            self._state = _State.END
            return at + 2, None
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        if buffer[at:end].strip(b" \t"):
            raise Problem(400, "multipart body: expected the end of the line after a boundary")
        self._state = _State.HEAD
        # The line end stays: without headers, it is the empty line before the content too.
        return end, None

    def _head(self, buffer: bytes, at: int) -> tuple[int, Event | None] | None:
        end = buffer.find(b"\r\n\r\n", at)
        if end < 0:
            return None
        if end - at > MAX_HEAD_BYTES:
            raise Problem(400, f"multipart body: expected at most {MAX_HEAD_BYTES} bytes of headers in a part")
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Problem(413, f"multipart body: expected at most {MAX_PARTS} parts")
        headers = {}
        for line in buffer[at:end].decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if line and not colon:
                raise Problem(400, "multipart body: expected headers in a part, got something else")
            headers[name.strip().lower()] = value.strip()
        self._state = _State.CONTENT
        return end + 4, PartStart(headers)

    def end(self) -> None:
        """Say that no more comes; raises `Problem` 400 where the last boundary is missing."""
        if self._state is not _State.END:
            raise Problem(400, "multipart body: expected a last boundary, got the end")
