"""Makes the Types of Attributes by SOP Class, for what Table E.1-1 names and for sequences.

The modules of an IOD are merged into one tree, the strictest Type winning. The same macros occur all over the standard,
so equal subtrees are stored once: what is written is a list of nodes, children before parents, roots by IOD.
"""

from dataclasses import dataclass, field
from typing import Any

from make_confidentiality import read_new_rows
from sources import Sources, read_assignments, read_json, write_json

TYPES = ("1", "1C", "2", "2C", "3")
"""From the strictest to the loosest."""

# Patient Identity Removed and the marks beside it, which rules of ours look at though the table does not name them.
_ALSO = (0x00280301, 0x00280302, 0x00080201)

# Retired SOP Classes whose instances are still in archives, with the successor that has the same IOD but for pixels.
_SUCCESSORS = {
    "1.2.840.10008.5.1.4.1.1.3": "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.5": "1.2.840.10008.5.1.4.1.1.20",
    "1.2.840.10008.5.1.4.1.1.6": "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.12.3": "1.2.840.10008.5.1.4.1.1.12.1",
    "1.2.840.10008.5.1.4.1.1.77.1": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "1.2.840.10008.5.1.4.1.1.77.2": "1.2.840.10008.5.1.4.1.1.77.1.4.1",
    "1.2.840.10008.5.1.4.1.1.88.1": "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.3": "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.88.4": "1.2.840.10008.5.1.4.1.1.88.33",
}


@dataclass
class _Tree:
    """An Attribute's Type (index into TYPES, None for a level that only holds others) and what lies below it."""

    strictness: int | None = None
    below: dict[int, "_Tree"] = field(default_factory=dict)


def make(sources: Sources) -> None:
    """Write ``iods.json``, and ``required.json`` with what of all Attributes is not optional."""
    keywords, sequences = _read_keywords(sources)
    wanted = _read_table_tags(sources) | sequences | set(_ALSO)
    sop_classes = dict(read_json(sources.highdicom / "sop_class_iod_map.json"))
    for retired, successor in _SUCCESSORS.items():
        sop_classes.setdefault(retired, sop_classes[successor])
    trees = _read_trees(sources, set(sop_classes.values()), keywords, wanted)
    flat = _flatten(trees)
    content = {"roots": flat["roots"], "sop_classes": dict(sorted(sop_classes.items())), "nodes": flat["nodes"]}
    write_json(sources.data / "iods.json", content)
    trees = _read_trees(sources, set(sop_classes.values()), keywords, set(keywords.values()))
    for tree in trees.values():
        _prune(tree)
    write_json(sources.data / "required.json", _flatten(trees))


def _read_trees(sources: Sources, names: set[str], keywords: dict[str, int], wanted: set[int]) -> dict[str, _Tree]:
    """Return a tree for each IOD in `names`, with the Attributes in `wanted`."""
    modules = read_json(sources.highdicom / "module_attribute_map.json")
    iods = read_json(sources.highdicom / "iod_module_map.json")
    trees = {}
    for iod in sorted(names):
        tree = trees[iod] = _Tree()
        for module in sorted({entry["key"] for entry in iods[iod]}):
            for attribute in modules.get(module, []):
                _insert(tree, attribute, keywords, wanted)
    return trees


def _flatten(trees: dict[str, _Tree]) -> dict[str, Any]:
    nodes: dict[str, int] = {}
    roots = {iod: _store(tree, nodes) for iod, tree in trees.items()}
    return {"roots": roots, "nodes": list(nodes)}


def _prune(tree: _Tree) -> None:
    """Take out what is optional, with all below it."""
    for tag, below in list(tree.below.items()):
        if below.strictness is None or TYPES[below.strictness] == "3":
            del tree.below[tag]
        else:
            _prune(below)


def _read_keywords(sources: Sources) -> tuple[dict[str, int], set[int]]:
    """Return keyword -> tag and the tags of all sequences."""
    keywords = {}
    sequences = set()
    for row in read_json(sources.standards / "attributes.json"):
        if row["keyword"] and "X" not in row["tag"]:
            keywords[row["keyword"]] = int(row["id"], 16)
            if row["valueRepresentation"] == "SQ":
                sequences.add(int(row["id"], 16))
    for tag, (vr, _vm, _name, _retired, keyword) in read_assignments(sources.pydicom / "_dicom_dict.py")[
        "DicomDictionary"
    ].items():
        keywords[keyword] = tag
        if vr == "SQ":
            sequences.add(tag)
    return keywords, sequences


def _read_table_tags(sources: Sources) -> set[int]:
    return {int(pattern, 16) for pattern in read_new_rows(sources.deidentification_table) if "x" not in pattern}


def _insert(tree: _Tree, attribute: dict[str, Any], keywords: dict[str, int], wanted: set[int]) -> None:
    tag = keywords.get(attribute["keyword"])
    # Repeating groups and lines that only include a macro have no tag or no Type of their own.
    if tag not in wanted or attribute["type"] not in TYPES:
        return
    for step in attribute["path"]:
        tree = tree.below.setdefault(keywords[step], _Tree())
    tree = tree.below.setdefault(tag, _Tree())
    strictness = TYPES.index(attribute["type"])
    tree.strictness = strictness if tree.strictness is None else min(tree.strictness, strictness)


def _store(tree: _Tree, nodes: dict[str, int]) -> int:
    """Add `tree` to `nodes`, children first, and return its number; an equal tree has the same number."""
    entries = []
    for tag, below in sorted(tree.below.items()):
        child = _store(below, nodes) if below.below else ""
        entries.append(f"{tag:x}:{'' if below.strictness is None else below.strictness}:{child}")
    return nodes.setdefault(" ".join(entries), len(nodes))
