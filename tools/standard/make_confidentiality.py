"""Makes the table of actions of PS3.15 Table E.1-1.

The basic profile comes from the newer edition, the options' columns from the older one: the newer source has none.
Rows that only the newer edition has get the options that their kind of value makes certain, and no others.
"""

import re
from pathlib import Path
from typing import Any

from sources import Sources, read_assignments, read_json, write_json

EDITION = "2026c"
OPTIONS_EDITION = "2025a"
COLUMNS = (
    "rtnSafePrivOpt",
    "rtnUIDsOpt",
    "rtnDevIdOpt",
    "rtnInstIdOpt",
    "rtnPatCharsOpt",
    "rtnLongFullDatesOpt",
    "rtnLongModifDatesOpt",
    "cleanDescOpt",
    "cleanStructContOpt",
    "cleanGraphOpt",
)
PRIVATE = "private"

_LISTS = {
    "D_TAGS": "D",
    "Z_TAGS": "Z",
    "X_TAGS": "X",
    "U_TAGS": "U",
    "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}
_NOTE = re.compile(r"\s*\(see Note.*\)\s*$", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"\(0x([0-9A-F]{4}), 0x([0-9A-F]{4})[^)]*\), *# (.+)")


def read_new_rows(path: Path) -> dict[str, tuple[str, str]]:
    """Return pattern -> (basic action, name) of the newer edition; a pattern is like ``0008103e`` or ``60xx3000``."""
    names = {(a + b).lower(): name.strip() for a, b, name in _COMMENT.findall(path.read_text(encoding="utf-8"))}
    rows: dict[str, tuple[str, str]] = {}
    lists = read_assignments(path)
    for list_name, action in _LISTS.items():
        for group, element, *mask in lists[list_name]:
            plain = f"{group:04x}{element:04x}"
            pattern = plain[:2] + "xx" + ("xxxx" if mask[1] == 0 else plain[4:]) if mask else plain
            if pattern in rows:
                raise ValueError(f"{pattern} stands in two lists")
            rows[pattern] = (action, names.get(plain, ""))
    return rows


def read_old_rows(path: Path) -> dict[str, dict[str, str]]:
    """Return pattern -> row of the older edition."""
    rows = {}
    for row in read_json(path):
        is_private = "odd" in row["tag"].lower()
        rows[PRIVATE if is_private else row["id"].lower()] = row
    return rows


def derive_options(name: str, action: str, vr: str) -> dict[str, str]:
    """Return the options of a row whose columns are not known, as far as its kind of value makes them certain."""
    if vr in ("DA", "DT", "TM") or name.endswith("DateTime"):
        return {"rtnLongFullDatesOpt": "K", "rtnLongModifDatesOpt": "C"}
    if vr == "UI" and action == "U":
        return {"rtnUIDsOpt": "K"}
    return {}


def make(sources: Sources) -> None:
    """Write ``confidentiality.json``: rows of [pattern, name, basic action, options], options as digit and letter."""
    new = read_new_rows(sources.deidentification_table)
    old = read_old_rows(sources.standards / "confidentiality_profile_attributes.json")
    dictionary = read_assignments(sources.pydicom / "_dicom_dict.py")["DicomDictionary"]
    if missing := set(old) - set(new) - {PRIVATE}:
        raise ValueError(f"rows without an action in the newer edition: {sorted(missing)}")

    # The newer source holds no row for private elements; their action has been X in every edition.
    new[PRIVATE] = (old[PRIVATE]["basicProfile"], old[PRIVATE]["name"])
    rows: list[list[str]] = []
    derived: list[str] = []
    changed: list[str] = []
    for pattern, (action, comment) in sorted(new.items()):
        row = old.get(pattern)
        if row is None:
            vr = dictionary.get(int(pattern, 16), ("",))[0]
            options = derive_options(comment, action, vr)
            derived.append(pattern)
        else:
            options = {column: row[column] for column in COLUMNS if column in row}
            if row["basicProfile"] != action:
                changed.append(pattern)
        name = _NOTE.sub("", row["name"]) if row else comment
        rows.append([pattern, name, action, _encode(options)])
    content: dict[str, Any] = {
        "edition": EDITION,
        "options_edition": OPTIONS_EDITION,
        "columns": COLUMNS,
        "derived": derived,
        "changed": changed,
        "rows": rows,
    }
    write_json(sources.data / "confidentiality.json", content)


def _encode(options: dict[str, str]) -> str:
    return "".join(f"{index}{options[column]}" for index, column in enumerate(COLUMNS) if column in options)
