"""Screens of devices: what tells one from others, and what is always filled on it."""

from dataclasses import dataclass

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


def folded(text: str) -> str:
    """Return the name of a maker or model as it is compared."""
    return " ".join(text.casefold().split())
