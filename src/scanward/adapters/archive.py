"""The hospital's archive as a peer (implements :class:`scanward.ports.network.Archive`): C-FIND, C-MOVE, C-STORE.

Trust: it knows the patients; what it answers is checked all the same.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from scanward.adapters import dimse_data_sets as data_sets
from scanward.adapters import dimse_messages as dimse
from scanward.adapters.dimse_client import RemoteAe, deliver, open_association
from scanward.adapters.dimse_messages import Command
from scanward.config import ArchiveSettings
from scanward.errors import NetworkError
from scanward.model.agreement import TlsFiles
from scanward.model.release import DeliveryReport
from scanward.ports.network import FoundStudy, Outgoing

MAX_MATCHES: Final = 5000
"""No patient has so many studies: an archive that lists more did not heed the question."""

MAX_COUNT_DIGITS: Final = 9
"""A longer Number of Study Related Instances is none."""

ANSWER_SECONDS: Final = 1800.0
"""So long an archive may be silent while it looks for a study or sends it: some fetch it from tape first."""

_STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
_STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
_PENDING: Final = (0xFF00, 0xFF01)
_WILDCARDS: Final = frozenset("*?\\")

_STUDY_DATE: Final = 0x00080020
_QUERY_RETRIEVE_LEVEL: Final = 0x00080052
_PATIENT_ID: Final = 0x00100020
_ISSUER_OF_PATIENT_ID: Final = 0x00100021
_STUDY_INSTANCE_UID: Final = 0x0020000D
_NUMBER_OF_INSTANCES: Final = 0x00201208


class DimseArchive:
    """The archive of the settings."""

    def __init__(self, settings: ArchiveSettings) -> None:
        files = TlsFiles(certificate=settings.certificate, key=settings.key, authority=settings.authority)
        self._remote = RemoteAe(
            host=settings.host,
            port=settings.port,
            ae_title=settings.ae_title,
            calling_ae=settings.calling_ae,
            tls=files if settings.certificate or settings.authority else None,
        )

    def fetch(self, study_uid: str) -> int:
        """Ask the archive to send a study to our Storage SCP; return how many instances it sent.

        Raises `NetworkError`, also when it could not send all of them.
        """
        if not study_uid or study_uid.strip("0123456789."):
            raise NetworkError("expected one Study Instance UID to fetch, got something else")
        identifier = data_sets.encode({_QUERY_RETRIEVE_LEVEL: "STUDY", _STUDY_INSTANCE_UID: study_uid})
        more = {dimse.MOVE_DESTINATION: self._remote.calling_ae}
        command, _ = self._ask(_STUDY_ROOT_MOVE, dimse.C_MOVE_RQ, identifier, more)
        sent, failed, warned = (
            command.find_number(element) or 0
            for element in (dimse.COMPLETED_SUBOPERATIONS, dimse.FAILED_SUBOPERATIONS, dimse.WARNING_SUBOPERATIONS)
        )
        status = command.number(dimse.STATUS)
        if status or failed:
            raise NetworkError(
                f"the archive did not send the whole study: {sent + warned} instances sent, {failed} failed, "
                f"status {status:04X}",
                remedy="Check that the archive knows our AE Title, host and port as a destination.",
            )
        return sent + warned

    def find_priors(self, patient: str, issuer: str, before: str, limit: int) -> Sequence[FoundStudy]:
        """Return a patient's studies dated before `before`, newest first.

        A patient without an ID has no priors, nor has one whose ID or issuer an archive would take for a pattern:
        either could bring another patient's studies. Whatever the archive answers, only studies of exactly this ID and
        issuer are returned. Raises `NetworkError`, also where an issuer was asked for and the archive tells none.
        """
        patient, issuer = patient.strip(), issuer.strip()
        if not patient or limit < 1 or not _is_literal(patient + issuer):
            return ()
        day_before = _day_before(before.replace(".", ""))
        asked = {
            _QUERY_RETRIEVE_LEVEL: "STUDY",
            _STUDY_DATE: f"-{day_before}",
            _PATIENT_ID: patient,
            _ISSUER_OF_PATIENT_ID: issuer,
            _STUDY_INSTANCE_UID: "",
            _NUMBER_OF_INSTANCES: "",
        }
        priors: dict[str, tuple[str, FoundStudy]] = {}
        nameless = False
        for found in self._find(asked):
            day = data_sets.text_of(found, _STUDY_DATE).replace(".", "")
            study_uid = data_sets.text_of(found, _STUDY_INSTANCE_UID)
            issued_by = data_sets.text_of(found, _ISSUER_OF_PATIENT_ID)
            if not study_uid or not _is_day(day) or day > day_before:
                continue
            if data_sets.text_of(found, _PATIENT_ID) != patient:
                continue  # some archives ignore case, or more
            if issued_by == issuer:
                priors[study_uid] = day, FoundStudy(study_uid=study_uid, instances=_count(found))
            nameless = nameless or not issued_by
        if issuer and nameless and not priors:
            raise NetworkError(
                "expected an archive that tells the issuer of Patient IDs, got one that does not",
                remedy="Have the archive answer Issuer of Patient ID (0010,0021) at study level.",
            )
        newest = sorted(priors, key=lambda study_uid: (priors[study_uid][0], study_uid), reverse=True)
        return [priors[study_uid][1] for study_uid in newest[:limit]]

    def _find(self, asked: Mapping[int, str]) -> Iterator[data_sets.Found]:
        """Yield what the archive finds, asked in each character set that it may know; raises `NetworkError`.

        Some know UTF-8 only as bytes, and some not Latin-1; one answer without an error is enough.
        """
        identifiers = {data_sets.encode(asked, data_sets.UTF_8)}
        with contextlib.suppress(UnicodeEncodeError):
            identifiers.add(data_sets.encode(asked, data_sets.LATIN_1))
        refused = 0
        for identifier in sorted(identifiers):
            command, matches = self._ask(_STUDY_ROOT_FIND, dimse.C_FIND_RQ, identifier, {})
            yield from map(data_sets.parse, matches)
            status = command.number(dimse.STATUS)
            refused += bool(status)
            if refused == len(identifiers):
                raise NetworkError(f"the archive could not answer the query: status {status:04X}")

    def store(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Send results to the archive; one report a file."""
        return deliver(self._remote, files)

    def _ask(
        self, sop_class: str, operation: int, identifier: bytes, more: Mapping[int, int | str]
    ) -> tuple[Command, Sequence[bytes]]:
        """Send a query or retrieval; return its last response, and the matches before (PS3.4 Annex C)."""
        context = (sop_class, data_sets.TRANSFER_SYNTAX)
        remote = self._remote
        with open_association(
            remote.host, remote.port, remote.ae_title, remote.calling_ae, remote.tls, [context]
        ) as association:
            context_id = association.find_context(*context)
            if context_id is None:
                raise NetworkError("the archive does not take queries or retrievals at study level")
            message_id = association.next_message_id()
            asked: dict[int, int | str] = {
                dimse.AFFECTED_SOP_CLASS_UID: sop_class,
                dimse.COMMAND_FIELD: operation,
                dimse.MESSAGE_ID: message_id,
                dimse.PRIORITY: 0,
                dimse.DATA_SET_TYPE: dimse.WITH_DATA,
            }
            association.send(context_id, dimse.encode_command({**asked, **more}), iter([identifier]))
            matches: list[bytes] = []
            while True:
                command, data = association.receive(operation, message_id, seconds=ANSWER_SECONDS)
                if command.number(dimse.STATUS) not in _PENDING:
                    return command, matches
                if operation == dimse.C_FIND_RQ:
                    matches.append(data)
                if len(matches) > MAX_MATCHES:
                    raise NetworkError(f"expected at most {MAX_MATCHES} studies of a patient, got more")


def _is_literal(text: str) -> bool:
    """Whether an archive takes a value of a query as it stands (PS3.4 Section C.2.2.2.4): no wild card, no list."""
    return text.isprintable() and not _WILDCARDS & set(text)


def _is_day(text: str) -> bool:
    return len(text) == len("YYYYMMDD") and text.isascii() and text.isdigit()


def _count(found: data_sets.Found) -> int:
    """Return how many instances the archive says there are, 0 where it does not say."""
    text = data_sets.text_of(found, _NUMBER_OF_INSTANCES)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_COUNT_DIGITS else 0


def _day_before(day: str) -> str:
    """Return the day before YYYYMMDD; ranges of a query include their ends. Raises `NetworkError`."""
    try:
        parsed = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        return (parsed - timedelta(days=1)).strftime("%Y%m%d")
    except (ValueError, OverflowError):
        raise NetworkError("expected a day as YYYYMMDD to look for studies before") from None
