"""Finds in prose what is close to a known identifier: mistyped, misread, shortened, cut up, or told by its neighbours.

Exact notations are found by the machine (:mod:`scanward.deidentify.text.machine`). Here each word of a text is weighed
once and remembered, so that a text costs little more than its words; what is plain language needs a capital, a title or
another part of the name beside it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

from scanward.deidentify.text.everyday import EPONYM_NOUNS, is_eponym
from scanward.deidentify.text.lexicon import is_clinical, is_name, is_ordinary
from scanward.deidentify.text.names import PARTICLES, TITLES
from scanward.deidentify.text.near_dates import NearDates
from scanward.deidentify.text.near_names import Ground, Likeness, NearNames, is_plain
from scanward.deidentify.text.near_numbers import NearNumbers
from scanward.deidentify.text.near_places import NearPlaces
from scanward.deidentify.text.passage import Capitals, Passage
from scanward.deidentify.text.variants import NAME_KINDS
from scanward.model.identifier import Identifier, IdentifierKind

_TITLE_CUES = frozenset(
    "mr mrs ms miss mister dr drs prof professor doctor herr herrn frau mme mlle madame monsieur sr sra srta senor "
    "senora "
    "dra don dona doña dott sig signor signora".split()
)
_CUES = _TITLE_CUES | frozenset(
    "patient patientin paciente paziente pt pat name nombre nom nome surname vorname nachname apellido apellidos "
    "forename mother father wife husband daughter son sister brother dear re ref tech technologist operator physician "
    "radiologist attn attending by von por par durch".split()
)
_AFTER_CUE = re.compile(r"[ \t\0.:,#=_^-]{1,4}")
_SPELLED = re.compile(r"(?<![a-z0-9])[a-z](?:[ .-]{1,2}[a-z]){2,24}(?![a-z0-9])")
_FEWEST_SPELLED = 3
_SPLIT = re.compile(r"[ \t'.|!/-]|-?\s?\n")
_SENTENCE_END = re.compile(r"[.!?;:)\n\r]")
_MARRIED = re.compile(r"-[^\W\d_]{2,30}(?![\w])")
_MARRIED_BEFORE = re.compile(r"(?<!\w)[^\W\d_]{2,30}-$")
_EXTENSION = re.compile(r"[ ,]{0,2}(?:x|ext\.?|durchwahl)[ .:]{0,2}[0-9]{1,6}(?![0-9])")
_NEXT_WORD = re.compile(r"[ -]([a-z]+)")
_LONGEST_PART = 32
_LONGEST_WORD = 64
_MOST_REMEMBERED = 1 << 15
_TOLD = frozenset(
    "was were is are has have had who reviewed presented presents presenting underwent seen dated today yesterday "
    "returned returns came arrived reports reported states stated denies complains attended attends lives said says "
    "asked agreed would should could did does wurde wird ist hat war berichtet klagt fue es presenta acude refiere "
    "est a presente foi apresenta".split()
)
_AFTER_NAME = _TOLD | frozenset(
    "with and or in on at for to from by will can und mit am im con y de en se e com um une ein eine der die das "
    "et".split()
)
_NOT_BEFORE_NAME = frozenset(
    "the a an this that each per no any these those le la les un une el los der die das ein o os as".split()
)
_GERMAN = frozenset("der die das und mit kein keine keinen ohne nicht ist im des bei links rechts wird eine".split())


class Close(NamedTuple):
    """Where something close to an identifier is, as offsets in the folded bytes of the text."""

    start: int
    end: int
    kind: IdentifierKind


# Why a word is looked at: bits, since members of an enum take longer to combine than a word to weigh.
_NAME, _FIRST_HALF, _CUE, _MONTH, _PLACE, _NUMBER = (1 << bit for bit in range(6))
_TRAITS = (_NAME, _FIRST_HALF, _CUE, _MONTH, _PLACE, _NUMBER)


_PLAIN: set[str] = set()
"""Plain words that were met: what they are depends on no identifier."""


class CloseMatcher:
    """What is close to some identifiers, ready to be looked for; remembers words, and otherwise does not change.

    Parameters
    ----------
    identifiers
        What is known.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        known = tuple(identifiers)
        self._names = NearNames(known)
        self._numbers = NearNumbers(known)
        self._dates = NearDates(known)
        self._places = NearPlaces(known)
        # Plain words that are looked at nevertheless.
        self._exact = frozenset(
            [*self._names.plain_words(), *self._dates.month_words, *self._places.anchor_words(), *_CUES]
        )
        self._weighed: set[str] = set()
        self._marked: dict[str, int] = {}

    def find(self, passage: Passage) -> list[Close]:
        """Return what is close to an identifier by itself, whatever else was found."""
        found = [Close(*hit) for hit in self._places.find_mails(passage)]
        found += self._spelled_out(passage)
        marked = self._weigh(passage)
        if not marked:
            return found
        by_trait: dict[int, list[int]] = {trait: [] for trait in _TRAITS}
        for index, word in enumerate(passage.words):
            if word in marked:
                trait = self._marked[word]
                for one in _TRAITS:
                    if trait & one:
                        by_trait[one].append(index)
        found += self._like_names(passage, by_trait[_NAME])
        found += self._split(passage, by_trait[_FIRST_HALF])
        found += self._after_cues(passage, by_trait[_CUE])
        found += (Close(*hit) for hit in self._places.find(passage, by_trait[_PLACE]))
        found += (Close(*hit) for hit in self._dates.find_named(passage, by_trait[_MONTH]))
        numeric = by_trait[_NUMBER]
        if numeric:
            found += (Close(*hit) for hit in self._numbers.find(passage, numeric))
            found += (Close(*hit) for hit in self._dates.find(passage, numeric))
        return found

    def _weigh(self, passage: Passage) -> set[str]:
        """Return the words of the passage that have to be looked at where they stand."""
        here = set(passage.words)
        if len(self._weighed) >= _MOST_REMEMBERED:
            self._weighed.clear()
            self._marked.clear()
        fresh = here.difference(self._weighed)
        # Most words of a text are plain ones that another text had: those are told without a look at each.
        for word in fresh.difference(_PLAIN).union(fresh.intersection(self._exact)):
            trait = self._trait(word)
            if trait:
                self._marked[word] = trait
            elif word not in self._exact and is_plain(word) and word.isalpha() and len(_PLAIN) < _MOST_REMEMBERED:
                _PLAIN.add(word)
        self._weighed |= here
        return here.intersection(self._marked)

    def _trait(self, word: str) -> int:
        trait = 0
        if len(word) > _LONGEST_WORD:
            return trait
        if self._names:
            if self._names.weigh(word) is not None:
                trait |= _NAME
            if self._names.rests(word) is not None:
                trait |= _FIRST_HALF
            if word in _CUES:
                trait |= _CUE
        if word in self._dates.month_words:
            trait |= _MONTH
        if self._places.is_anchor(word):
            trait |= _PLACE
        if not word.isalpha() and any("0" <= char <= "9" for char in word):
            trait |= _NUMBER
        return trait

    def _like_names(self, passage: Passage, indices: list[int]) -> Iterator[Close]:
        doubtful: list[tuple[int, IdentifierKind]] = []
        for index in indices:
            word = passage.words[index]
            likeness = self._names.weigh(word)
            if likeness is None:
                continue
            kind, ground = likeness
            spelled = ground is Ground.ANYWHERE and not (is_eponym(word) or is_name(word))
            if not spelled and _is_in_term(passage, index):
                continue
            if ground is not Ground.ANYWHERE and passage.capitals(index) is not Capitals.FIRST:
                continue
            if ground >= Ground.ALONE and not self._is_shown(passage, index, likeness):
                doubtful.append((index, kind))
                continue
            yield Close(passage.starts[index], passage.end(index), kind)
        # Two such words beside each other make a name of each other: Ed Rose.
        for (left, kind), (right, _) in pairwise(doubtful):
            if right == left + 1 and passage.are_near(left) and kind in NAME_KINDS:
                yield Close(passage.starts[left], passage.end(right), kind)
        for index, kind in doubtful:
            if kind in NAME_KINDS:
                yield from self._with_initial(passage, index, kind)

    def _with_initial(self, passage: Passage, index: int, kind: IdentifierKind) -> Iterator[Close]:
        """Yield a plain word that stands with the initial of a known name before or after it."""
        words = passage.words
        for other in (index - 1, index + 1):
            if not 0 <= other < len(words) or words[other] not in self._names.initials or index < 0:
                continue
            left = min(index, other)
            dotted = passage.gap(other) if other + 1 < len(words) else passage.flat[passage.end(other) :]
            apart = dotted[:1] == "." or (other > index and "," in passage.gap(index))
            if apart and passage.are_near(left) and passage.original(other).isupper():
                yield Close(passage.starts[left], passage.end(left + 1), kind)

    def _is_shown(self, passage: Passage, index: int, likeness: Likeness) -> bool:
        """Say whether a plain word is shown to be a name by its place in the sentence, or by the other half of it."""
        if likeness.kind not in NAME_KINDS:
            return any(
                0 <= at < len(passage.words) and self._places.is_part(passage.words[at])
                for at in (index - 1, index + 1)
            )
        if _stands_alone(passage, index, told=likeness.ground is Ground.TOLD):
            return True
        for left in (index - 1, index):
            if 0 <= left < len(passage.words) - 1 and passage.gap(left) == "-":
                other = left if left < index else index + 1
                if _is_half(passage, passage.starts[other], passage.end(other)):
                    return True
        return False

    def _split(self, passage: Passage, indices: list[int]) -> Iterator[Close]:
        """Yield known names with a blank or the end of a line in them."""
        words = passage.words
        for index in indices:
            rests = self._names.rests(words[index])
            if rests is None or index + 1 >= len(words):
                continue
            gap = passage.gap(index)
            if not _SPLIT.fullmatch(gap):
                continue
            second = words[index + 1]
            known = rests.get(second)
            if known is None and gap in "|!":
                known = next((name for rest, name in rests.items() if rest in {f"l{second}", f"i{second}"}), None)
            if known is None:
                continue
            plain = all(len(word) < 2 or is_plain(word) or is_clinical(word) for word in (words[index], second))
            capital = passage.capitals(index) is Capitals.FIRST
            if not capital and any(is_plain(word) for word in (known, words[index], second)):
                continue
            if plain and not _stands_alone(passage, index + 1, split=True):
                continue
            yield Close(passage.starts[index], passage.end(index + 1), self._names.kind_of(known))

    def _spelled_out(self, passage: Passage) -> Iterator[Close]:
        """Yield known names that are written letter by letter."""
        if not self._names:
            return
        for match in _SPELLED.finditer(passage.flat):
            letters = [at for at in range(match.start(), match.end()) if passage.flat[at].isalpha()]
            joined = "".join(passage.flat[at] for at in letters)
            for first, last in combinations(range(len(letters) + 1), 2):
                if last - first >= _FEWEST_SPELLED and self._names.is_known(joined[first:last]):
                    yield Close(letters[first], letters[last - 1] + 1, self._names.kind_of(joined[first:last]))

    def _after_cues(self, passage: Passage, indices: list[int]) -> Iterator[Close]:
        words = passage.words
        for index in indices:
            at = index + 1
            # Over a second title, a given name that is not known, or an initial.
            while (
                at < len(words)
                and at - index <= 3
                and (words[at] in TITLES or words[at] in _CUES or len(words[at]) == 1)
            ):
                at += 1
            if at >= len(words) or len(words[at]) < 2 or not _AFTER_CUE.fullmatch(passage.gap(at - 1)):
                continue
            title = words[index] in _TITLE_CUES
            capital = passage.capitals(at) is not Capitals.NONE
            shown = passage.original(at)
            if title and not capital and self._names.is_weak(words[at], accented=not shown.isascii()):
                yield Close(passage.starts[at], passage.end(at), self._names.kind_of(words[at]))
                continue
            if not capital and (is_ordinary(words[at]) or not (title or passage.gap(index).strip())):
                continue
            rests = self._names.rests(words[at]) if capital and at + 1 < len(words) else None
            if rests is not None and words[at + 1] in rests and _SPLIT.fullmatch(passage.gap(at)):
                known = self._names.kind_of(rests[words[at + 1]])
                yield Close(passage.starts[at], passage.end(at + 1), known)
                continue
            kind = self._names.is_close(words[at], capital=capital, short=not title and shown.isupper())
            if kind is not None and not _is_in_term(passage, at):
                yield Close(passage.starts[at], passage.end(at), kind)

    def beside(self, passage: Passage, hits: Iterable[Close]) -> list[Close]:
        """Return what is close to a part of a name and stands beside one of the `hits`."""
        if not self._names:
            return []
        found: list[Close] = []
        todo = [(hit.start, hit.end) for hit in hits if hit.kind in NAME_KINDS]
        if not todo:
            return found
        words, starts = passage.words, passage.starts
        taken: set[int] = set()
        for start, end in todo:
            first = bisect_left(starts, start)
            last = bisect_left(starts, end) - 1
            taken.update(range(max(0, first), last + 1))
        queue = sorted(taken)
        while queue:
            index = queue.pop()
            for step in (-1, 1):
                at = index + step
                while 0 <= at < len(words) and at not in taken and words[at] in PARTICLES and abs(at - index) < 4:
                    at += step
                if not 0 <= at < len(words) or at in taken:
                    continue
                low, high = min(index, at), max(index, at)
                if not all(passage.are_near(between) for between in range(low, high)):
                    continue
                shown = passage.capitals(at) is not Capitals.NONE
                alike = passage.capitals(index) is Capitals.NONE and not is_plain(words[at])
                if not (shown or alike or self._names.is_stripped(words[at])):
                    continue
                kind = self._names.is_close(words[at], capital=shown, short=passage.original(at).isupper())
                if kind is not None:
                    left, right = (index + 1, at) if step > 0 else (at, index - 1)
                    taken.update(range(left, right + 1))
                    queue.append(at)
                    found.append(Close(starts[left], passage.end(right), kind))
        return found

    def widen(self, passage: Passage, hit: Close) -> Close:
        """Widen a hit over what belongs to it: half of a double name, a house number, what is dialled behind."""
        start, end, flat = hit.start, hit.end, passage.flat
        if hit.kind is IdentifierKind.PHONE:
            behind = _EXTENSION.match(flat, end)
            lead = 2 if flat[max(0, start - 3) : start].lstrip("+( ") == "00" else 0
            return Close(start - lead, behind.end() if behind is not None else end, hit.kind)
        if hit.kind in {IdentifierKind.ADDRESS, IdentifierKind.INSTITUTION}:
            # Places are called by persons, and so a hit of one may be the name of another.
            start, end = self._places.widen(passage, start, end)
        elif hit.kind not in NAME_KINDS:
            return hit
        after = _MARRIED.match(flat, end) if flat[end : end + 1] == "-" else None
        if after is not None and _is_half(passage, end + 1, after.end()):
            end = after.end()
        if flat[start - 1 : start] == "-":
            before = _MARRIED_BEFORE.search(flat[max(0, start - _LONGEST_PART) : start])
            if before is not None:
                at = max(0, start - _LONGEST_PART) + before.start()
                if _is_half(passage, at, start - 1):
                    start = at
        return Close(start, end, hit.kind)


