"""Screens of devices: what people had filled on them, what was found on them of late, what is proposed."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from scanward.deidentify.pixels.layouts import propose, shipped_layouts, without_known
from scanward.model.pixels import SEEN_BY, PixelOutcome
from scanward.model.profile import Profile
from scanward.model.screens import Box, Layout, RecordedScreen, Screen, ScreenDecision, SeenImage
from scanward.model.study import StoredInstance
from scanward.ports.ledger import Desk

MAX_BOXES = 100
"""So many boxes of an image are kept; a screen with more text is a page."""

SHOWN = 200
"""So many screens are looked through for what to propose, of each kind of decision."""


def layouts_for(layouts: Iterable[Layout], instances: Iterable[StoredInstance]) -> tuple[Layout, ...]:
    """Return the layouts that may be of any of some instances, by their SOP Class: of others nothing changes."""
    met = {one.sop_class_uid for one in instances}
    return tuple(layout for layout in layouts if layout.sop_classes & met)


def fill_screens(profile: Profile, layouts: Sequence[Layout]) -> Profile:
    """Return `profile` with what people had filled on screens."""
    if not layouts:
        return profile
    pixels = profile.pixels
    return replace(profile, pixels=replace(pixels, layouts=(*pixels.layouts, *layouts)))


def form_with(form: str, layouts: Sequence[Layout]) -> str:
    """Return the digest of how instances are de-identified, with what people had filled on screens.

    Without any it is `form`: what was prepared before stays as it is.
    """
    if not layouts:
        return form
    told = [(one.manufacturer, one.model, sorted(one.sop_classes), one.rows, one.columns, one.boxes) for one in layouts]
    return hashlib.sha256(json.dumps([form, told]).encode()).hexdigest()[:32]


def seen_in(instance_id: str, pixels: PixelOutcome) -> SeenImage | None:
    """Return where text was found in an instance; None where its screen is not known."""
    if pixels.screen is None:
        return None
    boxes = sorted({(one.x, one.y, one.width, one.height) for one in pixels.boxes if one.found_by in SEEN_BY})
    return SeenImage(screen=pixels.screen, instance_id=instance_id, boxes=tuple(boxes[:MAX_BOXES]))


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenCase:
    """A screen, for people to decide on.

    Attributes
    ----------
    recorded
        What is on record of it.
    proposed
        Where text stands at one place in nearly all of its latest images, beyond what is filled.
    shipped
        What is filled on it anyway, by the table that comes with Scanward.
    """

    recorded: RecordedScreen
    proposed: tuple[Box, ...]
    shipped: tuple[Box, ...]


def find_cases(desk: Desk, decision: ScreenDecision) -> Sequence[ScreenCase]:
    """Return screens on which that was decided, those seen last first."""
    return [_case_of(one) for one in desk.screens(decision, limit=SHOWN)]


def _case_of(recorded: RecordedScreen) -> ScreenCase:
    screen = recorded.screen
    shipped = tuple(box for layout in shipped_layouts() if layout.is_of(screen) for box in layout.boxes)
    layout = _propose(screen, tuple(recorded.images))
    if layout is not None:
        filled = replace(layout, boxes=(*recorded.boxes, *shipped))
        layout = without_known(layout, (filled,))
    return ScreenCase(recorded=recorded, proposed=() if layout is None else layout.boxes, shipped=shipped)


@lru_cache(maxsize=1024)  # a page renews itself, and images come one by one
def _propose(screen: Screen, images: tuple[tuple[Box, ...], ...]) -> Layout | None:
    return propose(screen, images)
