"""Studies that are sent while everything breaks, and what has to be true once it has come to rest."""

import hashlib
import io
import json
import os
import shutil
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydicom import dcmread
from sqlalchemy import text

from scanward.bootstrap.audit import check_custody
from scanward.bootstrap.custody import make_notary
from scanward.bootstrap.desk import make_staff
from scanward.bootstrap.engine import Engine
from scanward.bootstrap.stores import Stores, open_stores
from scanward.config import GatewaySettings
from scanward.errors import ScanwardError, StoreError
from scanward.model.instance import BytesSource
from scanward.model.release import FINAL_ITEM_STATES, Delivery, DeliveryReport, ItemState, ReleaseState
from scanward.ports.network import Outgoing
from tests.common.gateway import ARCHIVE, START, Clock, bytes_of
from tests.common.ledgers import recount
from tests.common.outgoing import data_set_of
from tests.common.recording import Arrived
from tests.common.serving import recipient_document
from tests.common.studies import make_ct_series

TREATING = "alpha"
"""A recipient that needs no consent beyond the treatment."""

TRAINING = "beta"
"""A recipient that may have only what the patient permits by name."""

RESTING = frozenset({ReleaseState.DONE, ReleaseState.DENIED, ReleaseState.STOPPED})


class Will(StrEnum):
    """What a patient wants of training."""

    PERMITS = "permits"
    SILENT = "said nothing"
    WITHDRAWS = "permitted, and withdraws"


@dataclass(frozen=True, kw_only=True)
class SentStudy:
    """A study that a sender has: its patient, what that one wants, and its files by SOP Instance UID."""

    patient_id: str
    issuer: str
    will: Will
    files: Mapping[str, bytes]


def make_studies(wills: Sequence[Will], *, instances: int = 3, first: int = 0, seed: int = 0) -> list[SentStudy]:
    """Make a small CT study for each patient; the first one has `first` instances, where that is not 0."""
    studies = []
    for number, will in enumerate(wills):
        slices = first if first and not number else instances
        made = [one.ds for one in make_ct_series(slices=slices, size=16, seed=seed * 1000 + number)]
        for ds in made:
            ds.PatientID = f"P{seed}X{number}Q77"
        files = {str(ds.SOPInstanceUID): bytes_of(ds) for ds in made}
        issuer = str(made[0].get("IssuerOfPatientID", ""))
        studies.append(SentStudy(patient_id=made[0].PatientID, issuer=issuer, will=will, files=files))
    assert len({uid for study in studies for uid in study.files}) == sum(len(study.files) for study in studies)
    return studies


# What has to be true


