"""Puts what verifies together: `scanward verify`, the staff page, the API."""

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanward.adapters.home import find_home
from scanward.adapters.receive.folder import open_file
from scanward.adapters.seal_file import MAX_FILE_BYTES, ProvenByFile, parse_seal_file
from scanward.adapters.settings import NAME
from scanward.adapters.signatures.reading import SignatureSteps
from scanward.adapters.signing.held import KeyRingWithHeld
from scanward.adapters.signing.records import MAX_RECORDS_BYTES, parse_records
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.bootstrap.attesting import Tokens, find_attested, tokens_of
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import (
    find_codec,
    log_folder,
    log_keys,
    make_policy,
    make_ring,
    make_sealer,
)
from scanward.bootstrap.stores import Stores, open_stores
from scanward.errors import EvidenceError, SourceError, StoreError
from scanward.flow.verifying import SealProof, Verifier
from scanward.model.instance import ByteSource
from scanward.model.signing import KeyRecord
from scanward.model.verdict import Verdict, VerifyFault
from scanward.ports.custody import KeptFilm
from scanward.ports.examining import Examiner, LogEvidence
from scanward.tlog.checkpoint import Policy

if TYPE_CHECKING:
    from scanward.model.evidence import FilmMatch
    from scanward.seal.forensics.features import Film
    from scanward.seal.forensics.lookup import Index, Query

MAX_CALIBRATION_BYTES: Final = 16 * 1024 * 1024
_FILMS_AT_ONCE: Final = 500
FILMS_IN_A_PART: Final = 128
"""Putting so many in order takes some two seconds."""


def can_examine() -> bool:
    """Whether what looks at pictures is installed: the extra ``evidence``."""
    return all(find_spec(name) for name in ("numpy", "scipy", "cv2", "pdqhash", "imagecodecs", "c2pa"))


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyRequest:
    """What is verified, and against what.

    Attributes
    ----------
    home
        Home folder of the gateway that sealed; None for the usual one, where there is one.
    original
        What the files are said to be copies of.
    log
        Folder of a mirror of the log; None for the gateway's own.
    proof
        A seal file.
    keys
        Published keys of the gateway that sealed, got from it by another way; None for those of the home folder.
    calibration
        Of the site's own films, for the score of synthetic films.
    """

    home: Path | None = None
    original: Path | None = None
    log: Path | None = None
    proof: Path | None = None
    keys: Path | None = None
    calibration: Path | None = None


