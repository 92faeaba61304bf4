"""`scanward deidentify --engine queue`: the same as the plain engine, whoever does the work and whatever dies."""

import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from sqlalchemy import create_engine, text

from scanward.adapters.keys import KeyFolder
from scanward.adapters.send.shards import ASIDE
from scanward.adapters.settings import write_template
from scanward.bootstrap import batch
from scanward.bootstrap.files import deidentify_folder
from scanward.bootstrap.stores import open_stores
from scanward.config import DeidentifyRequest
from scanward.errors import ConfigError, ScanwardError
from scanward.flow import alive
from scanward.flow.shards import ShardRunner
from scanward.model.report import Outcome, RunReport
from tests.common.ports import wait_until
from tests.common.postgres import Postgres, find_postgres, run_postgres

INSTANCES = 330
SHARD = 30


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies of small CT instances, and some of everything that does not simply pass."""
    folder = tmp_path_factory.mktemp("in") / "PLANTED^FOLDER"
    folder.mkdir()
    ds = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for number in range(INSTANCES):
        study = number % 3
        ds.PatientID = f"BATCH{study}4711"
        ds.PatientName = f"PLANTED^PATIENT{study}"
        ds.StudyInstanceUID = f"1.2.826.0.1.3680043.9.1.{study + 1}"
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.InstanceNumber = number
        ds.save_as(folder / f"{study}-{number:05d}.dcm")
    # The same UID with other content, the same content twice, and text likely in the pixels.
    ds.InstanceNumber = 9999
    ds.save_as(folder / "z-conflict.dcm")
    (folder / "z-again.dcm").write_bytes((folder / "0-00000.dcm").read_bytes())
    ds.Modality, ds.SOPClassUID = "US", "1.2.840.10008.5.1.4.1.1.6.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.9.1.77"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.save_as(folder / "z-held.dcm")
    (folder / "z-cut.dcm").write_bytes((folder / "0-00003.dcm").read_bytes()[:900])
    (folder / "z-notes.txt").write_text("not DICOM")
    (folder / "z-report.hl7").write_text(
        "MSH|^~\\&|RIS||||20240102||ORU^R01|1|P|2.5\r"
        "PID|1||BATCH14711||PLANTED^PATIENT1\r"
        "OBR|1||A1|CT\r"
        "OBX|1|HD|113014^Study Instance UID^DCM||1.2.826.0.1.3680043.9.1.2||||||F\r"
        "OBX|2|TX|GDT||CT of Planted: no nodule. Small effusion on the left, unchanged.||||||F\r"
    )
    with zipfile.ZipFile(folder / "z-more.zip", "w") as archive:
        for number in range(3):
            ds.Modality, ds.SOPClassUID = "CT", "1.2.840.10008.5.1.4.1.1.2"
            ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.9.1.78.{number}"
            ds.save_as(folder / "member")
            archive.write(folder / "member", f"PLANTED/{number}.dcm")
    (folder / "member").unlink()
    return folder


@pytest.fixture(scope="module")
def plain(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """What the plain engine makes of them; others work with the same keys."""
    folder = tmp_path_factory.mktemp("plain")
    return folder, run(inputs, folder / "out", folder / "home", engine="processes")


@pytest.fixture
def home(plain: tuple[Path, RunReport], tmp_path: Path) -> Path:
    return make_home(tmp_path / "home", plain)


def make_home(home: Path, plain: tuple[Path, RunReport], *, url: str = "") -> Path:
    key = home.parent / f"{home.name}.key"
    KeyFolder(plain[0] / "home").export(key)
    home.mkdir(mode=0o700)
    KeyFolder(home).restore(key)
    write_template(home)
    settings = home / "scanward.toml"
    lines = [f"shard_instances = {SHARD}", f'ledger_url = "{url}"', f'vault_url = "{url}"']
    dropped = ("ledger_url", "vault_url")
    lines += [line for line in settings.read_text().splitlines() if not line.startswith(dropped)]
    settings.write_text("\n".join(lines))
    return home


def run(source: Path, out: Path, home: Path, *, engine: str = "queue", workers: int = 2, progress=None) -> RunReport:
    request = DeidentifyRequest(
        sources=(source,), out=out, home=home, workers=workers, engine=engine, pixels="off", faces="off"
    )
    return deidentify_folder(request, progress or (lambda _: None))


def outputs(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def facts_of(report: RunReport) -> RunReport:
    return replace(report, started="", finished="", resumed=0, run_id="")


def check_same(out: Path, report: RunReport, plain: tuple[Path, RunReport]) -> None:
    assert outputs(out) == outputs(plain[0] / "out")
    assert facts_of(report) == facts_of(plain[1])
    assert not (out / ASIDE).exists()


def check_nothing_left(home: Path) -> None:
    with open_stores(home) as stores, stores.engines[0].connect() as connection:
        for table in ("jobs", "shards"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0


def test_results_are_those_of_the_plain_engine(inputs, plain, home, tmp_path):
    seen = []
    report = run(inputs, tmp_path / "out", home, progress=seen.append)
    check_same(tmp_path / "out", report, plain)
    check_nothing_left(home)
    assert report.outcomes == {
        Outcome.RELEASED: INSTANCES + 5,  # with the report
        Outcome.HELD: 1,
        Outcome.QUARANTINED: 2,
        Outcome.NOT_DICOM: 1,
    }
    last = {one.phase: one for one in seen}
    assert [one.done_files == one.total_files for one in last.values()] == [True, True]
    assert sum(1 for one in seen if one.phase == "de-identifying") >= INSTANCES // SHARD


def test_the_command_says_the_same(inputs, plain, home, tmp_path):
    done = command(inputs, tmp_path / "out", home, "--quiet", "--report", str(tmp_path / "report.html"))
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert outputs(tmp_path / "out") == outputs(plain[0] / "out")
    assert (tmp_path / "report.json").exists()


def command(source: Path, out: Path, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line(source, out, home, *more), capture_output=True, text=True, timeout=60, check=False)


def line(source: Path, out: Path, home: Path, *more: str) -> list[str]:
    parts = [sys.executable, "-m", "scanward", "deidentify", str(source), "--out", str(out), "--home", str(home)]
    return [*parts, "--pixels", "off", "--faces", "off", "--engine", "queue", "--workers", "2", *more]


def test_a_home_folder_that_is_not_initialised_is_refused_before_anything_is_written(inputs, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(inputs, tmp_path / "out", tmp_path / "home")
    assert "scanward init" in refused.value.remedy
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("moment", ["reading", "writing"])
def test_a_killed_run_goes_on(inputs, plain, home, tmp_path, moment):
    out = tmp_path / "out"
    killed = subprocess.Popen(
        line(inputs, out, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        ledger = home / "ledger.db"
        if moment == "writing":
            wait_until(lambda: len(list(out.glob("SW-*/*/*/*.dcm"))) > 100, "outputs are in their places")
        else:
            wait_until(lambda: ledger.exists() and count_done(ledger) > 2, "headers have been read")
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    wait_until(lambda: not group_lives(killed.pid), "no process of the run is left")
    left = b"".join(path.read_bytes() for path in home.glob("*.db*"))
    assert b"PLANTED" not in left, "names of files and patients are sealed"
    report = run(inputs, out, home)
    check_same(out, report, plain)
    check_nothing_left(home)
    assert moment == "reading" or report.resumed > 0


def count_done(ledger: Path) -> int:
    engine = create_engine(f"sqlite:///{ledger}")
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM shards WHERE state = 'done'")).scalar() or 0)
    except Exception:  # noqa: BLE001 - the tables are just being made
        return 0
    finally:
        engine.dispose()


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_the_plain_engine_began_the_queue_ends(inputs, plain, home, tmp_path):
    def interrupt(progress: object) -> None:
        if getattr(progress, "phase", "") == "de-identifying":
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(inputs, out, home, engine="processes", workers=1, progress=interrupt)
    report = run(inputs, out, home)
    assert report.resumed > 0
    check_same(out, report, plain)


def test_a_process_that_dies_is_replaced_by_the_others(inputs, plain, home, tmp_path, monkeypatch):
    children: list[batch._Children] = []
    make = batch._Children.__init__

    def note(self: batch._Children, *arguments: object) -> None:
        make(self, *arguments)
        children.append(self)

    monkeypatch.setattr(batch._Children, "__init__", note)

    def kill_one(progress: object) -> None:
        alive_ones = list(children[0]._children.values()) if children else []
        if getattr(progress, "phase", "") == "de-identifying" and len(alive_ones) == 2:
            alive_ones[0][0].kill()
            alive_ones[0][0].join()

    report = run(inputs, tmp_path / "out", home, progress=kill_one)
    check_same(tmp_path / "out", report, plain)


def test_a_run_whose_processes_all_die_says_so_and_goes_on_later(inputs, plain, home, tmp_path, monkeypatch):
    work = batch._work
    monkeypatch.setattr(batch, "_work", lambda *_: os._exit(9))
    with pytest.raises(ScanwardError, match="worker processes died"):
        run(inputs, tmp_path / "out", home)
    monkeypatch.setattr(batch, "_work", work)
    check_same(tmp_path / "out", run(inputs, tmp_path / "out", home), plain)


# With workers of other machines


@pytest.fixture(scope="module")
def postgres():
    if find_postgres() is None:
        pytest.skip("PostgreSQL is missing (Debian package postgresql)")
    with run_postgres() as server:
        yield server


@pytest.fixture
def url(postgres: Postgres, request):
    name = f"batch{abs(hash(request.node.name))}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


class Worker:
    """A `scanward worker` process."""

    def __init__(self, home: Path, code: str = "from scanward.cli.main import main; main()") -> None:
        self.log = home / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "worker", "--home", str(home)], stdout=log, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def query(url: str, statement: str) -> list[tuple]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


def workers_alive(url: str) -> int:
    try:
        return len(query(url, "SELECT worker FROM workers"))
    except Exception:  # noqa: BLE001 - the tables are just being made
        return 0


DONE_BY = "SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE queue_name = 'batch' AND status = 'SUCCESS'"
ELSEWHERE = "SELECT 1 FROM dbos.workflow_status WHERE executor_id NOT LIKE 'batch%' AND status = '{status}'"


def let_the_other_begin(monkeypatch: pytest.MonkeyPatch, url: str, status: str = "SUCCESS") -> None:
    """Let this command's own processes wait until the worker has taken something."""
    carry_out = ShardRunner.__call__
    begun: list[bool] = []

    def wait(self: ShardRunner, key: str) -> None:
        if not begun:
            wait_until(lambda: bool(query(url, ELSEWHERE.format(status=status))), "the worker has taken something")
            begun.append(True)
        carry_out(self, key)

    monkeypatch.setattr(ShardRunner, "__call__", wait)


