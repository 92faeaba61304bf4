"""README and docs say what the program does: commands, options, profiles, report fields, links."""

import dataclasses
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scanward.deidentify.profile import SHIPPED, load_profile, parse_profile
from scanward.model.profile import Option
from scanward.model.report import RunReport, StudyReport

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CLI_PAGE = DOCS / "reference" / "cli.md"
GROUPS = {"consent", "keys", "layouts", "picture", "recipient"}
COMMAND = re.compile(r"^\$ ?(?:\.venv/bin/)?(scanward|make) ?(.*)$", re.MULTILINE)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def help_of(words: list[str]) -> str:
    """Return what the reference says that `scanward words --help` answers."""
    sections = re.split(r"^## `(.+)`$", read(CLI_PAGE), flags=re.MULTILINE)
    answers = dict(zip(sections[1::2], sections[2::2], strict=True))
    return answers[" ".join(["scanward", *words])]


def test_cli_reference_is_what_help_answers():
    script = ROOT / "tools" / "setup" / "cli_reference.py"
    made = subprocess.run([sys.executable, str(script), "--print"], capture_output=True, text=True, check=True)
    assert read(CLI_PAGE) == made.stdout, "run: .venv/bin/python tools/setup/cli_reference.py"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_commands_named_exist_with_their_options(path):
    targets = set(re.findall(r"^(\w+):.*## ", read(ROOT / "Makefile"), re.MULTILINE))
    for program, rest in COMMAND.findall(read(path)):
        words = shlex.split(rest)
        if program == "make":
            assert words == [] or words[0] in targets
            continue
        command = words[:2] if words[0] in GROUPS else words[:1]
        answer = help_of(command)
        for word in words:
            if word.startswith("--"):
                assert re.search(rf"{word}(?![\w-])", answer), word


@pytest.mark.parametrize("path", [path for path in PAGES if "```toml" in read(path)], ids=named)
def test_profiles_shown_are_valid(path):
    for text in re.findall(r"^```toml\n(.*?)^```", read(path), re.MULTILINE | re.DOTALL):
        parse_profile(text)


def test_profile_table_is_what_the_profiles_say():
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \|(.*)\|$", read(DOCS / "reference" / "profiles.md"), re.MULTILINE)
    table = {name: (code, [cell.strip() == "•" for cell in cells.split("|")]) for name, code, cells in rows}
    profiles = [load_profile(name) for name in SHIPPED]
    expected = {
        option.name.lower().replace("_", "-"): (option.code, [option in profile.options for profile in profiles])
        for option in Option
    }
    assert table == expected
    for path in (DOCS / "reference" / "profiles.md", DOCS / "guides" / "choose-a-profile.md"):
        assert all(f"`{name}`" in read(path) for name in SHIPPED)


def test_every_field_of_the_report_is_described():
    described = set(re.findall(r"`(\w+)`", read(DOCS / "reference" / "report.md")))
    fields = {field.name for kind in (RunReport, StudyReport) for field in dataclasses.fields(kind)}
    assert fields - described == set()


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", read(path)):
        if "://" not in target:
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r"^\s+- (\S+\.md)$", read(ROOT / "mkdocs.yml"), re.MULTILINE))
    assert listed == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
