"""Ages over 89, which Safe Harbor counts as identifiers (45 CFR 164.514(b)(2)(i)(C))."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.wording import Wording

OLDEST = 89
"""The oldest age that may be told; what is over it becomes :data:`CAPPED`."""

CAPPED = "90+"

_AGE = r"(?P<age>9\d|1[0-3]\d)"
_BEFORE_UNIT = re.compile(
    rf"(?<![\d.,/+-]){_AGE}(?:[ -]?(?:years?|yrs?|yr|y)(?:[ -]+(?:old|of age)\b|[ -]?o\b)|[ -]?y\.?/?o\b|[ -]?yo\b|"
    r"[ -]?years?\b|[ -]?yrs?\b|\s?años\b|\s?anos\b|\s?ans\b|[ -]?jährig\w*|\s?Jahre?\b|[ -]?jarige?\b|\s?anni\b)"
    r"(?!\s+(?:ago|later|hence|ears|antes|atrás|despu[eé]s))",
    re.IGNORECASE,
)
_BEHIND_CUE = re.compile(
    rf"(?<![^\W_])(?:aged?|edad|alter|âge|âgée?|agée?|idade|età)\s*(?:of|de|:|=|is)?\s*{_AGE}(?![\d%./-]\d|\d|\s?%)",
    re.IGNORECASE,
)
_CUES = frozenset("age aged edad alter âge âgé âgée agé agée idade età".split())
_CUE_OF_SURVIVAL = re.compile(
    r"(?:over|within|after|past|last|for|in|every|hace|desde|depuis|seit)\s+(?:the\s+)?$", re.IGNORECASE
)


def find_ages(wording: Wording) -> Iterator[tuple[int, int]]:
    """Yield where the numbers of ages over 89 are, without their unit."""
    for match in wording.matches_at_numbers(_BEFORE_UNIT, shortest=2, longest=3):
        if _CUE_OF_SURVIVAL.search(wording.text, max(0, match.start() - 20), match.start()) is None:
            yield match.span("age")
    for match in wording.matches(_BEHIND_CUE, _CUES):
        yield match.span("age")