@pytest.mark.peers("postgres")
def test_workers_on_the_same_database_share_it(inputs, plain, url, tmp_path, monkeypatch):
    let_the_other_begin(monkeypatch, url)
    home = make_home(tmp_path / "home", plain, url=url)
    other = make_home(tmp_path / "other", plain, url=url)
    with Worker(other) as worker:
        wait_until(lambda: workers_alive(url) > 0, "the worker is there")
        report = run(inputs, tmp_path / "out", home, workers=1)
        assert worker.process.poll() is None, worker.log.read_text()
    check_same(tmp_path / "out", report, plain)
    check_nothing_left(home)
    assert sorted("batch" in name for (name,) in query(url, DONE_BY)) == [False, True], "both did some"


BLIND = """
from scanward.errors import SourceError
from scanward.flow import shards
from scanward.adapters.receive.folder import FolderSources
def refuse(*_):
    raise SourceError("an input could not be opened: no permission to read it")
FolderSources.open = refuse
from scanward.cli.main import main
main()
"""


@pytest.mark.peers("postgres")
def test_a_worker_that_cannot_read_the_inputs_harms_nothing(inputs, plain, url, tmp_path, monkeypatch):
    let_the_other_begin(monkeypatch, url)
    home = make_home(tmp_path / "home", plain, url=url)
    other = make_home(tmp_path / "other", plain, url=url)
    with Worker(other, BLIND):
        wait_until(lambda: workers_alive(url) > 0, "the worker is there")
        report = run(inputs, tmp_path / "out", home)
    check_same(tmp_path / "out", report, plain)
    assert any("batch" not in name for (name,) in query(url, DONE_BY)), "it took some"


HANGS = """
import threading
from scanward.flow.shards import ShardRunner
ShardRunner.__call__ = lambda *_: threading.Event().wait()
from scanward.cli.main import main
main()
"""


@pytest.mark.peers("postgres")
def test_what_a_dead_worker_had_begun_is_taken_over(inputs, plain, url, tmp_path, monkeypatch):
    home = make_home(tmp_path / "home", plain, url=url)
    other = make_home(tmp_path / "other", plain, url=url)
    let_the_other_begin(monkeypatch, url, "PENDING")
    monkeypatch.setattr(alive, "BEAT", timedelta(seconds=0.3))
    monkeypatch.setattr(alive, "DEAD", timedelta(seconds=2))
    with Worker(other, HANGS) as worker:
        wait_until(lambda: workers_alive(url) > 0, "the worker is there")

        def kill(_: object) -> None:
            if worker.process.poll() is None and query(url, ELSEWHERE.format(status="PENDING")):
                worker.process.kill()
                worker.process.wait()

        report = run(inputs, tmp_path / "out", home, progress=kill)
        assert worker.process.poll() is not None
    check_same(tmp_path / "out", report, plain)
