"""What a profile does about text that people wrote: reports, structured reports, descriptions, documents."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    mode: TextMode = TextMode.LABEL
    documents: DocumentMode = DocumentMode.CLEAN

    @property
    def in_words(self) -> str:
        """What is done, as a sentence for a person."""
        return f"Identifiers in text: {_MODE_WORDS[self.mode]}; documents: {_DOCUMENT_WORDS[self.documents]}."


_MODE_WORDS = {
    TextMode.REMOVE: "taken out",
    TextMode.LABEL: "replaced by labels",
    TextMode.SURROGATE: "replaced by surrogates",
}

_DOCUMENT_WORDS = {DocumentMode.CLEAN: "cleaned", DocumentMode.HOLD: "held", DocumentMode.REMOVE: "left out"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentOutcome:
    """A document that was cleaned.

    Attributes
    ----------
    data
        What leaves.
    kind
        How it is written, in words.
    replaced
        How many identifiers were replaced, by kind in words.
    removed
        What was left out besides, in words.
    """

    data: bytes
    kind: str
    replaced: Mapping[str, int] = field(default_factory=dict)
    removed: Sequence[str] = ()

    def __repr__(self) -> str:
        """Tell the length only."""
        return f"DocumentOutcome(<{len(self.data)} bytes>)"


@dataclass(kw_only=True, slots=True)
class DocumentTally:
    """What became of the documents of a study, those that were released.

    Attributes
    ----------
    cleaned
        How many, by how they are written.
    replaced
        How many identifiers were replaced in them, by kind.
    removed
        What was left out of them besides, in words, with how many documents it was in.
    """

    cleaned: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: DocumentOutcome) -> None:
        """Add a document."""
        self.cleaned[outcome.kind] += 1
        self.replaced.update(outcome.replaced)
        self.removed.update(dict.fromkeys(outcome.removed, 1))

    def add(self, other: "DocumentTally") -> None:
        """Add what came of other documents."""
        self.cleaned.update(other.cleaned)
        self.replaced.update(other.replaced)
        self.removed.update(other.removed)