def _is_half(passage: Passage, start: int, end: int) -> bool:
    """Say whether this may be half of a double name: in capitals, and no term or word of the language."""
    word = passage.flat[start:end]
    shown = passage.between(start, end)
    following = _NEXT_WORD.match(passage.flat, end)
    if is_eponym(word) and following is not None and following[1] in EPONYM_NOUNS:
        return False
    return shown[:1].isupper() and not is_plain(word) and not is_clinical(word) and word not in EPONYM_NOUNS


def _is_in_term(passage: Passage, index: int) -> bool:
    """Say whether the word is in a term that is called by a person: Baker cyst, Hill-Sachs, circle of Willis."""
    words = passage.words
    if index > 1 and words[index - 1] in {"of", "de", "von", "d"} and words[index - 2] in EPONYM_NOUNS:
        return True
    for other, left in ((index + 1, index), (index - 1, index - 1)):
        if 0 <= other < len(words) and is_eponym(words[other]) and passage.gap(left) == "-":
            return True
    at = index + 1
    if at < len(words) and words[at] == "s" and passage.gap(index) in {"'", ""}:
        at += 1
    if at >= len(words) or words[at] not in EPONYM_NOUNS:
        return False
    gap = passage.gap(at - 1)
    small = not passage.original(at)[:1].isupper() or passage.original(index).isupper()
    return gap == "-" or (gap in {" ", "' ", "\n"} and small)


