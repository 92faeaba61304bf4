"""The progress bar: what it says, and when it is silent."""

import io
import re
import sys

import pytest

from scanward.cli import progress as progress_module
from scanward.cli.progress import ProgressBar, describe_rate, describe_seconds
from scanward.cli.summary import short
from scanward.config import DEIDENTIFYING, READING, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3700, "1 h 01 min")]
)
def test_lengths_of_time(seconds, text):
    assert describe_seconds(seconds) == text


def at(files: int, size: int = 0) -> Progress:
    return Progress(phase=DEIDENTIFYING, done_files=files, total_files=1000, done_bytes=size, total_bytes=500_000_000)


def test_rate_and_time_left():
    assert describe_rate(at(0), at(100, 50_000_000), 2.0) == "100 of 1,000 · 50/s · 25 MB/s · 18 s left"
    assert describe_rate(at(0), at(1000, 500_000_000), 10.0) == "1,000 of 1,000 · 100/s · 50 MB/s"


def test_what_an_earlier_run_did_does_not_count_into_the_rate():
    text = describe_rate(at(500, 250_000_000), at(600, 300_000_000), 2.0)
    assert text == "600 of 1,000 · 50/s · 25 MB/s · 8 s left"


def test_unknown_totals():
    first = Progress(phase=READING, done_files=0)
    assert describe_rate(first, first, 0.0) == "0"
    assert describe_rate(first, Progress(phase=READING, done_files=10), 2.0) == "10 · 5/s"


def test_it_is_silent_where_no_one_looks(monkeypatch):
    for quiet, stream in ((False, io.StringIO()), (True, Terminal())):
        monkeypatch.setattr(sys, "stderr", stream)
        with ProgressBar(quiet=quiet) as bar:
            bar(at(1))
        assert stream.getvalue() == ""


def test_it_draws_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress_module, "REFRESH_SECONDS", 0.0)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with ProgressBar() as bar:
        for files in range(1, 4):
            bar(Progress(phase=READING, done_files=files))
        bar(at(0))
        bar(at(1000, 500_000_000))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert "reading" in text
    assert "1,000 of 1,000" in text


def test_it_does_not_draw_more_often_than_it_can_be_seen(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with ProgressBar() as bar:
        for files in range(5000):
            bar(at(files))
        drawn = len(stream.getvalue())
    assert drawn < 20_000


def test_paths_are_shown_as_typed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert short(tmp_path / "a" / "b") == "~/a/b"
    assert short(tmp_path.parent) == str(tmp_path.parent)