@dataclass(kw_only=True)
class Rest:
    """What is looked at once everything has come to rest.

    Attributes
    ----------
    stores
        The gateway's stores; nothing works on them any more.
    studies
        What was sent.
    accepted
        SOP Instance UIDs of what the sender was told success for.
    arrived
        What recipients hold.
    faults
        So many times something was killed or failed: each may leave a few blobs to which nothing refers.
    """

    stores: Stores
    studies: Sequence[SentStudy]
    accepted: set[str]
    arrived: Sequence[Arrived]
    faults: int = 0
    blobs_a_fault: int = 2

    def check(self) -> None:
        """Nothing lost, nothing twice, nothing unrecorded."""
        self.check_kept()
        self.check_stations()
        self.check_arrivals()
        self.check_denials()
        self.check_accounting()
        self.check_leftovers()
        self.check_custody()

    def check_custody(self) -> None:
        """Each instance, and each copy that could leave, is sealed; all is stated, and in the log once."""
        kept = {row[0] for row in self.rows("SELECT instance_id FROM instances")}
        sealed = {row[0] for row in self.rows("SELECT object_id FROM seals WHERE source_id = ''")}
        assert sealed == kept
        disclosed = {
            tuple(row) for row in self.rows("SELECT release_id, instance_id FROM items WHERE disclosure_id IS NOT NULL")
        }
        copies = {tuple(row) for row in self.rows("SELECT release_id, source_id FROM seals WHERE source_id <> ''")}
        assert disclosed <= copies
        assert not self.rows("SELECT 1 FROM custody_due")
        assert not self.rows("SELECT 1 FROM custody WHERE log_index IS NULL")
        places = [row[0] for row in self.rows("SELECT log_index FROM custody")]
        assert len(set(places)) == len(places)
        assert list(check_custody(self.stores)) == []

    def rows(self, query: str) -> list[tuple]:
        with self.stores.engines[0].connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    @property
    def _sent(self) -> dict[str, bytes]:
        return {uid: data for study in self.studies for uid, data in study.files.items()}

    def _ids(self, uids: Iterable[str]) -> dict[str, str]:
        return {self.stores.sealing.blind("instance", uid): uid for uid in uids}

    def check_kept(self) -> None:
        """Each accepted instance is here once, as it was sent."""
        ids = self._ids(self._sent)
        kept = {row[0]: row for row in self.rows("SELECT instance_id, study_id, blob FROM instances")}
        assert len(kept) == len(self.rows("SELECT 1 FROM instances"))
        lost = set(self._ids(self.accepted)) - set(kept)
        assert not lost, f"{len(lost)} of {len(self.accepted)} accepted instances are lost"
        assert set(kept) <= set(ids), "instances that nobody sent"
        for instance_id, study_id, blob in kept.values():
            key = self.stores.vault.find_data_key(study_id)
            assert key is not None
            with self.stores.blobs.open(key, blob) as source:
                there = source.read(0, source.size)
            assert data_set_of(there) == data_set_of(self._sent[ids[instance_id]])

    def check_stations(self) -> None:
        """Everything has come to rest: each instance, for each recipient, in exactly one final station."""
        assert not self.rows("SELECT 1 FROM instances WHERE batch = 0"), "instances in no batch"
        assert not self.rows("SELECT 1 FROM batches WHERE routed IS NULL"), "batches that nobody routed"
        assert {ReleaseState(state) for (state,) in self.rows("SELECT state FROM releases")} <= RESTING
        assert {ItemState(state) for (state,) in self.rows("SELECT state FROM items")} <= FINAL_ITEM_STATES
        stations: Counter[tuple[str, str]] = Counter()
        for instance_id, recipient, state, item in self.rows(
            "SELECT i.instance_id, r.recipient, r.state, t.state FROM instances i"
            " JOIN releases r ON r.study_id = i.study_id AND r.batch = i.batch"
            " LEFT JOIN items t ON t.release_id = r.release_id AND t.instance_id = i.instance_id"
        ):
            stations[instance_id, recipient] += 1
            assert (item is None) if state == ReleaseState.DENIED else (item is not None or state == "stopped")
        kept = [row[0] for row in self.rows("SELECT instance_id FROM instances")]
        assert stations == Counter({(one, to): 1 for one in kept for to in (TREATING, TRAINING)})

    def check_arrivals(self) -> None:
        """What recipients hold is on record from before; none has two contents; what was permitted has come."""
        on_record = {
            (recipient, uid): (disclosed, state)
            for recipient, uid, disclosed, state in self.rows(
                "SELECT t.recipient, t.sop_instance_uid, d.disclosed, t.state FROM items t"
                " JOIN disclosures d ON d.disclosure_id = t.disclosure_id AND d.recipient = t.recipient"
                " AND d.purpose = t.purpose AND d.release_id = t.release_id"
            )
        }
        contents: dict[tuple[str, str], set[str]] = {}
        for one in self.arrived:
            which = one.recipient, one.sop_instance_uid
            assert which in on_record, "an instance arrived that is on no record"
            disclosed, state = on_record[which]
            assert disclosed <= one.at.timestamp() * 1e6, "an instance arrived before it was on record"
            assert state in {ItemState.SENT, ItemState.UNKNOWN}, f"what arrived is {state}"
            contents.setdefault(which, set()).add(one.digest)
        assert all(len(digests) == 1 for digests in contents.values()), "the same instance came with two contents"
        confirmed = {which for which, (_, state) in on_record.items() if state == ItemState.SENT}
        assert confirmed <= set(contents), "instances that are said to be sent never arrived"
        treated = {uid for to, uid in contents if to == TREATING}
        assert len(treated) == len(self.rows("SELECT 1 FROM instances")), "instances never arrived"
        trained = {uid for to, uid in contents if to == TRAINING}
        permitted = self._of(Will.PERMITS)
        willing = self._ids(uid for study in self.studies if study.will is not Will.SILENT for uid in study.files)
        by_instance = dict(self.rows(f"SELECT sop_instance_uid, instance_id FROM items WHERE recipient = '{TRAINING}'"))
        assert {by_instance[uid] for uid in trained} <= set(willing)
        assert {by_instance[uid] for uid in trained} >= {one for one in permitted if self._is_kept(one)}

    def _of(self, will: Will) -> set[str]:
        return set(self._ids(uid for study in self.studies if study.will is will for uid in study.files))

    def _is_kept(self, instance_id: str) -> bool:
        return bool(self.rows(f"SELECT 1 FROM instances WHERE instance_id = '{instance_id}'"))

    def check_denials(self) -> None:
        """A denial left nothing: no item, no disclosure, no way back."""
        denied = "SELECT release_id FROM releases WHERE state = 'denied'"
        for table in ("items", "disclosures", "release_uids"):
            assert not self.rows(f"SELECT 1 FROM {table} WHERE release_id IN ({denied})")
        silent = {
            self.stores.sealing.blind("study", study_uid_of(next(iter(study.files.values()))))
            for study in self.studies
            if study.will is Will.SILENT
        }
        states = {
            state for study, state in self.rows(f"SELECT study_id, state FROM releases WHERE recipient = '{TRAINING}'")
            if study in silent
        }  # fmt: skip
        assert states <= {ReleaseState.DENIED}

    def check_accounting(self) -> None:
        """Each disclosure counts its items; the running counts are those of the rows."""
        for said, counted in self.rows(
            "SELECT d.instances, count(t.seq) FROM disclosures d"
            " LEFT JOIN items t ON t.disclosure_id = d.disclosure_id GROUP BY d.disclosure_id, d.instances"
        ):
            assert said == counted
        counts = {name: count for name, count in self.stores.ledger.counts().items() if count}
        assert counts == recount(self.stores.ledger)

    def check_leftovers(self) -> None:
        """The spool is empty, nothing that is referred to is missing, and few blobs are left over."""
        assert list(self.stores.spool.iterdir()) == []
        there = [name for name, _ in self.stores.blobs.names()]
        assert len(set(there)) == len(there)
        columns = ("blob FROM instances", "recipe FROM items", "blob FROM face_findings", "blob FROM seals")
        named = {row[0] for row in self.rows(" UNION ".join(f"SELECT {one}" for one in columns))} - {""}
        assert named <= set(there)
        left_over = set(there) - named
        assert len(left_over) <= self.faults * self.blobs_a_fault, f"{len(left_over)} blobs left over"
        assert not self.rows("SELECT 1 FROM quarantined")


