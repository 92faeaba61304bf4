"""The gateway as it is run: `scanward serve` and `scanward worker` as processes, killed and started again."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.common.ports import wait_until

ROOT = Path(__file__).resolve().parents[2]

START_SECONDS = 60.0
STOP_SECONDS = 60.0

HASTY = """
import sys
from datetime import timedelta
import scanward.flow.alive as alive, scanward.flow.outbox as outbox, scanward.flow.routing as routing
alive.BEAT, alive.DEAD = timedelta(seconds=0.3), timedelta(seconds={dead})
outbox.LEASE, routing.FORGOTTEN = timedelta(seconds={lease}), timedelta(seconds={forgotten})
from scanward.cli.main import main
main()
"""
"""Runs the command line with waits that a test can wait for; all else is as it is."""


@dataclass(frozen=True, kw_only=True)
class Haste:
    """How long, in seconds, until a silent worker is dead, a lease has ended, and a forgotten release is queued again.

    The real ones are half a minute, a quarter of an hour and ten minutes.
    """

    dead: float = 1.5
    lease: float = 4.0
    forgotten: float = 3.0


class Program:
    """A `scanward` command that runs until it is ended."""

    def __init__(self, home: Path, *arguments: str, haste: Haste | None = None, name: str = "") -> None:
        self.home = home
        self.name = name or arguments[0]
        self._arguments = arguments
        self._haste = haste
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home.parent / f"{home.name}-{self.name}.log"

    @property
    def pid(self) -> int:
        """Number of the running process."""
        assert self.process is not None, f"{self.name} does not run"
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def launch(self) -> None:
        """Start it, without waiting for anything."""
        assert not self.is_running
        python = [sys.executable, "-X", "faulthandler"]
        command = [*python, "-m", "scanward"]
        if self._haste is not None:
            said = HASTY.format(
                dead=self._haste.dead, lease=self._haste.lease, forgotten=self._haste.forgotten
            )  # fmt: skip
            command = [*python, "-c", said]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "SCANWARD_HOME": str(self.home), "TCP_NODELAY": "1"},
            )

    def kill(self) -> None:
        """End it with SIGKILL, wherever it is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask_to_end(self) -> None:
        """Send it SIGTERM, as a service is ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def terminate(self) -> int:
        """End it with SIGTERM; return its exit code."""
        self.ask_to_end()
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # tells what its threads do, see `launch`
            self.process.wait()
            raise AssertionError(f"{self.name} does not end: {self.said()[-10000:]}") from None

    @contextlib.contextmanager
    def limited(self, what: int, limit: int) -> Iterator[None]:
        """Let the system refuse it some of what it asks for meanwhile: `RLIMIT_FSIZE` makes writes fail as a full disk.

        What the process has open already stays open.
        """
        assert self.process is not None
        _, hard = resource.prlimit(self.process.pid, what)
        resource.prlimit(self.process.pid, what, (limit, hard))
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                resource.prlimit(self.process.pid, what, (hard, hard))

    def said(self) -> str:
        """What it logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Gateway(Program):
    """`scanward serve` on a home folder; its doors have the same ports after each start."""

    def __init__(self, home: Path, *arguments: str, haste: Haste | None = None) -> None:
        super().__init__(home, "serve", *arguments, haste=haste)
        self.dicom_port = 0
        self.http_port = 0
        self._tokens: dict[tuple[str, str], str] = {}

    def start(self) -> None:
        """Start it and wait until its doors are open."""
        self.launch()
        wait_until(self._is_open, "the gateway's doors are open", seconds=START_SECONDS)

    def _is_open(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the gateway ended at once: {self.said()[-2000:]}"
        with contextlib.suppress(OSError, ValueError):
            running = json.loads((self.home / "serve.json").read_text())
            if running["pid"] == self.process.pid:
                self.dicom_port, self.http_port = running["dicom_port"], running["http_port"]
                return True
        return False

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    @property
    def url(self) -> str:
        """Where its HTTP door is."""
        return f"http://127.0.0.1:{self.http_port}"

    def token(self, role: str = "imaging-it", recipient: str = "") -> str:
        """Return a bearer token."""
        known = self._tokens.get((role, recipient))
        if known is None:
            more = ("--recipient", recipient) if recipient else ()
            known = run_scanward(self.home, "token", "--role", role, "--subject", "test", *more).strip()
            self._tokens[role, recipient] = known
        return known


def run_scanward(home: Path, *arguments: str | Path) -> str:
    """Run a command to its end, as a person would, and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-m", "scanward", *(str(one) for one in arguments)],
        env={**os.environ, "SCANWARD_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@dataclass(kw_only=True)
class Peer:
    """A DICOM application that may call."""

    ae_title: str
    recipient: str = ""
    report_port: int = 0

    def toml(self) -> str:
        """Return its table of the settings."""
        return (
            f'[[dimse.peers]]\nname = "{self.ae_title.lower()}"\nae_title = "{self.ae_title}"\n'
            f'recipient = "{self.recipient}"\nreport_port = {self.report_port}\n'
        )


@dataclass(kw_only=True)
class Settings:
    """What ``scanward.toml`` says; times are short, so that a test does not wait."""

    quiet_seconds: float = 0.5
    attempts: int = 1000
    backoff_seconds: float = 0.2
    backoff_max_seconds: float = 0.5
    shard_instances: int = 250
    min_free_bytes: int = 0
    ledger_url: str = ""
    vault_url: str = ""
    dicom_port: int = 0
    http_port: int = 0
    peers: Sequence[Peer] = field(default_factory=lambda: [Peer(ae_title="STORESCU")])
    archive: tuple[int, str] | None = None

    def write(self, home: Path) -> None:
        """Write them into a home folder, made where it is missing."""
        home.mkdir(mode=0o700, exist_ok=True)
        top = ("quiet_seconds", "attempts", "backoff_seconds", "backoff_max_seconds", "shard_instances")
        lines = [f"{name} = {getattr(self, name)}" for name in (*top, "min_free_bytes")]
        lines += [f'ledger_url = "{self.ledger_url}"', f'vault_url = "{self.vault_url}"']
        lines += ["[dimse]", f"port = {self.dicom_port}", *(peer.toml() for peer in self.peers)]
        lines += ["[http]", f"port = {self.http_port}"]
        if self.archive is not None:
            lines += ["[archive]", 'host = "127.0.0.1"', f"port = {self.archive[0]}", f'ae_title = "{self.archive[1]}"']
        path = home / "scanward.toml"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)


@contextlib.contextmanager
def ended(*programs: Program) -> Iterator[None]:
    """End programs on leaving, whatever happened."""
    try:
        yield
    finally:
        for program in programs:
            program.kill()


def recipient_document(
    recipient_id: str,
    endpoint: Mapping[str, str | int],
    *,
    purpose: str = "TREAT",
    modalities: Sequence[str] = ("CT", "MR"),
    priors: int = 0,
    human_approval: bool = False,
) -> str:
    """Return the document of a recipient with whom about everything is agreed."""
    said = "\n".join(f"{key} = {json.dumps(value)}" for key, value in endpoint.items())
    basis = "treatment" if purpose == "TREAT" else "research"
    return f"""\
id = "{recipient_id}"
name = "{recipient_id.title()} Ltd"
address = "1 Harbour Street, Dublin, Ireland"
purpose = "{purpose}"
allowed_regions = ["IE"]
basis = "{basis}"

[endpoint]
{said}

[agreement]
purposes = ["{purpose}"]
region = "IE"
starts = 2020-01-01
ends = 2099-12-31
retention_days = 30
profile = "ai-inference"
priors = {priors}
human_approval = {json.dumps(human_approval)}

[agreement.data]
modalities = {json.dumps(list(modalities))}

[agreement.results]
sop_classes = ["1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.66.4"]
"""


class Repeated(threading.Thread):
    """Does something again and again in the background until it is stopped; what it raises is raised by `stop`."""

    def __init__(self, step, *, pause: float = 0.05) -> None:
        super().__init__()
        self._step = step
        self._pause = pause
        self._stopping = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._step()
                self._stopping.wait(self._pause)
        except BaseException as error:  # noqa: BLE001 - `stop` raises it
            self._error = error

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        if self._error is not None:
            raise self._error


def pause(seconds: float) -> None:
    """Let time pass: for trouble that lasts a while, never to wait for something."""
    time.sleep(seconds)
