"""The command line: help, exit codes, what is printed, what becomes of errors."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

import scanward
from scanward.cli import main as main_module
from scanward.cli.main import main
from scanward.config import DEIDENTIFYING, READING, ConfigError, DeidentifyRequest, Progress, parse_recipient
from scanward.errors import OutputError
from scanward.model.report import Outcome, RunReport, StudyReport

SRC = str(Path(scanward.__file__).parents[1])
SECRET = "Fontane^Ottilie"


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Run a command in this process and return exit code, output and errors."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["scanward", *map(str, arguments)])
    try:
        with pytest.raises(SystemExit) as caught:
            main()
    finally:
        patch.undo()
    code = caught.value.code
    out, err = capsys.readouterr()
    return int(code or 0), out, err


def made_report(**outcomes: int) -> RunReport:
    counts = {Outcome[name.upper()]: count for name, count in outcomes.items()}
    study = StudyReport(
        patient="P1",
        study_uid="2.25.1",
        outcomes={one: count for one, count in counts.items() if one is not Outcome.NOT_DICOM},
        stopped={"the picture may show text": counts[Outcome.HELD]} if counts.get(Outcome.HELD) else {},
    )
    return RunReport(
        version="1",
        profile="basic",
        profile_description="",
        recipient="default",
        standard_edition="2026c",
        started="2026-11-20T10:00:00+00:00",
        finished="2026-11-20T10:00:01+00:00",
        found=sum(counts.values()),
        outcomes=counts,
        skipped={"no DICOM prefix": counts[Outcome.NOT_DICOM]} if counts.get(Outcome.NOT_DICOM) else {},
        studies=[study],
    )


@pytest.fixture
def flow(monkeypatch, tmp_path):
    """A stand-in for the flow behind the command: it notes the request and does what the test sets."""
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "home"))
    module = types.ModuleType("scanward.bootstrap.files")
    module.requests = []
    module.result = made_report(released=3)

    def deidentify_folder(request, progress, keep):
        module.requests.append(request)
        progress(Progress(phase=READING, done_files=1))
        progress(Progress(phase=DEIDENTIFYING, done_files=1, total_files=3, done_bytes=10, total_bytes=30))
        if isinstance(module.result, BaseException):
            raise module.result
        keep(module.result)
        return module.result

    module.deidentify_folder = deidentify_folder
    monkeypatch.setitem(sys.modules, "scanward.bootstrap.files", module)
    monkeypatch.setattr(scanward, "bootstrap", module, raising=False)
    return module


@pytest.fixture
def deidentify(flow, tmp_path, capsys):
    return lambda *more: run(capsys, "deidentify", tmp_path / "in", "--out", tmp_path / "out", *more)


def process(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scanward", *arguments],
        env=os.environ | {"PYTHONPATH": SRC},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


@pytest.mark.parametrize("command", [[], ["deidentify"], ["inspect"], ["keys"], ["keys", "export"], ["profiles"]])
def test_help(command):
    done = process(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: scanward")
    assert done.stderr == ""


def test_help_imports_nothing_heavy():
    code = "import sys, scanward.cli.main; print([m for m in ('pydicom', 'numpy', 'markupsafe', 'sqlite3', 'rich') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": SRC}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_command_does_not_load_the_others():
    code = (
        "import sys\nfrom scanward.cli.main import main\nsys.argv = ['scanward', 'deidentify', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    print([m for m in sys.modules if m.startswith('scanward.')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": SRC}, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1]
    assert "'scanward.cli.deidentify'" in loaded
    assert not {name for name in ("inspect", "keys", "profiles") if f"'scanward.cli.{name}'" in loaded}


def test_a_slip_in_the_name_of_a_command_is_told(capsys):
    code, out, err = run(capsys, "deidentfy")
    assert (code, out) == (2, "")
    assert "Did you mean 'deidentify'?" in err


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"scanward {scanward.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["deidentify"],
        ["deidentify", "x"],
        ["deidentify", "x", "--out", "y", "--workers", "0"],
        ["inspect"],
    ],
)
def test_wrong_usage_is_2(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({"released": 3}, 0),
        ({"released": 3, "not_dicom": 2}, 0),
        ({"released": 3, "held": 1}, 3),
        ({"quarantined": 1}, 3),
    ],
)
def test_exit_code_tells_the_outcome(flow, deidentify, outcomes, code):
    flow.result = made_report(**outcomes)
    assert deidentify()[0] == code
    assert deidentify("--quiet") == (code, "", "")


def test_summary_adds_up_and_tells_where_things_lie(flow, deidentify, tmp_path):
    flow.result = made_report(released=1200, held=3, not_dicom=2)
    _, out, err = deidentify()
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert [line[-1] for line in lines[:5]] == ["1,200", "3", "0", "2", "1,205"]
    assert "3  the picture may show text" in out
    assert "2  no DICOM prefix" in out
    for place in (tmp_path / "out", tmp_path / "home" / "keys", tmp_path / "home" / "reports"):
        assert str(place) in out
    assert "keys export" in out


def test_report_lies_in_the_home_folder_or_where_it_is_wanted(flow, deidentify, tmp_path):
    deidentify()
    (folder,) = (tmp_path / "home" / "reports").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    deidentify("--report", tmp_path / "mine" / "page.html")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["page.html", "page.json"]


def test_a_report_that_cannot_be_written_stops_the_run_before_it_begins(flow, deidentify, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    code, _, err = deidentify("--report", tmp_path / "file" / "page.html")
    assert code == 1
    assert "report" in err
    assert flow.requests == []


def test_options_reach_the_request(flow, deidentify, tmp_path):
    deidentify("-p", "research", "-r", " Uni\u0301 ", "-w", 3, "--release-unchecked-pixels", "--home", tmp_path / "h")
    assert flow.requests == [
        DeidentifyRequest(
            sources=(tmp_path / "in",),
            out=tmp_path / "out",
            profile="research",
            recipient="Un\u00ed",
            workers=3,
            home=tmp_path / "h",
            release_unchecked_pixels=True,
        )
    ]


def test_defaults(flow, deidentify):
    deidentify()
    (request,) = flow.requests
    assert (request.profile, request.recipient, request.release_unchecked_pixels) == ("basic", "default", False)
    assert request.workers == len(os.sched_getaffinity(0))


def test_our_errors_print_message_and_remedy(flow, deidentify):
    flow.result = OutputError("no room left", remedy="Free some space.")
    assert deidentify() == (1, "", "scanward: no room left\n  Free some space.\n")


def test_unexpected_errors_print_type_and_place_only(flow, deidentify):
    flow.result = ValueError(f"cannot parse {SECRET}")
    code, out, err = deidentify()
    assert code == 1
    assert "unexpected ValueError at" in err
    assert "cli/deidentify.py:" in err
    assert SECRET not in out + err
    assert "Traceback" not in err


def test_an_interrupt_says_how_to_go_on(flow, deidentify):
    flow.result = KeyboardInterrupt()
    code, _, err = deidentify()
    assert code == 130
    assert "run the same command again" in err


def test_an_interrupt_has_its_exit_code_in_every_command(capsys, monkeypatch, tmp_path):
    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("scanward.adapters.keys.KeyFolder.exists", stop)
    assert run(capsys, "keys", "show", "--home", tmp_path)[0] == 130


def test_keys_commands(capsys, tmp_path):
    home, other, backup = tmp_path / "home", tmp_path / "other", tmp_path / "backup"
    said = run(capsys, "keys", "show", "--home", home)[1]
    assert "no key yet; scanward init, or the first scanward deidentify, makes" in said
    assert not home.exists()
    assert run(capsys, "keys", "export", backup, "--home", home)[0] == 1
    from scanward.adapters.keys import KeyFolder

    key = KeyFolder(home).key_id()
    shown = run(capsys, "keys", "show", "--home", home)[1]
    assert key in shown
    assert str(home / "keys") in shown
    assert run(capsys, "keys", "export", backup, "--home", home)[0] == 0
    assert run(capsys, "keys", "export", backup, "--home", home)[0] == 1
    assert "took over" in run(capsys, "keys", "import", backup, "--home", other)[1]
    assert "already using" in run(capsys, "keys", "import", backup, "--home", other)[1]
    secret = backup.read_text().split("key: ")[1][:64]
    assert secret not in shown
    code, _, err = run(capsys, "keys", "import", tmp_path / "none", "--home", other)
    assert (code, secret in err) == (1, False)


def test_profiles_lists_all(capsys):
    code, out, _ = run(capsys, "profiles")
    assert code == 0
    for name in ("basic", "ai-inference", "research", "patient-copy"):
        assert f"{name}\n" in out


@pytest.fixture
def scan(tmp_path):
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = "1.2.3"
    ds.Modality = "CT"
    ds.PatientName = SECRET
    ds.file_meta = Dataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(tmp_path / "scan.dcm", enforce_file_format=True)
    return tmp_path / "scan.dcm"


def test_inspect_shows_values_and_what_follows(capsys, scan):
    code, out, err = run(capsys, "inspect", scan)
    assert (code, err) == (0, "")
    assert "PatientName" in out
    assert SECRET in out
    assert "names the patient" in out


def test_inspect_hides_values_when_told(capsys, scan):
    assert SECRET not in run(capsys, "inspect", scan, "--no-values")[1]
    out = run(capsys, "inspect", scan, "--no-values", "--json")[1]
    assert SECRET not in out
    assert "value" not in json.loads(out)["findings"][0]


def test_inspect_as_json(capsys, scan):
    got = json.loads(run(capsys, "inspect", scan, "--json")[1])
    assert got["sop_class"] == "CT Image Storage"
    assert {
        "category": "who",
        "attribute": "PatientName",
        "tag": "(0010,0010)",
        "count": 1,
        "note": "",
        "value": SECRET,
    } in got["findings"]
    assert got["consequences"]


def test_inspect_of_something_else_is_1(capsys, tmp_path):
    (tmp_path / "letter").write_bytes(b"dear sir")
    code, _, err = run(capsys, "inspect", tmp_path / "letter")
    assert code == 1
    assert "expected a DICOM file" in err


def test_a_closed_pipe_is_no_fault(scan):
    done = subprocess.run(
        f"{sys.executable} -m scanward inspect {scan} | head -1",
        shell=True,
        env=os.environ | {"PYTHONPATH": SRC},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


def test_requests_are_checked(tmp_path):
    good = {"sources": (tmp_path,), "out": tmp_path / "out"}
    for bad in ({"sources": ()}, {"workers": 0}, {"workers": 5000}, {"recipient": " "}, {"recipient": "a\nb"}):
        with pytest.raises(ConfigError):
            DeidentifyRequest(**(good | bad))
    assert parse_recipient("x" * 128)
    with pytest.raises(ConfigError):
        parse_recipient("x" * 129)


def test_main_module_is_the_same_app():
    assert main_module.app.name == "scanward"
