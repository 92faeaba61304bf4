"""What stands where an identifier was: nothing, a label, or a surrogate."""

import re
from typing import Protocol

from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.identifier import IdentifierKind
from scanward.model.text import TextMode

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)+")

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


class Linked:
    """Puts the recipient's UID in the place of each, so that documents and images stay linked; else as another does.

    Parameters
    ----------
    other
        What replaces all but UIDs.
    pseudonyms
        The recipient's; None where UIDs stay as they are.
    """

    def __init__(self, other: Replacer, pseudonyms: Pseudonyms | None) -> None:
        self._other = other
        self._pseudonyms = pseudonyms

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return the new UID, or what the other puts."""
        if kind is IdentifierKind.UID and _UID.fullmatch(value.strip()):
            return value if self._pseudonyms is None else self._pseudonyms.uid(value.strip())
        return self._other.replace(kind, value)


def make_replacer(
    mode: TextMode, pseudonyms: Pseudonyms, known: KnownIdentifiers, patient_key: str, *, retain_uids: bool = False
) -> Replacer:
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
    retain_uids
        Whether UIDs stay, as they do in the images.
    """
    if mode is TextMode.SURROGATE:
        from scanward.deidentify.text.surrogates import Surrogates

        surrogates = Surrogates(pseudonyms, patient_key, known)
        return Linked(surrogates, None) if retain_uids else surrogates
    return Linked(Nothing() if mode is TextMode.REMOVE else Labels(), None if retain_uids else pseudonyms)
