"""What looking at pixels came to, as JSON, for what is written down of a run while it goes on."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from scanward.model.holds import Finding
from scanward.model.pixels import NO_PIXELS, UNSEEN, FoundBy, PixelBox, PixelOutcome
from scanward.model.report import PixelTally
from scanward.model.screens import Screen

Box = tuple[int, int, int, int, int, int, str]
"""First and last frame, column, row, width, height, and what told, as `FoundBy` names it."""


def encode_boxes(boxes: Sequence[PixelBox]) -> list[Box]:
    """Return boxes as JSON has them."""
    return [
        (one.first_frame, one.last_frame, one.x, one.y, one.width, one.height, one.found_by.name.lower())
        for one in boxes
    ]


def decode_boxes(value: Sequence[Sequence[Any]]) -> tuple[PixelBox, ...]:
    """Return the boxes that `encode_boxes` was given."""
    return tuple(
        PixelBox(first_frame=first, last_frame=last, x=x, y=y, width=width, height=height, found_by=FoundBy[by.upper()])
        for first, last, x, y, width, height, by in value
    )


def encode_outcome(outcome: PixelOutcome) -> str:
    """Return what looking at one instance came to as a text; empty where nobody looked."""
    if outcome.has_none:
        return '{"has_none":true}'
    if not outcome.is_proven and not outcome.is_let_go:
        return ""
    value: dict[str, object] = {"kept_words": outcome.kept_words, "boxes": encode_boxes(outcome.boxes)}
    if outcome.is_let_go:
        value["is_let_go"] = True
    return json.dumps(value, separators=(",", ":"))


def decode_outcome(text: str) -> PixelOutcome:
    """Return the outcome that `encode_outcome` was given, without new pixels."""
    if not text:
        return UNSEEN
    value = json.loads(text)
    if value.get("has_none"):
        return NO_PIXELS
    is_let_go = value.get("is_let_go", False)
    return PixelOutcome(
        is_proven=not is_let_go,
        boxes=decode_boxes(value["boxes"]),
        kept_words=value["kept_words"],
        is_let_go=is_let_go,
    )


def encode_finding(finding: Finding) -> str:
    """Return what was seen in the pixels of an instance that is held as a text."""
    sizes = (finding.rows, finding.columns, finding.frames, finding.count)
    return json.dumps([*sizes, encode_boxes(finding.boxes)], separators=(",", ":"))


def decode_finding(text: str) -> Finding:
    """Return what `encode_finding` was given; nothing where the text is empty."""
    if not text:
        return Finding()
    rows, columns, frames, count, boxes = json.loads(text)
    return Finding(rows=rows, columns=columns, frames=frames, count=count, boxes=decode_boxes(boxes))


def encode_pixels(tally: PixelTally) -> dict[str, object]:
    """Return a tally as JSON has it."""
    return {
        "looked_at": tally.looked_at,
        "unseen": tally.unseen,
        "unseen_likely": tally.unseen_likely,
        "kept_words": tally.kept_words,
        "redactions": {uid: encode_boxes(boxes) for uid, boxes in tally.redactions.items()},
        "looked_by": sorted(tally.looked_by),
        "screens": [
            [*astuple(screen), count, sorted(uid for uid, one in tally.screen_of.items() if one == screen)]
            for screen, count in sorted(tally.screens.items())
        ],
    }


def decode_pixels(value: Mapping[str, Any]) -> PixelTally:
    """Return the tally that `encode_pixels` was given."""
    screens: Counter[Screen] = Counter()
    screen_of: dict[str, Screen] = {}
    for manufacturer, model, sop_class_uid, rows, columns, count, uids in value["screens"]:
        screen = Screen(manufacturer=manufacturer, model=model, sop_class_uid=sop_class_uid, rows=rows, columns=columns)
        screens[screen] = count
        screen_of |= dict.fromkeys(uids, screen)
    return PixelTally(
        looked_at=value["looked_at"],
        unseen=value["unseen"],
        unseen_likely=value["unseen_likely"],
        kept_words=value["kept_words"],
        redactions={uid: decode_boxes(boxes) for uid, boxes in value["redactions"].items()},
        looked_by=frozenset(value["looked_by"]),
        screens=screens,
        screen_of=screen_of,
    )
