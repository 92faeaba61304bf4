"""Writes bundles for somebody without Scanward: `scanward custody UID --bundle`."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scanward.adapters.legal_bundle.bundle import BundleFile, BundleStatement, write_bundle
from scanward.adapters.seal_file import policy_of
from scanward.adapters.signing.timestamps import HttpTimestampAuthority
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.bootstrap.attesting import find_attested, timestamp_roots, tokens_of
from scanward.bootstrap.chains import Custody
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import log_folder, log_keys, make_policy, make_ring
from scanward.bootstrap.stores import Stores, open_stores
from scanward.errors import OutputError, SourceError
from scanward.model.signing import KeyUse
from scanward.ports.custody import KeptStatement
from scanward.seal.statement import parse_body
from scanward.seal.trust import MAX_ATTESTATION_LAG
from scanward.tlog.checkpoint import SignedCheckpoint
from scanward.tlog.note import Note

SEAL_FILE = "scan.seal"
MAX_FILE_BYTES = 4 * 1024**3


def write_legal_bundle(uid: str, home: Path | None, path: Path, files: Sequence[Path]) -> None:
    """Write a bundle on an instance: its statements and proofs, its seal, keys, and scans that are given.

    Raises
    ------
    UnknownError
        Nothing is known of the instance.
    SourceError
        A scan cannot be read.
    OutputError
        The bundle is there already, or cannot be written.
    EvidenceError, StoreError, SigningError
        Something does not hold, cannot be read, or a key refuses.
    """
    with open_stores(home) as stores:
        _write(stores, uid, path, files)


def _write(stores: Stores, uid: str, path: Path, files: Sequence[Path]) -> None:
    custody, ring = Custody(stores), make_ring(stores, now)
    kept, statements = custody.find(uid)
    seal = custody.file_of(kept, statements)
    digest = parse_body(statements[0].signed.body).facts.get("sha256") if statements else None
    given = [_file(number, one, str(digest)) for number, one in enumerate(files, 1)]
    roots = timestamp_roots(stores)
    url = stores.settings.log.timestamp_url
    stamp = HttpTimestampAuthority(url, roots, now).stamp if url else None
    witnesses = [one.key for one in stores.settings.log.witnesses]
    try:
        with path.open("xb") as out:
            os.fchmod(out.fileno(), 0o600)
            write_bundle(
                out,
                files=[BundleFile(name=SEAL_FILE, content=seal.encode()), *given],
                statements=_with_proofs(stores, statements),
                records=ring.records(),
                authorities=ring.authorities(),
                log_keys=[*(key.text() for key in log_keys(stores, ring)), *witnesses],
                signer=ring.signer(KeyUse.STATEMENTS),
                made_at=now(),
                timestamp_roots=roots,
                stamp=stamp,
            )
    except FileExistsError:
        raise OutputError("the file for the bundle is there already", remedy="Name a new file.") from None
    except OSError as error:
        raise OutputError(f"cannot write the bundle: {os.strerror(error.errno or 0)}") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _file(number: int, path: Path, digest: str) -> BundleFile:
    """Return a scan for the bundle, tied to the statement that tells its digest where it is the sealed file itself."""
    try:
        with path.open("rb") as source:
            found = hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"a file for the bundle cannot be read: {os.strerror(error.errno or 0)}") from None
    name = f"scan-{number}{path.suffix.lower() if path.suffix.lower() in {'.dcm', '.png', '.jpg'} else ''}"
    if found == digest:
        return BundleFile(name=name, content=path, statement=0, fact="sha256")
    return BundleFile(name=name, content=path)


def _with_proofs(stores: Stores, statements: Sequence[KeptStatement]) -> list[BundleStatement]:
    """Return statements with their proofs; by a checkpoint that a timestamp authority saw, where there is one."""
    ring = make_ring(stores, now)
    policy = make_policy(stores, ring)
    reader = FolderReader(log_folder(stores))
    newest = VerifiedLog.open(reader, policy, now())
    tokens = list(tokens_of(stores).read())
    covering = find_attested(tokens_of(stores), newest, ring.records())
    alone = VerifiedLog(reader, replace(newest.signed, note=_by_log_alone(newest.signed)))
    any_key = policy_of(policy.origin, ring.records(), any_key=True)
    result = []
    for one in statements:
        if one.index is None:
            result.append(BundleStatement(signed=one.signed))
            continue
        at = parse_body(one.signed.body).at
        sizes = {size for size, seen in covering if one.index < size and seen - at <= MAX_ATTESTATION_LAG}
        # Seen long after it was made, it would look like one that a clock set back made: then nobody's word is given.
        late = any(seen - at > MAX_ATTESTATION_LAG for seen in newest.signed.cosigned.values())
        log, token = alone if late else newest, None
        if sizes:
            note, token = next(
                (note, token) for note, token, _ in tokens if any_key.verify(note).checkpoint.size == min(sizes)
            )
            log = VerifiedLog(reader, any_key.verify(note))
        proof = log.inclusion_proof(one.index).encode()
        result.append(BundleStatement(signed=one.signed, proof=proof, checkpoint_token=token))
    return result


def _by_log_alone(signed: SignedCheckpoint) -> Note:
    """Return a checkpoint without the cosignatures of witnesses."""
    own = tuple(one for one in signed.note.signatures if any(key.has_made(one) for key in signed.signers))
    return Note(text=signed.note.text, signatures=own)
