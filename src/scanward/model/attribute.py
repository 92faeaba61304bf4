"""Attributes of a Data Set and what is done with them (PS3.15 Table E.1-1a)."""

from enum import StrEnum

Tag = int
"""A Data Element Tag as one number: group in the upper, element in the lower 16 bits (PS3.5 Section 7.1)."""

Path = tuple[Tag, ...]
"""Where an Attribute stands: the tags of the enclosing sequences from the outside in, then its own."""


class Action(StrEnum):
    """The action codes of PS3.15 Table E.1-1a, after conditional ones (X/Z, X/D ...) are resolved."""

    DUMMY = "D"
    EMPTY = "Z"
    REMOVE = "X"
    KEEP = "K"
    CLEAN = "C"
    UID = "U"


class Reason(StrEnum):
    """Why an action was taken, in words a report prints."""

    TABLE = "PS3.15 Table E.1-1"
    OPTION = "option of the profile"
    RULE = "rule of the profile"
    SAFE = "known Attribute without identifying content"
    PRIVATE = "private element that is not known to be safe"
    SAFE_PRIVATE = "private element known to be safe"
    UNKNOWN = "Attribute that is not in the standard"
    STRUCTURAL = "group length, padding or other structure that carries no content"
    IDENTIFIER = "held an identifier of the patient or study"
    TEXT = "free text, cleaned"
    MALFORMED = "value does not fit its Value Representation"
    MARK = "written to tell what was done"
    NOT_NEEDED = "not needed for the purpose"
    PIXELS = "text in the pixels was filled"


def format_tag(tag: Tag) -> str:
    """Return `tag` the way the standard prints it, as ``(gggg,eeee)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def parse_tag(text: str) -> Tag:
    """Parse ``(gggg,eeee)`` or ``ggggeeee``; raise `ValueError` when it is neither."""
    digits = text.strip().strip("()").replace(",", "")
    if len(digits) != 8 or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise ValueError("expected a tag as (gggg,eeee)")
    return int(digits, 16)
