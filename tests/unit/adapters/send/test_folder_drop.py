"""The folder as a door out: whole files only, nothing through links, nothing twice."""

import os
from pathlib import Path

import pytest

from scanward.adapters.send import folder_drop
from scanward.adapters.send.folder_drop import STAGING, STALE_SECONDS, FolderSender
from scanward.model.agreement import FolderEndpoint
from scanward.model.release import Delivery
from tests.common.outgoing import make_outgoing, make_several


@pytest.fixture
def drop(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def send(folder, files):
    return {each.sop_instance_uid: each for each in FolderSender(FolderEndpoint(path=str(folder))).send(files)}


def found(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_come_to_their_places_as_they_are(drop):
    files = make_several(3)
    reports = send(drop, files)
    assert [reports[file.sop_instance_uid].delivery for file in files] == [Delivery.CONFIRMED] * 3
    assert found(drop) == {file.path: file.content for file in files}


def test_sending_again_replaces(drop):
    file = make_outgoing()
    send(drop, [file])
    (drop / file.path).write_bytes(b"altered")
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.CONFIRMED
    assert found(drop) == {file.path: file.content}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_links_in_the_folder_are_not_followed(drop, tmp_path, depth):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = make_outgoing()
    link = drop.joinpath(*Path(file.path).parts[:depth])
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    report = send(drop, [file])[file.sop_instance_uid]
    assert report.delivery is Delivery.NOT_SENT
    assert "link" in report.detail
    assert found(elsewhere) == {}
    assert not any((drop / STAGING).iterdir())


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_written_through(drop, tmp_path):
    file = make_outgoing()
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (drop / file.path).parent.mkdir(parents=True)
    (drop / file.path).symlink_to(precious)
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.CONFIRMED
    assert precious.read_bytes() == b"precious"
    assert not (drop / file.path).is_symlink()


def test_a_staging_folder_that_is_a_link_is_not_followed(drop, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (drop / STAGING).symlink_to(elsewhere)
    file = make_outgoing()
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.NOT_SENT
    assert found(elsewhere) == {}


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    files = make_several(2)
    reports = send(tmp_path / "not-mounted", files)
    assert {each.delivery for each in reports.values()} == {Delivery.NOT_SENT}
    assert not (tmp_path / "not-mounted").exists()


@pytest.mark.parametrize(
    "path",
    [
        "a/b/c.dcm",
        "../a/b/c.dcm",
        "/a/b/c.dcm",
        "a/../b/c.dcm",
        "a//b/c.dcm",
        "a/b/c/d/e.dcm",
        "a/b/c/d",
        "a/b/c/.dcm",
        "a/b/c/DOE^JOHN.dcm",
        ".hidden/b/c/d.dcm",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(drop, path):
    file = make_outgoing()
    file.path = path
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.REFUSED
    assert found(drop) == {}


@pytest.mark.parametrize("breaks_after", [0, 1, 5000])
def test_a_file_that_cannot_be_read_leaves_nothing_and_the_others_go(drop, breaks_after):
    files = make_several(3)
    files[1].breaks_after = breaks_after
    reports = send(drop, files)
    assert [reports[file.sop_instance_uid].delivery for file in files] == [
        Delivery.CONFIRMED,
        Delivery.NOT_SENT,
        Delivery.CONFIRMED,
    ]
    assert found(drop) == {file.path: file.content for file in (files[0], files[2])}


def test_a_file_of_another_length_than_recorded_does_not_leave(drop):
    file = make_outgoing()

    class Longer(type(file)):
        size_bytes = property(lambda self: len(self.content) - 1)

    file.__class__ = Longer
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.NOT_SENT
    assert found(drop) == {}


def test_leftovers_of_killed_senders_are_swept_and_younger_ones_stay(drop):
    staging = drop / STAGING
    staging.mkdir()
    for name, age in (("old", STALE_SECONDS + 60), ("young", 60)):
        (staging / name).write_bytes(b"half")
        when = (staging / name).stat().st_mtime - age
        os.utime(staging / name, (when, when))
    send(drop, [make_outgoing()])
    assert [path.name for path in staging.iterdir()] == ["young"]


def test_no_room_is_said_so_and_leaves_nothing(drop, monkeypatch):
    file = make_outgoing()
    real = os.write

    def full(fd, data):
        if len(data) > 100:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(folder_drop.os, "write", full)
    report = send(drop, [file])[file.sop_instance_uid]
    assert (report.delivery, report.detail) == (Delivery.NOT_SENT, "no room left in the recipient's folder")
    assert found(drop) == {}


def test_a_flush_that_fails_after_the_rename_leaves_it_unknown(drop, monkeypatch):
    file = make_outgoing()
    real = os.fsync
    calls = []

    def failing(fd):
        calls.append(fd)
        if len(calls) > 1:  # the first is of the staged file
            raise OSError(5, "Input/output error")
        real(fd)

    monkeypatch.setattr(folder_drop.os, "fsync", failing)
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.UNKNOWN
    assert found(drop) == {file.path: file.content}


def test_a_staged_part_that_cannot_be_removed_leaves_it_unknown(drop, monkeypatch):
    file = make_outgoing()
    file.breaks_after = 5000

    def failing(*args, **kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(folder_drop.os, "unlink", failing)
    assert send(drop, [file])[file.sop_instance_uid].delivery is Delivery.UNKNOWN
