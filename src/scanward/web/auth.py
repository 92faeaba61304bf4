"""Bearer tokens: those of the OpenID Connect issuer that the settings name, and local ones (RFC 7519, 8725, 9068).

Which key and which algorithms check a token follows from its issuer alone, never from what its header asks for.
"""

import json
import re
import secrets
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet, OctKey

from scanward.config import OidcSettings
from scanward.errors import AccessError, ConfigError, NetworkError
from scanward.web.roles import Role

LOCAL_ISSUER = "urn:scanward:local"
LOCAL_ALGORITHM = "HS256"
OIDC_ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
"""Public-key signatures only (RFC 8725 Section 3.1); RFC 9864 calls EdDSA with this curve Ed25519."""

AUDIENCE_BEARER = "scanward"
AUDIENCE_LOGIN = "scanward-login"
AUDIENCE_SESSION = "scanward-session"

CLOCK_SKEW_SECONDS = 60
MAX_TOKEN_BYTES = 16 * 1024
MAX_JWKS_BYTES = 256 * 1024
MAX_LIFETIME = timedelta(days=366)
JWKS_SECONDS = 3600.0
"""Keys of the issuer are read again after this; earlier when a token names one that is not among them."""
JWKS_RETRY_SECONDS = 60.0
"""But not more often than this, whatever tokens come."""
HTTP_TIMEOUT_SECONDS = 5.0

_RECIPIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who asks, as a checked token says.

    Attributes
    ----------
    subject
        Name of the person or program, for records of what it did.
    roles
        What it may do.
    recipient
        Id of the recipient it acts for; empty for others.
    token_id, expires
        Of its token.
    """

    subject: str
    roles: frozenset[Role]
    recipient: str
    token_id: str
    expires: datetime


def _local_key(key: bytes) -> OctKey:
    """Return the key for local tokens; the one given may serve other purposes too."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"scanward local tokens").derive(key)
    return OctKey.import_key(derived)


def issue_token(
    key: bytes,
    subject: str,
    roles: Iterable[Role],
    recipient: str,
    lifetime: timedelta,
    *,
    audience: str = AUDIENCE_BEARER,
    now: datetime | None = None,
) -> str:
    """Return a local token.

    Parameters
    ----------
    key
        `WebServices.token_key`.
    subject
        Name of the person or program, which records of what it does will show.
    roles
        What it may do.
    recipient
        Id of the recipient it acts for: with the role ``recipient``, and only with it.
    lifetime
        For how long; there is no way to take a token back but to change the key.
    audience
        `AUDIENCE_BEARER` for API and DICOMweb, `AUDIENCE_LOGIN` to sign in to the staff page once.
    now
        Aware UTC; the time of the call when None.

    Raises
    ------
    AccessError
        Such a token would be worth nothing.
    """
    held = frozenset(roles)
    if not held or not subject or len(subject) > 200:
        raise AccessError("expected at least one role and a subject of 1 to 200 characters")
    if (Role.RECIPIENT in held) != bool(recipient) or (recipient and not _RECIPIENT.fullmatch(recipient)):
        raise AccessError("expected the id of a recipient with the role recipient, and only with it")
    if not timedelta() < lifetime <= MAX_LIFETIME:
        raise AccessError(f"expected a lifetime of up to {MAX_LIFETIME.days} days")
    issued = now or datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": LOCAL_ISSUER,
        "aud": audience,
        "sub": subject,
        "roles": sorted(held),
        "iat": int(issued.timestamp()),
        "nbf": int(issued.timestamp()),
        "exp": int((issued + lifetime).timestamp()),
        "jti": secrets.token_hex(16),
    }
    if recipient:
        claims["recipient"] = recipient
    return jwt.encode({"alg": LOCAL_ALGORITHM}, claims, _local_key(key), algorithms=[LOCAL_ALGORITHM])


