"""`scanward lookup`: what a person sees who looks films up in a reference."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from scanward.bootstrap import lookup as lookup_module
from scanward.cli.main import main
from tests.common.films import made_film

SECRET = "Fontane^Ottilie"


def run(capsys, *arguments) -> tuple[int, str, str]:
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["scanward", "lookup", *map(str, arguments)])
    try:
        with pytest.raises(SystemExit) as caught:
            main()
    finally:
        patch.undo()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def write_png(path: Path, film: np.ndarray) -> Path:
    shown = ((film - film.min()) / np.ptp(film) * 255).astype(np.uint8)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", shown)[1].tobytes())
    return path


def write_dicom(
    path: Path, film: np.ndarray, photometric: str = "MONOCHROME2", *, sop_instance_uid: str = "2.25.1"
) -> Path:
    values = ((film - film.min()) / np.ptp(film) * 4095).astype(np.uint16)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = ComputedRadiographyImageStorage, sop_instance_uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.PatientName, ds.PatientID, ds.Modality = SECRET, "4711-0815", "CR"
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = (4095 - values if photometric == "MONOCHROME1" else values).tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(exist_ok=True)
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    for seed in (1, 2, 3):
        film = cv2.resize(made_film(seed), (300, 350), interpolation=cv2.INTER_AREA)
        write_png(folder / f"{seed}.png", film)
    (folder / "list.csv").write_text("a,b\n")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder


def test_a_film_is_found_in_a_public_set_that_has_it_scaled_down(capsys, tmp_path, reference):
    query = write_dicom(tmp_path / "query" / "a.dcm", made_film(2), "MONOCHROME1")
    code, out, err = run(capsys, query.parent, "--reference", reference)
    assert code == 3
    lines = out.splitlines()
    assert lines[0].endswith("a.dcm")
    assert lines[1].split("/")[0].strip() == "the same film"
    assert "reference/2.png" in lines[1]
    assert "1 looked up in 3: 1 with a match" in out
    assert "left aside of the reference: 1, an image that cannot be read" in out
    assert "left aside of the reference: 1, neither DICOM with pixels nor a PNG, JPEG or TIFF" in out
    assert "No match is no proof" in out
    assert not any(secret in out + err for secret in (SECRET, "4711", "2.25."))


def test_where_nothing_is_alike_it_says_that_this_is_no_proof(capsys, tmp_path, reference):
    query = write_dicom(tmp_path / "a.dcm", made_film(9))
    code, out, _ = run(capsys, query, "--reference", reference)
    assert code == 0
    assert out.splitlines()[0] == "1 looked up in 3: 0 with a match"
    assert "No match is no proof" in out


def test_for_programs_it_is_json(capsys, tmp_path, reference):
    query = write_png(tmp_path / "q" / "same.png", cv2.resize(made_film(3), (300, 350), interpolation=cv2.INTER_AREA))
    code, out, _ = run(capsys, query, "--reference", reference, "--json")
    assert code == 3
    got = json.loads(out)
    assert (got["queries"], got["references"]) == (1, 3)
    (match,) = got["matches"]
    assert match["likeness"] == "the same pixels"
    assert match["reference"].endswith("3.png")


def test_what_has_no_films_is_an_error(capsys, tmp_path, reference):
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, err = run(capsys, empty, "--reference", reference)
    assert code == 1
    assert "expected a radiograph to look up" in err
    query = write_png(tmp_path / "q" / "a.png", made_film(1))
    code, _, err = run(capsys, query, "--reference", empty)
    assert code == 1
    assert "expected a radiograph in the reference" in err
    assert run(capsys, query, "--reference", tmp_path / "missing")[0] == 1


def test_a_name_that_is_no_text_is_shown_without_harm(capsys, tmp_path, reference):
    query = write_png(tmp_path / "q" / "a\x1b[31m.png", made_film(1))
    code, out, _ = run(capsys, query, "--reference", reference)
    assert code == 3
    assert "\x1b[31m" not in out


def test_without_what_looks_at_pixels_it_says_what_to_install(capsys, tmp_path, reference, monkeypatch):
    monkeypatch.setattr(lookup_module, "find_spec", lambda name: None if name == "cv2" else object())
    code, out, err = run(capsys, reference, "--reference", reference)
    assert code == 1
    assert out == ""
    assert "pip install 'scanward[pixels]'" in err
