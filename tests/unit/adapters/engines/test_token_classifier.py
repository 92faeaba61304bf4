"""A token classifier that a site brings: a tiny one, made here, is run as it is."""

import json

import numpy as np
import pytest

from scanward.adapters.engines.token_classifier import TokenClassifier, kind_of
from scanward.errors import EngineError
from scanward.model.identifier import IdentifierKind

openvino = pytest.importorskip("openvino")
tokenizers = pytest.importorskip("tokenizers")

LABELS = ["O", "B-PATIENT", "I-PATIENT", "DATE"]
WORDS = {"[UNK]": 0, "seen": 1, "imogen": 2, "whitcombe": 3, "2019": 4, "by": 5}
WEIGHTS = [[5, 0, 0, 0], [5, 0, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5], [5, 0, 0, 0]]


@pytest.fixture
def folder(tmp_path):
    """A model that looks words up: each has one label."""
    from openvino import opset13 as ops

    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    table = ops.constant(np.array(WEIGHTS, np.float32))
    found = ops.gather(table, ids, ops.constant(0))
    model = openvino.Model([found], [ids], "tiny")
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}), encoding="utf-8")
    return tmp_path


def test_tokens_of_one_kind_are_found_together(folder):
    text = "Seen by Imogen Whitcombe in 2019."
    classifier = TokenClassifier(folder)
    found = classifier.recognise(text)
    assert [(text[one.start : one.end], one.kind) for one in found] == [
        ("Imogen Whitcombe", IdentifierKind.PERSON_NAME),
        ("2019", IdentifierKind.DATE),
    ]
    assert all(0.9 < one.certainty <= 1 for one in found)
    assert classifier.name.startswith("token classifier ")


def test_long_texts_are_read_to_their_end(folder):
    text = "seen " * 3000 + "Imogen"
    assert [one.start for one in TokenClassifier(folder).recognise(text)] == [len(text) - len("Imogen")]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("O", None), ("B-AGE", None), ("I-STAFF", IdentifierKind.PERSON_NAME), ("HOSP", IdentifierKind.INSTITUTION),
        ("B-GPE", IdentifierKind.ADDRESS), ("PHONE", IdentifierKind.PHONE), ("EMAIL", IdentifierKind.EMAIL),
        ("L-DATE", IdentifierKind.DATE), ("B-MEDICALRECORD", IdentifierKind.OTHER_ID),
    ],
)  # fmt: skip
def test_labels_are_understood(label, kind):
    assert kind_of(label) is kind


@pytest.mark.parametrize("missing", ["model.xml", "tokenizer.json", "config.json"])
def test_a_missing_file_is_told(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(EngineError, match=missing if missing != "model.xml" else "model"):
        TokenClassifier(folder)


def test_labels_that_are_not_those_of_the_model_are_told(folder):
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "O"}}), encoding="utf-8")
    with pytest.raises(EngineError, match="labels"):
        TokenClassifier(folder).recognise("seen")
