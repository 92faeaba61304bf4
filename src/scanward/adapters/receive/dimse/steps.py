"""Steps of a procedure under way, which tell when a study is whole; no patient's data, and nothing lasting."""

import threading
from collections import OrderedDict
from typing import Final

MAX_STEPS: Final = 10_000


class ProcedureSteps:
    """Performed procedure steps that are in progress: by their UID, the studies they belong to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: OrderedDict[str, frozenset[str]] = OrderedDict()

    def begin(self, step: str, studies: frozenset[str]) -> bool:
        """Remember a step; False where it is known already."""
        with self._lock:
            if step in self._steps:
                return False
            self._steps[step] = studies
            if len(self._steps) > MAX_STEPS:
                self._steps.popitem(last=False)
            return True

    def find(self, step: str) -> frozenset[str] | None:
        """Return the studies of a step, or None where it is not known (any more)."""
        return self._steps.get(step)

    def end(self, step: str) -> None:
        """Forget a step."""
        with self._lock:
            self._steps.pop(step, None)
