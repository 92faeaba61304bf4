"""Makes the table of purposes of use: the part of HL7's v3 ActReason below PurposeOfUse."""

from typing import Any

from sources import Sources, read_json, write_json

_ROOT = "PurposeOfUse"


def make(sources: Sources) -> None:
    """Write ``act_reasons.json``: each active code below PurposeOfUse with its name, definition and parents."""
    system = read_json(sources.act_reasons / "CodeSystem-v3-ActReason.json")
    package = read_json(sources.act_reasons / "package.json")
    concepts: dict[str, dict[str, Any]] = {}
    parents: dict[str, set[str]] = {}
    _collect(system["concept"], None, concepts, parents)
    codes = {
        code: {
            "name": concepts[code]["display"],
            "definition": " ".join(concepts[code]["definition"].split()),
            "parents": sorted(parents[code] - {_ROOT}),
        }
        for code in sorted(_below(_ROOT, parents))
        if _properties(concepts[code], "status") == ["active"]
    }
    edition = f"{system['version']}, in HL7 Terminology {package['version']}"
    write_json(sources.data / "act_reasons.json", {"edition": edition, "codes": codes})


def _collect(
    listed: list[dict[str, Any]],
    outer: str | None,
    concepts: dict[str, dict[str, Any]],
    parents: dict[str, set[str]],
) -> None:
    """Note concepts and their parents, which are told by nesting and, where there are several, by a property."""
    for concept in listed:
        code = concept["code"]
        concepts[code] = concept
        parents.setdefault(code, set()).update(_properties(concept, "subsumedBy"))
        if outer is not None:
            parents[code].add(outer)
        _collect(concept.get("concept", []), code, concepts, parents)


def _properties(concept: dict[str, Any], name: str) -> list[str]:
    return [entry["valueCode"] for entry in concept.get("property", []) if entry["code"] == name]


def _below(root: str, parents: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    added = {root}
    while added:
        added = {code for code, above in parents.items() if above & added} - found
        found |= added
    return found
