"""Searches among many studies: a page costs the same wherever it is, and pages leave nothing out."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import event, insert

from scanward.adapters.store import tables
from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.web.app import create_app
from scanward.web.roles import Role
from tests.common.ledgers import NOW, SEALING, parse_recipient, queue_study
from tests.web.conftest import Client

MANY = 2000
PER_STUDY = 3
PAGE = 100


def fill(ledger: SqlLedger, engine) -> None:
    """Offer `MANY` studies to the recipient `vendor`: copies of one that the ledger itself noted."""
    release = queue_study(ledger, "0", count=PER_STUDY, at=NOW)
    names = ("studies", "releases", "instances", "items", "release_uids")
    serial = {"instances": "seq", "items": "seq"}
    with engine.execution_options(scanward_writes=True).begin() as connection:
        for name in names:
            table = tables.metadata.tables[name]
            rows = [row._asdict() for row in connection.execute(table.select())]
            copies = [
                {key: renamed(key, value, number) for key, value in row.items() if key != serial.get(name)}
                for number in range(MANY)
                for row in rows
            ]
            connection.execute(insert(table), copies)
        # What they are copies of is only queued, and so not to be fetched.
        moved = tables.items.update().where(tables.items.c.release_id != release.release_id)
        connection.execute(moved.values(state="available"))


def renamed(key: str, value: object, number: int) -> object:
    """Return a value of a copy: ids and UIDs are its own."""
    if key in {"study_id", "series_id", "instance_id", "release_id"}:
        return f"{number:06d}{value}"[:32]
    if key in {"study_uid", "series_uid", "sop_instance_uid", "uid"}:
        return f"{value}.{number}"
    return f"{value}-{number}" if key == "patient" else value


@pytest.fixture
def engine(tmp_path) -> Iterator:
    made = make_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def browser(world, engine) -> Iterator[Client]:
    ledger = SqlLedger(engine, SEALING, parse_recipient)
    fill(ledger, engine)
    client = Client(create_app(replace(world.services, desk=ledger)))
    yield client
    client.close()


@contextlib.contextmanager
def counted(engine) -> Iterator[list[str]]:
    """Count the statements that run."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(engine, "after_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "after_cursor_execute", note)


def search(client, world, path, **query):
    bearer = world.bearer(Role.RECIPIENT, recipient="vendor")
    answer = client.get(f"/dicom-web{path}", params=query, headers=bearer)
    assert answer.status_code == 200
    return answer.json(), "more results" in answer.headers.get("warning", "")


def uid_of(found, tag="0020000D"):
    return found[tag]["Value"][0]


def test_all_studies_page_by_page(world, browser, engine):
    found, costs = [], []
    more = True
    while more:
        with counted(engine) as statements:
            page, more = search(browser, world, "/studies", limit=PAGE, offset=len(found))
        costs.append(len(statements))
        found += page
    assert len(found) == len({uid_of(one) for one in found}) == MANY
    assert all(one["00201208"]["Value"] == [PER_STUDY] for one in found)
    # As many questions for the last page as for the first, and none of them about the studies before.
    assert len(costs) == MANY // PAGE
    assert max(costs) <= 4 * PAGE
    assert max(costs) - min(costs[:-1]) <= 5


def test_a_page_is_found_without_the_ones_before_too(world, browser, engine):
    everything = [uid_of(one) for one in search(browser, world, "/studies", limit=300)[0]]
    for offset in (7, 130, 299):
        page, _ = search(browser, world, "/studies", limit=1, offset=offset)
        assert uid_of(page[0]) == everything[offset]
    assert search(browser, world, "/studies", limit=0, offset=250) == ([], True)
    page, _ = search(browser, world, "/studies", limit=2, offset=250)
    assert [uid_of(one) for one in page] == everything[250:252]
    assert search(browser, world, "/studies", limit=5, offset=MANY) == ([], False)


def test_what_is_withdrawn_between_pages_moves_no_others(world, browser):
    """By counting alone, each study that goes would have another one slip past the beginning of the next page."""
    first, _ = search(browser, world, "/studies", limit=PAGE)
    release_ids = [
        release.release_id for release, *_ in browser_desk(browser).available("vendor", study_uid=uid_of(first[0]))
    ]
    world.forbidden.update(release_ids)
    rest, _ = search(browser, world, "/studies", limit=1000, offset=PAGE)
    again, _ = search(browser, world, "/studies", limit=1000)
    assert len({uid_of(one) for one in (*first, *rest)}) == PAGE + 1000
    assert uid_of(first[0]) not in {uid_of(one) for one in again}


def browser_desk(client):
    return client._client._transport.app.state.services.desk


def test_all_instances_and_series_page_by_page(world, browser, engine):
    for path, tag, expected in (("/instances", "00080018", MANY * PER_STUDY), ("/series", "0020000E", MANY)):
        found, costs = set(), []
        more = True
        while more:
            with counted(engine) as statements:
                page, more = search(browser, world, path, limit=1000, offset=len(found))
            costs.append(len(statements))
            before = len(found)
            found |= {uid_of(one, tag) for one in page}
            assert len(found) == before + len(page)
        assert len(found) == expected
        assert max(costs) <= 1000 * 4


def test_one_among_many_is_found_at_once(world, browser, engine):
    (study,), _ = search(browser, world, "/studies", limit=1, offset=1234)
    for query in ({"StudyInstanceUID": uid_of(study)}, {"PatientID": study["00100020"]["Value"][0]}):
        with counted(engine) as statements:
            page, _ = search(browser, world, "/studies", **query)
        assert page == [study]
        assert len(statements) <= 10
