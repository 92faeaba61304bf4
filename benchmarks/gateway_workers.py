"""How much faster releases are prepared by two `scanward worker` processes than by one, on PostgreSQL.

Studies are taken in first. The clock runs from the moment they are closed until every instance is de-identified,
checked and accounted for; the workers run already and wait, and the recipient fetches, so that nothing is sent.
"""

import argparse
import contextlib
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from gateway import Server, finish, make_home, options, run_scanward, running, scanward, wait_for, work_folder
from gateway_end_to_end import RECIPIENT, write_profile
from inputs import SETS
from measure import CommandFailedError, find_dicom
from table import format_table

from scanward.bootstrap.clock import now
from scanward.bootstrap.stores import open_stores
from scanward.flow.intake import GatewayIntake
from scanward.model.instance import BytesSource
from scanward.model.study import Completion, Origin, OriginKind
from tests.common.ports import wait_until
from tests.common.postgres import Postgres, find_postgres, run_postgres

WORKERS = (1, 2)
SHARD_INSTANCES = 100
MIN_FACTOR = 1.6
"""Goal: two workers do so many times the work of one, where there are two cores for them."""

WAIT_SECONDS = 180.0
ARCHIVE = Origin(kind=OriginKind.DIMSE, peer="archive")


@dataclass(frozen=True, kw_only=True)
class Took:
    """What preparing took: seconds by the clock, milliseconds of CPU time of the workers an instance."""

    seconds: float
    cpu_ms: float


def _make(home: Path, server: Postgres, name: str) -> None:
    """Make a gateway's home folder whose ledger and vault are on `server`."""
    urls = [server.create_database(f"{name}_{what}") for what in ("ledger", "vault")]
    more = f'ledger_url = "{urls[0]}"\nvault_url = "{urls[1]}"\nshard_instances = {SHARD_INSTANCES}'
    make_home(home, more=more)
    document = home.parent / f"{name}.toml"
    document.write_text(
        RECIPIENT.format(endpoint='kind = "pull"', profile=write_profile(document.parent)), encoding="utf-8"
    )
    run_scanward(home, "recipient", "add", str(document))


def _take(home: Path, server: Postgres, files: Sequence[Path], workers: int, name: str) -> Took:
    """Take all files in, start the workers, close the studies, and wait until they are done."""
    with contextlib.ExitStack() as stack:
        stores = stack.enter_context(open_stores(home))
        intake = GatewayIntake(
            blobs=stores.blobs, vault=stores.vault, ledger=stores.ledger, sealing=stores.sealing, spool=stores.spool,
            clock=now,
        )  # fmt: skip
        studies = {intake.take(BytesSource(file.read_bytes()), ARCHIVE).study_uid for file in files}
        servers = []
        for number in range(workers):
            log = home / f"worker-{number}.log"
            process = stack.enter_context(running(scanward(home, "worker"), log))
            wait_for(process, lambda count=number + 1: _count(server, name, "workers") == count, log)
            servers.append(Server(pid=process.pid))
        cpu = sum(one.cpu_seconds() for one in servers)
        began = time.perf_counter()
        for study in studies:
            intake.complete(study, Completion.REQUESTED)
        wait_until(
            lambda: _count(server, name, "items") == len(files), "all instances are prepared", seconds=WAIT_SECONDS
        )
        seconds = time.perf_counter() - began
        cpu = sum(one.cpu_seconds() for one in servers) - cpu
        quarantined = _count(server, name, "items WHERE state <> 'available'")
    if quarantined:
        raise CommandFailedError(f"expected all instances to be prepared, got {quarantined} that were not")
    return Took(seconds=seconds, cpu_ms=cpu / len(files) * 1000)


def _count(server: Postgres, name: str, what: str) -> int:
    url = server.url(f"{name}_ledger").replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {what}".encode()).fetchone()  # noqa: S608 - of ours
    return int(row[0]) if row else 0


def measure(work: Path, arguments: argparse.Namespace) -> dict[int, Took]:
    """Return the medians, by number of workers."""
    SETS["ct"](work / "ct", arguments.instances, arguments.data)
    files = find_dicom(work / "ct")
    rounds: dict[int, list[Took]] = {count: [] for count in WORKERS}
    with run_postgres(durable=True) as server:
        for number in range(arguments.rounds):
            for count in WORKERS:
                name = f"bench_{number}_{count}"
                _make(work / name, server, name)
                rounds[count].append(_take(work / name, server, files, count, name))
                shutil.rmtree(work / name)
    return {
        count: Took(
            seconds=statistics.median(one.seconds for one in took), cpu_ms=statistics.median(one.cpu_ms for one in took)
        )
        for count, took in rounds.items()
    }


def main() -> None:
    """Measure, print, write."""
    arguments = options(__doc__, instances=800, rounds=2).parse_args()
    if find_postgres() is None:
        print("\nWorkers are not measured: PostgreSQL is not installed (Debian package postgresql).")
        finish({}, {}, arguments.json)
        return
    with work_folder() as work:
        medians = measure(work, arguments)
    print(
        f"\nWorkers on PostgreSQL: {arguments.instances} CT instances of two studies are de-identified and accounted "
        f"for, in units of {SHARD_INSTANCES}; medians of {arguments.rounds} rounds\n"
    )
    rows = [
        [f"{count} worker{'s' * (count > 1)}", f"{arguments.instances / took.seconds:.0f}", f"{took.seconds:.2f} s",
         f"{took.cpu_ms:.2f} ms"]
        for count, took in medians.items()
    ]  # fmt: skip
    print(format_table(("", "inst/s", "time", "CPU of the workers, an instance"), rows))
    print("\nPostgreSQL runs on the same cores.")
    factor = medians[1].seconds / medians[2].seconds
    figures = {
        "instances": arguments.instances,
        "workers": {str(count): asdict(took) for count, took in medians.items()},
    }
    finish(
        {f"2 workers do {MIN_FACTOR:g} times the work of 1: {factor:.2f}": factor >= MIN_FACTOR},
        figures,
        arguments.json,
    )


if __name__ == "__main__":
    main()