def study_uid_of(content: bytes) -> str:
    """Return the Study Instance UID in a file."""
    return str(dcmread(io.BytesIO(content), stop_before_pixels=True).StudyInstanceUID)


# Every step


class Fault(StrEnum):
    """What happens at one call of a store that writes."""

    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    FAIL_BEFORE = "failed, not done"
    FAIL_AFTER = "failed, but done"

    @property
    def kills(self) -> bool:
        """Whether the process ends."""
        return self in {Fault.KILL_BEFORE, Fault.KILL_AFTER}


LEDGER_WRITES = frozenset(
    "add_received add_quarantined close_study mark_routed request_prior settle_prior open_release record_decision approve refuse"
    " reopen_denied account mark_accounted claim begin_attempt settle retry_items note_fetched add_result move_result"
    " seek_priors queue_searches begin_search end_search fail_search"
    " beat take_over forget add_provision revoke_provision".split()
)
STORE_WRITES = {
    "ledger": LEDGER_WRITES,
    "blobs": frozenset({"put", "delete"}),
    "vault": frozenset({"data_key", "record_originals"}),
    "custody": frozenset({"record", "note_logged"}),
}

WRITES = {**STORE_WRITES, "log": frozenset({"append"})}
"""What counts as a write, of whom."""


@dataclass
class Counting:
    """Counts the calls that write, and lets the `at`-th go wrong; 0 lets all go well."""

    at: int = 0
    fault: Fault = Fault.KILL_BEFORE
    names: list[str] = field(default_factory=list)

    def call(self, name: str, write: Callable[[], object]) -> object:
        self.names.append(name)
        if len(self.names) != self.at:
            return write()
        if self.fault is Fault.KILL_BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault is Fault.FAIL_BEFORE:
            raise StoreError("the test lets this fail")
        write()
        if self.fault is Fault.KILL_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)
        raise StoreError("the test lets this fail, but it was done")


