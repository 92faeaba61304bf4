"""What `FolderSources` finds, refuses and opens."""

import os
import socket
from pathlib import Path

import pytest

from scanward.adapters.receive.folder import FolderSources
from scanward.errors import OutputError, SourceError
from scanward.model.source import RefusedFile, SourceFile


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


def sources(place: Path, *paths: Path) -> FolderSources:
    return FolderSources(paths or (place / "in",), exclude=place / "out", spool=place / "spool")


def names(found: list[SourceFile | RefusedFile], place: Path) -> list[str]:
    return [str(Path(item.path).relative_to(place / "in")) for item in found]


def test_folders_at_any_depth_come_sorted_by_name(place):
    for name in ("b/2", "b/1", "a", "c/x/y/z", ".hidden", ".DS_Store", "DICOMDIR"):
        path = place / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = list(sources(place).find())
    assert names(found, place) == [".DS_Store", ".hidden", "DICOMDIR", "a", "b/1", "b/2", "c/x/y/z"]
    assert found == list(sources(place).find())


def test_ten_thousand_levels_do_not_exhaust_the_stack(place):
    folder = place / "in"
    here = os.open(folder, os.O_RDONLY)
    for _ in range(3000):  # made by relative steps: the whole path is longer than a system call takes
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = list(sources(place).find())
    assert [item.reason for item in found if isinstance(item, RefusedFile)] == [
        "a folder that cannot be listed: its path is too long for this system"
    ]
    _remove_deep(folder)


def _remove_deep(folder: Path) -> None:
    fds = [os.open(folder, os.O_RDONLY)]
    os.rename("d", "x", src_dir_fd=fds[0], dst_dir_fd=fds[0])
    top = fds[0]
    while True:  # flatten: move the child up, remove the empty parent
        try:
            inner = os.open("x", os.O_RDONLY, dir_fd=top)
            os.rename("d", "y", src_dir_fd=inner, dst_dir_fd=top)
        except FileNotFoundError:
            os.close(inner)
            os.rmdir("x", dir_fd=top)
            break
        os.close(inner)
        os.rmdir("x", dir_fd=top)
        os.rename("y", "x", src_dir_fd=top, dst_dir_fd=top)
    os.close(top)


def test_a_dicomdir_stands_for_its_folder(place):
    for name in ("DICOMDIR", "IM1"):
        (place / "in" / name).write_bytes(b"x")
    assert names(list(sources(place, place / "in" / "DICOMDIR").find()), place) == ["DICOMDIR", "IM1"]


def test_the_same_file_comes_once_however_it_is_reached(place):
    file = place / "in" / "a"
    file.write_bytes(b"x")
    (place / "in" / "hard").hardlink_to(file)
    (place / "in" / "soft").symlink_to(file)
    found = list(sources(place, place / "in", place / "in", file).find())
    assert names(found, place) == ["a"]


def test_loops_of_links_end(place):
    (place / "in" / "a").mkdir()
    (place / "in" / "a" / "file").write_bytes(b"x")
    (place / "in" / "a" / "up").symlink_to(place / "in", target_is_directory=True)
    (place / "in" / "self").symlink_to(place / "in" / "self")
    found = list(sources(place).find())
    assert names(found, place) == ["a/file", "self"]
    assert found[1] == RefusedFile(path=str(place / "in" / "self"), reason="a link that leads back to itself")


def test_what_is_no_file_is_refused_without_being_opened(place, monkeypatch):
    os.mkfifo(place / "in" / "pipe")
    monkeypatch.chdir(place / "in")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        (place / "in" / "device").symlink_to("/dev/zero")
        (place / "in" / "nowhere").symlink_to("missing")
        reasons = {Path(item.path).name: item.reason for item in sources(place).find()}
    assert reasons == {
        "device": "a device, not a file",
        "nowhere": "a link to something that is not there",
        "pipe": "a named pipe, not a file",
        "socket": "a socket, not a file",
    }


def test_a_missing_source_is_told_at_once(place):
    with pytest.raises(SourceError, match="not there"):
        sources(place, place / "in", place / "gone")


@pytest.mark.parametrize("out", ["in", "in/out", "in/deep/er/out", ".", "link/out"])
def test_outputs_and_sources_must_not_overlap(place, out):
    (place / "link").symlink_to(place / "in")
    with pytest.raises(OutputError, match="overlap"):
        FolderSources([place / "in"], exclude=place / out, spool=place / "spool")


def test_a_source_inside_the_outputs_is_refused(place):
    (place / "out" / "x").mkdir(parents=True)
    (place / "out" / "x" / "file").write_bytes(b"x")
    for source in (place / "out", place / "out" / "x", place / "out" / "x" / "file"):
        with pytest.raises(OutputError, match="overlap"):
            sources(place, source)


def test_a_link_inside_a_source_that_leads_to_the_outputs_stops_the_search(place):
    (place / "out").mkdir()
    (place / "in" / "link").symlink_to(place / "out")
    with pytest.raises(OutputError, match="overlap"):
        list(sources(place).find())


def test_a_file_is_read_at_any_place(place):
    (place / "in" / "a").write_bytes(bytes(range(100)))
    source = sources(place)
    (file,) = source.find()
    with source.open(file) as data:
        assert data.size == 100
        assert data.read(10, 5) == bytes(range(10, 15))
        assert data.read(98, 10) == b"bc"
        assert data.read(100, 1) == b""
        descriptor = data.fileno()
        assert os.pread(descriptor, 3, 1) == b"\1\2\3"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_short_reads_are_gone_on_with(place, monkeypatch):
    (place / "in" / "a").write_bytes(bytes(range(100)))
    source = sources(place)
    (file,) = source.find()
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 7), offset))
    with source.open(file) as data:
        assert data.read(0, 100) == bytes(range(100))


@pytest.mark.parametrize("change", ["longer", "touched", "gone", "folder"])
def test_a_file_that_changed_since_it_was_found_is_not_opened(place, change):
    path = place / "in" / "a"
    path.write_bytes(b"1234")
    source = sources(place)
    (file,) = source.find()
    if change == "longer":
        path.write_bytes(b"12345")
    elif change == "touched":
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
        if change == "folder":
            path.mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SourceError):
        source.open(file)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_names_that_are_no_unicode_pass(place):
    (place / "in" / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    source = sources(place)
    (file,) = source.find()
    with source.open(file) as data:
        assert data.read(0, 1) == b"x"
    assert "in" not in repr(file)
