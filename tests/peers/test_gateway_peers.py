"""The whole gateway, as `scanward serve` runs it, among the peers of a hospital and its recipients."""

import io
import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from scanward.adapters.store.ledger import SqlLedger
from scanward.bootstrap.desk import open_staff
from scanward.bootstrap.stores import open_stores
from scanward.flow.outgoing import OutgoingFiles
from scanward.release.originals import Originals
from tests.common.dcmtk import run_storescp, storescu
from tests.common.orthanc import DICOM_WEB, Orthanc, run_orthanc
from tests.common.outgoing import data_set_of
from tests.common.ports import free_port, wait_until
from tests.common.results import Sent, chest, encode, make_result
from tests.common.serving import Gateway, Peer, Settings, ended, recipient_document
from tests.common.studies import Sample, make_ct_series, make_samples, save

ARCHIVE = "HOSPITAL"
VENDOR = "LUNGAI"

T = TypeVar("T")

COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"


@dataclass
class House:
    """A gateway on its home folder, and what is written down there."""

    gateway: Gateway
    home: Path

    def add(self, recipient: str, endpoint: dict[str, str | int], **agreed) -> None:
        """Put a recipient into force."""
        with open_staff(self.home) as staff:
            staff.save_recipient(recipient, recipient_document(recipient, endpoint, **agreed), "test")

    def ledger(self, ask: Callable[[SqlLedger], T]) -> T:
        """Ask the ledger."""
        with open_stores(self.home) as stores:
            return ask(stores.ledger)


def make_house(folder: Path, stack: ExitStack, settings: Settings) -> House:
    settings.write(folder / "home")
    gateway = Gateway(folder / "home")
    with open_stores(gateway.home):
        pass
    stack.enter_context(ended(gateway))
    return House(gateway, gateway.home)


def write(samples: list[Sample], folder: Path) -> list[Path]:
    paths = [folder / f"{number}.dcm" for number, _ in enumerate(samples)]
    for sample, path in zip(samples, paths, strict=True):
        save(sample.ds, path)
    return paths


@pytest.mark.peers("storescu", "storescp")
def test_dcmtk_sends_and_receives_in_every_transfer_syntax_bit_by_bit(tmp_path):
    names = {"ct/1": "-x=", "ct/2": "-xi", "ct/3 deflated": "-xd", "ct/4 rle": "-xr", "mr/2 big endian": "-xb"}
    samples = {sample.name: sample for sample in make_samples(seed=21) if sample.name in names}
    with ExitStack() as stack:
        house = make_house(tmp_path, stack, Settings(quiet_seconds=0.2))
        # Sent for +B: the bytes as they come, whatever they are.
        scp = stack.enter_context(run_storescp(tmp_path / "received", "+B", "+xa", "+uf", ae_title=VENDOR))
        house.add("lung-ai", {"kind": "dimse", "host": "127.0.0.1", "port": scp.port, "called_ae": VENDOR})
        house.gateway.start()
        for name, option in names.items():
            (path,) = write([samples[name]], tmp_path / f"sent {option}{name[:4]}".replace("/", ""))
            sent = storescu(house.gateway.dicom_port, [path], option)
            assert sent.returncode == 0, sent.stderr
        wait_until(lambda: len(scp.received()) == len(names), "all of it was released")
        wait_until(lambda: house.ledger(lambda one: one.counts()).get("items:sent") == len(names), "all is confirmed")
        left = dict(files_of(house, "lung-ai"))
    by_pixels = {sample.ds.PixelData: sample.ds for sample in samples.values()}
    for path in scp.received():
        content = path.read_bytes()
        got = dcmread(io.BytesIO(content))
        assert data_set_of(content) == data_set_of(left.pop(got.SOPInstanceUID))
        original = by_pixels.pop(got.PixelData)
        assert got.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert original.PatientID.encode() not in content
        assert original.StudyInstanceUID.encode() not in content
    assert not by_pixels
    assert not left


def files_of(house: House, recipient: str) -> Iterator[tuple[str, bytes]]:
    """Every file that was released for a recipient, as its recipe puts it together."""
    with open_stores(house.home) as stores:
        outgoing = OutgoingFiles(stores.blobs, stores.vault, stores.spool)
        for release in stores.ledger.releases(limit=100, recipient=recipient):
            for line in stores.ledger.release_items(release.release_id):
                blob = stores.ledger.find_instance(line.instance_id).blob
                file = outgoing.open(release, line.item, blob)
                yield line.item.sop_instance_uid, b"".join(file.chunks())


