"""Group commit: each thread gets its own answer, and what fails fails for all of its group."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanward.errors import StoreError
from scanward.flow.committer import MAX_GROUP, Committer


def test_one_thread_commits_alone():
    groups = []

    def commit(values):
        groups.append(list(values))
        return [value * 2 for value in values]

    committer = Committer(commit)
    assert [committer.add(value) for value in (1, 2, 3)] == [2, 4, 6]
    assert groups == [[1], [2], [3]]


def test_what_gathers_during_a_commit_shares_the_next_one():
    first_is_in = threading.Event()
    go_on = threading.Event()
    groups = []

    def commit(values):
        groups.append(list(values))
        if len(groups) == 1:
            first_is_in.set()
            assert go_on.wait(10)
        return list(values)

    committer = Committer(commit)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(committer.add, 0)
        assert first_is_in.wait(10)
        others = [threads.submit(committer.add, value) for value in range(1, 9)]
        while len(committer._gathered) < 8:  # all of them wait for the turn
            pass
        go_on.set()
        assert first.result(10) == 0
        assert [one.result(10) for one in others] == list(range(1, 9))
    assert groups[0] == [0]
    assert sorted(groups[1]) == list(range(1, 9))
    assert len(groups) == 2


def test_a_failed_commit_is_told_to_each_of_its_group_and_to_no_other():
    fail = [True]

    def commit(values):
        if fail.pop() if fail else False:
            raise StoreError("no room")
        return list(values)

    committer = Committer(commit)
    with pytest.raises(StoreError):
        committer.add(1)
    assert committer.add(2) == 2


def test_groups_are_bounded():
    groups = []

    def commit(values):
        groups.append(len(values))
        return list(values)

    committer = Committer(commit)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(committer.add, range(2000)))
    assert answers == list(range(2000))
    assert sum(groups) == 2000
    assert max(groups) <= MAX_GROUP
