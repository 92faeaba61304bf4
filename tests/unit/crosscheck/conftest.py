"""Inputs with planted identifiers, and outputs that are right but for one place."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import config

from scanward.crosscheck import CrosscheckReport, Finding, compare
from tests.common.cleaned import clean
from tests.common.host import Host, known_values
from tests.common.places import PLACES
from tests.common.planter import Place, Plant, make_host, put_place
from tests.common.tokens import TokenMaker

SEED = 11
CLEAN = "clean"


def write(host: Host, folder: Path, name: str = "instance.dcm") -> Path:
    path = folder / host.folder / (host.file_name or name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(host.encode())
    for sidecar, data in host.sidecars.items():
        (path.parent / sidecar).write_bytes(data)
    return path


def leak_again(host: Host, place: Place, plant: Plant) -> None:
    """Put what was planted into a cleaned file again."""
    text = known_values(host.study)[place.what][2] if place.is_known else plant.token
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place.put(host, place.template.format(text))


def findings_by_folder(report: CrosscheckReport, outputs: Path) -> dict[str, list[Finding]]:
    """Sort findings by the folder right below `outputs`; an output called by its number is looked up."""
    files = sorted(path for path in outputs.rglob("*") if path.is_file())
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        name = finding.file
        if name.startswith("output "):
            name = files[int(name.removeprefix("output ")) - 1].relative_to(outputs).as_posix()
        found[name.split("/")[0]].append(finding)
    return found


@pytest.fixture
def leak_each(tmp_path: Path) -> Callable[[str], dict[str, list[Finding]]]:
    """Plant every place of a host in an input, leak them one by one into right outputs, and compare."""

    def run(name: str) -> dict[str, list[Finding]]:
        tokens = TokenMaker(SEED)
        source, outputs = make_host(name, tokens), tmp_path / "out"
        write(clean(make_host(name, TokenMaker(SEED))), outputs / CLEAN)
        for place in (place for place in PLACES if place.host == name):
            plant = put_place(source, place, tokens)
            leaking = clean(make_host(name, TokenMaker(SEED)))
            leak_again(leaking, place, plant)
            write(leaking, outputs / f"place {PLACES.index(place)}")
        write(source, tmp_path / "in")
        report = compare(tmp_path / "in", outputs)
        by_folder = findings_by_folder(report, outputs)
        named = {
            place.name: by_folder.get(f"place {PLACES.index(place)}", []) for place in PLACES if place.host == name
        }
        return {**named, CLEAN: by_folder.get(CLEAN, [])}

    return run
