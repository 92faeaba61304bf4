"""The settings shown in the guide are settings."""

import re
from pathlib import Path

import pytest

from scanward.adapters.receive.dimse.peers import PeerTable
from scanward.adapters.settings import parse_settings

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "receive.md"
EXAMPLES = re.findall(r"^```ini\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_settings_shown_are_valid(example):
    settings = parse_settings(example)
    assert settings.dimse is not None
    PeerTable(settings.dimse)


def test_each_door_has_its_example():
    assert len(EXAMPLES) == 3
