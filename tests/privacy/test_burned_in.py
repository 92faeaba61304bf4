"""Words in pixels go through the real command and the real gateway: none may come out, and no mark may be false."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from scanward.adapters.report import write_report
from scanward.bootstrap import pixels
from scanward.bootstrap.files import deidentify_folder
from scanward.config import DeidentifyRequest
from scanward.crosscheck import Severity, compare
from scanward.deidentify.pixels.search import find_text, looks_of
from scanward.deidentify.pixels.view import View
from scanward.errors import EngineError
from scanward.model.release import ItemState
from scanward.model.report import Outcome, RunReport
from tests.common import burned_in
from tests.common.burned_in import Word, frames_of, mask_of, words_of
from tests.common.gateway import LUNG_AI, TestGateway
from tests.common.patients import Study, make_patient, make_study
from tests.common.pixels import open_file
from tests.common.studies import make_ct_series, save


@dataclass(frozen=True, kw_only=True)
class Burned:
    """A sample: the instance as made, and what is drawn into it."""

    ds: Dataset
    words: tuple[Word, ...]


@pytest.fixture(scope="session")
def study() -> Study:
    rng = random.Random(20)
    return make_study(rng, make_patient(rng), "Burned in")


@pytest.fixture(scope="session")
def burned(study: Study) -> dict[str, Burned]:
    """Words in the pixels of each kind and coding, by Instance Number."""
    passing = Word(text=study.patient.patient_id, x=8, y=160, frames=(1,))
    us, sc, cr = burned_in.make_us(study), burned_in.make_sc(study), burned_in.make_cr(study)
    clip = burned_in.make_us(study, frames=3)
    burned_in.burn(clip, (passing,))
    made = [us, sc, cr, burned_in.coded(sc, RLELossless, name="rle"), burned_in.coded(us, JPEG2000Lossless, name="j2k")]
    made.append(burned_in.coded(cr, JPEGLSLossless, name="jls"))
    found = [Burned(ds=ds, words=words_of(study)) for ds in made]
    found.append(Burned(ds=clip, words=(*words_of(study), passing)))
    for number, one in enumerate(found, 1):
        one.ds.InstanceNumber = number
    return {str(one.ds.InstanceNumber): one for one in found}


@pytest.fixture(scope="session")
def folder(burned: dict[str, Burned], tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("burned")
    for name, one in burned.items():
        save(one.ds, base / f"{name}.dcm")
    return base


def run(folder: Path, base: Path, **more: object) -> RunReport:
    request = DeidentifyRequest(sources=(folder,), out=base / "out", home=base / "home", **more)
    report = deidentify_folder(request, lambda _: None)
    write_report(report, base / "report.html", base / "report.json")
    return report


@pytest.fixture(scope="session")
def cleaned(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    base = tmp_path_factory.mktemp("cleaned")
    return base, run(folder, base)


def released(base: Path) -> list[bytes]:
    return [path.read_bytes() for path in (base / "out").rglob("*.dcm")]


def read(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def codes(ds: Dataset) -> set[str]:
    return {one.CodeValue for one in ds.DeidentificationMethodCodeSequence}


def check_clean(burned: dict[str, Burned], outputs: list[bytes]) -> None:
    """Check that no output shows a word, by its pixels and by both engines, and that each says what was done."""
    by_number = {str(read(data).InstanceNumber): data for data in outputs}
    assert set(by_number) == set(burned)
    for name, one in burned.items():
        ds = read(by_number[name])
        assert ds.BurnedInAnnotation == "NO"
        assert "113101" in codes(ds)
        assert ds.file_meta.TransferSyntaxUID == one.ds.file_meta.TransferSyntaxUID
        before, after = frames_of(one.ds).astype(int), frames_of(ds).astype(int)
        assert after.shape == before.shape
        for number in range(len(before)):
            drawn = mask_of(one.ds, tuple(word for word in one.words if word.frames in (None, (number,))))
            changed = (before[number] != after[number]).reshape(*drawn.shape, -1).any(axis=2)
            assert changed[drawn].mean() > 0.95
            assert changed.mean() < 0.5
        _, _, frames = open_file(by_number[name], pixels.load_engines().codec)
        view = View(frames)
        # By the engine that did not have the last word.
        looks = looks_of(view.show(frames.frame(len(before) // 2)), view)
        assert not find_text(pixels.load_engines().text, looks), name


def check_untouched_elsewhere(burned: dict[str, Burned], outputs: list[bytes], report: RunReport) -> None:
    """Check that pixels outside of the boxes that the report tells are those of the input."""
    told = {uid: boxes for study in report.studies for uid, boxes in study.pixels.redactions.items()}
    for data in outputs:
        ds = read(data)
        before, after = frames_of(burned[str(ds.InstanceNumber)].ds), frames_of(ds)
        inside = np.zeros(before.shape[:3], bool)
        for box in told[ds.SOPInstanceUID]:
            rows, columns = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
            inside[box.first_frame : box.last_frame + 1, rows, columns] = True
        assert np.array_equal(before[~inside], after[~inside])


# Files


def test_no_word_comes_out_of_the_command(burned, cleaned):
    base, report = cleaned
    assert report.outcomes[Outcome.RELEASED] == len(burned)
    check_clean(burned, released(base))
    check_untouched_elsewhere(burned, released(base), report)


def test_the_report_tells_where_and_by_whom_and_not_what(burned, cleaned, study):
    base, report = cleaned
    (told,) = (one.pixels for one in report.studies)
    assert (told.looked_at, told.unseen, len(told.redactions)) == (len(burned), 0, len(burned))
    assert told.regions >= len(burned)
    assert len(report.looked_by) == 2
    for name in ("report.html", "report.json"):
        text = (base / name).read_text(encoding="utf-8")
        assert all(uid in text for uid in told.redactions)
        assert all(one in text for one in report.looked_by)
        for word in (study.patient.patient_id, study.patient.family, study.patient.given):
            assert word.casefold() not in text.casefold()


def test_the_independent_verifier_takes_what_says_that_pixels_were_cleaned(folder, cleaned):
    base, _ = cleaned
    report = compare(folder, base / "out")
    assert [one for one in report.findings if one.severity is not Severity.REVIEW] == []


def test_found_text_is_held_where_it_is_not_to_be_taken_out(burned, tmp_path):
    for name in ("1", "3"):
        save(burned[name].ds, tmp_path / "in" / f"{name}.dcm")
    # That a person would let go what cannot be looked at makes no difference: it was looked at.
    report = run(tmp_path / "in", tmp_path, pixels="detect", release_unchecked_pixels=True)
    assert report.outcomes[Outcome.RELEASED] == 0
    assert report.outcomes[Outcome.HELD] == report.found
    assert not released(tmp_path)


def test_where_nobody_looks_it_is_as_without_engines(folder, burned, tmp_path):
    off = run(folder, tmp_path / "off", pixels="off")
    likely = sum(one.ds.Modality in ("US", "OT") for one in burned.values())
    assert off.outcomes[Outcome.HELD] == likely < len(burned)
    forced = run(folder, tmp_path / "forced", pixels="off", release_unchecked_pixels=True)
    assert forced.outcomes[Outcome.RELEASED] == len(burned)
    for data in released(tmp_path / "forced"):
        ds = read(data)
        assert ds.get("BurnedInAnnotation") != "NO"
        assert "113101" not in codes(ds)
    told = [one.statement for study in forced.studies for one in study.residual]
    assert any("released without anybody's having looked" in one for one in told)


@pytest.fixture
def no_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not installed."""
    monkeypatch.setattr(pixels, "_loaded", [])
    real = __import__

    def refuse(name: str, *more: object, **others: object) -> object:
        if name.partition(".")[0] in ("openvino", "rapidocr"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *more, **others)

    monkeypatch.setattr("builtins.__import__", refuse)


