"""What is remembered for a while to tell when a study is whole; no patient's data, and nothing lasting."""

import threading
from collections import OrderedDict
from typing import Final

MAX_INSTANCES: Final = 100_000
"""Storage commitment is asked for soon after sending; 100,000 instances need some 20 MB."""

MAX_STEPS: Final = 10_000


class RecentStudies:
    """Study Instance UIDs of the instances that came last, as storage commitment does not name the study."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._studies: OrderedDict[str, str] = OrderedDict()

    def note(self, sop_instance_uid: str, study_uid: str) -> None:
        """Remember an instance, and forget the oldest above the limit."""
        with self._lock:
            self._studies[sop_instance_uid] = study_uid
            if len(self._studies) > MAX_INSTANCES:
                self._studies.popitem(last=False)

    def find(self, sop_instance_uid: str) -> str:
        """Return the Study Instance UID, empty where it is not known any more."""
        return self._studies.get(sop_instance_uid, "")


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
