"""Packages over several attempts: each instance in one of them, with the date of deletion that its disclosure says."""

import io
import json
import tarfile
from pathlib import Path

import pyrage
import pytest
from pyrage import x25519

from scanward.adapters.send import folder_drop
from scanward.adapters.send.package import MANIFEST
from scanward.adapters.send.senders import Senders
from scanward.flow import outbox
from scanward.model.release import ItemState
from tests.common.gateway import LUNG_AI, TestGateway

IDENTITY = x25519.Identity.generate()
PACKAGES = LUNG_AI.replace('kind = "folder"', f'kind = "package"\nage_recipients = ["{IDENTITY.to_public()}"]')


class Killed(BaseException):
    """Ends a sender as SIGKILL would: nothing that it would note is noted."""


@pytest.fixture
def drop(tmp_path):
    drop = tmp_path / "drop"
    drop.mkdir()
    return drop


@pytest.fixture
def gateway(tmp_path, drop):
    gateway = TestGateway(tmp_path / "home")
    gateway.drainer._make_sender = Senders()
    gateway.add_recipient(PACKAGES, path=str(drop))
    yield gateway
    gateway.close()


def queue(gateway: TestGateway, slices: int = 3) -> str:
    gateway.take_ct(slices=slices)
    gateway.clock.move(seconds=61)
    while gateway.engine.router.sweep():
        pass
    gateway.queue.work()
    (release,) = gateway.stores.ledger.releases(limit=10)
    return release.release_id


def drain(gateway: TestGateway) -> None:
    while gateway.drainer.drain_once():
        pass


def states(gateway: TestGateway, release_id: str) -> list[str]:
    return sorted(line.state for line in gateway.stores.ledger.release_items(release_id))


def packages(drop: Path) -> dict[str, tuple[list[str], str]]:
    """Return of each package the instances in it and the date of deletion."""
    found = {}
    for path in sorted(drop.glob("*.age")):
        with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(path.read_bytes(), [IDENTITY]))) as tar:
            manifest = json.load(tar.extractfile(MANIFEST))
            names = sorted(name for name in tar.getnames() if name != MANIFEST)
        assert sorted(one["name"] for one in manifest["instances"]) == names
        found[path.name] = (names, manifest["delete_by"])
    return found


def assert_each_in_one(drop: Path, count: int) -> None:
    names = [name for names, _ in packages(drop).values() for name in names]
    assert len(names) == len(set(names)) == count


def kill_after_publishing(monkeypatch, times: int = 1) -> None:
    publish = folder_drop.OpenDrop._publish
    left = [times]

    def publish_and_die(self, staged, parts):
        ended = publish(self, staged, parts)
        if left[0]:
            left[0] -= 1
            raise Killed
        return ended

    monkeypatch.setattr(folder_drop.OpenDrop, "_publish", publish_and_die)


def drain_and_die(gateway: TestGateway, monkeypatch) -> None:
    """Let the sender put a package into the folder and die before it notes so."""
    with monkeypatch.context() as patched:
        kill_after_publishing(patched)
        patched.setattr(gateway.drainer, "_settle", lambda *_: None)
        with pytest.raises(Killed):
            gateway.drainer.drain_once()
    gateway.clock.move(minutes=16)  # its lease is over


def test_what_was_killed_is_sent_again_as_the_same_package(gateway, drop, monkeypatch):
    release_id = queue(gateway)
    drain_and_die(gateway, monkeypatch)
    before = packages(drop)
    # However much a sender takes at once by now.
    monkeypatch.setattr(outbox, "CLAIM_ITEMS", 2)
    drain(gateway)
    assert packages(drop) == before
    assert_each_in_one(drop, 3)
    assert states(gateway, release_id) == [ItemState.SENT] * 3


def test_some_of_it_sent_and_more_come_since_are_in_one_package_each(gateway, drop, monkeypatch):
    monkeypatch.setattr(outbox, "CLAIM_ITEMS", 2)
    release_id = queue(gateway, slices=5)
    drain_and_die(gateway, monkeypatch)
    monkeypatch.setattr(outbox, "CLAIM_ITEMS", 500)
    drain(gateway)
    assert sorted(len(names) for names, _ in packages(drop).values()) == [2, 3]
    assert_each_in_one(drop, 5)
    assert states(gateway, release_id) == [ItemState.SENT] * 5


def test_what_could_not_be_read_at_first_comes_in_a_package_of_its_own(gateway, drop, monkeypatch):
    release_id = queue(gateway)
    ledger = gateway.stores.ledger
    release = ledger.get_release(release_id)
    blobs = gateway.stores.blobs
    (first, *_) = ledger.get_study(release.study_id).instances
    opened = blobs.open

    def broken(key, name):
        if name == first.blob:
            raise folder_drop.StoreError("a blob cannot be read")
        return opened(key, name)

    with monkeypatch.context() as patched:
        patched.setattr(type(blobs), "open", lambda _self, key, name: broken(key, name))
        drain(gateway)
    assert states(gateway, release_id) == [ItemState.QUEUED, ItemState.SENT, ItemState.SENT]
    gateway.clock.move(minutes=5)
    drain(gateway)
    assert sorted(len(names) for names, _ in packages(drop).values()) == [1, 2]
    assert_each_in_one(drop, 3)


def test_what_is_withdrawn_since_is_in_no_package_any_more(gateway, drop, monkeypatch):
    release_id = queue(gateway)
    drain_and_die(gateway, monkeypatch)
    document = PACKAGES.replace('["CT", "MR"]', '["MR"]')
    gateway.add_recipient(document, path=str(drop))
    drain(gateway)
    # All of it may have arrived, and counts as disclosed; nothing is sent again.
    assert set(states(gateway, release_id)) == {ItemState.UNKNOWN}


def test_a_profile_that_changes_in_between_takes_the_whole_package_along(gateway, drop, monkeypatch):
    release_id = queue(gateway)
    drain_and_die(gateway, monkeypatch)
    before = packages(drop)
    gateway.add_recipient(PACKAGES.replace("ai-inference", "basic"), path=str(drop))
    drain(gateway)
    assert packages(drop) == before
    gateway.turn()
    assert packages(drop).keys() == before.keys()
    assert_each_in_one(drop, 3)
    assert states(gateway, release_id) == [ItemState.SENT] * 3


def test_the_date_of_deletion_is_that_of_the_disclosure_however_late_it_leaves(gateway, drop):
    release_id = queue(gateway)
    (disclosure,) = gateway.stores.ledger.disclosures(limit=10)
    away = drop.rename(drop.with_name("away"))
    drain(gateway)
    gateway.clock.move(days=3)
    away.rename(drop)
    drain(gateway)
    assert states(gateway, release_id) == [ItemState.SENT] * 3
    ((_, delete_by),) = packages(drop).values()
    assert delete_by == disclosure.disclosure.delete_by.isoformat()


def test_the_earliest_date_counts_where_the_agreement_came_to_be_stricter(gateway, drop):
    queue(gateway)
    gateway.add_recipient(PACKAGES.replace("retention_days = 30", "retention_days = 5"), path=str(drop))
    drain(gateway)
    ((_, delete_by),) = packages(drop).values()
    assert delete_by == "2026-03-07"
