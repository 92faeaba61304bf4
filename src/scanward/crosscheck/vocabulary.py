"""Words that identify nobody: those of the standard's dictionary and of its code tables, as pydicom has them."""

import re
from functools import cache

WORD = re.compile(r"[^\W\d_]{3,}")
"""A word of three letters or more, in any script."""

_EXTRA = frozenset(
    (
        "dicom scanward deidentified removed anon anonymou anonymous anonymized anonymised pseudonym "
        "unknown none null true false yes not and for the with from "
        "january february march april may june july august september october november december "
        "monday tuesday wednesday thursday friday saturday sunday "
        "street road lane avenue hospital clinic university center centre regional general medical department "
        "radiology institute city north south east west saint doctor mister mrs miss patient born called says ask "
        "told seen call phone report letter visit sister brother mother father aunt uncle wife husband daughter "
        "son family house without home old new park"
    ).split()
)


@cache
def known_words() -> frozenset[str]:
    """Return the words that pydicom's tables of the standard use, casefolded (about 9,000)."""
    from pydicom._dicom_dict import DicomDictionary
    from pydicom.sr._concepts_dict import concepts

    words: set[str] = set(_EXTRA)
    for entry in DicomDictionary.values():
        words.update(word.casefold() for word in WORD.findall(entry[2]))
    tables: dict[str, dict[str, dict[str, tuple[str, object]]]] = concepts  # type: ignore[assignment]
    for scheme in tables.values():
        for codes in scheme.values():
            for meaning, _contexts in codes.values():
                words.update(word.casefold() for word in WORD.findall(meaning))
    return frozenset(words)


def unusual_words(text: str, *, least: int = 5) -> frozenset[str]:
    """Return the words of `text`, casefolded, that have `least` letters or are not Latin, and are not known."""
    known = known_words()
    found = (word.casefold() for word in WORD.findall(text))
    return frozenset(word for word in found if word not in known and (len(word) >= least or not word.isascii()))
