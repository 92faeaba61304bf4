"""Asking witnesses (C2SP tlog-witness) to cosign the newest checkpoint.

A witness remembers the newest checkpoint of a log that it saw, and signs only what goes on from that. So a log that
shows different histories to different readers needs witnesses that help it. Whether they answer is no condition for
the log to go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import httpx

from scanward.adapters.tlog.reader import VerifiedLog
from scanward.errors import EvidenceError, NetworkError, ScanwardError
from scanward.ports.log import LogReader
from scanward.tlog.checkpoint import CLOCK_SKEW, Policy, parse_decimal
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import MAX_SIZE
from scanward.tlog.note import Note, NoteAlgorithm, NoteKey, NoteSignature, cosignature_time, encode_base64, parse_note

MAX_ANSWER_BYTES = 64 * 1024
"""A longer answer is none of a witness."""

_SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True, kw_only=True, slots=True)
class Witness:
    """A witness.

    Attributes
    ----------
    key
        Its key for cosignatures.
    url
        Prefix of what it is asked at.
    """

    key: NoteKey
    url: str

    def __post_init__(self) -> None:
        if self.key.algorithm is not NoteAlgorithm.COSIGNATURE:
            raise EvidenceError(LogFault.KEY_ALGORITHM, "expected the key of a witness to be one for cosignatures")


@dataclass(frozen=True, kw_only=True, slots=True)
class WitnessAnswer:
    """What came of asking a witness.

    Attributes
    ----------
    name
        Of the witness.
    problem
        Why there is no cosignature; empty where there is one.
    fault
        What the witness says is wrong with the log, or is with its signature; None where it just did not answer.
    """

    name: str
    problem: str = ""
    fault: LogFault | None = None


class Cosigning:
    """Asks witnesses for cosignatures, and puts those that hold beside the signatures of the log.

    Parameters
    ----------
    reader
        The log.
    add
        Puts cosignatures into the published checkpoint, unless there is a newer one: `FolderLog.add_cosignatures`.
    policy
        Keys of the log; witnesses that it has play no part.
    witnesses
        Whom to ask.
    client
        How; its time limits are those of each request.
    clock
        Tells the time.
    """

    def __init__(
        self,
        reader: LogReader,
        add: Callable[[Note], bool],
        policy: Policy,
        witnesses: Sequence[Witness],
        client: httpx.Client,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reader = reader
        self._add = add
        self._policy = Policy(origin=policy.origin, keys=policy.keys, threshold=policy.threshold)
        self._witnesses = witnesses
        self._client = client
        self._clock = clock
        self._seen: dict[str, int] = {}

    def ask(self) -> tuple[WitnessAnswer, ...]:
        """Ask each witness about the newest checkpoint, and tell what came of it.

        Raises
        ------
        EvidenceError, StoreError
            The log itself cannot be read, or does not hold. What is wrong with a witness is in the answers.
        """
        log = VerifiedLog.open(self._reader, self._policy)
        answers = []
        for witness in self._witnesses:
            try:
                signatures = self._ask_one(log, witness)
                is_newest = self._add(Note(text=log.signed.note.text, signatures=signatures))
                problem = "" if is_newest else "the log went on before the witness answered"
                answers.append(WitnessAnswer(name=witness.key.name, problem=problem))
            except _WitnessError as error:
                answers.append(WitnessAnswer(name=witness.key.name, problem=str(error), fault=error.fault))
            except NetworkError as error:
                answers.append(WitnessAnswer(name=witness.key.name, problem=str(error)))
        return tuple(answers)

    def _ask_one(self, log: VerifiedLog, witness: Witness) -> tuple[NoteSignature, ...]:
        known = self._seen.get(witness.key.name, 0)
        status, kind, body = self._post(log, witness, min(known, log.checkpoint.size))
        if status == httpx.codes.CONFLICT and kind == _SIZE_TYPE:
            # It saw another size than we know of; it is asked once more, from there.
            known = _parse_size(body)
            if known > log.checkpoint.size:
                raise _WitnessError(LogFault.ROLLED_BACK, "the witness saw a longer log than there is")
            status, kind, body = self._post(log, witness, known)
        if status == httpx.codes.CONFLICT and known == log.checkpoint.size:
            raise _WitnessError(LogFault.SPLIT_VIEW, "the witness saw another root of this size")
        if status == httpx.codes.UNPROCESSABLE_ENTITY:
            raise _WitnessError(LogFault.INCONSISTENT, "the witness says that the log does not go on from what it saw")
        if status == httpx.codes.FORBIDDEN:
            raise _WitnessError(LogFault.SIGNATURE_UNKNOWN_KEY, "the witness does not know the key of the log")
        if status == httpx.codes.NOT_FOUND:
            raise NetworkError("the witness does not know the log")
        if status != httpx.codes.OK:
            raise NetworkError(f"expected cosignatures of a witness, got status {status}")
        signatures = self._check(log, witness, body)
        self._seen[witness.key.name] = log.checkpoint.size
        return signatures

    def _post(self, log: VerifiedLog, witness: Witness, old_size: int) -> tuple[int, str, bytes]:
        proof = "".join(f"{encode_base64(one)}\n" for one in log.consistency_proof(old_size))
        request = f"old {old_size}\n{proof}\n".encode() + log.signed.note.encode()
        url = f"{witness.url.rstrip('/')}/add-checkpoint"
        body = b""
        try:
            with self._client.stream("POST", url, content=request, follow_redirects=False) as answer:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES:
                        raise NetworkError(f"expected up to {MAX_ANSWER_BYTES} bytes of a witness, got more")
                return answer.status_code, answer.headers.get("content-type", ""), body
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NetworkError(f"cannot ask the witness: {type(error).__name__}") from None

    def _check(self, log: VerifiedLog, witness: Witness, body: bytes) -> tuple[NoteSignature, ...]:
        """Return the signatures of an answer that are by the witness, all valid."""
        text = log.signed.note.text
        try:
            note = parse_note(f"{text}\n".encode() + body)
        except EvidenceError as error:
            raise _WitnessError(error.fault, "the witness answered something that is no signature") from None
        found = tuple(one for one in note.signatures if witness.key.has_made(one))
        if note.text != text or not found:
            raise _WitnessError(LogFault.COSIGNATURE_UNKNOWN_WITNESS, "the witness signed by a key that is not known")
        for one in found:
            if not witness.key.is_valid(text, one):
                raise _WitnessError(LogFault.COSIGNATURE_FORGED, "the cosignature of the witness is not valid")
            if cosignature_time(one) > self._clock() + CLOCK_SKEW:
                raise _WitnessError(LogFault.COSIGNATURE_FUTURE, "the witness signed at a time that is still to come")
        return found


class _WitnessError(ScanwardError):
    """A witness does not cosign, and why."""

    def __init__(self, fault: StrEnum, message: str) -> None:
        super().__init__(message)
        self.fault = LogFault(fault.value)


def _parse_size(body: bytes) -> int:
    try:
        return parse_decimal(body.decode("ascii").removesuffix("\n"), LogFault.CHECKPOINT_SIZE, "a size")
    except (UnicodeDecodeError, EvidenceError):
        raise NetworkError(f"expected a size of up to {MAX_SIZE} of a witness") from None
