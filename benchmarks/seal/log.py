"""The transparency log: durable events a second beside bare write and fsync, and proofs in a log of a million entries.

Entries are commitments of 32 bytes. The bare writer appends the same bytes, as a bundle has them, to one file in the
same folder, and flushes each batch; rounds of it and of the log take turns. What is staged is durable; what is appended
is published as well: tiles, signature, checkpoint.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

from gateway import work_folder
from table import format_table

from scanward.adapters.tlog.folder import FolderLog
from scanward.tlog.checkpoint import Policy
from scanward.tlog.merkle import leaf_hash, verify_inclusion
from scanward.tlog.proof import LogProof
from scanward.tlog.tile import write_bundle
from tests.common.logs import ORIGIN, SIGNER, make_entries

BATCHES = (1, 64, 1024)
ROUND = 10
"""Batches in a round of each."""

ROUNDS = {1: 40, 64: 40, 1024: 12}
QUICK_ROUNDS = {1: 5, 64: 5, 1024: 3}
GOAL_SHARE = 0.9
"""Goal: durable events a second, as a share of what bare write and fsync gives."""

ENTRIES = 1_000_000
QUICK_ENTRIES = 100_000
PROOFS = 2_000
GOAL_PROOF_MS = 1.0
BULK = 16_384


def _time(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(ROUND):
        do()
    return (time.perf_counter() - began) / ROUND


def measure_batches(folder: Path, batch: int, rounds: int) -> dict[str, float]:
    """Return events a second of each way to write, and medians of the shares by round."""
    entries = make_entries(batch)
    payload = write_bundle(entries)
    # The harder limit: no metadata to flush, as the room is there already; the journal of the log does as much.
    room = len(payload) * ROUND * (rounds + 1)
    bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    there = os.open(folder / "there", os.O_WRONLY | os.O_CREAT)
    os.write(there, bytes(room))
    os.fsync(there)
    os.lseek(there, 0, os.SEEK_SET)

    def write_bare() -> None:
        os.write(bare, payload)
        os.fsync(bare)

    def write_there() -> None:
        os.write(there, payload)
        os.fdatasync(there)

    took: dict[str, list[float]] = {"bare": [], "there": [], "stage": [], "append": []}
    try:
        with (
            FolderLog(folder / "staged", origin=ORIGIN, signers=[SIGNER]) as staged,
            FolderLog(folder / "appended", origin=ORIGIN, signers=[SIGNER]) as appended,
        ):
            ways = {
                "bare": write_bare,
                "there": write_there,
                "stage": lambda: staged.stage(entries),
                "append": lambda: appended.append(entries),
            }
            for number in range(rounds):
                # Another one goes first each time, as what one leaves for the disk to do slows the next.
                for name in list(ways)[number % 4 :] + list(ways)[: number % 4]:
                    took[name].append(_time(ways[name]))
            began = time.perf_counter()
            staged.publish()
            publishing = time.perf_counter() - began
    finally:
        os.close(bare)
        os.close(there)
    figures = {f"{name}_per_second": batch / statistics.mean(times) for name, times in took.items()}
    for name in ("stage", "append"):
        shares = [one / other for one, other in zip(took["bare"], took[name], strict=True)]
        figures[f"{name}_share"] = statistics.mean(took["bare"]) / statistics.mean(took[name])
        figures[f"{name}_share_median"] = statistics.median(shares)
    figures["stage_share_of_there"] = statistics.mean(took["there"]) / statistics.mean(took["stage"])
    figures["publish_all_seconds"] = publishing
    return figures


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000


def measure_proofs(folder: Path, count: int) -> dict[str, float]:
    """Fill a log, and time proofs of random entries: made, and verified without and with the signature."""
    policy = Policy(origin=ORIGIN, keys=(SIGNER.key(),))
    rng = Random(1)
    began = time.perf_counter()
    with closing(FolderLog(folder / "large", origin=ORIGIN, signers=[SIGNER])) as log:
        for first in range(0, count, BULK):
            log.append(make_entries(min(BULK, count - first), first))
    filling = time.perf_counter() - began
    began = time.perf_counter()
    made, verified, all_verified = [], [], []
    with closing(FolderLog(folder / "large", origin=ORIGIN, signers=[SIGNER])) as log:
        opening = time.perf_counter() - began
        for _ in range(PROOFS):
            index = rng.randrange(count)
            (entry,) = make_entries(1, index)
            began = time.perf_counter()
            proof = log.proof(index)
            made.append(time.perf_counter() - began)
            all_verified.append(_time_verifying(proof, entry, policy))
            tree = policy.verify(proof.checkpoint).checkpoint
            began = time.perf_counter()
            verify_inclusion(leaf_hash(entry), index, tree.size, proof.hashes, tree.root)
            verified.append(time.perf_counter() - began)
    figures = {"entries": float(count), "fill_seconds": filling, "open_seconds": opening}
    for name, times in {"make": made, "verify": verified, "verify_signed": all_verified}.items():
        figures[f"{name}_ms"], figures[f"{name}_p99_ms"] = _quantiles(times)
    return figures


def _time_verifying(proof: LogProof, entry: bytes, policy: Policy) -> float:
    began = time.perf_counter()
    proof.verify(entry, policy)
    return time.perf_counter() - began


def run(data: Path | None = None, *, quick: bool = False) -> dict[str, object]:  # noqa: ARG001 - as for its siblings
    """Measure, print, and return the figures.

    Parameters
    ----------
    data
        Not needed: entries are made up.
    quick
        Whether few rounds and a smaller log do.
    """
    with work_folder() as work:
        batches = {}
        for batch in BATCHES:
            (work / str(batch)).mkdir()
            batches[batch] = measure_batches(work / str(batch), batch, (QUICK_ROUNDS if quick else ROUNDS)[batch])
        proofs = measure_proofs(work, QUICK_ENTRIES if quick else ENTRIES)
    print("\nLog: durable events a second, beside bare write and fsync of the same bytes\n")
    rows = [
        [
            f"batches of {batch}",
            *(f"{one[f'{name}_per_second']:,.0f}" for name in ("bare", "there", "stage", "append")),
            f"{one['stage_share']:.2f} ({one['stage_share_median']:.2f})",
            f"{one['append_share']:.2f} ({one['append_share_median']:.2f})",
        ]
        for batch, one in batches.items()
    ]
    head = ("", "bare", "bare, room there", "durable", "published", "durable/bare (median)", "published/bare (median)")
    print(format_table(head, rows))
    print(
        f"\nProofs in a log of {proofs['entries']:,.0f} entries, filled in {proofs['fill_seconds']:.0f} s, opened in "
        f"{proofs['open_seconds'] * 1000:.0f} ms\n"
    )
    rows = [
        [what, f"{proofs[f'{name}_ms']:.3f} ms", f"{proofs[f'{name}_p99_ms']:.3f} ms"]
        for what, name in {
            "made": "make", "verified": "verify", "verified with the signature": "verify_signed",
        }.items()
    ]  # fmt: skip
    print(format_table(("inclusion proof", "median", "99 of 100"), rows))
    goals = {
        f"durable at batch {batch}: {GOAL_SHARE:.0%} of bare": one["stage_share"] >= GOAL_SHARE
        for batch, one in batches.items()
    }
    goals["inclusion proof made and verified in under 1 ms each"] = (
        max(proofs["make_ms"], proofs["verify_ms"]) < GOAL_PROOF_MS
    )
    return {"batches": {str(batch): one for batch, one in batches.items()}, "proofs": proofs, "goals": goals}


if __name__ == "__main__":
    for goal, is_met in run()["goals"].items():  # type: ignore[attr-defined]
        print(f"{'met ' if is_met else 'MISSED'}  {goal}")
