"""How much of what identifies a tool found, and how much else it touched."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .corpora import Document, Gold  # noqa: TID252 - tests and scripts know this package by two names

Found = Sequence[tuple[int, int]]
"""What a tool found in a text: where each span starts and ends."""

_WORD = re.compile(r"\w+")
_TITLES = frozenset(
    "dr dra prof mr mrs ms miss herr herrn frau mme mlle monsieur madame sr sra srta don doña dña d m pr md do np rn "
    "pa phd "
    "frcr facr".split()
)
"""Whether these are taken with a name says nothing of how much is lost."""


@dataclass(kw_only=True)
class Score:
    """What a tool found in texts.

    Attributes
    ----------
    entities, whole, touched
        Identifiers there are; those of which every letter and digit was found (strict recall); those of which any was.
    words, taken
        Words that are in no identifier, and those of them that were taken.
    clean_texts, clean_touched
        Texts without identifiers, and those of them of which anything was taken.
    labels
        Identifiers there are, and found whole, by label.
    missed
        Identifiers that were not found whole, as (name of the text, span).
    wrong
        Words taken, as (name of the text, start, end).
    """

    entities: int = 0
    whole: int = 0
    touched: int = 0
    words: int = 0
    taken: int = 0
    clean_texts: int = 0
    clean_touched: int = 0
    labels: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    missed: list[tuple[str, Gold]] = field(default_factory=list)
    wrong: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        """Share of identifiers found whole."""
        return self.whole / self.entities if self.entities else None

    @property
    def over(self) -> float | None:
        """Share of other words taken."""
        return self.taken / self.words if self.words else None

    @property
    def clean_share(self) -> float | None:
        """Share of texts without identifiers that were touched."""
        return self.clean_touched / self.clean_texts if self.clean_texts else None

    def figures(self) -> dict[str, object]:
        """Return what goes into the JSON."""
        return {
            "entities": self.entities,
            "strict_recall": self.recall,
            "partial_recall": self.touched / self.entities if self.entities else None,
            "words": self.words,
            "over_redaction": self.over,
            "texts_without": self.clean_texts,
            "texts_without_touched": self.clean_share,
            "labels": {label: {"entities": n, "whole": whole} for label, (n, whole) in sorted(self.labels.items())},
        }


def score(documents: Iterable[Document], found: Mapping[str, Found]) -> Score:
    """Return how well `found`, by the names of the documents, does."""
    result = Score()
    for document in documents:
        _add(result, document, found[document.name])
    return result


def _belongs(text: str, start: int, end: int, gold: bytearray) -> bool:
    """Say whether a word belongs to the identifier beside it: a title, a degree, the ``s`` of a genitive."""
    if start > 1 and text[start - 1] in "'’" and gold[start - 2]:
        return True
    if text[start:end].lower() not in _TITLES:
        return False
    return any(gold[end : end + 3]) or any(gold[max(0, start - 3) : start])


def _add(result: Score, document: Document, found: Found) -> None:
    text = document.text
    mask, gold, aside = bytearray(len(text)), bytearray(len(text)), bytearray(len(text))
    for start, end in found:
        mask[start:end] = b"\1" * (end - start)
    for one in document.aside:
        aside[one.start : one.end] = b"\1" * (one.end - one.start)
    for one in document.gold:
        gold[one.start : one.end] = b"\1" * (one.end - one.start)
        covered = [bool(mask[index]) for index in range(one.start, one.end) if text[index].isalnum()]
        result.entities += 1
        result.whole += all(covered)
        result.touched += any(covered)
        result.labels[one.label][0] += 1
        result.labels[one.label][1] += all(covered)
        if not all(covered):
            result.missed.append((document.name, one))
    if not document.gold:
        result.clean_texts += 1
        result.clean_touched += any(mask)
    for match in _WORD.finditer(text):
        start, end = match.span()
        if not _belongs(text, start, end, gold) and not any(gold[start:end]) and not any(aside[start:end]):
            result.words += 1
            if any(mask[start:end]):
                result.taken += 1
                result.wrong.append((document.name, start, end))
