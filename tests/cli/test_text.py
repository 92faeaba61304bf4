"""`scanward text` from the command line: what leaves, what is held, and what it says of it."""

import io
import json
import re
import stat
import sys
from pathlib import Path

import pytest

from scanward.cli.main import main
from tests.common.reports import HL7_MESSAGE, REPORT, SECRETS, assert_nothing_of
from tests.common.token_models import write_model

SEVERAL = 2


def run(capsysbinary, *arguments, stdin=b""):
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["scanward", *map(str, arguments)])
    patch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BytesIO(stdin)})())
    try:
        with pytest.raises(SystemExit) as caught:
            main()
    finally:
        patch.undo()
    out, err = capsysbinary.readouterr()
    return int(caught.value.code or 0), out, err.decode()


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "Garcia_Ana.txt"
    path.write_text(REPORT)
    return path


def test_one_document_goes_to_the_standard_output(report, scanward_home, capsysbinary):
    code, out, err = run(capsysbinary, "text", report, "--mode", "label")
    assert code == 0
    assert b"has a 3 mm nodule in the left lung" in out
    assert_nothing_of(SECRETS, out.decode() + err)
    assert "patient name" in err


def test_the_standard_input_is_read(scanward_home, capsysbinary):
    code, out, err = run(capsysbinary, "text", "-", "-q", stdin=HL7_MESSAGE)
    assert (code, err) == (0, "")
    assert out.startswith(b"MSH|^~\\&|")
    assert_nothing_of(SECRETS, out.decode())


def test_several_go_into_a_folder_under_names_that_tell_nothing(report, tmp_path, scanward_home, capsysbinary):
    (tmp_path / "m.hl7").write_bytes(HL7_MESSAGE)
    (tmp_path / "picture.txt").write_bytes(b"\0\1\2")
    out_dir = tmp_path / "out"
    arguments = ("text", report, tmp_path / "m.hl7", tmp_path / "picture.txt", tmp_path / "none.txt", "--out", out_dir)
    code, out, _ = run(capsysbinary, *arguments, "--report", tmp_path / "report.json")
    assert code == 3
    assert_nothing_of(SECRETS, out.decode().replace(str(tmp_path), ""))
    written = sorted(path.name for path in out_dir.iterdir() if not path.name.startswith("."))
    assert [Path(name).suffix for name in written].count(".txt") == 1
    assert len(written) == SEVERAL
    content = json.loads((tmp_path / "report.json").read_text())
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o600
    assert content["outcomes"] == {"released": SEVERAL, "held": SEVERAL}
    assert sorted(one["output"] for one in content["files"] if one["output"]) == written
    assert all(one["reason"] for one in content["files"] if one["outcome"] == "held")
    again, _, _ = run(capsysbinary, *arguments, "-q")
    assert again == 3
    assert sorted(path.name for path in out_dir.iterdir() if not path.name.startswith(".")) == written


def test_surrogates_are_the_same_for_a_recipient(report, scanward_home, capsysbinary):
    def surrogates(*more):
        code, out, _ = run(capsysbinary, "text", report, "-q", "--mode", "surrogate", *more)
        assert code == 0
        assert_nothing_of(SECRETS, out.decode())
        return out

    assert surrogates() == surrogates()
    assert surrogates() != surrogates("--recipient", "other")


def test_known_names_come_from_a_list(tmp_path, scanward_home, capsysbinary):
    (tmp_path / "note.txt").write_text("The brown lesion of Mrs Brownlow was seen. brownlow agrees, ID 55x77y.")
    (tmp_path / "known.toml").write_text(
        'patient_names = ["Brownlow^Mary"]\nother_ids = ["55x77y"]\nbirth_dates = ["1960-02-15"]'
    )
    arguments = ("text", tmp_path / "note.txt", "-q", "--mode", "label", "--known", tmp_path / "known.toml")
    code, out, _ = run(capsysbinary, *arguments)
    assert code == 0
    assert b"rownlow" not in out
    assert b"55x77y" not in out
    assert b"brown lesion" in out


