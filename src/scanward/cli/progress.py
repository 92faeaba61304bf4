"""The progress bar of a run: rate and time left, on a terminal only."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scanward.config import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

REFRESH_SECONDS = 0.1
"""Shortest time between two drawings."""


class ProgressBar:
    """Draws the `Progress` values it is called with; nothing when `quiet` or when no one looks at the terminal.

    It draws when called, never from a thread of its own, so that a run may fork.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._is_on = sys.stderr.isatty() and not quiet
        self._bar: Bar | None = None
        self._phase = ""
        self._started = self._drawn = 0.0
        self._first = Progress(phase="", done_files=0)

    def __enter__(self) -> Self:
        """Return itself; the bar shows with the first call."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far the run has come."""
        if not self._is_on:
            return
        now = time.monotonic()
        if progress.phase != self._phase:
            self._begin(progress, now)
        elif now - self._drawn < REFRESH_SECONDS and progress.done_files != progress.total_files:
            return
        self._drawn = now
        self._draw(progress, now - self._started)

    def _begin(self, progress: Progress, now: float) -> None:
        """Start a bar for a new phase, below that of the last."""
        if self._bar is None:
            self._bar = _make_bar()
            self._bar.start()
        self._phase = progress.phase
        self._started = now
        self._first = progress
        self._bar.add_task(progress.phase, total=None, text="")

    def _draw(self, progress: Progress, seconds: float) -> None:
        bar = self._bar
        if bar is None:
            return
        bar.update(
            bar.task_ids[-1],
            completed=progress.done_files,
            total=progress.total_files or None,
            text=describe_rate(self._first, progress, seconds),
        )
        bar.refresh()


def _make_bar() -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description:>14}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
        auto_refresh=False,
    )


def describe_rate(first: Progress, now: Progress, seconds: float) -> str:
    """Say in words how far a phase has come, how fast it goes and how long it will take.

    Parameters
    ----------
    first
        The first value of the phase; what was done before it (by an interrupted run) does not count into the rate.
    now
        The value to describe.
    seconds
        Time between the two.
    """
    total = f" of {now.total_files:,}" if now.total_files else ""
    parts = [f"{now.done_files:,}{total}"]
    files, size = now.done_files - first.done_files, now.done_bytes - first.done_bytes
    if seconds > 0 and files > 0:
        parts.append(f"{files / seconds:,.0f}/s")
        if size > 0:
            parts.append(f"{size / seconds / 1e6:,.0f} MB/s")
            if now.total_bytes > now.done_bytes:
                parts.append(f"{describe_seconds((now.total_bytes - now.done_bytes) * seconds / size)} left")
    return " · ".join(parts)


def describe_seconds(seconds: float) -> str:
    """Return a length of time in the two largest units that say something."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"
