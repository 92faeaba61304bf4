"""The folder of keys."""

import os
from pathlib import Path

import pytest

from scanward.adapters.home import find_home
from scanward.adapters.keys import KeyFolder, derive
from scanward.errors import KeyStoreError


@pytest.mark.parametrize(
    ("key", "salt", "info", "length", "expected"),
    [  # RFC 5869 Appendix A, test cases 1 to 3
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            "0b" * 22,
            "",
            "",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_derivation_is_hkdf(key, salt, info, length, expected):
    got = derive(bytes.fromhex(key), bytes.fromhex(info), salt=bytes.fromhex(salt), length=length)
    assert got.hex() == expected


@pytest.fixture
def home(tmp_path):
    return tmp_path / "deep" / "home"


def test_keys_are_made_once_and_differ_by_recipient(home):
    keys = KeyFolder(home)
    first = keys.recipient_key("a")
    assert len(first) == 32
    assert KeyFolder(home).recipient_key("a") == first
    assert keys.recipient_key("b") != first
    assert keys.recipient_key("é") == keys.recipient_key("e\u0301")
    assert KeyFolder(home).key_id() == keys.key_id()
    assert len(keys.key_id()) == 16


def test_each_purpose_has_a_key_of_its_own(home):
    keys = KeyFolder(home)
    vault = keys.derived_key("vault")
    assert len(vault) == 32
    assert KeyFolder(home).derived_key("vault") == vault
    others = {keys.derived_key("sealing"), keys.recipient_key("vault"), keys.recipient_key("")}
    assert len(others | {vault}) == 4
    assert not vault.hex().startswith(keys.key_id())


@pytest.mark.parametrize("purpose", ["", "key id", "recipient key v1|a", "Vault", "vault\n"])
def test_purposes_are_single_words(home, purpose):
    with pytest.raises(ValueError, match="one word"):
        KeyFolder(home).derived_key(purpose)


def test_modes(home):
    KeyFolder(home).key_id()
    modes = {str(path.relative_to(home)): path.stat().st_mode & 0o777 for path in (home, *home.rglob("*"))}
    assert modes == {".": 0o700, "keys": 0o700, "keys/master.key": 0o600}


@pytest.mark.parametrize("what", [".", "keys", "keys/master.key"])
def test_what_others_can_reach_is_refused(home, what):
    KeyFolder(home).key_id()
    (home / what).chmod(0o750)
    with pytest.raises(KeyStoreError, match="closed to others") as caught:
        KeyFolder(home).key_id()
    assert "chmod" in caught.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a link away needs root")
def test_a_link_of_someone_else_is_refused(tmp_path):
    real = tmp_path / "real"
    KeyFolder(real).key_id()
    link = tmp_path / "link"
    link.symlink_to(real)
    assert KeyFolder(link).key_id()
    os.lchown(link, 12345, 12345)
    with pytest.raises(KeyStoreError, match="belongs to someone else"):
        KeyFolder(link).key_id()


def change(path: Path, line: int) -> None:
    lines = path.read_text().splitlines()
    lines[line] = lines[line][:-1] + ("0" if lines[line][-1] != "0" else "1")
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: change(p, 2),
        lambda p: change(p, 3),
        lambda p: change(p, 0),
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(os.urandom(100)),
        lambda p: p.write_text(p.read_text()[:-5]),
    ],
)
def test_a_damaged_key_is_never_used(home, spoil):
    keys = KeyFolder(home)
    keys.key_id()
    secret = keys._master.hex()
    spoil(keys.path)
    with pytest.raises(KeyStoreError) as caught:
        KeyFolder(home).recipient_key("a")
    assert secret[:8] not in f"{caught.value}{caught.value.remedy}"


def test_backup_and_restore(home, tmp_path):
    keys = KeyFolder(home)
    key = keys.recipient_key("a")
    backup = tmp_path / "backup"
    keys.export(backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    other = KeyFolder(tmp_path / "other")
    assert other.restore(backup)
    assert other.recipient_key("a") == key
    assert not other.restore(backup)
    with pytest.raises(KeyStoreError, match="there already"):
        keys.export(backup)


def test_restoring_never_replaces_a_key(home, tmp_path):
    KeyFolder(home).key_id()
    KeyFolder(home).export(tmp_path / "backup")
    other = KeyFolder(tmp_path / "other")
    before = other.key_id()
    with pytest.raises(KeyStoreError, match="different key"):
        other.restore(tmp_path / "backup")
    assert KeyFolder(tmp_path / "other").key_id() == before


def test_there_is_nothing_to_export_before_the_first_use(home, tmp_path):
    with pytest.raises(KeyStoreError, match="no key"):
        KeyFolder(home).export(tmp_path / "backup")
    assert not home.exists()


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_backup_that_cannot_be_read_is_told(home, tmp_path, name):
    with pytest.raises(KeyStoreError, match="cannot read the backup"):
        KeyFolder(home).restore(tmp_path / name)


def test_a_home_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(KeyStoreError, match="cannot"):
        KeyFolder(tmp_path / "file" / "home").key_id()


def test_home_is_option_then_variable_then_platform(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANWARD_HOME", str(tmp_path / "variable"))
    assert find_home(tmp_path / "option") == tmp_path / "option"
    assert find_home() == tmp_path / "variable"
    monkeypatch.delenv("SCANWARD_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert find_home() == tmp_path / "data" / "scanward"
