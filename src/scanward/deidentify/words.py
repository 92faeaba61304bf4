"""Words of closed lists in profiles."""

from enum import Enum
from typing import TypeVar

from scanward.errors import ProfileError

Word = TypeVar("Word", bound=Enum)


def word_of(words: type[Word], value: object, key: str, where: str) -> Word:
    """Return the word that a profile gives.

    Parameters
    ----------
    words
        Those that are known.
    value
        As TOML gives it.
    key, where
        Key and profile, for messages.

    Raises
    ------
    ProfileError
        It is none of them.
    """
    for word in words:
        if word.value == value:
            return word
    known = ", ".join(str(word.value) for word in words)
    raise ProfileError(f"{where}: unknown value {value!r} for {key!r}", remedy=f"Known values: {known}.")
