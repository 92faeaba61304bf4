"""Blind indexes and sealed values (implements :class:`scanward.ports.stores.Sealing`).

Trust: its key lies with the master key. Whoever has the ledger without it learns which values are the same, and how
long sealed ones are, but no value.

Why AES-256-GCM under a key for each value: a gateway seals many millions of values, and under one key random nonces of
96 bits are sound for 2^32 of them at most (NIST SP 800-38D Section 8.3). Here 192 random bits go with each value: half
of them go with its owner into the key, by HMAC-SHA-256, the other half are the nonce, the construction of XAES-256-GCM
(C2SP). Two values would have to share all 192, which no number of them makes likely. AES-GCM-SIV forgives a nonce used
twice, but is missing where the cryptography library is built with OpenSSL before 3.2 and costs no less.
"""

import hmac
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scanward.adapters.keys import KEY_BYTES, derive
from scanward.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLIND_BYTES = 16
"""Half of an HMAC-SHA-256: among 10^12 values the chance that two share an index is below 10^-14."""

_VERSION = b"\x01"
_SALT_BYTES = 12
_NONCE_BYTES = 12
_FRONT_BYTES = len(_VERSION) + _SALT_BYTES + _NONCE_BYTES
_TAG_BYTES = 16
_REMEDY = "Check that the master key is the one the store was made with, then restore the store from a backup."


class OwnedCipher:
    """Encrypts values, each bound to its owner so that it opens nowhere else.

    Parameters
    ----------
    key
        32 bytes that serve nothing else.
    """

    OVERHEAD_BYTES = _FRONT_BYTES + _TAG_BYTES

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
        self._key = key

    def seal(self, owner: str, value: bytes) -> bytes:
        """Return `value` encrypted and bound to `owner`: longer by `OVERHEAD_BYTES`."""
        drawn = os.urandom(_SALT_BYTES + _NONCE_BYTES)
        sealed = self._cipher(drawn[:_SALT_BYTES], owner).encrypt(drawn[_SALT_BYTES:], value, _VERSION)
        return _VERSION + drawn + sealed

    def open(self, owner: str, sealed: bytes) -> bytes:
        """Return the value; raises `StoreError` when it was altered, moved or sealed under another key."""
        from cryptography.exceptions import InvalidTag

        if len(sealed) < _FRONT_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION):
            raise StoreError("expected a sealed value of version 1, got something else", remedy=_REMEDY)
        salt = sealed[len(_VERSION) : len(_VERSION) + _SALT_BYTES]
        nonce = sealed[len(_VERSION) + _SALT_BYTES : _FRONT_BYTES]
        try:
            return self._cipher(salt, owner).decrypt(nonce, sealed[_FRONT_BYTES:], _VERSION)
        except InvalidTag:
            raise StoreError("a sealed value is altered, or of another owner or key", remedy=_REMEDY) from None

    def _cipher(self, salt: bytes, owner: str) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(hmac.digest(self._key, salt + encode(owner), "sha256"))


class MasterSealing:
    """Blind indexes and sealed texts under a key derived from the master key.

    Parameters
    ----------
    key
        ``KeyFolder.derived_key("sealing")``.
    """

    def __init__(self, key: bytes) -> None:
        self._blind = derive(key, b"scanward blind index v1")
        self._cipher = OwnedCipher(derive(key, b"scanward sealed text v1"))
        self._fingerprint = derive(key, b"scanward fingerprint v1")

    def blind(self, kind: str, value: str) -> str:
        """Return 32 hexadecimal digits, the same for the same `kind` and `value`, that lead back only with the key."""
        kind_bytes = encode(kind)
        message = len(kind_bytes).to_bytes(4, "big") + kind_bytes + encode(value)
        return hmac.digest(self._blind, message, "sha256")[:BLIND_BYTES].hex()

    def fingerprint(self, owner: str, chunks: Iterable[bytes]) -> bytes:
        """Return 16 bytes, the same for the same content of the same `owner`, that tell nothing without the key.

        GMAC (NIST SP 800-38D), some twenty times as fast as SHA-256, under a key for each owner: the ledger keeps one
        fingerprint of an owner, so that one nonce will do.
        """
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import GCM

        key = hmac.digest(self._fingerprint, encode(owner), "sha256")
        maker = Cipher(AES(key), GCM(bytes(_NONCE_BYTES))).encryptor()
        for chunk in chunks:
            maker.authenticate_additional_data(chunk)
        maker.finalize()
        return maker.tag

    def seal(self, owner: str, text: str) -> bytes:
        """Encrypt `text`, bound to `owner`, so that it opens nowhere else."""
        return self._cipher.seal(owner, encode(text))

    def open(self, owner: str, sealed: bytes) -> str:
        """Decrypt; raises `StoreError` when it was altered or moved from another owner."""
        return self._cipher.open(owner, sealed).decode("utf-8", "surrogatepass")


def encode(text: str) -> bytes:
    """Return `text` as bytes, one way for each: also where a value that could not be decoded left lone surrogates."""
    return text.encode("utf-8", "surrogatepass")
