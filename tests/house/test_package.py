import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_holds_all_that_the_package_reads(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("scanward/")}
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "scanward").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not any(part.startswith(".") for part in path.parts[-3:])
    }
    assert {Path(name).suffix for name in held} >= {".py", ".json", ".toml", ".css"}
    assert expected - held == set()


def test_help_loads_nothing_heavy():
    heavy = ["pydicom", "numpy", "markupsafe", "pypdf", "ahocorasick", "pydantic", "sqlite3", "multiprocessing"]
    code = (
        "import sys\n"
        "from scanward.cli.main import main\n"
        "sys.argv = ['scanward', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_command_is_installed():
    assert importlib.util.find_spec("scanward.cli.main") is not None
    done = subprocess.run(
        [str(Path(sys.executable).parent / "scanward"), "--help"], capture_output=True, text=True, check=True
    )
    assert "deidentify" in done.stdout
