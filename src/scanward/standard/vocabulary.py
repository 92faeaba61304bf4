"""Words that clinical and technical text in headers is made of, and common names of persons.

The words come from the names in PS3.6, descriptions in PS3.3, code meanings of PS3.16 and a list of this project; the
names from the US census of 1990 and from lists by country. All are lower case and have two letters or more.
"""

from functools import cache

from scanward.standard._data import read_text


@cache
def standard_words() -> frozenset[str]:
    """Return the words that are no common name of a person: they may stay in a text."""
    return _read("words.txt")


@cache
def ambiguous_words() -> frozenset[str]:
    """Return the words that are also a common name or an eponym (head, long, may): context must decide."""
    return _read("ambiguous_words.txt")


@cache
def given_names() -> frozenset[str]:
    """Return common given names: the 2000 most frequent of the census, and those of other countries."""
    return _read("given_names.txt")


@cache
def surnames() -> frozenset[str]:
    """Return common surnames: the 5000 most frequent of the census, and those of other countries."""
    return _read("surnames.txt")


def _read(name: str) -> frozenset[str]:
    return frozenset(read_text(name).split())
