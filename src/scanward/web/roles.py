"""Who may do what: one table, and whatever it does not list is refused."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a person or program is to the gateway; tokens name it."""

    PRIVACY_OFFICER = "privacy-officer"
    IMAGING_IT = "imaging-it"
    RESEARCHER = "researcher"
    RECIPIENT = "recipient"
    AUDITOR = "auditor"


class Operation(StrEnum):
    """What can be asked of the HTTP door."""

    STORE_STUDIES = "store studies"
    STORE_RESULTS = "store results"
    RETRIEVE_RELEASED = "query and retrieve what was released"
    READ_STUDIES = "read studies"
    READ_IDENTITIES = "read identities"
    FETCH_STUDIES = "fetch studies"
    READ_RELEASES = "read releases"
    DECIDE_RELEASES = "decide releases"
    RETRY_RELEASES = "retry releases"
    READ_RECIPIENTS = "read recipients"
    MANAGE_RECIPIENTS = "manage recipients"
    READ_CONSENTS = "read consents"
    MANAGE_CONSENTS = "manage consents"
    READ_DISCLOSURES = "read disclosures"
    READ_RESULTS = "read results"
    DECIDE_RESULTS = "decide results"
    RETRY_RESULTS = "retry results"
    READ_QUARANTINE = "read quarantine"
    READ_SCREENS = "read screens"
    DECIDE_SCREENS = "decide screens"
    VERIFY_SCANS = "verify scans"
    READ_CUSTODY = "read custody"
    READ_METRICS = "read metrics"


_READING = frozenset(
    {
        Operation.READ_STUDIES,
        Operation.READ_RELEASES,
        Operation.READ_RECIPIENTS,
        Operation.READ_RESULTS,
        Operation.READ_QUARANTINE,
        Operation.READ_SCREENS,
        Operation.VERIFY_SCANS,
        Operation.READ_CUSTODY,
        Operation.READ_METRICS,
    }
)

ALLOWED: Mapping[Role, frozenset[Operation]] = {
    Role.PRIVACY_OFFICER: _READING
    | {
        Operation.READ_IDENTITIES,
        Operation.FETCH_STUDIES,
        Operation.DECIDE_RELEASES,
        Operation.RETRY_RELEASES,
        Operation.MANAGE_RECIPIENTS,
        Operation.READ_CONSENTS,
        Operation.MANAGE_CONSENTS,
        Operation.READ_DISCLOSURES,
        Operation.DECIDE_RESULTS,
        Operation.RETRY_RESULTS,
        Operation.DECIDE_SCREENS,
    },
    Role.IMAGING_IT: _READING
    | {
        Operation.STORE_STUDIES,
        Operation.FETCH_STUDIES,
        Operation.RETRY_RELEASES,
        Operation.RETRY_RESULTS,
    },
    Role.RESEARCHER: frozenset({Operation.READ_STUDIES}),
    Role.RECIPIENT: frozenset({Operation.STORE_RESULTS, Operation.RETRIEVE_RELEASED}),
    Role.AUDITOR: _READING | {Operation.READ_CONSENTS, Operation.READ_DISCLOSURES},
}
"""The table."""

STAFF = frozenset({Role.PRIVACY_OFFICER, Role.IMAGING_IT, Role.AUDITOR})
"""Who may sign in to the staff page; what they see and do there is in `ALLOWED`."""


def is_allowed(roles: Iterable[Role], operation: Operation) -> bool:
    """Whether any of `roles` may do `operation`."""
    return any(operation in ALLOWED.get(role, ()) for role in roles)
