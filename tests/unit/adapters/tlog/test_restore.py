"""A log that is lost but for a mirror of it goes on from there, if the mirror is not too old."""

import shutil

import pytest

from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.adapters.tlog.restore import restore_journal
from scanward.errors import EvidenceError, StoreError
from scanward.tlog.faults import LogFault
from tests.common.logs import POLICY, make_entries, open_log

ENTRIES = make_entries(900)


@pytest.fixture(params=[0, 1, 255, 256, 600])
def size(request):
    return request.param


@pytest.fixture
def mirror(tmp_path, size):
    with open_log(tmp_path / "log") as log:
        log.append(ENTRIES[:size])
    return shutil.copytree(tmp_path / "log", tmp_path / "mirror", ignore=shutil.ignore_patterns(".journal"))


def test_a_log_goes_on_from_a_mirror(mirror, size):
    known = VerifiedLog.open(FolderReader(mirror), POLICY).checkpoint
    assert restore_journal(mirror, POLICY, least=size) == size
    with open_log(mirror) as log:
        assert log.append(ENTRIES[size : size + 300]) == range(size, size + 300)
        log.proof(size).verify(ENTRIES[size], POLICY)
    VerifiedLog.open(FolderReader(mirror), POLICY).follow(known)
    assert list(check_log(mirror, POLICY)) == []
    with pytest.raises(StoreError, match="got a log with a journal"):
        restore_journal(mirror, POLICY, least=size)


def test_a_mirror_that_is_too_old_is_refused(mirror, size):
    with pytest.raises(EvidenceError) as refusal:
        restore_journal(mirror, POLICY, least=size + 1)
    assert refusal.value.fault is LogFault.ROLLED_BACK


@pytest.mark.parametrize("size", [600], indirect=True)
def test_a_mirror_that_does_not_hold_is_refused(mirror):
    (mirror / "tile/entries/001").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be gone on from"):
        restore_journal(mirror, POLICY, least=0)
    assert not (mirror / ".journal").exists()
