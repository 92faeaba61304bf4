"""STOW-RS as a door out (PS3.18 Section 10.5; implements :class:`scanward.ports.network.Sender`).

Instances go in requests of several, each streamed from the blobs. What is reported never says more than is known: an
instance of which a byte may have left and of which the service said nothing is `UNKNOWN`.

Trust: the service is whom TLS says it is, by the authority that the endpoint names. No redirect is followed and no
proxy of the environment is used: either would let instances leave to somewhere else.
"""

import secrets
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from scanward.adapters.send.credentials import ClientCredentials, check_url, read_limited
from scanward.adapters.send.outgoing import UNREADABLE, exact_chunks, report, report_all
from scanward.adapters.send.stow_answer import JSON, XML, Answer, parse_answer
from scanward.errors import ConfigError, NetworkError, ScanwardError, StoreError
from scanward.model.agreement import StowEndpoint
from scanward.model.release import Delivery, DeliveryReport
from scanward.ports.network import Outgoing

if TYPE_CHECKING:
    import httpx

MAX_REQUEST_BYTES = 64 * 1024**2
"""Instances are put into one request up to this size; a larger instance goes alone. Proxies and services commonly take
100 MB; one that takes less says so with 413."""

MAX_REQUEST_INSTANCES = 100
"""So many at most, so that one lost answer leaves few instances unknown."""

MAX_ANSWER_BYTES = 16 * 1024**2
"""An answer on `MAX_REQUEST_INSTANCES` has some 50 KB."""

TIMEOUT_SECONDS = 60.0
"""Wait for connecting, and for each part sent or received. The answer comes when the service has stored all."""

_ACCEPT = f"{JSON};q=1, {XML};q=0.5"
_LISTING = frozenset({200, 202, 409})
_SMALLER = frozenset({400, 413, 415, 422})
_BUSY = frozenset({408, 425, 429, 503, 507})
_MOVED = frozenset({301, 307, 308})


