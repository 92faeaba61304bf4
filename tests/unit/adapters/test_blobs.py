"""Encrypted blobs: what is stored comes back, and nothing else does."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.adapters.blobs.folder import FolderBlobs
from scanward.adapters.blobs.format import (
    BATCH_SEGMENTS,
    HEADER_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    EncryptedSource,
    encrypt,
    stored_bytes,
)
from scanward.errors import ScanwardError, SourceError, StoreError, StoreFullError
from scanward.model.instance import BytesSource

KEY = bytes(range(32))
SEALED = SEGMENT_BYTES + TAG_BYTES
EDGES = [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES, 3 * SEGMENT_BYTES + 5]


def patterned(size):
    """Bytes of which no two segments are the same."""
    return b"".join(index.to_bytes(4, "big") for index in range(size // 4 + 1))[:size]


def sealed(content, key=KEY, name="n" * 32):
    return b"".join(piece for pieces in encrypt(key, name, BytesSource(content)) for piece in pieces)


def opened(stored, key=KEY, name="n" * 32, request_segments=1):
    return EncryptedSource(
        key, name, lambda offset, length: stored[offset : offset + length], request_segments=request_segments
    )


def read_all(stored, **how):
    source = opened(stored, **how)
    return source.read(0, source.size)


@pytest.fixture
def blobs(tmp_path):
    folder = FolderBlobs(tmp_path / "blobs")
    yield folder
    folder.close()


def files_of(tmp_path):
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


# --- format


@pytest.mark.parametrize("size", [*EDGES, BATCH_SEGMENTS * SEGMENT_BYTES, 2 * BATCH_SEGMENTS * SEGMENT_BYTES + 7])
@pytest.mark.parametrize("request_segments", [1, 5, BATCH_SEGMENTS])
def test_what_goes_in_comes_out(size, request_segments):
    content = patterned(size)
    stored = sealed(content)
    assert len(stored) == stored_bytes(size)
    source = opened(stored, request_segments=request_segments)
    assert source.size == size
    assert source.fileno() is None
    assert source.read(0, size + 10) == content
    assert source.read(size, 10) == b""


CONTENT = patterned(5 * SEGMENT_BYTES + 100)
STORED = sealed(CONTENT)


@given(
    reads=st.lists(
        st.tuples(st.integers(0, len(CONTENT) + 5), st.integers(0, len(CONTENT)))
        | st.tuples(
            st.sampled_from([n * SEGMENT_BYTES + d for n in range(6) for d in (-1, 0, 1) if n or d >= 0]),
            st.sampled_from([1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 2 * SEGMENT_BYTES]),
        ),
        max_size=12,
    ),
    request_segments=st.sampled_from([1, 2, BATCH_SEGMENTS]),
)
def test_any_part_can_be_read_in_any_order(reads, request_segments):
    source = opened(STORED, request_segments=request_segments)
    for offset, length in reads:
        assert source.read(offset, length) == CONTENT[offset : offset + length]


def test_only_the_segments_asked_for_are_read():
    asked = []

    def read_at(offset, length):
        asked.append((offset, length))
        return STORED[offset : offset + length]

    source = EncryptedSource(KEY, "n" * 32, read_at)
    for offset in range(0, 60_000, 1000):
        source.read(offset, 1000)
    assert asked == [(0, HEADER_BYTES), (HEADER_BYTES, SEALED)]
    source.read(3 * SEGMENT_BYTES + 5, 10)
    assert asked[2:] == [(HEADER_BYTES + 3 * SEALED, SEALED)]


def test_threads_read_one_blob_at_once():
    source = opened(STORED)
    wrong = []

    def read(seed):
        for step in range(200):
            offset = (seed * 7919 + step * 104_729) % len(CONTENT)
            if source.read(offset, 70_000) != CONTENT[offset : offset + 70_000]:
                wrong.append(offset)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_every_flipped_byte_is_noticed():
    content = patterned(50)
    stored = sealed(content)
    for index in range(len(stored)):
        altered = bytearray(stored)
        altered[index] ^= 1
        with pytest.raises(StoreError):
            read_all(bytes(altered))


@pytest.mark.parametrize("size", [1, SEGMENT_BYTES, 3 * SEGMENT_BYTES, 3 * SEGMENT_BYTES + 5])
def test_cut_off_anywhere_is_noticed(size):
    stored = sealed(patterned(size))
    edges = [HEADER_BYTES + n * SEALED for n in range(size // SEGMENT_BYTES + 1)]
    cuts = {0, 1, HEADER_BYTES - 1, len(stored) - 1} | {edge + d for edge in edges for d in (-1, 0, 1, TAG_BYTES)}
    for cut in sorted(cut for cut in cuts if cut < len(stored)):
        for request_segments in (1, BATCH_SEGMENTS):
            with pytest.raises(StoreError):
                read_all(stored[:cut], request_segments=request_segments)


@pytest.mark.parametrize("size", [1, SEGMENT_BYTES - 1, SEGMENT_BYTES, 2 * SEGMENT_BYTES])
@pytest.mark.parametrize("more", [b"\0", bytes(TAG_BYTES), bytes(SEALED)])
def test_anything_appended_is_noticed(size, more):
    stored = sealed(patterned(size)) + more
    for request_segments in (1, BATCH_SEGMENTS):
        with pytest.raises(StoreError):
            read_all(stored, request_segments=request_segments)


def test_moved_segments_are_noticed():
    parts = [STORED[HEADER_BYTES + n * SEALED :][:SEALED] for n in range(5)]
    last = STORED[HEADER_BYTES + 5 * SEALED :]
    for order in ([1, 0, 2, 3, 4], [0, 0, 2, 3, 4], [0, 1, 2, 4, 3]):
        altered = STORED[:HEADER_BYTES] + b"".join(parts[index] for index in order) + last
        with pytest.raises(StoreError):
            read_all(altered)


def test_a_segment_of_another_blob_is_noticed():
    other = sealed(CONTENT)
    with pytest.raises(StoreError):
        read_all(other[: HEADER_BYTES + SEALED] + STORED[HEADER_BYTES + SEALED :])
    with pytest.raises(StoreError):
        opened(other[: HEADER_BYTES - 16] + STORED[HEADER_BYTES - 16 :])


def test_another_key_or_name_does_not_open():
    with pytest.raises(StoreError, match="another key or name"):
        opened(STORED, key=bytes(32))
    with pytest.raises(StoreError, match="another key or name"):
        opened(STORED, name="m" * 32)
    with pytest.raises(StoreError, match="32 bytes"):
        opened(STORED, key=b"short")


def test_the_same_content_is_never_stored_the_same():
    first, second = sealed(CONTENT), sealed(CONTENT)
    assert all(first[at : at + 16] != second[at : at + 16] for at in range(16, len(first) - 16, 4096))


def test_content_that_ends_early_is_refused(blobs, tmp_path):
    class Shrunk(BytesSource):
        pass

    source = Shrunk(b"x" * 100)
    source.size = 200
    with pytest.raises(StoreError, match="expected 200 bytes"):
        blobs.put(KEY, source)
    assert files_of(tmp_path) == []


# --- folder


@pytest.mark.parametrize("size", EDGES)
def test_a_folder_keeps_blobs(blobs, tmp_path, size):
    content = patterned(size)
    name = blobs.put(KEY, BytesSource(content))
    with blobs.open(KEY, name) as source:
        assert source.read(0, source.size) == content
    [path] = files_of(tmp_path)
    assert path == tmp_path / "blobs" / name[:2] / name[2:]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_size == stored_bytes(size)


def test_nothing_of_the_content_is_on_the_disk(blobs, tmp_path):
    blobs.put(KEY, BytesSource(b"Doe^Jane planted identifier " * 4000))
    assert b"Doe^Jane" not in b"".join(path.read_bytes() for path in files_of(tmp_path))


def test_swapped_files_do_not_open(blobs, tmp_path):
    first, second = (blobs.put(KEY, BytesSource(content)) for content in (b"first", b"other"))
    paths = [tmp_path / "blobs" / name[:2] / name[2:] for name in (first, second)]
    paths[0].rename(tmp_path / "aside")
    paths[1].rename(paths[0])
    (tmp_path / "aside").rename(paths[1])
    for name in (first, second):
        with pytest.raises(StoreError):
            blobs.open(KEY, name)


def test_names_come_with_their_time(blobs):
    before = datetime.now(UTC) - timedelta(seconds=2)
    stored = {blobs.put(KEY, BytesSource(b"x")) for _ in range(5)}
    listed = dict(blobs.names())
    assert set(listed) == stored
    assert all(before < time < datetime.now(UTC) + timedelta(seconds=2) for time in listed.values())


def test_names_leave_out_what_is_no_blob(blobs, tmp_path):
    name = blobs.put(KEY, BytesSource(b"x"))
    (tmp_path / "blobs" / name[:2] / "notes.txt").write_text("by hand")
    (tmp_path / "blobs" / "lost+found").mkdir()
    assert [listed for listed, _ in blobs.names()] == [name]


def test_an_empty_folder_has_no_names(tmp_path):
    assert list(FolderBlobs(tmp_path / "none").names()) == []


def test_deleting_twice_is_deleting(blobs, tmp_path):
    name = blobs.put(KEY, BytesSource(b"x"))
    blobs.delete(name)
    assert files_of(tmp_path) == []
    blobs.delete(name)
    with pytest.raises(StoreError, match="is not there"):
        blobs.open(KEY, name)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 31, "A" * 32, "g" * 32, "a" * 32 + "\n", "..", "ab/" * 10]
)
def test_only_names_of_blobs_lead_anywhere(blobs, name):
    for act in (blobs.delete, lambda given: blobs.open(KEY, given)):
        with pytest.raises(StoreError, match="32 hexadecimal"):
            act(name)


def test_a_link_in_the_place_of_a_blob_is_not_followed(blobs, tmp_path):
    name = blobs.put(KEY, BytesSource(b"x"))
    path = tmp_path / "blobs" / name[:2] / name[2:]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot be opened"):
        blobs.open(KEY, name)


def test_an_open_blob_outlives_its_deletion(blobs):
    content = patterned(200_000)
    name = blobs.put(KEY, BytesSource(content))
    with blobs.open(KEY, name) as source:
        blobs.delete(name)
        assert source.read(0, source.size) == content


def test_no_descriptor_stays_open(blobs):
    name = blobs.put(KEY, BytesSource(b"x" * 100))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with blobs.open(KEY, name) as source:
        source.read(0, 10)
    with pytest.raises(StoreError):
        blobs.open(bytes(32), name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_disk_with_too_little_room_is_left_alone(tmp_path):
    blobs = FolderBlobs(tmp_path / "blobs", min_free_bytes=1 << 60)
    with pytest.raises(StoreFullError, match="no room"):
        blobs.put(KEY, BytesSource(b"x"))
    assert files_of(tmp_path) == []


def test_many_threads_put_at_once(blobs):
    names = []

    def put(seed):
        names.extend((blobs.put(KEY, BytesSource(bytes([seed, n]))), bytes([seed, n])) for n in range(20))

    threads = [threading.Thread(target=put, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({name for name, _ in names}) == 120
    for name, content in names:
        with blobs.open(KEY, name) as source:
            assert source.read(0, 5) == content


def test_what_the_source_says_passes_through(blobs, tmp_path):
    class Broken:
        size = 100

        def fileno(self):
            return None

        def read(self, offset, length):
            raise SourceError("an input could not be read")

    with pytest.raises(ScanwardError, match="an input could not be read"):
        blobs.put(KEY, Broken())
    assert files_of(tmp_path) == []
