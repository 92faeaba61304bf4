"""``make nightly``: the torture of the gateway at length: every write failed and cut off, and storms by the dozen.

Run as ``benchmarks/torture.py [--minutes M] [--seed N]``: first each call of a store that writes, before and after,
killed and failed, on SQLite and PostgreSQL; then storms with new seeds for as long as there is time. A storm that shows
something is told with its seed, by which it is run again: ``--seed N --storms 1 --database postgresql``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.common.postgres import run_postgres  # noqa: E402 - the tests are found by the path above
from tests.common.storm import Storm, run_storm  # noqa: E402 - as above

DATABASES = ("sqlite", "postgresql")


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long to have storms  [%(default)s]")
    parser.add_argument("--storms", type=int, default=1000, help="so many storms at most on each database")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the first storm  [the time]")
    parser.add_argument("--database", choices=DATABASES, help="only on this one")
    parser.add_argument("--only-storms", action="store_true", help="leave out the failed writes")
    return parser.parse_args()


def fail_every_write() -> bool:
    """Run the test of every write with each call and each fault; return whether all went well."""
    test = "tests/faults/test_gateway_torture.py::test_a_write_that_fails_or_is_cut_off_loses_nothing"
    command = [sys.executable, "-m", "pytest", "-q", test]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "NIGHTLY": "1"}, check=False).returncode == 0


def have_storms(arguments: argparse.Namespace) -> list[str]:
    """Have storms until the time is over; return those that showed something."""
    bad: list[str] = []
    databases = [arguments.database] if arguments.database else list(DATABASES)
    until = time.monotonic() + 60 * arguments.minutes
    with (
        tempfile.TemporaryDirectory(prefix="scanward-torture-") as folder,
        run_postgres() if "postgresql" in databases else nullcontext() as server,
    ):
        for seed in range(arguments.seed, arguments.seed + arguments.storms):
            for database in databases:
                if time.monotonic() > until:
                    return bad
                on_server = database == "postgresql"
                storm = Storm(seed=seed, studies=8, instances=5, kills=8, workers=2 if on_server else 0)
                began = time.monotonic()
                try:
                    rest = run_storm(Path(folder, f"{database}{seed}"), storm, server if on_server else None)
                except Exception:  # noqa: BLE001 - told, and the next one is run
                    traceback.print_exc()
                    bad.append(f"{database}, seed {seed}")
                else:
                    held = len({(one.recipient, one.sop_instance_uid) for one in rest.arrived})
                    said = f"{len(rest.accepted)} accepted, {held} held, {len(rest.arrived)} came"
                    print(f"{database:12} seed {seed}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    return bad


def main() -> int:
    """Run it; return 1 where something was lost, came twice, or is on no record."""
    arguments = parse_arguments()
    good = arguments.only_storms or fail_every_write()
    bad = have_storms(arguments)
    for one in bad:
        print(f"the storm on {one} showed something", file=sys.stderr)
    return 0 if good and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
