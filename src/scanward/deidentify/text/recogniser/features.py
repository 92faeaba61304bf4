"""What the recogniser sees of a word; training and recognising use the same."""

import re
from collections.abc import Collection

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.prose_lexicon import Sense, sense_of

TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_|\n")
"""A word, a number, a mark or the end of a line."""

OFFSETS = (0, -1, 1, -2, 2, -3, 3)
"""Which neighbours of a word count, itself first."""

FAR = 3
"""At this distance a neighbour counts by less."""

EDGE = ""
"""The word before the first and after the last."""

_UPPER = re.compile(r"[A-ZÀ-ÖØ-Þ]")
_REPEATED = re.compile(r"(.)\1{2,}")
_KEPT = 2
_SENSES = (
    ("GIVEN", Sense.GIVEN), ("SURNAME", Sense.SURNAME), ("NAME", Sense.NAME), ("DOUBTFUL", Sense.DOUBTFUL),
    ("WORD", Sense.WORD),
    ("CORE", Sense.CORE), ("EPONYM", Sense.EPONYM), ("EPONYM_TOO", Sense.EPONYM_TOO), ("MAKES_TERM", Sense.MAKES_TERM),
    ("PLACE", Sense.PLACE), ("PLACE_TOO", Sense.PLACE_TOO), ("UNKNOWN", Sense.UNKNOWN),
)  # fmt: skip


def shape_of(token: str) -> str:
    """Return `token` with ``X`` for capitals, ``x`` for other letters; runs are two long. Numbers keep their length."""
    if token.isdigit():
        return f"d{min(len(token), 10)}"
    if not token[:1].isalpha():
        return "eol" if token.isspace() else token
    shape = "".join("X" if char.isupper() else "x" for char in token)
    return _REPEATED.sub(r"\1\1", shape)


def features_of(token: str, vocabulary: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all features of `token`, and those by which it counts for a word :data:`FAR` from it.

    Parameters
    ----------
    token
        As it stands in the text; :data:`EDGE` for none.
    vocabulary
        Words that are ordinary in the texts that were trained on, folded.
    """
    if not token:
        return ("edge",), ("edge",)
    shape = shape_of(token)
    if not token[0].isalpha():
        return (f"s={shape}",), (f"s={shape}",)
    lowered = token.lower()
    word, sense = fold(lowered), sense_of(lowered)
    short = shape[:_KEPT] + shape[-1]
    found = [f"w={word}", f"s={shape}", f"p={word[:3]}", f"e={word[-3:]}", f"l={min(len(word), 8)}"]
    found += [f"f={name}" for name, one in _SENSES if sense & one]
    seen = word in vocabulary
    # Which lists a word is in tells most together with how it is written.
    found += [f"c={sense}{short}", f"v={seen}{short}", f"u={bool(sense & (Sense.WORD | Sense.CORE)) or seen}{short}"]
    return tuple(found), (f"w={word}", f"s={shape}")
