"""A gateway to test with: real stores in a folder, work done at once, a clock that the test moves."""

import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom.dataset import Dataset

from scanward.bootstrap.desk import make_staff
from scanward.bootstrap.engine import Engine
from scanward.bootstrap.stores import Stores, open_stores
from scanward.config import GatewaySettings
from scanward.flow.outbox import Drainer
from scanward.flow.reviewing import HoldDesk
from scanward.flow.staff import Staff
from scanward.model.agreement import Recipient
from scanward.model.instance import BytesSource
from scanward.model.release import Delivery, DeliveryReport
from scanward.model.study import Origin, OriginKind
from scanward.ports.intake import Receipt
from scanward.ports.network import Outgoing
from tests.common.studies import make_ct_series

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

ARCHIVE = Origin(kind=OriginKind.DIMSE, peer="archive")

LUNG_AI = """\
id = "lung-ai"
name = "Lung AI Ltd"
address = "1 Harbour Street, Dublin, Ireland"
purpose = "TREAT"
allowed_regions = ["IE"]
basis = "treatment"

[endpoint]
kind = "folder"
path = "{path}"

[agreement]
purposes = ["TREAT"]
region = "IE"
starts = 2026-01-01
ends = 2027-12-31
retention_days = 30
profile = "ai-inference"

[agreement.data]
modalities = ["CT", "MR"]

[agreement.results]
sop_classes = ["1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.66.4"]
"""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class ImmediateQueue:
    """Work that is done when the test says so, in order (implements `scanward.ports.work.WorkQueue`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.waiting: deque[tuple[str, str]] = deque()
        self._known: set[tuple[str, str]] = set()

    def submit(self, kind: str, key: str) -> None:
        if (kind, key) not in self._known:
            self._known.add((kind, key))
            self.waiting.append((kind, key))

    def work(self) -> None:
        while self.waiting:
            kind, key = self.waiting[0]
            self._engine.handlers[kind](key)
            self.waiting.popleft()

    def take_over(self, workers: list[str]) -> int:
        return 0

    def purge(self) -> int:
        return 0


@dataclass
class Inbox:
    """A recipient that notes what arrives (implements `scanward.ports.network.Sender`)."""

    arrived: dict[str, list[bytes]] = field(default_factory=dict)
    answers: list[Delivery] = field(default_factory=list)
    """How the next ones end; CONFIRMED once these are used up."""

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        for file in files:
            answer = self.answers.pop(0) if self.answers else Delivery.CONFIRMED
            if answer in {Delivery.CONFIRMED, Delivery.UNKNOWN}:
                self.arrived.setdefault(file.sop_instance_uid, []).append(b"".join(file.chunks()))
            yield DeliveryReport(sop_instance_uid=file.sop_instance_uid, delivery=answer, detail="as the test says")


class TestGateway:
    """A gateway whose loops the test turns by hand."""

    __test__ = False

    def __init__(self, home: Path, settings: GatewaySettings | None = None) -> None:
        self.clock = Clock()
        self.stores: Stores = open_stores(
            home, settings or GatewaySettings(dimse=None, http=None, quiet_seconds=60, min_free_bytes=0)
        )
        self.engine = Engine(self.stores, name="test", clock=self.clock)
        self.queue = ImmediateQueue(self.engine)
        self.engine.router._queue = self.queue
        self.engine.preparer._queue = self.queue
        self.inbox = Inbox()
        self.drainer = self.make_drainer("test-drainer")
        self.staff: Staff = make_staff(self.stores)
        self.staff._clock = self.clock
        self.staff.holds = HoldDesk(ledger=self.stores.ledger, registry=self.stores.ledger, clock=self.clock)

    def make_drainer(self, owner: str) -> Drainer:
        drainer = self.engine._make_drainer(owner, None)
        drainer._make_sender = lambda _recipient, _consignment: self.inbox
        return drainer

    def close(self) -> None:
        self.stores.close()

    def has_workers(self) -> bool:
        return True

    def keeps_custody(self) -> bool:
        return True

    def add_recipient(self, document: str = LUNG_AI, path: str = "/nowhere") -> Recipient:
        text = document.format(path=path)
        return self.staff.save_recipient(text.split('"')[1], text, "test")

    def take(self, ds: Dataset, origin: Origin = ARCHIVE) -> Receipt:
        return self.engine.intake.take(BytesSource(bytes_of(ds)), origin)

    def take_ct(self, slices: int = 3, seed: int = 7) -> list[Dataset]:
        data_sets = [sample.ds for sample in make_ct_series(slices=slices, size=16, seed=seed)]
        for ds in data_sets:
            assert self.take(ds).accepted
        return data_sets

    def turn(self, times: int = 4) -> None:
        """Let everything happen that is due."""
        for _ in range(times):
            while self.engine.router.sweep():
                pass
            self.queue.work()
            while self.drainer.drain_once():
                pass

    def settle(self) -> None:
        """Let studies become complete and everything happen."""
        self.clock.move(seconds=61)
        self.turn()


def bytes_of(ds: Dataset) -> bytes:
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
