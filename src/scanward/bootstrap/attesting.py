"""Has others see the log: witnesses that cosign its checkpoints, a timestamp authority that says when they were there.

Neither holds the log up: where they do not answer, it goes on, and they are asked again with the next checkpoint.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.adapters.private_files import write_private
from scanward.adapters.seal_file import is_seen_in_time, policy_of
from scanward.adapters.signing.timestamps import HttpTimestampAuthority, verify_token
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import log_folder, log_keys, make_policy, make_ring, open_log, origin_of
from scanward.bootstrap.stores import Stores
from scanward.errors import ConfigError, EvidenceError, StoreError
from scanward.model.signing import KeyRecord
from scanward.tlog.note import Note, NoteKey

if TYPE_CHECKING:
    from scanward.adapters.tlog.witness import Cosigning

LOG = logging.getLogger("scanward.attesting")

TOKENS = "timestamps"
"""Folder of the home folder: checkpoints with their tokens, and those that witnesses cosigned, by size of the log."""

MAX_TOKEN_BYTES = 1024 * 1024
WITNESS_SECONDS = 20.0


def timestamp_roots(stores: Stores) -> list[bytes]:
    """Return the certificates (DER) that vouch for the timestamp authority; raises `ConfigError`."""
    path = stores.settings.log.timestamp_authority
    if not path:
        return []
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(Path(path).read_bytes())]
    except (OSError, ValueError):
        raise ConfigError("'log.timestamp_authority': expected a PEM file of certificates") from None


class Tokens:
    """Tokens that say when a checkpoint was there.

    Parameters
    ----------
    folder
        Where they are.
    roots
        Certificates (DER) of the authority.
    """

    def __init__(self, folder: Path, roots: Sequence[bytes]) -> None:
        self.folder = folder
        self._roots = tuple(roots)

    def add(self, size: int, checkpoint: bytes, token: bytes) -> None:
        """Keep a token; raises `StoreError`."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.folder / f"{size}.checkpoint", checkpoint)
            write_private(self.folder / f"{size}.tst", token)
        except OSError as error:
            raise StoreError(f"a timestamp cannot be kept: {os.strerror(error.errno or 0)}") from None

    def add_cosigned(self, size: int, checkpoint: bytes) -> None:
        """Keep a checkpoint that witnesses cosigned, as the log goes on and gets others; raises `StoreError`."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.folder / f"{size}.cosigned", checkpoint)
        except OSError as error:
            raise StoreError(f"a cosigned checkpoint cannot be kept: {os.strerror(error.errno or 0)}") from None

    def cosigned(self) -> Iterator[bytes]:
        """Yield checkpoints that witnesses cosigned; nothing of them is verified."""
        for path in sorted(self.folder.glob("*.cosigned")) if self.folder.is_dir() else ():
            with contextlib.suppress(OSError):
                yield path.read_bytes()

    def newest(self, kind: str = "tst") -> datetime | None:
        """Return when the last token was made, as the file system says; None where there is none."""
        times = [path.stat().st_mtime for path in self.folder.glob(f"*.{kind}")] if self.folder.is_dir() else []
        return datetime.fromtimestamp(max(times), tz=UTC) if times else None

    def read(self) -> Iterator[tuple[bytes, bytes, datetime]]:
        """Yield checkpoint, token and its time; those that do not hold vouch for nothing and are left out."""
        for path in sorted(self.folder.glob("*.tst")) if self._roots and self.folder.is_dir() else ():
            try:
                checkpoint, token = path.with_suffix(".checkpoint").read_bytes(), path.read_bytes()
                if len(token) <= MAX_TOKEN_BYTES:
                    yield checkpoint, token, verify_token(token, hashlib.sha256(checkpoint).digest(), self._roots)
            except (OSError, EvidenceError):
                continue


def tokens_of(stores: Stores) -> Tokens:
    """Return the tokens of a gateway."""
    return Tokens(stores.home / TOKENS, timestamp_roots(stores))


def find_attested(
    tokens: Tokens, log: VerifiedLog, records: Sequence[KeyRecord], witnesses: Sequence[NoteKey] = ()
) -> list[tuple[int, datetime]]:
    """Return sizes of the log, and when a timestamp authority or a witness saw it so, of what this log began with."""
    policy = policy_of(log.checkpoint.origin, records, witnesses, any_key=True)
    seen: list[tuple[int, datetime]] = []
    kept = [(checkpoint, at) for checkpoint, _, at in tokens.read()]
    for checkpoint, stamped in [*kept, *((one, None) for one in tokens.cosigned())]:
        with contextlib.suppress(EvidenceError):
            signed = policy.verify(checkpoint)
            log.follow(signed.checkpoint)
            at = stamped or min(signed.cosigned.values(), default=None)
            if at is not None and is_seen_in_time(signed, records, at):
                seen.append((signed.checkpoint.size, at))
    return seen


class Attester:
    """Asks witnesses and the timestamp authority about what is new in the log.

    Parameters
    ----------
    stores
        Of the gateway.
    clock
        Tells the time, aware UTC.
    """

    def __init__(self, stores: Stores, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._clock = clock
        self._ring = make_ring(stores, clock)
        self._roots = timestamp_roots(stores)
        self._tokens = Tokens(stores.home / TOKENS, self._roots)
        self._asked = 0
        self._cosigning: Cosigning | None = None
        self._opened = contextlib.ExitStack()

    @property
    def has_work(self) -> bool:
        """Whether anybody is to be asked."""
        return bool(self._stores.settings.log.witnesses or self._stores.settings.log.timestamp_url)

    def step(self) -> int:
        """Ask about the newest checkpoint; return 1 where there was one to ask about, 0 otherwise.

        Raises
        ------
        ScanwardError
            Somebody could not be asked, or did not answer as it should; it is asked again later.
        """
        if not self.has_work or not log_keys(self._stores, self._ring) or not log_folder(self._stores).is_dir():
            return 0
        reader = FolderReader(log_folder(self._stores))
        head = self._stores.custody.log_head(origin_of(self._stores))
        if head is None or head[0] == self._asked:
            return 0
        self._ask_witnesses(reader)
        self._ask_authority(reader)
        self._asked = head[0]
        return 1

    def close(self) -> None:
        """Close connections."""
        self._opened.close()

    def _ask_witnesses(self, reader: FolderReader) -> None:
        if not self._stores.settings.log.witnesses:
            return
        if self._cosigning is None:
            self._cosigning = self._make_cosigning(reader)
        try:
            answers = self._cosigning.ask()
        except EvidenceError:
            self._cosigning = None  # the log may be signed by another key by now
            self._opened.close()
            raise
        for answer in answers:
            if answer.problem:
                LOG.warning("witness %s: %s", answer.name, answer.problem)
        newest = self._tokens.newest("cosigned")
        spared = timedelta(seconds=self._stores.settings.log.timestamp_seconds)
        if any(not answer.problem for answer in answers) and (newest is None or now() >= newest + spared):
            # The log goes on and is cosigned anew: by this one it is known later that it was seen by now.
            checkpoint = reader.checkpoint()
            signed = make_policy(self._stores, self._ring).verify(checkpoint)
            if signed.cosigned:
                self._tokens.add_cosigned(signed.checkpoint.size, checkpoint)

    def _make_cosigning(self, reader: FolderReader) -> "Cosigning":
        """Return what asks witnesses, and remembers how far each of them saw the log."""
        import httpx

        from scanward.adapters.tlog.witness import Cosigning, Witness

        def add(cosigned: Note) -> bool:
            with open_log(self._stores, self._ring, None) as log:
                return log.add_cosignatures(cosigned)

        witnesses = [Witness(key=NoteKey.parse(one.key), url=one.url) for one in self._stores.settings.log.witnesses]
        client = self._opened.enter_context(httpx.Client(timeout=WITNESS_SECONDS))
        policy = make_policy(self._stores, self._ring)
        return Cosigning(reader, add, policy, witnesses, client, self._clock)

    def _ask_authority(self, reader: FolderReader) -> None:
        settings = self._stores.settings.log
        newest = self._tokens.newest()
        if not settings.timestamp_url or (
            newest is not None and self._clock() < newest + timedelta(seconds=settings.timestamp_seconds)
        ):
            return
        checkpoint = reader.checkpoint()
        size = make_policy(self._stores, self._ring).verify(checkpoint).checkpoint.size
        authority = HttpTimestampAuthority(settings.timestamp_url, self._roots, self._clock)
        self._tokens.add(size, checkpoint, authority.stamp(hashlib.sha256(checkpoint).digest()))
