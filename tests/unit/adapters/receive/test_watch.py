"""What becomes of files that are put into a watched folder."""

import io
import logging
import os
import zipfile
from pathlib import Path

import pytest

from scanward.adapters.receive.watch import MAX_FAILURES, FolderWatch
from scanward.config import WatchSettings
from scanward.errors import StoreError, StoreFullError
from scanward.model.study import OriginKind
from tests.common.intake import MemoryIntake
from tests.common.outgoing import make_outgoing
from tests.common.ports import wait_until

FIRST, SECOND = (make_outgoing(number).content for number in (1, 2))
BROKEN = FIRST[: FIRST.index(b"\x08\x00\x18\x00UI") + 12]


class Watched:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.folder.mkdir()
        self.seconds = 0.0
        self.intake = MemoryIntake()
        settings = WatchSettings(path=str(self.folder), name="drop", recipient="university", settle_seconds=2.0)
        self.watch = FolderWatch(settings, self.intake, folder / "spool", clock=lambda: self.seconds)

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def look(self) -> None:
        """Look, and once more when what is there has settled."""
        self.watch.look()
        self.seconds += 2.0
        self.watch.look()

    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())

    def taken(self) -> list[bytes]:
        return [data for data, _ in self.intake.taken]

    def reason(self, name: str) -> str:
        return (self.folder / "refused" / f"{name}.reason.txt").read_text()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_files_are_taken_in_and_removed(watched):
    watched.put("a.dcm", FIRST)
    watched.put("deep/er/b", SECOND)
    watched.look()
    assert sorted(watched.taken()) == sorted([FIRST, SECOND])
    assert watched.left() == []
    origin = watched.intake.taken[0][1]
    assert (origin.kind, origin.peer, origin.recipient) == (OriginKind.FOLDER, "drop", "university")


def test_a_file_that_still_grows_waits(watched):
    path = watched.put("a.dcm", FIRST[:5000])
    watched.watch.look()
    watched.seconds += 1.9
    watched.watch.look()
    path.write_bytes(FIRST)
    watched.seconds += 1.9
    watched.watch.look()
    assert watched.taken() == []
    watched.seconds += 2.0
    watched.watch.look()
    assert watched.taken() == [FIRST]


@pytest.mark.parametrize("name", [".hidden.dcm", "a.dcm.part", "a.TMP", ".folder/a.dcm"])
def test_unfinished_and_hidden_files_are_left_alone(watched, name):
    watched.put(name, FIRST)
    watched.look()
    assert watched.taken() == []
    assert watched.left() == [name]


def test_what_is_not_understood_is_quarantined_and_removed(watched):
    watched.put("a.dcm", BROKEN)
    watched.look()
    assert [data for data, _ in watched.intake.quarantined] == [BROKEN]
    assert watched.left() == []


def test_what_is_not_dicom_is_set_aside_with_the_reason(watched):
    watched.put("notes.txt", b"nothing of DICOM " * 20)
    watched.put("sub/notes.txt", b"something else " * 20)
    watched.look()
    assert watched.left() == [
        "refused/notes.txt",
        "refused/notes.txt-1",
        "refused/notes.txt-1.reason.txt",
        "refused/notes.txt.reason.txt",
    ]
    assert watched.reason("notes.txt") == "not DICOM\n"
    watched.look()
    assert len(watched.left()) == 4, "what was refused is not looked at again"
    assert watched.taken() == watched.intake.quarantined == []


def test_members_of_an_archive_are_taken_in(watched):
    watched.put("a.zip", zipped(a=FIRST, b=SECOND, c=BROKEN))
    watched.look()
    assert watched.taken() == [FIRST, SECOND]
    assert len(watched.intake.quarantined) == 1
    assert watched.left() == []


def test_an_archive_with_other_things_is_set_aside_when_its_instances_are_in(watched):
    watched.put("a.zip", zipped(a=FIRST, readme=b"words " * 99, inner=zipped(b=SECOND)))
    watched.look()
    assert watched.taken() == [FIRST]
    assert watched.left() == ["refused/a.zip", "refused/a.zip.reason.txt"]
    reason = watched.reason("a.zip")
    assert "1 members were taken in" in reason
    assert "1 members: not DICOM" in reason
    assert "1 members: an archive inside of an archive" in reason


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(400), zipped()], ids=["damaged", "empty"])
def test_an_archive_without_use_is_set_aside(watched, content):
    watched.put("a.zip", content)
    watched.look()
    assert watched.left() == ["refused/a.zip", "refused/a.zip.reason.txt"]


