"""How fast instances are taken in, and what CPU time that takes: Scanward beside other receivers, on the same files.

Each receiver starts anew in each round, takes a few instances uncounted, then a set on one association and another set
on four, then, where it has that door, a third set by STOW-RS.
"""

import argparse
import itertools
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from contenders import PEERS, find_command
from gateway import (
    Server,
    finish,
    make_home,
    options,
    run_scanward,
    running,
    send,
    serving,
    wait_for,
    work_folder,
)
from inputs import SETS
from measure import find_dicom
from table import format_table

from tests.common.ports import free_port, is_listening

WARM_UP = 20
ASSOCIATIONS = (1, 4)
STOW_PARTS = 20
"""Instances in one STOW-RS request."""

SCANWARD = "Scanward"
ORTHANC = "Orthanc"
DICOM_WEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
BOUNDARY = "boundary"


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """What takes instances in.

    Attributes
    ----------
    name, ae_title
        What it is called.
    run
        Runs it in an empty folder.
    needs
        Command without which it cannot run.
    stow
        Path of its STOW-RS service, empty without.
    durable
        What is on the disk when the sender hears success.
    """

    name: str
    ae_title: str
    run: Callable[[Path], AbstractContextManager[Server]]
    durable: str
    needs: str = ""
    stow: str = ""


@dataclass(frozen=True, kw_only=True)
class Took:
    """What one set took: instances a second, and milliseconds of CPU time an instance."""

    rate: float
    cpu_ms: float


@contextmanager
def _gateway(folder: Path) -> Iterator[Server]:
    with serving(make_home(folder / "home")) as server:
        yield server


@contextmanager
def _listening(command: Sequence[str], folder: Path, port: int, http_port: int = 0) -> Iterator[Server]:
    with running(command, folder / "log") as process:
        ports = [port, http_port] if http_port else [port]
        wait_for(process, lambda: all(map(is_listening, ports)), folder / "log")
        yield Server(pid=process.pid, dicom_port=port, http_port=http_port)


def _script(name: str) -> Callable[[Path], AbstractContextManager[Server]]:
    def run(folder: Path) -> AbstractContextManager[Server]:
        port = free_port()
        (folder / "spool").mkdir(mode=0o700)
        return _listening([sys.executable, str(PEERS / name), str(port), str(folder)], folder, port)

    return run


def _storescp(folder: Path) -> AbstractContextManager[Server]:
    port = free_port()
    command = [find_command("storescp") or "storescp", "--fork", "+B", "+xa", "-od", str(folder), str(port)]
    return _listening(command, folder, port)


def _orthanc(folder: Path) -> AbstractContextManager[Server]:
    port, http_port = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "DicomPort": port,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "DicomAlwaysAllowStore": True,
        "Plugins": [str(DICOM_WEB)] if DICOM_WEB.exists() else [],
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return _listening([find_command("Orthanc") or "Orthanc", str(path)], folder, port, http_port)


RECEIVERS = (
    Receiver(
        name=SCANWARD, ae_title="SCANWARD", run=_gateway, stow="/dicom-web/studies",
        durable="all: encrypted file, its name, ledger",
    ),
    Receiver(name="Scanward's SCP alone", ae_title="SCANWARD", run=_script("scanward_scp.py"), durable="nothing"),
    Receiver(
        name=ORTHANC, ae_title="ORTHANC", run=_orthanc, needs="Orthanc", durable="file (its default); not its index",
        stow="/dicom-web/studies" if DICOM_WEB.exists() else "",
    ),
    Receiver(name="storescp --fork +B", ae_title="ANY", run=_storescp, needs="storescp", durable="nothing"),
    Receiver(name="pynetdicom, chunked", ae_title="ANY", run=_script("pynetdicom_scp.py"), durable="nothing"),
)  # fmt: skip
"""In the order of the table."""


def _take(receiver: Receiver, folder: Path, sets: Sequence[Sequence[Path]]) -> dict[str, Took]:
    """Run a receiver once over all sets."""
    found: dict[str, Took] = {}
    warm_up, *timed, stow = sets
    with receiver.run(folder) as server:
        send(server.dicom_port, receiver.ae_title, warm_up)
        for associations, files in zip(ASSOCIATIONS, timed, strict=True):
            before = server.cpu_seconds()
            seconds = send(server.dicom_port, receiver.ae_title, files, associations)
            found[str(associations)] = _took(files, seconds, server.cpu_seconds() - before)
        if receiver.stow and stow:
            token = _token(folder) if receiver.name == SCANWARD else ""
            before = server.cpu_seconds()
            seconds = _post(f"http://127.0.0.1:{server.http_port}{receiver.stow}", token, stow)
            found["stow"] = _took(stow, seconds, server.cpu_seconds() - before)
    return found


def _took(files: Sequence[Path], seconds: float, cpu_seconds: float) -> Took:
    return Took(rate=len(files) / seconds, cpu_ms=cpu_seconds / len(files) * 1000)


