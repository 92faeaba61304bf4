"""Files of gigabytes are walked and rewritten in a few megabytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.dicomstream.datasets import EXPLICIT, Node, encode_as, file_of, head

GIB = 1024**3

PROGRAM = """
import os, sys
from scanward.dicomstream.rewrite import Edit, gather, rewrite_element, Scope
from scanward.dicomstream.similar import SimilarDataSets
from scanward.errors import ScanwardError
from scanward.model.instance import Range
from tests.unit.dicomstream.datasets import open_data_set, vr_bytes_of, encoding_of

class File:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.fd).st_size
    def fileno(self):
        return self.fd
    def read(self, offset, length):
        return os.pread(self.fd, length, offset)

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

def descend(element, scope, reader):
    if element.tag == 0x00100010:
        return b"REPLACED"
    return Edit.DESCEND if reader.is_sequence(element) else Edit.KEEP

def process(reader, element, end, creator):
    pieces, _ = rewrite_element(reader, element, limit=reader.size, scope=Scope(), decide=descend)
    return gather(reader, pieces)

def run(path):
    start = open_data_set(File(path), vr_of=vr_bytes_of, encoding_of=encoding_of)
    return SimilarDataSets(process, lambda results: sum(results, [])).process(start)

run(sys.argv[1])  # loads the tables
before = peak()
try:
    pieces = [piece for pieces in run(sys.argv[2]) for piece in pieces]
except ScanwardError as error:
    print(type(error).__name__, peak() - before)
else:
    print(sum(piece.length if isinstance(piece, Range) else len(piece) for piece in pieces), peak() - before)
"""


def run(tmp_path: Path, big: Path) -> tuple[str, int]:
    small = tmp_path / "small.dcm"
    small.write_bytes(file_of(encode_as([Node(0x00100010, "PN", b"A^B ")], EXPLICIT), EXPLICIT))
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, small, big], env=env, check=True, capture_output=True, text=True
    )
    result, growth = done.stdout.split()
    return result, int(growth)


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@pytest.fixture
def sparse(tmp_path: Path):
    """Make a file of the given parts; a number leaves so many bytes out."""

    def make(*parts: bytes | int) -> Path:
        path = tmp_path / "big.dcm"
        with path.open("wb") as file:
            for part in parts:
                if isinstance(part, int):
                    file.seek(part, os.SEEK_CUR)
                else:
                    file.write(part)
            file.truncate()
        return path

    return make


HEADER = file_of(encode_as([Node(0x00100010, "PN", b"A^B ")], EXPLICIT), EXPLICIT)


def test_native_pixels(tmp_path: Path, sparse) -> None:
    length = 4 * GIB - 2
    result, growth = run(tmp_path, sparse(HEADER, head(0x7FE00010, "OW", length, False, True), length))
    assert int(result) == 16 + 12 + length
    assert growth < 20_000_000


def test_many_frames(tmp_path: Path, sparse) -> None:
    frame = (head(0xFFFEE000, "", 1024 * 1024, True, True), 1024 * 1024)
    opening = head(0x7FE00010, "OB", 0xFFFFFFFF, False, True) + head(0xFFFEE000, "", 0, True, True)
    result, growth = run(tmp_path, sparse(HEADER, opening, *frame * 3000, head(0xFFFEE0DD, "", 0, True, True)))
    assert int(result) == 16 + 20 + 3000 * (8 + 1024 * 1024) + 8
    assert growth < 20_000_000


def test_functional_groups_of_many_frames(tmp_path: Path, sparse) -> None:
    """Sequences of two hundred megabytes are looked into; what changes is all that is held."""
    name = head(0x00100010, "PN", 4, False, True) + b"A^B "
    values = head(0x00420011, "OB", 100_000, False, True)
    item = (head(0xFFFEE000, "", len(name) + len(values) + 100_000, True, True) + name + values, 100_000)
    count = 2000
    length = count * (8 + len(name) + len(values) + 100_000)
    result, growth = run(tmp_path, sparse(HEADER, head(0x52009230, "SQ", length, False, True), *item * count))
    assert int(result) == 16 + 12 + length + 4 * count
    assert growth < 20_000_000


def test_a_character_set_of_gigabytes_is_refused(tmp_path: Path, sparse) -> None:
    path = sparse(head(0x00080005, "", 3 * GIB, True, True), 3 * GIB)
    result, growth = run(tmp_path, path)
    assert result == "DicomFormatError"
    assert growth < 20_000_000
