"""Durable work on DBOS (implements :class:`scanward.ports.work.WorkQueue`), on SQLite or PostgreSQL.

Each piece of work is a workflow of one step, named by its kind and key, so that it is queued once; the step is tried
again with growing waits, and runs once more when its process died in it. Inputs are opaque ids, since DBOS stores them
in clear. DBOS is one for each process: so is `DbosQueue` between `start` and `stop`.

Trust: it holds ids and times. If lost, the ledger tells what is left to do (`scanward.flow.routing.Router.sweep`).
"""

import contextvars
import json
import logging
import sqlite3
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID
from dbos._error import DBOSException
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from scanward.adapters.store.engine import make_file, use_wal
from scanward.errors import ScanwardError, StoreError
from scanward.ports.work import Handlers

LOG = logging.getLogger("scanward.work")

QUEUE = "work"

BATCH = "batch"
"""Queue of batch work, apart, so that the gateway's own does not wait behind thousands of shards."""

BATCH_AT_ONCE = 2
"""So many shards are carried out at once by each worker: one computes while the other waits for a disk.

DBOS keeps one number for all processes that take from a queue.
"""

BATCH_POLLING_SECONDS = 0.1
"""How often the queue of batch work is looked at: a small shard takes no longer."""

APPLICATION_VERSION = "work-1"
"""Pinned: with DBOS's default, a digest of the code, work pending across an upgrade would wait for ever."""

POLLING_SECONDS = 0.5
"""How often the queue of the gateway's work is looked at.

A look costs 1.8 ms of CPU, and DBOS has no other way to learn of work; the first wait of a study is the quiet time.
"""

LISTENING_SECONDS = 0.2
"""DBOS listens for notifications, which are not used here, with sleeps of this length, and stops after one of them."""

MAX_ATTEMPTS = 10
"""Tries of one piece of work before it waits for the sweep: about four minutes."""

FIRST_WAIT_SECONDS = 0.5
"""Wait after the first try; each further one is twice as long."""

RECORDING_SECONDS = 2.0
"""So long stopping waits until DBOS has recorded work that is done: what is not recorded would be done again."""

REMEMBERED = 16
"""So many pieces of work that ended last are remembered, for that."""

KEPT = timedelta(hours=1)
"""How long finished work is remembered, so that it is not queued twice by a race."""

PURGED_AT_ONCE = 500

BUSY_SECONDS = 30
"""How long a writer waits for another process's transaction."""


def make_work_engine(path: Path) -> Engine:
    """Return an engine for the database of durable work in the file `path`, as DBOS wants SQLite and with WAL.

    DBOS begins its transactions by itself, so that :func:`scanward.adapters.store.engine.make_engine` does not fit.
    """
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def _make_file(*_: object) -> None:
        make_file(path)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = "IMMEDIATE"
        use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


