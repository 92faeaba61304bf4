"""What a profile does about text that people wrote: reports, structured reports, descriptions, documents."""

from dataclasses import dataclass
from enum import StrEnum


class TextMode(StrEnum):
    """What stands where an identifier was."""

    REMOVE = "remove"
    """Nothing."""
    LABEL = "label"
    """What it was, in brackets: ``[PATIENT]``, ``[DATE]``."""
    SURROGATE = "surrogate"
    """Another one like it, the same for the same person and recipient, so that what was missed does not stand out
    (hiding in plain sight: Carrell et al., JAMIA 20(2), 2013)."""


class DocumentMode(StrEnum):
    """What becomes of documents: reports beside images, and those that an instance encapsulates."""

    CLEAN = "clean"
    """They are cleaned; one that cannot be is held."""
    HOLD = "hold"
    """They are held for a person."""
    REMOVE = "remove"
    """They are left out; in an instance a notice stands for them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPolicy:
    """What a profile does about text.

    Attributes
    ----------
    mode
        What stands where an identifier was.
    documents
        What becomes of documents.
    """

    mode: TextMode = TextMode.REMOVE
    documents: DocumentMode = DocumentMode.CLEAN
