"""What the instances of a study identify somebody by, found once for all units of work on it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from scanward.deidentify.header.scan import RawIdentifier, Scanner, decode_identifiers
from scanward.dicomstream.opening import open_dicom
from scanward.errors import OutputError, ScanwardError, StoreError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.instance import ByteSource
from scanward.model.study import PriorStudy, StoredInstance, Study

REMEMBERED_STUDIES = 8
"""So many studies' identifiers are kept in memory."""


MOST_PRIORS = 500
"""So many other studies of a patient are asked for what they know of them."""


def known_before(studies: Iterable[PriorStudy]) -> frozenset[Identifier]:
    """Return what other studies of a patient identify them by, names of before among it, and how these are told."""
    found = set()
    for study in studies:
        told = (
            (IdentifierKind.PATIENT_NAME, study.patient.name),
            (IdentifierKind.PATIENT_ID, study.patient.patient_id),
            (IdentifierKind.BIRTH_DATE, study.patient.birth_date),
            (IdentifierKind.ACCESSION, study.accession_number),
            (IdentifierKind.UID, study.study_uid),
        )
        found |= {Identifier(kind, value) for kind, value in told if value}
    return frozenset(found)


class Surveyor:
    """Collects identifiers; for any number of threads, of which one at a time surveys.

    Parameters
    ----------
    spool
        Folder for inflated data sets, as secret as the instances.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._found: OrderedDict[tuple[str, int], frozenset[Identifier]] = OrderedDict()
        self._turn = threading.Lock()

    def survey(
        self, study: Study, open_instance: Callable[[StoredInstance], AbstractContextManager[ByteSource]]
    ) -> frozenset[Identifier]:
        """Return what identifies somebody in all instances of a study that are there now, of whatever batch.

        An instance that cannot be read adds nothing, and cannot leave either.

        Raises
        ------
        StoreError
            An instance could not be opened.
        """
        key = (study.study_id, len(study.instances))
        with self._turn:
            found = self._found.get(key)
            if found is None:
                found = self._found[key] = self._collect(study, open_instance)
                if len(self._found) > REMEMBERED_STUDIES:
                    self._found.popitem(last=False)
            self._found.move_to_end(key)
        return found

    def _collect(
        self, study: Study, open_instance: Callable[[StoredInstance], AbstractContextManager[ByteSource]]
    ) -> frozenset[Identifier]:
        scanner = Scanner()
        identifiers: set[Identifier] = set()
        # Runs of elements that instances share come as the same object, kept here so that their identity stays theirs.
        seen: dict[tuple[bytes, int], tuple[RawIdentifier, ...]] = {}
        for instance in study.instances:
            try:
                with open_instance(instance) as source:
                    facts = scanner.scan(open_dicom(source, self._spool))
            except (StoreError, OutputError):
                raise
            except ScanwardError:
                continue
            for part in facts.identifiers:
                if (facts.charset, id(part)) not in seen:
                    seen[facts.charset, id(part)] = part
                    identifiers |= decode_identifiers(part, facts.charset)
        return frozenset(identifiers)
