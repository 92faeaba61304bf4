"""Makes the table of private elements known to be safe, from TCIA's knowledge base.

A row that cannot be matched to an instance for certain is left out, so that its element is removed as unknown.
"""

import csv
import re
from collections import Counter
from typing import Any

from sources import Sources, write_json

EDITION = "2024-02-01"

_STEP = re.compile(r'\(([0-9a-f]{4}),(?:([0-9a-f]{4})|"?([^"\[\]]*?)"?,([0-9a-f]{2}))\)(?:\[<\d+>\])?', re.IGNORECASE)
_TIMESTAMP = re.compile(r"\d{14}")
_VR = re.compile(r"[A-Z]{2}")
_LETTERS = {"k": "k", "d": "d", "h": "h", "o": "o", "oi": "i"}

# What the knowledge base keeps although it tells who or where: a person, a device's address, a time of day. A UID that
# it keeps is mapped like any other, since instances are among them.
_NEVER_KEPT_VRS = frozenset({"AE", "DA", "DT", "PN", "TM"})
_NEVER_KEPT_NAMES = re.compile(r"department|institution|(?:site|trial|project) name", re.IGNORECASE)


def make(sources: Sources) -> None:
    """Write ``private.json``: path -> pairs of VR and letter, run together.

    The steps of a path are parted by line feeds, the parts of a private step by commas.
    """
    counts: Counter[str] = Counter()
    table: dict[str, dict[str, str]] = {}
    with sources.private_elements.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        fault, path, letter = _read(row)
        if fault:
            counts[fault] += 1
            continue
        by_vr = table.setdefault(path, {})
        vr = row["vr"]
        if by_vr.get(vr, letter) != letter:
            counts["contradicts another row: deleted"] += 1
            letter = "d"
        by_vr[vr] = letter
    counts["rows"] = len(rows)
    counts["paths"] = len(table)
    content: dict[str, Any] = {
        "edition": EDITION,
        "counts": dict(sorted(counts.items())),
        "paths": {
            path: "".join(vr + letter for vr, letter in sorted(by_vr.items())) for path, by_vr in sorted(table.items())
        },
    }
    write_json(sources.data / "private.json", content)


def _read(row: dict[str, str]) -> tuple[str, str, str]:
    """Return why the row cannot be used (empty when it can), its path and its letter."""
    disposition = row["private_disposition"].strip().lower()
    if disposition not in _LETTERS:
        return f"disposition {disposition or 'missing'}", "", ""
    if not _VR.fullmatch(row["vr"]):
        return "no VR", "", ""
    pattern = row["element_sig_pattern"]
    steps = []
    position = 0
    while position < len(pattern):
        match = _STEP.match(pattern, position)
        if match is None:
            return "malformed pattern", "", ""
        position = match.end()
        group, element, creator, low = match.groups()
        if low is None:
            if int(group, 16) & 1:
                return "private element without its creator", "", ""
            steps.append((group + element).lower())
        elif not creator.strip() or creator.strip().startswith("Unnamed Private Block"):
            return "private element without its creator", "", ""
        elif _TIMESTAMP.fullmatch(creator.strip()):
            return "creator is the moment it was written", "", ""
        else:
            steps.append(f"{group.lower()},{creator.strip()},{low.lower()}")
    return "", "\n".join(steps), _judge(row, _LETTERS[disposition])


def _judge(row: dict[str, str], letter: str) -> str:
    if letter != "k":
        return letter
    if row["vr"] == "UI":
        return "h"
    refused = row["vr"] in _NEVER_KEPT_VRS or _NEVER_KEPT_NAMES.search(row["tag_name"].rpartition(":")[2])
    return "d" if refused else "k"
