"""Finds which sealed frame each frame of a copy shows, so that what moved is told from what was altered."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from scanward.model.comparison import FrameChange, FrameFate
from scanward.model.seal import DIGEST_BYTES
from scanward.seal.digest import TileGrid, bind_frame, bind_tile

MAX_TRIALS = 300_000
"""Tiles that are tried at other frames, a second or two: some 700 frames in any order, or any number moved together."""


def align_frames(
    contents: Sequence[bytes | None], sealed: Sequence[bytes], *, key: bytes, grid: TileGrid
) -> tuple[FrameChange, ...]:
    """Return all frames that are not what was sealed in their place.

    Parameters
    ----------
    contents
        Inner digests of the tiles of each frame of the copy; None for one that cannot be decoded.
    sealed
        Outer digests of the tiles of each frame of the seal.
    key
        Of the seal.
    grid
        How frames are cut, that of both.
    """
    bound = [
        None if content is None else bind_frame(content, key=key, grid=grid, frame=at)
        for at, content in enumerate(contents)
    ]
    own = {at for at, (digests, seal) in enumerate(zip(bound, sealed, strict=False)) if digests == seal}
    if len(own) == len(contents) == len(sealed):
        return ()
    shown = {at: at for at in own}
    shown.update(_Search(contents, sealed, key, grid).find(own))
    return _tell(contents, sealed, shown, key, grid)


class _Search:
    """Looks for the frames of a copy among all those of a seal."""

    def __init__(self, contents: Sequence[bytes | None], sealed: Sequence[bytes], key: bytes, grid: TileGrid) -> None:
        self._contents, self._sealed, self._key, self._grid = contents, sealed, key, grid
        # The middle first: corners are alike in many frames.
        self._order = sorted(range(grid.count), key=lambda tile: abs(tile - grid.count // 2 - grid.size[1] // 2))
        self._trials = MAX_TRIALS

    def find(self, own: set[int]) -> dict[int, int]:
        """Return the sealed frame that each frame shows, of those that are not in their own place."""
        found: dict[int, int] = {}
        free = set(range(len(self._sealed))) - own
        shift = 0
        for at, content in enumerate(self._contents):
            if at in own:
                shift = 0
            elif content is not None:
                near = at + shift
                others = (one for one in (*sorted(free), *sorted(own)) if one not in (at, near))
                frame = self._first(content, (near, *others) if near != at else others)
                if frame is not None:
                    found[at], shift = frame, frame - at
                    free.discard(frame)
        return found

    def _first(self, content: bytes, frames: Iterable[int]) -> int | None:
        for frame in frames:
            if self._trials <= 0:
                return None
            if 0 <= frame < len(self._sealed) and self._is_at(content, frame):
                return frame
        return None

    def _is_at(self, content: bytes, frame: int) -> bool:
        sealed = self._sealed[frame]
        for tile in self._order:
            self._trials -= 1
            at = tile * DIGEST_BYTES
            inner, outer = content[at : at + DIGEST_BYTES], sealed[at : at + DIGEST_BYTES]
            if bind_tile(inner, key=self._key, grid=self._grid, frame=frame, tile=tile) != outer:
                return False
        return True


def _tell(
    contents: Sequence[bytes | None], sealed: Sequence[bytes], shown: dict[int, int], key: bytes, grid: TileGrid
) -> tuple[FrameChange, ...]:
    changes: list[FrameChange] = []
    is_as_many = len(contents) == len(sealed)
    in_order = {at for at, frame in shown.items() if at == frame} if is_as_many else _longest_ascent(shown)
    missing = set(range(len(sealed))) - set(shown.values())
    shift = 0
    for at, content in enumerate(contents):
        if at in shown:
            shift = shown[at] - at if at in in_order else shift
            if at not in in_order:
                changes.append(FrameChange(fate=FrameFate.MOVED, frame=at, sealed=shown[at]))
            continue
        place = at if is_as_many else at + shift
        if place not in missing:
            fate = FrameFate.ADDED if content is not None else FrameFate.DAMAGED
            changes.append(FrameChange(fate=fate, frame=at, sealed=None))
            continue
        missing.discard(place)
        if content is None:
            changes.append(FrameChange(fate=FrameFate.DAMAGED, frame=at, sealed=place))
            continue
        tiles = _differing(bind_frame(content, key=key, grid=grid, frame=place), sealed[place])
        changes.append(FrameChange(fate=FrameFate.ALTERED, frame=at, sealed=place, tiles=tiles))
    changes.extend(FrameChange(fate=FrameFate.REMOVED, frame=None, sealed=one) for one in sorted(missing))
    return tuple(changes)


def _differing(digests: bytes, sealed: bytes) -> tuple[int, ...]:
    step = DIGEST_BYTES
    return tuple(
        tile
        for tile in range(len(sealed) // step)
        if digests[tile * step : (tile + 1) * step] != sealed[tile * step : (tile + 1) * step]
    )


def _longest_ascent(shown: dict[int, int]) -> set[int]:
    """Return the frames of the longest run, with gaps, in which sealed frames follow in their order."""
    ends: list[int] = []
    frames: list[int] = []
    before: dict[int, int] = {}
    for at in sorted(shown):
        place = bisect_left(ends, shown[at])
        if place:
            before[at] = frames[place - 1]
        if place == len(ends):
            ends.append(shown[at])
            frames.append(at)
        else:
            ends[place], frames[place] = shown[at], at
    ascent: set[int] = set()
    last = frames[-1] if frames else None
    while last is not None:
        ascent.add(last)
        last = before.get(last)
    return ascent
