"""Who carries out a shard, who does not, and what of it counts."""

import itertools
from collections import Counter

import pytest

from scanward.adapters.store.database import Database
from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.jobs import SqlJobs
from scanward.adapters.store.migrations import upgrade
from scanward.errors import ConfigError, JournalError, OutputError, StoreError
from scanward.flow import shards
from scanward.flow.shard_texts import (
    PutAside,
    decode_put_aside,
    decode_scan,
    decode_task,
    encode_put_aside,
    encode_scan,
    encode_share,
    encode_unit,
)
from scanward.flow.shards import FILES, MAX_TRIES, CarriedOut, Hands, JobSpec, ShardPool, ShardRunner
from scanward.flow.worker import ScanResult, Stopped, Unit, UnitResult
from scanward.model.attribute import Action, Reason
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.instance import Placement
from scanward.model.pixels import FoundBy, PixelBox
from scanward.model.report import Change, Outcome, PixelTally
from scanward.model.screens import Screen
from scanward.model.source import SourceFile
from tests.common.ledgers import SEALING

JOB = "job"
SPEC = JobSpec(
    sources=("/in",), out="/out", profile="", recipient="test", release_unchecked_pixels=False, pixels="", key_id="k",
    version="1", folder="ab" * 16, session="s",
)  # fmt: skip
STRANGE = SourceFile(path="/in/\udcff\u2028PLANTED^\u00c4.dcm", member="a\x00\ud800", size=3, modified_ns=2**62)
SCREEN = Screen(manufacturer="maker", model="one", sop_class_uid="1.2", rows=480, columns=640)
FACTS = (((0x00080060, b"\xff\x00CT"), (0x0020000D, b"1.2")), "1.2.840.10008.1.2", True)
NAMES = frozenset(Identifier(IdentifierKind.PATIENT_NAME, name) for name in ("PLANTED^\u00c4", "\udcff", "a"))


def shares(count: int) -> list[list[tuple[int, SourceFile]]]:
    return [[(number, SourceFile(path=f"/in/{number}", size=1, modified_ns=2))] for number in range(count)]


def unit(number: int, facts: int = 7) -> Unit:
    return Unit(
        number, [(4, STRANGE, facts, b"1.2\x00"), (5, STRANGE, 9, b"")], {facts: FACTS, 9: ((), "", False)}, NAMES
    )


# Texts


def test_tasks_and_results_come_back_as_they_were():
    share = [(3, STRANGE), (4, shares(1)[0][0][1])]
    assert decode_task(encode_share(share)) == share
    found = decode_task(encode_unit(unit(2)))
    assert isinstance(found, Unit)
    assert (found.study, found.identifiers) == (2, NAMES)
    assert found.files == [(4, STRANGE, 0, b"1.2\x00"), (5, STRANGE, 1, b"")]
    assert found.facts == {0: FACTS, 1: ((), "", False)}
    stopped = [Stopped(1, Outcome.QUARANTINED, "why"), Stopped(2, Outcome.NOT_DICOM, "")]
    scanned = ScanResult([FACTS], [(0, 0, b"\x80")], {"1.2\udcff": set(NAMES)}, stopped, 2)
    assert decode_scan(encode_scan(scanned)) == scanned
    change = Change("PatientName", "(0010,0010)", next(iter(Action)), next(iter(Reason)))
    box = PixelBox(first_frame=0, last_frame=3, x=1, y=2, width=30, height=8, found_by=FoundBy.SECOND_LOOK)
    pixels = PixelTally(looked_at=3, unseen=2, unseen_likely=1, kept_words=4, redactions={"2.25.1": (box, box)}, screens=Counter({SCREEN: 3}), screen_of={"2.25.1": SCREEN},
                        looked_by=frozenset({"b", "a"}))  # fmt: skip
    result = UnitResult(2, [(4, "a/b/c/d.dcm")], stopped, Counter({change: 2}), 5, 1, pixels)
    placement = Placement(patient="a", study_uid="b", series_uid="c", sop_instance_uid="d")
    done = PutAside(result=result, folder="f", withdrawn=[placement])
    assert decode_put_aside(encode_put_aside(done)) == done
    assert JobSpec.decode(SPEC.encode()) == SPEC


def test_a_task_has_one_text_however_its_facts_were_numbered():
    assert encode_unit(unit(1, facts=7)) == encode_unit(unit(1, facts=3))
    assert encode_unit(unit(1)) != encode_unit(unit(2))


def test_nothing_that_is_shown_names_a_file():
    shown = [repr(SPEC), repr(CarriedOut(text="PLANTED", unread=0)), repr(STRANGE)]
    assert not any("PLANTED" in one or "/in" in one for one in shown)


