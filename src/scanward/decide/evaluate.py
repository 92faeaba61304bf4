"""The decision on a release: facts in, a permit or a denial with all its reasons out.

Pure and total. Whatever is missing, contradicts itself or makes no sense denies.
"""

from collections.abc import Iterable
from datetime import UTC, date

from scanward.decide import agreed, consented
from scanward.decide.necessary import select
from scanward.model.agreement import Recipient
from scanward.model.decision import Decision, DecisionFacts, Deny, DenyCode, Permit
from scanward.standard.act_reasons import is_purpose

CANNOT_TELL = "It could not be decided whether your scans may leave, because what is known of it does not fit together."
NO_RESTRICTIONS_KNOWN = "It could not be found out whether your scans have to stay for a legal or other reason."
NO_TIME = "The time at which this was decided is not known."
NO_PURPOSE = "The purpose for which your scans would be used is not known."
NO_RECIPIENT = "It is not known who would receive your scans."
NO_CONSENT_KNOWN = "What you have agreed to and refused could not be looked up."
NOTHING_NEEDED = "Nothing of this study is needed for the purpose that was agreed."


def evaluate(facts: DecisionFacts) -> Decision:
    """Decide whether the series in `facts` may leave for the recipient and purpose; returns for any input.

    A denial gives every reason found, in this order: restrictions, recipient and agreement, consent, data. A permit
    names what may leave and what it is bound to.
    """
    try:
        return _evaluate(facts)
    except Exception:  # noqa: BLE001 - whatever could not be worked out keeps the study in
        return Deny(reasons=(CANNOT_TELL,), codes=(DenyCode.UNKNOWN,))


def _evaluate(facts: DecisionFacts) -> Decision:
    now = facts.now if facts.now.utcoffset() is not None else None
    day = now.astimezone(UTC).date() if now is not None else None
    purpose = facts.purpose if is_purpose(facts.purpose) else None
    reasons = _Reasons()
    reasons.add(DenyCode.RESTRICTED, _restrictions(facts))
    # 1. Without these nothing further can be told.
    if day is None:
        reasons.add(DenyCode.UNKNOWN, [NO_TIME])
    if purpose is None:
        reasons.add(DenyCode.UNKNOWN, [NO_PURPOSE])
    if facts.recipient is None or not facts.recipient.recipient_id:
        reasons.add(DenyCode.UNKNOWN, [NO_RECIPIENT])
    if facts.provisions is None:
        reasons.add(DenyCode.UNKNOWN, [NO_CONSENT_KNOWN])
    # 2. The agreement, 3. consent, 4. data.
    if facts.recipient is not None and purpose is not None and day is not None:
        reasons.add(DenyCode.AGREEMENT, agreed.find_objections(facts.recipient, purpose, day))
        if facts.provisions is not None and now is not None:
            objections = consented.find_objections(facts.provisions, facts.recipient, purpose, now)
            reasons.add(DenyCode.CONSENT, objections)
        if facts.recipient.agreement is not None and not select(facts.series, facts.recipient.agreement.data):
            reasons.add(DenyCode.DATA, [NOTHING_NEEDED])
        if not reasons.texts:
            return _permit(facts, facts.recipient, purpose, day)
    return Deny(reasons=tuple(reasons.texts), codes=tuple(reasons.codes))


class _Reasons:
    """Reasons to deny, each with its kind."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.codes: list[DenyCode] = []

    def add(self, code: DenyCode, texts: Iterable[str]) -> None:
        for text in texts:
            self.texts.append(text)
            self.codes.append(code)


def _restrictions(facts: DecisionFacts) -> tuple[str, ...]:
    if facts.restrictions is None or facts.restrictions == "":
        return (NO_RESTRICTIONS_KNOWN,)
    return tuple(facts.restrictions)


def _permit(facts: DecisionFacts, recipient: Recipient, purpose: str, day: date) -> Decision:
    agreement = recipient.agreement
    delete_by = agreed.find_delete_by(agreement, day) if agreement is not None else None
    if agreement is None or delete_by is None:
        return Deny(reasons=(CANNOT_TELL,), codes=(DenyCode.UNKNOWN,))
    return Permit(
        recipient=recipient.recipient_id,
        profile=agreement.profile,
        purpose=purpose,
        agreement_version=recipient.version,
        series=select(facts.series, agreement.data),
        attributes=agreement.data.attributes,
        unchecked_pixels=agreement.unchecked_pixels is True,
        needs_approval=agreement.human_approval is not False,
        delete_by=delete_by,
        obligations=agreement.obligations,
        reasons=(
            consented.explain_permit(purpose, recipient),
            *agreed.explain_permit(recipient.name, agreement, delete_by),
        ),
    )