class CheckedLog:
    """A log in a folder, checked as it is read (implements :class:`scanward.ports.examining.LogEvidence`).

    Parameters
    ----------
    folder
        Where it is.
    policy
        Whom to believe about it.
    clock
        Tells the time, aware UTC.
    tokens
        When a timestamp authority saw it; None where it was not asked.
    records
        What is known of keys.
    """

    def __init__(
        self,
        folder: Path,
        policy: Policy,
        clock: Callable[[], datetime],
        tokens: Tokens | None = None,
        records: Sequence[KeyRecord] = (),
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._clock = clock
        self._tokens = tokens
        self._records = records

    @cached_property
    def _stamped(self) -> list[tuple[int, datetime]]:
        return (
            [] if self._tokens is None else find_attested(self._tokens, self.log, self._records, self._policy.witnesses)
        )

    @cached_property
    def log(self) -> VerifiedLog:
        """The log as it is when it is asked first."""
        return VerifiedLog.open(FolderReader(self._folder), self._policy, self._clock())

    def check(self, index: int | None, entry: bytes) -> tuple[int, int, datetime | None]:
        """Return the place of an entry, the size of the log, and when a witness saw it there."""
        log = self.log
        size = log.checkpoint.size
        place = self._find(log, entry) if index is None else index
        proof = log.inclusion_proof(place)
        signed = proof.verify(entry, self._policy, self._clock())
        stamped = [at for covered, at in self._stamped if place < covered]
        return place, size, min([*signed.cosigned.values(), *stamped], default=None)

    @staticmethod
    def _find(log: VerifiedLog, entry: bytes) -> int:
        for index, one in enumerate(log.entries(0, log.checkpoint.size)):
            if one == entry:
                return index
        raise EvidenceError(VerifyFault.NOT_LOGGED, "expected the statement to be in the log, and it is not there")


class Films:
    """The films that a gateway sealed, as they are looked up; read once, and then what was added since.

    They are kept in parts, as a part is put in order anew when a film is added to it.

    Parameters
    ----------
    stores
        Where they are.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._kept: dict[str, KeptFilm] = {}
        self._seen = 0
        self._parts: list[Index] = []

    def index(self) -> "Films":
        """Return itself, with the films that were sealed since; what was deleted is left out."""
        from scanward.seal.forensics.lookup import Index

        while some := self._stores.custody.films(self._seen, _FILMS_AT_ONCE):
            for number, kept in some:
                self._seen = number
                self._kept[kept.object_id] = kept
                with contextlib.suppress(StoreError):
                    film = self._load(kept.object_id)
                    if not self._parts or len(self._parts[-1]) >= FILMS_IN_A_PART:
                        self._parts.append(Index(self._load))
                    self._parts[-1].add(kept.object_id, film)
        return self

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def find(self, query: "Query") -> "tuple[FilmMatch, ...]":
        """Return the films that a picture is a copy of, the one with the most places first.

        Raises
        ------
        StoreError
            A film that may be the one was deleted since; `Films` of its own find the others.
        """
        found = [one for part in self._parts for one in part.find(query)]
        return tuple(sorted(found, key=lambda one: (-one.places, one.name)))

    def _load(self, object_id: str) -> "Film":
        from scanward.seal.forensics.features import parse_film

        kept = self._kept[object_id]
        key = self._stores.vault.find_data_key(kept.study_id)
        if key is None:
            raise StoreError("the study was deleted, and what was known of its films with it")
        with self._stores.blobs.open(key, kept.blob) as source:
            return parse_film(source.read(kept.start, kept.length))


class Verifying:
    """Verifies files against what a gateway sealed, or what came with them; not for several threads.

    Parameters
    ----------
    request
        Against what.
    stores
        Of the gateway; None where there is none at hand.
    spool
        Folder for inflated data sets.
    examiner
        Looks at pixels; None for one of its own, where what that takes is installed.
    """

    def __init__(
        self, request: VerifyRequest, stores: Stores | None, spool: Path, examiner: Examiner | None = None
    ) -> None:
        self._request = request
        self._stores = stores
        self._opened = contextlib.ExitStack()
        records = self._trusted(request)
        self._original = None if request.original is None else self._opened.enter_context(open_file(request.original))
        self._proof = None if request.proof is None else self._read_proof(request.proof, records)
        ring = None if stores is None else make_ring(stores, now)
        self._verifier = Verifier(
            codec=find_codec(),
            spool=spool,
            clock=now,
            draw=secrets.token_bytes,
            sealer=None if stores is None else make_sealer(stores, now),
            records=lambda: records if records is not None else () if ring is None else ring.records(),
            log=self._log(request, stores, ring),
            examiner=examiner or self._make_examiner(request, stores),
            read_signatures=None if ring is None else SignatureSteps(ring.authorities, ring.records, now),
            open_original=self._open_original,
        )

    def verify(self, content: ByteSource) -> Verdict:
        """Tell what is known of a file; raises as `scanward.flow.verifying.Verifier.verify`."""
        return self._verifier.verify(content, original=self._original, proof=self._proof)

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()

    @staticmethod
    def _trusted(request: VerifyRequest) -> Sequence[KeyRecord] | None:
        if request.keys is None:
            return None
        return parse_records(_read(request.keys, MAX_RECORDS_BYTES, "the published keys"))[0]

    def _read_proof(self, path: Path, records: Sequence[KeyRecord] | None) -> SealProof:
        file = parse_seal_file(_read(path, MAX_FILE_BYTES, "the seal file"))
        source = "a seal file, by published keys"
        if records is None and self._stores is not None:
            records, source = make_ring(self._stores, now).records(), "a seal file, by the keys of this gateway"
        are_keys_known = records is not None
        if records is None:
            records, source = file.records, "a seal file, by the keys in it, for which nobody else vouches"
        log: LogEvidence | None = None
        places: dict[int, int] = {}
        if file.log_proofs:
            log = ProvenByFile(list(file.log_proofs.values()), file.origin, records, now())
            places = file.places()
        return SealProof(
            seal=file.seal,
            statements=file.statements,
            records=records,
            log=log,
            places=places,
            source=source,
            are_keys_known=are_keys_known,
        )

    @staticmethod
    def _log(request: VerifyRequest, stores: Stores | None, ring: KeyRingWithHeld | None) -> LogEvidence | None:
        if stores is None or ring is None or not log_keys(stores, ring):
            return None  # nothing was sealed here yet
        folder = request.log or log_folder(stores)
        return CheckedLog(folder, make_policy(stores, ring), now, tokens_of(stores), ring.records())

    @staticmethod
    def _make_examiner(request: VerifyRequest, stores: Stores | None) -> Examiner | None:
        if not can_examine():
            return None
        from scanward.adapters.examiner import PictureExaminer
        from scanward.seal.forensics.calibration import parse
        from scanward.seal.forensics.synthetic import load_model

        calibration = None
        if request.calibration is not None:
            calibration = parse(
                _read(request.calibration, MAX_CALIBRATION_BYTES, "the calibration"), load_model().digest
            )
        return PictureExaminer(None if stores is None else Films(stores).index, calibration)

    def _open_original(self, object_id: str) -> ByteSource | None:
        """Return the bytes of an instance that the gateway still has."""
        stores = self._stores
        if stores is None:
            return None
        instance = stores.ledger.find_instance(object_id)
        if instance is None:
            return None
        key = stores.vault.find_data_key(stores.custody.get_seal(object_id).study_id)
        if key is None:
            return None
        try:
            return self._opened.enter_context(stores.blobs.open(key, instance.blob))
        except StoreError:
            return None


@contextlib.contextmanager
def open_verifying(request: VerifyRequest) -> Iterator[Verifying]:
    """Open what is verified against; raises `ScanwardError` where something named is not there."""
    with contextlib.ExitStack() as opened:
        stores = None
        if (find_home(request.home) / NAME).exists():
            stores = opened.enter_context(open_stores(request.home))
        elif request.home is not None or request.log is not None:
            raise SourceError(
                "there is no gateway in the home folder, whose keys say what to believe of a log",
                remedy="Name its home folder with --home, or give a seal file: --proof FILE.",
            )
        spool = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="scanward-")))
        verifying = Verifying(request, stores, spool)
        opened.callback(verifying.close)
        yield verifying


def verify_file(verifying: Verifying, path: Path) -> Verdict:
    """Verify one file; raises `SourceError` where it cannot be read, and as `Verifying.verify`."""
    with open_file(path) as source:
        return verifying.verify(source)


def _read(path: Path, limit: int, what: str) -> bytes:
    """Return the bytes of a file of at most `limit`."""
    with open_file(path) as source:
        if source.size > limit:
            raise SourceError(f"expected {what}, got a file that is too large for it")
        return source.read(0, source.size)
