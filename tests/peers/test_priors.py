"""Priors from archives that cut off, misread character sets, and answer with other patients' studies."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import ExplicitVRLittleEndian

from scanward.adapters.archive import DimseArchive
from scanward.adapters.receive.dimse import DimseServer
from scanward.config import ArchiveSettings, DimseSettings, GatewaySettings, PeerSettings
from scanward.errors import NetworkError
from tests.common.archive import TITLE, PynetArchive, answer, run_archive
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.orthanc import Orthanc, run_orthanc
from tests.common.studies import make_ct_series

BEFORE = "20240101"


def client(port: int, ae_title: str = TITLE) -> DimseArchive:
    return DimseArchive(ArchiveSettings(host="127.0.0.1", port=port, ae_title=ae_title))


def uids(found) -> list[str]:
    return [one.study_uid for one in found]


# An archive that cuts off


def test_a_prior_that_the_archive_aborts_in_the_midst_of_becomes_whole(tmp_path: Path):
    prior = [sample.ds for sample in make_ct_series(slices=5, size=16, seed=70)]
    for ds in prior:
        ds.StudyDate = "20200101"
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    (now,) = (sample.ds for sample in make_ct_series(slices=1, size=16, seed=8))
    now.StudyDate, now.PatientID, now.IssuerOfPatientID = "20260301", prior[0].PatientID, "X"
    now.PatientName, now.PatientBirthDate = prior[0].PatientName, prior[0].PatientBirthDate
    for ds in prior:
        ds.IssuerOfPatientID = "X"
    peer = PeerSettings(name="the archive", ae_title=TITLE)
    with run_archive(PynetArchive(sends=[3, 1]), prior) as archive:
        settings = GatewaySettings(
            dimse=DimseSettings(port=0, peers=(peer,)), http=None, quiet_seconds=60, min_free_bytes=0,
            archive=ArchiveSettings(host="127.0.0.1", port=archive.port, ae_title=TITLE),
        )  # fmt: skip
        gateway = TestGateway(tmp_path / "home", settings)
        door = DimseServer(settings.dimse, gateway.engine.intake, tmp_path / "spool", gateway.stores.peers)
        door.start()
        archive.destination_port = door.port
        try:
            gateway.add_recipient(LUNG_AI.replace('"ai-inference"', '"ai-inference"\npriors = 1'))
            assert gateway.take(now).accepted
            for _ in range(4):
                gateway.settle()
            counts = gateway.stores.ledger.counts()
            prior_id = gateway.stores.sealing.blind("study", prior[0].StudyInstanceUID)
            told = [one.what for one in gateway.stores.ledger.history(prior_id)]
        finally:
            door.stop()
            gateway.close()
    assert archive.moves == 3
    assert told.count("prior complete") == 1
    assert "came by itself" not in told
    assert (counts["prior searches:done"], counts["instances"], counts["items:sent"]) == (1, 6, 6)


# Who is asked for


class Patients:
    """An archive that matches bytes, as some do, and has its texts in one character set."""

    def __init__(self, codec: str, charset: str, *ids: str) -> None:
        self.codec, self.charset, self.ids = codec, charset, ids

    def __call__(self, _: Dataset, raw: bytes) -> Iterator[tuple[int, Dataset]]:
        for number, patient in enumerate(self.ids, 1):
            if patient.encode(self.codec) in raw:
                yield 0xFF00, answer(f"1.2.{number}", patient, "", "20200101", 7, self.charset)


@pytest.mark.parametrize(
    ("codec", "charset"),
    [("utf-8", "ISO_IR 192"), ("latin-1", "ISO_IR 100")],
)
def test_ids_beyond_ascii_are_asked_for_in_each_character_set(codec: str, charset: str):
    with run_archive(PynetArchive(match=Patients(codec, charset, "Müller-7", "Möller-7"))) as archive:
        (found,) = client(archive.port).find_priors("Müller-7", "", BEFORE, 9)
    assert (found.study_uid, found.instances) == ("1.2.1", 7)
    declared = {(b"ISO_IR 192" in one, "Müller-7".encode() in one) for one in archive.queries}
    assert declared == {(True, True), (False, False)}


def test_an_id_of_ascii_is_asked_for_once_and_one_beyond_latin_1_in_utf_8():
    for patient, codec, charset, queries in (("P7", "ascii", "", 1), ("山田7", "utf-8", "ISO_IR 192", 1)):
        with run_archive(PynetArchive(match=Patients(codec, charset, patient))) as archive:
            assert uids(client(archive.port).find_priors(patient, "", BEFORE, 9)) == ["1.2.1"]
        assert len(archive.queries) == queries


@pytest.mark.parametrize("charset", ["\\ISO 2022 IR 87", "ISO_IR 144", "GB18030"])
def test_answers_are_read_in_the_character_set_that_they_declare(charset: str):
    patient = "Жук-7" if charset == "ISO_IR 144" else "山田7"

    def match(_: Dataset, raw: bytes) -> Iterator[tuple[int, Dataset]]:
        if patient.encode() in raw:
            yield 0xFF00, answer("1.2.1", patient, "", "20200101", None, charset)

    with run_archive(PynetArchive(match=match)) as archive:
        (found,) = client(archive.port).find_priors(patient, "", BEFORE, 9)
    assert (found.study_uid, found.instances) == ("1.2.1", 0)


def test_one_character_set_that_the_archive_refuses_is_no_failure_and_all_of_them_are():
    def refuse_utf_8(_: Dataset, raw: bytes) -> Iterator[tuple[int, Dataset | None]]:
        if b"ISO_IR 192" in raw:
            yield 0xC000, None
        else:
            yield 0xFF00, answer("1.2.1", "Müller-7", "", "20200101", 1, "ISO_IR 100")

    with run_archive(PynetArchive(match=refuse_utf_8)) as archive:
        assert uids(client(archive.port).find_priors("Müller-7", "", BEFORE, 9)) == ["1.2.1"]
        with pytest.raises(NetworkError, match="C000"):
            client(archive.port).find_priors("山田7", "", BEFORE, 9)


@pytest.mark.parametrize("patient", ["P*", "P?", "P\\Q", "*", "", "  ", "P\n7", "P\x1b$B7"])
def test_an_id_that_an_archive_would_take_for_a_pattern_is_not_asked_for(patient: str):
    with run_archive(PynetArchive()) as archive:
        assert list(client(archive.port).find_priors(patient, "", BEFORE, 9)) == []
        assert list(client(archive.port).find_priors("P7", patient.strip() or "?", BEFORE, 9)) == []
    assert archive.queries == []


def test_whatever_is_answered_only_exactly_this_patient_is_taken():
    def match(_: Dataset, __: bytes) -> Iterator[tuple[int, Dataset]]:
        others = [
            ("P70", "A"),
            ("p7", "A"),
            ("P7", "B"),
            ("P7", "a"),
            ("XP7", "A"),
            ("", "A"),
            ("P7", ""),
            ("P7", None),
        ]
        for number, (patient, issuer) in enumerate(others):
            yield 0xFF00, answer(f"1.2.{number}", patient, issuer, "20200101")
        yield 0xFF00, answer("1.3.1", "P7 ", "A", "20200101")
        yield 0xFF00, answer("1.3.2", "P7", "A", "20230101")
        for number, day in enumerate(("", "2020", BEFORE, "20250101", "????????")):
            yield 0xFF00, answer(f"1.4.{number}", "P7", "A", day)

    with run_archive(PynetArchive(match=match)) as archive:
        assert uids(client(archive.port).find_priors("P7", "A", BEFORE, 9)) == ["1.3.2", "1.3.1"]
        assert uids(client(archive.port).find_priors("P7", "A", BEFORE, 1)) == ["1.3.2"]
        assert uids(client(archive.port).find_priors("P7", "", BEFORE, 9)) == ["1.2.7", "1.2.6"]


def test_an_archive_that_tells_no_issuer_is_not_believed():
    def match(_: Dataset, __: bytes) -> Iterator[tuple[int, Dataset]]:
        yield 0xFF00, answer("1.2.1", "P7", None, "20200101")

    with run_archive(PynetArchive(match=match)) as archive:
        with pytest.raises(NetworkError, match="issuer") as refused:
            client(archive.port).find_priors("P7", "A", BEFORE, 9)
        assert uids(client(archive.port).find_priors("P7", "", BEFORE, 9)) == ["1.2.1"]
    assert "P7" not in str(refused.value)


# Orthanc


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with run_orthanc(tmp_path_factory.mktemp("orthanc")) as orthanc:
        yield orthanc


@pytest.mark.peers("Orthanc")
@pytest.mark.parametrize("charset", ["ISO_IR 192", "ISO_IR 100"])
def test_orthanc_finds_ids_beyond_ascii_of_their_issuer(orthanc: Orthanc, charset: str):
    own, number = ("1", 1) if charset == "ISO_IR 192" else ("2", 2)
    patient = f"Müller-{own}"
    for uid, issuer in ((f"1.2.{number}.1", "A"), (f"1.2.{number}.2", "B")):
        (sample,) = make_ct_series(slices=1, size=16, seed=number)
        ds = sample.ds
        ds.SpecificCharacterSet, ds.PatientID, ds.IssuerOfPatientID = charset, patient, issuer
        ds.StudyInstanceUID, ds.StudyDate, ds.SOPInstanceUID = uid, "20200101", f"{uid}.1"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        buffer = DicomBytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        assert dcmread(DicomBytesIO(buffer.getvalue())).PatientID == patient
        orthanc.http.post("/instances", content=buffer.getvalue()).raise_for_status()
    (found,) = client(orthanc.dicom_port, "ORTHANC").find_priors(patient, "A", BEFORE, 9)
    assert (found.study_uid, found.instances) == (f"1.2.{number}.1", 1)
