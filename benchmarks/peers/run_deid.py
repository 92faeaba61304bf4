"""deid over a folder in one process, with the recipe that it ships, as its "put" guide does.

Usage: ``python run_deid.py SRC OUT``.
"""

import logging
import sys
from pathlib import Path

from deid.config import DeidRecipe
from deid.dicom import replace_identifiers

logging.disable(logging.WARNING)
source, out = Path(sys.argv[1]), Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
recipe = DeidRecipe()
for path in sorted(path for path in source.rglob("*") if path.is_file()):
    try:
        replace_identifiers(
            dicom_files=[str(path)], deid=recipe, save=True, output_folder=str(out), overwrite=True, remove_private=True
        )
    except Exception as error:  # noqa: BLE001 - a file that a peer cannot do is counted as missing from its output
        print(f"{type(error).__name__}", file=sys.stderr)
