"""The accounting of a patient's disclosures, for the API and the staff page alike."""

from collections.abc import Iterator, Mapping
from typing import Literal

from scanward.account.report import FullView, StatutoryView, full_view, statutory_view
from scanward.errors import ScanwardError
from scanward.model.agreement import Obligation
from scanward.model.release import RecordedDisclosure
from scanward.web.services import WebServices

PAGE = 1000

View = Literal["statutory", "full"]


def account_for(services: WebServices, patient: str, view: View) -> StatutoryView | FullView:
    """Return the accounting for a patient (blind index)."""
    disclosures = list(_disclosures(services, patient))
    now = services.clock()
    if view == "statutory":
        return statutory_view(disclosures, now=now)
    return full_view(disclosures, now=now, obligations=_obligations(services, disclosures))


def _disclosures(services: WebServices, patient: str) -> Iterator[RecordedDisclosure]:
    before: int | None = None
    while True:
        page = services.desk.disclosures(limit=PAGE, patient_id=patient, before=before)
        yield from page
        if len(page) < PAGE:
            return
        before = page[-1].disclosure_id


def _obligations(services: WebServices, disclosures: list[RecordedDisclosure]) -> Mapping[str, frozenset[Obligation]]:
    """Return what was promised, by version of the agreement; a version that cannot be read any more is left out."""
    found: dict[str, frozenset[Obligation]] = {}
    for recipient in {one.disclosure.recipient for one in disclosures}:
        for version, document, _, _ in services.desk.recipient_versions(recipient):
            try:
                agreement = services.staff.read_document(document).agreement
            except ScanwardError:
                continue
            if agreement is not None:
                found[version] = agreement.obligations
    return found