class StowSender:
    """Sends to a STOW-RS service.

    Parameters
    ----------
    endpoint
        The service.
    request_bytes, request_instances
        How much goes into one request.
    timeout_seconds
        See `TIMEOUT_SECONDS`.

    Raises
    ------
    ConfigError, KeyStoreError
        When nothing could ever be sent this way.
    """

    def __init__(
        self,
        endpoint: StowEndpoint,
        *,
        request_bytes: int = MAX_REQUEST_BYTES,
        request_instances: int = MAX_REQUEST_INSTANCES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        check_url(endpoint.url, secret=bool(endpoint.token_url))
        self._url = endpoint.url.rstrip("/") + "/studies"
        self._credentials = ClientCredentials(endpoint) if endpoint.token_url else None
        self._trust = _trust(endpoint.authority, system=not endpoint.authority)
        self._token_trust = _trust(endpoint.authority, system=True) if endpoint.token_url else self._trust
        self._request_bytes = request_bytes
        self._request_instances = request_instances
        self._timeout_seconds = timeout_seconds

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Send files in as few requests as their sizes allow; reports come request by request."""
        waiting = deque(self._batches(files))
        stopped = ""
        with self._http(self._trust) as http:
            while waiting:
                batch = waiting.popleft()
                if stopped:
                    yield from report_all(batch, Delivery.NOT_SENT, stopped)
                    continue
                exchange = _Exchange(batch)
                self._send_batch(http, exchange)
                stopped = exchange.stopped
                waiting.extendleft(reversed(exchange.again))
                yield from exchange.reports

    def _batches(self, files: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
        batch: list[Outgoing] = []
        size = 0
        for file in files:
            full = size + file.size_bytes > self._request_bytes or len(batch) >= self._request_instances
            if batch and full:
                yield batch
                batch, size = [], 0
            batch.append(file)
            size += file.size_bytes
        if batch:
            yield batch

    def _http(self, trust: ssl.SSLContext) -> "httpx.Client":
        import httpx

        # A connection for each request: one that is kept may just be ending on the other side, which looks the same as
        # a lost request. A request is large enough for that not to matter.
        return httpx.Client(
            verify=trust,
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Connection": "close"},
        )

    def _send_batch(self, http: "httpx.Client", exchange: "_Exchange") -> None:
        """Send one request, and once more with a new token where the service does not take the one it got."""
        for last in (False, True):
            try:
                token = self._token()
            except ScanwardError as error:
                exchange.stop(_words(error))
                return
            body = _Body(exchange.files)
            status, answer = self._post(http, body, token)
            if status not in {401, 403} or last or self._credentials is None:
                exchange.judge(status, answer, body)
                return
            self._credentials.forget(token)

    def _token(self) -> str:
        return "" if self._credentials is None else self._credentials.token(lambda: self._http(self._token_trust))

    def _post(self, http: "httpx.Client", body: "_Body", token: str) -> tuple[int, "Answer | str"]:
        """Send one request; return its status and what the answer says, or status 0 and why there is none."""
        import httpx

        headers = {
            "Accept": _ACCEPT,
            "Accept-Encoding": "identity",
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={body.boundary}',
            "Content-Length": str(body.size_bytes),
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with http.stream("POST", self._url, content=body.chunks(), headers=headers) as response:
                status = response.status_code
                if status not in _LISTING:
                    return status, f"the service answered with HTTP status {status}"
                content = read_limited(response, MAX_ANSWER_BYTES)
                return status, parse_answer(response.headers.get("Content-Type", ""), content)
        except StoreError:
            return 0, UNREADABLE
        except NetworkError as error:
            return 0, str(error)
        except httpx.TimeoutException:
            return 0, "the service did not answer in time"
        except httpx.ConnectError:
            return 0, "the service cannot be reached, or is not whom its certificate should say"
        except httpx.HTTPError:
            return 0, "the connection to the service was lost"


class _Body:
    """A multipart body (RFC 2387) that notes how far it has left.

    Attributes
    ----------
    begun, ended
        Of how many files, in their order, a byte and the last byte was handed out.
    """

    def __init__(self, files: Sequence[Outgoing]) -> None:
        self._files = files
        self.boundary = secrets.token_hex(16)
        self._head = f"\r\n--{self.boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")
        self._tail = f"\r\n--{self.boundary}--\r\n".encode("ascii")
        self.begun = 0
        self.ended = 0

    @property
    def size_bytes(self) -> int:
        """Length of the whole."""
        return sum(len(self._head) + file.size_bytes for file in self._files) + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; raises `StoreError` when a file cannot be read: the one after `ended`."""
        for file in self._files:
            head = self._head
            for chunk in exact_chunks(file):
                self.begun = self.ended + 1
                yield head + chunk if head else chunk
                head = b""
            self.ended = self.begun = self.ended + 1
        yield self._tail


class _Exchange:
    """What becomes of the files of one request.

    Attributes
    ----------
    files
        The files.
    reports
        How sending ended, for those that will not be tried again now.
    again
        Smaller requests to make of the others.
    stopped
        Why there is no sense in making further requests now; empty: there is.
    """

    def __init__(self, files: Sequence[Outgoing]) -> None:
        self.files = files
        self.reports: list[DeliveryReport] = []
        self.again: list[list[Outgoing]] = []
        self.stopped = ""

    def stop(self, why: str) -> None:
        """Report that nothing was sent."""
        self.stopped = why
        self._all(Delivery.NOT_SENT, why)

    def judge(self, status: int, answer: Answer | str, body: _Body) -> None:
        """Report or try again by what the service answered; see the table in docs/guides/send.md."""
        if isinstance(answer, Answer):
            self._each(body, lambda file: answer.find(file.sop_instance_uid))
        elif status in _SMALLER and len(self.files) > 1:
            middle = len(self.files) // 2
            self.again = [list(self.files[:middle]), list(self.files[middle:])]
        elif status in _BUSY or status in {401, 403}:
            self.stop(answer)
        elif status in _MOVED:
            self._all(Delivery.REFUSED, "the service wants it sent elsewhere, which is for the settings to say")
        elif 400 <= status < 500:
            self._all(Delivery.REFUSED, answer)
        elif answer == UNREADABLE:
            self._unreadable(body)
        else:
            if body.begun == 0:
                self.stopped = answer
            self._each(body, lambda _: (Delivery.UNKNOWN, answer))

    def _all(self, delivery: Delivery, detail: str) -> None:
        self.reports.extend(report_all(self.files, delivery, detail))

    def _each(self, body: _Body, judged: Callable[[Outgoing], tuple[Delivery, str]]) -> None:
        """Report what `judged` says of the files that left whole; of the others, what can be."""
        for index, file in enumerate(self.files):
            delivery, detail = judged(file)
            if index >= body.begun:
                delivery, detail = Delivery.NOT_SENT, detail or "the service answered before it was sent"
            elif index >= body.ended and delivery is not Delivery.UNKNOWN:
                delivery, detail = Delivery.UNKNOWN, "the service answered before all of it was sent"
            self.reports.append(report(file, delivery, detail))

    def _unreadable(self, body: _Body) -> None:
        """Report a file that cannot be read, and those before it in the request, which may have arrived."""
        lost = body.ended
        for index, file in enumerate(self.files[: lost + 1]):
            detail = UNREADABLE if index == lost else "the request was given up: another file cannot be read"
            delivery = Delivery.UNKNOWN if index < body.begun else Delivery.NOT_SENT
            self.reports.append(report(file, delivery, detail))
        if rest := list(self.files[lost + 1 :]):
            self.again = [rest]


def _words(error: ScanwardError) -> str:
    """Return why there is no token; what is wrong with a file of secrets is not for reports, which others read."""
    return str(error) if isinstance(error, NetworkError) else "the client secret cannot be used"


def _trust(authority: str, *, system: bool) -> ssl.SSLContext:
    """Return whom to trust: the system's authorities, the one named, or both."""
    try:
        context = ssl.create_default_context() if system else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if authority:
            context.load_verify_locations(authority)
    except (OSError, ssl.SSLError):
        raise ConfigError(
            "expected the authority of an endpoint to be a PEM file of certificates",
            remedy="Check that the file is there and readable.",
        ) from None
    return context
