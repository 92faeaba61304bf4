"""Access tokens for services, by OAuth2 client credentials (RFC 6749 Section 4.4), and secrets in files.

Trust: with a stolen secret a thief can upload in our name; it opens nothing that we sent. It goes to the token service
only, over TLS.
"""

import ipaddress
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlsplit

from scanward.adapters.home import check_private
from scanward.errors import ConfigError, KeyStoreError, NetworkError
from scanward.model.agreement import StowEndpoint

if TYPE_CHECKING:
    import httpx

EARLY_SECONDS = 30.0
"""A token is renewed so long before it expires, so that it does not expire on the way."""

DEFAULT_LIFE_SECONDS = 300.0
"""Taken where the token service does not say how long a token holds (RFC 6749 Section 5.1 only recommends it)."""

MAX_SECRET_BYTES = 64 * 1024
"""A longer file holds no secret or options."""

MAX_TOKEN_ANSWER_BYTES = 1 << 20
"""A longer answer is none of a token service."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 Section 2.1


def read_private(path: Path) -> bytes:
    """Return what stands in a file that is closed to others.

    Raises
    ------
    KeyStoreError
        When others can read it, or it cannot be read.
    """
    check_private(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise KeyStoreError(f"cannot read a file of secrets: {os.strerror(error.errno or 0)}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise KeyStoreError(f"expected a file of secrets to have up to {MAX_SECRET_BYTES} bytes")
    return content


def check_url(url: str, *, secret: bool) -> None:
    """Refuse a URL that leads nowhere, or over which a secret would go in clear.

    Raises
    ------
    ConfigError
        When it is not ``https``, or ``http`` where no `secret` goes or within this machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("expected the URL of a service to begin with https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("expected the URL of a service without user, query and fragment")
    if secret and parts.scheme != "https" and not _is_loopback(parts.hostname):
        raise ConfigError(
            "expected https:// where tokens are used",
            remedy="Give the service a certificate; its authority can be named in the endpoint.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ClientCredentials:
    """Tokens of one client, kept until they expire.

    Parameters
    ----------
    endpoint
        With `token_url`.
    clock
        Seconds that only go forward.

    Raises
    ------
    ConfigError, KeyStoreError
        When no token could ever be had this way.
    """

    def __init__(self, endpoint: StowEndpoint, *, clock: Callable[[], float] = time.monotonic) -> None:
        check_url(endpoint.token_url, secret=True)
        if not endpoint.client_id or not endpoint.client_secret_file:
            raise ConfigError("expected client_id and client_secret_file along with token_url")
        self._url = endpoint.token_url
        self._scope = endpoint.scope
        self._client_id = endpoint.client_id
        self._secret_file = Path(endpoint.client_secret_file)
        self._read_secret()
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._expires = 0.0

    def token(self, connect: "Callable[[], httpx.Client]") -> str:
        """Return a token that has not expired, asked for over a client that `connect` makes where there is none.

        Raises
        ------
        NetworkError
            When the token service cannot be reached, or gives none.
        ConfigError, KeyStoreError
            When the secret cannot be used any more.
        """
        with self._lock:
            if not self._token or self._clock() >= self._expires:
                with connect() as http:
                    self._token, life = self._ask(http)
                self._expires = self._clock() + max(0.0, life - EARLY_SECONDS)
            return self._token

    def forget(self, token: str) -> None:
        """Take `token` for expired: the service did not take it."""
        with self._lock:
            if self._token == token:
                self._token = ""

    def _read_secret(self) -> str:
        """Return the secret as it is now: it may have been renewed."""
        secret = read_private(self._secret_file).decode("utf-8", "replace").strip()
        if not secret:
            raise ConfigError("expected a secret in client_secret_file, got an empty file")
        return secret

    def _ask(self, http: "httpx.Client") -> tuple[str, float]:
        import httpx

        client = (quote_plus(self._client_id), quote_plus(self._read_secret()))  # RFC 6749 Section 2.3.1
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        try:
            with http.stream("POST", self._url, data=form, auth=client, headers=_HEADERS) as response:
                body = read_limited(response, MAX_TOKEN_ANSWER_BYTES)
        except httpx.HTTPError:
            raise NetworkError("the token service cannot be reached") from None
        if response.status_code != httpx.codes.OK:
            raise NetworkError(f"the token service answered with HTTP status {response.status_code}")
        return _read_token(body)


_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


def _read_token(body: bytes) -> tuple[str, float]:
    """Return token and life in seconds (RFC 6749 Section 5.1)."""
    import json

    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        raise NetworkError("expected the token service to answer with JSON") from None
    if not isinstance(answer, dict):
        raise NetworkError("expected the token service to answer with a JSON object")
    token, kind, life = (answer.get(name) for name in ("access_token", "token_type", "expires_in"))
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise NetworkError("expected an access token from the token service")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NetworkError("expected a bearer token from the token service")
    known = isinstance(life, int | float) and life > 0
    return token, float(life or 0) if known else DEFAULT_LIFE_SECONDS


def read_limited(response: "httpx.Response", limit: int, *, seconds: float = 120.0) -> bytes:
    """Return the body of `response` as it came.

    Raises
    ------
    NetworkError
        When it is longer than `limit`, takes longer than `seconds`, or is packed although that was not asked for.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NetworkError("expected an answer that is not packed")
    end = time.monotonic() + seconds
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > limit:
            raise NetworkError(f"expected an answer of up to {limit} bytes")
        if time.monotonic() > end:
            raise NetworkError(f"expected an answer within {seconds:g} s")
    return bytes(body)
