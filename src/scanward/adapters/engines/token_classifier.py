"""A model for tokens that a site brings, in ONNX or in the format of OpenVINO, as a recogniser of identifiers in text.

Its folder holds what the usual trainers write: ``model.onnx`` (or ``model.xml`` with ``model.bin``), ``tokenizer.json``
and ``config.json`` with ``id2label``. Nothing is fetched, and no code of the folder is run.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanward.errors import EngineError
from scanward.model.identifier import IdentifierKind
from scanward.ports.recognisers import Recognised

if TYPE_CHECKING:
    import openvino
    import tokenizers

REMEDY = "Give the folder of a token classifier, and install what runs it: pip install 'scanward[recogniser]'."
THRESHOLD = 0.3
LONGEST_TOKENS = 512
"""Tokens that a model is given at once, with those that mark start and end."""

OVERLAP_TOKENS = 64
"""Tokens that two pieces of a text share, so that none is judged without what stands beside it."""

_KINDS = (
    (("mail",), IdentifierKind.EMAIL),
    (("phone", "fax", "contact", "telefono"), IdentifierKind.PHONE),
    (("date", "dob", "birth", "fecha"), IdentifierKind.DATE),
    (("hosp", "org", "institu", "facility", "centro"), IdentifierKind.INSTITUTION),
    (("loc", "gpe", "addr", "street", "city", "zip", "state", "territ", "calle"), IdentifierKind.ADDRESS),
    (("device", "ip", "url"), IdentifierKind.DEVICE),
    (("per", "name", "patient", "staff", "doctor", "hcw", "nombre"), IdentifierKind.PERSON_NAME),
)
_OUTSIDE = frozenset({"O", "AGE", "PROFESSION", "NORP", "MISC"})
"""Labels that identify nobody."""


class TokenClassifier:
    """A token classifier.

    Parameters
    ----------
    folder
        Where its files are.
    threshold
        From which certainty on a token is recognised.

    Raises
    ------
    EngineError
        A file or package is missing, or the files do not belong together.
    """

    def __init__(self, folder: Path, *, threshold: float = THRESHOLD) -> None:
        self._tokenizer = _read_tokenizer(folder)
        self._kinds = _read_kinds(folder)
        self._model, digest = _compile(folder)
        self._inputs = [one.get_any_name() for one in self._model.inputs]
        self._threshold = threshold
        self._name = f"token classifier {digest[:8]}"

    @property
    def name(self) -> str:
        """The start of the SHA-256 of the model."""
        return self._name

    def recognise(self, text: str) -> list[Recognised]:
        """Return what the model takes for an identifier; neighbouring tokens of one kind together."""
        certainties: dict[tuple[int, int], tuple[IdentifierKind, float]] = {}
        for encoding in self._pieces(text):
            for index, chances in enumerate(self._run(encoding)):
                start, end = encoding.offsets[index]
                if end > start and not encoding.special_tokens_mask[index]:
                    found = self._judge(chances)
                    # A token that two pieces share is what the surer of them says.
                    if found is not None and found[1] > certainties.get((start, end), found)[1] - 1e-9:
                        certainties[start, end] = found
        return _joined(text, certainties)

    def _pieces(self, text: str) -> Iterator["tokenizers.Encoding"]:
        encoding = self._tokenizer.encode(text)
        yield encoding
        yield from encoding.overflowing

    def _run(self, encoding: "tokenizers.Encoding") -> NDArray[np.float32]:
        """Return for each token the chance of each label."""
        given = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        values = {name: np.array([given[name]], np.int64) for name in self._inputs if name in given}
        logits = np.asarray(self._model(values)[0], np.float32)[0]
        raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
        chances: NDArray[np.float32] = raised / raised.sum(axis=-1, keepdims=True)
        if chances.shape != (len(encoding.ids), len(self._kinds)):
            raise EngineError(
                f"the model tells {chances.shape[-1]} labels, expected the {len(self._kinds)} of config.json",
                remedy=REMEDY,
            )
        return chances

    def _judge(self, chances: NDArray[np.float32]) -> tuple[IdentifierKind, float] | None:
        inside = float(sum(chance for chance, kind in zip(chances, self._kinds, strict=True) if kind is not None))
        if inside < self._threshold:
            return None
        best = max((index for index, kind in enumerate(self._kinds) if kind is not None), key=lambda one: chances[one])
        kind = self._kinds[best]
        return (kind, inside) if kind is not None else None


def kind_of(label: str) -> IdentifierKind | None:
    """Return what a label of a model is here; None for one that identifies nobody."""
    bare = label.split("-", 1)[1] if label[:2] in {"B-", "I-", "L-", "U-", "E-", "S-"} else label
    if bare.upper() in _OUTSIDE:
        return None
    lowered = bare.lower()
    for parts, kind in _KINDS:
        if any(part in lowered for part in parts):
            return kind
    return IdentifierKind.OTHER_ID


def _joined(text: str, found: dict[tuple[int, int], tuple[IdentifierKind, float]]) -> list[Recognised]:
    joined: list[Recognised] = []
    for (start, end), (kind, certainty) in sorted(found.items()):
        last = joined[-1] if joined else None
        if last is not None and last.kind is kind and not text[last.end : start].strip() and start - last.end <= 1:
            joined[-1] = Recognised(last.start, max(last.end, end), kind, max(last.certainty, certainty))
        else:
            joined.append(Recognised(start, end, kind, certainty))
    return joined


def _read_tokenizer(folder: Path) -> "tokenizers.Tokenizer":
    try:
        import tokenizers
    except ImportError:
        raise EngineError("expected the package tokenizers, found none", remedy=REMEDY) from None
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    # The library raises nothing more exact.
    except Exception as error:
        raise EngineError("expected a tokenizer.json, found none that can be read", remedy=REMEDY) from error
    tokenizer.enable_truncation(LONGEST_TOKENS, stride=OVERLAP_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def _read_kinds(folder: Path) -> Sequence[IdentifierKind | None]:
    try:
        labels = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
        return tuple(kind_of(str(labels[str(number)])) for number in range(len(labels)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError("expected a config.json with id2label, found none that can be read", remedy=REMEDY) from error


def _compile(folder: Path) -> tuple["openvino.CompiledModel", str]:
    path = next((folder / name for name in ("model.onnx", "model.xml") if (folder / name).is_file()), None)
    if path is None:
        raise EngineError("expected model.onnx or model.xml, found neither", remedy=REMEDY)
    try:
        import openvino
    except ImportError:
        raise EngineError("expected the package openvino, found none", remedy=REMEDY) from None
    try:
        compiled = openvino.Core().compile_model(
            openvino.Core().read_model(path), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
        )
    except RuntimeError as error:
        raise EngineError("expected a model that OpenVINO can run, found another", remedy=REMEDY) from error
    return compiled, hashlib.sha256(path.read_bytes()).hexdigest()
