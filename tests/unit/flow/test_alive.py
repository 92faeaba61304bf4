"""A dead worker's work is taken over, also where whoever was about to do that died."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from scanward.errors import StoreError
from scanward.flow.alive import BEAT, DEAD, Watch
from scanward.ports.ledger import Ledger
from scanward.ports.work import WorkQueue
from tests.common.ledgers import NOW


@dataclass
class Beats:
    """What the ledger knows of workers, in memory."""

    beats: dict[str, object] = field(default_factory=dict)

    def beat(self, worker: str, at: object) -> None:
        self.beats[worker] = at

    def take_over(self, before: object, at: object) -> list[str]:
        dead = sorted(worker for worker, beat in self.beats.items() if beat < before)  # type: ignore[operator]
        self.beats |= dict.fromkeys(dead, at)
        return dead

    def forget(self, workers: list[str]) -> None:
        for worker in workers:
            del self.beats[worker]


@dataclass
class Queue:
    """Notes whose work was taken over."""

    taken: list[str] = field(default_factory=list)
    is_down: bool = False

    def take_over(self, workers: list[str]) -> int:
        if self.is_down:
            raise StoreError("the process ends here, as far as the ledger knows")
        self.taken += workers
        return len(workers)

    def purge(self) -> int:
        return 0


def test_work_is_not_lost_where_the_one_who_took_it_over_died():
    now = NOW
    ledger, first, second = Beats({"dead": NOW}), Queue(is_down=True), Queue()
    watches = [
        Watch(name, cast("Ledger", ledger), cast("WorkQueue", queue), lambda: now)
        for name, queue in (("first", first), ("second", second))
    ]
    now = NOW + DEAD + BEAT
    with pytest.raises(StoreError):
        watches[0].step()
    watches[1].step()
    assert second.taken == []  # it takes a while until that shows
    now += DEAD + timedelta(seconds=1)
    watches[1].step()
    assert sorted(second.taken) == ["dead", "first"]
    assert set(ledger.beats) == {"second"}
