"""dicom-anonymizer over a folder in one process, by the function that its documentation names for single files.

Usage: ``python run_dicom_anonymizer.py SRC OUT``.
"""

import sys
from pathlib import Path

from dicomanonymizer import anonymize_dicom_file

source, out = Path(sys.argv[1]), Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
for path in sorted(path for path in source.rglob("*") if path.is_file()):
    try:
        anonymize_dicom_file(str(path), str(out / path.name))
    except Exception as error:  # noqa: BLE001 - a file that a peer cannot do is counted as missing from its output
        print(f"{type(error).__name__}", file=sys.stderr)
