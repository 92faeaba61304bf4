"""Priors: fetched whole for each recipient that asks for them, tried again, and given up for all to see."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from scanward.config import ArchiveSettings, DimseSettings, GatewaySettings, PeerSettings
from scanward.errors import NetworkError, StoreError
from scanward.flow.routing import FORGOTTEN
from scanward.model.study import Completion, Origin, OriginKind
from scanward.ports.network import FoundStudy
from tests.common.gateway import ARCHIVE, LUNG_AI, TestGateway
from tests.common.studies import make_ct_series

FETCHED = Origin(kind=OriginKind.FETCH, peer="archive")
MODALITY = Origin(kind=OriginKind.DIMSE, peer="modality")
SETTINGS = GatewaySettings(
    dimse=DimseSettings(peers=(PeerSettings(name="archive", ae_title="PACS"),)),
    http=None,
    archive=ArchiveSettings(host="127.0.0.1", port=1, ae_title="PACS"),
    quiet_seconds=60,
    min_free_bytes=0,
    attempts=3,
)


@dataclass
class OldStudies:
    """An archive that a test cuts off (implements `scanward.ports.network.Archive`)."""

    gateway: TestGateway
    studies: dict[str, list[Dataset]] = field(default_factory=dict)
    """Newest first."""
    sends: list[int] = field(default_factory=list)
    """How many instances it sends before it drops the connection, each time; all once these are used up."""
    asked: list[str] = field(default_factory=list)
    counted: int | None = None
    """What it says how many instances each has, where that is not the truth."""
    origin: Origin = FETCHED
    is_down: bool = False

    def add(self, like: Dataset, day: str, slices: int = 3, seed: int = 70) -> str:
        data_sets = [sample.ds for sample in make_ct_series(slices=slices, size=16, seed=seed)]
        for ds in data_sets:
            ds.PatientID, ds.PatientName, ds.PatientBirthDate = like.PatientID, like.PatientName, like.PatientBirthDate
            ds.IssuerOfPatientID = like.get("IssuerOfPatientID", "")
            ds.StudyDate = day
        uid = str(data_sets[0].StudyInstanceUID)
        self.studies[uid] = data_sets
        return uid

    def find_priors(self, patient: str, issuer: str, before: str, limit: int) -> list[FoundStudy]:
        if self.is_down:
            raise NetworkError("the peer cannot be reached")
        told = [(uid, len(some) if self.counted is None else self.counted) for uid, some in self.studies.items()]
        return [FoundStudy(study_uid=uid, instances=count) for uid, count in told][:limit]

    def fetch(self, study_uid: str) -> int:
        self.asked.append(study_uid)
        stops_at = self.sends.pop(0) if self.sends else None
        for number, ds in enumerate(self.studies[study_uid]):
            if number == stops_at:
                raise NetworkError("the association ended")
            assert self.gateway.take(ds, self.origin).accepted
        return len(self.studies[study_uid])


class Hospital:
    """A gateway with an archive that has older studies."""

    def __init__(self, home: Path) -> None:
        self.gateway = TestGateway(home, SETTINGS)
        self.archive = OldStudies(self.gateway)
        self.gateway.engine._priors._archive = self.archive
        self.ledger = self.gateway.stores.ledger

    def add(self, recipient_id: str, priors: int) -> None:
        document = LUNG_AI.replace('"lung-ai"', f'"{recipient_id}"')
        self.gateway.add_recipient(document.replace('"ai-inference"', f'"ai-inference"\npriors = {priors}'))

    def id_of(self, study_uid: str) -> str:
        return self.gateway.stores.sealing.blind("study", study_uid)

    def sent(self) -> dict[tuple[str, str], int]:
        """How many instances of each study each recipient has, by its id."""
        found: dict[tuple[str, str], int] = {}
        for release in self.ledger.releases(limit=100):
            states = [line.state for line in self.ledger.release_items(release.release_id)]
            key = (release.study_id, release.recipient)
            found[key] = found.get(key, 0) + states.count("sent")
        return found

    def said(self, study_uid: str) -> list[str]:
        return [one.what for one in self.ledger.history(self.id_of(study_uid))]

    def searches(self) -> dict[str, int]:
        return {
            name.partition(":")[2]: count
            for name, count in self.ledger.counts().items()
            if name.startswith("prior searches:") and count
        }


@pytest.fixture
def hospital(tmp_path):
    made = Hospital(tmp_path / "home")
    yield made
    made.gateway.close()


def test_a_prior_that_is_cut_off_becomes_whole(hospital, caplog):
    hospital.add("lung-ai", 1)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101", slices=4)
    hospital.archive.sends = [2, 0]
    hospital.gateway.settle()
    assert hospital.searches() == {"waiting": 1}
    assert "try 1): the association ended" in caplog.text
    hospital.gateway.settle()  # what came of it goes on its way
    hospital.gateway.settle()
    assert hospital.searches() == {"done": 1}
    assert hospital.archive.asked == [prior] * 3
    assert hospital.said(prior).count("prior complete") == 1
    hospital.gateway.settle()
    assert hospital.sent()[hospital.id_of(prior), "lung-ai"] == 4
    assert hospital.searches() == {"done": 1}
    assert hospital.archive.asked == [prior] * 3


@pytest.mark.parametrize("counted", [5, 0])
def test_an_archive_that_says_success_too_early_is_asked_again_and_given_up(hospital, caplog, counted):
    hospital.add("lung-ai", 1)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101", slices=2)
    hospital.archive.counted = counted
    if not counted:  # it has nothing, and tells no number
        hospital.archive.studies[prior] = []
    for _ in range(4):
        hospital.gateway.settle()
    assert hospital.archive.asked == [prior] * 3
    assert hospital.searches() == {"failed": 1}
    told = hospital.said(str(now.StudyInstanceUID))
    assert (told.count("priors not fetched yet"), told.count("priors given up")) == (2, 1)
    assert "given up" in caplog.text
    assert prior not in caplog.text
    # What came goes all the same.
    assert hospital.sent().get((hospital.id_of(prior), "lung-ai"), 0) == (2 if counted else 0)


def test_an_archive_that_is_down_for_a_while(hospital):
    hospital.add("lung-ai", 1)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101")
    hospital.archive.is_down = True
    hospital.gateway.settle()
    hospital.archive.is_down = False
    hospital.gateway.settle()
    hospital.gateway.settle()
    assert hospital.sent() == {(hospital.id_of(str(now.StudyInstanceUID)), "lung-ai"): 3,
                               (hospital.id_of(prior), "lung-ai"): 3}  # fmt: skip


def test_one_prior_that_fails_does_not_keep_the_others(hospital):
    hospital.add("lung-ai", 2)
    now = hospital.gateway.take_ct()[0]
    newer = hospital.archive.add(now, "20210101", seed=70)
    older = hospital.archive.add(now, "20200101", seed=71)
    hospital.archive.sends = [1]
    hospital.gateway.settle()
    assert hospital.archive.asked == [newer, older]
    hospital.gateway.settle()
    assert hospital.archive.asked == [newer, older, newer]
    assert hospital.searches() == {"done": 1}


def test_each_recipient_gets_as_many_priors_as_it_asks_for_and_each_is_fetched_once(hospital):
    hospital.add("lung-ai", 2)
    hospital.add("heart-ai", 1)
    hospital.add("bone-ai", 0)
    now = hospital.gateway.take_ct()[0]
    newer = hospital.archive.add(now, "20210101", seed=70)
    older = hospital.archive.add(now, "20200101", seed=71)
    hospital.gateway.settle()
    hospital.gateway.settle()
    assert sorted(hospital.archive.asked) == sorted([newer, older])
    this = hospital.id_of(str(now.StudyInstanceUID))
    assert set(hospital.sent()) == {
        (this, "lung-ai"), (this, "heart-ai"), (this, "bone-ai"),
        (hospital.id_of(newer), "lung-ai"), (hospital.id_of(newer), "heart-ai"), (hospital.id_of(older), "lung-ai"),
    }  # fmt: skip


def test_a_prior_that_is_here_already_goes_to_the_next_who_asks(hospital):
    hospital.add("lung-ai", 1)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101")
    hospital.gateway.settle()
    hospital.gateway.settle()
    hospital.add("heart-ai", 1)
    later = [sample.ds for sample in make_ct_series(slices=1, size=16, seed=8)]
    for ds in later:
        ds.PatientID, ds.PatientName, ds.PatientBirthDate = now.PatientID, now.PatientName, now.PatientBirthDate
        ds.IssuerOfPatientID = now.get("IssuerOfPatientID", "")
        assert hospital.gateway.take(ds).accepted
    hospital.gateway.settle()
    hospital.gateway.settle()
    sent = hospital.sent()
    assert sent[hospital.id_of(prior), "heart-ai"] == 3
    assert sent[hospital.id_of(prior), "lung-ai"] == 3
    assert hospital.archive.asked == [prior]


def test_a_prior_that_came_by_itself_goes_to_who_asks_and_was_not_there_then(hospital):
    now, *_ = (sample.ds for sample in make_ct_series(slices=1, size=16, seed=8))
    prior = hospital.archive.add(now, "20200101")
    for ds in hospital.archive.studies[prior]:
        assert hospital.gateway.take(ds).accepted
    hospital.gateway.settle()
    hospital.add("lung-ai", 1)
    assert hospital.gateway.take(now).accepted
    hospital.gateway.settle()
    hospital.gateway.settle()
    assert hospital.sent()[hospital.id_of(prior), "lung-ai"] == 3
    assert hospital.archive.asked == []


@pytest.mark.parametrize("origin", [FETCHED, ARCHIVE])
def test_a_prior_that_comes_in_two_batches_goes_to_who_asked_alone(hospital, origin):
    hospital.archive.origin = origin
    hospital.add("lung-ai", 1)
    hospital.add("other-ai", 0)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101", slices=4)
    hospital.archive.sends = [2]
    hospital.gateway.settle()
    # The archive is slow to answer again: what came is a batch of its own.
    hospital.ledger.close_study(hospital.id_of(prior), Completion.REQUESTED, hospital.gateway.clock())
    hospital.gateway.settle()
    hospital.gateway.settle()
    assert len(hospital.ledger.batches_of(hospital.id_of(prior))) == 2
    sent = hospital.sent()
    assert sent[hospital.id_of(prior), "lung-ai"] == 4
    assert (hospital.id_of(prior), "other-ai") not in sent
    assert hospital.searches() == {"done": 1}  # it asks for no priors of its own


@pytest.mark.parametrize("again", ["the same", "a late one"])
def test_a_prior_that_a_modality_sends_later_is_a_study_like_any_other(hospital, again):
    hospital.add("lung-ai", 1)
    hospital.add("other-ai", 0)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101")
    hospital.gateway.settle()
    hospital.gateway.settle()
    whole = hospital.archive.studies.pop(prior)  # of which there is no older one
    late = make_late(whole[0]) if again == "a late one" else whole[0]
    assert hospital.gateway.take(late, MODALITY).accepted
    hospital.gateway.settle()
    sent = hospital.sent()
    count = 4 if again == "a late one" else 3
    assert {sent[hospital.id_of(prior), recipient] for recipient in ("lung-ai", "other-ai")} == {count}
    assert hospital.said(prior).count("came by itself") == 1
    assert hospital.searches() == {"done": 2}


def make_late(of: Dataset) -> Dataset:
    *_, last = (sample.ds for sample in make_ct_series(slices=9, size=16, seed=70))
    last.PatientID, last.PatientName, last.PatientBirthDate = of.PatientID, of.PatientName, of.PatientBirthDate
    last.IssuerOfPatientID, last.StudyDate = of.IssuerOfPatientID, of.StudyDate
    assert (last.StudyInstanceUID, last.SOPInstanceUID != of.SOPInstanceUID) == (of.StudyInstanceUID, True)
    return last


def test_work_that_is_lost_is_queued_again(hospital):
    hospital.add("lung-ai", 1)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101")
    hospital.gateway.clock.move(seconds=61)
    while hospital.gateway.engine.router.sweep():
        pass
    kinds = [kind for kind, _ in hospital.gateway.queue.waiting]
    assert kinds.count("priors") == 1
    hospital.gateway.queue.waiting.clear()  # the worker died and nobody took over
    hospital.gateway.turn()
    assert hospital.archive.asked == []
    hospital.gateway.clock.move(seconds=FORGOTTEN.total_seconds() + 1)
    hospital.gateway.turn()
    assert hospital.archive.asked == [prior]
    assert hospital.searches() == {"done": 1}


def test_work_that_died_in_the_midst_goes_on_with_the_next(hospital, monkeypatch):
    hospital.add("lung-ai", 1)
    now = hospital.gateway.take_ct()[0]
    prior = hospital.archive.add(now, "20200101", slices=3)

    def die(uid: str) -> int:
        hospital.archive.asked.append(uid)
        raise StoreError("the process ends here, as far as the ledger knows")

    with monkeypatch.context() as patch:
        patch.setattr(hospital.archive, "fetch", die)
        with pytest.raises(StoreError):
            hospital.gateway.settle()
    hospital.gateway.queue.waiting.clear()
    hospital.gateway.clock.move(hours=1)
    hospital.gateway.turn()
    assert hospital.archive.asked == [prior] * 2
    assert hospital.searches() == {"done": 1}


def test_a_study_whose_patient_has_no_id_has_no_priors(hospital, caplog):
    caplog.set_level(logging.WARNING)
    hospital.add("lung-ai", 1)
    (ds,) = (sample.ds for sample in make_ct_series(slices=1, size=16, seed=8))
    ds.PatientID = ""
    hospital.archive.add(ds, "20200101")
    assert hospital.gateway.take(ds).accepted
    hospital.gateway.settle()
    assert hospital.archive.asked == []
    assert hospital.searches() == {"done": 1}
    assert caplog.text == ""