def _token(folder: Path) -> str:
    return run_scanward(folder / "home", "token", "--role", "imaging-it", "--subject", "benchmark").strip()


def _post(url: str, token: str, files: Sequence[Path]) -> float:
    """Store files by STOW-RS, several a request, on one connection; return how long the requests took."""
    headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    seconds = 0.0
    with httpx.Client(headers=headers, timeout=60.0, trust_env=False) as client:
        for first in range(0, len(files), STOW_PARTS):
            body = b"".join(
                b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (BOUNDARY.encode(), file.read_bytes())
                for file in files[first : first + STOW_PARTS]
            )
            response = client.post(url, content=body + f"--{BOUNDARY}--\r\n".encode())
            response.raise_for_status()
            seconds += response.elapsed.total_seconds()
    return seconds


def _median(rounds: Sequence[dict[str, Took]], way: str) -> Took | None:
    took = [one[way] for one in rounds if way in one]
    if not took:
        return None
    return Took(rate=statistics.median(one.rate for one in took), cpu_ms=statistics.median(one.cpu_ms for one in took))


def _print(medians: dict[str, dict[str, Took]], arguments: argparse.Namespace, size: int) -> None:
    print(
        f"\nReceiving: {arguments.instances} CT instances a set, {size / 1e6:.2f} MB each, by C-STORE (storescu) on 1 "
        f"and 4 associations, and by STOW-RS, {STOW_PARTS} a request; medians of {arguments.rounds} rounds\n"
    )
    head = [
        "",
        *(f"{what} {way}" for way in ("1", "4", "STOW") for what in ("inst/s", "CPU ms")),
        "on the disk at success",
    ]
    rows = []
    for receiver in RECEIVERS:
        if receiver.name in medians:
            cells = [medians[receiver.name].get(way) for way in ("1", "4", "stow")]
            figures = [
                text for one in cells for text in ((f"{one.rate:.0f}", f"{one.cpu_ms:.2f}") if one else ("", ""))
            ]
            rows.append([receiver.name, *figures, receiver.durable])
    print(format_table(head, rows))
    print("\nCPU: the receiver's alone; who sends shares the cores with it, which bounds the rate.")


def _goals(medians: dict[str, dict[str, Took]]) -> dict[str, bool]:
    """Compare with Orthanc, in rate and in CPU time."""
    goals: dict[str, bool] = {}
    ours, theirs = medians.get(SCANWARD, {}), medians.get(ORTHANC, {})
    ways = {"1": "on 1 association", "4": "on 4 associations", "stow": "by STOW-RS"}
    for way in [way for way in ways if way in ours and way in theirs]:
        rate, cpu = ours[way].rate / theirs[way].rate, theirs[way].cpu_ms / ours[way].cpu_ms
        goals[f"ahead of Orthanc in rate {ways[way]}: {rate:.2f} times"] = rate > 1
        goals[f"ahead of Orthanc in CPU time {ways[way]}: {1 / cpu:.2f} of it"] = cpu > 1
    return goals


def _split(files: Sequence[Path], count: int) -> list[Sequence[Path]]:
    """Return the instances to begin with, and one set for each way."""
    ends = [WARM_UP + number * count for number in range(len(ASSOCIATIONS) + 2)]
    return [files[:WARM_UP], *(files[start:end] for start, end in itertools.pairwise(ends))]


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, instances=300, rounds=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these receivers")
    arguments = parser.parse_args()
    chosen = [one for one in RECEIVERS if not arguments.only or one.name in arguments.only]
    rounds: dict[str, list[dict[str, Took]]] = {
        one.name: [] for one in chosen if not one.needs or find_command(one.needs)
    }
    with work_folder() as work:
        SETS["ct"](work / "ct", WARM_UP + arguments.instances * (len(ASSOCIATIONS) + 1), arguments.data)
        files = find_dicom(work / "ct")
        for number, receiver in itertools.product(range(arguments.rounds), chosen):
            if receiver.name in rounds:
                folder = work / f"{number}"
                folder.mkdir()
                rounds[receiver.name].append(_take(receiver, folder, _split(files, arguments.instances)))
                shutil.rmtree(folder)
        size = files[0].stat().st_size
    ways = [*map(str, ASSOCIATIONS), "stow"]
    medians = {
        name: {way: took for way in ways if (took := _median(taken, way)) is not None} for name, taken in rounds.items()
    }
    _print(medians, arguments, size)
    for one in chosen:
        if one.name not in rounds:
            print(f"{one.name} is not measured: it is not installed.")
    figures: dict[str, object] = {
        "instances": arguments.instances,
        "receivers": {name: {way: asdict(took) for way, took in found.items()} for name, found in medians.items()},
    }
    finish(_goals(medians), figures, arguments.json)


if __name__ == "__main__":
    main()
