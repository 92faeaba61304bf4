"""Where a data set begins, and in what encoding."""

from __future__ import annotations

import errno
import gzip
import tempfile
import zlib
from pathlib import Path

import pytest

from scanward.dicomstream import part10
from scanward.dicomstream.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding
from scanward.dicomstream.part10 import MAX_META_VALUE_BYTES, MEDIA_STORAGE_SOP_CLASS_UID, inflate
from scanward.errors import DicomFormatError, NotDicomError, OutputError, TruncatedError, UnsupportedSyntaxError
from tests.unit.dicomstream.datasets import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    LAYOUTS,
    MemorySource,
    Node,
    encode_as,
    file_of,
    head,
    open_bytes,
)

DATA_SET = (Node(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"), Node(0x00100010, "PN", b"A^B "))
JPEG = "1.2.840.10008.1.2.4.50"
ENCODINGS = {uid: Encoding(implicit=implicit, little=little) for uid, (implicit, little) in LAYOUTS.items()}


def meta_only(*elements: bytes) -> bytes:
    return bytes(128) + b"DICM" + b"".join(elements)


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_a_file_says_its_encoding(syntax: str) -> None:
    start = open_bytes(file_of(encode_as(DATA_SET, syntax), syntax))
    assert (start.encoding, start.transfer_syntax_uid) == (ENCODINGS[syntax], syntax)
    assert start.is_deflated == (syntax == DEFLATED)
    assert start.reader.read(start.offset, start.reader.size - start.offset) == encode_as(DATA_SET, syntax)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
@pytest.mark.parametrize("before", ["", "meta"])
def test_a_data_set_that_nothing_declares_shows_its_encoding(syntax: str, before: str) -> None:
    sop_class = head(0x00020002, "UI", 4, False, True) + b"1.2\0"
    data = (meta_only(sop_class) if before else b"") + encode_as(DATA_SET, syntax)
    start = open_bytes(data)
    assert (start.encoding, start.transfer_syntax_uid) == (ENCODINGS[syntax], syntax)
    assert start.meta == ({MEDIA_STORAGE_SOP_CLASS_UID: b"1.2"} if before else {})


@pytest.mark.parametrize("cut", [0, 128])
@pytest.mark.parametrize("group_length", [True, False])
def test_preamble_magic_and_group_length_may_be_missing(cut: int, group_length: bool) -> None:
    data = file_of(encode_as(DATA_SET, EXPLICIT), EXPLICIT, group_length=group_length)
    for start in (open_bytes(data[cut:]), open_bytes(data[132:])):
        assert start.transfer_syntax_uid == EXPLICIT
        assert start.reader.element(start.offset, start.encoding).tag == 0x00080016


def test_a_wrong_group_length_misleads_nobody() -> None:
    data = bytearray(file_of(encode_as(DATA_SET, EXPLICIT), EXPLICIT))
    for wrong in (0, 5, 0xFFFFFFFF):
        data[140:144] = wrong.to_bytes(4, "little")
        start = open_bytes(bytes(data))
        assert start.reader.element(start.offset, start.encoding).tag == 0x00080016


def test_long_meta_information_is_passed_by() -> None:
    private = head(0x00020102, "OB", 100_000, False, True) + bytes(100_000)
    syntax = head(0x00020010, "UI", 20, False, True) + EXPLICIT.encode() + b"\0"
    start = open_bytes(meta_only(syntax, private) + encode_as(DATA_SET, EXPLICIT))
    assert start.reader.element(start.offset, start.encoding).tag == 0x00080016
    assert all(len(value) <= MAX_META_VALUE_BYTES for value in start.meta.values())


@pytest.mark.parametrize(
    ("declared", "written", "told"),
    [
        (IMPLICIT, EXPLICIT, EXPLICIT),
        (EXPLICIT, IMPLICIT, IMPLICIT),
        # The declared UID alone tells how pixels are compressed.
        (JPEG, IMPLICIT, JPEG),
    ],
)
def test_bytes_tell_the_encoding_where_the_declaration_is_wrong(declared: str, written: str, told: str) -> None:
    start = open_bytes(file_of(encode_as(DATA_SET, written), declared))
    assert (start.encoding, start.transfer_syntax_uid) == (ENCODINGS[written], told)
    assert start.reader.element(start.offset, start.encoding).tag == 0x00080016


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"D",
        b"DICOM",
        b"%PDF-1.7 and more",
        b"\x89PNG\r\n\x1a\n" + bytes(20),
        bytes(500),
        b"PK\3\4" * 9,
        b"\x08\0" * 40,
    ],
)
def test_what_is_not_dicom_is_counted_as_such(data: bytes) -> None:
    with pytest.raises(NotDicomError):
        open_bytes(data)


_FIRST = (348).to_bytes(4, "little") + bytes(340) + b"n+1\0" + bytes(100)
_SECOND = (540).to_bytes(4, "big") + b"n+2\0\r\n\x1a\n" + bytes(600)


