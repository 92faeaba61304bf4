"""Nothing lost, nothing twice, nothing unrecorded: whatever is killed, cut off, full or taken back."""

import contextlib
import itertools
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from scanward.adapters.engines.dbos import make_work_engine
from scanward.adapters.store.engine import make_engine
from scanward.bootstrap.desk import open_staff
from scanward.bootstrap.stores import open_stores
from scanward.config import GatewaySettings
from tests.common.dcmtk import storescu
from tests.common.ledgers import NOW, queue_study
from tests.common.ports import wait_until
from tests.common.postgres import Postgres, find_postgres, run_postgres
from tests.common.recording import DimseRecorder, StowRecorder, listening
from tests.common.serving import Gateway, Haste, Program, Settings, ended, recipient_document, run_scanward
from tests.common.storm import Storm, has_come_to_rest, run_storm
from tests.common.torture import (
    TRAINING,
    TREATING,
    Counting,
    Fault,
    Rest,
    SentStudy,
    Will,
    make_studies,
    prepare_home,
    record_wills,
    run_steps,
)

NIGHTLY = bool(os.environ.get("NIGHTLY"))
DATABASES = ("sqlite", "postgresql")
NAMES = itertools.count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if find_postgres() is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as server:
        yield server


# Every write, failed or killed


class Template:
    """A home folder in which all is set up, to be copied for each run."""

    def __init__(self, folder: Path, studies: list[SentStudy], server: Postgres | None) -> None:
        self.folder = folder
        self.studies = studies
        self.server = server
        self.settings = GatewaySettings(
            dimse=None, http=None, quiet_seconds=60, min_free_bytes=0, shard_instances=2
        )  # fmt: skip
        settings = self.settings
        if server is not None:
            url = server.create_database("steps")
            settings = replace(settings, ledger_url=url, vault_url=url)
        prepare_home(folder / "template", settings, studies)

    def run(self, counting: Counting) -> None:
        """Run on a copy."""
        home = self.folder / f"home{next(NAMES)}"
        shutil.copytree(self.folder / "template", home)
        if self.server is None:
            run_steps(home, self.settings, self.studies, counting)
            return
        name = f"steps{next(NAMES)}"
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE steps")
        url = self.server.url(name)
        try:
            run_steps(home, replace(self.settings, ledger_url=url, vault_url=url), self.studies, counting)
        finally:
            self.server.drop_database(name)


@pytest.fixture(params=DATABASES)
def template(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Template]:
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    wills = [Will.PERMITS, Will.SILENT, Will.WITHDRAWS]
    yield Template(tmp_path, make_studies(wills, instances=3 if NIGHTLY else 1, first=3), server)
    if server is not None:
        server.drop_database("steps")


def choose(names: list[str], rng: random.Random, each: Sequence[Fault]) -> list[tuple[int, Fault]]:
    """Return which call goes wrong in which way: each with each at night, else calls of each kind with faults of `each`.

    Of each kind of call it is the first with the first of `each`, and so on in turn.
    """
    if NIGHTLY:
        return [(number, fault) for number in range(1, len(names) + 1) for fault in Fault]
    chosen = []
    for offset, name in enumerate(dict.fromkeys(names)):
        calls = [number for number, one in enumerate(names, 1) if one == name]
        chosen.append((rng.choice(calls), each[offset % len(each)]))
    return chosen


def test_a_write_that_fails_or_is_cut_off_loses_nothing(template):
    counting = Counting()
    template.run(counting)
    names = counting.names
    assert {"ledger.account", "blobs.put", "vault.record_originals", "recipient.arrive", "queue.submit"} <= set(names)
    rng = random.Random(len(names))
    if template.server is not None or NIGHTLY:
        chosen = choose(names, rng, [Fault.FAIL_AFTER])
    else:
        chosen = choose(names, rng, [Fault.FAIL_BEFORE]) + choose(names, rng, [Fault.KILL_AFTER, Fault.KILL_BEFORE])
    for number, fault in chosen:
        try:
            template.run(Counting(number, fault))
        except Exception as error:
            error.add_note(f"call {number}, {names[number - 1]}, {fault}")
            raise


# The gateway as it is run


@pytest.mark.peers("storescu")
@pytest.mark.parametrize("database", DATABASES)
def test_a_gateway_in_a_storm_loses_nothing(tmp_path, request, database):
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    storm = Storm(seed=len(database), studies=4, instances=3, kills=3, workers=0 if server is None else 1)
    rest = run_storm(tmp_path / "home", storm, server)
    assert rest.arrived


