"""Write docs/reference/cli.md from what each command answers to `--help`.

Usage: ``python tools/setup/cli_reference.py`` writes the page; with ``--print`` it only prints it, which
``tests/house/test_documents.py`` compares with the page.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Read by rich when it is imported, and by click: the page must not depend on the terminal it is made in.
os.environ.update({"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})
os.environ.pop("FORCE_COLOR", None)
os.environ.pop("GITHUB_ACTIONS", None)

import click
from click.testing import CliRunner

from scanward.cli.main import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"

HEAD = """\
# Command line

<!-- Written by tools/setup/cli_reference.py from the commands themselves. Do not edit. -->

Exit codes of `scanward deidentify`:

| code | meaning |
| --- | --- |
| 0 | every DICOM instance was released |
| 3 | some were held or quarantined; the report says which and why |
| 1 | the run failed; what was released before stays valid, and the same command goes on from there |
| 2 | the command line is not valid; nothing was read |
| 130 | interrupted by Ctrl-C; the same command goes on from there |
"""


def find_commands(command: click.Command) -> Iterator[tuple[str, ...]]:
    """Yield the words after the name of `command` for it and all commands below it, in the order of their help."""
    context = click.Context(command)
    waiting: list[tuple[click.Command, tuple[str, ...]]] = [(command, ())]
    while waiting:
        current, words = waiting.pop(0)
        yield words
        if isinstance(current, click.Group):
            found = ((name, current.get_command(context, name)) for name in current.list_commands(context))
            waiting.extend((sub, (*words, name)) for name, sub in found if sub is not None)


def make_page() -> str:
    """Return the page as Markdown."""
    runner = CliRunner()
    parts = [HEAD]
    for words in find_commands(app):
        result = runner.invoke(app, [*words, "--help"], prog_name="scanward")
        if result.exit_code != 0:
            raise SystemExit(f"`scanward {' '.join(words)} --help` ended with {result.exit_code}")
        text = "\n".join(line.rstrip() for line in result.output.strip("\n").splitlines())
        parts.append(f"\n## `{' '.join(('scanward', *words))}`\n\n```text\n{text}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    if "--print" in sys.argv[1:]:
        sys.stdout.write(make_page())
    else:
        PAGE.write_text(make_page(), encoding="utf-8")
