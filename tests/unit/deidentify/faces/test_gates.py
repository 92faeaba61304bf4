from dataclasses import replace

import pytest

from scanward.deidentify.faces.gates import failed_gates
from scanward.model.faces import FaceFigures

GOOD = FaceFigures(metric=-0.6, overlap=0.92, vault_mm=4.0, rotation_degrees=6.0, scales=(0.95, 1.05))


def test_a_head_passes():
    assert failed_gates(GOOD, None) == ()


def test_a_head_of_poor_contrast_passes_by_its_likeness():
    assert failed_gates(replace(GOOD, metric=-0.27), 1.8) == ()


@pytest.mark.parametrize(
    ("changed", "likeness", "reason"),
    [
        ({"metric": -0.1}, 3.0, "mutual information"),
        ({"metric": None}, None, "mutual information"),
        ({"metric": -0.36}, 1.1, "likeness"),
        ({"metric": -0.36}, None, "likeness"),
        ({"overlap": 0.7}, None, "overlap"),
        ({"overlap": None}, None, "overlap"),
        ({"rotation_degrees": 60.0}, None, "turned"),
        ({"vault_mm": None}, None, "vault"),
        ({"vault_mm": 12.0}, None, "vault"),
        ({"scales": (0.6, 1.0)}, None, "size"),
        ({"scales": (1.0, 1.6)}, None, "size"),
        ({"scales": (0.80, 0.85)}, None, "child"),
    ],
)
def test_each_gate_alone_refuses(changed, likeness, reason):
    (gate,) = failed_gates(replace(GOOD, **changed), likeness)
    assert reason in gate.reason
