"""A gateway as it is run, while it is killed, cut off and starved, and senders and recipients go on."""

import random
import re
import resource
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scanward.adapters.settings import load_settings
from scanward.bootstrap.desk import open_staff
from scanward.bootstrap.stores import open_stores
from tests.common import dcmtk
from tests.common.ports import free_port, wait_until
from tests.common.postgres import Postgres
from tests.common.recording import Arrived, DimseRecorder, StowRecorder, Trouble, listening
from tests.common.serving import Gateway, Haste, Program, Settings, ended, pause, recipient_document
from tests.common.torture import RESTING, TRAINING, TREATING, Rest, SentStudy, Will, make_studies, record_wills

REST_SECONDS = 90.0
_WILLS = (Will.PERMITS, Will.SILENT, Will.WITHDRAWS, Will.PERMITS)


@dataclass(frozen=True, kw_only=True)
class Storm:
    """How hard it is.

    Attributes
    ----------
    seed
        Everything the test itself chooses follows from it.
    studies, instances
        What is sent.
    kills
        So often something is killed or cut.
    workers
        `scanward worker` processes beside the gateway; on PostgreSQL only.
    """

    seed: int
    studies: int = 6
    instances: int = 4
    kills: int = 4
    workers: int = 0


@dataclass
class _Sending:
    """A sender that pushes its studies until all of them were accepted."""

    gateway: Gateway
    studies: Sequence[SentStudy]
    folder: Path
    rng: random.Random
    accepted: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, study: SentStudy, *, by_web: bool) -> None:
        """Push a study until all of it was accepted, all of it again each time but what was accepted long ago."""
        push = self._by_stow if by_web else self._by_dimse
        for _ in range(1000):
            missing = {uid: data for uid, data in study.files.items() if uid not in self.accepted}
            if not missing:
                return
            told = push(missing)
            with self.lock:
                self.accepted |= told
            if len(told) < len(missing):
                pause(0.1)
        raise AssertionError("a study was never accepted")

    def _by_dimse(self, files: dict[str, bytes]) -> set[str]:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            paths = {}
            for number, (uid, data) in enumerate(files.items()):
                path = Path(folder, f"{number}.dcm")
                path.write_bytes(data)
                paths[str(path)] = uid
            result = dcmtk.storescu(self.gateway.dicom_port, [Path(one) for one in paths])
        told = set()
        current = ""
        for line in (result.stdout + result.stderr).splitlines():
            if found := re.search(r"Sending file: (\S+)", line):
                current = found.group(1)
            elif "Received Store Response (Success)" in line:
                told.add(paths[current])
        assert len(told) == len(paths) or result.returncode != 0
        return told

    def _by_stow(self, files: dict[str, bytes]) -> set[str]:
        boundary = "b7d1a1c4"
        body = b"".join(
            f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + data for data in files.values()
        )
        body += f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Authorization": f"Bearer {self.gateway.token()}",
            "Accept": "application/dicom+json",
        }
        try:
            answer = httpx.post(
                self.gateway.url + "/dicom-web/studies", content=body, headers=headers, timeout=60, trust_env=False
            )
        except httpx.TransportError:
            return set()
        if answer.status_code not in {200, 202}:
            return set()
        return {one["00081155"]["Value"][0] for one in answer.json().get("00081199", {}).get("Value", [])}


def run_storm(home: Path, storm: Storm, postgres: Postgres | None = None) -> Rest:
    """Send, break and mend until everything was accepted and has come to rest; check it, and return what was there."""
    rng = random.Random(storm.seed)
    settings = Settings(dicom_port=free_port(), http_port=free_port(), shard_instances=3)
    if postgres is not None:
        name = f"storm{storm.seed}"
        settings.ledger_url = postgres.create_database(name)
        settings.vault_url = postgres.create_database(name + "vault")
    settings.write(home)
    studies = make_studies([_WILLS[one % 4] for one in range(storm.studies)], instances=storm.instances)
    moods = random.Random(storm.seed + 1)
    alpha, beta = DimseRecorder(TREATING, _moody(moods)), StowRecorder(TRAINING, _moody(moods))
    with open_stores(home) as stores, open_staff(stores=stores) as staff:
        staff.save_recipient(TREATING, recipient_document(TREATING, alpha.endpoint), "test")
        staff.save_recipient(TRAINING, recipient_document(TRAINING, beta.endpoint, purpose="MLTRAINING"), "test")
        record_wills(staff, studies)
    haste = Haste() if postgres is not None else None
    gateway = Gateway(home, haste=haste)
    workers = [Program(home, "worker", haste=haste, name=f"worker-{one}") for one in range(storm.workers)]
    sending = _Sending(gateway, studies, home.parent, rng)
    with ExitStack() as stack:
        stack.enter_context(listening(alpha, beta))
        stack.enter_context(ended(gateway, *workers))
        gateway.start()
        gateway.token()
        for worker in workers:
            worker.launch()
        _rage(storm, rng, sending, workers, [alpha, beta], postgres)
        for recorder in (alpha, beta):
            recorder.trouble = lambda: Trouble.NONE
            recorder.start()
        wait_until(lambda: has_come_to_rest(home), "everything has come to rest", seconds=REST_SECONDS)
        # In good weather they end as they are told to; a worker may have been started just now.
        for program in (gateway, *workers):
            program.ask_to_end()
        assert gateway.wait() == 0, gateway.said()[-2000:]
        assert {worker.wait() for worker in workers} <= {0, -signal.SIGTERM}
    arrived: list[Arrived] = [*alpha.arrived, *beta.arrived]
    stores = open_stores(home)
    try:
        rest = Rest(
            stores=stores, studies=studies, accepted=sending.accepted, arrived=arrived, faults=storm.kills + 1,
            blobs_a_fault=storm.studies * 3,
        )  # fmt: skip
        rest.check()
    finally:
        stores.close()
    assert sending.accepted == {uid for study in studies for uid in study.files}
    return rest