class Faulty:
    """A store of which one call goes wrong."""

    def __init__(self, store: object, name: str, counting: Counting) -> None:
        self._store = store
        self._name = name
        self._counting = counting

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name not in WRITES[self._name]:
            return found
        return lambda *args, **more: self._counting.call(
            f"{self._name}.{name}", lambda: found(*args, **more)
        )  # fmt: skip


@dataclass
class Notes:
    """What sender and recipients know, in files, so that it outlives a killed process."""

    folder: Path

    def accept(self, uid: str) -> None:
        with (self.folder / "accepted").open("a") as file:
            file.write(uid + "\n")

    @property
    def accepted(self) -> set[str]:
        path = self.folder / "accepted"
        return set(path.read_text().split()) if path.exists() else set()

    def arrive(self, recipient: str, uid: str, at: datetime, content: bytes, *, on_record: bool) -> None:
        line = json.dumps(
            {"to": recipient, "uid": uid, "at": at.isoformat(), "data": content.hex(), "on_record": on_record}
        )
        with (self.folder / "arrived").open("a") as file:
            file.write(line + "\n")

    @property
    def arrived(self) -> list[Arrived]:
        path = self.folder / "arrived"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        assert all(line["on_record"] for line in lines), "an instance arrived before it was on record"
        return [
            Arrived(
                recipient=line["to"], sop_instance_uid=line["uid"], at=datetime.fromisoformat(line["at"]),
                data_set=bytes.fromhex(line["data"]),
            )
            for line in lines
        ]  # fmt: skip


class NotingSender:
    """A way out that ends in the notes; the first attempt of some instances breaks off after they arrived."""

    def __init__(self, gateway: "SteppedGateway", recipient: str) -> None:
        self._gateway = gateway
        self._recipient = recipient

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        for file in files:
            uid = file.sop_instance_uid
            said = Delivery.CONFIRMED
            try:
                self._gateway.counting.call("recipient.arrive", lambda file=file: self._arrive(file))
            except StoreError:
                said = Delivery.UNKNOWN
            yield DeliveryReport(sop_instance_uid=uid, delivery=said, detail="as the test says")

    def _arrive(self, file: Outgoing) -> None:
        gateway = self._gateway
        content = data_set_of(b"".join(file.chunks()))
        query = text(
            "SELECT 1 FROM items t JOIN disclosures d ON d.disclosure_id = t.disclosure_id"
            " WHERE t.recipient = :to AND t.sop_instance_uid = :uid AND d.recipient = :to"
        )
        with gateway.stores.engines[0].connect() as connection:
            which = {"to": self._recipient, "uid": file.sop_instance_uid}
            on_record = connection.execute(query, which).one_or_none() is not None
        gateway.notes.arrive(
            self._recipient, file.sop_instance_uid, gateway.clock(), content, on_record=on_record
        )  # fmt: skip