def _stands_alone(passage: Passage, index: int, *, split: bool = False, told: bool = False) -> bool:
    """Say whether a plain word in capitals stands as a name does: in the midst of a sentence, not before a noun."""
    words = passage.words
    first = index - 1 if split else index
    if first == 0:
        return False
    before = words[first - 1]
    gap = passage.gap(first - 1)
    if (
        before in _NOT_BEFORE_NAME
        or gap not in {" ", ", ", " (", ' "'}
        or passage.capitals(first - 1) is not Capitals.NONE
    ):
        return False
    if not before.isalpha() or not _GERMAN.isdisjoint(_sentence(passage, index)):
        return False
    if index + 1 >= len(words):
        return True
    if words[index + 1] == "s":
        return passage.gap(index) == "'"
    gap = passage.gap(index)
    if gap == " " and words[index + 1] in _TOLD:
        return True
    if told and before not in {"to", "by"}:
        return False
    return (gap == " " and words[index + 1] in _AFTER_NAME) or _SENTENCE_END.search(gap) is not None or "," in gap


def _sentence(passage: Passage, index: int) -> set[str]:
    """Return the words around `index` that are in its sentence, as far as twelve words away."""
    found: set[str] = set()
    for step in (-1, 1):
        at = index
        for _ in range(12):
            left = at if step > 0 else at - 1
            if left < 0 or left + 1 >= len(passage.words) or _SENTENCE_END.search(passage.gap(left)):
                break
            at += step
            found.add(passage.words[at])
    return found
