"""PS3.3: the Type an Attribute has in the IOD of a SOP Class (PS3.5 Section 7.4).

Known for the Attributes that Table E.1-1 of PS3.15 names, for (0028,0301), (0028,0302) and (0008,0201), and for every
sequence; of all others what is not optional. Edition 2025, see ``README.md``.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from scanward.model.attribute import Path, Tag
from scanward.standard._data import read_json
from scanward.standard.uids import name_of

TYPES: Final = ("1", "1C", "2", "2C", "3")
"""From the strictest to the loosest."""

_CONTENT_SEQUENCE: Final = 0x0040A730


class _Entry(NamedTuple):
    type: str | None
    below: int | None


@lru_cache(maxsize=16384)
def attribute_type(sop_class_uid: str, path: Path) -> str | None:
    """Return the Type, one of :data:`TYPES`, of the Attribute at `path`, or None when it is not known.

    Every module and functional group of the IOD counts whatever its usage, since the question is about an Attribute
    that is present, and the strictest Type wins. Content items are alike at every depth of an SR tree (PS3.3 Section
    C.17.3), so the levels of Content Sequence at the head of `path` do not count.
    """
    return _find_type(_content(), _node, sop_class_uid, path)


@lru_cache(maxsize=16384)
def required_type(sop_class_uid: str, path: Path) -> str | None:
    """Return ``1``, ``1C``, ``2`` or ``2C``, the Type of any Attribute, or None where it is optional or not known.

    As `attribute_type`; what stands within an optional sequence is optional. Known for every Attribute of the standard.
    """
    return _find_type(_required(), _required_node, sop_class_uid, path)


def _find_type(content: Any, level: Callable[[int], dict[Tag, _Entry]], sop_class_uid: str, path: Path) -> str | None:
    iod = _content()["sop_classes"].get(sop_class_uid)
    if iod is None:
        return None
    depth = 0
    while depth < len(path) - 1 and path[depth] == _CONTENT_SEQUENCE:
        depth += 1
    node: int | None = content["roots"][iod]
    found: str | None = None
    for tag in path[depth:]:
        entry = level(node).get(tag) if node is not None else None
        if entry is None:
            return None
        found, node = entry
    return found


def is_known_sop_class(uid: str) -> bool:
    """Return whether the IOD of the SOP Class `uid` is known."""
    return uid in _content()["sop_classes"]


def sop_class_name(uid: str) -> str:
    """Return the name of the SOP Class `uid`, empty when it is not registered."""
    return name_of(uid)


@cache
def _content() -> Any:
    return read_json("iods.json")


@cache
def _node(number: int) -> dict[Tag, _Entry]:
    """Return one level of a tree; levels are parsed on first use, as an instance needs few of them."""
    return _parse_level(_content()["nodes"][number])


@cache
def _required() -> Any:
    return read_json("required.json")


@cache
def _required_node(number: int) -> dict[Tag, _Entry]:
    return _parse_level(_required()["nodes"][number])


def _parse_level(line: str) -> dict[Tag, _Entry]:
    entries = {}
    for text in line.split():
        tag, strictness, below = text.split(":")
        entries[int(tag, 16)] = _Entry(
            TYPES[int(strictness)] if strictness else None,
            int(below) if below else None,
        )
    return entries
