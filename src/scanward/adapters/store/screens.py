"""The ledger's section on screens of devices: where text was found on them of late, and what people had filled."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, bindparam, delete, func, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, Writing, from_micros, to_micros
from scanward.adapters.store.rows import Row, chunks
from scanward.adapters.store.section import Section, What
from scanward.errors import UnknownError
from scanward.model.screens import Box, Layout, RecordedScreen, Screen, ScreenDecision, SeenImage
from scanward.ports.stores import Sealing

KEPT_IMAGES: Final = 50
"""Of each screen, so many of the latest images are kept."""

KEPT_SCREENS: Final = 2000
"""So many screens on which nobody decided are kept: radiographs are cut to any size, each of which is a screen."""

_screens, _images = tables.screens, tables.screen_images
_OPEN = _screens.c.decision == ScreenDecision.OPEN.value

_OVER = (
    select(_images.c.instance_id)
    .where(_images.c.screen_id == bindparam("of"))
    .order_by(_images.c.seen.desc())
    .offset(KEPT_IMAGES)
)
_DROP_IMAGES = delete(_images).where(_images.c.screen_id == bindparam("of"), _images.c.instance_id.in_(_OVER))
_COUNT = select(func.count()).select_from(_screens).where(_OPEN)
_OLDEST = select(_screens.c.screen_id).where(_OPEN).order_by(_screens.c.seen)
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_DROP_IMAGES_OF = delete(_images).where(_images.c.screen_id.in_(_IDS))
_DROP_SCREENS = delete(_screens).where(_screens.c.screen_id.in_(_IDS), _OPEN)
_DECIDE = update(_screens).where(_screens.c.screen_id == bindparam("which"))
_ONE = select(_screens).where(_screens.c.screen_id == bindparam("which"))
_FILLED = select(_screens).where(_screens.c.decision == ScreenDecision.FILLED.value)
_IMAGES_OF = select(_images).where(_images.c.screen_id.in_(_IDS))
_BY_DECISION = (
    select(_screens)
    .where(_screens.c.decision == bindparam("as"))
    .order_by(_screens.c.seen.desc())
    .limit(bindparam("n"))
)

_NOTED = {
    ScreenDecision.FILLED: What.SCREEN_FILLED,
    ScreenDecision.LEFT: What.SCREEN_LEFT,
    ScreenDecision.OPEN: What.SCREEN_STOPPED,
}


class ScreensSection(Section):
    """Screens of devices."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._put_screen = database.statements.put(_screens, ["screen_id"], "seen")
        self._put_image = database.statements.put(_images, ["screen_id", "instance_id"], "seen", "boxes")

    def note_screens(self, seen: Sequence[SeenImage], at: datetime) -> None:
        """Keep where text was found, for the latest images of each screen, and for so many screens."""
        by_screen: dict[Screen, dict[str, SeenImage]] = {}
        for one in seen:
            by_screen.setdefault(one.screen, {})[one.instance_id] = one
        if not by_screen:
            return
        with self._database.writing() as writing:
            # In one order, so that no two transactions wait for each other.
            for screen in sorted(by_screen, key=lambda one: one.screen_id):
                images = list(by_screen[screen].values())[-KEPT_IMAGES:]
                writing.execute(self._put_screen, _screen_values(screen, at))
                rows = [
                    {
                        "screen_id": screen.screen_id,
                        "instance_id": one.instance_id,
                        "seen": to_micros(at),
                        "boxes": json.dumps(one.boxes),
                    }
                    for one in images
                ]
                writing.execute(self._put_image, rows)
                writing.execute(_DROP_IMAGES, {"of": screen.screen_id})
            _drop_screens(writing)

    def decide_screen(
        self, screen_id: str, decision: ScreenDecision, boxes: Sequence[Box], by: str, at: datetime
    ) -> None:
        """Record what a person decided on a screen: what is always filled on it; raises `UnknownError`."""
        said = json.dumps(list(boxes))
        with self._database.writing() as writing:
            values = {"decision": decision.value, "boxes": said, "decided": to_micros(at), "decided_by": by}
            if not writing.execute(_DECIDE.values(**values), {"which": screen_id}).rowcount:
                raise UnknownError("expected a screen of a device, got an id of none")
            writing.note(screen_id, _NOTED[decision], at, by=by, detail=said if boxes else "")

    def layouts(self) -> Sequence[Layout]:
        """Return what is always filled on screens as people decided, in a fixed order."""
        with self._database.reading() as connection:
            rows = connection.execute(_FILLED).all()
        return [
            Layout(
                manufacturer=row.manufacturer,
                model=row.model,
                sop_classes=frozenset({row.sop_class_uid}),
                rows=row.height,
                columns=row.width,
                boxes=_to_boxes(row.boxes),
                source="decided on the staff page",
            )
            for row in sorted(rows, key=lambda row: str(row.screen_id))
        ]

    def screens(self, decision: ScreenDecision, *, limit: int) -> Sequence[RecordedScreen]:
        """Return screens of devices on which that was decided, by when an image of them was looked at."""
        images: dict[str, list[Row]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(_BY_DECISION, {"as": decision.value, "n": limit}).all()
            for ids in chunks([row.screen_id for row in rows]):
                for image in connection.execute(_IMAGES_OF, {"ids": ids}):
                    images.setdefault(image.screen_id, []).append(image)
        return [_to_recorded(row, images.get(row.screen_id, [])) for row in rows]

    def get_screen(self, screen_id: str) -> RecordedScreen:
        """Return one screen; raises `UnknownError`."""
        with self._database.reading() as connection:
            row = connection.execute(_ONE, {"which": screen_id}).one_or_none()
            images = connection.execute(_IMAGES_OF, {"ids": [screen_id]}).all()
        if row is None:
            raise UnknownError("expected a screen of a device, got an id of none")
        return _to_recorded(row, images)


def _screen_values(screen: Screen, at: datetime) -> dict[str, object]:
    return {
        "screen_id": screen.screen_id,
        "manufacturer": screen.manufacturer,
        "model": screen.model,
        "sop_class_uid": screen.sop_class_uid,
        "height": screen.rows,
        "width": screen.columns,
        "seen": to_micros(at),
        "decision": ScreenDecision.OPEN.value,
        "boxes": "[]",
        "decided": None,
        "decided_by": "",
    }


def _to_recorded(row: Row, images: Sequence[Row]) -> RecordedScreen:
    latest = sorted(images, key=lambda one: (-one.seen, one.instance_id))
    return RecordedScreen(
        screen=Screen(
            manufacturer=row.manufacturer,
            model=row.model,
            sop_class_uid=row.sop_class_uid,
            rows=row.height,
            columns=row.width,
        ),
        seen=from_micros(row.seen),
        images=tuple(_to_boxes(one.boxes) for one in latest),
        decision=ScreenDecision(row.decision),
        boxes=_to_boxes(row.boxes),
        decided=None if row.decided is None else from_micros(row.decided),
        decided_by=row.decided_by,
    )


def _to_boxes(text: str) -> tuple[Box, ...]:
    return tuple((x, y, width, height) for x, y, width, height in json.loads(text))


def _drop_screens(writing: Writing) -> None:
    over = writing.execute(_COUNT).scalar_one() - KEPT_SCREENS
    if over <= 0:
        return
    for ids in chunks(writing.execute(_OLDEST.limit(over)).scalars().all()):
        writing.execute(_DROP_IMAGES_OF, {"ids": ids})
        writing.execute(_DROP_SCREENS, {"ids": ids})
