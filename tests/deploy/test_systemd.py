"""The units are what systemd takes, and keep the gateway in."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
LEAST = {
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ProtectSystem": "strict",
    "StateDirectory": "scanward",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
    "CapabilityBoundingSet": "",
}

KNOWN = set(
    """
    Description Wants After WantedBy Type User Group Environment ExecStart Restart RestartSec TimeoutStopSec LimitNOFILE
    StateDirectory StateDirectoryMode UMask ReadWritePaths NoNewPrivileges CapabilityBoundingSet AmbientCapabilities
    ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateUsers ProtectProc ProcSubset ProtectClock ProtectHostname
    ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectControlGroups RestrictAddressFamilies
    RestrictNamespaces RestrictRealtime RestrictSUIDSGID RemoveIPC LockPersonality MemoryDenyWriteExecute KeyringMode
    SystemCallArchitectures SystemCallFilter SystemCallErrorNumber
    """.split()
)
"""Of systemd.unit(5), systemd.service(5) and systemd.exec(5), version 252."""


def read(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(path, encoding="utf-8")
    return dict(parser["Service"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_run_commands_that_exist(path, check_command):
    service = read(path)
    program, *words = service["ExecStart"].split()
    assert program == "/opt/scanward/bin/scanward"
    assert check_command(words).name == ("worker" if "worker" in path.name else "serve")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_closed(path):
    service = read(path)
    assert {key: service.get(key) for key in LEAST} == LEAST
    assert service["Environment"] == f"SCANWARD_HOME=/var/lib/{service['StateDirectory']}"


def test_units_differ_in_what_they_run_only():
    def rest(path):
        return re.sub(r"(?m)^(#.*|Description=.*|ExecStart=.*)$", "", path.read_text(encoding="utf-8"))

    assert len({rest(path) for path in UNITS}) == 1


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_directives_are_known(path):
    names = set(re.findall(r"(?m)^(\w+)=", path.read_text(encoding="utf-8")))
    assert names - KNOWN == set()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(path, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing (Debian package systemd)")
    name = path.name.replace("@", "@1")
    program = shutil.which("true")
    text = path.read_text(encoding="utf-8").replace("/opt/scanward/bin/scanward", str(program))
    unit = tmp_path / name
    unit.write_text(text, encoding="utf-8")
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if unit.name in line or "Unknown" in line]
    assert said == []
    assert done.returncode == 0, done.stderr
    # 20 stands for an exposure of 2.0; a unit that limits nothing has 9.6.
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout + rated.stderr
