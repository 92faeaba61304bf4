"""The compose file fits together, and the image is made of files that are there."""

import re
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from scanward.adapters.settings import parse_settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
OURS = [name for name, service in COMPOSE["services"].items() if service["image"] == "scanward"]
TOP = {"name", "services", "configs", "secrets", "volumes", "networks"}
KEYS = {
    "image", "build", "read_only", "cap_drop", "cap_add", "security_opt", "restart", "stop_grace_period", "tmpfs", "networks", "volumes",
    "configs", "secrets", "command", "environment", "ports", "depends_on", "healthcheck", "deploy", "shm_size",
}  # fmt: skip
"""Keys of the Compose Specification that are used here."""


def settings():
    return parse_settings((FOLDER / "compose" / "scanward.toml").read_text(encoding="utf-8"))


def test_every_key_is_known():
    assert {key for key in COMPOSE if not key.startswith("x-")} == TOP
    for service in COMPOSE["services"].values():
        assert set(service) <= KEYS


def test_what_services_use_is_declared():
    used = {"secrets": set(), "configs": set(), "volumes": set(), "networks": set()}
    for service in COMPOSE["services"].values():
        used["secrets"] |= set(service.get("secrets", ()))
        used["configs"] |= {one["source"] for one in service.get("configs", ())}
        used["volumes"] |= {one.split(":")[0] for one in service["volumes"] if not one.startswith(".")}
        used["networks"] |= set(service["networks"])
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            # Of ours the image has a health check.
            check = COMPOSE["services"][name].get("healthcheck", {"test": "" if name not in OURS else "the image's"})
            assert check["test"]
    assert used == {kind: set(COMPOSE[kind]) for kind in used}


def test_files_named_exist_and_secrets_do_not():
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            if volume.startswith("."):
                assert (FOLDER / volume.split(":")[0]).is_file()
        if "build" in service:
            assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for config in COMPOSE["configs"].values():
        assert (FOLDER / config["file"]).is_file()
    folder = FOLDER / "compose" / "secrets"
    for secret in COMPOSE["secrets"].values():
        assert set(secret) == {"file"}
        assert (FOLDER / secret["file"]).parent == folder
    listed = subprocess.run(["git", "ls-files", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert {Path(name).name for name in listed.stdout.split()} <= {".gitignore"}


def test_no_password_stands_anywhere():
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert name.endswith("_FILE") or "PASSWORD" not in name, name
            assert "@" not in str(value)
    for url in (settings().ledger_url, settings().vault_url):
        assert re.fullmatch(r"postgresql://\w+@postgresql/\w+", url)


def test_commands_exist(check_command):
    assert [check_command(COMPOSE["services"][name]["command"]).name for name in OURS] == ["serve", "worker"]


def test_ours_may_do_no_more_than_they_need():
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert COMPOSE["services"]["postgresql"]["networks"] == ["inside"]
    assert "ports" not in COMPOSE["services"]["postgresql"]


def test_settings_fit_what_is_mounted_and_published():
    made = settings()
    assert made.dimse is not None
    assert made.http is not None
    gateway = COMPOSE["services"]["gateway"]
    for path in (made.dimse.certificate, made.dimse.key, made.http.certificate, made.http.key):
        folder, _, name = path.rpartition("/")
        assert folder == "/var/lib/scanward/secrets"  # where deploy/enter.sh copies secrets to
        assert name in gateway["secrets"]
    assert gateway["ports"] == [f"{made.dimse.port}:{made.dimse.port}", f"{made.http.port}:{made.http.port}"]
    assert gateway["environment"]["HEALTH_URL"] == f"https://127.0.0.1:{made.http.port}/health/live"
    assert made.dimse.peers == ()  # nobody may call until somebody says who


# The image


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", (FOLDER / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def copied() -> list[str]:
    words = [shlex.split(rest) for kind, rest in instructions() if kind == "COPY"]
    return [word for line in words if "--from=build" not in line for word in line[:-1] if not word.startswith("--")]


def test_everything_copied_is_there_and_not_ignored():
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    for name in copied():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied())


def test_all_that_the_build_of_the_package_needs_is_copied():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"((?:README|LICENSE|src)[\w./]*)"', project))
    assert {name.split("/")[0] for name in named} <= {name.split("/")[0] for name in copied()}


def test_image_runs_as_nobody_in_particular_with_hashed_requirements(check_command):
    made = instructions()
    assert [rest for kind, rest in made if kind == "USER"] == ["10001:10001"]
    installs = [rest for kind, rest in made if kind == "RUN" and "pip install" in rest]
    for line in installs:
        for one in re.findall(r"pip install [^&]*", line):
            assert "--require-hashes" in one or "--no-index" in one
    assert [shlex.split(rest) for kind, rest in made if kind == "ENTRYPOINT"] == [["[/usr/local/bin/scanward-enter]"]]
    (words,) = [yaml.safe_load(rest) for kind, rest in made if kind == "CMD"]
    assert check_command(words).name == "serve"
    assert all(re.fullmatch(r"python:3\.11-slim(?: AS build)?", rest) for kind, rest in made if kind == "FROM")


@pytest.fixture
def answering():
    """Answers 200 below /health and 503 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path.startswith("/health") else 503)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("path", "code"), [("/health/live", 0), ("/elsewhere", 1)])
def test_health_check_runs(answering, path, code):
    (rest,) = [rest for kind, rest in instructions() if kind == "HEALTHCHECK"]
    words = yaml.safe_load(rest.partition("CMD ")[2])
    done = subprocess.run(
        [sys.executable, *words[1:]], env={"HEALTH_URL": answering + path}, capture_output=True, check=False
    )
    assert done.returncode == code
