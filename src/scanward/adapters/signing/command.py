"""A key that another program holds: a hardware module or a key service with a command line.

Implements :class:`scanward.ports.signing.Signer`. The program gets the message on its standard input and answers with
the signature on its standard output: raw bytes, as the port has them. It is not trusted to sign what it was given, nor
with the right key: what it answers is checked against the public half before anybody sees it.
"""

import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime

from scanward.adapters.signing.folder import may_sign
from scanward.errors import EvidenceError, SigningError
from scanward.model.signing import KeyRecord
from scanward.seal.trust import find_record, verify_signature

TIMEOUT_SECONDS = 30.0
"""A key service across a network answers in some tenths of a second."""

MAX_SIGNATURE_BYTES = 1024
"""RSA of 8192 bits."""


class CommandSigner:
    """A key behind a program.

    Parameters
    ----------
    command
        The program and its arguments; no shell reads them.
    record
        What is known of the key, its public half and certificates with it.
    clock
        Gives the time, aware UTC.
    timeout_seconds
        So long it may take.

    Raises
    ------
    EvidenceError
        The record is not one of a key for its use.
    """

    def __init__(
        self,
        command: Sequence[str],
        record: KeyRecord,
        clock: Callable[[], datetime],
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._command = tuple(command)
        self._record = find_record([record], record.key_id, record.use)
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    @property
    def record(self) -> KeyRecord:
        """What anyone may know of it."""
        return self._record

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`.

        Raises
        ------
        SigningError
            The key may not sign now; the program is missing, fails, takes too long, or gives what is no signature of
            this message by this key.
        """
        if not may_sign(self._record, self._clock()):
            raise SigningError(
                "this key may not sign now: it has expired, was retired or compromised",
                remedy="Set another key of the program.",
            )
        signature = self._run(message)
        try:
            verify_signature(self._record, message, signature)
        except EvidenceError:
            raise SigningError(
                "the program that holds the key gave no signature of this message by it",
                remedy="Check which key the program signs with, and that it hashes by SHA-256 itself.",
            ) from None
        return signature

    def _run(self, message: bytes) -> bytes:
        """Return what the program answers; what it says of errors may have secrets and is not passed on."""
        try:
            done = subprocess.run(
                self._command, input=message, capture_output=True, timeout=self._timeout_seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise SigningError(
                f"expected the program that holds the key to answer within {self._timeout_seconds:g} s",
                remedy="Check the module or service behind it.",
            ) from None
        except OSError:
            raise SigningError(
                "the program that holds the key cannot be run", remedy="Check its path and permissions."
            ) from None
        if done.returncode != 0 or not 0 < len(done.stdout) <= MAX_SIGNATURE_BYTES:
            raise SigningError(
                f"the program that holds the key refused, with status {done.returncode}",
                remedy="Run it by hand and read what it says.",
            )
        return done.stdout
