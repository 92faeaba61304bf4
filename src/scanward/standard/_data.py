"""Access to the generated files."""

import json
import os
from typing import Any

_FOLDER = os.path.join(os.path.dirname(__file__), "data")  # noqa: PTH118, PTH120 - pathlib costs start-up time


def read_text(name: str) -> str:
    """Return the generated file `name` as text."""
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - as above
        return file.read()


def read_json(name: str) -> Any:
    """Return the generated file `name`, parsed."""
    return json.loads(read_text(name))
