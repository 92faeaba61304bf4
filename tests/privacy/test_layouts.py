"""What a site always has filled on a screen is filled by the real command, whatever is found, and proposed from it."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pydicom import dcmread
from pydicom.dataset import Dataset

from scanward.adapters.past_reports import read_screens
from scanward.adapters.report import write_report
from scanward.adapters.settings import write_template
from scanward.bootstrap.files import deidentify_folder
from scanward.cli.main import app
from scanward.config import QUEUE, DeidentifyRequest
from scanward.deidentify.pixels.layouts import format_layout, parse_layouts
from scanward.errors import ConfigError
from scanward.model.pixels import FoundBy
from scanward.model.report import Outcome, RunReport
from scanward.model.screens import Layout, Screen
from tests.common import burned_in
from tests.common.patients import Study, make_patient, make_study
from tests.common.studies import make_ct_series, save

PLACE = (150, 100, 40, 30)
"""A box in which no text stands."""


@pytest.fixture(scope="module")
def study() -> Study:
    rng = random.Random(31)
    return make_study(rng, make_patient(rng), "Screens")


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("screens")
    for number in range(6):
        ds = burned_in.another(burned_in.make_us(study), name=f"{number}")
        ds.InstanceNumber = number + 1
        save(ds, base / f"{number}.dcm")
    return base


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """What a run without layouts makes of it, and its report."""
    base = tmp_path_factory.mktemp("plain")
    return base / "out", run(DeidentifyRequest(sources=(folder,), out=base / "out", home=base / "home"))


@pytest.fixture
def layouts(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(format_layout(layout_for(dcmread(folder / "0.dcm"), PLACE)))
    return path


def layout_for(ds: Dataset, *boxes: tuple[int, int, int, int]) -> Layout:
    return Layout(
        manufacturer=ds.Manufacturer.upper(),
        model=ds.ManufacturerModelName,
        sop_classes=frozenset({str(ds.SOPClassUID)}),
        rows=ds.Rows,
        columns=ds.Columns,
        boxes=boxes,
        source="decided on by a person",
    )


def run(request: DeidentifyRequest) -> RunReport:
    kept: list[RunReport] = []
    deidentify_folder(request, lambda _: None, kept.append)
    return kept[0]


def filled_in(path: Path, before: Dataset) -> np.ndarray:
    """Return where an output differs from its input, in the box of the layout."""
    x, y, width, height = PLACE
    after = dcmread(path).pixel_array[y : y + height, x : x + width]
    return (after != before.pixel_array[y : y + height, x : x + width]).any()


@pytest.mark.parametrize("engine", ["processes", QUEUE])
def test_a_layout_of_the_site_is_filled_besides_what_is_found(folder, plain, layouts, tmp_path, engine):
    home, out = tmp_path / "home", tmp_path / "out"
    if engine == QUEUE:
        home.mkdir(mode=0o700)
        write_template(home)
    sources = (folder / "0.dcm", folder / "1.dcm")
    report = run(DeidentifyRequest(sources=sources, out=out, home=home, layouts=layouts, engine=engine))

    assert report.outcomes[Outcome.RELEASED] == 2
    assert "what the site says of 1 screen" in report.pixels
    (tally,) = [one.pixels for one in report.studies]
    for boxes in tally.redactions.values():
        known = {(box.x, box.y, box.width, box.height) for box in boxes if box.found_by is FoundBy.LAYOUT}
        assert known == {PLACE}
        assert any(box.found_by is FoundBy.TEXT for box in boxes)
    before = dcmread(folder / "0.dcm")
    assert all(filled_in(path, before) for path in out.rglob("*.dcm"))
    assert not any(filled_in(path, before) for path in plain[0].rglob("*.dcm"))


def test_layouts_are_filled_in_slices_that_are_looked_at_together(study, tmp_path):
    source, layouts = tmp_path / "in", tmp_path / "site.toml"
    series = [one.ds for one in make_ct_series(slices=9, size=64)]
    for number, ds in enumerate(series):
        save(ds, source / f"{number}.dcm")
    ds = series[0]
    box = (ds.Columns // 2, ds.Rows // 2, 8, 8)
    layouts.write_text(format_layout(layout_for(ds, box)))
    report = run(DeidentifyRequest(sources=(source,), out=tmp_path / "out", home=tmp_path / "home", layouts=layouts))
    (tally,) = [one.pixels for one in report.studies]
    assert len(tally.redactions) == 9
    assert {box.found_by for boxes in tally.redactions.values() for box in boxes} == {FoundBy.LAYOUT}
    assert list(tally.screens.values()) == [9]


@pytest.mark.parametrize(
    ("text", "pixels", "said"),
    [
        (None, "", "cannot read"),
        ("", "", "one [[layout]] at least"),
        ("[[layout]]\nrows = 1\n", "", "missing key"),
        ("not TOML", "", "expected TOML"),
        ("[other]\n", "", "nothing else"),
    ],
)
def test_a_table_that_is_not_right_stops_the_run_before_it_begins(folder, tmp_path, text, pixels, said):
    path = tmp_path / "site.toml"
    if text is not None:
        path.write_text(text)
    request = DeidentifyRequest(
        sources=(folder,), out=tmp_path / "out", home=tmp_path / "home", layouts=path, pixels=pixels
    )
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        run(request)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("mode", ["off", "detect"])
def test_a_table_without_anything_that_fills_is_refused(folder, layouts, tmp_path, mode):
    request = DeidentifyRequest(sources=(folder,), out=tmp_path / "out", layouts=layouts, pixels=mode)
    with pytest.raises(ConfigError, match="to be taken out"):
        run(request)


def test_layouts_are_proposed_from_reports_and_no_word_is_in_them(folder, plain, study, tmp_path):
    report = plain[1]
    page, path = tmp_path / "reports" / "a" / "report.html", tmp_path / "reports" / "a" / "report.json"
    write_report(report, page, path)
    (path.parent / "again.json").write_text(path.read_text())  # of one run: it counts once
    (path.parent / "other.json").write_text("{}")

    ((screen, found),) = read_screens([tmp_path / "reports"]).items()
    assert len(found) == 6
    assert all(found)
    answer = CliRunner().invoke(app, ["layouts", "propose", str(tmp_path / "reports")])
    assert answer.exit_code == 0, answer.output
    (layout,) = parse_layouts(answer.stdout, where="proposed")
    assert layout.is_of(screen)
    ds = dcmread(folder / "0.dcm")
    mask = burned_in.mask_of(ds, burned_in.words_of(study))
    for x, y, width, height in layout.boxes:
        mask[y : y + height, x : x + width] = False
    assert not mask.any()
    for word in (study.patient.patient_id, *(one for one in study.patient.name.split("^") if len(one) > 2)):
        assert word.casefold() not in (answer.output + path.read_text()).casefold()
    # What the site fills already is not proposed again.
    known = tmp_path / "known.toml"
    known.write_text(answer.stdout)
    answer = CliRunner().invoke(app, ["layouts", "propose", str(path), "--layouts", str(known)])
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert "6 images of 1 screens: 0 proposed" in answer.stderr


def test_the_same_instances_in_two_runs_count_once(plain, tmp_path):
    for name in ("one", "two"):
        write_report(replace(plain[1], run_id=name), tmp_path / f"{name}.html", tmp_path / f"{name}.json")
    ((_, found),) = read_screens([tmp_path / "one.json", tmp_path / "two.json"]).items()
    assert len(found) == 6


def test_what_is_no_report_is_refused(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"format": 1}))
    with pytest.raises(ConfigError, match="JSON report"):
        read_screens([path])


def test_a_device_that_is_named_after_the_patient_is_not_told_of(study, tmp_path):
    ds = burned_in.make_us(study)
    ds.ManufacturerModelName = f"Cart of {study.patient.name.replace('^', ' ')}"
    save(ds, tmp_path / "in" / "a.dcm")
    report = run(DeidentifyRequest(sources=(tmp_path / "in",), out=tmp_path / "out", home=tmp_path / "home"))
    (tally,) = [one.pixels for one in report.studies]
    assert tally.looked_at == 1
    assert tally.screens == {}
    assert isinstance(next(iter(tally.redactions)), str)


def test_screens_are_ordered_and_printed_as_they_are_read():
    answer = CliRunner().invoke(app, ["layouts", "shipped"])
    assert answer.exit_code == 0
    assert len(parse_layouts(answer.stdout, where="shipped")) >= 4
    assert Screen(manufacturer="a", model="b", sop_class_uid="1", rows=1, columns=1) < Screen(
        manufacturer="b", model="a", sop_class_uid="1", rows=1, columns=1
    )
