"""What `scanward custody` and `scanward seal` do."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanward.adapters.home import find_home
from scanward.adapters.receive.folder import FolderSources, open_file
from scanward.adapters.seal_file import SealFile
from scanward.adapters.signing.folder import KeyRingFolder
from scanward.bootstrap.attesting import Attester, tokens_of
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import log_folder, make_notary, make_policy, make_ring, make_sealer, origin_of
from scanward.bootstrap.stores import Stores, open_stores
from scanward.bootstrap.verify import CheckedLog
from scanward.dicomstream.opening import open_dicom
from scanward.errors import (
    EvidenceError,
    NetworkError,
    NotDicomError,
    OutputError,
    ScanwardError,
    StoreError,
    UnknownError,
)
from scanward.ingest.parse import Parser
from scanward.model.chains import Chain, CustodyReport, ProvenStatement
from scanward.model.signing import KeyUse
from scanward.model.source import RefusedFile
from scanward.ports.custody import KeptSeal, KeptStatement
from scanward.seal.statement import entry_of, verify_chain

OTHER = "an instance with its SOP Instance UID was sealed before, and this one differs from it: scanward verify"

LOGGED_SECONDS = 30.0
"""So long a gateway that runs gets to bring statements into the log that it took over."""


class Custody:
    """Reads the custody of what a gateway sealed.

    Parameters
    ----------
    stores
        Of the gateway.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._ring = make_ring(stores, now)
        self._sealer = make_sealer(stores, now)

    def report(self, uid: str) -> CustodyReport:
        """Return the custody of a study or an instance, by the UID of either, or of a copy that left.

        Raises
        ------
        UnknownError
            Nothing is known of it.
        EvidenceError, StoreError
            The log does not hold or cannot be read.
        """
        objects = self._objects(uid)
        if not objects:
            raise UnknownError(
                "expected a Study or SOP Instance UID of something that was sealed here, got one that is not known",
                remedy="What came before the last minute may not be sealed yet.",
            )
        # The log is opened after this: it has all that is noted of it by now.
        kept = {object_id: self._stores.custody.statements_of(object_id) for object_id in objects}
        log = self._open_log()
        chains = tuple(self._read_chain(log, kind, object_id, kept[object_id]) for object_id, kind in objects.items())
        return CustodyReport(origin=origin_of(self._stores), log_size=log.log.checkpoint.size, chains=chains)

    def seal_file(self, uid: str) -> SealFile:
        """Return the seal of an instance with all that vouches for it; raises as `report`."""
        return self.file_of(*self.find(uid))

    def find(self, uid: str) -> tuple[KeptSeal, Sequence[KeptStatement]]:
        """Return the last seal of an instance, and what was stated of it; raises `UnknownError`."""
        found = self._sealer.find(uid)
        if not found:
            raise UnknownError(
                "expected the SOP Instance UID of something that was sealed here, got one that is not known"
            )
        return found[-1]

    def file_of(self, kept: KeptSeal, statements: Sequence[KeptStatement]) -> SealFile:
        """Return a seal with all that vouches for it."""
        places = {one.number: one.index for one in statements if one.index is not None}
        proofs = {}
        if places:
            log = self._open_log().log
            proofs = {number: log.inclusion_proof(place).encode() for number, place in places.items()}
        return SealFile(
            seal=self._sealer.read(kept),
            statements=[one.signed for one in statements],
            origin=origin_of(self._stores) if proofs else "",
            log_proofs=proofs,
            records=self._ring.records(),
            authorities=self._ring.authorities(),
        )

    def _objects(self, uid: str) -> dict[str, str]:
        """Return ids and kinds of all that belongs to a UID, in the order in which it is told."""
        book, blind = self._stores.custody, self._stores.sealing.blind
        study_id = blind("study", uid)
        seals = [*book.seals_of(study_id)]
        objects: dict[str, str] = {}
        if seals or book.statements_of(study_id):
            objects[study_id] = "study"
        if not seals:
            own = book.find_seals(self._sealer.uid_id(uid))
            ids = {one.object_id for one in own} | {one.source_id for one in own}
            # An instance with the copies of it that left; or a copy with its original.
            seals = [
                one
                for some in {one.study_id for one in own}
                for one in book.seals_of(some)
                if one.object_id in ids or one.source_id in {mine.object_id for mine in own}
            ]
        for one in sorted(seals, key=lambda one: (bool(one.source_id), one.sealed)):
            objects[one.object_id] = "copy" if one.source_id else "instance"
        releases = list(dict.fromkeys(one.release_id for one in seals if one.release_id))
        objects |= dict.fromkeys(releases, "release")
        return objects | dict.fromkeys(book.results_of(releases), "result")

    def _open_log(self) -> CheckedLog:
        stores = self._stores
        policy, records = make_policy(stores, self._ring), self._ring.records()
        return CheckedLog(log_folder(stores), policy, now, tokens_of(stores), records)

    def _read_chain(self, log: CheckedLog, kind: str, object_id: str, kept: Sequence[KeptStatement]) -> Chain:
        if not kept:
            return Chain(kind=kind, object_id=object_id)
        try:
            seen = {}
            for one in kept:
                if one.index is not None:
                    _, _, at = log.check(one.index, entry_of(one.signed))
                    if at is not None:
                        seen[one.number] = at
            said = verify_chain(
                [one.signed for one in kept],
                self._ring.records(),
                now=now(),
                object_id=object_id,
                attested=seen,
                is_first=False,
            )
        except EvidenceError as error:
            return Chain(kind=kind, object_id=object_id, fault=str(error), fault_name=error.fault.value)
        statements = tuple(
            ProvenStatement(statement=statement, index=one.index, attested=seen.get(one.number))
            for statement, one in zip(said, kept, strict=True)
        )
        return Chain(kind=kind, object_id=object_id, statements=statements)


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedFile:
    """What became of a file.

    Attributes
    ----------
    path
        Which.
    is_new
        Whether it was sealed just now; otherwise something with its SOP Instance UID was sealed before.
    reason
        Why it was not sealed; empty where it was.
    seal_file
        Where its seal file is; empty where none was asked for.
    """

    path: str
    is_new: bool = False
    reason: str = ""
    seal_file: str = ""


