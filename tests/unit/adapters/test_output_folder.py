"""What `OutputFolder` puts into place, and what it leaves when it fails."""

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanward.adapters.send import folder as folder_module
from scanward.adapters.send.folder import MARKER, STAGING, OutputFolder
from scanward.errors import OutputError, SourceError
from scanward.model import instance as instance_module
from scanward.model.instance import CheckedInstance, Content, DeidentifiedInstance, Placement, Range

PLACE = {"patient": "P-1", "study_uid": "2.25.1", "series_uid": "2.25.2", "sop_instance_uid": "2.25.3"}


class Memory:
    """A source in memory: the kernel cannot copy from it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def fileno(self) -> None:
        return None

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class OnDisk(Memory):
    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(data)
        path.write_bytes(data)
        self.fd = os.open(path, os.O_RDONLY)

    def fileno(self) -> int:
        return self.fd

    def __del__(self) -> None:
        os.close(self.fd)


def checked(pieces, source, deflate_from=None, **place) -> CheckedInstance:
    instance = DeidentifiedInstance(
        pieces=pieces, deflate_from=deflate_from, source=source, placement=Placement(**(PLACE | place))
    )
    return CheckedInstance(instance, _seal=instance_module._SEAL)


@pytest.fixture
def out(tmp_path):
    folder = OutputFolder(tmp_path / "out")
    folder.prepare()
    yield folder
    folder.close()


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != MARKER)


def test_layout_and_modes(out, tmp_path):
    relative = out.write(checked([b"ab", b"cd"], Memory(b"")))
    assert relative == "P-1/2.25.1/2.25.2/2.25.3.dcm"
    assert (tmp_path / "out" / relative).read_bytes() == b"abcd"
    assert out.has(relative)
    assert not out.has("P-1/2.25.1/2.25.2/2.25.4.dcm")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    out.sync()
    out.close()
    assert files(tmp_path / "out") == [relative]
    assert not (tmp_path / "out" / STAGING).exists()


@pytest.mark.parametrize("way", ["copy_file_range", "sendfile", "read", "memory"])
@pytest.mark.parametrize("durable", [False, True])
def test_ranges_are_copied_every_way(out, tmp_path, monkeypatch, way, durable):
    data = os.urandom(3_000_001)
    source = Memory(data) if way == "memory" else OnDisk(data, tmp_path / "source")
    out._durable = durable
    if way in {"sendfile", "read"}:
        monkeypatch.setattr(folder_module, "_COPY_FILE_RANGE", None)
    if way == "read":
        monkeypatch.setattr(os, "sendfile", _refuse)
    pieces = [b"head", Range(10, 2_500_000), b"", b"mid", b"dle", Range(5, 0), Range(0, 3), Range(2_999_990, 11)]
    path = out.write(checked(pieces, source))
    expected = b"head" + data[10:2_500_010] + b"middle" + data[:3] + data[2_999_990:]
    assert (tmp_path / "out" / path).read_bytes() == expected


@pytest.mark.parametrize("deflate", [None, 0])
@pytest.mark.parametrize("on_disk", [False, True])
def test_ranges_of_what_was_made_aside(out, tmp_path, on_disk, deflate):
    data = os.urandom(100_000)
    aside = OnDisk(data, tmp_path / "aside") if on_disk else Memory(data)
    pieces = [Range(0, 3), Range(500, 90_000, Content.CODESTREAM, aside), b"new", Range(3, 3)]
    got = (tmp_path / "out" / out.write(checked(pieces, Memory(b"source"), deflate))).read_bytes()
    expected = b"sou" + data[500:90_500] + b"newrce"
    assert (zlib.decompressobj(-zlib.MAX_WBITS).decompress(got) if deflate == 0 else got) == expected


def _refuse(*_args):
    raise OSError(22, "Invalid argument")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300),
    plan=st.lists(st.one_of(st.binary(max_size=20), st.tuples(st.integers(0, 300), st.integers(0, 300))), max_size=8),
    deflate=st.none() | st.integers(0, 8),
)
def test_output_is_its_pieces(out, tmp_path, data, plan, deflate):
    pieces = [
        piece
        if isinstance(piece, bytes)
        else Range(min(piece[0], len(data)), min(piece[1], max(0, len(data) - piece[0])))
        for piece in plan
    ]
    source = Memory(data)
    got = (tmp_path / "out" / out.write(checked(pieces, source, deflate))).read_bytes()
    plain = [piece if isinstance(piece, bytes) else source.read(piece.offset, piece.length) for piece in pieces]
    first = len(pieces) if deflate is None else min(deflate, len(pieces))
    head, tail = b"".join(plain[:first]), b"".join(plain[first:])
    assert got[: len(head)] == head
    if first == len(pieces):
        assert len(got) == len(head)
    else:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        assert inflater.decompress(got[len(head) :]) == tail
        assert inflater.unused_data in {b"", b"\0"}
        assert (len(got) - len(head)) % 2 == 0


def test_an_output_replaces_an_earlier_one_whole(out, tmp_path):
    for content in (b"first", b"second"):
        path = out.write(checked([content], Memory(b"")))
        assert (tmp_path / "out" / path).read_bytes() == content


def test_a_folder_taken_away_meanwhile_is_made_again(out, tmp_path):
    path = tmp_path / "out" / out.write(checked([b"1"], Memory(b"")))
    path.unlink()
    path.parent.rmdir()
    assert (tmp_path / "out" / out.write(checked([b"2"], Memory(b"")))).read_bytes() == b"2"


def test_many_folders_are_not_remembered_for_ever(out, monkeypatch):
    monkeypatch.setattr(folder_module, "MAX_FOLDERS_REMEMBERED", 3)
    for number in range(10):
        out.write(checked([b"x"], Memory(b""), series_uid=f"2.25.{number}"))
        assert len(out._made) <= 3


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "/", ".hidden", "a\0b", "ä", "a b", "x" * 129, "a\n"])
@pytest.mark.parametrize("where", list(PLACE))
def test_a_part_of_a_path_is_a_pseudonym_or_uid(out, tmp_path, where, part):
    with pytest.raises(OutputError, match="parts"):
        out.write(checked([b"x"], Memory(b""), **{where: part}))
    assert files(tmp_path / "out") == []


def test_a_range_beyond_the_source_leaves_nothing(out, tmp_path):
    for source in (Memory(b"abc"), OnDisk(b"abc", tmp_path / "source")):
        with pytest.raises(SourceError, match="shorter"):
            out.write(checked([b"x", Range(1, 10)], source))
    assert files(tmp_path / "out") == []


def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(OutputError, match="did not write") as caught:
        OutputFolder(tmp_path / "out").prepare()
    assert caught.value.remedy
    assert files(tmp_path / "out") == ["holiday.jpg"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_bytes(b"x")
    with pytest.raises(OutputError):
        OutputFolder(tmp_path / "out").prepare()


def test_an_earlier_folder_is_taken_over_and_its_leftovers_are_cleared(tmp_path):
    first = OutputFolder(tmp_path / "out")
    first.prepare()
    path = first.write(checked([b"x"], Memory(b"")))
    (tmp_path / "out" / STAGING / "1-1").write_bytes(b"half")
    os.close(first._lock)  # as a kill does
    second = OutputFolder(tmp_path / "out")
    second.prepare()
    assert files(tmp_path / "out") == [path]
    second.close()


def test_two_runs_do_not_write_into_one_folder(out, tmp_path):
    with pytest.raises(OutputError, match="another run"):
        OutputFolder(tmp_path / "out").prepare()
    out.close()
    again = OutputFolder(tmp_path / "out")
    again.prepare()
    again.close()


def test_a_staging_folder_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_bytes(b"x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MARKER).write_bytes(b"")
    (tmp_path / "out" / STAGING).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="staging"):
        OutputFolder(tmp_path / "out").prepare()
    assert (tmp_path / "elsewhere" / "precious").exists()