def _moody(rng: random.Random) -> Callable[[], Trouble]:
    """Return the mood of a recipient that mostly takes what comes."""
    moods = [Trouble.NONE] * 12 + [Trouble.BUSY, Trouble.LOST, Trouble.SILENT]
    lock = threading.Lock()

    def mood() -> Trouble:
        with lock:
            return rng.choice(moods)

    return mood


def _rage(
    storm: Storm,
    rng: random.Random,
    sending: _Sending,
    workers: Sequence[Program],
    recorders: Sequence[DimseRecorder | StowRecorder],
    postgres: Postgres | None,
) -> None:
    """Break one thing after the other while studies are sent; leave everything mended but the recipients."""
    gateway = sending.gateway
    errors: list[BaseException] = []

    def push(mine: Sequence[tuple[int, SentStudy]]) -> None:
        try:
            for number, study in mine:
                pause(0.2)
                sending.run(study, by_web=number % 3 == 2)
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    numbered = list(enumerate(sending.studies))
    senders = [threading.Thread(target=push, args=(numbered[one::2],)) for one in range(2)]
    for sender in senders:
        sender.start()
    withdrawals = [study for study in sending.studies if study.will is Will.WITHDRAWS]
    troubles = ["kill", "kill", "full", "network"]
    if postgres is not None:
        troubles += ["database"] + ["worker"] * (2 * len(workers))
    try:
        for number in range(storm.kills):
            pause(rng.uniform(0.05, 0.9))
            # The first ones are those that matter most, whatever the seed.
            first = ("kill", "full" if postgres is None else "database")
            trouble = first[number] if number < 2 else rng.choice(troubles)
            _make_trouble(trouble, rng, gateway, workers, recorders, postgres)
            if withdrawals and number % 2:
                _withdraw(gateway.home, withdrawals.pop())
        for study in withdrawals:
            _withdraw(gateway.home, study)
    finally:
        for sender in senders:
            sender.join()
    if errors:
        raise errors[0]


def _make_trouble(
    trouble: str,
    rng: random.Random,
    gateway: Gateway,
    workers: Sequence[Program],
    recorders: Sequence[DimseRecorder | StowRecorder],
    postgres: Postgres | None,
) -> None:
    """Break something, and mend it."""
    if trouble == "database":
        assert postgres is not None
        postgres.restart()
    elif trouble == "kill":
        gateway.restart()
    elif trouble == "full":
        with gateway.limited(resource.RLIMIT_FSIZE, rng.choice([0, 2000, 20000, 200000])):
            pause(rng.uniform(0.1, 0.6))
    elif trouble == "network":
        recorder = rng.choice(recorders)
        recorder.stop()
        pause(rng.uniform(0.1, 0.6))
        recorder.start()
    else:
        worker = rng.choice(workers)
        worker.kill()
        worker.launch()


def _withdraw(home: Path, study: SentStudy) -> None:
    with open_stores(home) as stores, open_staff(stores=stores) as staff:
        patient = staff.patient(study.patient_id, study.issuer)
        for one in stores.ledger.provisions(patient):
            if one.revoked is None:
                staff.revoke_provision(patient, one.provision_id, "test")


def has_come_to_rest(home: Path) -> bool:
    """Whether nothing is left to do: every instance in a batch, every release in a final state, nothing queued."""
    pause(0.2)
    with open_stores(home, load_settings(home)) as stores:
        rest = Rest(stores=stores, studies=(), accepted=set(), arrived=())
        waiting = rest.rows("SELECT 1 FROM instances WHERE batch = 0 UNION SELECT 1 FROM batches WHERE routed IS NULL")
        states = {state for (state,) in rest.rows("SELECT state FROM releases")}
        queued = rest.rows("SELECT 1 FROM items WHERE state = 'queued'")
        stating = rest.rows("SELECT 1 FROM custody_due") or rest.rows("SELECT 1 FROM custody WHERE log_index IS NULL")
    return not waiting and not stating and not queued and bool(states) and states <= RESTING
