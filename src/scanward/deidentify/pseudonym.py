"""Pseudonyms: keyed per recipient, so that two recipients cannot join what they hold.

Each is ``HMAC-SHA-256(recipient key, kind | value)``: the same input and key give the same pseudonym, different inputs
different ones, and without the key nothing leads back.
"""

import base64
import hmac
import re

from scanward.dicomstream.file_meta import IMPLEMENTATION_CLASS_UID

MAX_OFFSET_DAYS = 3650
"""Dates move into the past by one day at least and ten years at most, for a patient and recipient always the same."""

_PATIENT_BYTES = 10
_UID_BYTES = 16

UID_PATTERN = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,38})){5,}")
"""A UID of at least six components, which version numbers do not have (PS3.5 Section 9.1)."""

UID_PATTERN_BYTES = re.compile(UID_PATTERN.pattern.encode("ascii"))


class Pseudonyms:
    """The pseudonyms of one recipient.

    Parameters
    ----------
    key
        The recipient's key, 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._uids: dict[str, str] = {}
        self._made: set[bytes] = {IMPLEMENTATION_CLASS_UID.encode("ascii")}

    def _digest(self, kind: bytes, value: str) -> bytes:
        return hmac.digest(self._key, kind + b"|" + value.encode("utf-8", "surrogateescape"), "sha256")

    def uid(self, value: str) -> str:
        """Return the UID in place of `value`: ``2.25.`` and 128 bits (PS3.5 Annex B.2)."""
        made = self._uids.get(value)
        if made is None:
            number = int.from_bytes(self._digest(b"uid", value)[:_UID_BYTES], "big")
            made = self._uids[value] = f"2.25.{number}"
            self._made.add(made.encode("ascii"))
        return made

    def forget(self) -> None:
        """Forget the UIDs made so far; the same ones are made again when they are asked for."""
        self._uids.clear()
        self._made = {IMPLEMENTATION_CLASS_UID.encode("ascii")}

    def made(self) -> dict[str, str]:
        """Return what the UIDs made since `forget` stand for, by new UID: the way back for results."""
        return {new: old for old, new in self._uids.items()}

    def is_made(self, uid: bytes) -> bool:
        """Whether `uid` is one that was given in place of another."""
        return uid in self._made

    def patient(self, patient: str) -> str:
        """Return the pseudonym of a patient, 19 characters that are valid as LO, PN and in a path."""
        digest = self._digest(b"patient", patient)[:_PATIENT_BYTES]
        return "SW-" + base64.b32encode(digest).decode("ascii")

    def document(self, digest: str) -> str:
        """Return the name of a document, by a digest of what it was made from: valid in a path, and tells nothing."""
        return "DOC-" + base64.b32encode(self._digest(b"document", digest)[:_PATIENT_BYTES]).decode("ascii")

    def offset_days(self, patient: str) -> int:
        """Return by how many days a patient's dates move: negative, one offset for each patient and recipient."""
        number = int.from_bytes(self._digest(b"dates", patient)[:8], "big")
        return -(1 + number % MAX_OFFSET_DAYS)

    def number(self, purpose: str, value: str) -> int:
        """Return a number of 256 bits, which surrogates are chosen by; `purpose` is a word of small letters."""
        return int.from_bytes(self._digest(b"text " + purpose.encode("ascii"), value), "big")
