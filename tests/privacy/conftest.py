"""Runs the command on planted and sample studies, once for each profile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("basic", "ai-inference", "research", "patient-copy")
RELEASED, STOPPED = 0, 3
"""Exit codes: all released; some held or quarantined."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of ``scanward deidentify``: all that a person could hand on is below `outputs`."""

    outputs: Path
    home: Path
    exit_code: int
    shown: str


def deidentify(
    source: Path, outputs: Path, home: Path, profile: str, *, workers: int = 1, more: Sequence[str] = ()
) -> Run:
    """Run the command as a user would."""
    done = subprocess.run(
        [sys.executable, "-m", "scanward", "deidentify", str(source), "--out", str(outputs), "--profile", profile,
         "--pixels", "off", "--faces", "off", "--release-unchecked-pixels", "--workers", str(workers), *more],
        env={**os.environ, "SCANWARD_HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    return Run(outputs=outputs, home=home, exit_code=done.returncode, shown=done.stdout + done.stderr)


@pytest.fixture(scope="session")
def run_on(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], Run]:
    """Run a profile on a folder; the same folder and profile run once in a session."""

    @cache
    def run(source: Path, profile: str) -> Run:
        base = tmp_path_factory.mktemp(f"{source.name}-{profile}")
        return deidentify(source, base / "out", base / "home", profile)

    return run
