"""The decision on whether an instance may leave."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Permit:
    """It may leave, de-identified as the profile says, for one recipient.

    Attributes
    ----------
    recipient
        For whom; pseudonyms are the recipient's own.
    profile
        Name of the profile to apply.
    """

    recipient: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class Deny:
    """It stays, for these reasons, in words."""

    reasons: Sequence[str]


Decision = Permit | Deny
