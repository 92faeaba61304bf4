"""Where known devices write identity onto the screen: rectangles that are filled in all of their images.

A layout holds for one screen: manufacturer, model, size and SOP Class, all of them alike. It is filled besides what
detection finds, never in its place. The table that comes with Scanward has only what was seen in real images; a site
adds its own, which people decide on at the hold desk: `propose` says what stayed in place in some images of a device,
and a person looks at it.
"""

import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Final, TypeGuard

from scanward.deidentify.pixels.header import Elements
from scanward.deidentify.pixels.rectangle import Rectangle, hull
from scanward.deidentify.text.known import KnownIdentifiers, SearchContext
from scanward.errors import ConfigError
from scanward.model.screens import Box, Layout, Screen, folded

MANUFACTURER: Final = 0x00080070
MODEL_NAME: Final = 0x00081090
SOP_CLASS_UID: Final = 0x00080016

FEWEST_INSTANCES: Final = 5
"""From fewer images of a device nothing is proposed."""

MAX_INSTANCES: Final = 100
"""Of more images, so many are looked at, evenly: each box is compared with those of all others."""

MAX_BOXES: Final = 200
"""Of an image with more boxes, so many are compared."""

STABLE_SHARE: Final = 0.8
"""Of the images, those that have text at a place which is proposed."""

ONE_LINE_SHARE: Final = 0.6
"""Of the height of the larger, what two boxes of one line share."""

MAX_SHARE: Final = 0.4
"""Of the image, what is proposed or allowed at most: more is no header but the image."""

MAX_SIDE: Final = 65_535
"""Rows and Columns are 16 bits (PS3.3 C.7.6.3.1)."""

MAX_NAME_LENGTH: Final = 64
"""Of VR LO, in characters (PS3.5 Section 6.2)."""

_KEYS: Final = frozenset({"manufacturer", "model", "sop_classes", "rows", "columns", "boxes", "source"})


def read_screen(header: Elements, rows: int, columns: int) -> Screen | None:
    """Return what tells the screen of an instance, or None where manufacturer or model is missing."""
    manufacturer, model = header.text(MANUFACTURER), header.text(MODEL_NAME)
    if not manufacturer or not model:
        return None
    return Screen(
        manufacturer=folded(manufacturer),
        model=folded(model),
        sop_class_uid=header.text(SOP_CLASS_UID),
        rows=rows,
        columns=columns,
    )


def tell_screen(header: Elements, rows: int, columns: int, known: KnownIdentifiers) -> Screen | None:
    """Return the screen of an instance as it may be told of, in reports and lists of screens.

    Parameters
    ----------
    header
        Of the instance.
    rows, columns
        Size of its frames.
    known
        What is known of the patient and study.

    Returns
    -------
    Screen or None
        None where it is not known, or what tells it holds what is known of the patient, or is no name of a device.
    """
    screen = read_screen(header, rows, columns)
    if screen is None:
        return None
    texts = (screen.manufacturer, screen.model, screen.sop_class_uid)
    if any(len(text) > MAX_NAME_LENGTH or not text.isprintable() for text in texts):
        return None
    tells = any(
        known.find_in_text(text) or known.contains(header.raw(tag), SearchContext.HEADER)
        for tag, text in zip((MANUFACTURER, MODEL_NAME), texts, strict=False)
    )
    return None if tells else screen


def find_boxes(layouts: Iterable[Layout], screen: Screen | None) -> tuple[Rectangle, ...]:
    """Return what is always filled on a screen: the boxes of all layouts that hold for it."""
    if screen is None:
        return ()
    return tuple(sorted({Rectangle(*box) for layout in layouts if layout.is_of(screen) for box in layout.boxes}))


@cache
def shipped_layouts() -> tuple[Layout, ...]:
    """Return the table that comes with Scanward."""
    text = (resources.files("scanward.deidentify.pixels") / "layouts.toml").read_text("utf-8")
    return parse_layouts(text, where="layouts.toml")


