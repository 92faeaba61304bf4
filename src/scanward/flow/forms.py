"""The form in which instances leave: by which profile, narrowed to which Attributes; with a digest that tells it.

A profile of one's own is a file that may change, and an agreement may come to name another profile or fewer Attributes.
What was de-identified before has the digest of then, and does not leave any more.
"""

import hashlib
import json

from scanward.deidentify.profile import parse_profile, profile_text, restrict
from scanward.model.agreement import Agreement
from scanward.model.decision import Permit
from scanward.model.profile import Profile


def form_of(permit: Permit) -> str:
    """Return the digest of how `permit` has instances de-identified now: 32 hexadecimal digits.

    Raises
    ------
    ProfileError
        Its profile cannot be read.
    """
    return _digest(profile_text(permit.profile), permit.attributes)


def form_for(agreement: Agreement) -> str:
    """Return the digest of how what was agreed has instances de-identified now; raises as `form_of`."""
    return _digest(profile_text(agreement.profile), agreement.data.attributes)


def read_form(permit: Permit) -> tuple[Profile, str]:
    """Return how `permit` has instances de-identified now, and the digest of that.

    Raises
    ------
    ProfileError
        Its profile cannot be read, or says something that is not known.
    """
    text = profile_text(permit.profile)  # once: the file may change meanwhile
    return restrict(parse_profile(text, where=permit.profile), permit.attributes), _digest(text, permit.attributes)


def withheld(form: str) -> str:
    """Return what is noted of an instance that cannot be brought into a form, so that it is not tried again."""
    return f"-{form}"


def _digest(text: str, attributes: frozenset[str]) -> str:
    parts = (text, sorted(attributes))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
