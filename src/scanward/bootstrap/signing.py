"""What ``scanward keys`` does with the keys that sign."""

import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scanward.adapters.home import find_home, refused
from scanward.adapters.settings import NAME
from scanward.adapters.signing.folder import KeyRingFolder
from scanward.bootstrap.clock import now
from scanward.errors import KeyStoreError
from scanward.model.custody import CustodyEvent
from scanward.model.signing import KeyRecord, KeyUse


def signing_keys(home: Path | None) -> Sequence[KeyRecord]:
    """Return what is known of all keys; makes none."""
    return _ring(home).records()


def rotate_key(home: Path | None, use: str) -> KeyRecord:
    """Make a new key of a use, and state that; raises `SigningError`."""
    ring = _ring(home)
    before = {one.key_id for one in ring.records() if one.retired is not None}
    made = ring.rotate(KeyUse(use), now())
    for one in ring.records():
        if one.use is made.use and one.retired is not None and one.key_id not in before:
            _state(home, one, CustodyEvent.KEY_RETIRED)
    _state(home, made, CustodyEvent.KEY_ADDED)
    return made


def compromise_key(home: Path | None, key_id: str, since: datetime) -> KeyRecord:
    """Note that a key is compromised since a time (UTC), and state that; raises `UnknownError`, `SigningError`."""
    noted = _ring(home).compromise(key_id, since.replace(tzinfo=UTC), now())
    _state(home, noted, CustodyEvent.KEY_COMPROMISED)
    return noted


def publish_keys(home: Path | None, path: Path) -> None:
    """Write what is public of the keys to a new file; raises `KeyStoreError`."""
    _write_new(path, _ring(home).published())


def write_authority(home: Path | None, path: Path) -> None:
    """Write the certificates that verifiers pin to a new file, PEM; raises `KeyStoreError`."""
    texts = [ssl.DER_cert_to_PEM_cert(one) for one in _ring(home).authorities()]
    if not texts:
        raise KeyStoreError("there is no certificate yet", remedy="Sign or seal something first: scanward seal.")
    _write_new(path, "".join(texts).encode("ascii"))


def _write_new(path: Path, data: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise KeyStoreError("the file for the public keys is there already", remedy="Name a new file.") from None
    except OSError as error:
        raise refused("write the public keys", error) from None


def _ring(home: Path | None) -> KeyRingFolder:
    return KeyRingFolder(find_home(home), now)


def _state(home: Path | None, record: KeyRecord, event: CustodyEvent) -> None:
    """State what became of a key, where there is a gateway that keeps statements."""
    if not (find_home(home) / NAME).exists():
        return
    from scanward.bootstrap.chains import log_all
    from scanward.bootstrap.custody import make_notary
    from scanward.bootstrap.stores import open_stores

    with open_stores(home) as stores:
        notary = make_notary(stores, now)
        facts = {"use": record.use.value, "algorithm": record.algorithm.value}
        if record.compromised is not None:
            facts["since"] = record.compromised.isoformat(timespec="seconds")
        try:
            notary.say(record.key_id, event, facts, by="scanward keys")
        finally:
            notary.close()
        log_all(stores)  # which has the log signed by the key that signs now
