"""A log in a folder: what it takes, keeps and publishes, and what it refuses to go on from."""

import errno
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scanward.adapters.tlog import folder as module
from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.files import JOURNAL
from scanward.adapters.tlog.journal import Journal
from scanward.adapters.tlog.reader import CHECKPOINT, FolderReader, VerifiedLog
from scanward.errors import EvidenceError, SigningError, StoreError, StoreFullError
from scanward.model.signing import Algorithm
from scanward.tlog.checkpoint import Policy
from scanward.tlog.faults import LogFault
from scanward.tlog.note import Note, parse_note, sign_text
from scanward.tlog.tile import parse_tile_path
from tests.common.logs import (
    NOW,
    ORIGIN,
    POLICY,
    SIGNER,
    WITNESS,
    WITNESS_KEY,
    LogSigner,
    make_entries,
    make_text,
    open_log,
    sign_checkpoint,
)

ENTRIES = make_entries(1000)
OTHER = LogSigner(2)


@pytest.fixture
def where(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def log(where):
    with open_log(where) as opened:
        yield opened


def files_of(where):
    return {str(path.relative_to(where)) for path in where.rglob("*") if path.is_file()} - {f"{JOURNAL}/lock"}


def read(where, policy=POLICY):
    return VerifiedLog.open(FolderReader(where), policy)


def check(where, policy=POLICY):
    return [(found.subject, found.what) for found in check_log(where, policy)]


def journal_of(where):
    return max(path for path in (where / JOURNAL).iterdir() if path.name.isdecimal())


def test_a_new_log_is_empty_and_says_so(where, log):
    assert (log.origin, log.size) == (ORIGIN, 0)
    assert read(where).checkpoint.size == 0
    assert log.checkpoint() == sign_checkpoint(make_text(0))
    assert log.append([]) == range(0)
    assert log.entries(0, 10) == []
    assert check(where) == []


def test_what_is_appended_is_published_in_the_layout_of_the_specification(where, log):
    assert log.append(ENTRIES[:70]) == range(70)
    assert log.append(ENTRIES[70:71]) == range(70, 71)
    assert log.checkpoint() == sign_checkpoint(make_text(71))
    log.append(ENTRIES[71:520])
    log.close()
    journal = f"{JOURNAL}/{512:020}"
    assert files_of(where) == {
        CHECKPOINT, journal, "tile/0/000", "tile/0/001", "tile/0/002.p/8", "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/8",
    }  # fmt: skip
    for name in files_of(where) - {CHECKPOINT, journal}:
        parse_tile_path(name)
    assert (where / "tile/0/000").stat().st_size == 8192
    assert (where / "tile/entries/002.p/8").read_bytes()[:34] == b"\x00\x20" + ENTRIES[512]
    assert check(where) == []


def test_a_reader_of_an_older_checkpoint_still_finds_its_tiles(where, log):
    log.append(ENTRIES[:200])
    older = read(where)
    log.append(ENTRIES[200:300])
    log.close()
    assert not (where / "tile/0/000.p").exists()
    assert list(older.entries(0, 200)) == ENTRIES[:200]
    older.inclusion_proof(199).verify(ENTRIES[199], POLICY)
    newer = read(where)
    newer.follow(older.checkpoint)


def test_entries_may_have_any_length_up_to_the_limit(where, log):
    entries = [b"", b"x", bytes(65_535), b"abc"]
    log.append(entries)
    assert list(log.entries(0, 4)) == entries
    assert list(log.entries(1, 2)) == [b"x"]
    with pytest.raises(ValueError, match="65535"):
        log.append([bytes(65_536)])
    assert log.append([b"more"]) == range(4, 5)
    assert list(read(where).entries(0, 5)) == [*entries, b"more"]


def test_what_is_staged_is_durable_and_published_later(where, log):
    assert log.stage(ENTRIES[:3]) == range(3)
    assert log.stage(ENTRIES[3:4]) == range(3, 4)
    assert log.stage([]) == range(4, 4)
    assert (log.size, read(where).checkpoint.size) == (4, 0)
    with pytest.raises(EvidenceError) as refusal:
        log.proof(0)
    assert refusal.value.fault is LogFault.PROOF_OUTSIDE
    assert check(where) == [(JOURNAL, "4 entries are durable and no checkpoint covers them")]
    log.publish()
    assert read(where).checkpoint.size == 4
    log.stage(ENTRIES[4:6])
    log.close()
    with open_log(where) as opened:
        assert opened.size == 6
        assert list(read(where).entries(0, 6)) == ENTRIES[:6]
    assert check(where) == []


def test_a_closed_log_takes_nothing(log):
    log.close()
    with pytest.raises(StoreError, match="closed"):
        log.append(ENTRIES[:1])
    log.close()


def test_threads_share_groups_and_each_gets_its_own_indices(where, log):
    taken = {}

    def append(number):
        for step in range(10):
            mine = make_entries(3, first=1000 * number + 3 * step)
            taken.update(zip(log.append(mine), mine, strict=True))

    threads = [threading.Thread(target=append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(240))
    assert list(read(where).entries(0, 240)) == [taken[index] for index in range(240)]
    log.close()
    assert check(where) == []


def test_two_that_have_the_log_open_take_turns(where, log):
    with open_log(where) as other:
        for step in range(60):
            writer = (log, other)[step % 2]
            assert writer.append(ENTRIES[step * 13 : step * 13 + 13]).start == step * 13
        assert other.append(ENTRIES[780:781]) == range(780, 781)
        log.publish()
        assert log.size == 781
        assert list(log.entries(0, 781)) == ENTRIES[:781]
    log.close()
    assert check(where) == []


# Keys


def test_a_new_key_takes_over_and_the_old_one_stays_known(where):
    with open_log(where) as log:
        log.append(ENTRIES[:5])
        old = log.checkpoint()
        log.sign_with([OTHER])
        assert log.checkpoint() == sign_checkpoint(make_text(5), [OTHER])
        log.append(ENTRIES[5:6])
    both = replace(POLICY, keys=(OTHER.key(), SIGNER.key()))
    read(where, both).follow(both.verify(old).checkpoint)
    with open_log(where, signers=[LogSigner(3)], known=[OTHER.key()]) as log:
        assert log.checkpoint() == sign_checkpoint(make_text(6), [LogSigner(3)])


def test_a_log_may_have_several_keys_that_all_sign(where):
    with open_log(where, signers=[SIGNER, OTHER]) as log:
        log.append(ENTRIES[:2])
    policy = Policy(origin=ORIGIN, keys=(SIGNER.key(), OTHER.key(), LogSigner(3).key()), threshold=2)
    assert len(read(where, policy).signed.signers) == 2


def test_a_key_that_refuses_stops_the_log_until_it_signs_again(where):
    class Refusing(LogSigner):
        is_refusing = False

        def sign(self, message):
            if self.is_refusing:
                raise SigningError("the key may not sign now")
            return super().sign(message)

    signer = Refusing(1)
    with open_log(where, signers=[signer]) as log:
        log.append(ENTRIES[:2])
        signer.is_refusing = True
        with pytest.raises(SigningError):
            log.append(ENTRIES[2:4])
        signer.is_refusing = False
        with pytest.raises(StoreError, match="failed"):
            log.append(ENTRIES[4:5])
        assert read(where).checkpoint.size == 2
    with open_log(where) as log:
        assert log.size == 4
        assert list(log.entries(0, 4)) == ENTRIES[:4]


def test_a_log_is_named_so_that_notes_can_carry_it(where):
    for origin in ("", "two words", "a+b"):
        with pytest.raises(EvidenceError) as refusal:
            open_log(where, origin=origin)
        assert refusal.value.fault is LogFault.KEY_FORM
    bad = LogSigner(1)
    bad.record = replace(bad.record, algorithm=Algorithm.P256)
    with pytest.raises(EvidenceError):
        open_log(where, signers=[bad])
    assert not where.exists()


def test_cosignatures_are_kept_until_the_log_goes_on(where, log):
    log.append(ENTRIES[:2])
    note = parse_note(log.checkpoint())
    cosigned = Note(text=note.text, signatures=(sign_text(note.text, WITNESS_KEY, WITNESS.sign, NOW),))
    assert log.add_cosignatures(cosigned)
    assert log.add_cosignatures(cosigned)
    witnessed = replace(POLICY, witnesses=(WITNESS_KEY,), quorum=1)
    assert read(where, witnessed).signed.cosigned == {WITNESS_KEY: NOW}
    assert len(parse_note(log.checkpoint()).signatures) == 2
    log.proof(1).verify(ENTRIES[1], witnessed, NOW)
    log.append(ENTRIES[2:3])
    assert not log.add_cosignatures(cosigned)
    assert len(parse_note(log.checkpoint()).signatures) == 1


# Opening


def appended(where, count=40):
    with open_log(where) as log:
        log.append(ENTRIES[:count])


def refused(where, **how):
    """The fault that opening the log is refused for; it changes nothing."""
    before = {name: (where / name).read_bytes() for name in files_of(where)}
    with pytest.raises(EvidenceError) as refusal:
        open_log(where, **how)
    assert {name: (where / name).read_bytes() for name in files_of(where)} == before
    assert "Restore" in refusal.value.remedy or refusal.value.fault.value.startswith(
        ("log.signature", "log.note", "log.ch")
    )
    return refusal.value.fault


def test_a_checkpoint_ahead_of_the_journal_is_refused(where):
    appended(where, 30)
    older = journal_of(where).read_bytes()
    with open_log(where) as log:
        log.append(ENTRIES[30:40])
    journal_of(where).write_bytes(older)
    assert refused(where) is LogFault.CHECKPOINT_AHEAD
    assert (JOURNAL, "the checkpoint covers entries that the journal lost, or was put back to an older one") in check(
        where
    )


def test_a_checkpoint_of_other_entries_is_refused(where, tmp_path):
    appended(where)
    with open_log(tmp_path / "other") as log:
        log.append(ENTRIES[100:140])
    shutil.copy(tmp_path / "other" / CHECKPOINT, where / CHECKPOINT)
    assert refused(where) is LogFault.CHECKPOINT_FORKED
    assert check(where) == [(CHECKPOINT, "the entries do not make the root of the checkpoint")]


def test_a_checkpoint_that_was_put_back_is_refused(where):
    appended(where, 10)
    older = (where / CHECKPOINT).read_bytes()
    with open_log(where) as log:
        log.append(ENTRIES[10:600])
        assert journal_of(where).name == f"{512:020}"
    (where / CHECKPOINT).write_bytes(older)
    assert refused(where) is LogFault.CHECKPOINT_BEHIND


def test_a_log_that_was_put_back_as_a_whole_is_refused_by_who_knows_better(where):
    appended(where)
    assert refused(where, least=41) is LogFault.ROLLED_BACK
    open_log(where, least=40).close()


def test_a_checkpoint_by_an_unknown_key_or_of_another_log_is_refused(where):
    appended(where)
    assert refused(where, signers=[OTHER]) is LogFault.SIGNATURE_UNKNOWN_KEY
    assert refused(where, origin="other.example/log") is LogFault.CHECKPOINT_ORIGIN
    (where / CHECKPOINT).write_bytes((where / CHECKPOINT).read_bytes()[:-1])
    assert refused(where) is LogFault.NOTE_FORM


def test_a_log_without_its_journal_is_refused(where):
    appended(where)
    journal_of(where).unlink()
    assert refused(where) is LogFault.JOURNAL_MISSING
    assert check(where) == [(JOURNAL, "the journal of the log is missing")]


@pytest.mark.parametrize("at", [0, 25, 40, 70])
def test_a_journal_with_a_damaged_head_is_refused(where, at):
    appended(where, 600)
    path = journal_of(where)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert refused(where) is LogFault.JOURNAL_HEAD
    assert check(where) == [(JOURNAL, "the head of the journal is damaged")]
    path.write_bytes(b"")
    assert refused(where) is LogFault.JOURNAL_HEAD


def test_a_journal_with_a_damaged_record_before_a_whole_one_is_refused(where):
    with open_log(where) as log:
        for number in range(4):
            log.append(ENTRIES[number * 5 : number * 5 + 5])
    path = journal_of(where)
    data = bytearray(path.read_bytes())
    data[data.index(ENTRIES[7])] ^= 1
    path.write_bytes(data)
    (where / CHECKPOINT).unlink()  # even so: nothing says how long the log was
    assert refused(where) is LogFault.JOURNAL_CORRUPT


def test_a_journal_that_is_cut_under_an_open_log_is_refused(where, log):
    log.append(ENTRIES[:5])
    os.truncate(journal_of(where), 200)
    with pytest.raises(EvidenceError) as refusal:
        log.append(ENTRIES[5:6])
    assert refusal.value.fault is LogFault.JOURNAL_CORRUPT
    with pytest.raises(StoreError, match="failed"):
        log.append(ENTRIES[5:6])


@pytest.mark.parametrize("kept", [1, 10, 23, 24, 25, 100])
def test_a_torn_record_is_cut(where, kept):
    appended(where)
    path = journal_of(where)
    end = path.read_bytes().rstrip(b"\0")
    with open_log(where) as log:
        log.stage(ENTRIES[40:50])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(end) + kept])
    with open_log(where) as log:
        assert log.size == 40
        assert log.append(ENTRIES[60:61]) == range(40, 41)
        assert list(log.entries(40, 41)) == ENTRIES[60:61]
    assert check(where) == []


