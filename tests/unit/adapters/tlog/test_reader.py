"""Reading a log that may lie: whatever it gives is checked against a checkpoint that is trusted."""

import shutil

import pytest

from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.reader import CHECKPOINT, FolderReader, VerifiedLog
from scanward.errors import EvidenceError, StoreError
from scanward.tlog.faults import LogFault
from scanward.tlog.tile import write_bundle
from tests.common.logs import POLICY, LogSigner, make_entries, make_text, open_log, sign_checkpoint

SIZE = 600
ENTRIES = make_entries(SIZE)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    where = tmp_path_factory.mktemp("logs") / "log"
    with open_log(where) as log:
        log.append(ENTRIES[:590])
        log.append(ENTRIES[590:])
    return where


@pytest.fixture
def mirror(pristine, tmp_path):
    """A copy as anyone may have it, without the journal."""
    return shutil.copytree(pristine, tmp_path / "mirror", ignore=shutil.ignore_patterns(".journal"))


def read_all(mirror):
    reading = VerifiedLog.open(FolderReader(mirror), POLICY)
    assert list(reading.entries(0, reading.checkpoint.size)) == ENTRIES
    for index in (0, 255, 256, SIZE - 1):
        reading.inclusion_proof(index).verify(ENTRIES[index], POLICY)
    reading.consistency_proof(300)
    return reading


def change(path, at, data):
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)


def swap(path, width):
    """Swap the first two of what a file has."""
    content = path.read_bytes()
    path.write_bytes(content[width : 2 * width] + content[:width] + content[2 * width :])


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def extend(path):
    path.write_bytes(path.read_bytes() + b"x")


def put_checkpoint(data):
    return lambda path: path.write_bytes(data)


CHANGES = {
    "hash tile changed": (LogFault.TILE_MISMATCH, "tile/0/000", lambda path: change(path, 40, b"\0")),
    "hash tile truncated": (LogFault.TILE_TRUNCATED, "tile/0/001", cut),
    "hash tile too long": (LogFault.TILE_OVERSIZED, "tile/0/001", extend),
    "hash tile empty": (LogFault.TILE_TRUNCATED, "tile/0/000", lambda path: path.write_bytes(b"")),
    "hashes swapped": (LogFault.TILE_MISMATCH, "tile/0/000", lambda path: swap(path, 32)),
    "last tile changed": (LogFault.EDGE_MISMATCH, "tile/0/002.p/88", lambda path: change(path, 40, b"\0")),
    "last tile truncated": (LogFault.TILE_TRUNCATED, "tile/0/002.p/88", cut),
    "upper tile changed": (LogFault.EDGE_MISMATCH, "tile/1/000.p/2", lambda path: change(path, 0, b"\0")),
    "entry changed": (LogFault.ENTRY_MISMATCH, "tile/entries/001", lambda path: change(path, 40, b"\0")),
    "entries swapped": (LogFault.ENTRY_MISMATCH, "tile/entries/000", lambda path: swap(path, 34)),
    "bundle truncated": (LogFault.BUNDLE_TRUNCATED, "tile/entries/002.p/88", cut),
    "bundle too long": (LogFault.BUNDLE_OVERSIZED, "tile/entries/000", extend),
    "bundle that says other lengths": (
        LogFault.BUNDLE_TRUNCATED,
        "tile/entries/000",
        lambda path: change(path, 0, b"\xff\xff"),
    ),
    "root of another log": (
        LogFault.EDGE_MISMATCH,
        CHECKPOINT,
        put_checkpoint(sign_checkpoint(make_text(SIZE, root=bytes(32)))),
    ),
    "signed by a stranger": (
        LogFault.SIGNATURE_UNKNOWN_KEY,
        CHECKPOINT,
        put_checkpoint(sign_checkpoint(make_text(SIZE), [LogSigner(9)])),
    ),
    "wrong size": (
        LogFault.EDGE_MISMATCH,
        CHECKPOINT,
        lambda path: path.write_bytes(
            sign_checkpoint(POLICY.verify(path.read_bytes()).note.text.replace("\n600\n", "\n590\n"))
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "name", "harm"), CHANGES.values(), ids=CHANGES)
def test_a_mirror_that_was_tampered_with_is_refused_and_told(mirror, fault, name, harm):
    read_all(mirror)
    harm(mirror / name)
    with pytest.raises(EvidenceError) as refusal:
        read_all(mirror)
    assert refusal.value.fault is fault
    told = list(check_log(mirror, POLICY))
    assert told
    assert all(found.remedy for found in told)
    assert any(found.subject == name or found.subject.startswith("tile") for found in told) or name == CHECKPOINT


@pytest.mark.parametrize("name", ["tile/0/000", "tile/1/000.p/2", "tile/entries/001", CHECKPOINT])
def test_a_mirror_that_lacks_something_says_so(mirror, name):
    (mirror / name).unlink()
    with pytest.raises(StoreError, match="missing"):
        read_all(mirror)
    assert any("missing" in found.what for found in check_log(mirror, POLICY))


def test_a_whole_mirror_has_nothing_to_tell(mirror):
    assert list(check_log(mirror, POLICY)) == []
    assert read_all(mirror).signed.note.encode() == (mirror / CHECKPOINT).read_bytes()


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("tile/0/007", bytes(8192), "the tile covers entries that the checkpoint does not"),
        ("tile/0/002.p/99", bytes(99 * 32), "the tile covers entries that the checkpoint does not"),
        ("tile/0/002.p/9", bytes(9 * 32), "the tile is not how the wider one begins"),
        ("tile/entries/002.p/9", bytes(18), "the tile is not how the wider one begins"),
        ("tile/notes.txt", b"hello", "the file is no part of the log"),
    ],
)
def test_files_that_do_not_belong_are_told(mirror, name, data, what):
    (mirror / name).write_bytes(data)
    assert [(found.subject, found.what) for found in check_log(mirror, POLICY)] == [(name, what)]