class JwksSource:
    """The keys of an OpenID Connect issuer; read when first needed and kept for a while.

    Parameters
    ----------
    settings
        Where they are: a URL (https, or http on this machine) or a file.
    monotonic
        Tells seconds that only go forward.
    """

    def __init__(self, settings: OidcSettings, monotonic: Callable[[], float]) -> None:
        if bool(settings.jwks_url) == bool(settings.jwks_file):
            raise ConfigError("expected one of jwks_url and jwks_file for the OpenID Connect issuer")
        if settings.jwks_url and not re.match(
            r"https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/]", settings.jwks_url
        ):
            raise ConfigError("expected jwks_url to begin with https://")
        self._settings = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._read_at = 0.0

    def keys(self, key_id: str | None) -> KeySet:
        """Return the issuer's keys, among them `key_id` where the issuer has it; raises `NetworkError`."""
        with self._lock:
            age = self._monotonic() - self._read_at
            known = self._keys
            if known is not None:
                lacks = key_id is not None and all(key.kid != key_id for key in known.keys)
                if age < (JWKS_RETRY_SECONDS if lacks else JWKS_SECONDS):
                    return known
            self._read_at = self._monotonic()
            try:
                self._keys = KeySet.import_key_set(self._read())
            except (JoseError, ValueError, KeyError, TypeError):
                raise NetworkError("the keys of the token issuer are no JSON Web Key Set") from None
            return self._keys

    def _read(self) -> Any:
        if self._settings.jwks_file:
            try:
                return json.loads(Path(self._settings.jwks_file).read_bytes())
            except OSError as error:
                raise NetworkError(f"the keys of the token issuer cannot be read: {error.strerror}") from None
        import httpx

        content = b""
        try:
            with httpx.stream(
                "GET", self._settings.jwks_url, timeout=HTTP_TIMEOUT_SECONDS, follow_redirects=False
            ) as response:
                response.raise_for_status()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > MAX_JWKS_BYTES:
                        raise NetworkError(f"expected at most {MAX_JWKS_BYTES} bytes of keys from the token issuer")
        except httpx.HTTPError as error:
            raise NetworkError(f"the keys of the token issuer cannot be fetched: {type(error).__name__}") from None
        return json.loads(content)


class TokenReader:
    """Checks tokens.

    Parameters
    ----------
    token_key
        Key of local tokens.
    oidc
        Issuer of the others; None: there are none.
    clock
        Tells the time, aware UTC.
    monotonic
        Tells seconds that only go forward.
    """

    def __init__(
        self,
        token_key: bytes,
        oidc: OidcSettings | None,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._key = _local_key(token_key)
        self._oidc = oidc
        self._jwks = JwksSource(oidc, monotonic) if oidc is not None else None
        self._clock = clock

    def is_local(self, token: str) -> bool:
        """Whether a token says that it is a local one, so that checking it asks nobody else."""
        return _claimed_issuer(token) == LOCAL_ISSUER

    def read(self, token: str, audience: str = AUDIENCE_BEARER) -> Principal:
        """Return whom a token is about.

        Raises
        ------
        AccessError
            It is none of ours, altered, over, or for something else; the message says which, in words without values.
        NetworkError
            The issuer's keys cannot be had.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise AccessError("token too long")
        issuer = _claimed_issuer(token)
        if issuer == LOCAL_ISSUER:
            claims = self._verify(token, self._key, (LOCAL_ALGORITHM,), issuer, audience)
            return _principal(claims, "roles", "recipient")
        if self._oidc is None or self._jwks is None or issuer != self._oidc.issuer or audience != AUDIENCE_BEARER:
            raise AccessError("token of an unknown issuer")
        keys = self._jwks.keys(_claimed_key_id(token))
        claims = self._verify(token, keys, OIDC_ALGORITHMS, issuer, self._oidc.audience)
        return _principal(claims, self._oidc.roles_claim, self._oidc.recipient_claim)

    def _verify(
        self, token: str, key: OctKey | KeySet, algorithms: Iterable[str], issuer: str, audience: str
    ) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, key, algorithms=list(algorithms)).claims
            if not isinstance(claims, dict):
                raise AccessError("token without claims")
            registry = jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock().timestamp()),
                leeway=CLOCK_SKEW_SECONDS,
                iss={"essential": True, "value": issuer},
                aud={"essential": True, "value": audience},
                sub={"essential": True},
                exp={"essential": True},
            )
            registry.validate(claims)
        except ExpiredTokenError:
            raise AccessError("token expired") from None
        except JoseError as error:
            raise AccessError(f"token refused: {type(error).__name__}") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise AccessError("token malformed") from None
        return claims


def _part(token: str, index: int) -> dict[str, Any]:
    """Return header (0) or claims (1) of a token that nobody has checked yet."""
    try:
        text = token.split(".")[index]
        content = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _claimed_issuer(token: str) -> str:
    issuer = _part(token, 1).get("iss")
    return issuer if isinstance(issuer, str) else ""


def _claimed_key_id(token: str) -> str | None:
    key_id = _part(token, 0).get("kid")
    return key_id if isinstance(key_id, str) else None


def _principal(claims: dict[str, Any], roles_claim: str, recipient_claim: str) -> Principal:
    named = _find(claims, roles_claim)
    words = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    roles = frozenset(Role(word) for word in words if isinstance(word, str) and word in set(Role))
    recipient = _find(claims, recipient_claim)
    if not isinstance(recipient, str) or not _RECIPIENT.fullmatch(recipient):
        # Without a recipient to be bound to, the role means nothing.
        recipient, roles = "", roles - {Role.RECIPIENT}
    if Role.RECIPIENT not in roles:
        recipient = ""
    token_id = claims.get("jti")
    return Principal(
        subject=str(claims["sub"])[:200],
        roles=roles,
        recipient=recipient,
        token_id=token_id if isinstance(token_id, str) else "",
        expires=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _find(claims: dict[str, Any], name: str) -> object:
    """Return a claim by name, or by a path with dots."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
