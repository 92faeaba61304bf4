"""What a scanner or a text recogniser confuses: characters that look alike are written as one of them."""

from functools import lru_cache

_TO_LETTERS = str.maketrans("0158629|!", "olsbgzgll")
_TO_DIGITS = str.maketrans("oqdilsbgz|!", "00011586211")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


@lru_cache(maxsize=1 << 14)
def as_letters(word: str) -> str:
    """Return the folded `word` with what looks alike written as one letter: equal for ``garner`` and ``gamer``."""
    word = word.translate(_TO_LETTERS)
    for pair, single in _PAIRS:
        if pair in word:
            word = word.replace(pair, single)
    return word.replace("i", "l")


def as_digits(number: str) -> str:
    """Return the folded `number` with letters that look like digits written as those: equal for ``o12`` and ``012``."""
    return number if number.isdigit() else number.translate(_TO_DIGITS)
