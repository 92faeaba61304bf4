"""A token classifier that a site brings: a tiny one, made here, is run as it is."""

import json

import pytest

from scanward.adapters.engines.token_classifier import TokenClassifier, kind_of
from scanward.errors import EngineError
from scanward.model.identifier import IdentifierKind
from tests.common.token_models import write_model

pytest.importorskip("openvino")
pytest.importorskip("tokenizers")


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path)


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
