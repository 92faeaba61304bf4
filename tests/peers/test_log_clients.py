"""Logs of ours, read by the client code of the Go checksum database (golang.org/x/mod/sumdb)."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scanward.adapters.tlog.reader import CHECKPOINT, FolderReader, VerifiedLog
from tests.common.logs import POLICY, SIGNER, LogSigner, make_entries, open_log, sign_checkpoint

SOURCES = Path("/usr/share/gocode")
"""Where Debian puts golang-golang-x-mod-dev."""

SIZES = [1, 2, 255, 256, 257, 700, 66_000]


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    if shutil.which("go") is None:
        pytest.skip("go is missing (Debian package golang-go)")
    if not (SOURCES / "src/golang.org/x/mod/sumdb/tlog/tile.go").is_file():
        pytest.skip("golang.org/x/mod is missing (Debian package golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("client")
    built = folder / "log_client"
    environment = {
        **os.environ, "GO111MODULE": "off", "GOPATH": str(SOURCES), "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOMAXPROCS": "2",
    }  # fmt: skip
    source = Path(__file__).parent / "log_client" / "main.go"
    subprocess.run(["go", "build", "-o", str(built), str(source)], env=environment, check=True, timeout=300)
    return built


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A folder as it was at each size, and the reading of it."""
    where = tmp_path_factory.mktemp("logs")
    found = {}
    with open_log(where / "log", journal_entries=65_536) as log:
        for size in SIZES:
            log.append(make_entries(size - log.size, first=log.size))
            shutil.copytree(where / "log", where / str(size))
            found[size] = (where / str(size), VerifiedLog.open(FolderReader(where / str(size)), POLICY))
    return found


def run(client, folder, old, index, proof, key=None):
    proof_file = folder.parent / f"{folder.name}.tlog-proof"
    proof_file.write_bytes(proof.encode())
    command = [
        str(client), str(folder), key or SIGNER.key().text(), str(old.size),
        base64.b64encode(old.root).decode(), str(index), str(proof_file),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_another_client_reads_our_logs_and_checks_our_proofs(client, logs):
    for size, (folder, reading) in logs.items():
        for old_size in [one for one in SIZES if one <= size]:
            for index in {0, size // 3, size - 1}:
                proof = reading.inclusion_proof(index)
                answer = run(client, folder, logs[old_size][1].checkpoint, index, proof)
                assert answer.returncode == 0, answer.stderr
                said, *theirs = answer.stdout.splitlines()
                assert said == f"size {size}"
                ours = reading.consistency_proof(old_size)
                assert theirs == [base64.b64encode(one).decode() for one in ours]


def test_another_client_refuses_what_we_refuse(client, logs, tmp_path):
    folder, reading = logs[700]
    old, proof = logs[257][1].checkpoint, reading.inclusion_proof(300)
    assert "invalid signature" not in run(client, folder, old, 300, proof).stderr

    stranger = LogSigner(9).key().text()
    assert "no verifiable signatures" in run(client, folder, old, 300, proof, stranger).stderr

    forged = tmp_path / "forged"
    shutil.copytree(folder, forged)
    (forged / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes().replace(b"\n700\n", b"\n699\n"))
    assert "invalid signature" in run(client, forged, old, 300, proof).stderr

    shutil.copy(folder / CHECKPOINT, forged / CHECKPOINT)
    tile = forged / "tile/0/001"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    # By the tile, or by the proof that it makes of it: in some versions x/mod looks at only part of the tiles.
    answer = run(client, forged, old, 300, proof)
    assert "inconsistent tile" in answer.stderr or "invalid transparency proof" in answer.stderr

    other = sign_checkpoint(reading.signed.note.text.replace("\n700\n", "\n701\n"))
    (folder.parent / "split").mkdir()
    (folder.parent / "split" / CHECKPOINT).write_bytes(other)
    assert run(client, folder.parent / "split", old, 300, proof).returncode == 1
