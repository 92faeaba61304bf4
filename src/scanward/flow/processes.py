"""The processes of a run: this one alone, or a pool with a bounded number of tasks under way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from scanward.errors import ScanwardError
from scanward.flow.worker import ScanResult, Unit, UnitResult, Worker
from scanward.model.source import SourceFile

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

Share = Sequence[tuple[int, SourceFile]]
"""Inputs with their place in the list of inputs."""


class Pool(Protocol):
    """Carries out the work of a run, in whatever order; each task comes back with its result."""

    def scan(self, shares: Iterable[Share]) -> Iterator[tuple[Share, ScanResult]]:
        """Read the headers of inputs."""
        ...

    def deidentify(self, units: Iterable[Unit]) -> Iterator[tuple[Unit, UnitResult]]:
        """De-identify, check and release; outputs are in their places when their unit comes back."""
        ...


OpenPool = Callable[[Worker, int], AbstractContextManager[Pool]]
"""Gives a pool of so many processes for what a worker does; work that was not finished goes on in the next run."""

_worker: Worker | None = None


def _start_process(worker: Worker) -> None:
    end_with_parent()
    _start(worker)


def end_with_parent() -> None:
    """See that this process ends when the one that started it does, however that ends."""
    import os
    import threading
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is not None:

        def follow() -> None:
            connection.wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


def _start(worker: Worker) -> None:
    global _worker  # noqa: PLW0603 - the one thing a worker process has
    _worker = worker


def scan_share(share: Share) -> ScanResult:
    """Have this process's worker scan a share of the inputs."""
    if _worker is None:
        raise ScanwardError("expected the process to have a worker")
    return _worker.scan(share)


def deidentify_unit(unit: Unit) -> UnitResult:
    """Have this process's worker de-identify a unit."""
    if _worker is None:
        raise ScanwardError("expected the process to have a worker")
    return _worker.deidentify(unit)


class Submit:
    """Runs tasks in this process, or in others with a bounded number under way (implements `Pool`)."""

    def __init__(self, pool: "ProcessPoolExecutor | None", workers: int) -> None:
        self._pool = pool
        self._under_way = 2 * workers

    def scan(self, shares: Iterable[Share]) -> Iterator[tuple[Share, ScanResult]]:
        """Read the headers of inputs."""
        return self(scan_share, shares)

    def deidentify(self, units: Iterable[Unit]) -> Iterator[tuple[Unit, UnitResult]]:
        """De-identify, check and release."""
        return self(deidentify_unit, units)

    def __call__(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Yield each task with its result, as they come."""
        if self._pool is None:
            for task in tasks:
                yield task, function(task)
            return
        yield from self._in_pool(self._pool, function, tasks)

    def _in_pool(
        self, pool: "ProcessPoolExecutor", function: Callable[[T], R], tasks: Iterable[T]
    ) -> Iterator[tuple[T, R]]:
        from concurrent.futures import FIRST_COMPLETED, wait
        from concurrent.futures.process import BrokenProcessPool

        pending: dict[Future[R], T] = {}
        tasks = iter(tasks)
        try:
            while True:
                for task in islice(tasks, self._under_way - len(pending)):
                    pending[pool.submit(function, task)] = task
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool:
            raise ScanwardError(
                "a worker process died", remedy="Run the same command again, with fewer --workers if memory is short."
            ) from None
        finally:
            for future in pending:
                future.cancel()


@contextmanager
def open_pool(worker: Worker, workers: int) -> Iterator[Submit]:
    """Give the means to run tasks; processes are started here, before this one has threads or a journal."""
    _start(worker)
    if workers == 1:
        yield Submit(None, 1)
        return
    # Loaded where needed: a run in one process starts without.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_process, initargs=(worker,)) as pool:
        try:
            yield Submit(pool, workers)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
