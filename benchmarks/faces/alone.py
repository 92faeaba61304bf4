"""Runs a command from a process that is small.

The kernel counts to a child the peak memory of the process that it was forked from; one that holds scans has more than
many a tool. As a process: ``python -m faces.alone USAGE.json LOG COMMAND ...``, which ends with 1 where that fails.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from measure import CommandFailedError, Usage, measure


def measure_alone(command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path) -> Usage:
    """Run a command to its end, as `measure` does.

    Raises
    ------
    CommandFailedError
        With the last line of what it printed.
    """
    usage = cwd / "usage.json"
    done = subprocess.run(
        [sys.executable, "-m", "faces.alone", str(usage), str(log), *command],
        env=dict(env), cwd=cwd, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = done.stdout.strip() or done.stderr.strip()
        raise CommandFailedError((said.splitlines() or ["ended without a word"])[-1][-150:])
    return Usage(**json.loads(usage.read_text(encoding="utf-8")))


def main() -> None:
    """Run the command that was given."""
    usage, log, *command = sys.argv[1:]
    try:
        found = measure(command, env=os.environ, log=Path(log))
    except CommandFailedError as error:
        print(error)
        raise SystemExit(1) from None
    Path(usage).write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
