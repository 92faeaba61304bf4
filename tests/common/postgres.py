"""PostgreSQL as a peer: a private cluster of Debian's PostgreSQL in a temporary folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.common.ports import free_port, wait_until

ROOT = Path("/usr/lib/postgresql")
USER = "postgres"


def find_postgres() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None where there is none."""
    versions = sorted(ROOT.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    return versions[-1].parent if versions else None


@dataclass
class Postgres:
    """A running PostgreSQL that trusts whoever comes to its port of the loopback interface."""

    folder: Path
    port: int
    durable: bool
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def programs(self) -> Path:
        """The folder of its programs."""
        found = find_postgres()
        assert found is not None, "PostgreSQL is missing"
        return found

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement outside of a transaction."""
        with self._connect(database) as connection:
            connection.execute(statement.encode())

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "logging_collector": "off",
            "shared_buffers": "32MB",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            self.process = subprocess.Popen(
                [*_as_postgres(), str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        finally:
            os.close(log)
        wait_until(self._is_ready, "PostgreSQL answers")

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with self._connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def stop(self) -> None:
        """End the server at once, as a crash would, and everyone's connection with it."""
        if self.process is None:
            return
        # `setpriv` replaces itself by the server, so that the process is the server.
        self.process.send_signal(3)  # SIGQUIT: immediate shutdown
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        self.process = None

    def restart(self) -> None:
        """End the server at once and start it again."""
        self.stop()
        self.start()


def _as_postgres() -> list[str]:
    """Return what comes before a command that must not run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(USER)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@contextmanager
def run_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Run PostgreSQL in a folder of its own and end it on leaving; `durable` waits for the disk as in real life."""
    # Not below pytest's folders: those are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="scanward-postgres-"))
    server = Postgres(folder=folder, port=free_port(), durable=durable)
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(folder, user.pw_uid, user.pw_gid)
        initdb = [str(server.programs / "initdb"), "-D", str(folder / "data"), "-U", USER, "-A", "trust"]
        subprocess.run(
            [*_as_postgres(), *initdb, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
