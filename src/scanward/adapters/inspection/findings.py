"""What an inspection finds, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What a finding tells, in the order that people read it."""

    WHO = "who"
    CONTACT = "contact"
    WHEN = "when"
    WHERE = "where"
    TEXT = "text"
    PRIVATE = "private"
    UID = "uid"
    HIDDEN = "hidden"
    PIXELS = "pixels"

    @property
    def heading(self) -> str:
        """The heading of the category."""
        return _HEADINGS[self]


_HEADINGS = {
    Category.WHO: "Who: names, numbers and traits of people",
    Category.CONTACT: "Contact: addresses, phone numbers",
    Category.WHEN: "When: dates and times",
    Category.WHERE: "Where: institution, department, device",
    Category.TEXT: "Free text",
    Category.PRIVATE: "Private elements of vendors",
    Category.UID: "Unique identifiers",
    Category.HIDDEN: "Places that viewers do not show",
    Category.PIXELS: "The picture itself",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that the file gives away.

    Attributes
    ----------
    category
        What it tells.
    attribute
        Keyword of the Attribute, those of enclosing sequences before it, joined by dots; or the place in words.
    tag
        The same as tags; empty where the place is no Attribute.
    value
        What stands there, cut to `MAX_VALUE_CHARACTERS`; empty where there is nothing to show.
    note
        What it means, in words without a value.
    count
        How often the Attribute is there with a value, the first of which is `value`.
    """

    category: Category
    attribute: str
    tag: str = ""
    value: str = ""
    note: str = ""
    count: int = 1

    def __repr__(self) -> str:
        """Name the place only, so that no traceback or log shows the value."""
        return f"Finding({self.category.name}, {self.attribute})"


MAX_VALUE_CHARACTERS = 200
"""Longer values are cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """Everything that one file gives away.

    Attributes
    ----------
    sop_class, modality, transfer_syntax
        What kind of file it is; names of the standard.
    size_bytes, elements
        Length of the file, number of elements read.
    findings
        By category, then in the order of the file.
    consequences
        What follows from them, in plain words without a value.
    """

    sop_class: str
    modality: str
    transfer_syntax: str
    size_bytes: int
    elements: int
    findings: Sequence[Finding]
    consequences: Sequence[str]
