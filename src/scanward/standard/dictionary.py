"""PS3.6: the registry of Attributes.

The edition is 2024c. Attributes that are newer and that Table E.1-1 names are added, see ``README.md``.
"""

from functools import cache
from typing import Any, Final, NamedTuple

from scanward.model.attribute import Tag
from scanward.standard._data import read_json

EDITION: Final = "2024c"

# Where the registry leaves a choice, an implicit VR data set takes this one. PS3.5 Section A.1 asks for OW where that
# is among them. Between US and SS only Pixel Representation (0028,0103) could tell; both have the same length.
_CHOICES: Final = {
    "US or SS": "US",
    "OB or OW": "OW",
    "US or OW": "OW",
    "US or SS or OW": "OW",
    "NONE": "UN",
}

_REPEATING_MASKS: Final = (0xFF00FFFF, 0xFFFFFF00, 0xFFFFFF0F, 0xFFFF000F, 0xFFFF0000)


class AttributeEntry(NamedTuple):
    """A row of PS3.6 Chapters 6 to 9.

    Attributes
    ----------
    tag
        The tag asked for; for a repeating group not the pattern.
    keyword, name
        As printed.
    vr
        The Value Representations allowed; none for items and delimiters.
    vm
        Value Multiplicity as printed, such as ``1-n``; empty where it is not known.
    retired
        Whether the standard has given it up.
    """

    tag: Tag
    keyword: str
    name: str
    vr: tuple[str, ...]
    vm: str
    retired: bool


def find_attribute(tag: Tag) -> AttributeEntry | None:
    """Return the entry of a standard Attribute, or None: private elements and group lengths have none."""
    columns = _columns()
    index = _index().get(tag)
    if index is None:
        index = _find_repeating(tag)
        if index is None:
            return None
        columns = columns["repeating"]
    return _entry(tag, index, columns)


def vr_of(tag: Tag) -> str:
    """Return the Value Representation that `tag` has in implicit VR.

    One is chosen where the registry allows several: US of *US or SS*, OW wherever it is allowed. Group lengths are UL,
    private creators LO; private elements and Attributes that are not in the registry are UN.
    """
    vr = _vrs().get(tag)
    if vr is not None:
        return vr
    element = tag & 0xFFFF
    if element == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x0010 <= element <= 0x00FF else "UN"
    index = _find_repeating(tag)
    if index is None:
        return "UN"
    allowed: str = _columns()["repeating"]["vrs"][index]
    return _CHOICES.get(allowed, allowed)


def keyword_of(tag: Tag) -> str:
    """Return the keyword of `tag`, empty when it is private or not in the registry."""
    entry = find_attribute(tag)
    return entry.keyword if entry is not None else ""


def tag_of(keyword: str) -> Tag | None:
    """Return the tag of `keyword`, or None; Attributes of repeating groups are not found, as they have many."""
    return _tags_by_keyword().get(keyword)


def is_retired(tag: Tag) -> bool:
    """Return whether `tag` is a standard Attribute that the standard has given up."""
    entry = find_attribute(tag)
    return entry is not None and entry.retired


def _entry(tag: Tag, index: int, columns: Any) -> AttributeEntry:
    vr = columns["vrs"][index]
    return AttributeEntry(
        tag=tag,
        keyword=columns["keywords"][index],
        name=columns["names"][index],
        vr=() if vr == "NONE" else tuple(vr.split(" or ")),
        vm=columns["vms"][index],
        retired=index in _retired(columns is not _columns()),
    )


@cache
def _columns() -> Any:
    return read_json("dictionary.json")


@cache
def _index() -> dict[Tag, int]:
    return {tag: index for index, tag in enumerate(_columns()["tags"])}


@cache
def _vrs() -> dict[Tag, str]:
    columns = _columns()
    vrs = dict(zip(columns["tags"], columns["vrs"], strict=True))
    vrs.update((tag, _CHOICES[vr]) for tag, vr in vrs.items() if len(vr) != 2)
    return vrs


@cache
def _tags_by_keyword() -> dict[str, Tag]:
    columns = _columns()
    tags = dict(zip(columns["keywords"], columns["tags"], strict=True))
    tags.pop("", None)
    return tags


@cache
def _retired(repeating: bool) -> frozenset[int]:  # noqa: FBT001 - a key of the cache, called in one place
    columns = _columns()
    return frozenset((columns["repeating"] if repeating else columns)["retired"])


@cache
def _repeating() -> dict[tuple[int, Tag], int]:
    """Return (mask, masked tag) -> index among the repeating entries."""
    found = {}
    for index, pattern in enumerate(_columns()["repeating"]["patterns"]):
        mask = int("".join("0" if digit == "x" else "f" for digit in pattern), 16)
        found[mask, int(pattern.replace("x", "0"), 16)] = index
    return found


def _find_repeating(tag: Tag) -> int | None:
    if tag >> 16 & 1:
        return None
    table = _repeating()
    for mask in _REPEATING_MASKS:
        index = table.get((mask, tag & mask))
        if index is not None:
            return index
    return None