def test_without_engines_nothing_leaves_that_is_likely_to_show_text(folder, burned, tmp_path, no_engines):
    report = run(folder, tmp_path)
    assert {read(data).Modality for data in released(tmp_path)} == {"CR"}
    assert report.outcomes[Outcome.HELD] == sum(one.ds.Modality != "CR" for one in burned.values())
    (study,) = report.studies
    assert all("pip install 'scanward[pixels]'" in reason for reason in study.stopped)
    assert study.pixels.looked_at == 0
    assert study.pixels.unseen == report.outcomes[Outcome.RELEASED]
    assert any("Nobody has looked" in one.statement for one in study.residual)
    assert all(read(data).get("BurnedInAnnotation") != "NO" for data in released(tmp_path))


def test_an_engine_that_fails_its_own_test_lets_nothing_out(folder, tmp_path, monkeypatch):
    engines = pixels.load_engines()

    def fail(*_: object, **__: object) -> None:
        raise EngineError("expected to find the text that was put there as a test, did not")

    monkeypatch.setattr(type(engines.text), "find", fail)
    report = run(folder, tmp_path)
    assert not released(tmp_path)
    assert report.outcomes[Outcome.HELD] == report.found


def test_slices_of_a_volume_are_looked_at_together_and_each_is_told(tmp_path):
    base = tmp_path / "in"
    words = (Word(text="DOE JANE 1950", x=70, y=30),)
    for number, sample in enumerate(make_ct_series(slices=12, size=256), 1):
        if number in (5, 6):
            burned_in.burn(sample.ds, words)
        save(sample.ds, base / f"{number}.dcm")
    report = run(base, tmp_path)
    (study,) = report.studies
    assert (study.pixels.looked_at, study.pixels.unseen) == (12, 0)
    assert len(study.pixels.redactions) >= 2
    for path in base.iterdir():
        before = dcmread(path)
        (after,) = [read(data) for data in released(tmp_path) if read(data).InstanceNumber == before.InstanceNumber]
        assert after.BurnedInAnnotation == "NO"
        if before.InstanceNumber in (5, 6):
            drawn = mask_of(before, words)
            assert (frames_of(before)[0] != frames_of(after)[0])[drawn].mean() > 0.95


