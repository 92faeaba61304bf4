"""How far a release is, as a line of stations that people see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scanward.model.release import ItemState, Release, ReleaseState

RECEIVED, COMPLETE, DECIDED, DEIDENTIFIED, ACCOUNTED = "Received", "Complete", "Decided", "De-identified", "Accounted"
SENT, AVAILABLE = "Sent", "Available"


class Progress(StrEnum):
    """How far one station is."""

    DONE = "done"
    NOW = "under way"
    PERSON = "waits for a person"
    STOP = "stopped here"
    NEXT = "not reached"


@dataclass(frozen=True, slots=True)
class Station:
    """One station of a line."""

    name: str
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The stations of a release, what to say of where it is, and how that is to be taken (good, warn, bad or plain)."""

    stations: Sequence[Station]
    word: str
    tone: str
    notes: Sequence[str] = ()


_DONE, _NOW, _PERSON, _STOP, _NEXT = Progress.DONE, Progress.NOW, Progress.PERSON, Progress.STOP, Progress.NEXT

_PROGRESS: Mapping[ReleaseState, tuple[tuple[Progress, ...], str, str]] = {
    # From the decision on: decided, de-identified, accounted, sent; the word for it, and its tone.
    ReleaseState.OPEN: ((_NOW, _NEXT, _NEXT, _NEXT), "Being decided", "plain"),
    ReleaseState.AWAITING_APPROVAL: ((_PERSON, _NEXT, _NEXT, _NEXT), "Waits for approval", "warn"),
    ReleaseState.DENIED: ((_STOP, _NEXT, _NEXT, _NEXT), "Denied", "plain"),
    ReleaseState.PERMITTED: ((_DONE, _NOW, _NEXT, _NEXT), "Being prepared", "plain"),
    ReleaseState.ACCOUNTED: ((_DONE, _DONE, _DONE, _NOW), "Being sent", "plain"),
    ReleaseState.STOPPED: ((_STOP, _NEXT, _NEXT, _NEXT), "Stopped", "bad"),
    ReleaseState.DONE: ((_DONE, _DONE, _DONE, _DONE), "Sent", "good"),
}


def line_of_study(*, waiting: int) -> Line:
    """Return the line of a study that has no release yet."""
    names = (COMPLETE, DECIDED, DEIDENTIFIED, ACCOUNTED, SENT)
    if waiting:
        progress: tuple[Progress, ...] = (_NOW, _NEXT, _NEXT, _NEXT, _NEXT)
        word = "Waits until it is complete"
    else:
        progress = (_DONE, _NOW, _NEXT, _NEXT, _NEXT)
        word = "No recipient yet"
    stations = [Station(RECEIVED, _DONE), *map(Station, names, progress)]
    return Line(stations=stations, word=word, tone="plain")


def line_of(release: Release, *, fetched: bool, items: Mapping[ItemState, int]) -> Line:
    """Return the line of a release.

    Parameters
    ----------
    release
        The release.
    fetched
        Whether its recipient fetches it, rather than that it is sent.
    items
        How many of its instances are in which state; asked of a release that is done only.
    """
    progress, word, tone = _PROGRESS[release.state]
    last = AVAILABLE if fetched else SENT
    if release.state is ReleaseState.DONE and fetched:
        word = "Available"
    notes = list(release.reasons) if release.state in {ReleaseState.DENIED, ReleaseState.STOPPED} else []
    if release.state is ReleaseState.DONE:
        left = sum(items.get(state, 0) for state in (ItemState.SENT, ItemState.AVAILABLE))
        troubled = [(state, items[state]) for state in (ItemState.FAILED, ItemState.UNKNOWN) if items.get(state)]
        for state, count in troubled:
            notes.append(f"{count:,} {'failed' if state is ItemState.FAILED else 'of unknown outcome'}")
        if troubled:
            progress = (*progress[:3], _STOP)
            word, tone = (f"Partly {word.lower()}" if left else "Not sent"), "bad"
        elif not left:
            progress = (_DONE, _STOP, _NEXT, _NEXT)
            word, tone = "Nothing left", "warn"
            notes.append("No instance of it was needed for the purpose or could leave safely.")
    stations = [
        Station(RECEIVED, _DONE),
        Station(COMPLETE, _DONE),
        *map(Station, (DECIDED, DEIDENTIFIED, ACCOUNTED, last), progress),
    ]
    return Line(stations=stations, word=word, tone=tone, notes=notes)
