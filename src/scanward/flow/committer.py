"""Group commit: what several threads add at the same time shares one transaction, and so one wait for the disk."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

MAX_GROUP = 128
"""So many values share a transaction at most."""

T = TypeVar("T")
R = TypeVar("R")


class Committer(Generic[T, R]):
    """Commits values in groups, each for the thread that adds it.

    The first thread to come commits what has gathered; those that come meanwhile gather for the next group. So one
    thread alone waits for nobody, and many cost little more than one.

    Parameters
    ----------
    commit
        Commits values, all or none, and returns the answer for each.
    """

    def __init__(self, commit: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._commit = commit
        self._gathered: deque[tuple[T, Future[R]]] = deque()
        self._turn = threading.Lock()

    def add(self, value: T) -> R:
        """Return the answer for `value` once it is committed; raises what the commit of its group raised."""
        answer: Future[R] = Future()
        self._gathered.append((value, answer))
        with self._turn:
            # Whoever had the turn before may have committed this value along.
            while not answer.done():
                self._commit_group()
        return answer.result()

    def _commit_group(self) -> None:
        group = [self._gathered.popleft() for _ in range(min(len(self._gathered), MAX_GROUP))]
        try:
            answers = self._commit([value for value, _ in group])
        except BaseException as error:  # noqa: BLE001 - each thread raises it as its own
            for _, answer in group:
                answer.set_exception(error)
            return
        for (_, answer), result in zip(group, answers, strict=True):
            answer.set_result(result)
