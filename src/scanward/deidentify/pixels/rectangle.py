"""Upright rectangles of pixels."""

from collections.abc import Iterable
from typing import NamedTuple


class Rectangle(NamedTuple):
    """A rectangle of whole pixels.

    Attributes
    ----------
    x, y
        Column and row of its upper left pixel.
    width, height
        How many columns and rows it has.
    """

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """How many pixels it has; none where a side is negative."""
        return max(self.width, 0) * max(self.height, 0)

    def common(self, other: "Rectangle") -> "Rectangle":
        """Return what both have in common; its area is 0 where that is nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rectangle(x, y, min(self.right, other.right) - x, min(self.bottom, other.bottom) - y)

    def meets(self, other: "Rectangle") -> bool:
        """Whether they have a pixel in common."""
        return self.common(other).area > 0

    def holds(self, other: "Rectangle") -> bool:
        """Whether all of another one is in this one."""
        return self.common(other) == other

    def grown(self, columns: int, rows: int) -> "Rectangle":
        """Return it with a margin of so many columns at each side, and so many rows above and below."""
        return Rectangle(self.x - columns, self.y - rows, self.width + 2 * columns, self.height + 2 * rows)


def hull(rectangles: Iterable[Rectangle]) -> Rectangle:
    """Return the smallest rectangle that holds all of at least one."""
    boxes = list(rectangles)
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    return Rectangle(x, y, max(box.right for box in boxes) - x, max(box.bottom for box in boxes) - y)
