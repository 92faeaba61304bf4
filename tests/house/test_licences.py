"""All that is installed together with Scanward may be used by anyone for anything."""

import re
from importlib import metadata

from packaging.requirements import Requirement

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC|0BSD|Unlicense|MPL-2\.0 AND MIT)\b", re.IGNORECASE
)
COPYLEFT = re.compile(r"GPL|General Public|EUPL|CC-BY-(?:SA|NC)|SSPL|Commons Clause|Proprietary", re.IGNORECASE)


def find_runtime() -> set[str]:
    """Return the names of all distributions that an installation of scanward brings here."""
    found: set[str] = set()
    waiting = ["scanward"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name.lower())
    return found


def licence_of(name: str) -> str:
    """Return what a distribution says of its licence: the expression, else classifiers, else the first lines."""
    meta = metadata.metadata(name)
    classifiers = [value for value in meta.get_all("Classifier") or [] if value.startswith("License ::")]
    words = meta.get("License-Expression") or " ".join(classifiers) or meta.get("License") or ""
    return words[:200]


def test_runtime_dependencies_are_permissive():
    licences = {name: licence_of(name) for name in find_runtime()}
    assert {"click", "pydicom", "pyahocorasick"} <= set(licences)
    assert {name: text for name, text in licences.items() if not PERMISSIVE.search(text)} == {}
    assert {name: text for name, text in licences.items() if COPYLEFT.search(text)} == {}
