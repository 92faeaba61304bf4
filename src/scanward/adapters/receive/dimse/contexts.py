"""Which Presentation Contexts are accepted: every storage there is, as it comes; a few services besides."""

from collections.abc import Mapping, Sequence
from typing import Final

from scanward.adapters import dimse_data_sets, upper_layer
from scanward.adapters.upper_layer import Answer, AssociationRequest, Proposal
from scanward.standard.uids import find_transfer_syntax, is_registered, name_of

VERIFICATION: Final = "1.2.840.10008.1.1"
STORAGE_COMMITMENT: Final = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
PERFORMED_PROCEDURE_STEP: Final = "1.2.840.10008.3.1.2.3.3"

_SERVICES_OF_ALL: Final = frozenset({VERIFICATION})
_SERVICES_OF_SOURCES: Final = frozenset({VERIFICATION, STORAGE_COMMITMENT, PERFORMED_PROCEDURE_STEP})
_NOT_STORED: Final = ("Storage ", "Media Storage Directory")


def is_storage(sop_class: str) -> bool:
    """Whether instances of a SOP Class are stored: those the standard names so, and all that it does not know.

    What is unknown here may be private or of a later edition; whether it is understood is for the intake to say.
    """
    if not is_registered(sop_class):
        return True
    name = name_of(sop_class)
    return "Storage" in name and not name.startswith(_NOT_STORED)


def answer(request: AssociationRequest, *, is_recipient: bool) -> Sequence[Answer]:
    """Answer each proposal; a recipient may store its results, and does not learn what else is here."""
    services = _SERVICES_OF_ALL if is_recipient else _SERVICES_OF_SOURCES
    return [_answer_one(proposal, services) for proposal in request.proposals]


def _answer_one(proposal: Proposal, services: frozenset[str]) -> Answer:
    offered = proposal.transfer_syntaxes
    if proposal.abstract_syntax in services:
        result = upper_layer.TRANSFER_SYNTAXES_NOT_SUPPORTED
        taken = [dimse_data_sets.TRANSFER_SYNTAX] if dimse_data_sets.TRANSFER_SYNTAX in offered else []
    elif is_storage(proposal.abstract_syntax):
        result = upper_layer.TRANSFER_SYNTAXES_NOT_SUPPORTED
        taken = [syntax for syntax in offered if find_transfer_syntax(syntax) is not None]
    else:
        result, taken = upper_layer.ABSTRACT_SYNTAX_NOT_SUPPORTED, []
    if taken:
        return Answer(context_id=proposal.context_id, result=upper_layer.ACCEPTED, transfer_syntax=taken[0])
    return Answer(context_id=proposal.context_id, result=result, transfer_syntax=offered[0])


def answer_roles(request: AssociationRequest) -> Mapping[str, tuple[int, int]]:
    """Answer the roles asked for: we are the SCP only (PS3.7 Annex D.3.3.4)."""
    asked = {proposal.abstract_syntax for proposal in request.proposals}
    return {uid: (scu and 1, 0) for uid, (scu, _scp) in request.roles.items() if uid in asked}
