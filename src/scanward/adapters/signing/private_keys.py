"""Private keys of the three kinds that sign here, over the cryptography library."""

from typing import TYPE_CHECKING, TypeAlias

from scanward.errors import SigningError
from scanward.model.signing import Algorithm

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey

RSA_BITS = 3072
"""As strong as P-256 (NIST SP 800-57 Part 1 Rev. 5, Table 2)."""


def make_private(algorithm: Algorithm) -> "PrivateKey":
    """Return a new key."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    if algorithm is Algorithm.ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm is Algorithm.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return make_p256()


def make_p256() -> "EllipticCurvePrivateKey":
    """Return a new key over P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def public_half(key: "PrivateKey") -> bytes:
    """Return the SubjectPublicKeyInfo (DER) of a key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def dump_private(key: "PrivateKey") -> bytes:
    """Return a key as PKCS #8 (DER), in the clear: who keeps it encrypts it."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_private(data: bytes) -> "PrivateKey":
    """Return the key in PKCS #8 (DER); raises `SigningError` where it is none of the kinds that sign here."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        key = load_der_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise SigningError("expected a private key, got something else", remedy="Make a new key: scanward keys rotate.")


def sign_with(key: "PrivateKey", message: bytes) -> bytes:
    """Return the signature: raw for Ed25519, DER for ECDSA, PKCS #1 v1.5 for RSA; the last two over SHA-256."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(SHA256()))
    return key.sign(message, padding.PKCS1v15(), SHA256())
