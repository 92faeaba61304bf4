"""Screens of devices: what tells one from others, where text was found on it, and what is always filled on it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum

Box = tuple[int, int, int, int]
"""Column and row of the upper left pixel of a rectangle, its width and its height."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Screen:
    """What tells one screen of a device from others.

    Attributes
    ----------
    manufacturer, model
        Manufacturer (0008,0070) and Manufacturer's Model Name (0008,1090), folded: case and spaces do not count.
    sop_class_uid
        SOP Class.
    rows, columns
        Size of the frames.
    """

    manufacturer: str
    model: str
    sop_class_uid: str
    rows: int
    columns: int

    @property
    def screen_id(self) -> str:
        """What names it: 32 hexadecimal digits."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What is always filled on a screen.

    Attributes
    ----------
    manufacturer, model, sop_classes, rows, columns
        Which screen.
    boxes
        What is filled.
    source
        How it is known.
    """

    manufacturer: str
    model: str
    sop_classes: frozenset[str]
    rows: int
    columns: int
    boxes: tuple[Box, ...]
    source: str

    def is_of(self, screen: Screen) -> bool:
        """Whether it holds for a screen."""
        return (
            screen.sop_class_uid in self.sop_classes
            and (self.rows, self.columns) == (screen.rows, screen.columns)
            and folded(self.manufacturer) == folded(screen.manufacturer)
            and folded(self.model) == folded(screen.model)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenImage:
    """Where text was found in one instance.

    Attributes
    ----------
    screen
        Which screen it is of.
    instance_id
        Blind index.
    boxes
        Where; never what stood there.
    """

    screen: Screen
    instance_id: str
    boxes: tuple[Box, ...]


class ScreenDecision(StrEnum):
    """What a person decided on a screen."""

    OPEN = "open"
    """Nothing yet, or nothing any more."""

    FILLED = "filled"
    """Some of it is always filled."""

    LEFT = "left"
    """Nothing is filled for now; nobody is asked again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedScreen:
    """What is on record of a screen.

    Attributes
    ----------
    screen
        Which.
    seen
        When an image of it was looked at last, aware UTC.
    images
        Where text was found, by image, in the latest ones.
    decision
        What a person decided.
    boxes
        What is filled.
    decided, decided_by
        When, and by whom; None and empty where nobody did.
    """

    screen: Screen
    seen: datetime
    images: Sequence[tuple[Box, ...]]
    decision: ScreenDecision
    boxes: tuple[Box, ...]
    decided: datetime | None
    decided_by: str


def folded(text: str) -> str:
    """Return the name of a maker or model as it is compared."""
    return " ".join(text.casefold().split())
