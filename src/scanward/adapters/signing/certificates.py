"""X.509 certificates for keys that sign: made by an authority of the gateway's own, and checked against a pinned one.

The profile is what `openssl cms`, DCMTK's `dcmsign` and C2PA (C2PA 2.2 Section 14.5.1) all accept: version 3, digital
signature in a critical key usage, an extended key usage, an organisation in the subject, key identifiers.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, TypeVar

from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import key_id_of

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

    Kind = TypeVar("Kind", x509.BasicConstraints, x509.ExtendedKeyUsage, x509.KeyUsage)

BACKDATED = timedelta(hours=1)
"""A certificate is valid from so long before it was made: one of the same second is *not yet valid* to some."""

DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
"""RFC 9336."""

EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
"""What `openssl cms -verify` asks for by default."""

TIME_STAMPING = "1.3.6.1.5.5.7.3.8"

_USAGES = {
    KeyUse.STATEMENTS: (EMAIL_PROTECTION, DOCUMENT_SIGNING),
    KeyUse.DICOM: (DOCUMENT_SIGNING,),
}
_MAX_CHAIN = 8


def make_authority(
    key: "EllipticCurvePrivateKey", *, organisation: str, not_before: datetime, not_after: datetime
) -> bytes:
    """Return the certificate of an authority by which verifiers pin all keys of a gateway: self-signed, DER."""
    from cryptography import x509

    name = _name(organisation, f"{organisation} signing authority")
    builder = (
        _builder(name, name, key.public_key(), not_before=not_before, not_after=not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
    )
    return _signed(builder, key)


def make_certificate(
    public_key: bytes,
    use: KeyUse,
    *,
    issuer: bytes,
    issuer_key: "EllipticCurvePrivateKey",
    not_before: datetime,
    not_after: datetime,
) -> bytes:
    """Return the certificate (DER) of a key of use STATEMENTS or DICOM.

    Parameters
    ----------
    public_key
        SubjectPublicKeyInfo, DER.
    use
        What the key signs.
    issuer, issuer_key
        The authority: its certificate (DER) and key.
    not_before, not_after
        When it is valid.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    authority = x509.load_der_x509_certificate(issuer)
    key = load_der_public_key(public_key)
    organisation = _organisation(authority.subject)
    subject = _name(organisation, f"{organisation} {use} {hashlib.sha256(public_key).hexdigest()[:8]}")
    builder = (
        _builder(subject, authority.subject, key, not_before=not_before, not_after=not_after)  # type: ignore[arg-type]
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(usage) for usage in _USAGES[use]]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    return _signed(builder, issuer_key)


def pem_of(*certificates: bytes) -> bytes:
    """Return certificates (DER) as PEM, one after the other."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(load_certificate(certificate).public_bytes(Encoding.PEM) for certificate in certificates)


def parse_pem(text: bytes) -> tuple[bytes, ...]:
    """Return the certificates of a PEM text as DER; raises `EvidenceError` where there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return tuple(found.public_bytes(Encoding.DER) for found in x509.load_pem_x509_certificates(text))
    except ValueError:
        _refuse(SignatureFault.CERTIFICATE_FORM, "expected certificates in PEM, got something else")


def record_of_certificate(certificate: bytes, use: KeyUse) -> KeyRecord:
    """Return the key of a certificate (DER), trusted or not, as a record by which its signatures can be checked.

    Raises
    ------
    EvidenceError
        It is no certificate, or of a key that is neither P-256 nor RSA.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    loaded = load_certificate(certificate)
    try:
        key = loaded.public_key()
        public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        _refuse(SignatureFault.CERTIFICATE_FORM, "expected a certificate of a key, got another")
    if isinstance(key, rsa.RSAPublicKey):
        algorithm = Algorithm.RSA
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        algorithm = Algorithm.P256
    else:
        _refuse(SignatureFault.KEY_ALGORITHM, "expected a certificate of a P-256 or RSA key, got one of another")
    return KeyRecord(
        key_id=key_id_of(public),
        use=use,
        algorithm=algorithm,
        public_key=public,
        certificates=(certificate,),
        not_before=loaded.not_valid_before_utc,
        not_after=loaded.not_valid_after_utc,
    )


def verify_record(record: KeyRecord, roots: Sequence[bytes], *, at: datetime) -> None:
    """Raise unless the certificates of a key are for it, its use and `at`, and lead to a pinned root.

    Raises
    ------
    EvidenceError
        With the ``certificate.*`` fault that says why not.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    leaf = verify_certificates(record.certificates, roots, at=at, usages=_USAGES.get(record.use, ()))
    if leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != record.public_key:
        _refuse(SignatureFault.CERTIFICATE_KEY, "expected a certificate of this key, got one of another")


