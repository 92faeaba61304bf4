"""Packages encrypted with age, as a door out (implements :class:`scanward.ports.network.Sender`).

A package is a tar file, encrypted, of one `send`: the instances, named by their new UIDs, and last ``manifest.json``,
which says what is in it and what was agreed. Its name is on record with the instances before it is written: whenever
these are sent again it has the same one, and takes the place of what is there. No instance is in two packages.

Trust: what is in the folder has left, and can be read only by who holds one of the age identities. The whole package
streams from the blobs through age onto the disk; no instance lies anywhere unencrypted.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scanward.adapters.send.folder_drop import DropFolder
from scanward.adapters.send.outgoing import UNREADABLE, exact_chunks, has_sound_uid, report, report_all
from scanward.errors import ConfigError, NetworkError, StoreError
from scanward.model.agreement import Obligation, PackageEndpoint
from scanward.model.release import Consignment, Delivery, DeliveryReport
from scanward.ports.network import Outgoing

MANIFEST = "manifest.json"
"""Name of the last member of a package."""

SUFFIX = ".tar.age"

INCOMPLETE = "another instance of the same package cannot be read, and the package was sent before"

FORMAT = "scanward-package-1"
"""What the manifest says of its own form."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What was agreed, for the manifest of a package.

    Attributes
    ----------
    purpose
        ActReason code.
    region
        Where the data may be.
    obligations
        What the recipient promised.
    """

    purpose: str
    region: str
    obligations: frozenset[Obligation]


class PackageSender:
    """Sends one package into a folder.

    Parameters
    ----------
    endpoint
        The folder and who can open a package.
    terms
        For the manifest.
    consignment
        Its name and, for the manifest, the day by which to delete it.

    Raises
    ------
    ConfigError
        When nobody could open a package.
    """

    def __init__(self, endpoint: PackageEndpoint, *, terms: Terms, consignment: Consignment) -> None:
        from pyrage import RecipientError, x25519

        if not endpoint.age_recipients:
            raise ConfigError("expected at least one age recipient", remedy="Give the recipient's public key, age1...")
        try:
            self._recipients = [x25519.Recipient.from_str(key) for key in endpoint.age_recipients]
        except RecipientError:
            raise ConfigError(
                "expected age recipients to be X25519 public keys (age1...)",
                remedy="Ask the recipient for the output of: age-keygen -y",
            ) from None
        self._folder = DropFolder(Path(endpoint.path))
        self._terms = terms
        self._consignment = consignment

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Put one package with all files that can be read into the folder: they arrive together or not at all.

        One that may be there already is replaced by the whole of it only.
        """
        unsound = [file for file in files if not has_sound_uid(file)]
        yield from report_all(unsound, Delivery.REFUSED, "the name of the file is not a UID")
        rest = sorted((file for file in files if file not in unsound), key=lambda file: file.sop_instance_uid)
        try:
            with self._folder.open() as folder:
                while rest:
                    tar = _Tar(rest, self._terms, self._consignment)
                    try:
                        ended = folder.put((self._consignment.package + SUFFIX,), partial(self._encrypt, tar))
                    except StoreError:
                        yield report(tar.current, Delivery.NOT_SENT, UNREADABLE)
                        rest.remove(tar.current)
                        if self._consignment.is_repeated:
                            yield from report_all(rest, Delivery.NOT_SENT, INCOMPLETE)
                            break
                    else:
                        yield from report_all(rest, ended.delivery, ended.detail)
                        break
        except NetworkError as error:
            yield from report_all(rest, Delivery.NOT_SENT, str(error))

    def _encrypt(self, tar: "_Tar", fd: int) -> None:
        """Encrypt `tar` into `fd`; raises what reading or writing raised."""
        from pyrage import EncryptError, encrypt_io

        reader = _Reader(tar.chunks())
        writer = _Writer(fd)
        try:
            encrypt_io(reader, writer, self._recipients)
        except EncryptError as error:
            raise (reader.failure or writer.failure or error) from None


class _Tar:
    """The tar file of `files` as a stream; `current` is the one being read."""

    def __init__(self, files: Sequence[Outgoing], terms: Terms, consignment: Consignment) -> None:
        self._files = files
        self._terms = terms
        self._consignment = consignment
        self.current = files[0]

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; raises `StoreError` when `current` cannot be read."""
        listed: list[dict[str, object]] = []
        for file in self._files:
            self.current = file
            name = f"{file.sop_instance_uid}.dcm"
            digest = hashlib.sha256()
            yield _header(name, file.size_bytes)
            for chunk in exact_chunks(file):
                digest.update(chunk)
                yield chunk
            yield _padding(file.size_bytes)
            listed.append({"name": name, "size_bytes": file.size_bytes, "sha256": digest.hexdigest()})
        manifest = self._manifest(listed)
        yield _header(MANIFEST, len(manifest)) + manifest + _padding(len(manifest))
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _manifest(self, listed: list[dict[str, object]]) -> bytes:
        terms = self._terms
        document = {
            "format": FORMAT,
            "purpose": terms.purpose,
            "region": terms.region,
            "obligations": sorted(terms.obligations),
            "delete_by": self._consignment.delete_by.isoformat(),
            "instances": listed,
        }
        return json.dumps(document, indent=1).encode("ascii") + b"\n"


def _header(name: str, size: int) -> bytes:
    """Return the header of a member: no time, no owner, so that the same content makes the same package."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


class _Reader:
    """What age reads from. age tells of an error by its text only, so the error itself is kept here."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end."""
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except BaseException as error:
            self.failure = error
            raise
        taken = self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)


class _Writer:
    """What age writes to, with the error kept."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self.failure = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""
