"""Finds in text what identifies: the file's own identifiers, and what looks like one."""

import re
from collections.abc import Iterable

MIN_NAME_CHARACTERS = 3
"""Shorter parts of names are found everywhere by chance."""

MIN_NUMBER_CHARACTERS = 4
"""Shorter numbers are found everywhere by chance."""

_CUES = (
    ("a date", re.compile(r"(?<!\d)(?:19|20)\d\d([-./]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")),
    ("a date", re.compile(r"(?<!\d)(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:19|20)?\d\d(?!\d)")),
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")),
    ("a phone number", re.compile(r"(?<!\d)(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)|\d{2,4})[ .-]\d{3,4}[ .-]\d{3,4}(?!\d)")),
    ("a title and a name", re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme|Sr|Sra)\b\.?\s+\w")),
    (
        "a word that announces an identifier",
        re.compile(r"(?i)\b(?:name|dob|mrn|ssn|born|patient id|pat\.?nr)\b\s*[:=#]"),
    ),
)


class KnownValues:
    """The identifying values of one file, to be found again in other places of it."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def add_name(self, value: str, kind: str) -> None:
        """Add the parts of a PN."""
        for part in re.split(r"[\^=\s,]+", value):
            if len(part) >= MIN_NAME_CHARACTERS:
                self._kinds.setdefault(part.casefold(), kind)

    def add_number(self, value: str, kind: str) -> None:
        """Add an ID or a number."""
        if len(value.strip()) >= MIN_NUMBER_CHARACTERS:
            self._kinds.setdefault(value.strip().casefold(), kind)

    def find_kinds(self, text: str) -> list[str]:
        """Return the kinds of known values that stand in `text` as words of their own."""
        if not self._kinds:
            return []
        if self._pattern is None:
            words = sorted(self._kinds, key=len, reverse=True)
            self._pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)")
        hits = (
            self._kinds[hit.group()] for hit in self._pattern.finditer(text.casefold()) if hit.group() in self._kinds
        )
        return sorted(set(hits))

    def find_kinds_in_bytes(self, data: bytes) -> list[str]:
        """Return the kinds of known values that stand in `data`, read as UTF-8, Latin-1 or UTF-16."""
        texts = {data.decode("utf-8", "replace"), data.decode("latin-1")}
        texts.update(data[start:].decode("utf-16-le", "replace") for start in (0, 1))
        # In a blob a word may be glued to others, so separators are not asked for.
        folded = [text.casefold() for text in texts]
        return sorted({kind for value, kind in self._kinds.items() if any(value in text for text in folded)})


def find_cues(text: str) -> list[str]:
    """Return what in `text` looks like an identifier, in words."""
    return list(dict.fromkeys(name for name, pattern in _CUES if pattern.search(text)))


def describe(kinds: Iterable[str], cues: Iterable[str]) -> str:
    """Say in words what a text repeats and what it looks like it holds; empty when nothing."""
    parts = [f"repeats {kind}" for kind in kinds] + [f"holds {cue}" for cue in cues]
    return ", ".join(parts)


def printable(data: bytes) -> str:
    """Return the readable text in `data`: its longest runs of printable ASCII, parted by `` … ``."""
    runs = re.findall(rb"[\x20-\x7e]{4,}", data)
    return " … ".join(run.decode("ascii").strip() for run in runs)
