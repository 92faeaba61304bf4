"""The table ``[body]`` of a profile: what stays of the body in scans."""

import math
from collections.abc import Mapping
from typing import Final

from scanward.deidentify.words import word_of
from scanward.errors import ProfileError
from scanward.model.bodies import BodyBox, BodyOrigin, BodyPolicy, Range

_KEYS: Final = ("keep_mm", "origin")
_AXES: Final = 3

LEAST_MM: Final = 10.0
FARTHEST_MM: Final = 5000.0
"""A side of a box is so long at least, and no body reaches farther from where a scan began."""


def parse_body_policy(table: Mapping[str, object], where: str) -> BodyPolicy:
    """Parse the table of a profile; an empty one keeps all.

    Parameters
    ----------
    table
        ``keep_mm``: three pairs of numbers, from and to, to the left, back and head of the patient; and ``origin``.
    where
        The profile, for messages.

    Raises
    ------
    ProfileError
        A key or origin is not known, or the box is none.
    """
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ProfileError(f"{where}: unknown key {unknown[0]!r} in 'body'", remedy=f"Known keys: {', '.join(_KEYS)}.")
    if "keep_mm" not in table:
        if "origin" in table:
            raise ProfileError(f"{where}: expected 'body.keep_mm' beside 'body.origin', got none")
        return BodyPolicy()
    default = BodyPolicy()
    return BodyPolicy(
        keep=_box(table["keep_mm"], where),
        origin=word_of(BodyOrigin, table.get("origin", default.origin.value), "body.origin", where),
    )


def _box(value: object, where: str) -> BodyBox:
    if not isinstance(value, list) or len(value) != _AXES:
        raise _no_box(where)
    x, y, z = (_range(one, where) for one in value)
    return BodyBox(x=x, y=y, z=z)


def _range(value: object, where: str) -> Range:
    if not isinstance(value, list) or len(value) != len(("from", "to")):
        raise _no_box(where)
    for one in value:
        if isinstance(one, bool) or not isinstance(one, (int, float)) or not math.isfinite(one):
            raise _no_box(where)
    low, high = float(value[0]), float(value[1])
    if not -FARTHEST_MM <= low <= high - LEAST_MM <= FARTHEST_MM - LEAST_MM:
        raise _no_box(where)
    return low, high


def _no_box(where: str) -> ProfileError:
    return ProfileError(
        f"{where}: expected 'body.keep_mm' as three pairs of numbers, from and to, at least {LEAST_MM:g} mm apart",
        remedy="For instance keep_mm = [[-100, 100], [-100, 100], [-150, 150]]: to the left, back and head.",
    )
