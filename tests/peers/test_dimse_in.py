"""DICOM peers that send to us: what arrives is what they have, and only who is known is heard."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import ImplicitVRLittleEndian, MediaStorageDirectoryStorage
from pynetdicom import AE, _config, build_role, evt
from pynetdicom.sop_class import ModalityPerformedProcedureStep, StorageCommitmentPushModel

from scanward.adapters.archive import DimseArchive
from scanward.config import ArchiveSettings, PeerSettings
from scanward.errors import NetworkError
from scanward.model.release import Delivery
from scanward.model.study import Completion, OriginKind
from tests.common.certificates import Authority
from tests.common.dcmtk import echoscu, storescu
from tests.common.dimse_door import Door
from tests.common.orthanc import Orthanc, run_orthanc
from tests.common.outgoing import data_set_of, from_bytes
from tests.common.ports import free_port
from tests.common.studies import SampleFile, write_sample_studies

COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
REFERENCED = "1.2.840.10008.1.20.1"


STORESCU = PeerSettings(name="a modality", ae_title="STORESCU")


def received(door: Door) -> dict[str, Dataset]:
    """What was taken in, by SOP Instance UID."""
    read = [dcmread(DicomBytesIO(data)) for data, _ in door.intake.taken]
    return {ds.SOPInstanceUID: ds for ds in read}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[SampleFile]:
    return write_sample_studies(tmp_path_factory.mktemp("samples"), seed=11)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with Door(tmp_path, STORESCU) as door:
        yield door


def of_syntax(samples: list[SampleFile], *syntaxes: str) -> list[Path]:
    found = [sample.path for sample in samples if sample.transfer_syntax in syntaxes]
    assert found
    return found


@pytest.mark.peers("storescp")
@pytest.mark.parametrize(
    ("option", "syntaxes"),
    [
        ("-x=", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]),
        ("-xb", ["1.2.840.10008.1.2.2"]),
        ("-xd", ["1.2.840.10008.1.2.1.99"]),
        ("-xr", ["1.2.840.10008.1.2.5"]),
    ],
)
def test_dcmtk_stores_in_every_kind_of_transfer_syntax(door, samples, option, syntaxes):
    files = of_syntax(samples, *syntaxes)
    result = storescu(door.port, files, "-R", option)
    assert result.returncode == 0, result.stderr
    held = received(door)
    for file in files:
        sent = dcmread(file)
        assert held[sent.SOPInstanceUID] == sent
    assert len(door.intake.taken) == len(files)
    _, origin = door.intake.taken[0]
    assert (origin.kind, origin.peer, origin.recipient) == (OriginKind.DIMSE, "a modality", "")


@pytest.mark.peers("storescp")
def test_dcmtk_hears_that_an_instance_is_quarantined(door, samples, monkeypatch):
    take = door.intake.take
    monkeypatch.setattr(door.intake, "take", lambda content, origin: take(Short(content), origin))
    result = storescu(door.port, of_syntax(samples, "1.2.840.10008.1.2.1")[:1])
    assert "Error: CannotUnderstand" in result.stderr
    assert not door.intake.taken
    assert len(door.intake.quarantined) == 1


class Short:
    """The beginning of an instance."""

    def __init__(self, content) -> None:
        self._content = content
        self.size = 600

    def fileno(self) -> None:
        return None

    def read(self, offset: int, length: int) -> bytes:
        return self._content.read(offset, min(length, self.size - offset))


@pytest.mark.peers("storescp")
def test_who_is_not_known_is_not_heard(door, samples):
    files = of_syntax(samples, "1.2.840.10008.1.2.1")[:1]
    assert echoscu(door.port).returncode == 0
    assert echoscu(door.port, calling="SOMEONE").returncode != 0
    assert echoscu(door.port, called="OTHER").returncode != 0
    assert "Calling AE Title Not Recognized" in storescu(door.port, files, calling="SOMEONE").stderr
    assert not door.intake.taken


@pytest.mark.peers("storescp")
def test_tls_with_a_certificate_on_both_sides(tmp_path, samples):
    authority = Authority(tmp_path / "ca")
    ours, known, other = (authority.issue(name) for name in ("door", "known", "other"))
    foreign = Authority(tmp_path / "foreign", "Foreign authority").issue("foreign")
    files = of_syntax(samples, "1.2.840.10008.1.2.1")
    peer = PeerSettings(name="a modality", ae_title="STORESCU", certificate_sha256=known.sha256.upper())
    settings = {"certificate": str(ours.certificate), "key": str(ours.key), "authority": str(authority.certificate)}
    with Door(tmp_path, peer, **settings) as door:
        trusted = ["+cf", str(authority.certificate)]
        result = storescu(door.port, files, "-R", "+tls", str(known.key), str(known.certificate), *trusted)
        assert result.returncode == 0, result.stderr
        assert len(door.intake.taken) == len(files)
        for certificate in (other, foreign):
            shown = ["+tls", str(certificate.key), str(certificate.certificate)]
            assert storescu(door.port, files, *shown, *trusted).returncode != 0
        assert storescu(door.port, files, "+tla", *trusted).returncode != 0
        assert storescu(door.port, files).returncode != 0
        assert len(door.intake.taken) == len(files)


def pynetdicom_association(port: int, contexts: list[tuple[str, str]], **more: object):
    ae = AE("STORESCU")
    for sop_class, syntax in contexts:
        ae.add_requested_context(sop_class, syntax)
    association = ae.associate("127.0.0.1", port, ae_title="SCANWARD", **more)
    assert association.is_established
    return association


@pytest.mark.realdata
def test_real_instances_arrive_byte_for_byte(door, test_data, monkeypatch):
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    folder = test_data / "dicom" / "pydicom__pydicom"
    by_syntax: dict[str, Path] = {}
    for path in sorted(folder.glob("*.dcm")):
        content = path.read_bytes()
        if content[128:132] != b"DICM" or len(content) > 2_000_000:
            continue
        meta = dcmread(path, stop_before_pixels=True, force=True).file_meta
        if meta.get("TransferSyntaxUID") and meta.get("MediaStorageSOPClassUID") not in {
            None,
            MediaStorageDirectoryStorage,
        }:
            by_syntax.setdefault(meta.TransferSyntaxUID, path)
    assert len(by_syntax) >= 10
    for syntax, path in by_syntax.items():
        sop_class = dcmread(path, stop_before_pixels=True, force=True).file_meta.MediaStorageSOPClassUID
        association = pynetdicom_association(door.port, [(sop_class, syntax)])
        association.send_c_store(path)
        association.release()
        ((data, _),) = door.intake.taken + door.intake.quarantined
        door.intake.taken.clear()
        door.intake.quarantined.clear()
        assert data_set_of(data) == data_set_of(path.read_bytes()), syntax


def references(*uids: tuple[str, str]) -> list[Dataset]:
    items = []
    for sop_class, instance in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
        items.append(item)
    return items


def commitment_request(*uids: tuple[str, str]) -> Dataset:
    request = Dataset()
    request.TransactionUID = "1.2.3.4"
    request.ReferencedSOPSequence = references(*uids)
    return request


@pytest.mark.peers("storescp")
@pytest.mark.parametrize("on_its_own", [False, True])
def test_storage_commitment_tells_what_is_durable(tmp_path, samples, on_its_own):
    reports: queue.Queue[tuple[int, Dataset]] = queue.Queue()

    def take_report(event):
        reports.put((event.event_type, event.event_information))
        return 0, None

    handlers = [(evt.EVT_N_EVENT_REPORT, take_report)]
    receiver = None
    port = 0
    if on_its_own:
        ae = AE("STORESCU")
        ae.add_supported_context(StorageCommitmentPushModel, ImplicitVRLittleEndian, scu_role=False, scp_role=True)
        receiver = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        port = receiver.server_address[1]
    peer = PeerSettings(name="a modality", ae_title="STORESCU", report_port=port)
    files = of_syntax(samples, "1.2.840.10008.1.2.1")
    try:
        with Door(tmp_path, peer) as before:
            assert storescu(before.port, files, "-R").returncode == 0
        # Asked after a restart.
        with Door(tmp_path, peer, intake=before.intake) as door:
            held = [(ds.SOPClassUID, ds.SOPInstanceUID) for ds in map(dcmread, files)]
            context = [(StorageCommitmentPushModel, ImplicitVRLittleEndian)]
            role = build_role(StorageCommitmentPushModel, scu_role=True)
            association = pynetdicom_association(
                door.port, context, evt_handlers=[] if on_its_own else handlers, ext_neg=[role]
            )
            status, _ = association.send_n_action(commitment_request(*held), 1, REFERENCED, COMMITMENT_INSTANCE)
            assert status.Status == 0
            event, report = reports.get(timeout=20)
            assert (event, report.TransactionUID, len(report.ReferencedSOPSequence)) == (1, "1.2.3.4", len(held))
            missing = (held[0][0], "1.2.3.4.5")
            association.send_n_action(commitment_request(held[0], missing), 1, REFERENCED, COMMITMENT_INSTANCE)
            event, report = reports.get(timeout=20)
            association.release()
            assert event == 2
            assert [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence] == [held[0][1]]
            assert [item.ReferencedSOPInstanceUID for item in report.FailedSOPSequence] == ["1.2.3.4.5"]
            assert report.FailedSOPSequence[0].FailureReason == 0x0112
            studies = {ds.StudyInstanceUID for ds in map(dcmread, files)}
            assert set(door.intake.completed) == {(study, Completion.COMMITMENT) for study in studies}
    finally:
        if receiver is not None:
            receiver.shutdown()


@pytest.mark.peers("storescp")
@pytest.mark.parametrize("ending", ["COMPLETED", "DISCONTINUED"])
def test_a_performed_procedure_step_completes_its_study(door, samples, ending):
    files = of_syntax(samples, "1.2.840.10008.1.2.1")[:1]
    assert storescu(door.port, files, "-R").returncode == 0
    study = dcmread(files[0]).StudyInstanceUID
    scheduled, begun, ended = Dataset(), Dataset(), Dataset()
    scheduled.StudyInstanceUID = study
    begun.ScheduledStepAttributesSequence = [scheduled]
    begun.PerformedProcedureStepStatus = "IN PROGRESS"
    begun.PatientName = "Nobody^Nowhere"
    ended.PerformedProcedureStepStatus = ending
    association = pynetdicom_association(door.port, [(ModalityPerformedProcedureStep, ImplicitVRLittleEndian)])
    step = (ModalityPerformedProcedureStep, "1.2.3.9")
    assert association.send_n_create(begun, *step)[0].Status == 0
    assert association.send_n_create(begun, *step)[0].Status == 0x0111
    begun_only = list(door.intake.completed)
    assert association.send_n_set(ended, *step)[0].Status == 0
    assert association.send_n_set(ended, *step)[0].Status == 0x0110
    assert association.send_n_create(begun, *step)[0].Status == 0x0111
    assert association.send_n_set(ended, step[0], "1.2.3.10")[0].Status == 0x0112
    association.release()
    assert begun_only == []
    assert door.intake.completed == [(study, Completion.MPPS)]


def test_a_recipient_may_only_store(tmp_path):
    peer = PeerSettings(name="results", ae_title="STORESCU", recipient="university")
    with Door(tmp_path, peer) as door:
        ae = AE("STORESCU")
        for sop_class in ("1.2.840.10008.1.1", StorageCommitmentPushModel, ModalityPerformedProcedureStep):
            ae.add_requested_context(sop_class, ImplicitVRLittleEndian)
        association = ae.associate("127.0.0.1", door.port, ae_title="SCANWARD")
        assert [context.abstract_syntax for context in association.accepted_contexts] == ["1.2.840.10008.1.1"]
        association.release()


@pytest.fixture(scope="module")
def archive_and_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Orthanc, Door]]:
    folder = tmp_path_factory.mktemp("archive")
    port = free_port()
    peer = PeerSettings(name="the archive", ae_title="ORTHANC", hosts=("127.0.0.0/8",))
    modalities = {"SCANWARD": ("127.0.0.1", port)}
    with run_orthanc(folder / "orthanc", modalities=modalities) as orthanc, Door(folder, peer, port=port) as door:
        yield orthanc, door


@pytest.mark.peers("Orthanc")
def test_orthanc_sends_what_it_is_asked_for(archive_and_door, samples):
    orthanc, door = archive_and_door
    for sample in samples:
        orthanc.upload(sample.path)
    archive = DimseArchive(ArchiveSettings(host="127.0.0.1", port=orthanc.dicom_port, ae_title="ORTHANC"))
    study = dcmread(samples[0].path).StudyInstanceUID
    of_study = {ds.SOPInstanceUID: ds for ds in map(dcmread, (sample.path for sample in samples))}
    of_study = {uid: ds for uid, ds in of_study.items() if ds.StudyInstanceUID == study}
    assert archive.fetch(study) == len(of_study)
    assert received(door).keys() == of_study.keys()
    assert {(origin.peer, origin.kind) for _, origin in door.intake.taken} == {("the archive", OriginKind.FETCH)}


@pytest.mark.peers("Orthanc")
def test_a_retrieval_that_fails_is_told(archive_and_door, samples):
    orthanc, door = archive_and_door
    orthanc.upload(samples[0].path)
    study = dcmread(samples[0].path).StudyInstanceUID
    before = len(door.intake.taken)
    settings = {"host": "127.0.0.1", "port": orthanc.dicom_port, "ae_title": "ORTHANC"}
    unknown = DimseArchive(ArchiveSettings(**settings, calling_ae="NOWHERE"))
    with pytest.raises(NetworkError):
        unknown.fetch(study)
    with pytest.raises(NetworkError):
        DimseArchive(ArchiveSettings(**settings)).fetch("1.2.3.*")
    assert len(door.intake.taken) == before


def with_study(file: Path, uid: str, day: str, patient: str) -> bytes:
    ds = dcmread(file)
    ds.StudyInstanceUID, ds.StudyDate, ds.PatientID = uid, day, patient
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid + ".1"
    buffer = DicomBytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.peers("Orthanc")
def test_priors_are_of_the_same_patient_and_newest_first(archive_and_door, samples):
    orthanc, _ = archive_and_door
    archive = DimseArchive(ArchiveSettings(host="127.0.0.1", port=orthanc.dicom_port, ae_title="ORTHANC"))
    file = of_syntax(samples, "1.2.840.10008.1.2.1")[0]
    for uid, day, patient in [
        ("1.2.1", "20200101", "PRI 1"),
        ("1.2.2", "20210101", "PRI 1"),
        ("1.2.3", "20220101", "PRI 1"),
        ("1.2.4", "20200601", "PRI 12"),
        ("1.2.5", "20200601", "pri 1"),
    ]:
        orthanc.http.post("/instances", content=with_study(file, uid, day, patient)).raise_for_status()
    found = archive.find_priors("PRI 1", "", "20220101", 9)
    assert [(one.study_uid, one.instances) for one in found] == [("1.2.2", 1), ("1.2.1", 1)]
    assert [one.study_uid for one in archive.find_priors("PRI 1", "", "20220102", 2)] == ["1.2.3", "1.2.2"]
    assert list(archive.find_priors("PRI 2", "", "20220101", 9)) == []
    assert list(archive.find_priors("PRI*", "", "20300101", 9)) == []
    assert list(archive.find_priors("", "", "20300101", 9)) == []


@pytest.mark.peers("Orthanc")
def test_results_are_stored_in_the_archive(archive_and_door, samples):
    orthanc, _ = archive_and_door
    archive = DimseArchive(ArchiveSettings(host="127.0.0.1", port=orthanc.dicom_port, ae_title="ORTHANC"))
    file = of_syntax(samples, "1.2.840.10008.1.2.1")[0]
    before = len(orthanc.instances())
    results = [from_bytes(with_study(file, f"1.2.9.{number}", "20240101", "RES")) for number in range(3)]
    assert [report.delivery for report in archive.store(results)] == [Delivery.CONFIRMED] * 3
    assert len(orthanc.instances()) == before + 3
