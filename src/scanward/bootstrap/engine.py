"""Puts the flow of the gateway together: what every worker does."""

import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from scanward.adapters.archive import DimseArchive
from scanward.adapters.engines.dbos import DbosQueue
from scanward.adapters.send.senders import Senders
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import make_sealer
from scanward.bootstrap.documents import document_sight, make_carriers, recogniser_maker
from scanward.bootstrap.faces import face_sight, planner_maker
from scanward.bootstrap.hands import make_hands
from scanward.bootstrap.pixels import cleaner_maker, sight_of
from scanward.bootstrap.stores import Stores
from scanward.config import GatewaySettings
from scanward.errors import NetworkError
from scanward.flow.alive import Watch
from scanward.flow.decisions import Decider
from scanward.flow.intake import GatewayIntake
from scanward.flow.loops import Loop
from scanward.flow.outbox import Drainer, Events, Retries
from scanward.flow.outgoing import OutgoingFiles
from scanward.flow.preparing import SHARD, Preparer
from scanward.flow.priors import PriorFetcher
from scanward.flow.returns import Returner
from scanward.flow.reviewing import HoldReviewer
from scanward.flow.routing import PREPARE, PRIORS, RENEW, Router
from scanward.flow.shards import FILES, ShardRunner
from scanward.ports.network import Archive
from scanward.ports.work import Handlers

IDLE_SECONDS = 0.5
"""Pause of a loop that finds nothing to do."""

REVIEW_SECONDS = 60.0
"""Pause between looks for what is held and would be looked at otherwise by now."""

DRAINERS = 2
"""So many recipients are sent to at once by each worker."""

PREPARED_AT_ONCE = 2
"""So many units of work are done at once by each worker: one computes while the other waits for a disk."""

EMBEDDED = "embedded"
"""Name of the worker inside `scanward serve` on SQLite: it takes up again at once what was left when it was killed."""


def worker_name(stores: Stores) -> str:
    """Return a name for this worker: a fixed one where there can be only one, else one that no other has."""
    if not stores.settings.ledger_url:
        return EMBEDDED
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _archive_peer(settings: GatewaySettings) -> str:
    """Return the name that the archive has among those that may send, empty where it has none."""
    if settings.archive is None or settings.dimse is None:
        return ""
    return next((peer.name for peer in settings.dimse.peers if peer.ae_title == settings.archive.ae_title), "")


