"""All that is installed together with Scanward may be used by anyone for anything."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("dlib", "faces", "pixels", "postgresql", "s3")

LEFT_OUT = {
    line.split()[0]
    for line in (ROOT / "requirements" / "left-out").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}
"""What others ask for and an installation of ours does not bring."""

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|BSL-1\.0|Boost|Apache|PSF|Python Software Foundation|ISC|0BSD|Unlicense|MPL-2\.0 AND MIT)\b",
    re.IGNORECASE,
)
EXCEPTIONS = {
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "certifi": "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
}
"""Used unchanged and not shipped by us; docs/decisions/0007-dependencies.md says so of each."""
COPYLEFT = re.compile(r"GPL|General Public|EUPL|CC-BY-(?:SA|NC)|SSPL|Commons Clause|Proprietary", re.IGNORECASE)


def find_runtime() -> set[str]:
    """Return the names of all distributions that an installation of scanward with its extras brings here."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [("scanward", extra) for extra in ("", *EXTRAS)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if canonicalize_name(requirement.name) in LEFT_OUT:
                continue
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(requirement.name), one) for one in ("", *requirement.extras)]
    return found


def licence_of(name: str) -> str:
    """Return what a distribution says of its licence: the expression, else classifiers, else the first lines."""
    meta = metadata.metadata(name)
    classifiers = [value for value in meta.get_all("Classifier") or [] if value.startswith("License ::")]
    words = meta.get("License-Expression") or " ".join(classifiers) or meta.get("License") or read_licence(name)
    return words[:200]


def read_licence(name: str) -> str:
    """Return the first line of the licence that a distribution brings along; nothing where it brings none."""
    for file in metadata.files(name) or []:
        if file.name.upper().startswith("LICEN"):
            return str(file.locate().read_text(encoding="utf-8")).lstrip().partition("\n")[0]
    return ""


def test_runtime_dependencies_are_permissive():
    licences = {name: licence_of(name) for name in find_runtime()}
    assert {"click", "pydicom", "pyahocorasick", "fastapi", "s3fs"} <= set(licences)
    assert {name: licences.pop(name) for name in EXCEPTIONS} == EXCEPTIONS
    assert {name: text for name, text in licences.items() if not PERMISSIVE.search(text)} == {}
    assert {name: text for name, text in licences.items() if COPYLEFT.search(text)} == {}


def test_every_dependency_says_why_it_is_here():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    page = (ROOT / "docs" / "decisions" / "0007-dependencies.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"[\w-]+", " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("|")))
    )
    extras = set(re.findall(r"(?m)^\| `(\w+)` \| ([\w-]+)", page))
    assert extras == {
        (extra, Requirement(one).name) for extra, texts in project["optional-dependencies"].items() for one in texts
    }
    wanted = {Requirement(one).name for one in declared} - {name for _, name in extras}
    assert wanted - named == set()
    assert named - wanted - {"library", "extra", "---", *project["optional-dependencies"]} == set()
    assert all(name.removesuffix("-binary") in page for name in EXCEPTIONS)
