"""Private elements known to be safe (PS3.15 Section E.3.10, Retain Safe Private Option), from TCIA's knowledge base.

Dated 2024-02-01. The knowledge base was made by looking at the values of each element in the archive of TCIA. Where it
keeps what tells of a person, an institution or a time, the table here does not follow it, see ``README.md``.
"""

from enum import StrEnum
from functools import cache
from typing import Any, Final

from scanward.model.attribute import Tag
from scanward.standard._data import read_json

EDITION: Final = "2024-02-01"

PrivateStep = tuple[int, str, int]
"""Group, private creator, and the lower byte of the element number, which does not depend on the block reserved."""

PrivatePath = tuple[PrivateStep | Tag, ...]
"""Like :data:`scanward.model.attribute.Path`, each private element named by its creator."""


class Disposition(StrEnum):
    """What the knowledge base says of an element."""

    KEEP = "k"
    """Carries nothing that identifies; text is still to be cleaned and searched for known identifiers."""
    DELETE = "d"
    """Identifies, may identify or nobody knows."""
    HASH_UID = "h"
    """Is a UID, to be replaced consistently."""
    OFFSET_DATE = "o"
    """Is a date or a date and time as text, to be moved by the patient's offset."""
    OFFSET_SECONDS = "i"
    """Is a moment in seconds since 1970, to be moved by the patient's offset."""


def find_disposition(path: PrivatePath, vr: str) -> Disposition | None:
    """Return what is known of the element at `path` with the Value Representation `vr`, or None.

    A VR of UN or SQ, which is what implicit VR leaves of the true one, gets an answer where all VRs that the element
    was seen with have the same. Creators are compared without the spaces around them. A standard Attribute inside a
    private sequence may have an answer too; Table E.1-1 holds for it all the same.
    """
    key = "\n".join(
        f"{step:08x}" if isinstance(step, int) else f"{step[0]:04x},{step[1].strip(' ')},{step[2]:02x}" for step in path
    )
    letters = _paths().get(key)
    if letters is None:
        return None
    for at in range(0, len(letters), 3):
        if letters[at : at + 2] == vr:
            return Disposition(letters[at + 2])
    if vr in ("UN", "SQ") and len(set(letters[2::3])) == 1:
        return Disposition(letters[2])
    return None


@cache
def _content() -> Any:
    return read_json("private.json")


@cache
def _paths() -> dict[str, str]:
    paths: dict[str, str] = _content()["paths"]
    return paths


def is_known_creator(group: int, creator: str) -> bool:
    """Return whether some element of `creator` in `group` is kept, so that the creator's name is one of the table."""
    return (group, creator.strip(" ")) in _kept_creators()


@cache
def _kept_creators() -> frozenset[tuple[int, str]]:
    kept = set()
    for path, letters in _paths().items():
        if set(letters[2::3]) != {Disposition.DELETE}:
            for step in path.split("\n"):
                group, _, rest = step.partition(",")
                if rest:
                    kept.add((int(group, 16), rest.rpartition(",")[0]))
    return frozenset(kept)
