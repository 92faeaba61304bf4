"""Record a disclosure: what 45 CFR 164.528(b)(2) asks for, without an identifier."""

from collections.abc import Mapping
from datetime import datetime

from scanward.errors import AgreementError
from scanward.model.agreement import Recipient
from scanward.model.decision import Permit
from scanward.model.release import Disclosure
from scanward.standard.modalities import MODALITIES

IMAGELESS = frozenset(
    {"AU", "DOC", "ECG", "EPS", "HD", "KO", "PLAN", "PR", "REG", "RTPLAN", "RTRECORD", "RTSTRUCT", "SEG", "SR"}
)
"""Modalities whose instances are no images."""

OTHER = "other"


def record_disclosure(
    permit: Permit, recipient: Recipient, *, pseudonym: str, modalities: Mapping[str, int], now: datetime
) -> Disclosure:
    """Return the record of what `permit` lets `recipient` have.

    Parameters
    ----------
    permit
        The decision; made on the version of the agreement that `recipient` has.
    recipient
        Who receives it.
    pseudonym
        The patient's, as the recipient gets it.
    modalities
        How many instances of each Modality (0008,0060) are disclosed.
    now
        Aware UTC.

    Raises
    ------
    AgreementError
        The permit is for another recipient or agreement, or lacks what the record has to say.
    """
    agreement = recipient.agreement
    if agreement is None or permit.delete_by is None or not permit.purpose:
        raise AgreementError("expected a permit under an agreement, with a purpose and a date of deletion")
    if (permit.recipient, permit.agreement_version) != (recipient.recipient_id, recipient.version):
        raise AgreementError("expected a permit for this recipient under this version of its agreement, got another")
    if now.utcoffset() is None:
        raise AgreementError("expected the time of a disclosure to be aware, got one without offset")
    return Disclosure(
        disclosed=now,
        recipient=recipient.recipient_id,
        recipient_name=recipient.name,
        recipient_address=recipient.address,
        purpose=permit.purpose,
        basis=recipient.basis,
        description=describe(modalities, pseudonym),
        agreement_version=permit.agreement_version,
        region=agreement.region,
        delete_by=permit.delete_by,
    )


def describe(modalities: Mapping[str, int], pseudonym: str) -> str:
    """Return a brief description such as ``CT, 300 images; SR, 1 object; de-identified; pseudonym SW-...``.

    A Modality that the standard does not define could be anything, a name too, and is called other.
    """
    counts: dict[str, int] = {}
    for modality, count in modalities.items():
        term = modality if modality in MODALITIES else OTHER
        counts[term] = counts.get(term, 0) + count
    parts = [f"{term}, {_counted(count, term)}" for term, count in sorted(counts.items()) if count]
    return "; ".join([*(parts or ["nothing"]), "de-identified", f"pseudonym {pseudonym}"])


def _counted(count: int, term: str) -> str:
    kind = "object" if term in IMAGELESS or term == OTHER else "image"
    return f"{count} {kind}" if count == 1 else f"{count} {kind}s"