@dataclass
class Hospital:
    """A gateway between a hospital's archive and two recipients, both of them Orthanc."""

    house: House
    archive: Orthanc
    vendor: Orthanc
    samples: list[Sample]
    prior: list[Sample]
    folder: Path

    def instances(self, at: Orthanc, level: str = "instances") -> list[dict]:
        """What an Orthanc holds, with its main Attributes."""
        return at.http.get(f"/{level}?expand&requestedTags=PatientID;StudyInstanceUID").raise_for_status().json()


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    port = free_port()
    with ExitStack() as stack:
        settings = Settings(
            quiet_seconds=0.5, dicom_port=port, http_port=free_port(),
            peers=[Peer(ae_title=ARCHIVE), Peer(ae_title=VENDOR, recipient="lung-ai")],
        )  # fmt: skip
        settings.write(folder / "home")
        gateway = Gateway(folder / "home")
        with open_stores(gateway.home):
            pass
        gateway.http_port = settings.http_port
        server = {
            "Url": f"{gateway.url}/dicom-web",
            "HttpHeaders": {"Authorization": f"Bearer {gateway.token()}"},
        }
        archive = stack.enter_context(
            run_orthanc(
                folder / "archive",
                ae_title=ARCHIVE,
                modalities={"SCANWARD": ("127.0.0.1", port)},
                DicomWeb={"Enable": True, "Servers": {"scanward": server}},
            )
        )
        vendor = stack.enter_context(
            run_orthanc(folder / "vendor", ae_title=VENDOR, modalities={"SCANWARD": ("127.0.0.1", port)})
        )
        settings.archive = (archive.dicom_port, ARCHIVE)
        settings.write(gateway.home)
        house = House(gateway, gateway.home)
        by_dimse = {"kind": "dimse", "host": "127.0.0.1", "port": vendor.dicom_port, "called_ae": VENDOR}
        by_stow = {"kind": "stow", "url": f"http://127.0.0.1:{vendor.http_port}/dicom-web"}
        house.add("lung-ai", by_dimse, priors=1)
        house.add("other-ai", by_stow)
        stack.enter_context(ended(gateway))
        gateway.start()
        samples = chest(seed=31)
        prior = list(make_ct_series(slices=2, size=16, seed=77))
        for sample in prior:
            ds, first = sample.ds, samples[0].ds
            ds.PatientID, ds.PatientName, ds.PatientBirthDate = (
                first.PatientID,
                first.PatientName,
                first.PatientBirthDate,
            )
            if "IssuerOfPatientID" in first:
                ds.IssuerOfPatientID = first.IssuerOfPatientID
            ds.StudyDate = "20010203"
        yield Hospital(house, archive, vendor, samples, prior, folder)
        assert gateway.terminate() == 0, gateway.said()[-3000:]


@pytest.fixture(scope="module")
def released(hospital: Hospital) -> Hospital:
    """Once the archive has sent a study, and all recipients have what is for them."""
    for path in write([*hospital.samples, *hospital.prior], hospital.folder / "studies"):
        hospital.archive.upload(path)
    uid = str(hospital.samples[0].ds.StudyInstanceUID)
    found = hospital.archive.http.post("/tools/lookup", content=uid).raise_for_status().json()
    (study,) = [one["ID"] for one in found if one["Type"] == "Study"]
    sent = hospital.archive.http.post("/modalities/SCANWARD/store", json={"Resources": [study], "Synchronous": True})
    sent.raise_for_status()
    assert sent.json()["FailedInstancesCount"] == 0
    wait_until(lambda: len(hospital.vendor.instances()) == 6, "both recipients have the study, and one the prior")
    wait_until(lambda: _at_rest(hospital.house), "all is confirmed")
    return hospital


def _at_rest(house: House) -> bool:
    counts = house.ledger(lambda one: one.counts())
    return not any(counts.get(f"releases:{state}") for state in ("open", "permitted", "accounted"))


@pytest.mark.peers("Orthanc", DICOM_WEB)
def test_orthanc_sends_a_study_and_receives_it_de_identified_by_dimse_and_by_stow(released):
    house, vendor = released.house, released.vendor
    files = {dcmread(io.BytesIO(vendor.file(one))).SOPInstanceUID: vendor.file(one) for one in vendor.instances()}
    for recipient in ("lung-ai", "other-ai"):
        for uid, content in files_of(house, recipient):
            assert data_set_of(files.pop(uid)) == data_set_of(content)
    assert not files
    pixels = {sample.ds.PixelData for sample in [*released.samples, *released.prior]}
    for instance in vendor.instances():
        content = vendor.file(instance)
        ds = dcmread(io.BytesIO(content))
        assert ds.PixelData in pixels
        for sample in (*released.samples, *released.prior):
            assert str(sample.ds.PatientID).encode() not in content
            assert str(sample.ds.StudyInstanceUID).encode() not in content
            assert str(sample.ds.SOPInstanceUID).encode() not in content
    # The two recipients cannot join what they have.
    assert len({dcmread(io.BytesIO(vendor.file(one))).PatientID for one in vendor.instances()}) == 2


