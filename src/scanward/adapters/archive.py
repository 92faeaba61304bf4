"""The hospital's archive as a peer (implements :class:`scanward.ports.network.Archive`): C-FIND, C-MOVE, C-STORE.

Trust: it knows the patients; what it answers is checked all the same.
"""

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
from scanward.ports.network import Outgoing

MAX_MATCHES: Final = 5000
"""No patient has so many studies: an archive that lists more did not heed the question."""

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

    def find_priors(self, patient: str, issuer: str, before: str, limit: int) -> Sequence[str]:
        """Return Study Instance UIDs of a patient's studies dated before `before`, newest first.

        A patient without an ID has no priors, nor has one whose ID an archive would take for a pattern: either could
        bring another patient's studies. Raises `NetworkError`.
        """
        if not patient or _WILDCARDS & set(patient + issuer) or limit < 1:
            return ()
        identifier = data_sets.encode(
            {
                _QUERY_RETRIEVE_LEVEL: "STUDY",
                _STUDY_DATE: f"-{_day_before(before)}",
                _PATIENT_ID: patient,
                _ISSUER_OF_PATIENT_ID: issuer,
                _STUDY_INSTANCE_UID: "",
            }
        )
        command, matches = self._ask(_STUDY_ROOT_FIND, dimse.C_FIND_RQ, identifier, {})
        status = command.number(dimse.STATUS)
        if status:
            raise NetworkError(f"the archive could not answer the query: status {status:04X}")
        priors: dict[str, str] = {}
        for match in matches:
            found = data_sets.parse(match)
            day = data_sets.text_of(found, _STUDY_DATE).replace(".", "")
            study = data_sets.text_of(found, _STUDY_INSTANCE_UID)
            if study and _is_of(found, patient, issuer) and "" < day < before:
                priors[study] = day
        return sorted(priors, key=lambda study: (priors[study], study), reverse=True)[:limit]

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


def _is_of(found: data_sets.Found, patient: str, issuer: str) -> bool:
    """Whether a match is of this patient: some archives ignore case, or the issuer."""
    issued_by = data_sets.text_of(found, _ISSUER_OF_PATIENT_ID)
    return data_sets.text_of(found, _PATIENT_ID) == patient and (not issuer or issued_by in {"", issuer})


def _day_before(day: str) -> str:
    """Return the day before YYYYMMDD; ranges of a query include their ends. Raises `NetworkError`."""
    try:
        parsed = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        return (parsed - timedelta(days=1)).strftime("%Y%m%d")
    except (ValueError, OverflowError):
        raise NetworkError("expected a day as YYYYMMDD to look for studies before") from None
