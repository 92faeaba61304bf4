"""The gateway: the engine, and the doors by which instances come in."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from scanward.adapters.lock import ProcessLock
from scanward.bootstrap.attesting import Attester
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import make_notary
from scanward.bootstrap.engine import IDLE_SECONDS, Engine, worker_name
from scanward.bootstrap.stores import Stores
from scanward.flow.alive import DEAD
from scanward.flow.loops import Loop
from scanward.flow.outbox import Events

RUNNING = "serve.json"
"""File in the home folder that says where a running gateway listens."""

ATTEST_SECONDS = 10.0
"""Pause between looks for a checkpoint that nobody else has seen."""

PROCESSES = Path("/proc")
"""Where the system tells of its processes."""


class Door(Protocol):
    """Something that lets instances in between `start` and `stop`."""

    def start(self) -> None:
        """Open."""
        ...

    def stop(self) -> None:
        """Close; what is being received is finished or was never accepted."""
        ...


class Gateway:
    """A gateway on opened stores; the HTTP door is opened by who serves it.

    Parameters
    ----------
    stores
        Where things are kept.
    events
        Is told what happens, for metrics.
    works
        Whether this process also does the work; otherwise `scanward worker` processes have to.
    clock
        Tells the time, aware UTC.

    Raises
    ------
    ConfigError
        Another process serves this home folder.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        events: Events | None = None,
        works: bool = True,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._lock = ProcessLock(stores.home / "serve.lock", "serves this home folder")
        self.stores = stores
        self.works = works
        self.engine = Engine(stores, name=worker_name(stores), events=events, clock=clock)
        self.notary = make_notary(stores, clock)
        self._attester = attester = Attester(stores, clock)
        self._custody = [Loop("custody", self.notary.step, idle_seconds=IDLE_SECONDS)]
        if attester.has_work:
            self._custody.append(Loop("attest", attester.step, idle_seconds=ATTEST_SECONDS))
        self.doors: list[Door] = []
        self.dicom_port = 0
        self._make_doors()

    def _make_doors(self) -> None:
        settings = self.stores.settings
        if settings.dimse is not None:
            from scanward.adapters.receive.dimse import DimseServer

            self._dimse = DimseServer(
                settings.dimse, self.engine.intake, self.stores.spool, self.stores.peers, self.engine.clock
            )
            self.doors.append(self._dimse)
        if settings.watch:
            from scanward.adapters.receive.watch import FolderWatch

            self.doors += [FolderWatch(one, self.engine.intake, spool=self.stores.spool) for one in settings.watch]

    def start(self) -> None:
        """Begin to work and open the doors."""
        for loop in self._custody:
            loop.start()
        if self.works:
            self.engine.start()
        for door in self.doors:
            door.start()
        if self.stores.settings.dimse is not None:
            self.dicom_port = self._dimse.port

    def has_workers(self) -> bool:
        """Whether somebody does the work: this process where it has to, else any worker that was heard of lately."""
        if self.works:
            return self.engine.is_working
        return self.stores.ledger.monitored(self.engine.clock() - DEAD).workers > 0

    def keeps_custody(self) -> bool:
        """Whether what happens is stated and logged, and not refused again and again."""
        return self._custody[0].is_alive

    def stop(self) -> None:
        """Close the doors first, then stop working."""
        for door in self.doors:
            door.stop()
        if self.works:
            self.engine.stop()
        for loop in self._custody:
            loop.stop()
        self.notary.close()
        self._attester.close()
        (self.stores.home / RUNNING).unlink(missing_ok=True)
        self._lock.release()

    def note_running(self, *, http_port: int) -> None:
        """Write where the gateway listens into the home folder, for commands on the same machine."""
        text = json.dumps(
            {
                "pid": os.getpid(),
                "started": find_start(os.getpid()),
                "dicom_port": self.dicom_port,
                "http_port": http_port,
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        staged = self.stores.home / f".{RUNNING}.{os.getpid()}"
        staged.write_text(text, "utf-8")
        staged.replace(self.stores.home / RUNNING)


def find_start(pid: int) -> str | None:
    """Return when a process started, in the system's own terms, or None where there is none."""
    if pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # another user's: it is there
    except (OSError, OverflowError):
        return None
    try:
        found = (PROCESSES / str(pid) / "stat").read_bytes()
        boot = (PROCESSES / "sys" / "kernel" / "random" / "boot_id").read_text("ascii").strip()
    except FileNotFoundError:
        # A system without /proc tells that it is there, or it ended just now.
        return None if PROCESSES.is_dir() else ""
    # proc_pid_stat(5): the name, in brackets, may hold anything; the state comes after it, the start 19 fields later.
    fields = found.rpartition(b")")[2].split()
    return None if fields[0] == b"Z" else f"{boot} {int(fields[19])}"


def read_running(home: Path) -> dict[str, int | str] | None:
    """Return where the gateway of a home folder listens, or None where none runs."""
    try:
        running: object = json.loads((home / RUNNING).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(running, dict) or not isinstance(running.get("pid"), int):
        return None
    # A kill leaves the file, and its number may be another process's by now.
    started = find_start(running["pid"])
    return running if started is not None and started == running.get("started") else None
