"""PS3.15 Table E.1-1: what the Basic profile and its options do with each Attribute.

The basic actions are those of edition 2026c; the options' columns those of 2025a. ``README.md`` lists the rows whose
options had to be derived because only 2026c has them.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from scanward.model.attribute import Tag
from scanward.standard._data import read_json

EDITION: Final = "2026c"
OPTIONS_EDITION: Final = "2025a"

BASIC_ACTIONS: Final = frozenset({"D", "Z", "X", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"})
"""Every code of the column *Basic Prof.* that a row of this edition has; a slash means: by the Type in the IOD."""


class ConfidentialityRow(NamedTuple):
    """A row of Table E.1-1.

    Attributes
    ----------
    name
        Attribute Name.
    basic
        Action of the Basic profile, one of :data:`BASIC_ACTIONS`.
    options
        Column of an option -> ``K`` or ``C``; a column is named as in :attr:`scanward.model.profile.Option.column`.
        Columns that are empty for this row are left out.
    """

    name: str
    basic: str
    options: Mapping[str, str]


def find_row(tag: Tag) -> ConfidentialityRow | None:
    """Return the row for the Attribute `tag`, or None when the table does not name it.

    Repeating groups (curves, overlays) are recognised. Every tag of an odd group is a private element, its creator and
    group length included, and has the row *Private Attributes*.
    """
    plain, curve, overlay, private = _table()
    row = plain.get(tag)
    if row is not None:
        return row
    group = tag >> 16
    if group & 1:
        return private
    family = group & 0xFF00
    if family == 0x6000:
        return overlay.get(tag & 0xFFFF)
    return curve if family == 0x5000 else None


def all_rows() -> Mapping[str, ConfidentialityRow]:
    """Return all rows by their pattern: eight hexadecimal digits or ``x``, or ``private``."""
    return _rows()


@cache
def derived_rows() -> frozenset[str]:
    """Return the patterns of the rows that only the newer edition has, so that their options were derived."""
    return frozenset(_content()["derived"])


@cache
def _content() -> Any:
    return read_json("confidentiality.json")


@cache
def _rows() -> dict[str, ConfidentialityRow]:
    content = _content()
    columns = content["columns"]
    # Few combinations of options occur: rows share one mapping each.
    options: dict[str, Mapping[str, str]] = {}
    rows = {}
    for pattern, name, basic, code in content["rows"]:
        if code not in options:
            options[code] = {columns[int(code[at])]: code[at + 1] for at in range(0, len(code), 2)}
        rows[pattern] = ConfidentialityRow(name, basic, options[code])
    return rows


@cache
def _table() -> tuple[
    dict[Tag, ConfidentialityRow], ConfidentialityRow, dict[int, ConfidentialityRow], ConfidentialityRow
]:
    rows = _rows()
    plain = {int(pattern, 16): row for pattern, row in rows.items() if "x" not in pattern and pattern != "private"}
    overlay = {int(pattern[4:], 16): row for pattern, row in rows.items() if pattern.startswith("60xx")}
    return plain, rows["50xxxxxx"], overlay, rows["private"]
