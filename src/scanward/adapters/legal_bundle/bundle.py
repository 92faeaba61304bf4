"""Writes a legal bundle: files, what was stated of them, proofs, keys, and how to check it all with stock tools.

A bundle has nothing secret but what its files and blindings are: who gets it can show that entries of the log are of
these statements. It is for one object; other objects stay blind.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files as resources
from pathlib import Path
from typing import BinaryIO, Final

from scanward.adapters.signing.certificates import pem_of
from scanward.adapters.signing.cms import sign_cms
from scanward.adapters.signing.records import format_records
from scanward.errors import EvidenceError, OutputError
from scanward.model.custody import SignedStatement
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.ports.signing import Signer
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.statement import digest_of, entry_of, parse_body

BUNDLE_TYPE: Final = "scanward.legal-bundle.v1"

_CHUNK_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that zip has: the same content gives the same bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleFile:
    """A file that statements are about.

    Attributes
    ----------
    name
        In the bundle: letters, digits, dot, dash and underscore; no name of a person.
    content
        The bytes, or where they lie.
    statement, fact
        The number of the statement, and the name of its fact, that tell the SHA-256 of the file in hexadecimal; None
        where none does.
    """

    name: str
    content: bytes | Path = field(repr=False)
    statement: int | None = None
    fact: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleStatement:
    """A statement and what vouches for it.

    Attributes
    ----------
    signed
        The statement.
    proof
        That its entry is in the log, a ``.tlog-proof`` whose checkpoint is the end of it; None while it is on its way.
    body_token
        Token of RFC 3161 (DER) over SHA-256 of the body; None where there is none.
    checkpoint_token
        The same over the checkpoint of the proof.
    """

    signed: SignedStatement
    proof: bytes | None = None
    body_token: bytes | None = None
    checkpoint_token: bytes | None = None


def write_bundle(
    out: BinaryIO,
    *,
    files: Sequence[BundleFile],
    statements: Sequence[BundleStatement],
    records: Sequence[KeyRecord],
    authorities: Sequence[bytes],
    log_keys: Sequence[str],
    signer: Signer,
    made_at: datetime,
    timestamp_roots: Sequence[bytes] = (),
    stamp: Callable[[bytes], bytes] | None = None,
) -> None:
    """Write a bundle for one object.

    Parameters
    ----------
    out
        Where to; the owner closes it.
    files
        What the statements are about.
    statements
        All of the object, in order.
    records, authorities
        What is known of keys, and the certificates (DER) behind them.
    log_keys
        Verifier keys (C2SP): that of the log first, then those of witnesses.
    signer
        The key of use STATEMENTS that signs the list of all that is in the bundle.
    made_at
        When.
    timestamp_roots
        Certificates (DER) by which tokens are checked.
    stamp
        Gives a token over a digest, for the bundle as a whole; None for none.

    Raises
    ------
    OutputError
        A name cannot be in a bundle, or a file cannot be read or written.
    EvidenceError
        A statement has not its form.
    SigningError
        The key may not sign now.
    """
    if not statements:
        raise EvidenceError(
            SignatureFault.CHAIN_EMPTY,
            "expected at least one statement in a bundle, got none",
            remedy="Name an object that has statements: scanward custody UID.",
        )
    _check_names(files)
    sums: list[str] = []
    with zipfile.ZipFile(out, "w", compression=zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, content in sorted(
            [
                *_texts(files, statements, made_at),
                *_statement_files(statements),
                *_key_files(records, authorities, log_keys, timestamp_roots),
                *((f"files/{file.name}", file.content) for file in files),
            ],
            key=lambda one: one[0],
        ):
            sums.append(f"{_add(archive, name, content)}  {name}\n")
        listed = "".join(sums).encode()
        _add(archive, "SHA256SUMS", listed)
        _add(archive, "SHA256SUMS.cms", sign_cms(listed, signer, made_at))
        if stamp is not None:
            _add(archive, "SHA256SUMS.tst", stamp(hashlib.sha256(listed).digest()))


def _texts(
    files: Sequence[BundleFile], statements: Sequence[BundleStatement], made_at: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yield what says what is in the bundle, and how to check it."""
    first = parse_body(statements[0].signed.body)
    contents = {
        "type": BUNDLE_TYPE,
        "object": first.object_id,
        "made_at": made_at.astimezone(UTC).isoformat(),
        "statements": len(statements),
        "head": digest_of(statements[-1].signed),
        "files": [
            {"name": file.name, "statement": file.statement, "fact": file.fact}
            for file in sorted(files, key=lambda one: one.name)
        ],
    }
    yield "bundle.json", json.dumps(contents, indent=1, sort_keys=True).encode() + b"\n"
    for name in ("README.txt", "check.py"):
        yield name, resources(__package__).joinpath(name).read_bytes()


def _statement_files(statements: Sequence[BundleStatement]) -> Iterator[tuple[str, bytes]]:
    for number, one in enumerate(statements):
        stem = f"statements/{number:04d}"
        kept = {
            "key_id": one.signed.key_id,
            "blinding": one.signed.blinding.hex(),
            "entry": entry_of(one.signed).hex(),
        }
        yield f"{stem}.json", one.signed.body
        yield f"{stem}.sig", one.signed.signature
        yield f"{stem}.log.json", json.dumps(kept, indent=1, sort_keys=True).encode() + b"\n"
        if one.body_token is not None:
            yield f"{stem}.json.tst", one.body_token
        if one.proof is not None:
            yield f"{stem}.tlog-proof", one.proof
            yield f"{stem}.checkpoint", one.proof.partition(b"\n\n")[2]
            if one.checkpoint_token is not None:
                yield f"{stem}.checkpoint.tst", one.checkpoint_token


def _key_files(
    records: Sequence[KeyRecord],
    authorities: Sequence[bytes],
    log_keys: Sequence[str],
    timestamp_roots: Sequence[bytes],
) -> Iterator[tuple[str, bytes]]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

    yield "keys/keys.json", format_records(records, authorities)
    yield "keys/authority.pem", pem_of(*authorities)
    yield "keys/tsa.pem", pem_of(*timestamp_roots)
    yield "keys/log.vkey", "".join(f"{key}\n" for key in log_keys).encode()
    for record in records:
        public = load_der_public_key(record.public_key)
        yield f"keys/{record.key_id}.pem", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if record.certificates and record.use is not KeyUse.LOG and record.algorithm is not Algorithm.ED25519:
            yield f"keys/{record.key_id}.crt", pem_of(record.certificates[0])


def _check_names(files: Sequence[BundleFile]) -> None:
    names = [file.name for file in files]
    if not all(_NAME.fullmatch(name) for name in names) or len({name.lower() for name in names}) != len(names):
        raise OutputError(
            "expected files of a bundle to have different names of letters, digits, dots, dashes and underscores",
            remedy="Name them by the pseudonymous id of their instance.",
        )


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> str:
    """Add a file and return its SHA-256."""
    info = zipfile.ZipInfo(name, date_time=_DATE)
    info.external_attr = (0o100755 if name == "check.py" else 0o100644) << 16
    info.create_system = 3  # Unix, on whatever it is made
    digest = hashlib.sha256()
    try:
        with archive.open(info, "w", force_zip64=True) as target:
            for chunk in _chunks(content):
                digest.update(chunk)
                target.write(chunk)
    except OSError:
        raise OutputError(
            "a file of the bundle cannot be read or written", remedy="See that the disk has room."
        ) from None
    return digest.hexdigest()


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