@pytest.mark.parametrize("left", [None, b"", bytes(300)], ids=["none", "empty", "zeros"])
def test_a_checkpoint_and_tiles_that_a_power_cut_took_are_made_again(where, left):
    appended(where, 300)
    data = (where / CHECKPOINT).read_bytes()
    expected = {name: (where / name).read_bytes() for name in files_of(where) if name.startswith("tile")}
    (where / CHECKPOINT).unlink()
    if left is not None:
        (where / CHECKPOINT).write_bytes(left)
    (where / "tile/0/001.p/44").write_bytes(b"")
    (where / "tile/1/000.p/1").unlink()
    open_log(where).close()
    assert (where / CHECKPOINT).read_bytes() == data
    assert all((where / name).read_bytes() == expected[name] for name in expected if "000" not in name)
    assert check(where) == []


def test_tiles_of_the_journal_are_made_again_behind_an_unharmed_checkpoint(where):
    appended(where, 290)
    for name in ("tile/0/000", "tile/entries/000", "tile/0/001.p/34"):
        (where / name).write_bytes(b"half")
    assert {subject for subject, _ in check(where)} == {"tile/0/000", "tile/entries/000", "tile/0/001.p/34"}
    open_log(where).close()
    assert check(where) == []


def test_tiles_of_entries_that_a_power_cut_took_are_removed(where):
    """They may be written while their entries are being flushed; no checkpoint covers them."""
    appended(where)
    before = files_of(where)
    for name in ("0/000", "0/000.p/200", "0/002", "1/000.p/2", "entries/000", "entries/001.p/7"):
        path = where / "tile" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"phantom")
    (where / "tile/0/000.p/30").write_bytes(b"torn")
    open_log(where).close()
    assert files_of(where) == before | {"tile/0/000.p/30"}
    assert check(where) == []


