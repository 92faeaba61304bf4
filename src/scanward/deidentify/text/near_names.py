"""Words that are close to a known name: mistyped, misread, misheard, or a pet form of it."""

import unicodedata
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from jellyfish import jaro_winkler_similarity, metaphone, nysiis
from rapidfuzz import process
from rapidfuzz.distance import OSA, DamerauLevenshtein

from scanward.deidentify.text.everyday import is_eponym, is_everyday
from scanward.deidentify.text.folding import fold, spellings
from scanward.deidentify.text.lexicon import core_words, is_clinical, is_ordinary
from scanward.deidentify.text.lookalikes import as_letters
from scanward.deidentify.text.names import PARTICLES, PLACEHOLDERS, PersonName, parse_person_names
from scanward.deidentify.text.nicknames import nicknames
from scanward.deidentify.text.places import telling_words
from scanward.deidentify.text.variants import NAME_KINDS
from scanward.model.identifier import Identifier, IdentifierKind

_SHORTEST_TYPO = 5
_SHORTEST_TWO_TYPOS = 8
_SHORTEST_PLACE_TWO_TYPOS = 10
_SHORTEST_BESIDE = 3
_SHORTEST_ANYWHERE = 6
_SHORTEST_READ = 4
_SHORTEST_HEARD = 4
_LONGEST_WORD = 40
_ALIKE = 0.8
_ALIKE_BESIDE = 0.72
_SIDES = frozenset(
    "left right both links rechts beide derecha derecho izquierda izquierdo droit droite gauche direita direito "
    "esquerda "
    "esquerdo lt rt no not kein keine ohne sin sans sem".split()
)
"""Sides and negations: a name only behind a title or beside another part of the name."""
_DIGITS = "0123456789"
_MOST_REMEMBERED = 1 << 15


class Ground(IntEnum):
    """What a word needs beside it to be taken for the name that it is close to."""

    ANYWHERE = 0
    """Nothing."""
    CAPITAL = 1
    """A capital in front that tells something."""
    ALONE = 2
    """A capital in the midst of a sentence, where no eponym or heading stands."""
    TOLD = 3
    """As `ALONE`, and what follows tells of a person."""


class Likeness(NamedTuple):
    """Which kind of name a word is close to, and what more is needed."""

    kind: IdentifierKind
    ground: Ground


