"""dicognito over a folder in one process, as its documentation does: one Anonymizer for all.

Usage: ``python run_dicognito.py SRC OUT``.
"""

import sys
from pathlib import Path

import pydicom
from dicognito.anonymizer import Anonymizer

source, out = Path(sys.argv[1]), Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
anonymizer = Anonymizer()
for path in sorted(path for path in source.rglob("*") if path.is_file()):
    try:
        with pydicom.dcmread(path) as dataset:
            anonymizer.anonymize(dataset)
            dataset.save_as(out / path.name)
    except Exception as error:  # noqa: BLE001 - a file that a peer cannot do is counted as missing from its output
        print(f"{type(error).__name__}", file=sys.stderr)
