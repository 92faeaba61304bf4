"""Batch work in shards (implements :class:`scanward.ports.jobs.Jobs`), in the ledger's database.

Trust: tasks and results name files and carry identifiers, so both are sealed, each bound to its shard.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database
from scanward.adapters.store.packing import pack, unpack
from scanward.adapters.store.rows import chunks
from scanward.adapters.store.section import Section
from scanward.errors import UnknownError
from scanward.ports.jobs import Progressed, Shard, ShardState
from scanward.ports.stores import Sealing

_jobs, _shards = tables.jobs, tables.shards
_ID = _shards.c.shard_id == bindparam("id")

_SPEC = select(_jobs.c.spec).where(_jobs.c.job_id == bindparam("id"))
_CLEAR = delete(_shards).where(_shards.c.job_id == bindparam("id"), _shards.c.state != ShardState.DONE.value)
_KNOWN = select(_shards.c.digest, _shards.c.shard_id).where(_shards.c.job_id == bindparam("id"))
_ADD = insert(_shards)
_WAITING = select(_shards, _jobs.c.spec).join(_jobs).where(_ID, _shards.c.state == ShardState.WAITING.value)
_MOVE = update(_shards).where(_ID, _shards.c.state == bindparam("old"))
_FINISH = _MOVE.values(state=ShardState.DONE.value, content=bindparam("new_content"))
_GIVE_BACK = _MOVE.values(state=ShardState.RETURNED.value, tries=bindparam("new_tries"))
_WAIT = _MOVE.values(state=ShardState.WAITING.value)
_PROGRESS = select(_shards.c.shard_id, _shards.c.state, _shards.c.tries).where(
    _shards.c.shard_id.in_(bindparam("ids", expanding=True))
)
_RESULT = select(_shards.c.content).where(_ID, _shards.c.state == ShardState.DONE.value)
_DROP = delete(_shards).where(_ID)
_DROP_ALL = delete(_shards).where(_shards.c.job_id == bindparam("id"))
_REMOVE = delete(_jobs).where(_jobs.c.job_id == bindparam("id"))


class SqlJobs(Section):
    """Jobs and their shards.

    Parameters
    ----------
    database
        The ledger's.
    sealing
        Seals what they are about.
    """

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._put_job = database.statements.put(_jobs, ["job_id"], "spec")

    def begin(self, job_id: str, spec: str) -> Mapping[str, str]:
        """Make a job, or go on with it: of its shards only those that are done are left, returned by digest."""
        sealed = self._sealing.seal(f"job:{job_id}", spec)
        with self._database.writing() as writing:
            writing.execute(self._put_job, {"job_id": job_id, "spec": sealed})
            writing.execute(_CLEAR, {"id": job_id})
            return {row.digest: row.shard_id for row in writing.execute(_KNOWN, {"id": job_id})}

    def find_spec(self, job_id: str) -> str | None:
        """Return what a job is about, or None where there is none."""
        with self._database.reading() as connection:
            sealed = connection.execute(_SPEC, {"id": job_id}).scalar_one_or_none()
        return None if sealed is None else self._sealing.open(f"job:{job_id}", sealed)

    def add(self, job_id: str, shard_id: str, digest: str, task: str) -> None:
        """Add a shard that waits."""
        row = {
            "shard_id": shard_id,
            "job_id": job_id,
            "digest": digest,
            "state": ShardState.WAITING.value,
            "tries": 0,
            "content": pack(self._sealing, f"task:{shard_id}", task),
        }
        with self._database.writing() as writing:
            writing.execute(_ADD, row)

    def find_waiting(self, shard_id: str) -> Shard | None:
        """Return a shard, or None where it does not wait (any more)."""
        with self._database.reading() as connection:
            row = connection.execute(_WAITING, {"id": shard_id}).one_or_none()
        if row is None:
            return None
        return Shard(
            shard_id=shard_id,
            job_id=row.job_id,
            spec=self._sealing.open(f"job:{row.job_id}", row.spec),
            task=unpack(self._sealing, f"task:{shard_id}", row.content),
            tries=row.tries,
        )

    def finish(self, shard_id: str, result: str) -> bool:
        """Note that a waiting shard is done; False, and nothing noted, where it does not wait any more."""
        content = pack(self._sealing, f"result:{shard_id}", result)
        with self._database.writing() as writing:
            done = writing.execute(_FINISH, {"id": shard_id, "old": ShardState.WAITING.value, "new_content": content})
            return done.rowcount == 1

    def give_back(self, shard_id: str, tries: int) -> None:
        """Note that a worker could not carry a waiting shard out."""
        with self._database.writing() as writing:
            writing.execute(_GIVE_BACK, {"id": shard_id, "old": ShardState.WAITING.value, "new_tries": tries})

    def wait_again(self, shard_id: str) -> None:
        """Let a shard that was given back wait again."""
        with self._database.writing() as writing:
            writing.execute(_WAIT, {"id": shard_id, "old": ShardState.RETURNED.value})

    def progress(self, shard_ids: Sequence[str]) -> Mapping[str, Progressed]:
        """Return how far these shards are; those that are not there are left out."""
        found: dict[str, Progressed] = {}
        with self._database.reading() as connection:
            for some in chunks(shard_ids):
                for row in connection.execute(_PROGRESS, {"ids": some}):
                    found[row.shard_id] = Progressed(state=ShardState(row.state), tries=row.tries)
        return found

    def get_result(self, shard_id: str) -> str:
        """Return what came of a shard that is done; raises `UnknownError`."""
        with self._database.reading() as connection:
            sealed = connection.execute(_RESULT, {"id": shard_id}).scalar_one_or_none()
        if sealed is None:
            raise UnknownError("expected a shard that is done, got one that is not there or waits")
        return unpack(self._sealing, f"result:{shard_id}", sealed)

    def drop(self, shard_id: str) -> None:
        """Remove a shard."""
        with self._database.writing() as writing:
            writing.execute(_DROP, {"id": shard_id})

    def remove(self, job_id: str) -> None:
        """Remove a job with all of its shards."""
        with self._database.writing() as writing:
            writing.execute(_DROP_ALL, {"id": job_id})
            writing.execute(_REMOVE, {"id": job_id})