class NearNames:
    """The words of known names and places, ready to tell what is close to one.

    Parameters
    ----------
    identifiers
        What is known; only names, addresses and institutions count here.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._persons: dict[str, IdentifierKind] = {}
        self._weak: dict[str, IdentifierKind] = {}
        self._particles: dict[str, IdentifierKind] = {}
        self._stripped: dict[str, IdentifierKind] = {}
        self._pets: dict[str, IdentifierKind] = {}
        self._joined: dict[str, IdentifierKind] = {}
        self._places: dict[str, IdentifierKind] = {}
        for identifier in identifiers:
            if identifier.kind in NAME_KINDS:
                for name in parse_person_names(identifier.value):
                    self._add_name(identifier.kind, name)
            elif identifier.kind in {IdentifierKind.ADDRESS, IdentifierKind.INSTITUTION}:
                for word in telling_words(identifier.value):
                    if len(word) >= _SHORTEST_TYPO:
                        self._places.setdefault(word, identifier.kind)
        self._by_size: dict[int, list[str]] = {}
        for word in dict.fromkeys([*self._persons, *self._joined, *self._places]):
            self._by_size.setdefault(len(word), []).append(word)
        self._reach = {size: self._around(size) for size in range(1, _LONGEST_WORD + 1)}
        self._read = {as_letters(word): word for word in [*self._joined, *self._persons] if len(word) >= 3}
        self._heard = _heard(self._persons)
        self._rests = _rests([*self._persons, *self._joined])
        self.initials = {word[0] for word in self._persons}
        """The letters that known names begin with."""
        self._seen: dict[str, Likeness | None] = {}

    def _add_name(self, kind: IdentifierKind, name: PersonName) -> None:
        for words in (name.family, name.given):
            if words and set(map(fold, words)) <= PARTICLES:
                self._particles.update(dict.fromkeys(map(fold, words), kind))
        for word in name.words:
            self._add_word(kind, word)
        for word in name.given + name.middle:
            for pet in nicknames(fold(word)):
                if pet not in PLACEHOLDERS and len(pet) > 1:
                    self._pets.setdefault(pet, kind)
        family = "".join(map(fold, name.family))
        given = fold(name.given[0]) if name.given else ""
        if family and family.isascii() and given.isascii():
            forms = [family + given, given + family] if given else []
            forms += [family] if len(name.family) > 1 else []
            self._joined.update((form, kind) for form in forms if len(form) >= _SHORTEST_TWO_TYPOS)

    def _add_word(self, kind: IdentifierKind, word: str) -> None:
        bare = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
        if len(bare) > 2 and bare != fold(word):
            self._stripped.setdefault(bare, kind)
        for folded in spellings(word):
            if folded in PARTICLES or folded in PLACEHOLDERS or any(map(str.isdigit, folded)) or len(folded) < 2:
                continue
            self._persons.setdefault(folded, kind)
            if is_ordinary(folded) or len(folded) == 2:
                self._weak.setdefault(folded, kind)

    def _around(self, size: int) -> list[str]:
        """Return the known words from which one of `size` letters may be as many typos away as count."""
        return [
            word
            for near in range(size - 2, size + 3)
            for word in self._by_size.get(near, ())
            if abs(near - size) < 2 or near >= _SHORTEST_TWO_TYPOS
        ]

    def __bool__(self) -> bool:
        return bool(self._by_size)

    def kind_of(self, word: str) -> IdentifierKind:
        """Return the kind of the known word `word`."""
        for words in (self._persons, self._joined, self._places, self._pets):
            if word in words:
                return words[word]
        return IdentifierKind.PERSON_NAME

    def weigh(self, word: str) -> Likeness | None:
        """Return what the folded `word` is close to, remembered from call to call; None for nothing."""
        try:
            return self._seen[word]
        except KeyError:
            pass
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        found = self._seen[word] = self._weigh(word) if len(word) <= _LONGEST_WORD else None
        return found

    def _weigh(self, word: str) -> Likeness | None:
        if not word.isascii():
            word = word.encode("latin-1").decode("utf-8", "replace")
        if word in _SIDES:
            return None
        if word in self._weak:
            ground = Ground.TOLD if word in core_words() else Ground.ALONE
            return Likeness(self._weak[word], Ground.ANYWHERE if is_eponym(word) else ground)
        if word in self._particles:
            return Likeness(self._particles[word], Ground.TOLD)
        if word in self._pets:
            ground = Ground.TOLD if len(word) < 3 else Ground.ALONE if is_plain(word) else Ground.CAPITAL
            return Likeness(self._pets[word], ground)
        if word in self._stripped and not is_plain(word):
            return Likeness(self._stripped[word], Ground.ANYWHERE if len(word) > 3 else Ground.CAPITAL)
        if len(word) < 3 or word.isdigit() or word in self._persons or is_plain(word):
            return None
        if any(map(str.isdigit, word)):
            return self._weigh_misread(word)
        likeness = self._weigh_letters(word)
        if likeness is not None and is_clinical(word):
            return Likeness(likeness.kind, Ground.ALONE)
        return likeness

    def _weigh_misread(self, word: str) -> Likeness | None:
        letters = sum(map(str.isalpha, word))
        known = self._read.get(as_letters(word))
        if known is not None and 2 * letters >= len(word):
            return Likeness(self.kind_of(known), Ground.ANYWHERE if len(known) > 3 else Ground.CAPITAL)
        if letters + 1 == len(word):
            likeness = self._mistyped(word, 1)
            if likeness is not None:
                return likeness
        core = word.strip(_DIGITS)
        if len(core) >= _SHORTEST_TYPO and core.isalpha() and not is_plain(core):
            return self._weigh_letters(core)
        return None

    def _weigh_letters(self, word: str) -> Likeness | None:
        likeness = self._mistyped(word, 2)
        if likeness is not None and likeness.ground is Ground.ANYWHERE:
            return likeness
        known = self._read.get(as_letters(word))
        if known is not None and len(known) >= _SHORTEST_READ:
            read = Likeness(self.kind_of(known), Ground.ANYWHERE if len(known) >= 5 else Ground.CAPITAL)
            likeness = read if likeness is None else min(likeness, read, key=lambda one: one.ground)
        return likeness or self._sounds_like(word)

    def _distances(self, word: str, most: int) -> Iterator[tuple[str, int]]:
        """Yield the known words that are `most` typos from `word` or less, and how many."""
        # Where a letter got in between two that were swapped, one count of the distance takes three steps.
        cutoff = 3 if most == 2 and len(word) >= _SHORTEST_TWO_TYPOS - 2 else most
        for known, steps, _ in process.extract_iter(
            word, self._reach.get(len(word), ()), scorer=OSA.distance, processor=None, score_cutoff=cutoff
        ):
            distance = int(steps)
            if distance > most:
                distance = DamerauLevenshtein.distance(word, known, score_cutoff=most)
            if distance <= most and (distance < 2 or len(known) >= _SHORTEST_TWO_TYPOS):
                yield known, distance

    def _mistyped(self, word: str, most: int) -> Likeness | None:
        best: Likeness | None = None
        for known, distance in self._distances(word, most):
            if len(known) < _SHORTEST_TYPO:
                continue
            place = known in self._places and known not in self._persons
            if place and distance > 1 and len(known) < _SHORTEST_PLACE_TWO_TYPOS:
                continue
            sure = distance == 1 and len(known) >= _SHORTEST_ANYWHERE and not place and not is_plain(known)
            likeness = Likeness(self.kind_of(known), Ground.ANYWHERE if sure else Ground.CAPITAL)
            if sure:
                return likeness
            best = best or likeness
        return best

    def _sounds_like(self, word: str, alike: float = _ALIKE) -> Likeness | None:
        if len(word) < _SHORTEST_HEARD or not word.isascii():
            return None
        for sound in _sounds(word):
            for known in self._heard.get(sound, ()):
                # NYSIIS leaves out an s at the end, with which a name is another.
                if (sound[0] == "m" or abs(len(word) - len(known)) < 2) and _is_twin(word, known, alike):
                    return Likeness(self._persons[known], Ground.CAPITAL)
        return None

    def is_close(self, word: str, *, capital: bool, short: bool) -> IdentifierKind | None:
        """Return the kind of the person's name that `word` is close to where something beside it says it is one.

        Parameters
        ----------
        word
            The folded word.
        capital, short
            Whether it stands with a capital, and whether it is all capitals, as short forms of terms are.
        """
        if not word.isascii():
            word = word.encode("latin-1").decode("utf-8", "replace")
        size = len(word)
        if word in self._stripped and not is_plain(word):
            return self._stripped[word]
        if word in self._particles and capital:
            return self._particles[word]
        if word in self._weak and capital and not short:
            return self._weak[word]
        if word in self._pets:
            return self._pets[word] if capital or not is_plain(word) else None
        if not 2 <= size <= _LONGEST_WORD or word in PARTICLES or (is_plain(word) and not capital):
            return None
        if short and size <= 3 and word in core_words():
            return None
        known = self._read.get(as_letters(word))
        if known is not None:
            return self.kind_of(known)
        for known, _ in self._distances(word, 2):
            if len(known) >= _SHORTEST_BESIDE and (known in self._persons or known in self._joined):
                return self.kind_of(known)
        likeness = self._sounds_like(word, _ALIKE_BESIDE)
        return likeness.kind if likeness is not None else None

    def plain_words(self) -> Iterator[str]:
        """Yield the words that mean something here even when they are plain."""
        yield from self._weak
        yield from self._pets
        yield from self._particles
        yield from self._rests

    def rests(self, word: str) -> dict[str, str] | None:
        """Return what could follow `word` where a blank got into a known name, and that name."""
        return self._rests.get(word)

    def is_stripped(self, word: str) -> bool:
        """Say whether `word` is a known name without the letters that a system could not write."""
        return word in self._stripped

    def is_weak(self, word: str, *, accented: bool) -> bool:
        """Say whether `word` is a known name that is a word of the language, or with its accent a particle."""
        return (word in self._weak and word not in PARTICLES) or (accented and word in self._particles)

    def is_known(self, word: str) -> bool:
        """Say whether `word` is, letter by letter, a word of a known name."""
        return word in self._persons or word in self._joined


@lru_cache(maxsize=1 << 15)
def is_plain(word: str) -> bool:
    """Say whether the folded `word` is one of the language, so that alone it tells nothing of a person."""
    return (is_ordinary(word) or is_everyday(word)) and not is_eponym(word)


@lru_cache(maxsize=1 << 14)
def _sounds(word: str) -> frozenset[str]:
    """Return how `word` sounds, in two systems: the English of Metaphone, and NYSIIS for names of other origin."""
    # Both take a y for a consonant in places where names have it for an i.
    spelled = _respelled(word)
    return frozenset({f"m{metaphone(word)}", f"n{nysiis(word)}", f"m{metaphone(spelled)}", f"n{nysiis(spelled)}"})


def _respelled(word: str) -> str:
    return word[0] + word[1:].replace("ie", "i").replace("ey", "i").replace("y", "i")


def _is_twin(word: str, known: str, alike: float) -> bool:
    """Say whether two words that sound alike are also written alike."""
    return (
        abs(len(word) - len(known)) <= 2
        and min(len(word), len(known)) >= _SHORTEST_HEARD
        and max(jaro_winkler_similarity(word, known), jaro_winkler_similarity(_respelled(word), _respelled(known)))
        >= alike
    )


def _heard(persons: Iterable[str]) -> dict[str, list[str]]:
    heard: dict[str, list[str]] = {}
    for word in persons:
        if word.isascii() and len(word) >= _SHORTEST_HEARD and not word.isdigit():
            for sound in _sounds(word):
                heard.setdefault(sound, []).append(word)
    return heard


def _rests(words: Iterable[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for word, left, right in _halves(words):
        found.setdefault(left, {})[right] = word
    return found


def _halves(words: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for word in words:
        if len(word) >= _SHORTEST_TYPO and word.isascii():
            for cut in range(1, len(word)):
                yield word, word[:cut], word[cut:]
