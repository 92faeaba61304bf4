"""Instances with new pixels stay valid: ``dciodvfy`` reports no error that the input did not have, in any coding."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from scanward.bootstrap.files import deidentify_folder
from scanward.config import DeidentifyRequest
from scanward.model.report import Outcome, RunReport
from tests.common import burned_in
from tests.common.patients import make_patient, make_study
from tests.common.studies import save, set_transfer_syntax, write_sample_studies
from tests.conformance.test_dciodvfy import errors_of, new_errors

pytestmark = pytest.mark.peers("dciodvfy")

FACES = re.compile(r"Recognizable ?Visual ?Features")
"""Whether a face can be made of a volume is nothing that a look for text tells."""

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
CODED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


def run(source: Path, base: Path) -> RunReport:
    return deidentify_folder(DeidentifyRequest(sources=(source,), out=base / "out", home=base / "home"), lambda _: None)


def make_burned() -> list[Dataset]:
    """Make samples of colour, of 8 and of 16 bits, native and coded."""
    rng = random.Random(31)
    study = make_study(rng, make_patient(rng), "Burned in")
    made = []
    for syntax in NATIVE:
        for make in (burned_in.make_cr, burned_in.make_us) if syntax == ExplicitVRBigEndian else (burned_in.make_cr,):
            ds = burned_in.another(make(study), name=f"{make.__name__} {syntax}")
            set_transfer_syntax(ds, syntax)
            made.append(ds)
    made += [burned_in.coded(burned_in.make_cr(study), syntax, name=syntax) for syntax in CODED]
    made.append(burned_in.coded(burned_in.make_sc(study), JPEGBaseline8Bit, name=JPEGBaseline8Bit))
    for number, ds in enumerate(made, 1):
        ds.InstanceNumber = number
    return made


def test_words_taken_out_leave_a_valid_instance_in_every_coding(tmp_path):
    inputs = {}
    for ds in make_burned():
        inputs[int(ds.InstanceNumber)] = tmp_path / "in" / f"{ds.InstanceNumber}.dcm"
        save(ds, inputs[int(ds.InstanceNumber)])
    report = run(tmp_path / "in", tmp_path)
    assert report.outcomes[Outcome.RELEASED] == len(inputs), report.studies[0].stopped
    assert len(report.studies[0].pixels.redactions) == len(inputs)
    for output in (tmp_path / "out").rglob("*.dcm"):
        ds = dcmread(output)
        source = inputs[int(ds.InstanceNumber)]
        none = re.compile("(?!)")
        assert errors_of(output, tmp_path, but=none) - errors_of(source, tmp_path, but=none) == {}, source
        before = dcmread(source)
        assert ds.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
        assert ds["PixelData"].VR == before["PixelData"].VR
        assert ds.get("LossyImageCompression") == before.get("LossyImageCompression")


def test_samples_that_were_looked_at_have_no_error_about_burned_in_text(tmp_path):
    files = write_sample_studies(tmp_path / "in")
    report = run(tmp_path / "in", tmp_path)
    compared, found = new_errors(tmp_path / "in", tmp_path / "out", tmp_path, but=FACES)
    assert found == []
    assert compared == report.outcomes[Outcome.RELEASED] > len(files) * 0.8