def test_an_old_journal_that_was_left_is_removed(where):
    appended(where, 10)
    older = journal_of(where)
    data = older.read_bytes()
    with open_log(where) as log:
        log.append(ENTRIES[10:600])
    assert not older.exists()
    older.write_bytes(data)
    with open_log(where) as log:
        assert log.size == 600
    assert not older.exists()


# Disks


def test_no_room_takes_nothing_and_the_log_goes_on(where, log, monkeypatch):
    log.append(ENTRIES[:3])

    def full(fd, data, offset):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr("scanward.adapters.tlog.journal.write_all", full)
        with pytest.raises(StoreFullError):
            log.append([bytes(60_000)] * 2)
    assert log.append(ENTRIES[3:4]) == range(3, 4)
    log.close()
    assert check(where) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot open the log"):
        open_log(tmp_path / "file" / "log")


def test_a_journal_is_renewed_by_its_bytes_too(where, monkeypatch):
    monkeypatch.setattr(module, "JOURNAL_BYTES", 10_000)
    with open_log(where, journal_entries=10**6) as log:
        for _ in range(2):
            log.append([bytes(40)] * 260)
        assert journal_of(where).name == f"{512:020}"
    assert check(where) == []


def test_many_tiles_are_flushed_at_once(where):
    with open_log(where, journal_entries=5000) as log:
        log.append(make_entries(5200))
        assert journal_of(where).name == f"{5120:020}"
    with open_log(where) as log:
        assert log.size == 5200
    assert check(where) == []


def test_opening_reads_no_more_than_the_journal(where):
    appended(where, 1000)
    shutil.rmtree(where / "tile/0")
    with open_log(where) as log:
        assert log.append(make_entries(1, first=1000)) == range(1000, 1001)


def test_a_journal_says_when_another_one_wrote(tmp_path):
    path = tmp_path / "journal"
    Journal.write(path, [], [])
    first, second = Journal(path), Journal(path)
    try:
        assert not second.has_more()
        first.allocate(3)
        first.stage(1, b"\0\1x")
        first.flush()
        assert second.has_more()
        assert second.read_on() == [b"x"]
        assert second.read_on() == []
        assert not second.has_more()
        path.unlink()
        assert not second.is_current()
    finally:
        first.close()
        second.close()


def test_files_are_there_for_everyone_to_read(where, log):
    log.append(ENTRIES[:1])
    for path in (where / CHECKPOINT, where / "tile/0/000.p/1", where / "tile/entries/000.p/1"):
        assert path.stat().st_mode & 0o600 == 0o600
        assert isinstance(path, Path)