# The gateway


@pytest.fixture
def gateway(tmp_path):
    made = TestGateway(tmp_path / "home")
    yield made
    made.close()


def test_no_word_comes_out_of_the_gateway(burned, gateway):
    gateway.add_recipient(LUNG_AI.replace('["CT", "MR"]', '["*"]'))
    burned = {name: burned[name] for name in ("2", "5", "7")}
    for one in burned.values():
        assert gateway.take(one.ds).accepted
    gateway.settle()
    check_clean(burned, [files[0] for files in gateway.inbox.arrived.values()])
    (release,) = gateway.stores.ledger.releases(limit=10)
    lines = gateway.stores.ledger.release_items(release.release_id)
    assert {line.state for line in lines} == {ItemState.SENT}
    assert all(line.item.pixels.is_proven and line.item.pixels.boxes for line in lines)


def test_the_gateway_holds_what_is_not_proven(burned, gateway, no_engines):
    gateway.add_recipient(LUNG_AI.replace('["CT", "MR"]', '["*"]'))
    for one in burned.values():
        assert gateway.take(one.ds).accepted
    gateway.settle()
    assert {read(files[0]).Modality for files in gateway.inbox.arrived.values()} == {"CR"}
    (release,) = gateway.stores.ledger.releases(limit=10)
    held = [line for line in gateway.stores.ledger.release_items(release.release_id) if line.item is None]
    assert {line.state for line in held} == {ItemState.EXCLUDED}
    assert all("pip install 'scanward[pixels]'" in line.detail for line in held)
