"""Tokens of RFC 3161: asked for over HTTP, and checked (implements :class:`scanward.ports.signing.TimestampAuthority`).

Trusted for the time alone: an authority sees a digest and no more. A token that is checked later is checked against the
authority's certificate as it was at the time of the token.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from scanward.adapters.signing import der
from scanward.adapters.signing.certificates import TIME_STAMPING, load_certificate, verify_certificates
from scanward.errors import EvidenceError, NetworkError
from scanward.seal.signature_faults import SignatureFault

if TYPE_CHECKING:
    import httpx
    from rfc3161_client import TimeStampResponse

DIGEST_BYTES = 32

MAX_RESPONSE_BYTES = 64 * 1024
"""A token with its certificates has some 6 kB."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By so much may the clock of an authority, asked just now, differ from the one here."""

_SHA256 = "2.16.840.1.101.3.4.2.1"
_ALGORITHM = der.encode(der.SEQUENCE, der.oid(_SHA256), der.encode(der.NULL))
_GRANTED = der.encode(der.SEQUENCE, der.integer(0))
_TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
_NONCE_BYTES = 8
_TIMEOUT_SECONDS = 20.0
_REMEDY = "Do not rely on its time; ask an authority you trust for another token."


class HttpTimestampAuthority:
    """An authority reached over HTTP (RFC 3161 Section 3.4).

    Parameters
    ----------
    url
        Where.
    roots
        Certificates (DER) by which its answers are checked, pinned.
    clock
        Gives the time, aware UTC.
    client
        Sends requests; its owner closes it. None for one of its own for each request.
    policy
        The policy (dotted) under which it has to say the time; None for any.
    """

    def __init__(
        self,
        url: str,
        roots: Sequence[bytes],
        clock: Callable[[], datetime],
        *,
        client: "httpx.Client | None" = None,
        policy: str | None = None,
    ) -> None:
        self._url = url
        self._roots = tuple(roots)
        self._clock = clock
        self._client = client
        self._policy = policy

    def stamp(self, digest: bytes) -> bytes:
        """Return a token (DER) over a SHA-256 digest, checked.

        Raises
        ------
        NetworkError
            The authority cannot be reached or does not answer as one.
        EvidenceError
            Its token does not hold: the ``token.*`` or ``certificate.*`` fault says why.
        """
        nonce = secrets.randbits(8 * _NONCE_BYTES - 1)
        asked_at = self._clock()
        token = _token_of(self._post(make_request(digest, nonce)))
        said = verify_token(token, digest, self._roots, nonce=nonce, policy=self._policy)
        if not asked_at - CLOCK_TOLERANCE <= said <= self._clock() + CLOCK_TOLERANCE:
            _refuse(SignatureFault.TOKEN_CLOCK, "the authority says a time that is not now; one of two clocks is wrong")
        return token

    def _post(self, request: bytes) -> bytes:
        """Return what the authority answers."""
        import httpx

        client = self._client or httpx.Client(timeout=_TIMEOUT_SECONDS)
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            with client.stream("POST", self._url, content=request, headers=headers) as response:
                answer = b""
                for chunk in response.iter_bytes():
                    answer += chunk
                    if len(answer) > MAX_RESPONSE_BYTES:
                        break
                status = response.status_code
        except httpx.HTTPError as error:
            raise NetworkError(f"the timestamp authority cannot be reached: {type(error).__name__}") from None
        finally:
            if client is not self._client:
                client.close()
        if status != httpx.codes.OK or len(answer) > MAX_RESPONSE_BYTES:
            raise NetworkError(f"expected a token of the timestamp authority, got HTTP status {status}")
        return answer


def make_request(digest: bytes, nonce: int) -> bytes:
    """Return a request (DER) for a token over a SHA-256 digest, with the authority's certificate in it."""
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"expected a digest of {DIGEST_BYTES} bytes, got {len(digest)}")
    imprint = der.encode(der.SEQUENCE, _ALGORITHM, der.encode(der.OCTETS, digest))
    wants_certificate = b"\x01\x01\xff"
    return der.encode(der.SEQUENCE, der.integer(1), imprint, der.integer(nonce), wants_certificate)


def verify_token(
    token: bytes,
    digest: bytes,
    roots: Sequence[bytes],
    *,
    nonce: int | None = None,
    policy: str | None = None,
    not_after: datetime | None = None,
) -> datetime:
    """Return the time that a token says, once everything about it holds.

    Parameters
    ----------
    token
        TimeStampToken, DER.
    digest
        SHA-256 that it has to be over.
    roots
        Certificates (DER) of authorities that whoever checks trusts.
    nonce
        What was asked with; None where that is not known any more.
    policy
        The policy (dotted) under which it has to be; None for any.
    not_after
        No token is of later than now, where it is given.

    Raises
    ------
    EvidenceError
        With the ``token.*`` or ``certificate.*`` fault that says why not.
    """
    try:
        return _verify(_read(token), digest, roots, nonce=nonce, policy=policy, not_after=not_after)
    except (
        ValueError,
        LookupError,
        TypeError,
        OverflowError,
        AttributeError,
    ):  # the library reads parts of a token only when they are looked at
        _refuse(SignatureFault.TOKEN_FORM, "expected a token of RFC 3161, got one that is broken within")


