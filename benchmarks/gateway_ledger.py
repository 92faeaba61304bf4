"""What a study costs the ledger, from its first instance to its last confirmation, while the ledger grows.

The ledger, on SQLite, is filled with studies of one instance each, all disclosed and confirmed, by its own tables but
without its transactions. Then studies of ten instances go all the way, each step in a transaction that is flushed.
"""

import resource
import shutil
import sqlite3
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway import finish, options, work_folder
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, insert, literal_column, select, text
from table import format_table

from scanward.adapters.store import tables
from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.model.study import Completion
from tests.common.ledgers import (
    SEALING,
    account_release,
    after,
    make_received,
    outcome,
    parse_recipient,
)

SIZES = (10_000, 100_000, 1_000_000)
LARGE = 10_000_000
INSTANCES = 10
RECIPIENTS = 10
MAX_GROWTH = 1.5
"""Goal: a study costs the largest ledger at most so many times what it costs the smallest."""

_MICROS = "1700000000000000 + i * 1000000"
_WHO = f"'vendor-' || (i % {RECIPIENTS})"

Expressions = dict[str, str]
"""Column -> expression of SQLite, of the row's number ``i`` and how many there are, ``:count``."""


def _spread(of: str) -> str:
    """Return ids in rising order over their whole range, so that filling is quick and new ones fall anywhere."""
    return f"printf('%08x%024x', ({of}) * (4294967295 / :count), {of})"


_ID = _spread("i")
_PATIENT = _spread("i / 3 + 1")
_UID = "printf('2.25.%010d%020d', i * (9999999999 / :count), i)"

ROWS: dict[Table, Expressions] = {
    tables.studies: {
        "study_id": _ID, "patient_id": _PATIENT, "identity": "randomblob(260)", "first_received": _MICROS,
        "last_received": _MICROS, "instances": "1", "waiting": "0", "batches": "1",
    },
    tables.series: {"series_id": _ID, "study_id": _ID},
    tables.instances: {
        "instance_id": _ID, "study_id": _ID, "series_id": _ID, "batch": "1", "identity": "randomblob(200)",
        "sop_class_uid": "'1.2.840.10008.5.1.4.1.1.2'", "transfer_syntax_uid": "'1.2.840.10008.1.2.1'",
        "modality": "'CT'", "body_part": "'CHEST'", "burned_in_annotation": "'NO'", "size_bytes": "526000",
        "blob": _ID, "origin_kind": "'dimse'", "origin_peer": "'ct-1'", "received": _MICROS,
    },
    tables.batches: {
        "study_id": _ID, "number": "1", "how": "'quiet time'", "closed": _MICROS, "routed": _MICROS,
    },
    tables.releases: {
        "release_id": _ID, "study_id": _ID, "patient_id": _PATIENT, "batch": "1", "recipient": _WHO,
        "purpose": "'HRESCH'", "state": "'done'", "reasons": "'[\"You agreed.\"]'", "approved_by": "''",
        "refused_by": "''", "changed": _MICROS,
    },
    tables.decisions: {
        "release_id": _ID, "at": _MICROS, "state": "'permitted'",
        "decision": "'{\"permit\":{\"profile\":\"ai-inference\",\"reasons\":[\"You agreed.\"]}}'",
    },
    tables.disclosures: {
        "disclosure_id": "i", "release_id": _ID, "day": "'2025-11-21'", "study_id": _ID, "patient_id": _PATIENT,
        "disclosed": _MICROS, "recipient": _WHO, "recipient_name": "'A vendor'", "recipient_address": "'1 Street'",
        "purpose": "'HRESCH'", "basis": "'research'", "description": "'1 CT image'", "agreement_version": "'v1'",
        "region": "'DE'", "delete_by": "'2027-01-01'", "instances": "1",
    },
    tables.items: {
        "release_id": _ID, "instance_id": _ID, "recipient": _WHO, "purpose": "'HRESCH'", "state": "'sent'",
        "detail": "''", "attempts": "1", "may_have_arrived": "1", "next_attempt": _MICROS, "lease_owner": "''",
        "changed": _MICROS, "disclosure_id": "i", "sop_instance_uid": _UID, "series_uid": f"{_UID} || '1'",
        "study_uid": _UID, "patient": "'PSEUDONYM'", "sop_class_uid": "'1.2.840.10008.5.1.4.1.1.2'",
        "transfer_syntax_uid": "'1.2.840.10008.1.2.1'", "modality": "'CT'", "size_bytes": "525000", "recipe": _ID,
        "recipe_index": "0",
    },
    tables.release_uids: {"recipient": _WHO, "uid": _UID, "release_id": _ID, "study_uid": _UID},
    tables.events: {"subject": _ID, "at": _MICROS, "what": "'received'", "by": "'ct-1'", "detail": "''"},
}  # fmt: skip
"""What each disclosure leaves in the ledger."""

_NUMBERS = Table("numbers", MetaData(), Column("i", Integer, primary_key=True), prefixes=["TEMPORARY"])
_COUNT = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) INSERT INTO numbers SELECT i FROM n
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a study costs a ledger of a size; `history_ms` is looking up a patient's disclosures, as for accounting."""

    file_bytes: int
    fill_seconds: float
    wall_ms: float
    cpu_ms: float
    history_ms: float


