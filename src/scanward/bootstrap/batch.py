"""Puts `scanward deidentify --engine queue` together: what hands shards out, and what carries them out."""

import contextlib
import multiprocessing
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

from scanward import __version__
from scanward.adapters.engines.dbos import DbosQueue
from scanward.adapters.send.folder import OutputFolder
from scanward.adapters.send.shards import ShardPublisher
from scanward.bootstrap.hands import make_hands
from scanward.bootstrap.stores import open_stores
from scanward.config import DeidentifyRequest, GatewaySettings
from scanward.deidentify.profile import profile_text
from scanward.errors import ScanwardError
from scanward.flow.alive import Watch
from scanward.flow.processes import Pool, end_with_parent
from scanward.flow.shards import FILES, JobSpec, ShardPool, ShardRunner
from scanward.flow.worker import Worker

MIN_AT_ONCE = 64
"""So many shards at least are in the queue at a time, for the workers of other machines."""

LOOK_SECONDS = 1.0
"""How often a process looks whether it shall stop, and whether to say that it is alive."""

STOP_SECONDS = 5.0
"""So long a process may take to stop when all is done."""


@dataclass(frozen=True, kw_only=True)
class QueueRun:
    """A run whose work goes through the queue.

    Attributes
    ----------
    request
        What to do.
    layouts
        Text of the site's table of screens, empty for none.
    home
        The home folder, in which `scanward init` has been.
    settings
        Those in it.
    job_id
        Id of the job, the same for the same request.
    key_id
        Of the keys in the home folder.
    output
        The folder of the outputs, prepared.
    """

    request: DeidentifyRequest
    layouts: str
    home: Path
    settings: GatewaySettings
    job_id: str
    key_id: str
    output: OutputFolder

    @contextlib.contextmanager
    def open_pool(self, _worker: Worker, workers: int) -> Iterator[Pool]:
        """Give the pool (as `scanward.flow.processes.OpenPool`); the job is removed when all of it was done."""
        with contextlib.ExitStack() as stack:
            # First of all: a process that is forked must not share databases and threads with this one.
            children = _Children(self, workers)
            stack.callback(children.stop)
            stores = stack.enter_context(open_stores(self.home, self.settings))
            known = stores.jobs.find_spec(self.job_id)
            folder = JobSpec.decode(known).folder if known is not None else secrets.token_hex(16)
            publisher = ShardPublisher(self.output, self.request.out.absolute(), folder)
            publisher.prepare()
            done = dict(stores.jobs.begin(self.job_id, self._spec(folder).encode()))
            runner = ShardRunner(stores.jobs, make_hands(stores), own_job=self.job_id)
            stack.callback(runner.stop)
            queue = DbosQueue(
                engine=stores.engine, worker=_make_name(), handlers={}, concurrency=0, batch={FILES: runner}
            )
            queue.start()
            stack.callback(queue.stop, seconds=0)
            children.begin()
            yield ShardPool(
                jobs=stores.jobs,
                queue=queue,
                job_id=self.job_id,
                done=done,
                digest=lambda task: stores.sealing.blind("shard", task),
                make_id=lambda: secrets.token_hex(16),
                publisher=publisher,
                runner=runner,
                look=lambda: children.look(queue),
                at_once=max(MIN_AT_ONCE, 4 * workers),
            )
            stores.jobs.remove(self.job_id)
            publisher.finish()

    def _spec(self, folder: str) -> JobSpec:
        request = self.request
        return JobSpec(
            sources=tuple(str(source.absolute()) for source in request.sources),
            out=str(request.out.absolute()),
            profile=profile_text(request.profile),
            recipient=request.recipient,
            release_unchecked_pixels=request.release_unchecked_pixels,
            pixels=request.pixels,
            faces=request.faces,
            text=request.text,
            documents=request.documents,
            recogniser=str(request.recogniser.absolute()) if request.recogniser is not None else "",
            layouts=self.layouts,
            key_id=self.key_id,
            version=__version__,
            folder=folder,
            session=secrets.token_hex(16),
        )


class _Children:
    """The processes of this machine that carry shards out, each a worker of the queue."""

    def __init__(self, run: QueueRun, count: int) -> None:
        context = multiprocessing.get_context("fork")
        self._children: dict[str, tuple[ForkProcess, Connection]] = {}
        for _ in range(count):
            ours, theirs = context.Pipe()
            name = _make_name()
            child = context.Process(target=_work, args=(run, name, theirs), daemon=True, name=name)
            child.start()
            theirs.close()
            self._children[name] = child, ours

    def begin(self) -> None:
        """Let them begin: the tables have been made."""
        for _, ours in self._children.values():
            with contextlib.suppress(OSError):  # it died; `look` finds out
                ours.send("begin")

    def look(self, queue: DbosQueue) -> None:
        """Have the shards of those that died carried out by the others; raises `ScanwardError` when none is left."""
        dead = [name for name, (child, _) in self._children.items() if not child.is_alive()]
        for name in dead:
            self._end(name)
        if dead:
            queue.take_over(dead)
        if not self._children:
            raise ScanwardError(
                "the worker processes died",
                remedy="Run the same command again, with fewer --workers if memory is short.",
            )

    def stop(self) -> None:
        """Ask them to stop, and end those that do not."""
        for _, ours in self._children.values():
            with contextlib.suppress(OSError):  # it is gone already
                ours.send("stop")
        for name in list(self._children):
            self._children[name][0].join(STOP_SECONDS)
            self._end(name)

    def _end(self, name: str) -> None:
        child, ours = self._children.pop(name)
        child.kill()
        child.join()
        child.close()
        ours.close()


def _work(run: QueueRun, name: str, told: Connection) -> None:
    """Carry out shards in a process of its own until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one tells when to stop
    end_with_parent()
    if told.recv() != "begin":
        return
    with open_stores(run.home, run.settings) as stores:
        runner = ShardRunner(stores.jobs, make_hands(stores), own_job=run.job_id)
        queue = DbosQueue(
            engine=stores.engine, worker=name, handlers={}, concurrency=0, batch={FILES: runner}, takes_batch=True
        )
        watch = Watch(name, stores.ledger, queue, lambda: datetime.now(UTC))
        queue.start()
        while not told.poll(LOOK_SECONDS):
            with contextlib.suppress(ScanwardError):  # the database is away for a while; tried again
                watch.step()
        queue.stop(seconds=0)
        runner.stop()


def _make_name() -> str:
    return f"batch-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