def _verify(
    response: "TimeStampResponse",
    digest: bytes,
    roots: Sequence[bytes],
    *,
    nonce: int | None,
    policy: str | None,
    not_after: datetime | None,
) -> datetime:
    """Check a token that could be read; raises `ValueError` where it is broken within."""
    info = response.tst_info
    said = info.gen_time if info.gen_time.tzinfo else info.gen_time.replace(tzinfo=UTC)
    # 1. Over this digest
    if info.message_imprint.hash_algorithm.dotted_string != _SHA256:
        _refuse(SignatureFault.TOKEN_HASH, "expected a token over SHA-256, got one over another hash")
    if not hmac.compare_digest(info.message_imprint.message, digest):
        _refuse(SignatureFault.TOKEN_IMPRINT, "expected a token over this digest, got one over another")
    # 2. The answer to what was asked
    if nonce is not None and info.nonce != nonce:
        _refuse(SignatureFault.TOKEN_NONCE, "expected the nonce of the request, got another: an old answer sent again")
    if policy is not None and info.policy.dotted_string != policy:
        _refuse(SignatureFault.TOKEN_POLICY, "expected a token under the agreed policy, got one under another")
    # 3. By an authority that was trusted, valid and for this, at that time
    chain = _signer_first(response)
    _verify_authority(chain, roots, said)
    # 4. Its signature
    _verify_signature(response, chain, roots, digest)
    # 5. Not of the future
    if not_after is not None and said > not_after + CLOCK_TOLERANCE:
        _refuse(SignatureFault.TOKEN_CLOCK, "the token says a time to come")
    return said


def _token_of(answer: bytes) -> bytes:
    """Return the token in an authority's answer (TimeStampResp)."""
    try:
        status, *tokens = der.parse(answer).expect(der.SEQUENCE).children()
        granted = int.from_bytes(status.expect(der.SEQUENCE).children()[0].expect(der.INTEGER).content, "big") == 0
    except (ValueError, IndexError):
        _refuse(SignatureFault.TOKEN_FORM, "expected an answer of RFC 3161, got something else")
    if not granted or len(tokens) != 1:
        _refuse(SignatureFault.TOKEN_REFUSED, "the timestamp authority gave no token")
    return tokens[0].raw


def _read(token: bytes) -> "TimeStampResponse":
    """Return a token as the library reads it: in an answer that granted it."""
    from rfc3161_client import decode_timestamp_response

    try:
        _, wrapped = der.parse(token).expect(der.SEQUENCE).children()
        signed_data = wrapped.expect(der.CONTEXT_0).children()[0].children()
        content = signed_data[2].expect(der.SEQUENCE).children()[0]
        if content.raw != _TST_INFO:
            raise ValueError("another content")
        return decode_timestamp_response(der.encode(der.SEQUENCE, _GRANTED, token))
    except (ValueError, IndexError):
        _refuse(SignatureFault.TOKEN_FORM, "expected a token of RFC 3161, got something else")


def _signer_first(response: "TimeStampResponse") -> list[bytes]:
    """Return the certificates of a token, that of its signer first."""
    infos = tuple(response.signed_data.signer_infos)
    certificates = tuple(response.signed_data.certificates)
    loaded = [load_certificate(one) for one in certificates]
    if len(infos) != 1:
        _refuse(SignatureFault.TOKEN_FORM, f"expected a token with one signer, got {len(infos)}")
    named = infos[0].issuer, infos[0].serial_number
    chain = sorted(
        zip(certificates, loaded, strict=True), key=lambda one: (one[1].issuer, one[1].serial_number) != named
    )
    if not chain or (chain[0][1].issuer, chain[0][1].serial_number) != named:
        _refuse(SignatureFault.CERTIFICATE_MISSING, "expected a token with its signer's certificate, got one without")
    return [certificate for certificate, _ in chain]


def _verify_authority(chain: Sequence[bytes], roots: Sequence[bytes], said: datetime) -> None:
    """Check the certificate of an authority, and say what fails as the fault of a token."""
    told = {
        SignatureFault.CERTIFICATE_AUTHORITY: (
            SignatureFault.TOKEN_AUTHORITY,
            "expected a token of a pinned authority, got one of another",
        ),
        SignatureFault.CERTIFICATE_EXPIRED: (
            SignatureFault.TOKEN_VALIDITY,
            "the token says a time at which the authority's certificate had expired",
        ),
        SignatureFault.CERTIFICATE_NOT_YET_VALID: (
            SignatureFault.TOKEN_VALIDITY,
            "the token says a time before the authority's certificate was valid",
        ),
        SignatureFault.CERTIFICATE_USE: (
            SignatureFault.TOKEN_USE,
            "expected a certificate for timestamps alone (RFC 3161 Section 2.3), got one for another use",
        ),
    }
    try:
        leaf = verify_certificates(chain, roots, at=said, usages=(TIME_STAMPING,), alone=True)
    except EvidenceError as error:
        fault, message = told.get(SignatureFault(error.fault), (SignatureFault(error.fault), str(error)))
        _refuse(fault, message)
    del leaf


def _verify_signature(
    response: "TimeStampResponse", chain: Sequence[bytes], roots: Sequence[bytes], digest: bytes
) -> None:
    from rfc3161_client import VerificationError, VerifierBuilder

    leaf, *others = (load_certificate(one) for one in chain)
    builder = VerifierBuilder(
        roots=[load_certificate(root) for root in roots], intermediates=others, tsa_certificate=leaf
    )
    try:
        builder.build().verify(response, digest)
    except VerificationError:
        _refuse(SignatureFault.TOKEN_SIGNATURE, "the token is not signed by the authority that it names")


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(fault, message, remedy=_REMEDY)
