"""Detached CMS over any bytes (RFC 5652, with the attributes of a CAdES baseline), as `openssl cms -verify` takes it.

The private key stays behind its port, so what is signed is built here: the attributes, in DER.
"""

import hashlib
import hmac
import re
from base64 import b64decode, encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from scanward.adapters.signing import der
from scanward.adapters.signing.certificates import EMAIL_PROTECTION, record_of_certificate, verify_certificates
from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyUse
from scanward.ports.signing import Signer
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import verify_signature

_DATA = der.oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
_SIGNING_CERTIFICATE = der.oid("1.2.840.113549.1.9.16.2.47")  # RFC 5035: binds the certificate
_SHA256 = der.encode(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.2.1"))
_SHA256_WITH_NULL = der.encode(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.2.1"), der.encode(der.NULL))
_SIGNATURES = {
    Algorithm.P256: der.encode(der.SEQUENCE, der.oid("1.2.840.10045.4.3.2")),
    Algorithm.RSA: der.encode(der.SEQUENCE, der.oid("1.2.840.113549.1.1.1"), der.encode(der.NULL)),
}
_VERSION = der.integer(1)
_PEM = re.compile(rb"\s*-----BEGIN (?P<what>CMS|PKCS7)-----\s(?P<data>[A-Za-z0-9+/=\s]+)-----END (?P=what)-----\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class CmsSignature:
    """What a detached CMS says once it holds: who signed, and when, as the signer says."""

    certificates: tuple[bytes, ...]
    signed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """What matters of a CMS that has the one form that is taken here."""

    certificates: tuple[bytes, ...]
    attributes: der.Element
    digest: bytes
    signed_at: datetime
    certificate_digest: bytes
    digest_algorithm: bytes
    algorithm: bytes
    signature: bytes


def sign_cms(content: bytes, signer: Signer, at: datetime) -> bytes:
    """Return a detached CMS (DER) over `content`.

    Parameters
    ----------
    content
        Any bytes.
    signer
        A key with a certificate.
    at
        The signing time that it says.

    Raises
    ------
    EvidenceError
        The key has no certificate.
    SigningError
        The key may not sign now.
    """
    record = signer.record
    if not record.certificates or record.algorithm not in _SIGNATURES:
        _refuse(SignatureFault.CERTIFICATE_MISSING, "expected a key with a certificate, got one without")
    leaf = record.certificates[0]
    attributes = (
        _attribute(_CONTENT_TYPE, _DATA),
        _attribute(_SIGNING_TIME, der.time(at)),
        _attribute(_MESSAGE_DIGEST, der.encode(der.OCTETS, hashlib.sha256(content).digest())),
        _attribute(_SIGNING_CERTIFICATE, _signing_certificate(leaf)),
    )
    signature = signer.sign(der.set_of(*attributes))  # RFC 5652 Section 5.4: as SET OF, though it is kept as [0]
    signer_info = der.encode(
        der.SEQUENCE,
        _VERSION,
        _issuer_and_serial(leaf),
        _SHA256,
        der.set_of(*attributes, tag=der.CONTEXT_0),
        _SIGNATURES[record.algorithm],
        der.encode(der.OCTETS, signature),
    )
    signed_data = der.encode(
        der.SEQUENCE,
        _VERSION,
        der.set_of(_SHA256),
        der.encode(der.SEQUENCE, _DATA),
        der.set_of(*record.certificates, tag=der.CONTEXT_0),
        der.set_of(signer_info),
    )
    return der.encode(der.SEQUENCE, _SIGNED_DATA, der.encode(der.CONTEXT_0, signed_data))


def to_pem(cms: bytes) -> bytes:
    """Return a CMS as PEM."""
    return b"-----BEGIN CMS-----\n" + encodebytes(cms) + b"-----END CMS-----\n"


def verify_cms(
    cms: bytes,
    content: bytes,
    roots: Sequence[bytes],
    *,
    at: datetime | None = None,
    usages: Sequence[str] = (EMAIL_PROTECTION,),
) -> CmsSignature:
    """Return who signed `content` once the signature, and the way to a pinned root, hold.

    Parameters
    ----------
    cms
        DER or PEM.
    content
        What it has to be of.
    roots
        Certificates (DER) that whoever checks trusts.
    at
        When certificates have to have been valid; None for the signing time that the CMS says.
    usages
        Extended key usages that the signer's certificate has to have.

    Raises
    ------
    EvidenceError
        With the ``cms.*`` or ``certificate.*`` fault that says why not.
    """
    # 1. In the one form that is taken: one signer, signed attributes, SHA-256
    try:
        parts = _parse(_from_pem(cms))
    except (ValueError, IndexError, UnicodeDecodeError):
        _refuse(SignatureFault.CMS_FORM, "expected a detached CMS with one signer and attributes, got something else")
    algorithm = next((one for one, coded in _SIGNATURES.items() if coded == parts.algorithm), None)
    if algorithm is None or parts.digest_algorithm not in {_SHA256, _SHA256_WITH_NULL}:
        _refuse(SignatureFault.CMS_ALGORITHM, "expected ECDSA or RSA with SHA-256, got another algorithm")
    # 2. Over this content
    if not hmac.compare_digest(parts.digest, hashlib.sha256(content).digest()):
        _refuse(SignatureFault.CMS_CONTENT, "expected a signature of this content, got one of another")
    # 3. By the key of the certificate that it names
    record = record_of_certificate(parts.certificates[0], KeyUse.STATEMENTS)
    if record.algorithm is not algorithm:
        _refuse(SignatureFault.CMS_ALGORITHM, "expected the algorithm of the signer's key, got another")
    if not hmac.compare_digest(parts.certificate_digest, hashlib.sha256(parts.certificates[0]).digest()):
        _refuse(SignatureFault.CERTIFICATE_KEY, "expected the certificate that was signed with, got another")
    try:
        verify_signature(record, b"\x31" + parts.attributes.raw[1:], parts.signature)
    except EvidenceError:
        _refuse(SignatureFault.CMS_SIGNATURE, "the signature is not by the key of its certificate")
    # 4. Which leads to a pinned root
    verify_certificates(parts.certificates, roots, at=at or parts.signed_at, usages=usages)
    return CmsSignature(certificates=parts.certificates, signed_at=parts.signed_at)


def _parse(cms: bytes) -> _Parts:
    """Return the parts of a CMS; raises `ValueError` or `IndexError` where it has another form."""
    kind, wrapped = der.parse(cms).expect(der.SEQUENCE).children()
    if kind.raw != _SIGNED_DATA:
        raise ValueError("no signed data")
    (signed_data,) = wrapped.expect(der.CONTEXT_0).children()
    version, digests, content, certificates, infos = signed_data.expect(der.SEQUENCE).children()
    (info,) = infos.expect(der.SET).children()
    info_version, signer, digest_algorithm, attributes, algorithm, signature = info.expect(der.SEQUENCE).children()
    if content.raw != der.encode(der.SEQUENCE, _DATA) or version.raw != _VERSION or info_version.raw != _VERSION:
        raise ValueError("another version, or with content")
    if digests.raw not in {der.set_of(_SHA256), der.set_of(_SHA256_WITH_NULL), der.set_of(digest_algorithm.raw)}:
        raise ValueError("another list of hashes")
    found = _attributes(attributes.expect(der.CONTEXT_0))
    if found[_CONTENT_TYPE].raw != _DATA:
        raise ValueError("another content")
    chain = [one.raw for one in certificates.expect(der.CONTEXT_0).children()]
    chain.sort(key=lambda one: _issuer_and_serial(one) != signer.raw)  # the signer's first
    if _issuer_and_serial(chain[0]) != signer.raw:
        raise ValueError("without the signer's certificate")
    return _Parts(
        certificates=tuple(chain),
        attributes=attributes,
        digest=found[_MESSAGE_DIGEST].expect(der.OCTETS).content,
        signed_at=der.parse_time(found[_SIGNING_TIME]),
        certificate_digest=_certificate_digest(found[_SIGNING_CERTIFICATE]),
        digest_algorithm=digest_algorithm.raw,
        algorithm=algorithm.raw,
        signature=signature.expect(der.OCTETS).content,
    )


def _attributes(element: der.Element) -> dict[bytes, der.Element]:
    """Return the value of each signed attribute by its kind; raises `ValueError` where one has more or is missing."""
    found: dict[bytes, der.Element] = {}
    for attribute in element.children():
        kind, values = attribute.expect(der.SEQUENCE).children()
        (value,) = values.expect(der.SET).children()
        if kind.raw in found:
            raise ValueError("an attribute twice")
        found[kind.raw] = value
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME, _SIGNING_CERTIFICATE} <= found.keys():
        raise ValueError("an attribute is missing")
    return found


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.encode(der.SEQUENCE, kind, der.set_of(value))


def _signing_certificate(certificate: bytes) -> bytes:
    """Return SigningCertificateV2 (RFC 5035 Section 3), whose hash is SHA-256 where it names none."""
    identifier = der.encode(der.SEQUENCE, der.encode(der.OCTETS, hashlib.sha256(certificate).digest()))
    return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, identifier))


def _certificate_digest(element: der.Element) -> bytes:
    first = element.expect(der.SEQUENCE).children()[0].expect(der.SEQUENCE).children()[0]
    return first.expect(der.SEQUENCE).children()[0].expect(der.OCTETS).content


def _issuer_and_serial(certificate: bytes) -> bytes:
    """Return the name of a certificate in CMS, cut out of it as it stands (RFC 5280 Section 4.1)."""
    body = der.parse(certificate).children()[0].children()
    serial, _, issuer = body[1:4] if body[0].tag == der.CONTEXT_0 else body[:3]
    return der.encode(der.SEQUENCE, issuer.raw, serial.expect(der.INTEGER).raw)


def _from_pem(cms: bytes) -> bytes:
    found = _PEM.fullmatch(cms)
    return b64decode(found["data"]) if found else cms


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(fault, message, remedy="Do not rely on the signature; ask the signer for one of this content.")
