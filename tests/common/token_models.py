"""A tiny token classifier: it looks words up, of which each has one label."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

LABELS = ["O", "B-PATIENT", "I-PATIENT", "DATE"]
WORDS = {"[UNK]": 0, "seen": 1, "imogen": 2, "whitcombe": 3, "2019": 4, "by": 5}
WEIGHTS = [[5, 0, 0, 0], [5, 0, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5], [5, 0, 0, 0]]


def write_model(folder: Path) -> Path:
    """Write the files of the model into `folder`."""
    import openvino
    import tokenizers
    from openvino import opset13 as ops

    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    table = ops.constant(np.array(WEIGHTS, np.float32))
    found = ops.gather(table, ids, ops.constant(0))
    model = openvino.Model([found], [ids], "tiny")
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}), encoding="utf-8")
    return folder
