"""UIDs that the standard has registered (PS3.6 Annex A), and how its Transfer Syntaxes encode (PS3.5 Annex A).

The edition is 2024c, with the Transfer Syntaxes and SOP Classes that were added up to 2025a.
"""

import re
from functools import cache
from typing import Final, NamedTuple

from scanward.standard._data import read_json

EDITION: Final = "2024c"

_ROOT: Final = "1.2.840.10008."

# Context Groups (PS3.16) are numbered in one row below this arc; the registry had reached 1500 in 2025. The room
# above is for later editions. Four digits carry no identity worth speaking of.
_CONTEXT_GROUPS: Final = _ROOT + "6.1."
_MAX_CONTEXT_GROUP: Final = 1999

_WELL_FORMED: Final = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_MAX_LENGTH: Final = 64


class TransferSyntax(NamedTuple):
    """How a Data Set is encoded.

    Attributes
    ----------
    uid, name
        As registered.
    implicit
        Whether Value Representations are left out (PS3.5 Section 7.1.3).
    little_endian
        Byte order.
    deflated
        Whether the whole Data Set is deflated (RFC 1951).
    encapsulated
        Whether Pixel Data is a sequence of fragments (PS3.5 Section A.4).
    """

    uid: str
    name: str
    implicit: bool = False
    little_endian: bool = True
    deflated: bool = False
    encapsulated: bool = False


def is_well_formed_uid(value: str) -> bool:
    """Whether `value` is a UID as PS3.5 Section 9.1 wants it."""
    return len(value) <= _MAX_LENGTH and _WELL_FORMED.fullmatch(value) is not None


def is_registered(uid: str) -> bool:
    """Return whether `uid` is one of the standard's own, which identifies nobody.

    UIDs of the same root that are not in the registry are not: the root alone says nothing of who made them.
    """
    if uid.startswith(_CONTEXT_GROUPS):
        number = uid[len(_CONTEXT_GROUPS) :]
        return number.isascii() and number.isdecimal() and number[0] != "0" and int(number[:5]) <= _MAX_CONTEXT_GROUP
    return uid.startswith(_ROOT) and uid[len(_ROOT) :] in _names()


def name_of(uid: str) -> str:
    """Return the registered name of `uid`, empty when it has none."""
    return _names().get(uid[len(_ROOT) :], "") if uid.startswith(_ROOT) else ""


def find_sop_classes(keyword_or_uid: str) -> frozenset[str]:
    """Return the Storage SOP Classes that a keyword such as ``CTImageStorage`` or a UID stands for; none where unknown.

    A keyword stands for retired SOP Classes of the same name too. A UID of another root than the standard's is a
    private SOP Class and stands for itself.
    """
    if not keyword_or_uid[:1].isdigit():
        return _storage_classes().get(_squeezed(keyword_or_uid), frozenset())
    if keyword_or_uid.startswith(_ROOT):
        return frozenset({keyword_or_uid}) if _is_storage(name_of(keyword_or_uid)) else frozenset()
    return frozenset({keyword_or_uid}) if is_well_formed_uid(keyword_or_uid) else frozenset()


def find_transfer_syntax(uid: str) -> TransferSyntax | None:
    """Return the encoding that `uid` stands for, or None when it is not one of the standard's binary encodings.

    The MIME and XML encodings (retired) are no encodings of a stored Data Set, and private ones cannot be vouched for:
    both are unknown here.
    """
    return _transfer_syntaxes().get(uid)


_KEYWORDS: Final = {
    "TwelveLeadECGWaveformStorage": "12LeadECGWaveformStorage",
    "DICOSQuadrupoleResonanceStorage": "DICOSQuadrupoleResonanceQRStorage",
}
"""Keywords of PS3.6 that are not the name without its blanks and marks."""


def _is_storage(name: str) -> bool:
    return name.endswith("Storage") or " Storage - " in name


def _squeezed(name: str) -> str:
    name = _KEYWORDS.get(name, name)
    return "".join(character for character in name if character.isalnum()).casefold()


@cache
def _storage_classes() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for suffix, name in _names().items():
        if _is_storage(name):
            key = _squeezed(name)
            found[key] = found.get(key, frozenset()) | {_ROOT + suffix}
    return found


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = read_json("uids.json")["names"]
    return names


_NATIVE: Final = {
    "1.2": {"implicit": True},
    "1.2.1": {},
    "1.2.1.99": {"deflated": True},
    "1.2.2": {"little_endian": False},
    "1.20": {"implicit": True},
    # JPIP: pixels are fetched from elsewhere, the Data Set holds a URL in their place.
    "1.2.4.94": {},
    "1.2.4.95": {"deflated": True},
    "1.2.4.204": {},
    "1.2.4.205": {"deflated": True},
    # SMPTE ST 2110: pixels travel in another stream.
    "1.2.7.1": {},
    "1.2.7.2": {},
    "1.2.7.3": {},
}

_ENCAPSULATED: Final = ("1.2.1.98", "1.2.5", "1.2.8.1")
"""Besides everything below 1.2.4 that is not JPIP."""


@cache
def _transfer_syntaxes() -> dict[str, TransferSyntax]:
    found = {}
    for suffix, name in _names().items():
        uid = _ROOT + suffix
        if suffix in _NATIVE:
            found[uid] = TransferSyntax(uid, name, **_NATIVE[suffix])
        elif suffix in _ENCAPSULATED or suffix.startswith("1.2.4."):
            found[uid] = TransferSyntax(uid, name, encapsulated=True)
    return found
