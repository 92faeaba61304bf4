"""Disclosures of a period: a page costs the same whatever lies beside it, and pages leave nothing out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from sqlalchemy import Connection, Engine, event, text

from scanward.adapters.store.database import to_micros
from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import UnknownError
from scanward.ports.ledger import RecordedDisclosure
from tests.common.ledgers import after, queue_study

MANY = 5000
"""Seconds, each with a disclosure to a frequent recipient; each hundredth is one to a rare one."""

_FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {many})
INSERT INTO disclosures (release_id, day, study_id, patient_id, disclosed, recipient, recipient_name, recipient_address,
    purpose, basis, description, agreement_version, region, delete_by, instances)
SELECT release_id, 'day' || n, study_id, 'patient' || (n % 50), {start} + CAST(n AS BIGINT) * 1000000,
    CASE WHEN n % 100 = 0 THEN 'rare' ELSE 'frequent' END, recipient_name, recipient_address, purpose, basis,
    description, agreement_version, region, delete_by, 1
FROM numbers, disclosures WHERE day NOT LIKE 'day%'
"""


def fill(ledger: SqlLedger, engine: Engine) -> None:
    queue_study(ledger, at=after(0))
    with engine.execution_options(scanward_writes=True).begin() as connection:
        connection.execute(text(_FILL.format(many=MANY, start=to_micros(after(0)))))
        connection.execute(text("ANALYZE"))


@contextmanager
def plans_of(engine: Engine) -> Iterator[list[str]]:
    """Gather the plan of each question about disclosures."""
    plans: list[str] = []

    def ask(connection: Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "FROM disclosures" in statement and not statement.startswith("EXPLAIN"):
            explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
            rows = connection.exec_driver_sql(explain + statement, parameters).all()  # type: ignore[arg-type]
            plans.append("\n".join(str(row[-1]) for row in rows))

    event.listen(engine, "after_cursor_execute", ask)
    try:
        yield plans
    finally:
        event.remove(engine, "after_cursor_execute", ask)


PERIODS = [(None, None), (1000, 4000), (1000, None), (None, 4000), (4990, 5001), (9000, 9001)]


@pytest.mark.parametrize("which", [{}, {"recipient": "rare"}, {"recipient": "frequent"}, {"patient_id": "patient7"}])
def test_a_page_of_a_period_goes_by_an_index(ledger: SqlLedger, engine: Engine, which: dict[str, str]):
    fill(ledger, engine)
    (column,) = which or {"disclosed": ""}
    if "frequent" in which.values():
        column = f"({column}|disclosed)"  # that of all will do as well, where nearly all are to one
    with plans_of(engine) as plans:
        for first, last in PERIODS:
            since, until = (None if at is None else after(at) for at in (first, last))
            found = ledger.disclosures(limit=20, since=since, until=until, **which)
            if found:
                ledger.disclosures(limit=20, since=since, until=until, before=found[-1].disclosure_id, **which)
    assert len(plans) >= 6
    for plan in plans:
        # By what is asked for first, then by time, in order: nothing is sorted, and nothing is looked at beside it.
        assert re.search(rf"ix_disclosures_{column}_disclos|pk_disclosures|USING INTEGER PRIMARY KEY", plan), plan
        assert not re.search(r"Seq Scan|Sort|TEMP B-TREE|SCAN disclosures$", plan), plan


def pages(ledger: SqlLedger, limit: int, **which: datetime | str) -> list[RecordedDisclosure]:
    """Return all pages of a list, one after another."""
    found: list[RecordedDisclosure] = []
    while True:
        before = found[-1].disclosure_id if found else None
        page = ledger.disclosures(limit=limit, before=before, **which)  # type: ignore[arg-type]
        assert len(page) <= limit
        if not page:
            return found
        found += page


def test_pages_leave_nothing_out_and_repeat_nothing(ledger: SqlLedger):
    # Recorded out of order, as those of several workers are, and some at the same moment.
    for number, second in enumerate((5, 3, 3, 9, 1, 3, 7), 1):
        queue_study(ledger, str(number), "ab"[number % 2], at=after(second))
    everything = ledger.disclosures(limit=100)
    assert [one.disclosure.disclosed for one in everything] == [after(second) for second in (9, 7, 5, 3, 3, 3, 1)]
    for limit in (1, 2, 3):
        assert pages(ledger, limit) == everything
        assert pages(ledger, limit, since=after(3), until=after(9)) == everything[1:6]
        assert pages(ledger, limit, recipient="a") == [one for one in everything if one.disclosure.recipient == "a"]
    with pytest.raises(UnknownError):
        ledger.disclosures(limit=5, before=2**53)
