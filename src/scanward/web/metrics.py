"""Metrics for Prometheus. What the ledger knows is read from it when asked, so that it holds for all processes."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scanward.errors import ScanwardError
from scanward.flow.alive import DEAD
from scanward.model.decision import DenyCode
from scanward.model.release import ItemState
from scanward.ports.ledger import Desk, Monitored

COUNTS_SECONDS = 10.0
"""The ledger is not counted more often than this."""

KINDS = (("permit", ""), ("hold", "approval"), *(("deny", code) for code in DenyCode))
"""Outcomes of decisions with the kinds of their reasons; told from the beginning, so that a first one is a change."""

BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


class LedgerCollector(Collector):
    """Counts of the ledger as gauges.

    A count named ``a`` becomes ``scanward_a``; one named ``a:b`` becomes ``scanward_a{state="b"}``.

    Parameters
    ----------
    counts
        Counts the ledger.
    monotonic
        Tells seconds that only go forward.
    """

    def __init__(self, counts: Callable[[], Mapping[str, int]], monotonic: Callable[[], float]) -> None:
        self._counts = counts
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: Mapping[str, int] = {}
        self._read_at = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges; where the ledger cannot be read, only that."""
        up = GaugeMetricFamily("scanward_ledger_up", "Whether the ledger can be read.")
        try:
            counts = self._read()
        except ScanwardError:
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        families: dict[str, GaugeMetricFamily] = {}
        for name, count in counts.items():
            kind, _, state = name.partition(":")
            labels = ("state",) if state else ()
            family = families.get(f"{kind}{bool(state)}")
            if family is None:
                metric = f"scanward_{kind.strip().replace(' ', '_')}"
                metric += "_by_state" if state else ""
                family = GaugeMetricFamily(metric, f"Number of {kind} in the ledger.", labels=labels)
                families[f"{kind}{bool(state)}"] = family
            family.add_metric((state,) if state else (), count)
        return [up, *families.values()]

    def _read(self) -> Mapping[str, int]:
        with self._lock:
            if self._monotonic() - self._read_at >= COUNTS_SECONDS:
                self._last = self._counts()
                self._read_at = self._monotonic()
            return self._last

    def describe(self) -> Iterable[Metric]:
        """Yield nothing: what there is to collect is known when asked."""
        return []


class WorkCollector(Collector):
    """How work goes along: what waits, who works, what was decided.

    Parameters
    ----------
    monitored
        Asks the ledger.
    counts
        Counts the ledger.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        monitored: Callable[[datetime], Monitored],
        counts: Callable[[], Mapping[str, int]],
        clock: Callable[[], datetime],
    ) -> None:
        self._monitored = monitored
        self._counts = counts
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics; nothing where the ledger cannot be read, which another one tells."""
        now = self._clock()
        try:
            work, counts = self._monitored(now - DEAD), self._counts()
        except ScanwardError:
            return []
        depth = GaugeMetricFamily("scanward_outbox_items", "Instances that wait to be sent.")
        depth.add_metric((), counts.get(f"items:{ItemState.QUEUED}", 0))
        age = GaugeMetricFamily(
            "scanward_outbox_oldest_seconds", "How long the release that waits longest waits by now."
        )
        waits = 0.0 if work.waiting_since is None else (now - work.waiting_since).total_seconds()
        age.add_metric((), max(waits, 0.0))
        workers = GaugeMetricFamily("scanward_workers", "Workers that were heard of lately.")
        workers.add_metric((), work.workers)
        decisions = CounterMetricFamily(
            "scanward_decisions", "Decisions, by outcome and kind of reason.", labels=("outcome", "reason")
        )
        for (outcome, reason), count in sorted({**dict.fromkeys(KINDS, 0), **work.decisions}.items()):
            decisions.add_metric((outcome, reason), count)
        return [depth, age, workers, decisions]

    def describe(self) -> Iterable[Metric]:
        """Yield nothing: what there is to collect is known when asked."""
        return []


class Metrics:
    """The metrics of one application.

    Parameters
    ----------
    desk
        Knows what is in the ledger.
    clock
        Tells the time, aware UTC.
    """

    def __init__(self, desk: Desk, clock: Callable[[], datetime]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(LedgerCollector(desk.counts, time.monotonic))
        self.registry.register(WorkCollector(desk.monitored, desk.counts, clock))
        self.requests = Counter(
            "scanward_http_requests", "HTTP requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "scanward_http_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.refused = Counter("scanward_http_refused", "Requests refused, by why.", ("why",), registry=self.registry)
        self.received = Counter(
            "scanward_http_instances", "Instances that came by HTTP.", ("door", "outcome"), registry=self.registry
        )
        self.fetched = Counter("scanward_http_fetched", "Instances that recipients fetched.", registry=self.registry)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
