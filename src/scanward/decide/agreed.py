"""What of a decision the agreement with the recipient settles."""

from collections.abc import Iterator
from datetime import date, timedelta

from scanward.model.agreement import Agreement, Obligation, Recipient
from scanward.standard.act_reasons import covers, in_words, is_patient_request

REQUIRED_PROMISES = (
    (Obligation.NO_RELINKING, "not to try to find out who you are"),
    (Obligation.DELETE_BY_DATE, "to delete every copy by a set date"),
)
"""What every recipient has to promise, but for the patient and whom the patient sends: without these pseudonyms and
dates of deletion are worth nothing."""


def find_objections(recipient: Recipient, purpose: str, day: date) -> Iterator[str]:
    """Yield why the agreement does not allow `purpose` on `day`, in words a patient reads; nothing where it does."""
    agreement = recipient.agreement
    if agreement is None:
        yield f"Nothing has been agreed with {recipient.name}, so it receives nothing."
        return
    # 1. In force.
    if day < agreement.starts:
        yield f"The agreement with {recipient.name} begins on {_written(agreement.starts)}."
    if day > agreement.ends:
        yield f"The agreement with {recipient.name} ended on {_written(agreement.ends)}."
    # 2. The purpose.
    if not any(covers(agreed, purpose) for agreed in agreement.purposes):
        yield f"The agreement with {recipient.name} does not allow that your scans be used {in_words(purpose)}."
    # 3. Where it goes and how long it stays.
    if not agreement.region or agreement.region not in frozenset(recipient.allowed_regions):
        yield f"The hospital does not allow that {recipient.name} keeps your scans where it says that it keeps them."
    if find_delete_by(agreement, day) is None:
        yield f"The agreement with {recipient.name} does not say by when your scans have to be deleted there."
    # 4. What the recipient promised, and how identities are taken out.
    if not is_patient_request(purpose):
        for obligation, words in REQUIRED_PROMISES:
            if obligation not in agreement.obligations:
                yield f"{recipient.name} has not promised {words}."
    if not agreement.profile:
        yield f"The agreement with {recipient.name} does not say how your name and other details are taken out."


def find_delete_by(agreement: Agreement, day: date) -> date | None:
    """Return the last day on which a copy that leaves on `day` may be held, or None where there is no such day."""
    if agreement.retention_days <= 0:
        return None
    try:
        return day + timedelta(days=agreement.retention_days)
    except OverflowError:
        return None


def explain_permit(name: str, agreement: Agreement, delete_by: date) -> Iterator[str]:
    """Yield what the recipient `name` is bound to, in words a patient reads."""
    if Obligation.DELETE_BY_DATE in agreement.obligations:
        yield f"{name} has promised to delete every copy by {_written(delete_by)}."
    others = sorted(obligation.value for obligation in agreement.obligations - {Obligation.DELETE_BY_DATE})
    if others:
        yield f"{name} has also promised: {', '.join(others)}."


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
