"""Zip archives as sources."""

import os
import zipfile
from pathlib import Path

import pytest

from scanward.adapters.receive import archive as archive_module
from scanward.adapters.receive.folder import FolderSources
from scanward.errors import SourceError
from scanward.model.source import RefusedFile, SourceFile

TEXT = b"abcdefghij" * 50_000


OPEN: list[FolderSources] = []


@pytest.fixture(autouse=True)
def _close_sources():
    yield
    while OPEN:
        OPEN.pop().close()


def sources(place: Path) -> FolderSources:
    OPEN.append(FolderSources([place / "in"], exclude=place / "out", spool=place / "spool"))
    return OPEN[-1]


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_found_and_read(tmp_path, method):
    make_zip(tmp_path / "in" / "scans", {"a/1": TEXT, "a/": b"", "a/2": b"", "../../etc/x": b"x", "/abs": b"y"}, method)
    source = sources(tmp_path)
    found = list(source.find())
    assert [(item.member, item.size) for item in found] == [
        ("a/1", len(TEXT)),
        ("a/2", 0),
        ("../../etc/x", 1),
        ("/abs", 1),
    ]
    with source.open(found[0]) as first, source.open(found[2]) as third:
        assert first.read(0, 132) == TEXT[:132]
        assert first.read(len(TEXT) - 5, 10) == TEXT[-5:]
        assert third.read(0, 10) == b"x"
        assert first.read(100_000, 20) == TEXT[100_000:100_020]
        assert first.read(len(TEXT), 1) == b""
        assert os.pread(first.fileno(), len(TEXT) + 1, 0) == TEXT
    assert list((tmp_path / "spool").iterdir()) == []
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


def test_only_what_is_read_is_unpacked(tmp_path):
    make_zip(tmp_path / "in" / "scans.zip", {"a": bytes(50 << 20)})
    source = sources(tmp_path)
    (file,) = source.find()
    with source.open(file) as data:
        data.read(0, 200)
        assert os.fstat(data._spooled.fileno()).st_size == archive_module.HEAD_BYTES
        assert os.fstat(data.fileno()).st_size == 50 << 20


def test_dicom_with_a_preamble_like_an_archive_is_dicom(tmp_path):
    path = tmp_path / "in" / "a"
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04" + bytes(124) + b"DICM")
    (file,) = sources(tmp_path).find()
    assert isinstance(file, SourceFile)
    assert file.member == ""


def test_an_archive_without_members_has_none(tmp_path):
    make_zip(tmp_path / "in" / "a.zip", {})
    assert list(sources(tmp_path).find()) == []


def test_an_archive_inside_of_an_archive_is_refused(tmp_path):
    make_zip(tmp_path / "inner.zip", {"x": b"x"})
    make_zip(tmp_path / "in" / "outer.zip", {"inner": (tmp_path / "inner.zip").read_bytes(), "b": b"b"})
    refused, other = sources(tmp_path).find()
    assert refused.reason == "an archive inside of an archive"
    assert other.member == "b"


def test_a_member_without_a_name_is_refused_and_the_others_are_read(tmp_path):
    make_zip(tmp_path / "in" / "a.zip", {"n": b"1", "b": b"2"})
    path = tmp_path / "in" / "a.zip"
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 28 : at + 32] = b"\0\0\1\0"  # in the directory the letter of its name is an extra field
    path.write_bytes(bytes(data))
    refused, other = sources(tmp_path).find()
    assert refused.reason == "an archive member without a name"
    assert other.member == "b"


def test_names_that_come_twice_are_refused(tmp_path):
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("same", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("same", b"2")
    assert [item.reason for item in sources(tmp_path).find()] == [
        "an archive member whose name is there more than once"
    ] * 2


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, method):
    make_zip(tmp_path / "in" / "a.zip", {"x": TEXT}, method)
    (refused,) = sources(tmp_path).find()
    assert refused.reason == "an archive member with a compression other than stored or deflated"


def patch(path: Path, signature: bytes, offset: int, data: bytes) -> None:
    """Overwrite `data` at `offset` after the first `signature` in the file."""
    content = bytearray(path.read_bytes())
    at = content.index(signature) + offset
    content[at : at + len(data)] = data
    path.write_bytes(content)


def test_encrypted_members_are_refused(tmp_path):
    path = tmp_path / "in" / "a.zip"
    make_zip(path, {"x": TEXT})
    patch(path, b"PK\x01\x02", 8, b"\x01\x00")
    (refused,) = sources(tmp_path).find()
    assert refused.reason == "an archive member that is encrypted"


@pytest.mark.parametrize("keep", [4, 30, 100, 0.5, 0.99])
def test_a_cut_archive_is_refused(tmp_path, keep):
    path = tmp_path / "in" / "a.zip"
    make_zip(path, {"x": TEXT, "y": TEXT})
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    assert list(sources(tmp_path).find()) == [RefusedFile(path=str(path), reason="a zip archive that is damaged")]


def test_a_member_damaged_in_the_middle_cannot_be_read_on(tmp_path):
    path = tmp_path / "in" / "a.zip"
    make_zip(path, {"x": os.urandom(300_000)})
    content = bytearray(path.read_bytes())
    content[200_000] ^= 0xFF
    path.write_bytes(content)
    source = sources(tmp_path)
    (file,) = source.find()
    with source.open(file) as data, pytest.raises(SourceError, match="damaged"):
        data.fileno()


def test_an_archive_that_changed_is_not_read(tmp_path):
    path = tmp_path / "in" / "a.zip"
    make_zip(path, {"x": TEXT})
    source = sources(tmp_path)
    (file,) = source.find()
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match="changed"):
        source.open(file)
    path.unlink()
    with pytest.raises(SourceError):
        sources(tmp_path).open(file)


def test_any_bytes_after_the_signature_end_in_a_refusal(tmp_path):
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    path = tmp_path / "in" / "a.zip"
    make_zip(path, {"x": TEXT[:3000], "y": b"y"})
    good = path.read_bytes()

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.integers(4, len(good) - 1), st.integers(0, 255)), min_size=1, max_size=6))
    def check(changes):
        content = bytearray(good)
        for at, value in changes:
            content[at] = value
        path.write_bytes(content)
        source = sources(tmp_path)
        for item in source.find():
            if isinstance(item, SourceFile):
                try:
                    with source.open(item) as data:
                        data.fileno()
                except SourceError:
                    pass
        source.close()

    check()
