"""What stands where an identifier was: nothing, a label, or a surrogate."""

from collections.abc import Callable
from typing import Protocol

from scanward.model.identifier import IdentifierKind

LABELS = {
    IdentifierKind.PATIENT_NAME: "PATIENT",
    IdentifierKind.PATIENT_ID: "ID",
    IdentifierKind.BIRTH_DATE: "DATE",
    IdentifierKind.PERSON_NAME: "NAME",
    IdentifierKind.DATE: "DATE",
    IdentifierKind.ACCESSION: "ID",
    IdentifierKind.OTHER_ID: "ID",
    IdentifierKind.ADDRESS: "ADDRESS",
    IdentifierKind.PHONE: "PHONE",
    IdentifierKind.EMAIL: "EMAIL",
    IdentifierKind.INSTITUTION: "INSTITUTION",
    IdentifierKind.DEVICE: "DEVICE",
    IdentifierKind.UID: "UID",
}
"""What a label says, by kind."""


class Replacer(Protocol):
    """Says what stands for identifiers of one patient for one recipient; the same for the same each time."""

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return what stands where `value` was: never a part of `value`; empty for nothing.

        Parameters
        ----------
        kind
            What it is.
        value
            As it stood in the text, in any notation.
        """
        ...


class Labels:
    """Puts the kind in brackets."""

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return the label of `kind`."""
        return f"[{LABELS[kind]}]" if value else ""


class Nothing:
    """Leaves nothing."""

    def replace(self, kind: IdentifierKind, value: str) -> str:  # noqa: ARG002 - as the others
        """Return nothing."""
        return ""


MakeReplacer = Callable[[str], Replacer]
"""Makes what replaces for a patient, by the patient's key."""
