"""Seals instances as they came, and copies before they leave; the seals lie under the data key of their study.

A seal is made once. What is sealed twice at the same moment, by two workers, keeps the seal of the quicker one.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from scanward.dicomstream.made import JoinedPieces, MadeBytes
from scanward.dicomstream.opening import open_dicom
from scanward.errors import (
    DicomFormatError,
    EvidenceError,
    HoldError,
    OutputError,
    StateError,
    StoreError,
    StoreFullError,
)
from scanward.flow.scans import open_scan
from scanward.ingest.parse import IncomingFacts, Parser
from scanward.model.comparison import Standing
from scanward.model.instance import ByteSource, BytesSource, Content
from scanward.model.release import OutboxItem, Release, Result
from scanward.model.seal import KEY_BYTES, Seal
from scanward.model.study import StoredInstance
from scanward.ports.custody import CustodyBook, KeptFilm, KeptSeal, KeptStatement, NewDue
from scanward.ports.engines import FrameCodec, FrameSource
from scanward.ports.stores import Blobs, Sealing, Vault
from scanward.release.recipe import assemble, read_recipe
from scanward.seal.compare import compare
from scanward.seal.format import encode_seal, parse_seal
from scanward.seal.make import make_seal, seal_root
from scanward.seal.statement import BLINDING_BYTES, link_commitment

AT_ONCE = 64
"""So many are sealed before they are noted: a kill does no more over."""

FILMS = frozenset({"CR", "DX", "MG", "RG", "PX", "IO", "RF", "XA", "SC", "OT"})
"""Modalities (PS3.3 C.7.3.1.1.1) whose single pictures get around alone, and are told again in another form."""

SEALED = "sealed"
DEIDENTIFIED = "de-identified"
"""What waits for a statement once a seal is kept; its facts are JSON."""


@dataclass(frozen=True, kw_only=True)
class SealingTools:
    """What sealing takes.

    Attributes
    ----------
    book, blobs, vault, sealing
        The stores.
    codec
        Decodes frames; None where nothing does: pixels are sealed as they are coded then.
    spool
        Folder for inflated data sets, as secret as the instances.
    clock
        Tells the time, aware UTC.
    draw
        Returns so many random bytes.
    describe
        Returns by what a film is told again in another form, None where it is no film; None where nothing looks.
    """

    book: CustodyBook
    blobs: Blobs
    vault: Vault
    sealing: Sealing
    codec: FrameCodec | None
    spool: Path
    clock: Callable[[], datetime]
    draw: Callable[[int], bytes]
    describe: Callable[[FrameSource], bytes | None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sealed:
    """A seal that is made and not kept yet."""

    kept: KeptSeal
    encoded: bytes
    film: bytes
    due: NewDue


class Sealer:
    """Seals what the gateway has; for any number of threads.

    Parameters
    ----------
    tools
        What it takes.
    """

    def __init__(self, tools: SealingTools) -> None:
        self._tools = tools

    def seal(self, release: Release, items: Sequence[OutboxItem], instances: Sequence[StoredInstance]) -> None:
        """Seal instances, and the copies of them that are about to leave; durable on return; raises `StoreError`."""
        self.seal_originals(release.study_id, instances)
        self.seal_copies(release, items, instances)

    def seal_originals(self, study_id: str, instances: Sequence[StoredInstance]) -> None:
        """Seal those instances of a study that are not sealed yet; durable on return.

        Raises
        ------
        StoreError
            A store could not be read or written, or the blob of an instance is lost: the others are sealed.
        """
        key = self._tools.vault.find_data_key(study_id)
        if key is None:
            return  # deleted: there is nothing to seal any more
        lost: StoreError | None = None
        for some in _parts(instances):
            missing = self._missing([one.instance_id for one in some])
            made: list[_Sealed] = []
            for one in some:
                if one.instance_id not in missing:
                    continue
                try:
                    with self._tools.blobs.open(key, one.blob) as content:
                        is_film = one.modality in FILMS
                        made.append(self._seal_as(one.instance_id, study_id, content, is_film=is_film))
                except StoreFullError:
                    raise
                except StoreError as error:
                    lost = error
            self._keep(key, made)
        if lost is not None:
            raise lost

    def seal_copies(self, release: Release, items: Sequence[OutboxItem], sources: Sequence[StoredInstance]) -> None:
        """Seal copies that are about to leave, and bind each to its original; durable on return.

        Parameters
        ----------
        release
            By which they leave.
        items
            The copies.
        sources
            What they were made of, sealed already.

        Raises
        ------
        StoreError
            A store could not be read or written.
        """
        key = self._tools.vault.find_data_key(release.study_id)
        if key is None:
            raise StoreError("the study was deleted, so that nothing of it can leave any more")
        blobs = {one.instance_id: one.blob for one in sources}
        for some in _parts(items):
            missing = self._missing([self._copy_id(release, one) for one in some])
            made = [
                self._seal_copy(key, release, one, blobs[one.instance_id])
                for one in some
                if self._copy_id(release, one) in missing
            ]
            self._keep(key, made)

    def seal_result(self, result: Result) -> None:
        """Seal what a recipient sent back, as it came, unless it is sealed already; durable on return.

        Raises
        ------
        StoreError
            A store could not be read or written.
        """
        tools = self._tools
        key = tools.vault.find_data_key(result.result_id)
        if key is None or not self._missing([result.result_id]):
            return
        with tools.blobs.open(key, result.blob) as content:
            uid = Parser().parse(open_dicom(content, tools.spool)).sop_instance_uid
            sealed = self._seal_as(result.result_id, result.result_id, content, is_film=False)
        self._keep(key, [replace(sealed, kept=replace(sealed.kept, uid_id=self.uid_id(uid)))])

    def seal_file(self, content: ByteSource, facts: IncomingFacts) -> bool:
        """Seal an instance that the gateway does not keep; False where its SOP Instance UID has a seal already.

        Raises
        ------
        StoreError
            A store could not be read or written.
        DicomFormatError
            It is no DICOM.
        """
        tools = self._tools
        object_id, study_id = self.uid_id(facts.sop_instance_uid), tools.sealing.blind("study", facts.study_uid)
        if not self._missing([object_id]):
            return False
        key = tools.vault.data_key(study_id)
        self._keep(key, [self._seal_as(object_id, study_id, content, is_film=facts.modality in FILMS)])
        return True

    def is_sealed_as(self, content: ByteSource, facts: IncomingFacts) -> bool:
        """Whether an instance is as it was sealed, but for what an archive may put right; raises as `read`."""
        scan = open_scan(content, self._tools.spool, self._tools.codec)
        return any(
            compare(self.read(kept), scan, content).standing in {Standing.UNCHANGED, Standing.HEADER_COERCED}
            for kept, _ in self.find(facts.sop_instance_uid)
        )

    def read(self, kept: KeptSeal) -> Seal:
        """Return a seal that was kept.

        Raises
        ------
        StoreError
            It cannot be read, or the study was deleted.
        EvidenceError
            It is damaged.
        """
        key = self._tools.vault.find_data_key(kept.study_id)
        if key is None:
            raise StoreError(
                "the study was deleted, and its seals with it", remedy="The log still shows that there was a seal."
            )
        with self._tools.blobs.open(key, kept.blob) as source:
            return parse_seal(source.read(kept.start, kept.length))

    def find(self, sop_instance_uid: str) -> Sequence[tuple[KeptSeal, Sequence[KeptStatement]]]:
        """Return the seals of a SOP Instance UID, each with what was stated of it."""
        book = self._tools.book
        return [(one, book.statements_of(one.object_id)) for one in book.find_seals(self.uid_id(sop_instance_uid))]

    def uid_id(self, sop_instance_uid: str) -> str:
        """Return by which id the seal of an instance is found."""
        return self._tools.sealing.blind("instance", sop_instance_uid)

    def _missing(self, object_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(object_ids) - self._tools.book.sealed(object_ids)

    def _copy_id(self, release: Release, item: OutboxItem) -> str:
        # What is de-identified again, in another form, is another copy.
        value = f"{release.release_id}|{item.sop_instance_uid}|{item.form}"
        return self._tools.sealing.blind("copy", value)

    def _seal_as(self, object_id: str, study_id: str, content: ByteSource, *, is_film: bool) -> _Sealed:
        seal, film = seal_scan(content, self._tools, is_film=is_film)
        kept = KeptSeal(
            object_id=object_id,
            uid_id=object_id,
            study_id=study_id,
            blob="",
            start=0,
            length=0,
            root=seal_root(seal).hex(),
            sealed=self._tools.clock(),
        )
        return self._made(kept, seal, SEALED, {}, film)

    def _seal_copy(self, key: bytes, release: Release, item: OutboxItem, source_blob: str) -> _Sealed:
        tools = self._tools
        with tools.blobs.open(key, item.recipe) as recipes, tools.blobs.open(key, source_blob) as source:
            recipe = read_recipe(recipes, item.index)
            if recipe.deflate_from is None and not recipe.of_inflated:
                seal, _ = seal_scan(JoinedPieces(recipe.pieces, source), tools)
            else:
                copy = MadeBytes(tools.spool)
                for chunk in assemble(recipe, source, tools.spool):
                    copy.add(chunk, Content.HEADER)
                seal, _ = seal_scan(copy, tools)
        opening = tools.draw(BLINDING_BYTES)
        root = seal_root(seal)
        original = bytes.fromhex(tools.book.get_seal(item.instance_id).root)
        kept = KeptSeal(
            object_id=self._copy_id(release, item),
            uid_id=self.uid_id(item.sop_instance_uid),
            study_id=release.study_id,
            source_id=item.instance_id,
            release_id=release.release_id,
            blob="",
            start=0,
            length=0,
            root=root.hex(),
            opening=opening,
            sealed=tools.clock(),
        )
        facts = {"derived_from": link_commitment(original, root, opening).hex(), "release": release.release_id}
        return self._made(kept, seal, DEIDENTIFIED, facts)

    def _made(
        self, kept: KeptSeal, seal: Seal, what: str, facts: Mapping[str, str | int], film: bytes = b""
    ) -> _Sealed:
        own = {"seal": kept.root, "sha256": seal.file_digest.hex(), "bytes": seal.file_bytes}
        said = json.dumps({**own, **facts}, sort_keys=True)
        due = NewDue(subject=kept.object_id, what=what, at=kept.sealed, detail=said)
        return _Sealed(kept=kept, encoded=encode_seal(seal), film=film, due=due)

    def _keep(self, key: bytes, made: Sequence[_Sealed]) -> None:
        """Store seals in one blob, then note them."""
        if not made:
            return
        blob = self._tools.blobs.put(
            key, BytesSource(b"".join(part for one in made for part in (one.encoded, one.film)))
        )
        start = 0
        seals: list[KeptSeal] = []
        films: list[KeptFilm] = []
        for one in made:
            seals.append(replace(one.kept, blob=blob, start=start, length=len(one.encoded)))
            start += len(one.encoded)
            if one.film:
                film = KeptFilm(
                    object_id=one.kept.object_id,
                    study_id=one.kept.study_id,
                    blob=blob,
                    start=start,
                    length=len(one.film),
                )
                films.append(film)
                start += len(one.film)
        try:
            self._tools.book.record(seals, due=[one.due for one in made], films=films)
        except StateError:
            # Another worker seals the same at the moment: what it has not sealed by now is sealed one by one.
            self._tools.blobs.delete(blob)
            if len(made) > 1:
                for one in made:
                    self._keep(key, [one])


def seal_scan(content: ByteSource, tools: SealingTools, *, is_film: bool = False) -> tuple[Seal, bytes]:
    """Return a seal of an instance, and by what it is told again in another form, empty where by nothing.

    Where its pixels cannot be decoded, what is sealed of them are the bytes that they are coded in.

    Raises
    ------
    StoreError
        There is no room, or it cannot be read.
    DicomFormatError
        It is no DICOM.
    """
    try:
        return _seal_scan(content, tools, is_film=is_film)
    except OutputError:
        raise StoreFullError("no room to inflate an instance in the spool") from None


def _seal_scan(content: ByteSource, tools: SealingTools, *, is_film: bool) -> tuple[Seal, bytes]:
    key = tools.draw(KEY_BYTES)
    scan = open_scan(content, tools.spool, tools.codec)
    seal = make_seal(scan, content, key)
    film = None
    if is_film and tools.describe is not None and scan.frames is not None and scan.frames.count == 1:
        with contextlib.suppress(DicomFormatError, HoldError, EvidenceError):  # not one that is told again
            film = tools.describe(scan.frames)
    return seal, film or b""


_T = TypeVar("_T")


def _parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