class SteppedQueue:
    """Work in memory, done when the test says so: gone with the process, as far as the engine's own is lost."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self.waiting: deque[tuple[str, str]] = deque()
        self._known: set[tuple[str, str]] = set()

    def submit(self, kind: str, key: str) -> None:
        def queue() -> None:
            if (kind, key) not in self._known:
                self._known.add((kind, key))
                self.waiting.append((kind, key))

        self._counting.call("queue.submit", queue)

    def take_over(self, workers: list[str]) -> int:
        return 0

    def purge(self) -> int:
        return 0


class SteppedGateway:
    """A gateway in this process whose stores count what is written, on a home folder that is there already."""

    def __init__(self, home: Path, settings: GatewaySettings, notes: Notes, counting: Counting, *, life: int) -> None:
        self.notes = notes
        self.counting = counting
        self.clock = Clock()
        # Later than whatever the process before it did, and beyond its leases.
        self.clock.now = START + timedelta(hours=life)
        self.stores = open_stores(home, settings)
        seen = replace(
            self.stores,
            **{name: Faulty(getattr(self.stores, name), name, counting) for name in STORE_WRITES},
        )
        self.engine = Engine(seen, name=f"life-{life}", clock=self.clock)
        self.queue = SteppedQueue(counting)
        self.engine.router._queue = self.queue
        self.engine.preparer._queue = self.queue
        self.drainer = self.engine._make_drainer(f"life-{life}-0", None)
        self.drainer._make_sender = lambda recipient, _consignment: NotingSender(self, recipient.recipient_id)
        self.staff = make_staff(seen)
        self.staff._clock = self.clock
        self.notary = make_notary(seen, self.clock)
        open_log = self.notary._open_log
        self.notary._open_log = lambda head: Faulty(open_log(head), "log", counting)

    def close(self) -> None:
        self.notary.close()
        self.stores.close()

    # What goes on, each step as often as it takes

    def live(self, studies: Sequence[SentStudy]) -> None:
        """Send what was not accepted, and do everything until nothing is left to do."""
        self._try(self.engine.router.recover)
        self._until(lambda: self._push(studies))
        self.clock.move(seconds=61)
        self._until(lambda: self._route() + self._prepare())
        self._until(lambda: self._withdraw(studies))
        self._until(lambda: self._route() + self._prepare() + self._drain())
        self._until(self.notary.step)

    def _until(self, step: Callable[[], int]) -> None:
        """Do a step until it finds nothing to do, also after a pause."""
        idle = 0
        for _ in range(60):
            try:
                done = step()
            except ScanwardError:
                done = 1
            idle = 0 if done else idle + 1
            if idle == 2:
                return
            # Long enough that a release is queued again whose work was never queued.
            self.clock.move(seconds=11 if done else 660)
        raise AssertionError("it does not come to rest")

    @staticmethod
    def _try(step: Callable[[], None]) -> None:
        with suppress(ScanwardError):
            step()

    def _push(self, studies: Sequence[SentStudy]) -> int:
        known = self.notes.accepted
        done = 0
        for study in studies:
            for uid, content in study.files.items():
                if uid not in known:
                    done += 1
                    receipt = self.engine.intake.take(BytesSource(content), ARCHIVE)
                    assert receipt.accepted, receipt.reason
                    self.notes.accept(uid)
        return done

    def _route(self) -> int:
        return self.engine.router.sweep()

    def _prepare(self) -> int:
        done = 0
        while self.queue.waiting:
            kind, key = self.queue.waiting[0]
            self.engine.handlers[kind](key)
            self.queue.waiting.popleft()
            done += 1
        return done

    def _drain(self) -> int:
        return self.drainer.drain_once()

    def _withdraw(self, studies: Sequence[SentStudy]) -> int:
        """Take back what those permitted who withdraw; found again by what is in force, as a person would."""
        done = 0
        for study in studies:
            if study.will is Will.WITHDRAWS:
                patient = self.staff.patient(study.patient_id, study.issuer)
                for one in self.stores.ledger.provisions(patient):
                    if one.revoked is None:
                        self.staff.revoke_provision(patient, one.provision_id, "test")
                        done += 1
        return done


def prepare_home(home: Path, settings: GatewaySettings, studies: Sequence[SentStudy]) -> None:
    """Make a home folder in which the recipients and the patients' wills are known."""
    home.mkdir(mode=0o700)
    with open_stores(home, settings) as stores:
        staff = make_staff(stores)
        staff._clock = lambda: START
        for name, purpose in ((TREATING, "TREAT"), (TRAINING, "MLTRAINING")):
            document = recipient_document(name, {"kind": "folder", "path": "/nowhere"}, purpose=purpose)
            staff.save_recipient(name, document, "test")
        record_wills(staff, studies)


