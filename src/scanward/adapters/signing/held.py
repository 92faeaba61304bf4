"""Keys of the log that other programs hold beside the own one of the folder: a hardware module, a key service."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from scanward.adapters.signing.command import CommandSigner
from scanward.adapters.signing.folder import KeyRingFolder
from scanward.adapters.signing.records import format_records
from scanward.errors import ConfigError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.trust import key_id_of

_SINCE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Whoever holds such a key says when it ends, by taking it out of the settings."""


def read_held_key(path: Path) -> KeyRecord:
    """Return what is known of a key of the log whose public half is in a PEM file.

    Raises
    ------
    ConfigError
        It cannot be read, or is no Ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        raise ConfigError("'log.signers.public_key': expected a PEM file of a public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError("'log.signers.public_key': expected an Ed25519 key, as checkpoints are signed by")
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KeyRecord(
        key_id=key_id_of(public),
        use=KeyUse.LOG,
        algorithm=Algorithm.ED25519,
        public_key=public,
        not_before=_SINCE,
        not_after=_UNTIL,
    )


class KeyRingWithHeld(KeyRingFolder):
    """The keys in the folder, and keys of the log that programs hold.

    Parameters
    ----------
    home
        The home folder.
    clock
        Gives the time, aware UTC.
    held
        Programs, and what is known of the keys that they hold.
    """

    def __init__(
        self, home: Path, clock: Callable[[], datetime], held: Sequence[tuple[Sequence[str], KeyRecord]] = ()
    ) -> None:
        super().__init__(home, clock)
        self._held = tuple(CommandSigner(command, record, clock) for command, record in held)

    @property
    def held(self) -> Sequence[CommandSigner]:
        """Who signs checkpoints beside the folder's own key."""
        return self._held

    def records(self) -> Sequence[KeyRecord]:
        """Return what is known of all keys, those of the folder first."""
        return [*super().records(), *(one.record for one in self._held)]

    def published(self) -> bytes:
        """Return all of it as JSON for anyone."""
        return format_records(self.records(), self.authorities())
