"""Trains the recogniser: ``python tools/recogniser/train.py DATA``; writes its model beside its code.

DATA is the folder of the corpora, of which the even halves of ASQ-PHI and of MEDDOCAN are read; the rest of what is
trained on is made of templates, and every second body of reports of ``benchmarks/text/bodies.py``. The same versions
make the same model; its SHA-256 is pinned in ``crf.py``.
"""

import argparse
import gzip
import hashlib
import itertools
import json
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pycrfsuite

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "src/scanward/deidentify/text/recogniser"
sys.path.insert(0, str(ROOT))

from benchmarks.text.bodies import BODIES, expand  # noqa: E402
from benchmarks.text.corpora import KINDS as LABELS  # noqa: E402
from benchmarks.text.corpora import Document, halves, read_asq, read_meddocan  # noqa: E402
from scanward.deidentify.text.folding import fold  # noqa: E402
from scanward.deidentify.text.prose_lexicon import places  # noqa: E402
from scanward.deidentify.text.recogniser.crf import KINDS, MODEL, OUTSIDE  # noqa: E402
from scanward.deidentify.text.recogniser.features import EDGE, FAR, OFFSETS, TOKEN, features_of  # noqa: E402
from scanward.model.identifier import IdentifierKind  # noqa: E402
from tools.recogniser import templates  # noqa: E402
from tools.recogniser.templates import Labelled  # noqa: E402

MADE = 3000
SEED = 7
TRAINED = BODIES[::2]
BODY_VARIANTS = 4
FEWEST_TEXTS = 2
PARAMETERS = {"c1": 0.15, "c2": 0.05, "max_iterations": 120, "feature.minfreq": 2}
LEAST_WEIGHT = 15
"""Smaller ones, in thousandths, are left out."""

_BY_KIND = {kind: label for label, kind in KINDS.items()} | {
    IdentifierKind.EMAIL: "CONTACT",
    IdentifierKind.DEVICE: "ID",
}
_PLACE = re.compile(r"clinic|hospital|center|health|med|office|institute|university|general", re.IGNORECASE)


def read_texts(data: Path) -> list[Labelled]:
    """Return what is trained on: the even halves of corpora, and what is made of templates."""
    asq, _ = halves(read_asq(data))
    meddocan, _ = halves(read_meddocan(data))
    towns = sorted({" ".join(map(str.capitalize, name)) for names in places().longer.values() for name in names})
    towns += sorted(word.capitalize() for word in places().sure)
    # Every second body, so that the others tell what is taken of texts that were not trained on.
    rng = random.Random(SEED)
    plain = [Labelled(expand(body, rng), ()) for body in TRAINED for _ in range(BODY_VARIANTS)]
    made = templates.make(MADE, seed=SEED, towns=towns)
    return [*map(_labelled, asq), *map(_labelled, meddocan), *plain, *made]


def _labelled(document: Document) -> Labelled:
    spans = []
    for gold in document.gold:
        kind = LABELS.get(gold.label)
        if kind is None:
            continue
        label = _BY_KIND[kind]
        if gold.label == "GEOGRAPHIC_LOCATION" and not _PLACE.search(document.text, gold.start, gold.end):
            label = "PLACE"
        spans.append((gold.start, gold.end, label))
    return Labelled(document.text, tuple(spans))


def find_vocabulary(texts: list[Labelled]) -> list[str]:
    """Return the words that are written small, outside of identifiers, in two texts or more."""
    counted: Counter[str] = Counter()
    for text, spans in texts:
        inside = bytearray(len(text))
        for start, end, _ in spans:
            inside[start:end] = b"\1" * (end - start)
        words = {
            fold(match[0])
            for match in TOKEN.finditer(text)
            if match[0].isalpha() and match[0].islower() and len(match[0]) > 1 and not any(inside[slice(*match.span())])
        }
        counted.update(words)
    return sorted(word for word, count in counted.items() if count >= FEWEST_TEXTS)


def train(texts: list[Labelled], vocabulary: frozenset[str], path: str) -> None:
    """Train on `texts` and write CRFsuite's model to `path`."""
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params(PARAMETERS)
    remembered: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for text, spans in texts:
        tokens = [(match.start(), match[0]) for match in TOKEN.finditer(text)]
        labels: dict[int, str] = {}
        for start, end, label in spans:
            labels.update(dict.fromkeys(range(start, end), label))
        words = [EDGE] * FAR + [word for _, word in tokens] + [EDGE] * FAR
        for word in words:
            if word not in remembered:
                remembered[word] = features_of(word, vocabulary)
        rows = [
            [
                f"{offset}:{feature}"
                for offset in OFFSETS
                for feature in remembered[words[at + FAR + offset]][abs(offset) == FAR]
            ]
            for at in range(len(tokens))
        ]
        trainer.append(rows, [labels.get(start, OUTSIDE) for start, _ in tokens])
    trainer.train(path)


def pack(path: str, vocabulary: frozenset[str]) -> bytes:
    """Return the model of `path` in the form that the recogniser reads."""
    tagger = pycrfsuite.Tagger()
    tagger.open(path)
    info = tagger.info()
    labels = [OUTSIDE, *(label for label in KINDS if label in info.labels)]
    state: dict[str, dict[str, int]] = {}
    for (attribute, label), weight in sorted(info.state_features.items()):
        thousandths = round(weight * 1000)
        if abs(thousandths) >= LEAST_WEIGHT:
            state.setdefault(attribute, {})[str(labels.index(label))] = thousandths
    weights = {pair: info.transitions.get(pair, 0.0) for pair in itertools.product(labels, labels)}
    base = weights[OUTSIDE, OUTSIDE]
    steps = {
        "enter": [round(weights[OUTSIDE, label] - base, 4) for label in labels[1:]],
        "leave": [round(weights[label, OUTSIDE] - base, 4) for label in labels[1:]],
        "stay": [round(weights[label, label] - base, 4) for label in labels[1:]],
    }
    used = {attribute.partition("v=True")[0] for attribute in state if "v=True" in attribute}
    model = {
        "labels": labels,
        "steps": steps,
        "vocabulary": sorted(vocabulary) if used else [],
        "state": state,
    }
    return gzip.compress(json.dumps(model, ensure_ascii=False, separators=(",", ":")).encode(), mtime=0)


def main() -> None:
    """Train, write, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split(";", maxsplit=1)[0])
    parser.add_argument("data", type=Path, help="folder of the corpora")
    parser.add_argument("--out", type=Path, help="write the model here, and pin nothing")
    arguments = parser.parse_args()
    texts = read_texts(arguments.data)
    vocabulary = frozenset(find_vocabulary(texts))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.crfsuite")
        train(texts, vocabulary, path)
        data = pack(path, vocabulary)
    digest = hashlib.sha256(data).hexdigest()
    if arguments.out is None:
        (CODE / MODEL).write_bytes(data)
        pinned = re.sub(
            r'(?m)^MODEL_SHA256 = "\w*"', f'MODEL_SHA256 = "{digest}"', (CODE / "crf.py").read_text("utf-8")
        )
        (CODE / "crf.py").write_text(pinned, encoding="utf-8")
    else:
        arguments.out.write_bytes(data)
    print(f"{len(texts)} texts, {len(vocabulary)} words, {len(data)} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
