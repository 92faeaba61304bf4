"""Where answers to searches ended, so that whoever asks for the next ones is not led through all before them again."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MOST = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: behind the study or series `after`, and behind `skip` results there."""

    after: str = ""
    skip: int = 0


class Bookmarks:
    """Remembers places by search and offset, the last `MOST` of them.

    A place that is forgotten, or that another process remembers, is found again by going there from the beginning.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[Hashable, int], Place] = OrderedDict()

    def find(self, search: Hashable, offset: int) -> Place:
        """Return the place that `offset` leads to in a search."""
        with self._lock:
            return self._places.get((search, offset)) or Place(skip=offset)

    def note(self, search: Hashable, offset: int, place: Place) -> None:
        """Remember the place that `offset` leads to in a search."""
        with self._lock:
            self._places[search, offset] = place
            self._places.move_to_end((search, offset))
            if len(self._places) > MOST:
                self._places.popitem(last=False)
