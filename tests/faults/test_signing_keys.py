"""The folder of signing keys when a write fails, the disk is full, or the process is killed at any step."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanward.adapters.signing.folder import KeyRingFolder
from scanward.errors import SigningError
from scanward.model.signing import KeyUse
from scanward.seal.trust import verify_signature
from tests.common.signing import NOW, Clock

ROOT = Path(__file__).resolve().parents[2]

KILLED = """
import os, sys
from pathlib import Path
from scanward.adapters.signing.folder import KeyRingFolder
from scanward.model.signing import KeyUse
from tests.common.signing import Clock, NOW

home, deed, step, after, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "after", int(sys.argv[5])
ring = KeyRingFolder(home, Clock())
key_id = ring.records()[0].key_id if deed != "first" else ""
original, left = getattr(os, step), count

def counted(*args, **kwargs):
    global left
    left -= 1
    if left == 0 and not after:
        os._exit(9)
    result = original(*args, **kwargs)
    if left == 0:
        os._exit(9)
    return result

setattr(os, step, counted)
if deed == "first":
    ring.signer(KeyUse.STATEMENTS)
elif deed == "rotate":
    ring.rotate(KeyUse.STATEMENTS, NOW)
else:
    ring.compromise(key_id, NOW, NOW)
"""


def killed(home: Path, deed: str, step: str, when: str, count: int) -> bool:
    """Do it in a process that is killed at this step; tell whether it was."""
    command = [sys.executable, "-c", KILLED, str(home), deed, step, when, str(count)]
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False, timeout=60)
    assert done.returncode in {0, 9}, done.stderr.decode()
    return done.returncode == 9


def works(home: Path) -> KeyRingFolder:
    """The ring is whole: each key that signs does, and nothing is left of what was begun."""
    ring = KeyRingFolder(home, Clock())
    signer = ring.signer(KeyUse.STATEMENTS)
    verify_signature(signer.record, b"m", signer.sign(b"m"))
    ring.rotate(KeyUse.LOG, NOW)
    assert not list(ring.folder.glob(".staged-*"))
    return ring


@pytest.mark.parametrize(("step", "when"), [("fsync", "before"), ("replace", "after")])
def test_a_kill_while_the_first_key_is_made_leaves_a_ring_that_works(tmp_path, step, when):
    for count in range(1, 20):
        home = tmp_path / f"{count}"
        if not killed(home, "first", step, when, count):
            assert count > 2
            break
        works(home)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("deed", ["rotate", "compromise"])
def test_a_kill_while_keys_change_leaves_the_old_ring_or_the_new(tmp_path, deed, when):
    for count in range(1, 20):
        home = tmp_path / f"{count}"
        old = KeyRingFolder(home, Clock()).signer(KeyUse.STATEMENTS).record
        was_killed = killed(home, deed, "replace", when, count)
        records = [one for one in works(home).records() if one.use is KeyUse.STATEMENTS]
        changed = len(records) == 2
        noted = next(one for one in records if one.key_id == old.key_id)
        assert (noted.retired is not None) == changed
        assert (noted.compromised is not None) == (changed and deed == "compromise")
        if not was_killed:
            assert changed
            assert count > 1
            break


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_changes_nothing_and_is_said(tmp_path, monkeypatch, step, error):
    ring = KeyRingFolder(tmp_path / "home", Clock())
    old = ring.signer(KeyUse.STATEMENTS).record
    original = getattr(os, step)
    for count in range(1, 10):
        left = count

        def failing(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(error, os.strerror(error))
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(os, step, failing)
            try:
                ring.rotate(KeyUse.STATEMENTS, NOW)
            except SigningError:
                found = KeyRingFolder(tmp_path / "home", Clock())
                changed = len([one for one in found.records() if one.use is KeyUse.STATEMENTS]) > 1
                # A flush of the folder that fails comes after the rename: the change may be there, and is whole.
                assert not changed or step == "fsync"
                assert found.signer(KeyUse.STATEMENTS).sign(b"m")
                if changed:
                    assert count == 4
                    break
                assert found.signer(KeyUse.STATEMENTS).record == old
            else:
                assert count > 2
                break
    works(tmp_path / "home")


def test_a_lost_list_of_keys_is_never_taken_for_a_new_ring(tmp_path):
    ring = KeyRingFolder(tmp_path / "home", Clock())
    ring.signer(KeyUse.LOG)
    (ring.folder / "ring.json").unlink()

    for one in (ring, KeyRingFolder(tmp_path / "home", Clock())):
        with pytest.raises(SigningError, match="missing"):
            one.signer(KeyUse.LOG)
        with pytest.raises(SigningError, match="missing"):
            one.rotate(KeyUse.LOG, NOW)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 100])
def test_a_damaged_list_of_keys_is_said(tmp_path, damage):
    ring = KeyRingFolder(tmp_path / "home", Clock())
    ring.signer(KeyUse.LOG)
    (ring.folder / "ring.json").write_bytes(damage)

    with pytest.raises(SigningError, match="damaged"):
        KeyRingFolder(tmp_path / "home", Clock()).signer(KeyUse.LOG)


def test_every_byte_of_a_private_half_counts(tmp_path):
    ring = KeyRingFolder(tmp_path / "home", Clock())
    path = ring.folder / f"{ring.signer(KeyUse.LOG).record.key_id}.key"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SigningError):
            ring.signer(KeyUse.LOG)
    path.unlink()
    with pytest.raises(SigningError):
        ring.signer(KeyUse.LOG)


def test_two_processes_that_make_the_first_key_at_once_get_the_same(tmp_path):
    code = (
        "import sys; from pathlib import Path; from scanward.adapters.signing.folder import KeyRingFolder;"
        "from scanward.model.signing import KeyUse; from tests.common.signing import Clock;"
        "print(KeyRingFolder(Path(sys.argv[1]), Clock()).signer(KeyUse.STATEMENTS).record.key_id)"
    )
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "home")],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    found = {process.communicate(timeout=60)[0] for process in processes}

    assert len(found) == 1
    assert len(found.pop().strip()) == 32
