"""Hostile and broken inputs: a clear refusal, nothing opened, nothing spooled."""

import os
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest

from scanward.adapters.receive import archive as archive_module
from scanward.adapters.receive.folder import FolderSources
from scanward.errors import OutputError, ScanwardError, SourceError
from scanward.model.source import RefusedFile, SourceFile


@pytest.fixture
def place(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path


def sources(place: Path) -> FolderSources:
    return FolderSources([place / "in"], exclude=place / "out", spool=place / "spool")


def reasons(place: Path) -> list[str]:
    return [item.reason for item in sources(place).find() if isinstance(item, RefusedFile)]


def test_a_bomb_that_outgrows_the_disk_is_refused(place, monkeypatch):
    with zipfile.ZipFile(place / "in" / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}", bytes(20 << 20))
    assert reasons(place) == []
    monkeypatch.setattr(archive_module, "_free_bytes", lambda folder: 50 << 20)
    assert reasons(place) == ["a zip archive that unpacks to more than the disk holds, as a zip bomb does"]


def overlapping_zip(path: Path, count: int) -> None:
    """Write a bomb as David Fifield's: `count` entries of the directory that share one body."""
    body = zlib.compress(bytes(1 << 20), 9)[2:-4]
    crc = zlib.crc32(bytes(1 << 20))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(body), 1 << 20, 1, 0) + b"0" + body
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(body), 1 << 20, 1, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + bytes([48 + number % 70]) for number in range(count))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(local), 0)
    path.write_bytes(local + directory + end)


def test_a_bomb_of_overlapping_members_is_refused(place):
    overlapping_zip(place / "in" / "bomb.zip", 50)
    assert reasons(place) == ["a zip archive whose members overlap, as in a zip bomb"]


def test_a_directory_too_long_for_the_memory_is_not_read(place, monkeypatch):
    with zipfile.ZipFile(place / "in" / "many.zip", "w") as archive:
        for number in range(200):
            archive.writestr(f"member {number}", b"x")
    monkeypatch.setattr(archive_module, "MAX_DIRECTORY_BYTES", 5000)
    assert reasons(place) == ["a zip archive that is damaged"]


def test_too_many_members_are_refused(place, monkeypatch):
    with zipfile.ZipFile(place / "in" / "many.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"member {number}", b"x")
    monkeypatch.setattr(archive_module, "MAX_MEMBERS", 10)
    assert reasons(place) == ["a zip archive with more than 10 members"]


def claim(path: Path, size: int) -> None:
    """Make the one member of the archive at `path` claim to unpack to `size` bytes."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.index(b"PK\3\4") + 22, size)
    struct.pack_into("<L", content, content.index(b"PK\1\2") + 24, size)
    path.write_bytes(content)


@pytest.mark.parametrize("size", [10, 99_999, 100_001, 1_000_000])
def test_a_member_never_unpacks_to_more_than_it_claims(place, size):
    path = place / "in" / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", os.urandom(50_000) + bytes(50_000))
    claim(path, size)
    source = sources(place)
    found = list(source.find())
    for item in found:
        if isinstance(item, SourceFile):
            with source.open(item) as data, pytest.raises(SourceError, match="damaged"):
                data.fileno()
            assert list((place / "spool").iterdir()) == []
    source.close()


def test_a_member_that_claims_what_deflate_cannot_do_is_refused(place):
    path = place / "in" / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", b"abc")
    claim(path, 3_000_000_000)
    assert reasons(place) == ["an archive member that claims to unpack to more than it can"]


def test_no_room_to_unpack_is_told(place, monkeypatch):
    with zipfile.ZipFile(place / "in" / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(1000))
    source = sources(place)
    (file,) = source.find()
    with monkeypatch.context() as patch:
        patch.setattr(archive_module, "_free_bytes", lambda folder: 999)
        with pytest.raises(OutputError, match="no room"):
            source.open(file)

    def full(fd, data):
        raise OSError(28, "No space left on device")

    with source.open(file) as data:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="no room"):
            data.read(0, 10)
    source.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_what_may_not_be_read_is_named_and_the_rest_is_found():
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        for name in ("open", "closed", "folder/file"):
            path = place / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        (place / "in" / "closed").chmod(0)
        (place / "in" / "folder").chmod(0)
        os.seteuid(65534)
        try:
            found = list(sources(place).find())
        finally:
            os.seteuid(0)
    assert [(Path(item.path).name, getattr(item, "reason", "")) for item in found] == [
        ("closed", "no permission to read it"),
        ("folder", "a folder that cannot be listed: no permission to read it"),
        ("open", ""),
    ]


@pytest.mark.parametrize("number", [5, 13, 116])
def test_a_disk_that_fails_while_reading_is_told(place, monkeypatch, number):
    (place / "in" / "a").write_bytes(b"x" * 100)
    source = sources(place)
    (file,) = source.find()

    def fail(*args):
        raise OSError(number, "of a file named Doe^Jane")

    with source.open(file) as data:
        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(SourceError) as caught:
            data.read(0, 10)
    assert "Doe" not in str(caught.value)
    (refused,) = sources(place).find()
    assert isinstance(refused, RefusedFile)


def test_no_message_carries_a_name(place):
    name = "DOE^JANE"
    (place / "in" / name).write_bytes(b"x")
    source = sources(place)
    (file,) = source.find()
    (place / "in" / name).unlink()
    messages = []
    for act in (lambda: source.open(file), lambda: FolderSources([place / name], exclude=place / "out", spool=place)):
        with pytest.raises(ScanwardError) as caught:
            act()
        messages.append(f"{caught.value} {caught.value.remedy} {caught.value!r} {caught.value.__cause__}")
    assert name not in "".join(messages)
