"""Which instances show what lies outside of a box that stays of a body, told by their SOP Class."""

from typing import Final

from scanward.deidentify.faces.kinds import Role, role_by_class
from scanward.deidentify.header.scan import SOP_CLASS_UID, InstanceFacts

BESIDE_BOX: Final = "the profile cuts bodies down to a box, and it may show what lies outside"

_NUCLEAR: Final = frozenset({"1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.5"})
"""Nuclear Medicine, and what it was before: frames with the outline of the body, of whose places little is said."""


def may_show_body(facts: InstanceFacts) -> bool:
    """Return whether an instance is of a kind that is cut, or left out beside a cut.

    Radiographs, ultrasound and what is seen from outside are of neither kind: they are no scans that a box could be
    counted in.
    """
    return role_by_class(facts) is not Role.OTHER or facts.text(SOP_CLASS_UID) in _NUCLEAR


def why_left_out(role: Role, facts: InstanceFacts) -> str:
    """Return why an instance that has no slices is left out where bodies are cut; empty where it leaves.

    Parameters
    ----------
    role
        As its header tells it.
    facts
        What tells its SOP Class: a structure set without an outline of the body has the size of organs still.
    """
    if facts.text(SOP_CLASS_UID) in _NUCLEAR:
        return f"frames of nuclear medicine, and {BESIDE_BOX}"
    by_class = role_by_class(facts)
    if role is Role.OTHER and by_class is Role.OUTLINES:
        return f"contours, and {BESIDE_BOX}"
    shown = by_class if role is Role.OTHER else role
    return "" if shown is Role.OTHER else f"{shown.in_words}, and {BESIDE_BOX}"