class Engine:
    """What a worker does: route, prepare, send, bring results back.

    Parameters
    ----------
    stores
        Where things are kept.
    name
        Name of this worker.
    events
        Is told what happens, for metrics.
    takes_batch
        Whether it also carries out shards of `scanward deidentify --engine queue`.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        name: str,
        events: Events | None = None,
        takes_batch: bool = False,
        clock: Callable[[], datetime] = now,
    ) -> None:
        settings, ledger = stores.settings, stores.ledger
        self.stores = stores
        self.clock = clock
        self.archive: Archive | None = None
        if settings.archive is not None:
            self.archive = DimseArchive(settings.archive)
        self.decider = Decider(ledger, clock)
        self.outgoing = OutgoingFiles(stores.blobs, stores.vault, stores.spool)
        self._senders = Senders()
        self.intake = GatewayIntake(
            blobs=stores.blobs,
            vault=stores.vault,
            ledger=ledger,
            sealing=stores.sealing,
            spool=stores.spool,
            clock=clock,
        )
        self.handlers: Handlers = {
            PREPARE: self._prepare,
            RENEW: self._renew,
            SHARD: self._prepare_shard,
            PRIORS: self._fetch_priors,
        }
        self._shards = ShardRunner(stores.jobs, make_hands(stores))
        self.queue = DbosQueue(
            engine=stores.engine,
            worker=name,
            handlers=self.handlers,
            concurrency=PREPARED_AT_ONCE,
            batch={FILES: self._shards},
            takes_batch=takes_batch,
        )
        self.router = Router(
            ledger=ledger,
            registry=ledger,
            sealing=stores.sealing,
            decider=self.decider,
            queue=self.queue,
            has_archive=self.archive is not None,
            quiet_seconds=settings.quiet_seconds,
            clock=clock,
        )
        self.preparer = Preparer(
            ledger=ledger,
            blobs=stores.blobs,
            vault=stores.vault,
            keys=stores.keys,
            decider=self.decider,
            queue=self.queue,
            shard_instances=settings.shard_instances,
            spool=stores.spool,
            clock=clock,
            seal=make_sealer(stores, clock).seal,
            make_cleaner=cleaner_maker(stores.spool),
            make_planner=planner_maker(stores.spool),
            make_carriers=make_carriers,
            make_recogniser=recogniser_maker(Path(settings.recogniser) if settings.recogniser else None),
            sight=self._sight,
        )
        self.reviewer = HoldReviewer(ledger=ledger, registry=ledger, sight=self._sight, clock=clock)
        self.returner = Returner(
            ledger=ledger,
            registry=ledger,
            blobs=stores.blobs,
            vault=stores.vault,
            sealing=stores.sealing,
            archive=self.archive,
            retries=self._retries(),
            spool=stores.spool,
            clock=clock,
        )
        self._priors = None
        if self.archive is not None:
            self._priors = PriorFetcher(
                ledger=ledger,
                registry=ledger,
                sealing=stores.sealing,
                archive=self.archive,
                peer=_archive_peer(settings),
                retries=self._retries(),
                clock=clock,
            )
        drainers = [self._make_drainer(f"{name}-{number}", events) for number in range(DRAINERS)]
        watch = Watch(name, ledger, self.queue, clock)
        self._draining = [
            Loop(f"send-{number}", drainer.drain_once, idle_seconds=IDLE_SECONDS)
            for number, drainer in enumerate(drainers)
        ]
        self._loops = [
            Loop("route", self.router.sweep, idle_seconds=IDLE_SECONDS),
            Loop("results", self.returner.step, idle_seconds=IDLE_SECONDS),
            Loop("held", self.reviewer.step, idle_seconds=REVIEW_SECONDS),
            Loop("alive", watch.step, idle_seconds=1.0),
            *self._draining,
        ]

    def start(self) -> None:
        """Begin to work; raises `StoreError` when the engine's database cannot be used."""
        self.queue.start()
        self.router.recover()
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Finish what is being done, as far as that does not take long, and stop; nothing is lost either way."""
        for loop in self._loops:
            loop.stop()
        self._shards.stop()
        self.queue.stop()

    @property
    def is_working(self) -> bool:
        """Whether everything that this worker does again and again is alive: routing, sending, results, the beat."""
        return self.queue.is_running and all(loop.is_alive for loop in self._loops)

    def _sight(self) -> str:
        sight = sight_of(self.stores.ledger.layouts())
        return f"{sight}; {face_sight()}; {document_sight()}" if sight else ""

    def _retries(self) -> Retries:
        settings = self.stores.settings
        return Retries(
            attempts=settings.attempts,
            first=timedelta(seconds=settings.backoff_seconds),
            longest=timedelta(seconds=settings.backoff_max_seconds),
        )

    def _make_drainer(self, owner: str, events: Events | None) -> Drainer:
        return Drainer(
            owner=owner,
            ledger=self.stores.ledger,
            outgoing=self.outgoing,
            decider=self.decider,
            make_sender=self._senders,
            retries=self._retries(),
            clock=self.clock,
            events=events,
        )

    # The kinds of work

    def _prepare(self, key: str) -> None:
        self.preparer.prepare(key)
        self._wake_senders()

    def _prepare_shard(self, key: str) -> None:
        self.preparer.prepare_shard(key)
        self._wake_senders()

    def _renew(self, key: str) -> None:
        self.preparer.renew(key)
        self._wake_senders()

    def _fetch_priors(self, key: str) -> None:
        if self._priors is None:
            raise NetworkError("expected an archive to fetch earlier studies from", remedy="Set [archive].")
        self._priors.fetch(key)

    def _wake_senders(self) -> None:
        for loop in self._draining:
            loop.wake()
