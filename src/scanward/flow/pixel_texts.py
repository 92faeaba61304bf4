"""What looking at pixels came to, as JSON, for what is written down of a run while it goes on."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scanward.model.pixels import UNSEEN, FoundBy, PixelBox, PixelOutcome
from scanward.model.report import PixelTally

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
    if not outcome.is_proven:
        return ""
    value = {"kept_words": outcome.kept_words, "boxes": encode_boxes(outcome.boxes)}
    return json.dumps(value, separators=(",", ":"))


def decode_outcome(text: str) -> PixelOutcome:
    """Return the outcome that `encode_outcome` was given, without new pixels."""
    if not text:
        return UNSEEN
    value = json.loads(text)
    return PixelOutcome(is_proven=True, boxes=decode_boxes(value["boxes"]), kept_words=value["kept_words"])


def encode_pixels(tally: PixelTally) -> dict[str, object]:
    """Return a tally as JSON has it."""
    return {
        "looked_at": tally.looked_at,
        "unseen": tally.unseen,
        "unseen_likely": tally.unseen_likely,
        "kept_words": tally.kept_words,
        "redactions": {uid: encode_boxes(boxes) for uid, boxes in tally.redactions.items()},
        "looked_by": sorted(tally.looked_by),
    }


def decode_pixels(value: Mapping[str, Any]) -> PixelTally:
    """Return the tally that `encode_pixels` was given."""
    return PixelTally(
        looked_at=value["looked_at"],
        unseen=value["unseen"],
        unseen_likely=value["unseen_likely"],
        kept_words=value["kept_words"],
        redactions={uid: decode_boxes(boxes) for uid, boxes in value["redactions"].items()},
        looked_by=frozenset(value["looked_by"]),
    )