def parse_layouts(text: str, *, where: str) -> tuple[Layout, ...]:
    """Parse a table of layouts.

    Parameters
    ----------
    text
        TOML, in the form of `layouts.toml`.
    where
        Its name, for messages.

    Raises
    ------
    ConfigError
        It is not TOML, a key is unknown or missing, or a box does not fit the screen.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: expected TOML: {error}") from None
    unknown = sorted(set(content) - {"layout"})
    entries = content.get("layout", [])
    if unknown or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{where}: expected tables [[layout]] and nothing else")
    return tuple(_layout(entry, f"{where}: layout {number}") for number, entry in enumerate(entries, 1))


def _layout(entry: dict[str, object], where: str) -> Layout:
    wrong = sorted(_KEYS ^ set(entry))
    if wrong:
        is_missing = wrong[0] in _KEYS
        raise ConfigError(
            f"{where}: {'missing' if is_missing else 'unknown'} key {wrong[0]!r}",
            remedy=f"Each layout has the keys {', '.join(sorted(_KEYS))}.",
        )
    rows, columns = (_side(entry, key, where) for key in ("rows", "columns"))
    classes = entry["sop_classes"]
    if not isinstance(classes, list) or not classes or not all(isinstance(uid, str) and uid for uid in classes):
        raise ConfigError(f"{where}: expected 'sop_classes' as a list of UIDs")
    boxes = parse_boxes(entry["boxes"], rows=rows, columns=columns, where=where)
    return Layout(
        manufacturer=_text(entry, "manufacturer", where),
        model=_text(entry, "model", where),
        sop_classes=frozenset(classes),
        rows=rows,
        columns=columns,
        boxes=boxes,
        source=_text(entry, "source", where),
    )


def _text(entry: dict[str, object], key: str, where: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: expected {key!r} as a text")
    return " ".join(value.split())


def _side(entry: dict[str, object], key: str, where: str) -> int:
    value = entry[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_SIDE:
        raise ConfigError(f"{where}: expected {key!r} as a number from 1 to {MAX_SIDE}")
    return value


def parse_boxes(value: object, *, rows: int, columns: int, where: str) -> tuple[Box, ...]:
    """Return what is to be filled on a screen, from a list of [column, row, width, height].

    Raises
    ------
    ConfigError
        It is none, a box does not fit the screen, or they cover too much of it.
    """
    boxes = []
    screen = Rectangle(0, 0, columns, rows)
    for numbers in value if isinstance(value, list) else ():
        if (
            not isinstance(numbers, list | tuple)
            or len(numbers) != 4
            or not all(type(number) is int for number in numbers)
        ):
            raise ConfigError(f"{where}: expected each of 'boxes' as [column, row, width, height]")
        box = Rectangle(*numbers)
        if not box.area or not screen.holds(box):
            raise ConfigError(f"{where}: expected boxes within {screen.height} rows and {screen.width} columns")
        boxes.append(box)
    if not boxes or sum(box.area for box in boxes) > MAX_SHARE * screen.area:
        raise ConfigError(
            f"{where}: expected 'boxes' that cover at most {MAX_SHARE:.0%} of the screen, and one at least"
        )
    return tuple(boxes)


def _is_box(numbers: object) -> TypeGuard[Sequence[int]]:
    return isinstance(numbers, list | tuple) and len(numbers) == 4 and all(type(number) is int for number in numbers)


def propose(screen: Screen, found: Sequence[Sequence[Box]]) -> Layout | None:
    """Propose a layout from where text was found in some images of one device, for a person to look at.

    Text that stays in place in nearly all of them is the screen's: a name is longer or shorter and begins at one place.

    Parameters
    ----------
    screen
        Which device and screen all the images are of.
    found
        By image, where text was found; of very many images, some are looked at.

    Returns
    -------
    Layout or None
        None where there are fewer than `FEWEST_INSTANCES`, or nothing stays in place.
    """
    if len(found) < FEWEST_INSTANCES:
        return None
    count = len(found)
    some = [[Rectangle(*box) for box in boxes[:MAX_BOXES]] for boxes in found[:: -(-count // MAX_INSTANCES)]]
    needed = STABLE_SHARE * len(some)
    if sum(bool(boxes) for boxes in some) < needed:
        return None
    # What is in all images but a few is in one of so many.
    seeds = {box for boxes in some[: len(some) - int(needed) + 1] for box in boxes}
    lines: list[Rectangle] = []
    for seed in sorted(seeds):
        members = [[box for box in boxes if _is_line(seed, box)] for boxes in some]
        if sum(bool(one) for one in members) >= needed:
            lines.append(hull(box for one in members for box in one))
    boxes = _joined(lines, Rectangle(0, 0, screen.columns, screen.rows))
    if not boxes or sum(box.area for box in boxes) > MAX_SHARE * screen.rows * screen.columns:
        return None
    return Layout(
        manufacturer=screen.manufacturer,
        model=screen.model,
        sop_classes=frozenset({screen.sop_class_uid}),
        rows=screen.rows,
        columns=screen.columns,
        boxes=boxes,
        source=f"text at the same place in {count} images",
    )


def _is_line(one: Rectangle, other: Rectangle) -> bool:
    shared = one.common(other)
    return shared.area > 0 and shared.height >= ONE_LINE_SHARE * max(one.height, other.height)


def _joined(lines: Iterable[Rectangle], screen: Rectangle) -> tuple[Rectangle, ...]:
    """Return boxes of which no two are of one line, cut at the edges of the screen."""
    joined: list[Rectangle] = []
    for line in sorted(set(lines)):
        while True:
            same = [box for box in joined if _is_line(box, line)]
            if not same:
                break
            joined = [box for box in joined if box not in same]
            line = hull([*same, line])
        joined.append(line)
    cut = (box.common(screen) for box in joined)
    return tuple(sorted(box for box in cut if box.area))


def without_known(layout: Layout, known: Iterable[Layout]) -> Layout | None:
    """Return a layout without the boxes that lie within what is filled already; None where none is left.

    Parameters
    ----------
    layout
        Of one screen, as `propose` returns it.
    known
        What is filled already, on whatever screens.
    """
    (sop_class_uid,) = layout.sop_classes
    screen = Screen(
        manufacturer=layout.manufacturer,
        model=layout.model,
        sop_class_uid=sop_class_uid,
        rows=layout.rows,
        columns=layout.columns,
    )
    filled = find_boxes(known, screen)
    boxes = tuple(box for box in layout.boxes if not any(one.holds(Rectangle(*box)) for one in filled))
    return replace(layout, boxes=boxes) if boxes else None


def format_layout(layout: Layout) -> str:
    """Return a layout as TOML, to be added to the file of a site."""
    values: dict[str, object] = {
        "manufacturer": layout.manufacturer,
        "model": layout.model,
        "sop_classes": sorted(layout.sop_classes),
        "rows": layout.rows,
        "columns": layout.columns,
        "boxes": [list(box) for box in layout.boxes],
        "source": layout.source,
    }
    return "[[layout]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