@pytest.mark.parametrize("make", [make_engine, make_work_engine])
def test_another_process_that_closes_the_database_takes_nothing_away(
    tmp_path: Path, make: Callable[[object], Engine]
) -> None:
    """SQLite's locks are the process's: they must not end when the process opens a further connection."""
    path = tmp_path / "some.db"
    engine = make(f"sqlite:///{path}" if make is make_engine else path)
    look = f"import sqlite3; c = sqlite3.connect({str(path)!r}); print(*c.execute('SELECT count(*) FROM t')); c.close()"
    try:
        with engine.begin() as first:
            first.execute(text("CREATE TABLE t (n INTEGER)"))
        with engine.connect(), engine.connect(), engine.connect():
            pass
        for count in (1, 2, 3):
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO t VALUES (1)"))
            seen = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
            assert seen.stdout.strip() == f"({count},)"
    finally:
        engine.dispose()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)


class Site:
    """A gateway with both recipients, and a sender."""

    def __init__(self, folder: Path, studies: list[SentStudy], server: Postgres | None, **more) -> None:
        self.home = folder / "home"
        self.folder = folder
        self.studies = studies
        self.settings = Settings(**more)
        if server is not None:
            name = f"site{next(NAMES)}"
            self.settings.ledger_url = server.create_database(name)
            self.settings.vault_url = server.create_database(name + "vault")
        self.settings.write(self.home)
        self.alpha, self.beta = DimseRecorder(TREATING), StowRecorder(TRAINING)
        with open_stores(self.home) as stores, open_staff(stores=stores) as staff:
            for to, purpose in ((self.alpha, "TREAT"), (self.beta, "MLTRAINING")):
                document = recipient_document(to.recipient, to.endpoint, purpose=purpose)
                staff.save_recipient(to.recipient, document, "test")
            record_wills(staff, studies)

    def send(self, gateway: Gateway, study: SentStudy) -> str:
        """Push a study with storescu; return what it says."""
        folder = self.folder / f"out{next(NAMES)}"
        folder.mkdir()
        for number, data in enumerate(study.files.values()):
            (folder / f"{number}.dcm").write_bytes(data)
        result = storescu(gateway.dicom_port, sorted(folder.iterdir()))
        return f"exit {result.returncode}\n{result.stdout}{result.stderr}"

    def rows(self, query: str) -> list[tuple]:
        with open_stores(self.home) as stores:
            return Rest(stores=stores, studies=(), accepted=set(), arrived=()).rows(query)

    def rest(self) -> None:
        """Wait until everything has come to rest, all doors out open."""
        wait_until(lambda: has_come_to_rest(self.home), "everything has come to rest", seconds=60)

    def check(self, *, faults: int = 0, blobs_a_fault: int = 2) -> None:
        with open_stores(self.home) as stores:
            Rest(
                stores=stores,
                studies=self.studies,
                accepted={uid for study in self.studies for uid in study.files},
                arrived=[*self.alpha.arrived, *self.beta.arrived],
                faults=faults,
                blobs_a_fault=blobs_a_fault,
            ).check()


@pytest.mark.peers("storescu")
@pytest.mark.parametrize("ending", ["killed", "asleep"])
def test_another_worker_takes_over(tmp_path, postgres, ending):
    """The work of a dead worker; and of one that was only asleep, and goes on when all is done."""
    site = Site(tmp_path, make_studies([Will.PERMITS], instances=24), postgres, shard_instances=6)
    haste = Haste()
    gateway = Gateway(site.home, "--no-work", haste=haste)
    first = Program(site.home, "worker", haste=haste, name="first")
    second = Program(site.home, "worker", haste=haste, name="second")
    with listening(site.alpha, site.beta), ended(gateway, first, second):
        gateway.start()
        assert "exit 0" in site.send(gateway, site.studies[0])
        first.launch()
        wait_until(lambda: bool(site.rows("SELECT 1 FROM releases WHERE state = 'permitted'")), "it works")
        first.process.send_signal(signal.SIGSTOP)
        assert site.rows("SELECT 1 FROM releases WHERE state = 'permitted'"), "it was done before it could be stopped"
        if ending == "killed":
            first.kill()
        second.launch()
        site.rest()
        if ending == "asleep":
            first.process.send_signal(signal.SIGCONT)
            assert first.terminate() == 0, first.said()
            site.rest()
    site.check(faults=1, blobs_a_fault=8)


