"""What a word of prose may be, each looked up once: name, ordinary word, part of a term, town, or none of them."""

import os
import re
from functools import cache
from typing import NamedTuple

from scanward.deidentify.text.everyday import is_everyday
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import (
    core_words,
    doubtful_words,
    is_clinical,
    is_ordinary,
    listed_given,
    listed_surnames,
    name_words,
)
from scanward.deidentify.text.names import PARTICLES

_FOLDER = os.path.dirname(__file__)  # noqa: PTH120 - start-up time
_COMPOUND = re.compile(
    r"\w{3,}(?:arthrose|bereich|raum|raume|raumen|kopf|odem|herd|herde|lange|hohlen?|kanal|wand|wande|rand|platten?|"
    r"spalt|frakturen?|knochen|"
    r"lappen|lasion(?:en)?|defekte?|pol|horn|hornes|bander|band|sehnen?|korper[ns]?|gefasse?n?|zysten?|gange?|steinen?|"
    r"blase|drusen?|"
    r"gewebe|schicht|saum|feld|ganglien|erguss|schaden|riss|linie|breite|tiefe|hohe|ebene|ebenen|winkel|achse|fenster|"
    r"sonde|katheter|"
    r"klappe|klappen|wurzel|scheibe|scheiben|fuge|fugen|kreis|zeit|wert|werte|form|grad|art|kontrolle|aufnahme|bild|"
    r"schwellung|"
    r"prozess|muster|stenosen|embolie|insuffizienz|dilatation|infarkte?|blutungen|metastasen|tumoren)"
)
"""How German puts words together, where every noun has a capital."""

_NAMES_TOO = frozenset({"ander"})
"""Words of reports in one language that are given names in another."""

_MOST_REMEMBERED = 1 << 16
_POSSESSIVE = re.compile(r"['’]s?$")


class Sense:
    """What a word may be; several at once, as the sum of these."""

    # No IntFlag: each word of a text is asked, and plain integers answer ten times as fast.

    GIVEN = 1
    """A listed given name."""
    SURNAME = 2
    """A listed surname."""
    NAME = 4
    """A listed name that is no ordinary word."""
    DOUBTFUL = 8
    """A listed name that is an ordinary word as well, or nearly."""
    WORD = 16
    """An ordinary or clinical word, or formed like one."""
    CORE = 32
    """A word of reports, sure to be no name."""
    EPONYM = 64
    """A name of which terms are made, and hardly anybody's."""
    EPONYM_TOO = 128
    """A name of which terms are made too."""
    MAKES_TERM = 256
    """A word with which a name is a term (``disease``)."""
    PLACE = 512
    """A town."""
    PLACE_TOO = 1024
    """A town, and something else as often."""
    PARTICLE = 2048
    """A small word within names (``van``)."""
    UNKNOWN = 4096
    """In no list, and not formed like a term."""


class Places(NamedTuple):
    """Names of towns, folded, by their words.

    Attributes
    ----------
    sure, doubtful
        Those of one word.
    longer
        Those of more words, by their first.
    """

    sure: frozenset[str]
    doubtful: frozenset[str]
    longer: dict[str, tuple[tuple[str, ...], ...]]


class _Eponyms(NamedTuple):
    sure: frozenset[str]
    doubtful: frozenset[str]
    makers: frozenset[str]


_remembered: dict[str, int] = {}


def sense_of(lowered: str) -> int:
    """Return what the word, in lower case, may be."""
    sense = _remembered.get(lowered)
    if sense is None:
        sense = _find_sense(_POSSESSIVE.sub("", lowered))
        if len(_remembered) < _MOST_REMEMBERED:
            _remembered[lowered] = sense
    return sense


def _find_sense(lowered: str) -> int:
    word = fold(lowered)
    eponyms = _eponyms()
    sense = 0
    sense |= Sense.GIVEN if word in listed_given() else 0
    sense |= Sense.SURNAME if word in listed_surnames() else 0
    sense |= Sense.EPONYM if word in eponyms.sure else 0
    sense |= Sense.EPONYM_TOO if word in eponyms.doubtful else 0
    sense |= Sense.MAKES_TERM if word in eponyms.makers else 0
    sense |= Sense.PLACE if word in places().sure else 0
    sense |= Sense.PLACE_TOO if word in places().doubtful else 0
    sense |= Sense.PARTICLE if word in PARTICLES else 0
    core = (word in core_words() and word not in _NAMES_TOO) or (
        word in _prose_words() and not sense & (Sense.GIVEN | Sense.SURNAME)
    )
    sense |= Sense.CORE if core else 0
    if (
        core
        or _COMPOUND.fullmatch(word)
        or word in _prose_words()
        or is_ordinary(word)
        or is_everyday(word)
        or is_clinical(word)
    ):
        sense |= Sense.WORD
    if sense & (Sense.GIVEN | Sense.SURNAME):
        ordinary = word not in name_words() or word in _prose_words() or is_everyday(word)
        sense |= (Sense.DOUBTFUL if ordinary else Sense.NAME) if not core else 0
    elif word in doubtful_words() and not core:
        sense |= Sense.DOUBTFUL
    if not sense & ~Sense.PARTICLE and len(word) > 1:
        sense |= Sense.UNKNOWN
    return sense


@cache
def _prose_words() -> frozenset[str]:
    return frozenset(word for line in _lines("prose_words.txt") for word in map(fold, line.split()))


@cache
def _eponyms() -> _Eponyms:
    kinds: dict[str, set[str]] = {"": set(), "!": set(), "?": set(), "=": set()}
    for line in _lines("eponyms.txt"):
        mark = line[0] if line[0] in kinds else ""
        kinds[mark].update(map(fold, line[len(mark) :].split()))
    names = listed_given() | listed_surnames() | places().sure | places().doubtful
    sure = (kinds[""] - names) | kinds["!"]
    return _Eponyms(frozenset(sure), frozenset((kinds["?"] | kinds[""]) - sure), frozenset(kinds["="]))


@cache
def places() -> Places:
    """Return the towns of ``towns.txt``."""
    sure: set[str] = set()
    doubtful: set[str] = set()
    longer: dict[str, set[tuple[str, ...]]] = {}
    for line in _lines("towns.txt"):
        for name in line.lstrip("?").split(";"):
            words = tuple(re.findall(r"[^\W\d_]+", fold(name)))
            if len(words) > 1:
                longer.setdefault(words[0], set()).add(words)
            elif words:
                (doubtful if line[0] == "?" else sure).update(words)
    ordered = {first: tuple(sorted(names, key=lambda one: -len(one))) for first, names in longer.items()}
    return Places(frozenset(sure - doubtful), frozenset(doubtful), ordered)


def _lines(name: str) -> list[str]:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - start-up time
        return [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
