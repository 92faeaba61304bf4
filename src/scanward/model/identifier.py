"""What identifies a person or a study, as found in an input."""

from dataclasses import dataclass
from enum import StrEnum


class IdentifierKind(StrEnum):
    """What an identifying value is; reports name the kind, never the value."""

    PATIENT_NAME = "patient name"
    PATIENT_ID = "patient ID"
    BIRTH_DATE = "birth date"
    PERSON_NAME = "name of another person"
    DATE = "date"
    ACCESSION = "accession number"
    OTHER_ID = "other identifier"
    ADDRESS = "address"
    PHONE = "phone number"
    EMAIL = "e-mail address"
    INSTITUTION = "institution"
    DEVICE = "device identifier"
    UID = "unique identifier"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One identifying value, decoded to text.

    Attributes
    ----------
    kind
        What it is.
    value
        The value as text: a PN in its DICOM form (components parted by ``^``, groups by ``=``), a date as
        ``YYYYMMDD``, everything else as it stood, without padding.
    """

    kind: IdentifierKind
    value: str

    def __repr__(self) -> str:
        """Name the kind only, so that no traceback or log shows the value."""
        return f"Identifier(kind={self.kind.name}, value=<{len(self.value)} characters>)"
