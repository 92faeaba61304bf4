"""`scanward fsck` finds what stores say differently, and nothing where they agree."""

import sqlite3
from datetime import timedelta

import pytest

from scanward.adapters.store.audit import SqlAudit
from scanward.adapters.store.database import Database
from scanward.flow.fsck import YOUNG, check_stores
from scanward.model.instance import BytesSource
from tests.common.gateway import TestGateway


@pytest.fixture
def gateway(tmp_path):
    gateway = TestGateway(tmp_path / "home")
    gateway.add_recipient()
    gateway.take_ct()
    gateway.settle()
    yield gateway
    gateway.close()


def check(gateway, **options):
    from datetime import UTC, datetime

    stores = gateway.stores
    now = datetime.now(UTC) + YOUNG + timedelta(minutes=1)
    found = check_stores(SqlAudit(Database(stores.engines[0])), stores.blobs, stores.vault, now=now, **options)
    return [one.what for one in found]


def execute(gateway, statement):
    with sqlite3.connect(gateway.stores.home / "ledger.db") as connection:
        connection.execute(statement)
    connection.close()


def test_stores_agree_after_a_release(gateway):
    assert check(gateway) == []


def test_a_missing_blob(gateway):
    (instance, *_) = gateway.stores.ledger.get_study(gateway.stores.ledger.releases(limit=1)[0].study_id).instances
    gateway.stores.blobs.delete(instance.blob)
    assert check(gateway) == ["the blob of an instance is missing"]


def test_a_leftover_is_told_and_deleted_when_asked(gateway):
    name = gateway.stores.blobs.put(bytes(32), BytesSource(b"left over by a kill"))
    assert check(gateway) == ["a blob that nothing names"]
    assert check(gateway, repair=True) == ["a blob that nothing names, deleted"]
    assert check(gateway) == []
    assert name not in dict(gateway.stores.blobs.names())


def test_a_destroyed_key(gateway):
    release = gateway.stores.ledger.releases(limit=1)[0]
    gateway.stores.vault.destroy_data_key(release.study_id)
    assert set(check(gateway)) == {
        "an instance has no data key, so that nobody can read it",
        "a seal has no data key, so that nobody can read it",
    }


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE items SET disclosure_id = NULL", "an instance that was or may be sent has no disclosure"),
        ("UPDATE disclosures SET instances = 7", "a disclosure counts other instances than it has"),
        ("UPDATE items SET state = 'queued'", "a release is at rest and has instances in the outbox"),
        ("UPDATE releases SET state = 'denied'", "a release was denied and has disclosed instances"),
        ("DELETE FROM items WHERE seq = 1", "is accounted for and not each instance"),
        ("UPDATE studies SET instances = 9", "a study counts other instances than it has"),
        ("UPDATE items SET study_uid = '2.25.1'", "has no way back for its results"),
    ],
)
def test_what_the_ledger_says_differently(gateway, statement, what):
    execute(gateway, statement)
    assert any(what in one for one in check(gateway))