def test_known_names_come_from_an_instance(tmp_path, scanward_home, capsysbinary):
    from pydicom import Dataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID = "Brownlow^Mary", "77-123-55"
    ds.file_meta = Dataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(tmp_path / "one.dcm", enforce_file_format=True)
    (tmp_path / "note.txt").write_text("brownlow, 7712355, has a fracture of the left radius.")
    arguments = ("text", tmp_path / "note.txt", "-q", "--mode", "label", "--known", tmp_path / "one.dcm")
    code, out, _ = run(capsysbinary, *arguments)
    assert code == 0
    assert b"rownlow" not in out
    assert b"7712355" not in out
    assert b"fracture of the left radius" in out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("k.toml", "patient_names = 3"),
        ("k.toml", "Garcia"),
        ("k.json", '{"patient": ["Garcia"]}'),
        ("k.json", '{"birth_dates": ["Garcia"]}'),
        ("k.bin", "Garcia"),
    ],
)
def test_a_list_that_is_none_is_refused(report, tmp_path, scanward_home, capsysbinary, name, content):
    (tmp_path / name).write_text(content)
    code, out, err = run(capsysbinary, "text", report, "--known", tmp_path / name)
    assert code == 1
    assert out == b""
    assert "--known" in err
    assert_nothing_of(SECRETS, err)


@pytest.mark.parametrize("name", ["report", "message"])
@pytest.mark.parametrize("dates", ["keep", "shift", "remove"])
def test_dates_become_what_is_asked_for(tmp_path, scanward_home, capsysbinary, name, dates):
    path = tmp_path / name
    path.write_bytes(HL7_MESSAGE if name == "message" else REPORT.encode())
    code, out, _ = run(capsysbinary, "text", path, "-q", "--mode", "label", "--dates", dates)
    assert code == 0
    assert_nothing_of(SECRETS, out.decode())
    exam, line = ("20240131", "EVN|R01|") if name == "message" else ("01/31/2024", "Exam Date: ")
    shown = next(one for one in re.split(r"[\r\n]", out.decode()) if one.startswith(line)).removeprefix(line)
    assert (shown == exam) == (dates == "keep")
    assert (len(shown) == len(exam) and shown[0].isdigit()) == (dates != "remove")


def test_several_do_not_fit_the_standard_output(report, scanward_home, capsysbinary):
    code, _, err = run(capsysbinary, "text", report, report)
    assert code == SEVERAL
    assert "--out" in err


def test_surrogates_do_not_remove_dates(report, scanward_home, capsysbinary):
    code, _, err = run(capsysbinary, "text", report, "--mode", "surrogate", "--dates", "remove")
    assert code == 1
    assert "--dates" in err


def test_what_is_not_released_any_more_does_not_stay(report, tmp_path, scanward_home, capsysbinary, monkeypatch):
    from scanward.bootstrap import text as bootstrap
    from scanward.errors import DocumentError

    out_dir = tmp_path / "out"
    assert run(capsysbinary, "text", report, "-q", "--out", out_dir)[0] == 0
    (written,) = out_dir.glob("DOC-*.txt")

    def refuse(*_, **__):
        raise DocumentError("an identifier was found again")

    monkeypatch.setattr(bootstrap._Work, "_clean", refuse)
    assert run(capsysbinary, "text", report, "-q", "--out", out_dir)[0] == 3
    assert not written.exists()


def test_a_model_of_ones_own_is_asked_too(tmp_path, scanward_home, capsysbinary):
    """It finds the word whatever stands around it; without it, nothing tells that the word is a name."""
    (tmp_path / "model").mkdir()
    note = tmp_path / "note.txt"
    note.write_text("The margins are smooth and whitcombe is stable in size.\n")
    code, out, _ = run(capsysbinary, "text", note, "--mode", "label", "-q")
    assert (code, b"whitcombe" in out) == (0, True)
    asked = ("text", note, "--mode", "label", "-q", "--recogniser", write_model(tmp_path / "model"))
    code, out, _ = run(capsysbinary, *asked)
    assert (code, out) == (0, b"The margins are smooth and [NAME] is stable in size.\n")


def test_a_model_that_is_not_there_is_told(report, tmp_path, scanward_home, capsysbinary):
    code, out, err = run(capsysbinary, "text", report, "--recogniser", tmp_path / "none")
    assert (code, out) == (1, b"")
    assert "model" in err
    (tmp_path / "empty").mkdir()
    code, out, err = run(capsysbinary, "text", report, "--recogniser", tmp_path / "empty")
    assert out == b""
    assert code in (1, 3)
