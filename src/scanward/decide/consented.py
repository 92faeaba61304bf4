"""What of a decision the patient's consent settles."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from scanward.model.agreement import Recipient
from scanward.model.consent import Effect, Provision
from scanward.standard.act_reasons import ancestors, covers, denies, in_words, is_primary

EVERYONE = "*"


def find_objections(
    provisions: Sequence[Provision], recipient: Recipient, purpose: str, now: datetime
) -> Iterator[str]:
    """Yield why the patient's consent does not allow it, in words a patient reads; nothing where it does.

    A provision that makes no sense is taken for the narrowest: a permit then permits nothing, and a denial, or what
    cannot be told to be a permit, denies.
    """
    refused = [provision for provision in provisions if _denies(provision, recipient.recipient_id, purpose, now)]
    if refused:
        yield f"You have refused that your scans be used {in_words(purpose)}{_by_whom(refused, recipient)}."
    if needs_permit(purpose):
        permits = [provision for provision in provisions if _is_permit_for(provision, recipient.recipient_id, purpose)]
        if not any(_holds(provision, now) for provision in permits):
            yield _missing(permits, purpose, recipient, now)


def explain_permit(purpose: str, recipient: Recipient) -> str:
    """Say why the patient's consent allows it, where it does."""
    if needs_permit(purpose):
        return f"You have agreed that your scans be used {in_words(purpose)} by {recipient.name}."
    return (
        f"Your scans may be used {in_words(purpose)}: this is part of your care and how the hospital provides it, "
        "and you have not refused it."
    )


def needs_permit(purpose: str) -> bool:
    """Return whether `purpose` is a secondary use, for which nothing leaves unless the patient has agreed to it."""
    return not is_primary(purpose)


def _denies(provision: Provision, recipient_id: str, purpose: str, now: datetime) -> bool:
    if provision.effect is Effect.PERMIT or not _may_hold(provision, now):
        return False
    if not (_covers_everyone(provision) or recipient_id in provision.recipients):
        return False
    # No purpose named: all of them. A release for a secondary use as a whole would take along the part refused.
    refused = _names(provision.purposes)
    return not refused or any(
        denies(code, purpose) or (needs_permit(purpose) and purpose in ancestors(code)) for code in refused
    )


def _is_permit_for(provision: Provision, recipient_id: str, purpose: str) -> bool:
    if provision.effect is not Effect.PERMIT:
        return False
    recipients = _names(provision.recipients)
    if recipients != {EVERYONE} and recipient_id not in recipients - {EVERYONE}:
        return False
    return any(covers(agreed, purpose) for agreed in _names(provision.purposes))


def _covers_everyone(provision: Provision) -> bool:
    recipients = _names(provision.recipients)
    return not recipients or EVERYONE in recipients


def _names(values: object) -> frozenset[str]:
    """Return `values` where they are a set; a text in its place would be searched for parts."""
    return values if isinstance(values, frozenset) else frozenset()


def _is_aware(moment: datetime | None) -> bool:
    return moment is None or moment.utcoffset() is not None


def _holds(provision: Provision, now: datetime) -> bool:
    """Whether `now` is in the provision's period for certain."""
    if not (_is_aware(provision.starts) and _is_aware(provision.ends)):
        return False
    return (provision.starts is None or provision.starts <= now) and (provision.ends is None or now < provision.ends)


def _may_hold(provision: Provision, now: datetime) -> bool:
    """Whether `now` is in the provision's period or that cannot be told."""
    if not (_is_aware(provision.starts) and _is_aware(provision.ends)):
        return True
    return _holds(provision, now)


def _by_whom(refused: Sequence[Provision], recipient: Recipient) -> str:
    return "" if any(_covers_everyone(provision) for provision in refused) else f" by {recipient.name}"


def _missing(permits: Sequence[Provision], purpose: str, recipient: Recipient, now: datetime) -> str:
    ends = [provision.ends for provision in permits if provision.ends is not None and _is_aware(provision.ends)]
    if any(end <= now for end in ends):
        return f"Your agreement that your scans be used {in_words(purpose)} by {recipient.name} has ended."
    return f"You have not agreed that your scans be used {in_words(purpose)}."
