"""Tells what is known of a file: what it says of itself, whether it is as it was sealed, what it is a copy of.

The order is that of the strength of the evidence. What a file says of its origin comes first, as it says so itself;
then the seal, which decides where there is one; then what sealed film it shows; and only then what can be read from
pixels alone, which is evidence and never a verdict.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from scanward.errors import DicomFormatError, EvidenceError, HoldError, NotDicomError, ScanwardError
from scanward.flow.scans import open_scan
from scanward.flow.sealing import Sealer
from scanward.ingest.parse import Parser
from scanward.model.comparison import Comparison, FrameFate, Standing
from scanward.model.custody import CustodyEvent, SignedStatement
from scanward.model.instance import ByteSource
from scanward.model.seal import KEY_BYTES, Seal
from scanward.model.signing import KeyRecord
from scanward.model.verdict import Found, Outcome, SealFacts, Step, StepName, Verdict, VerifyFault
from scanward.ports.engines import FrameCodec
from scanward.ports.examining import Examiner, LogEvidence, Picture, SignatureReader
from scanward.seal.compare import compare
from scanward.seal.make import make_seal, seal_root
from scanward.seal.scan import Scan
from scanward.seal.statement import entry_of, verify_chain

MAX_HEAT_MAPS: Final = 12
"""So many altered frames are drawn; all are listed."""

SEES_SEAL: Final = "any later change of a sample or of a value of the header, and in which tile or Attribute it is"
MISSES_SEAL: Final = "what was changed before the scan was sealed"
SEES_LOG: Final = "a seal made or exchanged later: what is in the log cannot be taken back"
MISSES_LOG: Final = "a log that shows others another history, unless witnesses cosigned it"

_RANKS: Final = {
    Standing.UNCHANGED: 0,
    Standing.HEADER_COERCED: 1,
    Standing.UNREADABLE: 2,
    Standing.ALTERED: 3,
}
_OUTCOMES: Final = {
    Standing.UNCHANGED: Outcome.UNCHANGED,
    Standing.HEADER_COERCED: Outcome.COERCED,
    Standing.ALTERED: Outcome.ALTERED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SealProof:
    """A seal with what vouches for it, as it is handed to others.

    Attributes
    ----------
    seal
        The seal.
    statements
        Signed statements on the sealed object, the first first.
    records
        Keys that sign, as whoever looks trusts them.
    log
        Where statements are looked for; None for nowhere.
    places
        Places of statements in the log, by number, where they are known.
    source
        Where the seal came from, in words.
    object_id
        Of what was sealed; empty where that is not known here.
    is_original
        Whether it was made of an original that the reader named.
    is_kept
        Whether it comes from the stores of this gateway.
    are_keys_known
        Whether `records` come from somebody whom the reader knows, and not with the seal.
    """

    seal: Seal
    statements: Sequence[SignedStatement] = ()
    records: Sequence[KeyRecord] = ()
    log: LogEvidence | None = None
    places: Mapping[int, int] | None = None
    source: str
    object_id: str = ""
    is_original: bool = False
    is_kept: bool = False
    are_keys_known: bool = True


class Verifier:
    """Tells what is known of files; not for several threads.

    Parameters
    ----------
    codec
        Decodes frames; None where nothing does.
    spool
        Folder for inflated data sets; None for the system's.
    clock
        Tells the time, aware UTC.
    draw
        Returns so many random bytes.
    sealer
        Reads seals that were kept; None where there is no gateway at hand.
    records
        Returns the keys of this gateway that sign or signed.
    log
        The log of this gateway, or a mirror of it; None for none.
    examiner
        Looks at pixels; None where nothing does.
    read_signatures
        Checks signatures inside of DICOM files; None where nothing does.
    open_original
        Returns the bytes of a sealed instance, by its id; None where they are not at hand.
    """

    def __init__(
        self,
        *,
        codec: FrameCodec | None,
        spool: Path | None,
        clock: Callable[[], datetime],
        draw: Callable[[int], bytes],
        sealer: Sealer | None = None,
        records: Callable[[], Sequence[KeyRecord]] = tuple,
        log: LogEvidence | None = None,
        examiner: Examiner | None = None,
        read_signatures: SignatureReader | None = None,
        open_original: Callable[[str], ByteSource | None] = lambda _: None,
    ) -> None:
        self._codec = codec
        self._spool = spool
        self._clock = clock
        self._draw_bytes = draw
        self._sealer = sealer
        self._records = records
        self._log = log
        self._examiner = examiner
        self._read_signatures = read_signatures
        self._open_original = open_original

    def verify(
        self, content: ByteSource, *, original: ByteSource | None = None, proof: SealProof | None = None
    ) -> Verdict:
        """Tell what is known of a file, in numbered steps.

        Parameters
        ----------
        content
            The file.
        original
            What it is said to be a copy of.
        proof
            A seal that came with it.

        Raises
        ------
        EvidenceError
            A seal or statement was damaged or forged: nothing can be said by it.
        StoreError
            A store cannot be read.
        """
        scan = self._open(content)
        # 1. What the file says of its own origin
        steps = [self._examiner.declare(content)] if self._examiner is not None else []
        if scan is not None and self._read_signatures is not None:
            steps.append(self._read_signatures(content))
        # 2. The seal
        proofs = [proof] if proof is not None else self._find_seals(scan)
        if original is not None:
            proofs = [self._seal_original(original)]
        if proofs and scan is not None:
            return self._verify_sealed(content, scan, proofs, steps, original)
        steps.append(
            Step(
                name=StepName.SEAL,
                found=Found.NO,
                says="no seal is known of what this file says it is",
                sees=SEES_SEAL,
                misses=MISSES_SEAL,
            )
        )
        # 3. What is known of a picture without a seal
        return self._examine(content, scan, original, steps)

    def _open(self, content: ByteSource) -> Scan | None:
        """Return the scan; None where the file is no DICOM."""
        try:
            return open_scan(content, self._spool, self._codec)
        except NotDicomError:
            return None

    # Sealed

    def _seal_original(self, original: ByteSource) -> SealProof:
        scan = self._open(original)
        if scan is None:
            raise NotDicomError("expected the original to be DICOM", remedy="Name the scan that this is a copy of.")
        return SealProof(
            seal=make_seal(scan, original, self._draw_bytes(KEY_BYTES)), source="the original", is_original=True
        )

    def _find_seals(self, scan: Scan | None) -> list[SealProof]:
        """Return the seals of what a file says it is."""
        if self._sealer is None or scan is None:
            return []
        try:
            uid = Parser().parse(scan.start).sop_instance_uid
        except ScanwardError:
            return []
        found: list[SealProof] = []
        for kept, statements in self._sealer.find(uid):
            places = {one.number: one.index for one in statements if one.index is not None}
            found.append(
                SealProof(
                    seal=self._sealer.read(kept),
                    statements=[one.signed for one in statements],
                    records=self._records(),
                    log=self._log,
                    places=places,
                    source="this gateway, of a copy that left" if kept.source_id else "this gateway",
                    object_id="" if kept.source_id else kept.object_id,
                    is_kept=True,
                )
            )
        return found

    def _verify_sealed(
        self,
        content: ByteSource,
        scan: Scan,
        proofs: Sequence[SealProof],
        steps: list[Step],
        original: ByteSource | None,
    ) -> Verdict:
        compared = [(proof, compare(proof.seal, scan, content)) for proof in proofs]
        proof, comparison = min(compared, key=lambda pair: _RANKS[pair[1].standing])
        facts, vouched = self._vouch(proof)
        outcome = _OUTCOMES.get(comparison.standing, Outcome.UNKNOWN)
        steps = [*steps, _seal_step(comparison, proof, facts), *vouched]
        maps = self._draw(scan, comparison) if outcome is Outcome.ALTERED else {}
        # Another size, or coded with losses: every tile differs, and what else does is seen on the pictures alone.
        if outcome is Outcome.ALTERED and (comparison.form or comparison.is_lossy_copy):
            picture = self._look(content, scan)
            sealed = original if original is not None else self._open_original(proof.object_id)
            if picture is not None and sealed is not None:
                step, drawn = self._compare_pictures(picture, sealed)
                steps.append(step)
                maps = {0: drawn} if drawn else maps
        return Verdict(outcome=outcome, steps=tuple(steps), seal=facts, comparison=comparison, heat_maps=maps)

    def _vouch(self, proof: SealProof) -> tuple[SealFacts, list[Step]]:
        """See that signed statements, and the log, say of this seal what it says of itself."""
        facts = SealFacts(source=proof.source, is_vouched=proof.is_original or proof.is_kept)
        if not proof.statements:
            return facts, [
                Step(name=StepName.LOG, found=Found.NOT_DONE, says="no statement came with the seal", sees=SEES_LOG)
            ]
        # 1. The log has them; when it was seen to, their keys are judged as of then
        places: dict[int, tuple[int, int]] = {}
        attested: dict[int, datetime] = {}
        if proof.log is not None:
            for number, signed in enumerate(proof.statements):
                index = None if proof.places is None else proof.places.get(number)
                if index is None and proof.places is not None:
                    continue  # on its way there
                place, size, seen = proof.log.check(index, entry_of(signed))
                places[number] = place, size
                if seen is not None:
                    attested[number] = seen
        # 2. The chain holds
        chain = verify_chain(proof.statements, proof.records, now=self._clock(), attested=attested, is_first=False)
        # 3. One of it is of this seal
        first = next((one for one in chain if one.event in {CustodyEvent.SEALED, CustodyEvent.DEIDENTIFIED}), None)
        if first is None:
            raise EvidenceError(VerifyFault.NOT_OF_SEALING, "expected a statement on a seal, got others alone")
        if first.facts.get("seal") != seal_root(proof.seal).hex():
            raise EvidenceError(
                VerifyFault.OTHER_SEAL,
                "expected the statement to name this seal, got one of another",
                remedy="Somebody exchanged the seal or the statement; ask who sealed the scan.",
            )
        at = places.get(first.number)
        facts = replace(
            facts,
            sealed=first.at,
            is_copy=first.event is not CustodyEvent.SEALED,
            is_vouched=proof.are_keys_known,
            is_stated=True,
            is_logged=at is not None,
            log_index=None if at is None else at[0],
            log_size=None if at is None else at[1],
            attested=attested.get(first.number),
        )
        says = "signed; not in the log yet" if at is None else f"signed, and entry {at[0]} of {at[1]} in the log"
        found = Found.CANNOT_TELL if at is None else Found.YES
        return facts, [Step(name=StepName.LOG, found=found, says=says, sees=SEES_LOG, misses=MISSES_LOG)]

    def _draw(self, scan: Scan, comparison: Comparison) -> dict[int, bytes]:
        if self._examiner is None or scan.frames is None:
            return {}
        altered = [one.frame for one in comparison.frames if one.fate is FrameFate.ALTERED and one.frame is not None]
        return {frame: self._examiner.draw(scan, comparison, frame) for frame in altered[:MAX_HEAT_MAPS]}

    # Without a seal

    def _examine(
        self, content: ByteSource, scan: Scan | None, original: ByteSource | None, steps: list[Step]
    ) -> Verdict:
        if self._examiner is None:
            steps.append(
                Step(name=StepName.LOOK_UP, found=Found.NOT_DONE, says="what looks at pixels is not installed")
            )
            return Verdict(outcome=Outcome.UNKNOWN, steps=tuple(steps))
        picture = self._look(content, scan)
        if picture is None:
            steps.append(Step(name=StepName.LOOK_UP, found=Found.CANNOT_TELL, says="it shows no picture"))
            return Verdict(outcome=Outcome.UNKNOWN, steps=tuple(steps))
        maps: dict[int, bytes] = {}
        if original is not None:
            is_known = True
            step, drawn = self._compare_pictures(picture, original)
            steps.append(step)
        else:
            step, object_id = self._examiner.look_up(picture)
            steps.append(step)
            is_known, drawn = bool(object_id), b""
            sealed = self._open_original(object_id) if object_id else None
            if sealed is not None:
                step, drawn = self._compare_pictures(picture, sealed)
                steps.append(step)
        if drawn:
            maps[0] = drawn
        steps += self._examiner.look_for_edits(picture)
        outcome = Outcome.KNOWN if is_known else Outcome.UNKNOWN
        return Verdict(outcome=outcome, steps=tuple(steps), heat_maps=maps)

    def _look(self, content: ByteSource, scan: Scan | None) -> Picture | None:
        if self._examiner is None:
            return None
        try:
            return self._examiner.open(content, scan)
        except (DicomFormatError, HoldError):
            return None

    def _compare_pictures(self, picture: Picture, original: ByteSource) -> tuple[Step, bytes]:
        shown = self._look(original, self._open(original))
        if shown is None or self._examiner is None:
            return Step(name=StepName.DIFFERENCE, found=Found.CANNOT_TELL, says="the original shows no picture"), b""
        return self._examiner.differ(picture, shown)


def _seal_step(comparison: Comparison, proof: SealProof, facts: SealFacts) -> Step:
    coerced = len(comparison.coerced)
    same = "authentic: all that was sealed is as it was"
    if proof.is_original:
        same = "all of it is as in the original that you named"
    elif not facts.is_vouched:
        same = (
            "it fits the seal that came with it, for which nobody vouches whom you know: anybody can make such a seal"
        )
    says = {
        Standing.UNCHANGED: same,
        Standing.HEADER_COERCED: f"pixels as sealed; of what may be put right, {coerced} values of the header differ",
        Standing.ALTERED: "it differs from what was sealed",
        Standing.UNREADABLE: "its pixels cannot be decoded here, so nobody can say whether they are as sealed",
    }[comparison.standing]
    found = Found.CANNOT_TELL if comparison.standing is Standing.UNREADABLE else Found.YES
    return Step(
        name=StepName.SEAL,
        found=found,
        says=says,
        sees=SEES_SEAL,
        misses=MISSES_SEAL,
        figures={"compared_with": proof.source},
    )