class JsonSerializer(Serializer):
    """Plain JSON: nothing that is read back runs code, as DBOS's default, pickle, would."""

    def serialize(self, data: Any) -> str:
        """Return `data` as JSON; an exception by its class name only, since messages may come from elsewhere."""
        return json.dumps(data, default=lambda value: type(value).__name__, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """Return what was serialized."""
        return json.loads(serialized_data)

    def name(self) -> str:
        """Name of this format in the tables of DBOS."""
        return "scanward_json"


class _StoppingError(BaseException):
    """Work is left for the next start or another worker: DBOS records an end by an `Exception` only."""


class DbosQueue:
    """Work on DBOS.

    Parameters
    ----------
    engine
        Of the engine's own database, made as for the ledger: on SQLite with WAL, which DBOS does not set by itself.
    worker
        Name of this worker, unique among those alive; what it left unfinished is begun again when it starts.
    handlers
        What carries out each kind of work.
    concurrency
        How much of the gateway's work is done at once in this process; 0 takes none. The same in all that take some.
    batch
        What carries out each kind of batch work.
    takes_batch
        Whether batch work is also done in this process, and not only queued.
    polling_seconds
        How often the queue is looked at.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        worker: str,
        handlers: Handlers,
        concurrency: int = 1,
        batch: Handlers = MappingProxyType({}),
        takes_batch: bool = False,
        polling_seconds: float = POLLING_SECONDS,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._handlers = handlers
        self._batch = batch
        self._queues = {QUEUE: concurrency, BATCH: BATCH_AT_ONCE if takes_batch else 0}
        self._polling_seconds = polling_seconds
        self._started = False
        self._running = 0
        self._turn = threading.Condition()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._last: deque[str] = deque(maxlen=REMEMBERED)

    def start(self) -> None:
        """Begin to work; raises `StoreError` when the database cannot be used."""
        if self._started:
            return
        config: DBOSConfig = {
            "name": "scanward",
            "system_database_url": self._engine.url.render_as_string(hide_password=False),
            "system_database_engine": self._engine,
            "application_version": APPLICATION_VERSION,
            "executor_id": self._worker,
            "serializer": JsonSerializer(),
            "log_level": "CRITICAL",  # its messages carry what handlers raise; ours are logged below
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": LISTENING_SECONDS,
        }
        self._stopping.clear()
        self._ended.clear()
        try:
            DBOS(config=config)
            self._register()
            listened = {name: at_once for name, at_once in self._queues.items() if at_once}
            DBOS.listen_queues(list(listened))
            DBOS.launch()
            for name, at_once in listened.items():
                seconds = BATCH_POLLING_SECONDS if name == BATCH else self._polling_seconds
                DBOS.register_queue(name, worker_concurrency=at_once, polling_interval_sec=seconds)
        except (SQLAlchemyError, DBOSException) as error:
            DBOS.destroy(destroy_registry=True)
            raise _store_error(error) from None
        self._started = True

    @property
    def is_running(self) -> bool:
        """Whether work is taken from the queue."""
        return self._started

    def _register(self) -> None:
        @DBOS.step(name="carry_out")
        def carry_out(kind: str, key: str) -> None:
            self._carry_out(kind, key)

        @DBOS.workflow(name="work", max_recovery_attempts=1000)
        def work(kind: str, key: str) -> None:
            carry_out(kind, key)

        self._work = work

    def _carry_out(self, kind: str, key: str) -> None:
        """Try a piece of work until it is done; not by DBOS's own tries, since nothing ends their waits."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if self._stopping.is_set():
                # Not given back at once, or the queue would hand out the next one.
                self._ended.wait()
                raise _StoppingError
            try:
                self._try(kind, key)
            except Exception:
                if attempt == MAX_ATTEMPTS:
                    self._last.append(_id_of(kind, key))
                    raise
                self._stopping.wait(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
            else:
                self._last.append(_id_of(kind, key))
                return

    def _try(self, kind: str, key: str) -> None:
        handler = self._handlers.get(kind) or self._batch.get(kind)
        if handler is None:
            raise ScanwardError("expected a kind of work that this version knows, got another")
        with self._turn:
            self._running += 1
        try:
            handler(key)
        except ScanwardError as error:
            LOG.warning("%s: %s: %s", kind, type(error).__name__, error)
            raise
        except Exception as error:
            LOG.error("%s: unexpected %s", kind, type(error).__name__)  # noqa: TRY400 - tracebacks hold values
            raise
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify_all()

    def stop(self, *, seconds: float = 10) -> None:
        """Stop taking work, and wait up to so many seconds for what is being done.

        DBOS's own wait begins with a second of sleep, whether there is something to wait for or not.
        """
        if not self._started:
            return
        self._started = False
        self._stopping.set()
        with self._turn:
            self._turn.wait_for(lambda: not self._running, seconds)
        self._await_records()
        try:
            DBOS.destroy(destroy_registry=True)
        finally:
            self._ended.set()

    def _await_records(self) -> None:
        """Wait until DBOS has recorded the work that ended last."""
        deadline = time.monotonic() + RECORDING_SECONDS
        while self._last and time.monotonic() < deadline:
            try:
                left = DBOS.list_workflows(
                    workflow_ids=list(self._last), status="PENDING", load_input=False, load_output=False
                )
            except (SQLAlchemyError, DBOSException):
                return
            if not left:
                return
            time.sleep(0.01)

    def submit(self, kind: str, key: str) -> None:
        """Queue work of a kind; the same kind and key are queued once."""
        if kind not in self._handlers and kind not in self._batch:
            raise ScanwardError("expected a kind of work that this version knows, got another")
        try:
            # Work may queue more: DBOS refuses that within a step, and tells by the context that it is in one. As the
            # step may run again, so may this; the name sees to it that it is queued once.
            contextvars.Context().run(self._enqueue, kind, key)
        except (SQLAlchemyError, DBOSException) as error:
            raise _store_error(error) from None

    def _enqueue(self, kind: str, key: str) -> None:
        with SetWorkflowID(_id_of(kind, key)):
            DBOS.enqueue_workflow(BATCH if kind in self._batch else QUEUE, self._work, kind, key)

    def take_over(self, workers: list[str]) -> int:
        """Queue again what dead workers had begun and not finished."""
        if not workers:
            return 0
        try:
            left = DBOS.list_workflows(
                executor_id=workers, status="PENDING", load_input=False, load_output=False, name="work"
            )
            for queue in (QUEUE, BATCH):
                ids = [one.workflow_id for one in left if (one.queue_name or QUEUE) == queue]
                if ids:
                    DBOS.resume_workflows(ids, queue_name=queue)
        except (SQLAlchemyError, DBOSException) as error:
            raise _store_error(error) from None
        return len(left)

    def purge(self) -> int:
        """Forget work that was done a while ago."""
        try:
            done = DBOS.list_workflows(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                end_time=(datetime.now(UTC) - KEPT).isoformat(),
                limit=PURGED_AT_ONCE,
                load_input=False,
                load_output=False,
            )
            if done:
                DBOS.delete_workflows([one.workflow_id for one in done])
        except (SQLAlchemyError, DBOSException) as error:
            raise _store_error(error) from None
        return len(done)


def _id_of(kind: str, key: str) -> str:
    return f"{kind}-{key}"


def _store_error(error: Exception) -> StoreError:
    return StoreError(
        f"the database of the engine does not do as it is told: {type(error).__name__}",
        remedy="Look whether the database runs, can be reached and has room.",
    )