def seal_files(
    paths: Sequence[Path], home: Path | None, out: Path | None, tell: Callable[[int], None] = lambda _: None
) -> Iterator[SealedFile]:
    """Seal files, state that, bring it into the log, and write seal files into the folder `out`.

    Raises
    ------
    ScanwardError
        A store, a key or the log cannot be used; what was sealed before stays so.
    """
    with open_stores(home) as stores:
        sealed = list(_seal_all(paths, stores, tell))
        log_all(stores)
        # A seal is good without; they are asked again with the next one.
        with contextlib.suppress(NetworkError), contextlib.closing(Attester(stores, now)) as attester:
            attester.step()
        custody = Custody(stores)
        for uid, one in sealed:
            if uid and out is not None:
                name = f"{stores.sealing.blind('seal file', uid)}.seal"
                _write(out, name, custody.seal_file(uid).encode())
                yield SealedFile(path=one.path, is_new=one.is_new, seal_file=str(out / name))
            else:
                yield one


def sign_file(path: Path, home: Path | None, out: Path) -> None:
    """Write a copy of a DICOM file that carries a digital signature (PS3.15 Annex C) to the new file `out`.

    Raises
    ------
    EvidenceError
        It cannot be signed: compressed pixels, or nothing that a signature would mean anything for.
    SourceError, OutputError, SigningError
        It cannot be read or written, or the key refuses.
    """
    from scanward.adapters.signatures.dicom import sign_dicom

    with open_file(path) as source:
        data = source.read(0, source.size)
    ring = KeyRingFolder(find_home(home), now)
    _write(out.parent, out.name, sign_dicom(data, ring.signer(KeyUse.DICOM), now()))


def _seal_all(paths: Sequence[Path], stores: Stores, tell: Callable[[int], None]) -> Iterator[tuple[str, SealedFile]]:
    sealer, parser = make_sealer(stores, now), Parser()
    sources = FolderSources(tuple(paths), exclude=stores.home, spool=stores.spool)
    try:
        for number, file in enumerate(sources.find()):
            tell(number)
            if isinstance(file, RefusedFile):
                yield "", SealedFile(path=file.path, reason=file.reason)
                continue
            path = str(Path(file.path) / file.member) if file.member else file.path
            try:
                with sources.open(file) as content:
                    facts = parser.parse(open_dicom(content, stores.spool))
                    is_new = sealer.seal_file(content, facts)
                    if not is_new and not sealer.is_sealed_as(content, facts):
                        yield "", SealedFile(path=path, reason=OTHER)
                        continue
                    yield facts.sop_instance_uid, SealedFile(path=path, is_new=is_new)
            except NotDicomError:
                yield "", SealedFile(path=path, reason="not DICOM")
            except StoreError:
                raise
            except ScanwardError as error:
                yield "", SealedFile(path=path, reason=str(error))
    finally:
        sources.close()


def log_all(stores: Stores) -> None:
    """Bring all that waits into the log; a gateway that runs may be about to. Raises `StoreError` where it can't."""
    notary = make_notary(stores, now)
    until = time.monotonic() + LOGGED_SECONDS
    try:
        while stores.custody.due(1) or stores.custody.unlogged(1):
            notary.step()
            if time.monotonic() > until:
                raise StoreError(
                    "the statements are kept, and could not be brought into the log in time",
                    remedy="The gateway brings them there as soon as it can: scanward fsck tells.",
                )
    finally:
        notary.close()


def _write(folder: Path, name: str, data: bytes) -> None:
    from scanward.adapters.private_files import write_private

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, data)
    except OSError as error:
        raise OutputError(f"cannot write a seal file: {os.strerror(error.errno or 0)}") from None


def custody_of(uid: str, home: Path | None) -> CustodyReport:
    """Return the custody of a study or an instance; raises as `Custody.report`."""
    with open_stores(home) as stores:
        return Custody(stores).report(uid)


def write_seal_file(uid: str, home: Path | None, path: Path) -> None:
    """Write the seal file of an instance; raises as `Custody.seal_file`, and `OutputError`."""
    with open_stores(home) as stores:
        data = Custody(stores).seal_file(uid).encode()
    _write(path.parent, path.name, data)
