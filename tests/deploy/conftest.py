"""What deploy files are compared with: the commands and the settings that there are."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pytest

from scanward.cli.main import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def deploy() -> Path:
    """The folder of deploy files."""
    return ROOT / "deploy"


@pytest.fixture
def check_command() -> Callable[[Sequence[str]], click.Command]:
    """Parse words as `scanward` would, without running them; return the command. A wrong option is a failure."""

    def check(words: Sequence[str]) -> click.Command:
        command: click.Command = app
        context = click.Context(app, info_name="scanward")
        rest = list(words)
        while isinstance(command, click.Group):
            found = command.get_command(context, rest[0])
            assert found is not None, rest[0]
            command, rest = found, rest[1:]
            context = click.Context(command, parent=context, info_name=command.name)
        with context:
            command.parse_args(context, rest)
        return command

    return check