def fill(path: Path, count: int) -> None:
    """Put `count` disclosures with all that belongs to them into an empty ledger."""
    engine = create_engine(f"sqlite:///{path}")
    indexes = [index for table in ROWS for index in table.indexes]
    with engine.connect() as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-1000000"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        _NUMBERS.create(connection)
        connection.execute(text(_COUNT), {"count": count})
        for index in indexes:
            index.drop(connection)
        for table, expressions in ROWS.items():
            _fill_table(connection, table, expressions, count)
        for index in indexes:
            index.create(connection)
        lanes = [{"recipient": f"vendor-{number}", "owner": "", "until": 0} for number in range(RECIPIENTS)]
        connection.execute(insert(tables.lanes), lanes)
        tallies = [
            {"name": name, "shard": 0, "count": count}
            for name in ("studies", "instances", "releases:done", "items:sent")
        ]
        connection.execute(insert(tables.tallies), tallies)
        connection.commit()
    engine.dispose()


def _fill_table(connection: Connection, table: Table, expressions: Expressions, count: int) -> None:
    values = [literal_column(expression.replace(":count", str(count))) for expression in expressions.values()]
    connection.execute(insert(table).from_select(list(expressions), select(*values).select_from(_NUMBERS)))


def run_study(ledger: SqlLedger, number: int) -> None:
    """Take a study all the way through the ledger, as the gateway does."""
    recipient = f"vendor-{number % RECIPIENTS}"
    received = [make_received(f"7{number}", one, patient=f"p{number}") for one in range(1, INSTANCES + 1)]
    ledger.add_received(received)
    batch = ledger.close_study(received[0].study_id, Completion.QUIET, after(1))
    if batch is None:
        raise RuntimeError("expected a batch")
    ledger.find_unrouted(100)
    ledger.mark_routed(batch, after(1))
    release = account_release(ledger, batch, recipient, at=after(2))
    claim = ledger.claim("bench", after(3), after(60), 500)
    if claim is None or not ledger.begin_attempt("bench", claim):
        raise RuntimeError("expected items to send")
    ledger.settle("bench", [outcome(release, one.item.instance_id) for one in claim.items], after(4))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure_size(folder: Path, size: int, studies: int) -> Cost:
    """Fill a ledger and time studies on it."""
    path = folder / "ledger.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    began = time.perf_counter()
    fill(path, size)
    filled = time.perf_counter() - began
    engine = make_engine(f"sqlite:///{path}")
    ledger = SqlLedger(engine, SEALING, parse_recipient)
    run_study(ledger, 0)
    walls: list[float] = []
    cpu = _cpu_seconds()
    for number in range(1, studies + 1):
        began = time.perf_counter()
        run_study(ledger, number)
        walls.append(time.perf_counter() - began)
    cpu = _cpu_seconds() - cpu
    looked: list[float] = []
    for number in range(1, studies + 1):
        patient = make_received(f"7{number}", 1, patient=f"p{number}").patient_id
        began = time.perf_counter()
        if len(ledger.disclosures(limit=100, patient_id=patient)) != 1:
            raise RuntimeError("expected one disclosure of the patient")
        looked.append(time.perf_counter() - began)
    engine.dispose()
    _check(path, size + studies + 1)
    return Cost(
        file_bytes=path.stat().st_size,
        fill_seconds=filled,
        wall_ms=statistics.median(walls) * 1000,
        cpu_ms=cpu / studies * 1000,
        history_ms=statistics.median(looked) * 1000,
    )


def _check(path: Path, disclosures: int) -> None:
    """See that the ledger is as large as it should be; raises where filling left something out."""
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT max(disclosure_id) FROM disclosures").fetchone()
    if found != disclosures:
        raise RuntimeError(f"expected {disclosures} disclosures, got {found}")


def _print(costs: dict[int, Cost], studies: int) -> None:
    print(
        f"\nLedger on SQLite: a study of {INSTANCES} instances from receiving to confirmed, {studies} of them, "
        "while the ledger holds\n"
    )
    rows = [
        [
            f"{size:,} disclosures",
            f"{cost.wall_ms:.1f} ms",
            f"{cost.cpu_ms:.1f} ms",
            f"{cost.history_ms:.2f} ms",
            f"{cost.file_bytes / 1e6:,.0f} MB",
            f"{cost.fill_seconds:.0f} s",
        ]
        for size, cost in costs.items()
    ]
    print(format_table(("", "a study", "CPU", "a patient's disclosures", "file", "filled in"), rows))


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, studies=100)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="disclosures in the ledger")
    parser.add_argument("--large", action="store_true", help=f"also {LARGE:,} disclosures (needs 40 GB of disk)")
    arguments = parser.parse_args()
    sizes: Sequence[int] = [*arguments.sizes, *([LARGE] if arguments.large else [])]
    costs: dict[int, Cost] = {}
    with work_folder() as work:
        for size in sizes:
            (work / str(size)).mkdir()
            costs[size] = measure_size(work / str(size), size, arguments.studies)
            shutil.rmtree(work / str(size))
    _print(costs, arguments.studies)
    growth = costs[sizes[-1]].cpu_ms / costs[sizes[0]].cpu_ms
    goal = f"flat: {growth:.2f} times the CPU time for {sizes[-1] // sizes[0]:,} times the disclosures"
    figures = {"instances": INSTANCES, "studies": arguments.studies, "sizes": {k: asdict(v) for k, v in costs.items()}}
    finish({goal: growth <= MAX_GROWTH}, figures, arguments.json)


if __name__ == "__main__":
    main()
