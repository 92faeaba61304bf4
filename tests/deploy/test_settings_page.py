"""The reference of settings names every key with its default, and its examples are valid."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from scanward.adapters.settings import TEMPLATE, parse_settings
from scanward.config import (
    ArchiveSettings,
    DimseSettings,
    GatewaySettings,
    HttpSettings,
    OidcSettings,
    PeerSettings,
    WatchSettings,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "settings.md"
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if 'title="scanward.toml"' in path.read_text("utf-8")]
KINDS = {
    "Top level": GatewaySettings,
    "`dimse`": DimseSettings,
    "`dimse.peers`": PeerSettings,
    "`http`": HttpSettings,
    "`http.oidc`": OidcSettings,
    "`watch`": WatchSettings,
    "`archive`": ArchiveSettings,
}


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """Return the rows of the table under each heading."""
    parts = re.split(r"(?m)^#{2,3} (.+)$", PAGE.read_text("utf-8"))
    rows = re.compile(r"(?m)^\| `(\w+)` \| ?(.*?) ?\| (.*) \|$")
    return {head: rows.findall(body) for head, body in zip(parts[1::2], parts[2::2], strict=True)}


def written(field: dataclasses.Field) -> str:
    """Return how the page writes the default of a field."""
    if field.default_factory is not dataclasses.MISSING:
        return "a table of defaults"
    if field.default is dataclasses.MISSING:
        return ""
    if field.default is None:
        return "none"
    if field.default == ():
        return "`[]`"
    if isinstance(field.default, str):
        return f'`"{field.default}"`'
    return f"`{field.default}`"


@pytest.mark.parametrize(("heading", "kind"), KINDS.items(), ids=lambda one: getattr(one, "__name__", None))
def test_every_key_is_there_with_its_default(heading, kind):
    rows = tables()[heading]
    assert [(name, default) for name, default, _ in rows] == [
        (field.name, written(field)) for field in dataclasses.fields(kind)
    ]
    for name, _, meaning in rows:
        unit = re.search(r"_(seconds|bytes)$", name)
        if unit is not None and unit[1] == "seconds":
            assert "seconds" in meaning, name


def test_every_kind_of_settings_has_a_table():
    found, waiting = set(), [GatewaySettings]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        for field in dataclasses.fields(kind):
            waiting += [other for other in KINDS.values() if other.__name__ in str(field.type)]
    assert found == set(KINDS.values())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_examples_are_valid(path):
    for text in re.findall(
        r'^```toml title="scanward.toml"\n(.*?)^```', path.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        parse_settings(text)


def test_template_is_valid_with_all_that_it_comments_out():
    parse_settings(TEMPLATE)
    lines = TEMPLATE.splitlines()
    shown = [re.sub(r"^# (?=\[|\w+ = )", "", line) for line in lines]
    made = parse_settings("\n".join(shown))
    assert made.archive is not None
    assert made.watch
    assert made.dimse is not None
    assert len(made.dimse.peers) == 2
    defaults = GatewaySettings()
    plain = tomllib.loads(TEMPLATE)
    assert plain["quiet_seconds"] == defaults.quiet_seconds
    assert parse_settings(TEMPLATE) == defaults
