"""The folder of keys (implements :class:`scanward.ports.files.Keys`).

Trust: whoever reads the master key can undo every pseudonym; whoever loses it can't make them again. So the folder is
for its owner alone, and `KeyFolder.export` makes a copy to keep apart.

One key serves all: the key of a recipient is derived from the master key and the recipient's name by HKDF-SHA256
(RFC 5869), so that recipients can't join their sets and nothing has to be stored for each.
"""

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from scanward.adapters.home import check_private, flush_folder, make_private_folder, refused
from scanward.errors import KeyStoreError

KEY_BYTES = 32
"""Length of the master key and of each recipient's key."""

_HEADER = "Scanward master key, version 1. Keep it secret and apart from the data."
_FIELDS = ("created", "key", "check")
_MAX_FILE_BYTES = 4096
_RECIPIENT_INFO = b"scanward recipient key v1|"
_KEY_ID_INFO = b"scanward key id v1"
_PURPOSE = re.compile(r"[a-z]+")


def derive(key: bytes, info: bytes, *, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """Return `length` bytes derived from `key` by HKDF-SHA256 (RFC 5869)."""
    pseudorandom = hmac.digest(salt or bytes(hashlib.sha256().digest_size), key, "sha256")
    block = b""
    result = b""
    counter = 0
    while len(result) < length:
        counter += 1
        block = hmac.digest(pseudorandom, block + info + bytes([counter]), "sha256")
        result += block
    return result[:length]


class KeyFolder:
    """The master key in ``keys/master.key`` of the home folder, made on first use.

    Parameters
    ----------
    home
        The home folder; made with mode 0700 when it is missing.

    Raises
    ------
    KeyStoreError
        By each method, when the folder or the key cannot be made, read or trusted.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "keys" / "master.key"
        self._master = b""

    def recipient_key(self, recipient: str) -> bytes:
        """Return the 32 byte key for `recipient`, the same each time."""
        name = unicodedata.normalize("NFC", recipient).encode()
        return derive(self._load(), _RECIPIENT_INFO + name)

    def derived_key(self, purpose: str) -> bytes:
        """Return the 32 byte key for one `purpose` of the gateway: a word of small letters, as ``vault``.

        A word alone can't meet the other names that keys are derived by, which are of two.
        """
        if not _PURPOSE.fullmatch(purpose):
            raise ValueError("expected the purpose of a key to be one word of small letters")
        return derive(self._load(), f"scanward {purpose} v1".encode())

    def key_id(self) -> str:
        """Return 16 hexadecimal digits that tell this master key from others and nothing else of it."""
        return derive(self._load(), _KEY_ID_INFO, length=8).hex()

    def exists(self) -> bool:
        """Tell whether there is a master key already."""
        return self.path.exists()

    def export(self, path: Path) -> None:
        """Write a backup of the master key to the new file `path`, mode 0600.

        Raises
        ------
        KeyStoreError
            When there is no key yet, `path` is there already or cannot be written.
        """
        if not self.exists():
            raise KeyStoreError(
                "there is no key to back up yet",
                remedy="scanward init makes one, and so does the first scanward deidentify.",
            )
        text = _format(self._load(), _now())
        try:
            _write_new(path, text)
        except FileExistsError:
            raise KeyStoreError("the file for the backup is there already", remedy="Name a new file.") from None
        except OSError as error:
            raise refused("write the backup", error) from None

    def restore(self, path: Path) -> bool:
        """Take over the master key of the backup `path`; return False when it was this one already.

        Raises
        ------
        KeyStoreError
            When `path` is no backup, or a different key is there: no key is ever replaced.
        """
        try:
            restored = _parse(_read(path))
        except OSError as error:
            raise refused("read the backup", error) from None
        if self.exists():
            if hmac.compare_digest(self._load(), restored):
                return False
            raise KeyStoreError(
                "a different key is there already, and pseudonyms made with it would be lost",
                remedy=f"Choose another home folder with --home, or move {self.path} away.",
            )
        self._make(restored)
        if not hmac.compare_digest(self._load(), restored):
            raise KeyStoreError("another key was made at the same moment", remedy="Run the command again.")
        return True

    def _load(self) -> bytes:
        """Return the master key; make it when it is missing."""
        if self._master:
            return self._master
        if not self.path.exists():
            self._make(secrets.token_bytes(KEY_BYTES))
        for private in (self.home, self.path.parent, self.path):
            check_private(private)
        try:
            self._master = _parse(_read(self.path))
        except OSError as error:
            raise refused("read the master key", error) from None
        return self._master

    def _make(self, master: bytes) -> None:
        """Store `master` unless a key is there; of two processes that try at once, one wins and both use its key."""
        staged = self.path.parent / f".{os.getpid()}-{secrets.token_hex(4)}"
        try:
            make_private_folder(self.home)
            make_private_folder(self.path.parent)
            try:
                _write_new(staged, _format(master, _now()))
                with suppress(FileExistsError):
                    os.link(staged, self.path)  # unlike a rename, never replaces
            finally:
                staged.unlink(missing_ok=True)
            flush_folder(self.path.parent)
        except OSError as error:
            raise refused("make the folder of keys", error) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _format(master: bytes, created: str) -> str:
    """Return the text of a key file, for the folder and for backups alike."""
    return f"{_HEADER}\ncreated: {created}\nkey: {master.hex()}\ncheck: {_checksum(master)}\n"


def _checksum(master: bytes) -> str:
    return hashlib.sha256(b"scanward key file v1|" + master).hexdigest()[:16]


def _parse(text: str) -> bytes:
    """Return the key in the `text` of a key file."""
    lines = text.splitlines()
    if not lines or lines[0] != _HEADER:
        raise KeyStoreError("expected a key file of version 1, got something else", remedy="Restore it from a backup.")
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    try:
        master = bytes.fromhex(fields["key"])
        intact = set(fields) == set(_FIELDS) and hmac.compare_digest(fields["check"], _checksum(master))
    except (KeyError, ValueError, TypeError):
        intact, master = False, b""
    if not intact or len(master) != KEY_BYTES:
        raise KeyStoreError(
            "the key file is damaged: its check does not fit", remedy="Restore it: scanward keys import BACKUP."
        )
    return master


def _read(path: Path) -> str:
    """Return the beginning of the file at `path`, which is all of a key file."""
    with path.open("rb") as stream:
        return stream.read(_MAX_FILE_BYTES).decode("ascii", errors="replace")


def _write_new(path: Path, text: str) -> None:
    """Write `text` to the new file `path`, mode 0600, durable on return, or leave nothing."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