# Running


class FakeHand:
    """A hand that notes what it is given; `then` runs in the midst of it."""

    def __init__(self, then=lambda: None, unread: int = 0) -> None:
        self.then = then
        self.unread = unread
        self.carried: list[str] = []
        self.discarded: list[str] = []
        self.closed = 0

    def carry_out(self, shard) -> CarriedOut:
        self.then()
        self.carried.append(shard.shard_id)
        scanned = ScanResult(unread=self.unread)
        return CarriedOut(text=encode_scan(scanned), unread=self.unread, folder=f"of-{shard.shard_id}")

    def discard(self, done: CarriedOut) -> None:
        self.discarded.append(done.folder)

    def close(self) -> None:
        self.closed += 1


class Queue:
    """Work that waits until the test has it done (implements `scanward.ports.work.WorkQueue`)."""

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def submit(self, kind: str, key: str) -> None:
        assert kind == FILES
        assert key not in self.waiting
        self.waiting.append(key)

    def take_over(self, workers: list[str]) -> int:
        return 0

    def purge(self) -> int:
        return 0


class Published:
    """Notes what is published (implements `scanward.ports.jobs.Publisher`)."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.lost: set[str] = set()

    def publish(self, folder, paths, withdrawn) -> bool:
        if folder in self.lost:
            return False
        self.folders.append(folder)
        return True

    def discard(self, folder) -> None:
        self.folders.append(f"-{folder}")


@pytest.fixture
def jobs(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    yield SqlJobs(Database(engine), SEALING)
    engine.dispose()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(shards, "HOLD_SECONDS", 0.0)
    monkeypatch.setattr(shards, "POLL_SECONDS", 0.0)


def raises(error: Exception):
    def do(*_: object):
        raise error

    return do


def runner(jobs, hand, own: str = "") -> ShardRunner:
    return ShardRunner(jobs, Hands(lambda _: hand), own_job=own)


def begin(jobs, queue, work, *, run=None, at_once: int = 8, publisher=None) -> ShardPool:
    """Return a pool; `work` is done whenever it finds that nothing happens."""
    ids = itertools.count()
    start = len(jobs.progress([f"s{number}" for number in range(100)]))
    return ShardPool(
        jobs=jobs, queue=queue, job_id=JOB, done=dict(jobs.begin(JOB, SPEC.encode())),
        digest=lambda task: SEALING.blind("shard", task), make_id=lambda: f"s{start + next(ids)}",
        publisher=publisher or Published(), runner=run or runner(jobs, FakeHand(), JOB), look=work, at_once=at_once,
    )  # fmt: skip


def works(queue, *runners):
    """Return what has each piece of waiting work done by the next runner in turn."""
    turn = itertools.cycle(runners)
    idle = 0

    def work() -> None:
        nonlocal idle
        idle = 0 if queue.waiting else idle + 1
        assert idle < 3, "nothing is left to do and the pool waits"
        waiting, queue.waiting = queue.waiting, []
        for key in waiting:
            next(turn)(key)

    return work


def test_shards_are_handed_out_a_few_at_a_time_and_all_come_back(jobs):
    queue, hand = Queue(), FakeHand()
    most = 0

    def work() -> None:
        nonlocal most
        most = max(most, len(queue.waiting))
        works(queue, runner(jobs, hand))()

    asked = shares(20)
    found = list(begin(jobs, queue, work, at_once=8).scan(asked))
    assert sorted(share[0][0] for share, _ in found) == list(range(20))
    assert most == 8
    assert len(hand.carried) == 20


def test_what_an_interrupted_run_has_done_is_not_done_again(jobs):
    queue, hand = Queue(), FakeHand()
    pool = begin(jobs, queue, works(queue, runner(jobs, hand)), at_once=3)
    scanned = pool.scan(shares(6))
    next(scanned)
    scanned.close()
    done = len(hand.carried)
    assert done == 3
    queue = Queue()
    again = begin(jobs, queue, works(queue, runner(jobs, hand)))
    assert len(list(again.scan(shares(6)))) == 6
    assert len(hand.carried) == 6


def test_a_worker_that_cannot_do_a_job_gives_its_shards_back_to_others(jobs):
    queue, able = Queue(), FakeHand()
    unable = ShardRunner(jobs, Hands(raises(ConfigError("another version"))))
    found = list(begin(jobs, queue, works(queue, unable, *2 * [runner(jobs, able)])).scan(shares(5)))
    assert len(found) == 5
    assert len(able.carried) == 5


def test_what_nobody_can_do_is_done_by_who_gave_the_command_or_fails_there(jobs):
    queue, own = Queue(), FakeHand()
    unable = ShardRunner(jobs, Hands(raises(OutputError("not mounted"))))
    found = list(begin(jobs, queue, works(queue, unable), run=runner(jobs, own, JOB)).scan(shares(2)))
    assert len(found) == len(own.carried) == 2
    queue = Queue()
    full = runner(jobs, FakeHand(raises(OutputError("no room left"))), JOB)
    with pytest.raises(OutputError, match="no room left"):
        list(begin(jobs, queue, works(queue, full), run=full).scan(shares(4)[2:]))
    assert not queue.waiting, "what failed in this job's own processes is not handed around"


def test_inputs_that_cannot_be_read_elsewhere_are_read_here(jobs):
    """Another machine may lack the permission; only here it says something about the input."""
    queue, elsewhere = Queue(), FakeHand(unread=1)
    here = FakeHand(unread=1)
    pool = begin(jobs, queue, works(queue, runner(jobs, elsewhere)), run=runner(jobs, here, JOB))
    ((_, result),) = pool.scan(shares(1))
    assert result.unread == 1
    assert len(elsewhere.carried) == len(elsewhere.discarded) == MAX_TRIES
    assert len(here.carried) == 1
    assert not here.discarded
    assert jobs.begin(JOB, SPEC.encode()) == {}, "it is tried again in the next run"


def test_what_comes_too_late_changes_nothing(jobs):
    """A worker that was thought dead ends its shard after the run began anew."""
    queue = Queue()
    late = FakeHand(then=lambda: jobs.begin(JOB, SPEC.encode()))
    pool = begin(jobs, queue, works(queue, runner(jobs, late)))
    with pytest.raises(JournalError):
        list(pool.scan(shares(1)))
    assert late.discarded == ["of-s0"]
    assert jobs.begin(JOB, SPEC.encode()) == {}


def test_a_shard_is_carried_out_twice_and_counts_once(jobs):
    jobs.begin(JOB, SPEC.encode())
    jobs.add(JOB, "s", "d", encode_share(shares(1)[0]))
    other = runner(jobs, FakeHand())
    twice = FakeHand(then=lambda: other("s:0"))
    runner(jobs, twice)("s:0")
    assert twice.discarded == ["of-s"]
    runner(jobs, twice)("s:0")
    runner(jobs, twice)("gone:0")
    assert twice.carried == ["s"]


def test_a_store_that_is_away_is_for_the_queue_to_try_again(jobs):
    jobs.begin(JOB, SPEC.encode())
    jobs.add(JOB, "s", "d", encode_share(shares(1)[0]))
    with pytest.raises(StoreError):
        runner(jobs, FakeHand(raises(StoreError("away"))))("s:0")
    assert jobs.find_waiting("s") is not None


def test_outputs_that_are_gone_are_made_again(jobs):
    queue, publisher = Queue(), Published()
    hand = FakeHand()

    def carry_out(shard):
        hand.carried.append(shard.shard_id)
        done = PutAside(result=UnitResult(0), folder=f"of-{shard.shard_id}", withdrawn=[])
        return CarriedOut(text=encode_put_aside(done), unread=0, folder=done.folder)

    hand.carry_out = carry_out
    publisher.lost = {"of-s0"}
    found = list(begin(jobs, queue, works(queue, runner(jobs, hand)), publisher=publisher).deidentify([unit(0)]))
    assert len(found) == 1
    assert hand.carried == ["s0", "s1"]
    assert publisher.folders == ["of-s1", "-of-s1"]
    assert jobs.begin(JOB, SPEC.encode()) == {}


# Hands


def test_hands_are_kept_for_a_job_and_not_shared():
    made: list[FakeHand] = []

    def make(_spec: JobSpec) -> FakeHand:
        made.append(FakeHand())
        return made[-1]

    hands = Hands(make)
    with hands.of(SPEC) as one, hands.of(SPEC) as other:
        assert one is not other
    with hands.of(SPEC) as again:
        assert again in (one, other)
    assert len(made) == 2
    with pytest.raises(OutputError), hands.of(SPEC) as failed:
        raise OutputError("full")
    assert failed.closed == 1
    hands.close()
    assert [hand.closed for hand in made] == [1, 1]


def test_hands_of_jobs_that_are_over_are_given_up():
    made: dict[str, FakeHand] = {}
    hands = Hands(lambda spec: made.setdefault(spec.session, FakeHand()))
    for number in range(shards.JOBS_KEPT + 2):
        values = {**{name: getattr(SPEC, name) for name in SPEC.__slots__}, "session": str(number)}
        with hands.of(JobSpec(**values)):
            pass
    assert [hand.closed for hand in made.values()] == [1, 1] + [0] * shards.JOBS_KEPT
    hands.close()
