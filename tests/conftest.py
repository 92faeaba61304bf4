"""What all tests share: no network, no real home folder, and a word on what was not tested."""

import ipaddress
import os
import re
import shutil
import socket
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.register_profile("nightly", deadline=None, max_examples=3000)
settings.load_profile("nightly" if os.environ.get("NIGHTLY") else "ci" if os.environ.get("CI") else "local")


def read_peers() -> dict[str, str]:
    """Return command -> Debian package, from the list that `make test` installs by."""
    text = (ROOT / "tools" / "setup" / "peers").read_text(encoding="utf-8")
    words = re.search(r'^PEERS="([^"]+)"$', text, re.MULTILINE)
    assert words is not None, "tools/setup/peers names no PEERS"
    return dict(word.split("=") for word in words.group(1).split())


PEERS = read_peers()


def find_test_data() -> Path | None:
    """Return the folder of real scans, or None when this machine has none."""
    folder = Path(os.environ.get("SCANWARD_TEST_DATA") or ROOT.parent / "shared" / "data")
    return folder.resolve() if (folder / "dicom").is_dir() else None


NO_DATA = "no real scans here (set SCANWARD_TEST_DATA)"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peers"):
        for command in mark.args or PEERS:
            if shutil.which(command) is None and not Path(command).is_file():
                pytest.skip(f"{command} is missing (Debian package {PEERS[command]})")
    if item.get_closest_marker("realdata") is not None and find_test_data() is None:
        pytest.skip(NO_DATA)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("not tested here")
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{count:5d}  {reason}")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real scans; skips the test where there is none."""
    folder = find_test_data()
    if folder is None:
        pytest.skip(NO_DATA)
    return folder


@pytest.fixture
def scanward_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of this test's own, which commands find through SCANWARD_HOME; not made yet."""
    home = tmp_path / "scanward-home"
    monkeypatch.setenv("SCANWARD_HOME", str(home))
    return home


def refuse_unless_loopback(address: object) -> None:
    """Raise unless `address`, as a socket call takes it, stays on this machine."""
    if not isinstance(address, tuple):
        return  # a path of AF_UNIX
    host = str(address[0])
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            return
    except ValueError:
        pass  # a name that would have to be looked up in the network
    raise AssertionError("a test tried to leave this machine")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def guard(name: str) -> None:
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, *args: object) -> object:
            refuse_unless_loopback(args[-1])
            return original(self, *args)

        monkeypatch.setattr(socket.socket, name, guarded)

    for name in ("connect", "connect_ex", "sendto"):
        guard(name)


@pytest.fixture(autouse=True)
def _no_real_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the keys of whoever runs it."""
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path_factory.getbasetemp() / "shared-scanward-home"))
