"""The notations of the name of a person (PN, PS3.5 Section 6.2.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from scanward.deidentify.text.folding import fold, spellings
from scanward.deidentify.text.lexicon import core_words, is_ordinary
from scanward.deidentify.text.notation import Edge, Gap, Notation, SearchContext, WeakWord
from scanward.model.identifier import IdentifierKind

TITLES = frozenset(
    "dr drs md mbbs phd prof professor doctor dipl ing med mr mrs ms miss mister sir madam jr sr ii iii iv "
    "esq rn do pa np rt bsc msc "
    "ba ma frcr frcs facr herr frau hr fr dra don dona sra srta senor senora mme mlle dott dottssa sig ra pr "
    "rev capt lt col sgt maj dvm vmd dds dmd".split()
)
"""Words of prefixes and suffixes, which identify nobody."""

PARTICLES = frozenset(
    "van von der den de del della di da dos das du la le les el al bin ibn ben abu bint zu zum zur af av ter "
    "ten y e san santa st mac mc o d".split()
)
"""Words that belong to names and tell nothing alone."""

PLACEHOLDERS = frozenset(
    "anon anonymous anonymized anonymised anonymize anonymise anonym deidentified identified none null nil "
    "unknown unnamed unspecified "
    "noname nobody test testing patient patients name na not given removed withheld redacted dummy phantom "
    "subject volunteer default "
    "undefined empty xxx xxxx xxxxx sample demo example operator physician doctor hospital institution "
    "station unbekannt inconnu desconocido".split()
)
"""What is written where no value is: not an identifier of anybody."""

_WORD = re.compile(r"[^\W_]+")
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff]")
_SCRIPT = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class PersonName:
    """One component group of a PN, taken apart into words as they stood."""

    family: tuple[str, ...]
    given: tuple[str, ...]
    middle: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """All words of it."""
        return self.family + self.given + self.middle


def parse_person_names(value: str) -> list[PersonName]:
    """Take a PN value apart into its component groups; a value without ``^`` is read as people write names."""
    found = []
    for group in re.split(r"[=\\]", value):
        components = group.split("^")
        if len(components) == 1 and "," in group:
            components = group.split(",", 1)
        family, given, middle, *rest = [_words(component) for component in components] + [()] * 3
        if len(components) == 1 and len(family) > 1:
            family, given = family[-1:], family[:-1]
        odd = tuple(word for words in rest for word in words if len(word) > 2)
        name = PersonName(family, given, middle + odd)
        if name.words and name not in found:
            found.append(name)
    return found


def _words(component: str) -> tuple[str, ...]:
    words = []
    for word in _WORD.findall(component):
        folded = fold(word)
        if folded and not folded.isdigit() and folded not in TITLES and folded not in PLACEHOLDERS:
            words.append(word)
    return tuple(words)


def is_spaceless(word: str) -> bool:
    """Say whether `word` is in a script that puts no blanks between words."""
    return _SPACELESS.search(word) is not None


def name_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield the notations of the PN `value`."""
    for name in parse_person_names(value):
        strong = True
        for word in dict.fromkeys(name.words):
            for folded in spellings(word):
                notation = word_notation(kind, folded)
                strong = strong and notation is not None and notation.edge is Edge.LOOSE
                if notation is not None:
                    yield notation
        if not strong:
            # Where every word is found inside of longer ones, the joined forms are found with them.
            yield from _joined(kind, name)


def word_notation(kind: IdentifierKind, folded: str) -> Notation | None:
    """Return how the folded word of a name is looked for by itself, or None when it tells too little alone."""
    if is_ordinary(folded) or folded in PARTICLES or folded in PLACEHOLDERS or any(map(str.isdigit, folded)):
        return None
    size = len(folded)
    if _SCRIPT.search(folded):
        # Bytes of these are in Encoded; this is for text.
        if size < 2:
            return None
        loose = is_spaceless(folded) or size >= 5
        return Notation((folded.encode(),), kind, SearchContext.TEXT, Edge.LOOSE if loose else Edge.WORD, Gap.FREE)
    if size < 3:
        return None
    if size < 5:
        return Notation((folded.encode(),), kind, SearchContext.HEADER, Edge.WORD, Gap.FREE)
    reach = SearchContext.BINARY if size == 5 else SearchContext.CODESTREAM
    return Notation((folded.encode(),), kind, reach, Edge.LOOSE, Gap.FREE)


def _joined(kind: IdentifierKind, name: PersonName) -> Iterator[Notation]:
    """Yield the words of `name` in the orders and with the initials in which they are written together."""
    family, given, middle = name.family, name.given, name.middle
    orders = [
        family + given, given + family, family + given + middle, given + middle + family,
        family + given[:1], given[:1] + family,
        family, given, given + middle,
    ]  # fmt: skip
    if len(family) > 1:
        orders += [given[:1] + family[:1], family[:1] + given[:1], given[:1] + family[-1:], family[-1:] + given[:1]]
    for order in dict.fromkeys(orders):
        if len(order) > 1:
            for folded in _spelled(order):
                notation = _together(kind, folded)
                if notation is not None:
                    yield notation
    initials = fold(given[0])[:1] if given else ""
    if initials and not is_spaceless(family[0] if family else "") and not set(map(fold, family)) <= PARTICLES:
        for folded_family in {fold(family[0]), fold("".join(family))}:
            for parts in ((initials, folded_family), (folded_family, initials)):
                login = "".join(parts)
                if len(login) >= 4 and login.isascii() and not is_ordinary(login) and folded_family not in PARTICLES:
                    reach = SearchContext.HEADER if len(login) > 4 else SearchContext.TEXT
                    yield Notation(tuple(map(str.encode, parts)), kind, reach, Edge.WORD, Gap.FREE)


def _spelled(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Return `words` folded in the plain and in the spelled-out way, not mixed."""
    ways = [spellings(word) for word in words]
    return {tuple(way[min(index, len(way) - 1)] for way in ways) for index in range(2)}


def _together(kind: IdentifierKind, words: tuple[str, ...]) -> Notation | None:
    joined = "".join(words)
    if joined.isascii() and all(len(word) < 2 or word in PARTICLES for word in words):
        return None
    parts = tuple(map(str.encode, words))
    if _SCRIPT.search(joined):
        if len(joined) < 2:
            return None
        edge = Edge.LOOSE if is_spaceless(joined) or len(joined) >= 6 else Edge.WORD
        return Notation(parts, kind, SearchContext.TEXT, edge, Gap.FREE)
    size = len(joined)
    if size < 4 or is_ordinary(joined):
        return None
    if size < 6:
        return Notation(parts, kind, SearchContext.HEADER, Edge.WORD, Gap.FREE)
    return Notation(parts, kind, SearchContext.CODESTREAM, Edge.LOOSE, Gap.FREE)


def weak_words(kind: IdentifierKind, value: str, numbers: "count[int]") -> Iterator[WeakWord]:
    """Yield the words of the PN `value` that count only in company; `numbers` tells names apart."""
    for name in parse_person_names(value):
        number = next(numbers)
        for word in dict.fromkeys(name.words):
            for folded in spellings(word):
                cued = len(folded) > 1 and folded not in PARTICLES and folded not in core_words()
                yield WeakWord(folded, number, kind, cued)
        for word in name.given + name.middle + name.family:
            initial = fold(word)[:1]
            if initial.isascii():
                yield WeakWord(initial, number, kind, cued=False)