@pytest.mark.peers("storescu")
def test_what_was_withdrawn_between_queueing_and_sending_stays(tmp_path):
    site = Site(tmp_path, make_studies([Will.WITHDRAWS, Will.PERMITS], instances=2), None)
    gateway = Gateway(site.home)
    withdrawing = site.studies[0]
    with listening(site.alpha), ended(gateway):
        gateway.start()
        for study in site.studies:
            assert "exit 0" in site.send(gateway, study)
        queued = f"SELECT 1 FROM items WHERE recipient = '{TRAINING}' AND state = 'queued' AND attempts > 0"
        wait_until(lambda: len(site.rows(queued)) == 4, "both studies were queued, and tried to be sent")
        run_scanward(site.home, "consent", "revoke", withdrawing.patient_id, "1", "--issuer", withdrawing.issuer)
        with listening(site.beta):
            site.rest()
        assert len(site.beta.uids) == 2
        stations = site.rows(f"SELECT state, count(*) FROM items WHERE recipient = '{TRAINING}' GROUP BY state")
        assert dict(stations) == {"sent": 2, "stopped": 2}
        # What was recorded when it was queued stays on record.
        assert len(site.rows(f"SELECT 1 FROM disclosures WHERE recipient = '{TRAINING}'")) == 2
    site.check()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Put a disk of a few megabytes there; False where only root may, and the process is to be limited instead."""
    folder.mkdir(mode=0o700)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "none", str(folder)], capture_output=True, check=False
    )  # fmt: skip
    if made.returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room on a disk meanwhile."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.peers("storescu")
def test_a_full_disk_refuses_what_is_new_and_deletes_nothing(tmp_path):
    with contextlib.ExitStack() as stack:
        is_disk = stack.enter_context(small_disk(tmp_path / "home"))
        site = Site(tmp_path, make_studies([Will.PERMITS, Will.SILENT], instances=2), None)
        gateway = Gateway(site.home)
        before, after = site.studies
        with listening(site.alpha, site.beta), ended(gateway):
            gateway.start()
            assert "exit 0" in site.send(gateway, before)
            site.rest()
            there = blobs_of(site)
            full = filled(site.home) if is_disk else gateway.limited(resource.RLIMIT_FSIZE, 0)
            with full:
                said = site.send(gateway, after)
                assert "exit 0" not in said
                # By the limit, databases fail as well, not as full: then it is a processing failure.
                assert "(Refused: OutOfResources)" in said or (not is_disk and "Unknown Status: 0x110" in said)
                assert "Success" not in said
                assert blobs_of(site) == there
                assert gateway.is_running
            assert "exit 0" in site.send(gateway, after)
            site.rest()
            assert there <= blobs_of(site)
        site.check(faults=1, blobs_a_fault=4)


def blobs_of(site: Site) -> set[Path]:
    return {path for path in (site.home / "blobs").rglob("*") if path.is_file() and "staging" not in path.parts}


@pytest.mark.peers("storescu")
def test_too_little_room_refuses_what_is_new(tmp_path):
    site = Site(tmp_path, make_studies([Will.PERMITS], instances=2), None, min_free_bytes=1 << 60)
    gateway = Gateway(site.home)
    with listening(site.alpha, site.beta), ended(gateway):
        gateway.start()
        said = site.send(gateway, site.studies[0])
        assert "Received Store Response (Refused: OutOfResources)" in said
        gateway.kill()
        site.settings.min_free_bytes = 0
        site.settings.write(site.home)
        gateway.start()
        assert "exit 0" in site.send(gateway, site.studies[0])
        site.rest()
    site.check()


@pytest.mark.parametrize("database", DATABASES)
def test_the_leases_of_a_dead_worker_end_with_it(tmp_path, request, database):
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    site = Site(tmp_path, [], server)
    with open_stores(site.home) as stores:
        ledger = stores.ledger
        for recipient in ("alpha", "beta", "gamma"):
            queue_study(ledger, recipient, recipient, at=NOW)
        until = NOW + timedelta(minutes=15)
        # A name may begin as another's does.
        for owner, worker in (("here-1", "here"), ("here-10-0", "here-10"), ("there-0", "there")):
            assert ledger.claim(owner, NOW, until, 10) is not None
            ledger.beat(worker, NOW if worker == "here" else until)
        assert ledger.claim("other-0", NOW, until, 10) is None
        assert ledger.take_over(NOW + timedelta(seconds=30), until) == ["here"]
        claim = ledger.claim("other-0", NOW, until, 10)
        assert claim is not None
        assert claim.release.recipient == "alpha"
        assert ledger.claim("another-0", NOW, until, 10) is None


def test_a_gateway_that_is_told_to_stop_while_it_starts_stops_in_order(tmp_path):
    site = Site(tmp_path, [], None)
    gateway = Gateway(site.home)
    with ended(gateway):
        gateway.start()  # returns at the first moment at which it could be told
        assert gateway.terminate() == 0, gateway.said()
        assert not (site.home / "serve.json").exists()
