"""What is held for text in its pixels."""

import pytest

from scanward.standard.modalities import BURNED_IN_MODALITIES, BURNED_IN_SOP_CLASSES, likely_burned_in
from scanward.standard.uids import name_of

CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
TWELVE_LEAD_ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"


@pytest.mark.parametrize("modality", ["US", "SC", "XA", "RF", "ES", "OT", "PR", "DOC", "XC", "SM", " us ", "us"])
def test_modalities_at_risk_are_told_whatever_the_class(modality: str) -> None:
    assert likely_burned_in(modality, CT)
    assert likely_burned_in(modality, "")


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "NM", "CR", "DX", "MG", "SEG", "RTSTRUCT", ""])
def test_modalities_straight_from_a_detector_are_not(modality: str) -> None:
    assert not likely_burned_in(modality, CT)


@pytest.mark.parametrize("sop_class", [SECONDARY_CAPTURE, ENCAPSULATED_PDF, "1.2.840.10008.5.1.4.1.1.6.1"])
def test_classes_at_risk_are_told_whatever_the_modality(sop_class: str) -> None:
    assert likely_burned_in("CT", sop_class)


def test_a_waveform_has_no_pixels() -> None:
    assert not likely_burned_in("ECG", TWELVE_LEAD_ECG)
    assert likely_burned_in("ECG", SECONDARY_CAPTURE)


def test_every_class_named_is_registered() -> None:
    for uid in BURNED_IN_SOP_CLASSES:
        assert name_of(uid)


def test_every_modality_says_why() -> None:
    assert all(reason for reason in BURNED_IN_MODALITIES.values())
