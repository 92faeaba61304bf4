"""Texts that are long and repeat themselves, sealed in little room."""

import base64
import zlib

from scanward.ports.stores import Sealing


def pack(sealing: Sealing, owner: str, text: str) -> bytes:
    """Return an ASCII text compressed and sealed for `owner`: a list of paths or UIDs keeps a tenth of its length."""
    packed = base64.b64encode(zlib.compress(text.encode("ascii"), level=1))
    return sealing.seal(owner, packed.decode("ascii"))


def unpack(sealing: Sealing, owner: str, sealed: bytes) -> str:
    """Return the text; raises `StoreError` when it was altered or moved from another owner."""
    return zlib.decompress(base64.b64decode(sealing.open(owner, sealed))).decode("ascii")