@pytest.mark.peers("Orthanc")
def test_a_prior_is_fetched_for_who_asks_for_it_alone(released):
    sealing_id = {}
    with open_stores(released.house.home) as stores:
        for name, sample in (("study", released.samples[0]), ("prior", released.prior[0])):
            sealing_id[name] = stores.sealing.blind("study", str(sample.ds.StudyInstanceUID))
        releases = stores.ledger.releases(limit=100)
        to = {(one.study_id, one.recipient): one.state for one in releases}
    assert to == {
        (sealing_id["study"], "lung-ai"): "done",
        (sealing_id["study"], "other-ai"): "done",
        (sealing_id["prior"], "lung-ai"): "done",
    }
    # Both studies are one patient's, with the same time between them.
    (patient,) = {
        stored.PatientID
        for stored in (dcmread(io.BytesIO(content)) for _, content in files_of(released.house, "lung-ai"))
    }
    assert patient.startswith("SW-")


@pytest.mark.peers("Orthanc", "storescu")
def test_a_result_comes_back_to_the_archive_at_the_right_patient_and_study(released):
    house, archive = released.house, released.archive
    first = released.samples[0]
    new = {uid: dcmread(io.BytesIO(content)) for uid, content in files_of(house, "lung-ai")}
    by_pixels = {ds.PixelData: ds for ds in new.values()}
    instances = {sample.name: by_pixels[sample.ds.PixelData] for sample in released.samples}
    with open_stores(house.home) as stores:
        study_uid = str(next(iter(instances.values())).StudyInstanceUID)
        originals = Originals.from_mapping(stores.vault.find_originals("lung-ai", study_uid))
    result = make_result(Sent(study=first.study, originals=originals, instances=instances), "sr")
    path = released.folder / "result.dcm"
    path.write_bytes(encode(result))
    before = set(archive.instances())
    # The vendor's own application sends it: it counts as the recipient by its AE Title.
    sent = storescu(house.gateway.dicom_port, [path], calling=VENDOR)
    assert sent.returncode == 0, sent.stderr
    wait_until(lambda: len(archive.instances()) == len(before) + 1, f"the result is in the archive {results_of(house)}")
    (one,) = set(archive.instances()) - before
    there = dcmread(io.BytesIO(archive.file(one)))
    assert (there.PatientID, there.StudyInstanceUID) == (first.ds.PatientID, first.ds.StudyInstanceUID)
    assert there.PatientName == first.ds.PatientName
    assert there.SOPClassUID == result.SOPClassUID
    (evidence,) = there.CurrentRequestedProcedureEvidenceSequence
    referenced = {
        ref.ReferencedSOPInstanceUID for series in evidence.ReferencedSeriesSequence
        for ref in series.ReferencedSOPSequence
    }  # fmt: skip
    assert evidence.StudyInstanceUID == first.ds.StudyInstanceUID
    assert referenced <= {sample.ds.SOPInstanceUID for sample in released.samples}
    assert referenced
    parent = archive.http.get(f"/instances/{one}/study").json()
    assert parent["MainDicomTags"]["StudyInstanceUID"] == first.ds.StudyInstanceUID
    wait_until(lambda: results_of(house) == ["delivered"], "the result is noted as delivered")


def results_of(house: House) -> list[str]:
    return house.ledger(lambda ledger: [str(one.state) for one in ledger.results(limit=10)])


@pytest.mark.peers("Orthanc", DICOM_WEB)
def test_orthanc_sends_to_our_stow_with_a_bearer_token(released):
    """And nothing is sent without one."""
    samples = list(make_ct_series(slices=2, size=16, seed=55))
    archive = released.archive
    before = len(released.vendor.instances())
    for path in write(samples, released.folder / "by stow"):
        archive.upload(path)
    uid = str(samples[0].ds.StudyInstanceUID)
    (study,) = [
        one["ID"] for one in archive.http.post("/tools/lookup", content=uid).json() if one["Type"] == "Study"
    ]  # fmt: skip
    sent = archive.http.post("/dicom-web/servers/scanward/stow", json={"Resources": [study], "Synchronous": True})
    sent.raise_for_status()
    wait_until(lambda: len(released.vendor.instances()) == before + 4, "both recipients have it")
    open_door = {"Url": f"{released.house.gateway.url}/dicom-web"}
    archive.http.put("/dicom-web/servers/strange", json=open_door).raise_for_status()
    refused = archive.http.post("/dicom-web/servers/strange/stow", json={"Resources": [study], "Synchronous": True})
    assert refused.is_error


