"""Names of the months in the languages that headers and reports are written in."""

from functools import cache
from typing import NamedTuple

from scanward.deidentify.text.folding import fold, spellings

MONTH_NAMES: tuple[tuple[str, ...], ...] = (
    # English, German (also of Austria), French, Spanish, Italian, Dutch, Portuguese; long, then short forms.
    tuple("january february march april may june july august september october november december".split()),
    tuple("jan feb mar apr may jun jul aug sep oct nov dec".split()),
    tuple("jan feb mar apr may jun jul aug sept oct nov dec".split()),
    tuple("januar februar märz april mai juni juli august september oktober november dezember".split()),
    tuple("jänner feber märz april mai juni juli august september oktober november dezember".split()),
    tuple("jan feb mrz apr mai jun jul aug sep okt nov dez".split()),
    tuple("janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()),
    tuple("janv févr mars avr mai juin juil août sept oct nov déc".split()),
    tuple("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()),
    tuple("ene feb mar abr may jun jul ago set oct nov dic".split()),
    tuple("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre".split()),
    tuple("gen feb mar apr mag giu lug ago set ott nov dic".split()),
    tuple("januari februari maart april mei juni juli augustus september oktober november december".split()),
    tuple("jan feb mrt apr mei jun jul aug sep okt nov dec".split()),
    tuple("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split()),
    tuple("jan fev mar abr mai jun jul ago set out nov dez".split()),
)
"""Rows of twelve names each, so that a date can be moved to another month in its own language."""

_IBERIAN = (8, 14)
_LONG_NAME = 5


class MonthName(NamedTuple):
    """Which month a word names, and in which row of :data:`MONTH_NAMES`."""

    month: int
    row: int


@cache
def month_words() -> dict[str, tuple[MonthName, ...]]:
    """Return what each word could name, by its folded form."""
    found: dict[str, list[MonthName]] = {}
    for row, names in enumerate(MONTH_NAMES):
        for month, name in enumerate(names, start=1):
            for folded in spellings(name) if not name.isascii() else (fold(name),):
                found.setdefault(folded, []).append(MonthName(month, row))
    return {word: tuple(names) for word, names in found.items()}


@cache
def names_of_month(month: int) -> tuple[str, ...]:
    """Return the folded names of `month` (1 to 12) in all languages."""
    return tuple(word for word, names in month_words().items() if any(name.month == month for name in names))


def english_names(month: int) -> tuple[str, ...]:
    """Return the long and the short English name of `month`."""
    return tuple(dict.fromkeys((MONTH_NAMES[0][month - 1], MONTH_NAMES[1][month - 1])))


def iberian_names(month: int) -> tuple[str, ...]:
    """Return the Spanish and Portuguese names of `month`, which dates have between ``de`` and ``de``."""
    return tuple(dict.fromkeys(fold(MONTH_NAMES[row][month - 1]) for row in _IBERIAN))


def is_long_name(word: str) -> bool:
    """Say whether the folded `word` is so long a name of a month that beside a day it needs no year."""
    return len(word) >= _LONG_NAME and word in month_words()


def translate_month(word: str, month: int, new_month: int) -> str:
    """Return the name of `new_month` in the language, length and case that `word`, a name of `month`, has."""
    names = [name for name in month_words()[fold(word)] if name.month == month]
    new = MONTH_NAMES[names[0].row][new_month - 1]
    if word.isupper():
        return new.upper()
    return new.title() if word[:1].isupper() else new