@pytest.mark.parametrize("data", [_FIRST, _SECOND, gzip.compress(_FIRST), gzip.compress(_SECOND)])
def test_nifti_is_sent_to_what_takes_it(data: bytes) -> None:
    with pytest.raises(NotDicomError, match="scanward deface"):
        open_bytes(data)


@pytest.mark.parametrize("data", [_FIRST[:344] + bytes(100), gzip.compress(bytes(400)), gzip.compress(_FIRST)[:12]])
def test_what_is_no_nifti_is_not_said_to_be(data: bytes) -> None:
    with pytest.raises(NotDicomError, match="something else"):
        open_bytes(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (meta_only(), TruncatedError),
        (meta_only(b"what is this, no data set"), DicomFormatError),
        (meta_only(b"abc"), DicomFormatError),
        (meta_only(head(0x00020002, "UI", 400, False, True)), TruncatedError),
        (meta_only(head(0x00020001, "OB", 0xFFFFFFFF, False, True)), DicomFormatError),
        (meta_only(b"\2\0\1\0" + bytes(8)), DicomFormatError),
        (file_of(b"", "1.2.3.4.5.6.7"), UnsupportedSyntaxError),
        (file_of(b"", "1.2.840.113619.5.2"), UnsupportedSyntaxError),
    ],
)
def test_what_claims_to_be_dicom_and_is_not_is_no_other_format(data: bytes, error: type[Exception]) -> None:
    """It is quarantined, and not left alone as `NotDicomError` is."""
    with pytest.raises(DicomFormatError) as caught:
        open_bytes(data)
    assert type(caught.value) is error


def test_the_transfer_syntax_is_not_shown() -> None:
    with pytest.raises(UnsupportedSyntaxError) as caught:
        open_bytes(file_of(b"", "1.2.99.19700101"))
    assert "19700101" not in str(caught.value)
    assert caught.value.remedy


# --- deflated


def deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


@pytest.mark.parametrize("tail", [b"", b"\0", b"trailing"])
def test_inflating_ends_with_the_stream(tail: bytes) -> None:
    source = inflate(MemorySource(b"skip" + deflate(b"content") + tail), 4, None)
    assert source.read(0, 100) == b"content"
    assert source.size == 7


def test_what_the_engine_holds_back_at_the_end_of_input_is_not_lost(monkeypatch) -> None:
    monkeypatch.setattr(part10, "INFLATE_CHUNK_BYTES", 1)
    source = inflate(MemorySource(deflate(b"ab" * 257)), 0, None)
    assert source.read(0, 1000) == b"ab" * 257


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff\xff", b"no deflate stream", deflate(b"content" * 99)[:-3]])
def test_a_broken_stream_is_refused(data: bytes) -> None:
    with pytest.raises(DicomFormatError, match="deflated data set"):
        inflate(MemorySource(data), 0, None)


def test_a_bomb_is_refused_before_it_grows(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(part10, "MAX_INFLATED_BYTES", 100_000)
    monkeypatch.setattr(part10, "INFLATE_CHUNK_BYTES", 10_000)
    written = []
    original = tempfile.TemporaryFile

    class Counting:
        def __init__(self, **settings) -> None:
            self.file = original(**settings)

        def write(self, data: bytes) -> None:
            written.append(len(data))
            self.file.write(data)

        def __getattr__(self, name: str):
            return getattr(self.file, name)

    monkeypatch.setattr(part10.tempfile, "TemporaryFile", Counting)
    with pytest.raises(DicomFormatError, match="expected at most 100000 bytes inflated"):
        open_bytes(file_of(bytes(50_000_000), DEFLATED))
    assert sum(written) <= 100_000
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(monkeypatch, tmp_path: Path) -> None:
    class Full:
        def __init__(self, **_settings) -> None:
            self.closed = False

        def write(self, _data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(part10.tempfile, "TemporaryFile", Full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        inflate(MemorySource(deflate(b"content")), 0, tmp_path)
    assert caught.value.remedy
    with pytest.raises(OutputError):
        monkeypatch.undo()
        inflate(MemorySource(deflate(b"content")), 0, tmp_path / "missing")


def test_the_temporary_file_has_no_name_and_goes_with_its_source(tmp_path: Path) -> None:
    source = inflate(MemorySource(deflate(b"content")), 0, tmp_path)
    assert list(tmp_path.iterdir()) == []
    descriptor = Path(f"/proc/self/fd/{source.fileno()}")
    assert descriptor.exists()
    del source
    assert not descriptor.exists()


def test_the_kernel_finds_what_was_inflated_at_the_same_offsets() -> None:
    import os

    source = inflate(MemorySource(deflate(b"content")), 0, None)
    assert os.pread(source.fileno(), 3, 2) == b"nte"


def test_explicit_big_endian_is_believed() -> None:
    start = open_bytes(file_of(encode_as(DATA_SET, BIG), BIG))
    assert start.encoding == EXPLICIT_BIG
    assert start.encoding not in (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
