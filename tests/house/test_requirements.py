import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADDRESS = re.compile(r"\w+://|--(?:extra-)?index|--find-links|--trusted-host| @ ")


def read_lock(path: Path) -> dict[str, tuple[Requirement, int]]:
    """Return name -> (requirement, number of hashes); refuse a line of any other kind."""
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    found = {}
    for line in text.splitlines():
        code = line.partition("#")[0].strip()
        if not code:
            continue
        words = re.split(r"\s+--hash=", code)
        requirement = Requirement(words[0])
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", word.strip()) for word in words[1:])
        found[canonicalize_name(requirement.name)] = (requirement, len(words) - 1)
    return found


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes(path):
    lock = read_lock(path)
    assert lock
    for requirement, hashes in lock.values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes >= 1, requirement


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").iterdir()), ids=lambda path: path.name)
def test_no_address_of_an_index(path):
    assert not ADDRESS.search(path.read_text(encoding="utf-8"))


def test_each_lock_has_its_source():
    assert {path.stem for path in LOCKS} == {path.stem for path in (ROOT / "requirements").glob("*.in")}


def test_locks_agree_since_they_share_one_environment():
    versions: dict[str, set[str]] = {}
    for path in LOCKS:
        for name, (requirement, _) in read_lock(path).items():
            versions.setdefault(name, set()).add(str(requirement.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_lock_holds_what_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for extra in project["optional-dependencies"].values() for text in extra]
    texts = [*project["dependencies"], *extras]
    declared = {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}
    lines = (ROOT / "requirements" / "run.in").read_text(encoding="utf-8").splitlines()
    asked = {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}
    assert asked == set(declared)
    lock = read_lock(ROOT / "requirements" / "run.txt")
    for name, requirement in declared.items():
        pinned = str(lock[name][0].specifier).removeprefix("==")
        assert requirement.specifier.contains(pinned), requirement


def test_build_backend_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = read_lock(ROOT / "requirements" / "build.txt")
    for text in project["build-system"]["requires"]:
        requirement = Requirement(text)
        pinned = str(lock[canonicalize_name(requirement.name)][0].specifier).removeprefix("==")
        assert requirement.specifier.contains(pinned)
