"""What is owed to peers outlives a kill: reports of storage commitment, and procedure steps under way."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep, StorageCommitmentPushModel

from scanward.bootstrap.stores import open_stores
from scanward.model.study import Completion
from tests.common.dcmtk import storescu
from tests.common.ports import free_port, wait_until
from tests.common.serving import Gateway, Peer, Settings, ended
from tests.common.studies import Sample, make_ct_series, save

INSTANCE = "1.2.840.10008.1.20.1.1"
SOP_CLASS = "1.2.840.10008.1.20.1"

Handle = Callable[[evt.Event], tuple[int, None]]
Reports = queue.Queue[tuple[int, Dataset]]


@pytest.fixture
def samples() -> list[Sample]:
    return list(make_ct_series(slices=2, size=16, seed=6))


@contextlib.contextmanager
def run_gateway(folder: Path, samples: list[Sample], report_port: int = 0) -> Iterator[Gateway]:
    """Run a gateway that has the samples, of a study that is not complete by itself."""
    peers = [Peer(ae_title="STORESCU", report_port=report_port)]
    Settings(quiet_seconds=3600.0, peers=peers).write(folder / "home")
    gateway = Gateway(folder / "home")
    with ended(gateway):
        gateway.start()
        paths = [folder / f"{number}.dcm" for number, _ in enumerate(samples)]
        for sample, path in zip(samples, paths, strict=True):
            save(sample.ds, path)
        assert storescu(gateway.dicom_port, paths).returncode == 0
        yield gateway


def associate(gateway: Gateway, sop_class: str, handle: Handle | None = None) -> Association:
    ae = AE("STORESCU")
    ae.add_requested_context(sop_class, ImplicitVRLittleEndian)
    roles = [build_role(sop_class, scu_role=True)] if handle is not None else []
    handlers = [(evt.EVT_N_EVENT_REPORT, handle)] if handle is not None else []
    association = ae.associate(
        "127.0.0.1", gateway.dicom_port, ae_title="SCANWARD", ext_neg=roles, evt_handlers=handlers
    )
    assert association.is_established
    return association


def keep_in(reports: Reports) -> Handle:
    def keep(event: evt.Event) -> tuple[int, None]:
        reports.put((event.event_type, event.event_information))
        return 0, None

    return keep


def ask(association: Association, samples: list[Sample], transaction: str) -> None:
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = []
    for sample in samples:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sample.ds.SOPClassUID, sample.ds.SOPInstanceUID
        request.ReferencedSOPSequence.append(item)
    status, _ = association.send_n_action(request, 1, SOP_CLASS, INSTANCE)
    assert status.Status == 0


@pytest.mark.peers("storescu")
def test_a_report_that_could_not_be_sent_before_a_kill_is_sent_after_it(tmp_path, samples):
    port = free_port()
    with run_gateway(tmp_path, samples, report_port=port) as gateway:
        # Nobody listens there yet.
        association = associate(gateway, StorageCommitmentPushModel)
        ask(association, samples, "1.2.3.1")
        ask(association, samples[:1], "1.2.3.2")
        association.release()
        gateway.kill()
        reports: Reports = queue.Queue()
        ae = AE("STORESCU")
        ae.add_supported_context(StorageCommitmentPushModel, ImplicitVRLittleEndian, scu_role=False, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, keep_in(reports))]
        receiver = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        try:
            gateway.start()
            found = dict(sorted((report.TransactionUID, event) for event, report in take(reports, 2)))
            assert found == {"1.2.3.1": 1, "1.2.3.2": 1}
            wait_until(lambda: count_owed(gateway) == 0, "nothing is owed any more")
            # It is owed no longer: another start sends nothing.
            gateway.restart()
            association = associate(gateway, StorageCommitmentPushModel)
            ask(association, samples, "1.2.3.3")
            association.release()
            ((_, report),) = take(reports, 1)
            assert report.TransactionUID == "1.2.3.3"
        finally:
            receiver.shutdown()


@pytest.mark.peers("storescu")
def test_a_report_that_its_association_did_not_carry_comes_with_the_next_one(tmp_path, samples):
    with run_gateway(tmp_path, samples) as gateway:
        # The gateway is killed before the caller could answer the report.
        reports: Reports = queue.Queue()
        killed = threading.Event()
        association = associate(gateway, StorageCommitmentPushModel, lambda _: (0 if killed.wait(20) else 1, None))
        sock = association.dul.socket.socket
        ask(association, samples, "1.2.3.1")
        gateway.kill()
        killed.set()
        association.abort()
        sock.close()  # pynetdicom leaves it open where the peer has gone
        gateway.start()
        association = associate(gateway, StorageCommitmentPushModel, keep_in(reports))
        ask(association, samples, "1.2.3.2")
        transactions = [report.TransactionUID for _, report in take(reports, 2)]
        association.release()
        assert transactions[-1] == "1.2.3.2"
        assert set(transactions) == {"1.2.3.1", "1.2.3.2"}
        wait_until(lambda: count_owed(gateway) == 0, "nothing is owed any more")


@pytest.mark.peers("storescu")
def test_a_procedure_step_under_way_completes_its_study_after_a_kill(tmp_path, samples):
    step = (ModalityPerformedProcedureStep, "1.2.3.9")
    scheduled, begun, ended_step = Dataset(), Dataset(), Dataset()
    scheduled.StudyInstanceUID = samples[0].ds.StudyInstanceUID
    begun.ScheduledStepAttributesSequence = [scheduled]
    begun.PerformedProcedureStepStatus = "IN PROGRESS"
    ended_step.PerformedProcedureStepStatus = "COMPLETED"
    with run_gateway(tmp_path, samples) as gateway:
        association = associate(gateway, ModalityPerformedProcedureStep)
        assert association.send_n_create(begun, *step)[0].Status == 0
        association.release()
        gateway.restart()
        association = associate(gateway, ModalityPerformedProcedureStep)
        assert association.send_n_create(begun, *step)[0].Status == 0x0111
        assert association.send_n_set(ended_step, *step)[0].Status == 0
        association.release()
        gateway.restart()
        association = associate(gateway, ModalityPerformedProcedureStep)
        assert association.send_n_set(ended_step, *step)[0].Status == 0x0110
        association.release()
        gateway.kill()
        with open_stores(gateway.home) as stores:
            study_id = stores.sealing.blind("study", samples[0].ds.StudyInstanceUID)
            completed = [one.detail for one in stores.ledger.history(study_id) if one.what == "completed"]
        assert completed == [f"batch 1: 2 instances, by {Completion.MPPS.value}"]


def take(reports: Reports, count: int) -> list[tuple[int, Dataset]]:
    return [reports.get(timeout=20) for _ in range(count)]


def count_owed(gateway: Gateway) -> int:
    with open_stores(gateway.home) as stores, stores.engines[0].connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM owed_reports").scalar_one())