@pytest.mark.peers("storescu")
def test_a_recipient_pulls_what_is_for_it_and_nothing_else(tmp_path):
    samples = list(make_ct_series(slices=3, size=16, seed=5))
    with ExitStack() as stack:
        house = make_house(tmp_path, stack, Settings(quiet_seconds=0.2))
        house.add("reader", {"kind": "pull"})
        house.add("second", {"kind": "pull"}, modalities=["MR"])
        house.gateway.start()
        assert storescu(house.gateway.dicom_port, write(samples, tmp_path / "sent")).returncode == 0
        wait_until(lambda: house.ledger(lambda one: one.counts()).get("items:available") == 3, "it is to be had")
        client = client_of(house, "reader")
        (study,) = client.search_for_studies()
        uid = study["0020000D"]["Value"][0]
        assert uid != samples[0].ds.StudyInstanceUID
        (series,) = client.search_for_series(uid)
        assert len(client.search_for_instances(uid, series["0020000E"]["Value"][0])) == 3
        fetched = client.retrieve_study(uid)
        assert sorted(ds.PixelData for ds in fetched) == sorted(sample.ds.PixelData for sample in samples)
        assert {ds.PatientID for ds in fetched} == {fetched[0].PatientID}
        assert fetched[0].PatientID.startswith("SW-")
        (metadata, *_) = client.retrieve_study_metadata(uid)
        assert metadata["00100020"]["Value"] == [fetched[0].PatientID]
        assert house.ledger(lambda one: one.counts())["items:sent"] == 3
        # Not for another, and not without saying who it is.
        assert client_of(house, "second").search_for_studies() == []
        with pytest.raises(Exception, match="404"):
            client_of(house, "second").retrieve_study(uid)
        with pytest.raises(Exception, match="401"):
            DICOMwebClient(url=f"{house.gateway.url}/dicom-web").search_for_studies()
        # Ended, it may not fetch again what it had.
        with open_staff(house.home) as staff:
            staff.end_recipient("reader", "test")
        with pytest.raises(Exception, match=r"40[34]"):
            client.retrieve_study(uid)


def client_of(house: House, recipient: str) -> DICOMwebClient:
    token = house.gateway.token("recipient", recipient)
    return DICOMwebClient(url=f"{house.gateway.url}/dicom-web", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.peers("storescu")
def test_a_study_is_complete_once_its_sender_asked_for_storage_commitment(tmp_path):
    samples = list(make_ct_series(slices=2, size=16, seed=6))
    reports: queue.Queue[Dataset] = queue.Queue()

    def take_report(event: evt.Event) -> tuple[int, None]:
        reports.put(event.event_information)
        return 0, None

    with ExitStack() as stack:
        # By quiet time it would take an hour.
        house = make_house(tmp_path, stack, Settings(quiet_seconds=3600.0))
        scp = stack.enter_context(run_storescp(tmp_path / "received", "+xa", ae_title=VENDOR))
        house.add("lung-ai", {"kind": "dimse", "host": "127.0.0.1", "port": scp.port, "called_ae": VENDOR})
        house.gateway.start()
        assert storescu(house.gateway.dicom_port, write(samples, tmp_path / "sent")).returncode == 0
        # What was accepted is durable: asked after a kill.
        house.gateway.restart()
        ae = AE("STORESCU")
        ae.add_requested_context(StorageCommitmentPushModel, ImplicitVRLittleEndian)
        association = ae.associate(
            "127.0.0.1", house.gateway.dicom_port, ae_title="SCANWARD",
            ext_neg=[build_role(StorageCommitmentPushModel, scu_role=True)],
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, take_report)],
        )  # fmt: skip
        assert association.is_established
        request = Dataset()
        request.TransactionUID = "1.2.3.4"
        request.ReferencedSOPSequence = [reference(sample.ds) for sample in samples]
        status, _ = association.send_n_action(request, 1, COMMITMENT, COMMITMENT_INSTANCE)
        assert status.Status == 0
        report = reports.get(timeout=20)
        association.release()
        assert len(report.ReferencedSOPSequence) == 2
        assert "FailedSOPSequence" not in report
        wait_until(lambda: len(scp.received()) == 2, "it was released")


def reference(ds: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item
