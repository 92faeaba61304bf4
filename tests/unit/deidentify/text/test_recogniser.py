"""The recogniser: what it reads, what it finds, and that its sums are those of a conditional random field."""

import gzip
import itertools
import json
from math import exp, isclose

import pytest

from scanward.deidentify.text.recogniser import crf
from scanward.deidentify.text.recogniser.crf import CrfRecogniser, load_recogniser
from scanward.deidentify.text.recogniser.features import OFFSETS, TOKEN, features_of
from scanward.errors import EngineError
from scanward.model.identifier import IdentifierKind
from scanward.ports.recognisers import SparingRecogniser

TEXT = "Reviewed with Quellenbusch and Varndorff, please call Wexcombeshire 4471."


@pytest.fixture
def model():
    return {
        "labels": ["O", "PERSON", "ID"],
        "steps": {"enter": [-1.2, -0.8], "leave": [-0.3, -0.1], "stay": [0.7, 0.4]},
        "vocabulary": ["with"],
        "state": {
            "0:s=Xxx": {"1": 900}, "0:f=UNKNOWN": {"1": 1400}, "-1:w=with": {"1": 2100, "2": -300}, "0:s=d4": {"2": 2500},
            "1:w=please": {"1": 400}, "0:u=True" + "xxx": {"0": 1700}, "2:s=,": {"1": 350}, "0:w=please": {"0": 3000},
            "-3:w=with": {"1": 150},
        },
    }  # fmt: skip


def brute_force(model, text):
    """The certainty of every token, summed over all sequences of labels."""
    tokens = [match[0] for match in TOKEN.finditer(text)]
    labels = range(len(model["labels"]))
    vocabulary = frozenset(model["vocabulary"])
    scores = []
    for at in range(len(tokens)):
        row = [0.0] * len(labels)
        for offset in OFFSETS:
            token = tokens[at + offset] if 0 <= at + offset < len(tokens) else ""
            for feature in features_of(token, vocabulary)[abs(offset) == 3]:
                for label, weight in model["state"].get(f"{offset}:{feature}", {}).items():
                    row[int(label)] += weight / 1000
        scores.append(row)

    def step(one, other):
        if one == other:
            return model["steps"]["stay"][one - 1] if one else 0.0
        if not one:
            return model["steps"]["enter"][other - 1]
        return model["steps"]["leave"][one - 1] if not other else 0.0

    total, inside = 0.0, [0.0] * len(tokens)
    for path in itertools.product(labels, repeat=len(tokens)):
        weight = exp(
            sum(scores[at][label] for at, label in enumerate(path))
            + sum(step(one, other) for one, other in itertools.pairwise((0, *path, 0)))
        )
        total += weight
        for at, label in enumerate(path):
            inside[at] += weight if label else 0.0
    return [one / total for one in inside]


def test_certainties_are_those_of_all_sequences_of_labels(model):
    text = "spoke with Quellenbusch Varndorff, please 4471"
    recogniser = CrfRecogniser(model, threshold=0.0001)
    tokens = [(match.start(), match.end(), match[0]) for match in TOKEN.finditer(text)]
    read = dict(recogniser._read(tokens, 0, len(tokens)))
    expected = brute_force(model, text)
    assert read
    assert all(isclose(certainty, expected[at], rel_tol=1e-6) for at, (_, certainty) in read.items())


def test_what_is_taken_is_not_looked_at(model):
    recogniser = CrfRecogniser(model)
    start = TEXT.index("Quellenbusch")
    found = recogniser.recognise(TEXT)
    assert any(one.start <= start < one.end for one in found)
    beside = recogniser.recognise_beside(TEXT, [(0, len(TEXT))])
    assert beside == []


def test_the_model_of_the_project_finds_names_in_no_list():
    recogniser = load_recogniser()
    found = {TEXT[one.start : one.end]: one.kind for one in recogniser.recognise("Reviewed with Quellenbusch today.")}
    assert isinstance(recogniser, SparingRecogniser)
    assert recogniser.name.startswith("crf-")
    assert IdentifierKind.PERSON_NAME in found.values()
    assert load_recogniser() is recogniser


def test_another_model_is_refused(tmp_path, monkeypatch):
    (tmp_path / "model.json.gz").write_bytes(gzip.compress(json.dumps({}).encode()))
    monkeypatch.setattr(crf, "_FOLDER", str(tmp_path))
    crf.load_recogniser.cache_clear()
    with pytest.raises(EngineError, match="SHA-256"):
        load_recogniser()


def test_a_missing_model_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(crf, "_FOLDER", str(tmp_path))
    crf.load_recogniser.cache_clear()
    with pytest.raises(EngineError, match="cannot be read"):
        load_recogniser()


@pytest.fixture(autouse=True)
def read_anew():
    """The model of the project is read again after a test has put another in its place."""
    yield
    crf.load_recogniser.cache_clear()