def record_wills(staff, studies: Sequence[SentStudy]) -> None:
    """Record what patients permit."""
    for study in studies:
        if study.will is not Will.SILENT:
            permit = {"effect": "permit", "purposes": ["MLTRAINING"], "recipients": [TRAINING]}
            staff.add_provision(staff.patient(study.patient_id, study.issuer), permit, "test")


def run_killed(live: Callable[[], None]) -> int:
    """Do something in a process of its own; return the signal that ended it, 0 for none."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            live()
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the parent tells of it by the exit code
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "what was to be killed failed by itself"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def run_steps(
    home: Path, settings: GatewaySettings, studies: Sequence[SentStudy], counting: Counting, *, orphans: int = 2
) -> None:
    """Let one call go wrong, have a second life recover where the first was killed, and check what came of it."""
    folder = home.parent / f"{home.name}-notes"
    folder.mkdir()
    notes = Notes(folder)

    def live() -> None:
        with closing(SteppedGateway(home, settings, notes, counting, life=0)) as gateway:
            gateway.live(studies)

    faults = 0
    if counting.at and counting.fault.kills:
        faults = 1
        assert run_killed(live) == signal.SIGKILL
        # A sender that heard nothing sends again.
        with closing(SteppedGateway(home, settings, notes, Counting(), life=1)) as gateway:
            gateway.live(studies)
    else:
        faults = int(counting.at > 0)
        live()
    with open_stores(home, settings) as stores:
        rest = Rest(
            stores=stores, studies=studies, accepted=notes.accepted, arrived=notes.arrived, faults=faults,
            blobs_a_fault=orphans,
        )  # fmt: skip
        rest.check()
        assert notes.accepted == {uid for study in studies for uid in study.files}
        # The withdrawal came while everything was queued, and before anything was sent.
        withdrawn = rest._of(Will.WITHDRAWS)
        uids = {row[0] for row in rest.rows("SELECT sop_instance_uid FROM items WHERE state = 'stopped'")}
        sent = {one.sop_instance_uid for one in notes.arrived}
        assert not uids & sent
        assert withdrawn <= {
            row[0]
            for row in rest.rows(
                "SELECT i.instance_id FROM instances i JOIN releases r ON r.study_id = i.study_id"
                f" WHERE r.recipient = '{TRAINING}' AND r.state IN ('stopped', 'denied')"
            )
        }
    shutil.rmtree(home)
    shutil.rmtree(folder)


def digest_of(content: bytes) -> str:
    """Return the digest of a data set."""
    return hashlib.sha256(data_set_of(content)).hexdigest()


def wait(seconds: float) -> None:
    """Let time pass between two troubles."""
    time.sleep(seconds)
