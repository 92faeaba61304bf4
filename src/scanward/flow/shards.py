"""A run of the file command in shards that any worker carries out: what a worker does, and who hands them out.

A worker puts the outputs of a shard aside, in a folder of their own inside the folder of the outputs; only the process
that gave the command moves them to their places. So a worker that was thought dead, or that still works for a run that
began anew and knows more of a patient, changes nothing.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TypeVar

from scanward.errors import JournalError, StoreError
from scanward.flow.processes import Share
from scanward.flow.shard_texts import (
    PutAside,
    decode_put_aside,
    decode_scan,
    decode_task,
    encode_put_aside,
    encode_scan,
    encode_share,
    encode_unit,
)
from scanward.flow.worker import ScanResult, Unit, UnitResult, Worker
from scanward.ports.jobs import Jobs, Publisher, Shard, ShardOutput, ShardState
from scanward.ports.work import WorkQueue

FILES = "files"
"""Kind of work: carry out a shard; its key is ``shard id:tries``."""

MAX_TRIES = 3
"""A shard that was given back so often is carried out by the process that gave the command."""

HOLD_SECONDS = 5.0
"""So long a worker keeps a shard of a job that it cannot do, so that it takes few of them from those who can."""

POLL_SECONDS = 0.05
"""How often the process that gave the command looks whether shards are done."""

JOBS_KEPT = 4
"""Of so many jobs a worker keeps what it works with."""

LOG = logging.getLogger("scanward.shards")

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSpec:
    """What a job is about, for whoever carries out its shards.

    Attributes
    ----------
    sources, out
        Absolute paths, the same on every machine.
    profile
        Text of the profile.
    recipient, release_unchecked_pixels, pixels, faces, text, documents
        As asked for.
    recogniser
        Absolute path of the folder of a model of one's own, the same on every machine; empty for none.
    layouts
        Text of the site's table of screens, empty for none.
    key_id, version
        Of the keys and the program: with others the outputs would be others.
    folder
        Name of the folder among the outputs in which shards put theirs aside: who does not see it does not see the
        same outputs.
    session
        Names the run that hands the shards out.
    """

    sources: tuple[str, ...]
    out: str
    profile: str
    recipient: str
    release_unchecked_pixels: bool
    pixels: str
    key_id: str
    version: str
    folder: str
    session: str
    layouts: str = ""
    faces: str = ""
    text: str = ""
    documents: str = ""
    recogniser: str = ""

    def __repr__(self) -> str:
        """Show no path: folders may be named after patients."""
        return f"JobSpec(<{len(self.sources)} sources>)"

    def encode(self) -> str:
        """Return it as a text."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> "JobSpec":
        """Return what `encode` made a text of."""
        values = json.loads(text)
        return cls(**{**values, "sources": tuple(values["sources"])})


