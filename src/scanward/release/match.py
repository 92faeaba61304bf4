"""Whether a result belongs to the patient whose study went out, and is what was agreed.

Everything that has to be so is checked, in numbered steps; the first that is not so is told in words and holds the
result. What a recipient may refer to is what it was sent, and what it made itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from scanward.errors import ResultError
from scanward.model.agreement import ResultScope
from scanward.release.originals import Originals
from scanward.release.read import Reference, ResultFacts
from scanward.standard.uids import is_registered, is_well_formed_uid

COPIED_FROM_SOURCE = frozenset(
    (
        0x00081110, 0x00081111, 0x00081120, 0x00081125, 0x00081140, 0x00321060, 0x00400275, 0x0040A370,
    )
)  # fmt: skip
"""Referenced Study, Performed Procedure Step, Patient, Visit and Image Sequence, and what describes the request, at the
top level: they describe the source, are copied from it with its header, and say nothing of what was analysed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedContext:
    """What the ledger and the vault know of what a recipient was sent, as far as a result touches it.

    Attributes
    ----------
    instances, series
        New SOP Instance and Series Instance UIDs of what was disclosed to the recipient: of the study of the result,
        and of those in `others`.
    disclosed_on
        Day of the first disclosure among them: what the recipient made is not older.
    others
        Originals, as the vault keeps them, of each other study sent to the recipient that has any of the result's UIDs;
        by new Study Instance UID.
    archived
        Those of the result's UIDs that the ledger knows as UIDs of instances, series or studies of the archive.
    """

    instances: frozenset[str]
    series: frozenset[str]
    disclosed_on: date
    others: Mapping[str, Mapping[str, str]]
    archived: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"ReleasedContext(<{len(self.instances)} instances>)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A result that belongs to a study that went out.

    Attributes
    ----------
    originals
        Of the study.
    uids
        New to original UID, of the study and of other studies of the same patient that the recipient was sent.
    disclosed_on
        Day of the first disclosure.
    """

    originals: Originals
    uids: Mapping[str, str]
    disclosed_on: date

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Match()"


def match_result(
    facts: ResultFacts, originals: Mapping[str, str] | None, released: ReleasedContext, agreed: ResultScope
) -> Match:
    """Return what the result belongs to.

    Parameters
    ----------
    facts
        What the result says of itself.
    originals
        What the vault keeps for this recipient and the result's Study Instance UID, or None.
    released
        What the recipient was sent.
    agreed
        What may come back.

    Raises
    ------
    ResultError
        It matches nothing, is not what was agreed, or refers to what the recipient was not sent.
    """
    # 1. The study went to this recipient.
    if originals is None:
        raise ResultError(
            "expected a study that went out to this recipient, got another",
            remedy="Ask the recipient for which study it is, and to keep the Study Instance UID it was sent.",
        )
    study = Originals.from_mapping(originals)
    others = {uid: Originals.from_mapping(kept) for uid, kept in released.others.items()}
    # 2. It is a kind of result that was agreed.
    if facts.sop_class_uid not in agreed.sop_classes:
        raise ResultError(
            "expected a SOP Class that was agreed for results, got another",
            remedy="Add the SOP Class to the results of the agreement, if it may come back.",
        )
    # 3. It is the same patient's.
    _require_patient(facts, study, others)
    uids = _join(study, others)
    # 4. It is a new instance in a series of its own.
    _require_own_uids(facts, uids, released)
    # 5. It names nothing that the recipient was not told.
    _refuse_clear_uids(facts, study, others, uids, released)
    # 6. It refers to what the recipient was sent, or made.
    studies = {facts.study_uid, *others}
    for reference in facts.references:
        if reference.path[0] not in COPIED_FROM_SOURCE:
            _check_reference(reference, studies, uids, released)
    return Match(originals=study, uids=uids, disclosed_on=released.disclosed_on)


def _require_patient(facts: ResultFacts, study: Originals, others: Mapping[str, Originals]) -> None:
    remedy = "Ask the recipient whether it mixed up patients; reject the result if it did."
    if facts.patient_id != study.pseudonym:
        raise ResultError(
            "Patient ID: expected the pseudonym of the patient whose study went out, got another", remedy=remedy
        )
    # A name that contradicts the ID is worth a question, whatever the name is.
    if facts.patient_name.strip("^= ") not in ("", study.pseudonym):
        raise ResultError("Patient's Name: expected the pseudonym or nothing, got something else", remedy=remedy)
    if any(other.pseudonym != study.pseudonym for other in others.values()):
        raise ResultError("expected references to studies of one patient, got another patient's", remedy=remedy)


def _join(study: Originals, others: Mapping[str, Originals]) -> dict[str, str]:
    uids: dict[str, str] = {}
    for one in (*others.values(), study):
        uids.update(one.uids)
    return uids


def _require_own_uids(facts: ResultFacts, uids: Mapping[str, str], released: ReleasedContext) -> None:
    for uid, name, sent in (
        (facts.sop_instance_uid, "SOP Instance UID", released.instances),
        (facts.series_uid, "Series Instance UID", released.series),
    ):
        if not is_well_formed_uid(uid) or is_registered(uid):
            raise ResultError(f"{name}: expected a UID of the recipient's own, got none (PS3.5 Section 9.1)")
        if uid in uids or uid in sent or uid == facts.study_uid:
            raise ResultError(
                f"{name}: expected one of the recipient's own, got one that went out",
                remedy="Ask the recipient to give results new UIDs and a series of their own.",
            )


def _refuse_clear_uids(
    facts: ResultFacts,
    study: Originals,
    others: Mapping[str, Originals],
    uids: Mapping[str, str],
    released: ReleasedContext,
) -> None:
    clear = set().union(study.originals, *(other.originals for other in others.values()))
    told = {facts.study_uid, *others, *uids} | released.instances | released.series
    if any(uid in clear or uid in released.archived for uid in facts.uids - told):
        raise ResultError(
            "expected UIDs that the recipient was sent or made, got one of the archive's that it was not told",
            remedy="Ask the recipient how it knows it: this may be an attempt to find out who the patient is.",
        )


def _check_reference(
    reference: Reference, studies: set[str], uids: Mapping[str, str], released: ReleasedContext
) -> None:
    instance, series, study = reference.instance, reference.series, reference.study
    if study and study not in studies:
        raise ResultError("expected references to the study that went out, got one to another study")
    if series and series not in released.series and series in uids:
        raise ResultError("expected references to series that were disclosed to this recipient, got another")
    if not instance or instance in released.instances or instance in studies:
        return
    if instance in uids or series in released.series:
        raise ResultError("expected references to instances that were disclosed to this recipient, got another")
