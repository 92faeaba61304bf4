"""Makes the data dictionary of PS3.6, as columns."""

import re
from typing import Any

from make_confidentiality import read_new_rows
from sources import Sources, read_assignments, write_json

_NAME_ENDINGS = {"Sequence": "SQ", "DateTime": "DT", "URI": "UR"}


def make(sources: Sources) -> None:
    """Write ``dictionary.json``."""
    edition = read_assignments(sources.pydicom / "_version.py")["__dicom_version__"]
    tables = read_assignments(sources.pydicom / "_dicom_dict.py")
    plain: dict[int, tuple[str, str, str, str, str]] = dict(tables["DicomDictionary"])
    added = _read_newer(sources, plain)
    plain.update(added)

    tags = sorted(plain)
    content: dict[str, Any] = {
        "edition": edition,
        "added": sorted(added),
        "tags": tags,
        **_columns([plain[tag] for tag in tags]),
        "repeating": {
            "patterns": [pattern.lower() for pattern in tables["RepeatersDictionary"]],
            **_columns(list(tables["RepeatersDictionary"].values())),
        },
    }
    write_json(sources.data / "dictionary.json", content)


def _columns(entries: list[tuple[str, str, str, str, str]]) -> dict[str, list[Any]]:
    return {
        "vrs": [vr for vr, *_rest in entries],
        "vms": [vm for _vr, vm, *_rest in entries],
        "names": [name for _vr, _vm, name, *_rest in entries],
        "retired": [index for index, entry in enumerate(entries) if entry[3]],
        "keywords": [entry[4] for entry in entries],
    }


def _read_newer(sources: Sources, known: dict[int, Any]) -> dict[int, tuple[str, str, str, str, str]]:
    """Return Attributes that Table E.1-1 names and that are newer than the dictionary.

    Their keyword follows from the name; their Value Representation is known only where the name tells it, else UN.
    """
    found = {}
    for pattern, (_action, name) in read_new_rows(sources.deidentification_table).items():
        if "x" in pattern or int(pattern, 16) in known:
            continue
        vr = next((vr for ending, vr in _NAME_ENDINGS.items() if name.endswith(ending)), "UN")
        keyword = "".join(word[0].upper() + word[1:] for word in re.findall(r"\w+", name))
        found[int(pattern, 16)] = (vr, "", name, "", keyword)
    return found