@dataclass(frozen=True, kw_only=True)
class Hand:
    """What carries out shards of one job, one at a time.

    Attributes
    ----------
    worker
        Does the work.
    output
        Where it puts the outputs aside.
    close
        Gives up what it holds open.
    """

    worker: Worker
    output: ShardOutput
    close: Callable[[], None]

    def carry_out(self, shard: Shard) -> "CarriedOut":
        """Return what came of a shard."""
        task = decode_task(shard.task)
        if not isinstance(task, Unit):
            scanned = self.worker.scan(task)
            return CarriedOut(text=encode_scan(scanned), unread=scanned.unread)
        folder = self.output.begin(shard.shard_id)
        try:
            result = self.worker.deidentify(task)
            withdrawn = self.output.end()
        except BaseException:
            self.output.discard(folder)
            raise
        text = encode_put_aside(PutAside(result=result, folder=folder, withdrawn=withdrawn))
        return CarriedOut(text=text, unread=result.unread, folder=folder)

    def discard(self, done: "CarriedOut") -> None:
        """Take away what was put aside for a result that nobody wants."""
        if done.folder:
            self.output.discard(done.folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedOut:
    """What came of a shard.

    Attributes
    ----------
    text
        The result.
    unread
        How many inputs could not be read.
    folder
        Name of the folder of what was put aside, empty where nothing was.
    """

    text: str
    unread: int
    folder: str = ""

    def __repr__(self) -> str:
        """Show no text: it carries identifiers."""
        return f"CarriedOut(<{len(self.text)} characters>)"


class Hands:
    """The hands of a worker: made for a job when they are needed, and used by one thread at a time.

    Parameters
    ----------
    make
        Makes one; raises `ScanwardError` where this machine cannot do the job.
    """

    def __init__(self, make: Callable[[JobSpec], Hand]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._idle: dict[str, list[Hand]] = {}

    @contextmanager
    def of(self, spec: JobSpec) -> Iterator[Hand]:
        """Lend a hand for a job; one that failed is not used again."""
        with self._lock:
            idle = self._idle[spec.session] = self._idle.pop(spec.session, [])  # last, as the one used last
            hand = idle.pop() if idle else None
            old = [self._idle.pop(session) for session in list(self._idle)[:-JOBS_KEPT]]
        _close(one for hands in old for one in hands)
        if hand is None:
            hand = self._make(spec)
        try:
            yield hand
        except BaseException:
            hand.close()
            raise
        with self._lock:
            if spec.session in self._idle:
                self._idle[spec.session].append(hand)
                return
        hand.close()

    def close(self) -> None:
        """Give up those that are idle."""
        with self._lock:
            hands = [one for idle in self._idle.values() for one in idle]
            self._idle = {}
        _close(hands)


def _close(hands: Iterable[Hand]) -> None:
    for hand in hands:
        hand.close()


class ShardRunner:
    """Carries out shards as they are taken from the queue.

    Parameters
    ----------
    jobs
        What they are about.
    hands
        Carry them out.
    own_job
        Id of the job that this process was started for: what cannot be read here cannot be read.
    """

    def __init__(self, jobs: Jobs, hands: Hands, *, own_job: str = "") -> None:
        self._jobs = jobs
        self._hands = hands
        self._own_job = own_job
        self._stopping = threading.Event()

    def __call__(self, key: str) -> None:
        """Carry out a shard, or give it back; raises `StoreError` when the queue shall try it again."""
        shard = self._jobs.find_waiting(key.partition(":")[0])
        if shard is None:
            return
        is_own = shard.job_id == self._own_job
        try:
            with self._hands.of(JobSpec.decode(shard.spec)) as hand:
                done = hand.carry_out(shard)
                if done.unread and not is_own:
                    hand.discard(done)
                    self._jobs.give_back(shard.shard_id, shard.tries + 1)
                elif not self._jobs.finish(shard.shard_id, done.text):
                    hand.discard(done)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: who gave the command meets it too, and says so
            if not is_own:
                LOG.warning("a shard was given back: %s", type(error).__name__)
                self._stopping.wait(HOLD_SECONDS)
            self._jobs.give_back(shard.shard_id, MAX_TRIES if is_own else shard.tries + 1)

    def carry_out(self, shard_id: str) -> None:
        """Carry out a shard here and now; what goes wrong is raised."""
        shard = self._jobs.find_waiting(shard_id)
        if shard is None:
            return
        with self._hands.of(JobSpec.decode(shard.spec)) as hand:
            self._jobs.finish(shard_id, hand.carry_out(shard).text)

    def stop(self) -> None:
        """Wait for nothing any more, and close what is open."""
        self._stopping.set()
        self._hands.close()


class ShardPool:
    """Hands out the shards of a job and takes what came of them (implements :class:`scanward.flow.processes.Pool`).

    Parameters
    ----------
    jobs, queue
        Where the shards are and who is told of them.
    job_id
        Id of the job.
    done
        Shards that an interrupted run has done, by digest.
    digest
        Returns the digest of a task.
    make_id
        Returns an id that no shard has.
    publisher
        Brings outputs to their places.
    runner
        Carries out what nobody else could.
    look
        Called again and again while shards are waited for; raises `ScanwardError` when there is nobody left to do them.
    at_once
        So many shards are handed out at a time.
    """

    def __init__(
        self,
        *,
        jobs: Jobs,
        queue: WorkQueue,
        job_id: str,
        done: dict[str, str],
        digest: Callable[[str], str],
        make_id: Callable[[], str],
        publisher: Publisher,
        runner: ShardRunner,
        look: Callable[[], None],
        at_once: int,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._job_id = job_id
        self._done = done
        self._digest = digest
        self._make_id = make_id
        self._publisher = publisher
        self._runner = runner
        self._look = look
        self._at_once = at_once
        self._pause = threading.Event()

    def scan(self, shares: Iterable[Share]) -> Iterator[tuple[Share, ScanResult]]:
        """Have the headers of inputs read. Results stay until the end of the job: the next run need not read again."""
        for shard_id, share, result in self._run(shares, encode_share, decode_scan):
            yield share, result
            if result.unread:
                self._jobs.drop(shard_id)

    def deidentify(self, units: Iterable[Unit]) -> Iterator[tuple[Unit, UnitResult]]:
        """Have units de-identified, and bring their outputs to their places."""
        for shard_id, unit, done in self._run(units, encode_unit, self._publish):
            yield unit, done.result
            self._jobs.drop(shard_id)
            self._publisher.discard(done.folder)

    def _publish(self, text: str) -> PutAside | None:
        done = decode_put_aside(text)
        paths = [path for _, path in done.result.released]
        return done if self._publisher.publish(done.folder, paths, done.withdrawn) else None

    def _run(
        self, tasks: Iterable[T], encode: Callable[[T], str], take: Callable[[str], R | None]
    ) -> Iterator[tuple[str, T, R]]:
        """Yield each task with its shard and result; one whose result is no longer good is done over."""
        left = iter(tasks)
        out: dict[str, T] = {}
        while True:
            for task in islice(left, self._at_once - len(out)):
                out[self._hand_out(encode(task))] = task
            if not out:
                return
            settled = self._settle(out)
            for shard_id in settled:
                task = out.pop(shard_id)
                result = take(self._jobs.get_result(shard_id))
                if result is not None:
                    yield shard_id, task, result
                else:
                    self._jobs.drop(shard_id)
                    out[self._hand_out(encode(task))] = task
            if not settled:
                self._look()
                self._pause.wait(POLL_SECONDS)

    def _hand_out(self, task: str) -> str:
        digest = self._digest(task)
        known = self._done.pop(digest, None)
        if known is not None:
            return known
        shard_id = self._make_id()
        self._jobs.add(self._job_id, shard_id, digest, task)
        self._queue.submit(FILES, f"{shard_id}:0")
        return shard_id

    def _settle(self, out: dict[str, T]) -> list[str]:
        """Return which shards are done; see that those that were given back are carried out."""
        progress = self._jobs.progress(list(out))
        if len(progress) < len(out):
            raise JournalError(
                "the same run is going on in another process", remedy="Wait until it is done, or stop it first."
            )
        settled = [shard_id for shard_id in out if progress[shard_id].state is ShardState.DONE]
        for shard_id, one in progress.items():
            if one.state is ShardState.RETURNED:
                self._jobs.wait_again(shard_id)
                if one.tries < MAX_TRIES:
                    self._queue.submit(FILES, f"{shard_id}:{one.tries}")
                else:
                    self._runner.carry_out(shard_id)
        return settled