def test_links_are_not_followed(watched, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.dcm").write_bytes(FIRST)
    (watched.folder / "file.dcm").symlink_to(outside / "secret.dcm")
    (watched.folder / "folder").symlink_to(outside)
    os.mkfifo(watched.folder / "pipe")
    watched.look()
    assert watched.taken() == []
    assert (outside / "secret.dcm").exists()


def test_a_link_in_place_of_the_refused_folder_is_not_followed(watched, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (watched.folder / "refused").symlink_to(outside)
    watched.put("notes.txt", b"words " * 99)
    watched.look()
    assert list(outside.iterdir()) == []
    assert "notes.txt" in watched.left()


def test_a_full_store_leaves_files_for_later(watched):
    watched.put("a.dcm", FIRST)
    watched.put("b.dcm", SECOND)
    asked = []

    def refuse() -> None:
        asked.append(1)
        raise StoreFullError("full")

    watched.intake.before = refuse
    watched.look()
    assert watched.left() == ["a.dcm", "b.dcm"]
    assert len(asked) == 1, "the second one was not even tried"
    watched.intake.before = lambda: None
    watched.watch.look()
    assert watched.taken() == [FIRST, SECOND]
    assert watched.left() == []


@pytest.mark.parametrize("error", [StoreError("no answer"), RuntimeError("a fault with PATIENT1 in it")])
def test_a_file_that_cannot_be_stored_does_not_hold_up_the_others(watched, error, caplog):
    watched.put("a.dcm", FIRST)
    watched.put("b.dcm", SECOND)
    errors = [error]

    def fail_once() -> None:
        if errors:
            raise errors.pop()

    watched.intake.before = fail_once
    with caplog.at_level(logging.DEBUG):
        watched.look()
    assert watched.taken() == [SECOND]
    assert watched.left() == ["a.dcm"]
    assert "PATIENT1" not in caplog.text
    watched.watch.look()
    assert watched.taken() == [SECOND, FIRST]


def test_a_store_that_fails_for_every_file_is_left_in_peace(watched):
    for number in range(MAX_FAILURES + 5):
        watched.put(f"{number:02}.dcm", FIRST)
    asked = []

    def fail() -> None:
        asked.append(1)
        raise StoreError("no answer")

    watched.intake.before = fail
    watched.look()
    assert len(asked) == MAX_FAILURES
    assert len(watched.left()) == MAX_FAILURES + 5


def test_a_file_that_changes_while_it_is_taken_in_is_taken_again(watched):
    path = watched.put("a.dcm", FIRST)
    watched.intake.before = lambda: path.write_bytes(SECOND + b"\0\0")
    watched.look()
    assert watched.left() == ["a.dcm"]
    watched.intake.before = lambda: None
    watched.look()
    assert watched.left() == []
    assert watched.taken()[-1] == SECOND + b"\0\0"


def test_a_file_that_cannot_be_removed_is_taken_in_once(watched, monkeypatch):
    watched.put("a.dcm", FIRST)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "unlink", refuse)
    watched.look()
    watched.look()
    assert watched.taken() == [FIRST]
    assert watched.left() == ["a.dcm"]


def test_a_kill_before_the_removal_loses_nothing(watched, monkeypatch, tmp_path):
    watched.put("a.dcm", FIRST)

    class KilledError(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(os, "unlink", kill)
        watched.look()
    again = FolderWatch(
        WatchSettings(path=str(watched.folder), name="drop", settle_seconds=0.0), watched.intake, tmp_path / "spool"
    )
    again.look()
    assert watched.taken() == [FIRST, FIRST]
    assert watched.left() == []


def test_names_do_not_reach_the_log(watched, caplog):
    watched.put("DOE^JANE 19500101.txt", b"words " * 99)
    with caplog.at_level(logging.DEBUG):
        watched.look()
    assert "refused" in caplog.text
    assert "DOE" not in caplog.text


def test_a_folder_that_is_not_there_is_waited_for(watched, caplog):
    watched.folder.rmdir()
    watched.look()
    assert "not there" in caplog.text
    watched.folder.mkdir()
    watched.put("a.dcm", FIRST)
    watched.look()
    assert watched.taken() == [FIRST]


def test_it_runs_by_itself_until_it_is_stopped(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    intake = MemoryIntake()
    watch = FolderWatch(WatchSettings(path=str(folder), name="drop", settle_seconds=0.02), intake, tmp_path / "spool")
    watch.start()
    try:
        (folder / "a.dcm").write_bytes(FIRST)
        wait_until(lambda: not list(folder.iterdir()), "the file is taken in")
    finally:
        watch.stop()
    assert [data for data, _ in intake.taken][-1] == FIRST
