"""Keys that sign, in a folder (implements :class:`scanward.ports.signing.KeyRing`).

``keys/signing`` of the home folder has ``ring.json``, what anyone may know of the keys, and the private half of each
that still signs in a file of its own, encrypted under a key that comes of the master key.

Trust: a thief of the folder alone has public records; a thief of it and the master key signs as this gateway until its
keys are told as compromised. Who can write ``ring.json`` can undo that: it is for its owner alone, and what it says is
logged as custody statements too. Lost keys harm nothing that was signed; `rotate` makes new ones. The private half of a
key that signs no more is destroyed, so that nobody can sign with it and claim an earlier time.

A change goes: private half, durable; then ``ring.json``, staged and put into place by one rename. A kill in between
leaves a private half that no record names, and the change has not happened.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scanward.adapters.home import check_private, flush_folder, make_private_folder
from scanward.adapters.keys import KeyFolder
from scanward.adapters.sealing import OwnedCipher
from scanward.adapters.signing.certificates import BACKDATED, make_authority, make_certificate
from scanward.adapters.signing.private_keys import (
    dump_private,
    load_private,
    make_p256,
    make_private,
    public_half,
    sign_with,
)
from scanward.adapters.signing.records import MAX_RECORDS_BYTES, format_records, parse_records
from scanward.errors import EvidenceError, KeyStoreError, SigningError, StoreError, UnknownError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.trust import CLOCK_TOLERANCE, allowed_algorithms, key_id_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from scanward.adapters.signing.private_keys import PrivateKey

LIFETIME = timedelta(days=730)
"""Of a key. Long enough to be forgotten, so who uses it has to look at `KeyRecord.not_after`."""

AUTHORITY_LIFETIME = timedelta(days=7300)

_DEFAULT_ALGORITHMS = {
    KeyUse.LOG: Algorithm.ED25519,
    KeyUse.STATEMENTS: Algorithm.P256,
    KeyUse.DICOM: Algorithm.P256,
}
_ROTATE = "Make a new key: scanward keys rotate."
_RESTORE = "Restore the home folder, its master key with it, from a backup."


class _Ring(NamedTuple):
    """What ``ring.json`` says."""

    records: tuple[KeyRecord, ...]
    authorities: tuple[bytes, ...]


class KeyRingFolder:
    """The keys in ``keys/signing`` of the home folder, each made on first use.

    Parameters
    ----------
    home
        The home folder.
    clock
        Gives the time, aware UTC.
    organisation
        Who signs, as certificates say it.
    algorithms
        How new keys sign, where it is not the default: RSA for use DICOM.
    lifetime
        How long a new key may sign.

    Raises
    ------
    SigningError
        By each method, when the folder or a key cannot be made, read or trusted.
    """

    def __init__(
        self,
        home: Path,
        clock: Callable[[], datetime],
        *,
        organisation: str = "Scanward",
        algorithms: Mapping[KeyUse, Algorithm] | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        self._algorithms = {**_DEFAULT_ALGORITHMS, **(algorithms or {})}
        for use, algorithm in self._algorithms.items():
            if algorithm not in allowed_algorithms(use):
                raise SigningError(f"expected an algorithm for {use}, got {algorithm}", remedy="Choose another.")
        self.folder = home / "keys" / "signing"
        self._path = self.folder / "ring.json"
        self._keys = KeyFolder(home)
        self._clock = clock
        self._organisation = organisation
        self._lifetime = lifetime
        self._ring = _Ring((), ())
        self._seen: tuple[int, int, int] | None = None
        self._cipher_made: OwnedCipher | None = None

    def signer(self, use: KeyUse) -> "FolderSigner":
        """Return the key that signs now; made on first use; raises `SigningError` where there is none."""
        with _guarded():
            if not self._of(self._load(), use):
                with self._change() as ring:
                    if not self._of(ring, use):  # another process may have been first
                        self._store(self._with_new(ring, use, self._clock()))
            record = self._signing(self._load(), use, self._clock())
            if record is None:
                raise SigningError(f"no key for {use} may sign now: all have expired", remedy=_ROTATE)
            return FolderSigner(self, record, load_private(self._open(record.key_id)))

    def records(self) -> Sequence[KeyRecord]:
        """Return what is known of all keys, the oldest first."""
        with _guarded():
            return self._load().records

    def authorities(self) -> Sequence[bytes]:
        """Return the certificates (DER) that verifiers pin, the oldest first."""
        with _guarded():
            return self._load().authorities

    def published(self) -> bytes:
        """Return all of it as JSON for anyone; `parse_records` reads it."""
        with _guarded():
            ring = self._load()
            return format_records(ring.records, ring.authorities)

    def rotate(self, use: KeyUse, at: datetime) -> KeyRecord:
        """Make a new key that signs from `at` on, and retire the one before; durable on return."""
        with _guarded(), self._change() as ring:
            if at < self._clock() - CLOCK_TOLERANCE:
                raise SigningError("expected a key to take over now or later, got a time in the past")
            if any(record.retired is None and at < record.not_before for record in self._of(ring, use)):
                raise SigningError("a key that takes over later than this was made already")
            return self._store(self._with_new(ring, use, at)).records[-1]

    def compromise(self, key_id: str, since: datetime, at: datetime) -> KeyRecord:
        """Note that somebody else may have a key since `since`, and rotate where it is the one that signs.

        Durable on return; raises `UnknownError` where there is no such key. It is never taken back, and a time that was
        noted only moves to an earlier one.
        """
        with _guarded(), self._change() as ring:
            known = next((record for record in ring.records if record.key_id == key_id), None)
            if known is None:
                raise UnknownError("there is no key of this id", remedy="List them: scanward keys list.")
            noted = replace(known, compromised=min(filter(None, (known.compromised, since, at))))
            changed = ring._replace(records=tuple(noted if one is known else one for one in ring.records))
            if self._signing(ring, known.use, at) is known and self._signing(changed, known.use, at) is None:
                changed = self._with_new(changed, known.use, at)
            self._store(changed)
            return next(record for record in changed.records if record.key_id == key_id)

    def find(self, key_id: str) -> KeyRecord | None:
        """Return what is known now of a key, or None."""
        with _guarded():
            return next((record for record in self._load().records if record.key_id == key_id), None)

    def now(self) -> datetime:
        """Return the time by the clock of this ring."""
        return self._clock()

    @staticmethod
    def _of(ring: _Ring, use: KeyUse) -> list[KeyRecord]:
        return [record for record in ring.records if record.use is use]

    def _signing(self, ring: _Ring, use: KeyUse, at: datetime) -> KeyRecord | None:
        """Return the key that signs at `at`: the oldest that may, so that one takes over when the other is retired."""
        return next((record for record in self._of(ring, use) if may_sign(record, at)), None)

    def _with_new(self, ring: _Ring, use: KeyUse, at: datetime) -> _Ring:
        """Return `ring` with a new key from `at` on, its private half durable, and the others of this use retired."""
        private = make_private(self._algorithms[use])
        public = public_half(private)
        not_before, not_after = at - BACKDATED, at + self._lifetime
        authorities = ring.authorities
        chain: tuple[bytes, ...] = ()
        if use is not KeyUse.LOG:
            authorities, issuer_key = self._authority(ring.authorities, at, not_after)
            issuer = authorities[-1]
            certificate = make_certificate(
                public, use, issuer=issuer, issuer_key=issuer_key, not_before=not_before, not_after=not_after
            )
            chain = (certificate, issuer)
        record = KeyRecord(
            key_id=key_id_of(public),
            use=use,
            algorithm=self._algorithms[use],
            public_key=public,
            certificates=chain,
            not_before=not_before,
            not_after=not_after,
        )
        self._write(self._private(record.key_id), self._cipher().seal(record.key_id, dump_private(private)))
        older = (replace(one, retired=at) if one.use is use and one.retired is None else one for one in ring.records)
        return _Ring((*older, record), authorities)

    def _authority(
        self, authorities: tuple[bytes, ...], at: datetime, not_after: datetime
    ) -> tuple[tuple[bytes, ...], "EllipticCurvePrivateKey"]:
        """Return all authorities, one that can sign certificates until `not_after` last, and its key."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

        if authorities:
            name = _authority_id(authorities[-1])
            outlasts = x509.load_der_x509_certificate(authorities[-1]).not_valid_after_utc >= not_after
            if outlasts and self._private(name).exists():
                known = load_private(self._open(name))
                if isinstance(known, EllipticCurvePrivateKey):
                    return authorities, known
        key = make_p256()
        made = make_authority(
            key,
            organisation=self._organisation,
            not_before=at - BACKDATED,
            not_after=max(at + AUTHORITY_LIFETIME, not_after),
        )
        name = _authority_id(made)
        self._write(self._private(name), self._cipher().seal(name, dump_private(key)))
        return (*authorities, made), key

    def _load(self) -> _Ring:
        """Return what ``ring.json`` says now; read anew where it was put into place since."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            if self._seen is not None or (self.folder.is_dir() and any(self.folder.glob("*.key"))):
                raise SigningError("the list of keys is missing, though there are keys", remedy=_RESTORE) from None
            return self._ring
        seen = found.st_ino, found.st_mtime_ns, found.st_size
        if seen != self._seen:
            check_private(self._path)
            with open(self._path, "rb") as file:
                data = file.read(MAX_RECORDS_BYTES + 1)
            try:
                self._ring, self._seen = _Ring(*parse_records(data)), seen
            except EvidenceError:
                raise SigningError("the list of keys is damaged", remedy=_RESTORE) from None
        return self._ring

    def _store(self, ring: _Ring) -> _Ring:
        """Put `ring` into place, durable on return; then destroy private halves that sign no more."""
        self._write(self._path, format_records(ring.records, ring.authorities))
        now = self._clock()
        for record in ring.records:
            if not may_sign_later(record, now):
                self._private(record.key_id).unlink(missing_ok=True)
        return ring

    @contextmanager
    def _change(self) -> Iterator[_Ring]:
        """Keep other processes from changing anything, and give what is there now."""
        self._cipher()  # makes the folder of the master key first
        make_private_folder(self.folder)
        lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # changes are short
            for left in self.folder.glob(".staged-*"):
                left.unlink(missing_ok=True)
            ring = self._load()
            if self._seen is None:  # so that a ring that is lost later can be told from one that never was
                self._write(self._path, format_records(()))
            yield ring
        finally:
            os.close(lock)

    def _write(self, path: Path, data: bytes) -> None:
        """Put `data` at `path`, mode 0600, whole or not at all, durable on return."""
        staged = self.folder / f".staged-{secrets.token_hex(8)}"
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        flush_folder(self.folder)

    def _private(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _open(self, name: str) -> bytes:
        """Return a private half in the clear."""
        path = self._private(name)
        for private in (self.folder, path):
            check_private(private)
        try:
            return self._cipher().open(name, path.read_bytes())
        except StoreError:
            raise SigningError(
                "a private key does not open: it is damaged, or of another master key", remedy=_RESTORE
            ) from None

    def _cipher(self) -> OwnedCipher:
        if self._cipher_made is None:
            self._cipher_made = OwnedCipher(self._keys.derived_key("signing"))
        return self._cipher_made


class FolderSigner:
    """A key of the folder (implements :class:`scanward.ports.signing.Signer`)."""

    def __init__(self, ring: KeyRingFolder, record: KeyRecord, private: "PrivateKey") -> None:
        self._ring = ring
        self._record = record
        self._private = private

    @property
    def record(self) -> KeyRecord:
        """What anyone may know of it, as it was when it was taken."""
        return self._record

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`; raises `SigningError` once it may sign no more."""
        record = self._ring.find(self._record.key_id)
        if record is None or not may_sign(record, self._ring.now()):
            raise SigningError(
                "this key may not sign any more: it has expired, was retired or compromised",
                remedy="Take the key that signs now; where there is none, make one: scanward keys rotate.",
            )
        return sign_with(self._private, message)


def may_sign(record: KeyRecord, at: datetime) -> bool:
    """Tell whether a key may sign at `at`."""
    return may_sign_later(record, at) and record.not_before <= at


def may_sign_later(record: KeyRecord, at: datetime) -> bool:
    """Tell whether a key may sign at `at` or at any time after."""
    if record.compromised is not None or at >= record.not_after:
        return False
    return record.retired is None or at < record.retired


def _authority_id(certificate: bytes) -> str:
    """Return the name by which the private half of an authority is kept."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(certificate).public_key()
    return "authority-" + key_id_of(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@contextmanager
def _guarded() -> Iterator[None]:
    """Say all that can go wrong with the folder as `SigningError`."""
    try:
        yield
    except KeyStoreError as error:
        raise SigningError(str(error), remedy=error.remedy) from None
    except OSError as error:
        raise SigningError(
            f"cannot use the folder of signing keys: {os.strerror(error.errno or 0)}",
            remedy="Check the home folder, the room on its disk and who owns it.",
        ) from None
