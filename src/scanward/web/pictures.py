"""Pictures of heads for those who may read identities; no browser and no proxy keeps them."""

from collections.abc import Sequence
from typing import Literal

from fastapi import Response

from scanward.model.faces import FaceVolume
from scanward.web.problems import Problem

Which = Literal["before", "after"]
"""Of what came, or of what was made of it."""


def picture_of(volumes: Sequence[FaceVolume], number: int, which: Which) -> Response:
    """Return a picture of a volume, 1 being the first; raises `Problem` 404 where there is none."""
    volume = volumes[number - 1] if 0 < number <= len(volumes) else None
    png = b"" if volume is None else volume.before if which == "before" else volume.after
    if not png:
        raise Problem(404)
    return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})
