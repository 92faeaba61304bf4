"""Real scans under a profile that names what is needed: valid, readable, and without the rest."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import Dataset, config, dcmread
from pydicom.uid import CTImageStorage, MRImageStorage

from scanward.cli.main import app
from scanward.crosscheck.reading import is_dicom
from tests.conformance.test_dciodvfy import UNREAD, errors_of
from tests.privacy.conftest import RELEASED, STOPPED

PROFILE = """
name = "minimal"
description = "As little as can be, and the age."
options = ["retain-patient-characteristics", "retain-modified-dates", "retain-safe-private", "clean-descriptors",
    "clean-structured-content", "clean-graphics"]
needed = ["PatientAge"]
"""

pytestmark = [pytest.mark.realdata, pytest.mark.peers("dciodvfy")]


def read(path: Path) -> Dataset:
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        ds = dcmread(path, force=True)
        ds.decode()
    return ds


def shown(ds: Dataset) -> bytes | None:
    """Return the pixels of `ds`, or None where they cannot be read."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            return ds.pixel_array.tobytes()
        except (AttributeError, RuntimeError, ValueError, NotImplementedError):
            return None


@pytest.fixture(scope="module")
def pairs(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """Some real files of each SOP Class and what came of them."""
    scratch = tmp_path_factory.mktemp("necessary")
    (scratch / "minimal.toml").write_text(PROFILE, encoding="utf-8")
    found, classes = [], {}
    for number, source in enumerate(sorted((test_data / "dicom").rglob("*"))):
        if not source.is_file() or not is_dicom(source):
            continue
        sop_class = read(source).get("SOPClassUID", "")
        classes[sop_class] = classes.get(sop_class, 0) + 1
        if classes[sop_class] > (12 if sop_class in (CTImageStorage, MRImageStorage) else 3):
            continue
        outputs = scratch / str(number)
        arguments = ["deidentify", str(source), "--out", str(outputs), "--home", str(scratch / "home"), "--quiet",
                     "--profile", str(scratch / "minimal.toml"), "--pixels", "off", "--faces", "off", "--release-unchecked-pixels",
                     "--workers", "1"]  # fmt: skip
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code in {RELEASED, STOPPED}, (source.name, done.output)
        found += [(source, output) for output in outputs.rglob("*.dcm")]
    return found


def test_nothing_that_is_not_needed_is_there(pairs: list[tuple[Path, Path]]) -> None:
    images = [read(output) for _, output in pairs]
    images = [ds for ds in images if ds.get("SOPClassUID") in (CTImageStorage, MRImageStorage)]
    assert len(images) > 10
    for ds in images:
        for keyword in ("StudyDescription", "SeriesDescription", "ProtocolName", "ConvolutionKernel", "PatientWeight",
                        "SeriesDate", "AcquisitionDate", "FlipAngle", "MagneticFieldStrength"):  # fmt: skip
            assert keyword not in ds, keyword
        for keyword in ("StudyDate", "PatientSex", "KVP", "EchoTime", "Manufacturer"):
            assert not ds.get(keyword), keyword
        assert not [element.tag for element in ds if element.tag.is_private]
    assert any(ds.get("PatientAge") for ds in images)


def test_it_can_be_read_ordered_and_shown_as_before(pairs: list[tuple[Path, Path]]) -> None:
    compared = 0
    for source, output in pairs:
        before, after = read(source), read(output)
        for keyword in ("Rows", "Columns", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient",
                        "InstanceNumber", "SliceThickness", "RescaleSlope", "WindowCenter", "Laterality"):  # fmt: skip
            assert after.get(keyword) == before.get(keyword), (source.name, keyword)
        if "PixelData" in before and before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID:
            pixels = shown(before)
            if pixels is not None and before.file_meta.TransferSyntaxUID.is_little_endian:
                compared += 1
                assert shown(after) == pixels, source.name
    assert compared > 30


def test_it_gets_no_new_error(pairs: list[tuple[Path, Path]], tmp_path: Path) -> None:
    found = []
    compared = 0
    for source, output in pairs:
        before = errors_of(source, tmp_path)
        if UNREAD not in before:
            compared += 1
            found += [f"{source.name}: {error}" for error in sorted(errors_of(output, tmp_path) - before)]
    assert found == []
    assert compared > 30
