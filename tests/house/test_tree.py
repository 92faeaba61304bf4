"""What the files of the project must not hold."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {"", ".bash", ".css", ".html", ".in", ".ini", ".json", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
REGISTRY = re.compile(
    r"py[p]i\.(?:org|python)|python[h]osted\.org|npm[j]s\.(?:org|com)|/simple/[a-z]|(?:index|registry)-?url *="
)
PERSONAL = re.compile(r"/(?:home|Users)/[A-Za-z][\w.-]*/|[A-Z]:\\Users\\")
DATA = {".dcm", ".dicom", ".ima", ".nii", ".nrrd", ".mha", ".zip", ".gz"}
MADE = "src/scanward/deidentify/text/recogniser/model.json.gz"
"""What `tools/recogniser/train.py` makes: weights of words, no data."""
LARGEST_BYTES = 2 * 1024 * 1024


def tracked() -> list[Path]:
    """Return all files under version control, or all outside of ignored places in an unpacked archive."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("no git or no checkout here")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    """Return (path, text) of each file of text."""
    return [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in tracked() if path.suffix in TEXT
    ]


def test_no_address_of_a_registry():
    assert [name for name, text in texts() if REGISTRY.search(text)] == []


def test_no_path_of_a_machine():
    here = [f"{place}/" for place in (ROOT, ROOT.parent, Path.home()) if len(place.parts) > 1]
    own = re.compile("|".join(rf"(?<![\w.]){re.escape(place)}" for place in here))
    assert [name for name, text in texts() if PERSONAL.search(text) or own.search(text)] == []


def test_no_scans_and_nothing_large():
    made = ROOT / MADE
    assert [str(path) for path in tracked() if path.suffix.lower() in DATA and path != made] == []
    assert [str(path) for path in tracked() if path.stat().st_size > LARGEST_BYTES] == []


def test_modules_have_telling_names():
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [str(path) for path in (ROOT / "src").rglob("*") if path.stem in vague] == []


def test_keys_never_come_from_random():
    pattern = re.compile(
        r"^\s*(?:import random\b|from random\b|from numpy import random)|numpy\.random|np\.random", re.MULTILINE
    )
    sources = (ROOT / "src").rglob("*.py")
    assert [str(path) for path in sources if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_the_word_is_de_identify():
    # Names of tools such as dicom-anonymizer stay what they are.
    verb = re.compile(r"\banonymi[sz](?:e|es|ed|ing|ation)\b", re.IGNORECASE)
    places = ("README.md", "CHANGELOG.md", "docs/", "src/scanward/cli/")
    assert [name for name, text in texts() if name.startswith(places) and verb.search(text)] == []