def test_a_log_that_goes_on_is_followed(mirror):
    known = VerifiedLog.open(FolderReader(mirror), POLICY).checkpoint
    with open_log(mirror.parent / "longer") as log:
        log.append(make_entries(900))
    VerifiedLog.open(FolderReader(mirror.parent / "longer"), POLICY).follow(known)


def test_a_log_that_was_rolled_back_is_told(mirror, tmp_path):
    with open_log(tmp_path / "longer") as log:
        log.append(make_entries(601))
    known = VerifiedLog.open(FolderReader(tmp_path / "longer"), POLICY).checkpoint
    with pytest.raises(EvidenceError) as refusal:
        VerifiedLog.open(FolderReader(mirror), POLICY).follow(known)
    assert refusal.value.fault is LogFault.ROLLED_BACK


def test_a_split_view_is_told(mirror, tmp_path):
    with open_log(tmp_path / "other") as log:
        log.append(make_entries(SIZE, first=5))
    known = VerifiedLog.open(FolderReader(tmp_path / "other"), POLICY).checkpoint
    with pytest.raises(EvidenceError) as refusal:
        VerifiedLog.open(FolderReader(mirror), POLICY).follow(known)
    assert refusal.value.fault is LogFault.SPLIT_VIEW


@pytest.mark.parametrize("size", [1, 255, 256, 300, 512, 599])
def test_a_history_that_was_changed_is_told(mirror, tmp_path, size):
    with open_log(tmp_path / "other") as log:
        log.append([*make_entries(size - 1), b"another"])
    known = VerifiedLog.open(FolderReader(tmp_path / "other"), POLICY).checkpoint
    with pytest.raises(EvidenceError) as refusal:
        VerifiedLog.open(FolderReader(mirror), POLICY).follow(known)
    assert refusal.value.fault is LogFault.INCONSISTENT


def test_another_log_is_not_followed(mirror):
    reading = VerifiedLog.open(FolderReader(mirror), POLICY)
    known = POLICY.verify(sign_checkpoint(make_text(3))).checkpoint
    with pytest.raises(EvidenceError) as refusal:
        reading.follow(type(known)(origin="other.example/log", size=known.size, root=known.root))
    assert refusal.value.fault is LogFault.CHECKPOINT_ORIGIN


def test_nothing_beyond_the_checkpoint_is_given(mirror):
    reading = VerifiedLog.open(FolderReader(mirror), POLICY)
    for ask in (lambda: reading.inclusion_proof(SIZE), lambda: list(reading.entries(0, SIZE + 1))):
        with pytest.raises(EvidenceError) as refusal:
            ask()
        assert refusal.value.fault is LogFault.PROOF_OUTSIDE
    assert list(reading.entries(7, 7)) == []
    assert list(reading.entries(250, 260)) == ENTRIES[250:260]


def test_an_own_log_gives_no_proof_that_does_not_hold(pristine, tmp_path):
    where = shutil.copytree(pristine, tmp_path / "log")
    with open_log(where) as log:
        log.proof(3)
        change(where / "tile/0/001", 0, b"\0")
        with pytest.raises(EvidenceError) as refusal:
            log.proof(300)
        assert refusal.value.fault is LogFault.PROOF_MISMATCH


def test_a_log_whose_journal_has_other_entries_is_told(pristine, tmp_path):
    where = shutil.copytree(pristine, tmp_path / "log")
    with open_log(tmp_path / "other") as log:
        log.append([*make_entries(590, first=3), *ENTRIES[590:]])
    (journal,) = [path for path in (tmp_path / "other/.journal").iterdir() if path.name.isdecimal()]
    shutil.copy(journal, where / ".journal" / journal.name)
    assert {found.what for found in check_log(where, POLICY)} >= {
        "the journal goes on from another tree",
        "entries are not those of the journal",
    }


def test_a_tile_that_grew_since_gives_what_it_held_before(tmp_path):
    hashes = b"".join(bytes([number]) * 32 for number in range(9))
    for folder, data in (("tile/0", hashes), ("tile/entries", write_bundle([b"one", b"two", b"three"] * 3))):
        grown = tmp_path / folder / "000.p"
        grown.mkdir(parents=True)
        (grown / "9").write_bytes(data)
    reader = FolderReader(tmp_path)
    assert reader.tile(0, 0, 5) == hashes[: 5 * 32]
    assert list(reader.entries(0, 2)) == [b"one", b"two"]
    for width in (10, 256):
        with pytest.raises(StoreError):
            reader.tile(0, 0, width)