def verify_certificates(
    certificates: Sequence[bytes],
    roots: Sequence[bytes],
    *,
    at: datetime,
    usages: Sequence[str],
    alone: bool = False,
) -> "x509.Certificate":
    """Return the first of `certificates` once it may sign for `usages` at `at`, and leads to one of `roots`.

    Parameters
    ----------
    certificates
        DER, that of the key first; the others may help on the way, in any order.
    roots
        DER, pinned by whoever checks.
    at
        When the signature was made.
    usages
        Extended key usages (RFC 5280 Section 4.2.1.12), all of which it has to have.
    alone
        Whether it may have no other, and has to say so in a critical extension (RFC 3161 Section 2.3).

    Raises
    ------
    EvidenceError
        With the ``certificate.*`` fault that says why not.
    """
    # 1. There is one
    if not certificates:
        _refuse(SignatureFault.CERTIFICATE_MISSING, "expected a certificate of the key, got none")
    loaded = [load_certificate(certificate) for certificate in certificates[:_MAX_CHAIN]]
    leaf = loaded[0]
    # 2. It leads to a pinned root
    path = _find_path(leaf, loaded[1:], [load_certificate(root) for root in roots])
    # 3. All on the way were valid then
    for certificate in path:
        if at < certificate.not_valid_before_utc:
            _refuse(
                SignatureFault.CERTIFICATE_NOT_YET_VALID, "the certificate was not valid yet at the time of signing"
            )
        if at > certificate.not_valid_after_utc:
            _refuse(SignatureFault.CERTIFICATE_EXPIRED, "the certificate had expired at the time of signing")
    # 4. It is for signing, and for this
    _check_usage(leaf, usages, alone=alone)
    # 5. Nothing is asked of whoever checks that is not done here
    known = {"2.5.29.15", "2.5.29.19", "2.5.29.37"}  # key usage, basic constraints, extended key usage
    if any(found.critical and found.oid.dotted_string not in known for one in path for found in one.extensions):
        _refuse(SignatureFault.CERTIFICATE_USE, "expected certificates without critical extensions of other kinds")
    return leaf


def _find_path(
    leaf: "x509.Certificate", between: "Sequence[x509.Certificate]", roots: "Sequence[x509.Certificate]"
) -> "list[x509.Certificate]":
    """Return `leaf` and those that signed one another, up to a root."""
    path = [leaf]
    while path[-1] not in roots:
        issuer = next((one for one in (*roots, *between) if one not in path and _issued(one, path)), None)
        if issuer is None:
            _refuse(SignatureFault.CERTIFICATE_AUTHORITY, "expected a certificate by a pinned authority, got another's")
        path.append(issuer)
    return path


def _issued(issuer: "x509.Certificate", path: "Sequence[x509.Certificate]") -> bool:
    """Tell whether `issuer` is an authority, also over so many, and signed the last of `path`."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    usage = _extension(issuer, x509.KeyUsage)
    constraints = _extension(issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    if constraints.path_length is not None and len(path) - 1 > constraints.path_length:
        return False
    try:
        path[-1].verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _check_usage(leaf: "x509.Certificate", usages: Sequence[str], *, alone: bool) -> None:
    from cryptography import x509

    usage = _extension(leaf, x509.KeyUsage)
    constraints = _extension(leaf, x509.BasicConstraints)
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    found = {one.dotted_string for one in extended or ()}
    is_authority = constraints is not None and constraints.ca
    signs = usage is None or usage.digital_signature or usage.content_commitment
    if is_authority or not signs or not set(usages) <= found:
        _refuse(SignatureFault.CERTIFICATE_USE, "expected a certificate for this use, got one for another")
    if alone:
        critical = any(one.critical and isinstance(one.value, x509.ExtendedKeyUsage) for one in leaf.extensions)
        if not critical or found != set(usages):
            _refuse(SignatureFault.CERTIFICATE_USE, "expected a certificate for this use alone, got one for others too")


def _extension(certificate: "x509.Certificate", kind: "type[Kind]") -> "Kind | None":
    """Return what an extension says, or None where there is none of this kind."""
    return next((found.value for found in certificate.extensions if isinstance(found.value, kind)), None)


def load_certificate(certificate: bytes) -> "x509.Certificate":
    """Return a certificate (DER) whose parts can all be read; raises `EvidenceError` where it is none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        loaded = x509.load_der_x509_certificate(certificate)
        _ = loaded.extensions, loaded.subject, loaded.issuer, loaded.not_valid_after_utc  # parsed late, and some break
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, UnsupportedAlgorithm):
        _refuse(SignatureFault.CERTIFICATE_FORM, "expected an X.509 certificate, got something else")
    except x509.UnsupportedGeneralNameType:
        _refuse(SignatureFault.CERTIFICATE_FORM, "expected an X.509 certificate with names of known types")
    return loaded


def _builder(
    subject: "x509.Name",
    issuer: "x509.Name",
    key: "CertificateIssuerPublicKeyTypes",
    *,
    not_before: datetime,
    not_after: datetime,
) -> "x509.CertificateBuilder":
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(builder: "x509.CertificateBuilder", key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def _key_usage(*, authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(organisation: str, common_name: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
        ]
    )


def _organisation(name: "x509.Name") -> str:
    from cryptography.x509.oid import NameOID

    return str(name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(fault, message, remedy="Do not rely on the signature; check which authority you trust.")
