"""What stands where an identifier was: nothing, a label, or a surrogate."""

from typing import Protocol

from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.identifier import IdentifierKind
from scanward.model.text import TextMode

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


def make_replacer(mode: TextMode, pseudonyms: Pseudonyms, known: KnownIdentifiers, patient_key: str) -> Replacer:
    """Return what says what stands where an identifier was.

    Parameters
    ----------
    mode
        As the profile says.
    pseudonyms
        The recipient's.
    known
        What is known of the patient and of those around them.
    patient_key
        Whose text it is (:func:`scanward.model.study.patient_key`).
    """
    if mode is TextMode.REMOVE:
        return Nothing()
    return Labels()
