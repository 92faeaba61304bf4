"""Batches of files in shards: what is kept of them, for how long, and that nobody reads it."""

import pytest
from sqlalchemy import Engine, text

from scanward.adapters.sealing import MasterSealing
from scanward.adapters.store.database import Database
from scanward.adapters.store.jobs import SqlJobs
from scanward.errors import StoreError, UnknownError
from scanward.ports.jobs import Progressed, ShardState
from tests.common.ledgers import SEALING

SPEC = '{"sources":["/scans/PLANTED^PATIENT"]}'
TASK = '["scan",[[0,"/scans/PLANTED^PATIENT/1.dcm","",100,7]]]'
RESULT = '{"identifiers":{"1.2":[["name","PLANTED^PATIENT"]]}}'


@pytest.fixture
def jobs(engine: Engine) -> SqlJobs:
    return SqlJobs(Database(engine), SEALING)


def test_a_shard_waits_until_it_is_done_once(jobs: SqlJobs):
    assert jobs.find_spec("j") is None
    assert jobs.begin("j", SPEC) == {}
    jobs.add("j", "s1", "d1", TASK)
    shard = jobs.find_waiting("s1")
    assert shard is not None
    assert (shard.shard_id, shard.job_id, shard.spec, shard.task, shard.tries) == ("s1", "j", SPEC, TASK, 0)
    assert "PLANTED" not in repr(shard)
    with pytest.raises(UnknownError):
        jobs.get_result("s1")
    assert jobs.progress(["s1", "s2"]) == {"s1": Progressed(state=ShardState.WAITING, tries=0)}
    assert jobs.finish("s1", RESULT)
    assert not jobs.finish("s1", "{}")
    assert jobs.get_result("s1") == RESULT
    assert jobs.find_waiting("s1") is None
    assert jobs.progress(["s1"])["s1"].state is ShardState.DONE
    assert not jobs.finish("s2", RESULT)


def test_what_is_given_back_waits_again_when_told(jobs: SqlJobs):
    jobs.begin("j", SPEC)
    jobs.add("j", "s1", "d1", TASK)
    jobs.give_back("s1", 1)
    assert jobs.find_waiting("s1") is None
    assert not jobs.finish("s1", RESULT)
    assert jobs.progress(["s1"]) == {"s1": Progressed(state=ShardState.RETURNED, tries=1)}
    jobs.wait_again("s1")
    shard = jobs.find_waiting("s1")
    assert shard is not None
    assert shard.tries == 1
    assert jobs.finish("s1", RESULT)
    jobs.give_back("s1", 2)
    assert jobs.get_result("s1") == RESULT


def test_a_job_that_begins_again_keeps_what_is_done(jobs: SqlJobs):
    jobs.begin("j", SPEC)
    jobs.begin("other", SPEC)
    for number in range(4):
        jobs.add("j", f"s{number}", f"d{number}", TASK)
    jobs.add("other", "o", "d0", TASK)
    jobs.finish("s1", RESULT)
    jobs.give_back("s2", 1)
    assert jobs.begin("j", SPEC + " ") == {"d1": "s1"}
    assert jobs.find_spec("j") == SPEC + " "
    assert list(jobs.progress(["s0", "s1", "s2", "s3", "o"])) in (["s1", "o"], ["o", "s1"])
    assert not jobs.finish("s0", RESULT)
    jobs.drop("s1")
    assert jobs.begin("j", SPEC) == {}
    jobs.remove("j")
    assert jobs.find_spec("j") is None
    assert jobs.find_waiting("o") is not None


def test_the_same_task_is_there_once_and_of_a_job_only(jobs: SqlJobs):
    jobs.begin("j", SPEC)
    jobs.add("j", "s1", "d1", TASK)
    with pytest.raises(StoreError):
        jobs.add("j", "s2", "d1", TASK)
    with pytest.raises(StoreError):
        jobs.add("no job", "s3", "d1", TASK)


def test_nobody_reads_what_it_is_about(jobs: SqlJobs, engine: Engine):
    jobs.begin("j", SPEC)
    jobs.add("j", "s1", "d1", TASK)
    jobs.add("j", "s2", "d2", TASK)
    jobs.finish("s2", RESULT)
    with engine.connect() as connection:
        rows = [bytes(one) for one in connection.execute(text("SELECT content FROM shards")).scalars()]
        rows += [bytes(one) for one in connection.execute(text("SELECT spec FROM jobs")).scalars()]
    assert len(rows) == 3
    assert not any(b"PLANTED" in row or b"scans" in row for row in rows)
    stranger = SqlJobs(Database(engine), MasterSealing(bytes(32)))
    for read in (
        lambda: stranger.find_spec("j"),
        lambda: stranger.find_waiting("s1"),
        lambda: stranger.get_result("s2"),
    ):
        with pytest.raises(StoreError):
            read()


def test_what_is_moved_to_another_shard_does_not_open(jobs: SqlJobs, engine: Engine):
    jobs.begin("j", SPEC)
    jobs.add("j", "s1", "d1", TASK)
    jobs.add("j", "s2", "d2", TASK)
    with engine.execution_options(scanward_writes=True).begin() as connection:
        connection.execute(
            text("UPDATE shards SET content = (SELECT content FROM shards WHERE shard_id = 's1') WHERE shard_id = 's2'")
        )
    with pytest.raises(StoreError):
        jobs.find_waiting("s2")
