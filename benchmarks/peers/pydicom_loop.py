"""What people write with pydicom: read, edit the Attributes of Table E.1-1 by their basic action, write.

Usage: ``python pydicom_loop.py SRC OUT``. Leanly written: only elements that the table names are decoded. No pseudonyms
that last, no text cleaning, no check, no report.
"""

import sys
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from scanward.standard.confidentiality import all_rows

DUMMIES = {"DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y", "DS": "0", "IS": "0", "SQ": []}
NUMBERS = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
BLOBS = frozenset({"OB", "OW", "OD", "OF", "OL", "OV", "UN"})


def main() -> None:
    """De-identify every file below SRC into OUT."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    actions = {int(pattern, 16): row.basic[0] for pattern, row in all_rows().items() if is_tag(pattern)}
    new_uids: dict[str, str] = {}
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        try:
            ds = pydicom.dcmread(path)
            edit(ds, actions, new_uids)
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.save_as(out / f"{ds.SOPInstanceUID}.dcm")
        except Exception as error:  # noqa: BLE001 - a file that it cannot do is counted as missing from its output
            print(f"{type(error).__name__}", file=sys.stderr)


def is_tag(pattern: str) -> bool:
    """Return whether a row of the table is about one tag, not about a group of them."""
    return "x" not in pattern and pattern != "private"


def edit(root: Dataset, actions: dict[int, str], new_uids: dict[str, str]) -> None:
    """Edit `root` and all items below it."""
    stack = [root]
    while stack:
        ds = stack.pop()
        for tag in list(ds.keys()):
            if tag.is_private:
                del ds[tag]
                continue
            action = actions.get(int(tag))
            if action == "X":
                del ds[tag]
            elif action is not None:
                change(ds, tag, action, new_uids)
            elif ds.get_item(tag).VR == "SQ":
                stack.extend(ds[tag].value)


def change(ds: Dataset, tag: int, action: str, new_uids: dict[str, str]) -> None:
    """Empty or replace the value of one element."""
    element = ds[tag]
    if action == "Z":
        element.value = [] if element.VR == "SQ" else None
    elif action == "U" and element.VR == "UI" and element.value:
        old = str(element.value)
        element.value = new_uids.get(old) or new_uids.setdefault(old, generate_uid())
    elif element.VR in NUMBERS:
        element.value = 0
    elif element.VR in BLOBS:
        element.value = b""
    else:
        element.value = DUMMIES.get(element.VR, "REMOVED")


main()
