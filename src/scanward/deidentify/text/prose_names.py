"""Names of persons and towns in prose, told from terms and ordinary words by the lists and by what stands beside them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scanward.deidentify.text.prose_lexicon import Sense, places, sense_of
from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind

_CAPITAL = re.compile(r"(?<![^\W\d_])[A-ZÀ-ÖØ-ÞĀ-Ž][^\W\d_]*(?:['’](?!s\b)[^\W\d_]+)?")
_SMALL = re.compile(r"[^\W\d_]+")
_BESIDE = re.compile(r"[ \t]?[,.&^-]?[ \t]?|[ \t]['’]s?[ \t]")
_PARTICLES = re.compile(
    r"[ \t,]{1,2}(?:(?:van|von|de|der|den|del|della|di|da|dos|das|du|la|le|el|al|bin|ter|ten|zu|zur|y|e|los|las|st\.)[ \t]+){1,3}"
)
_INITIAL = re.compile(r"[ \t]+(?P<initial>[A-Z])(?=\.|[,;:?!)\s'’]|$)")
_MAKER_AFTER = re.compile(r"['’]?s?[ \t-]+(?P<one>[^\W\d_]+)(?:[ \t-]+(?P<two>[^\W\d_]+))?")
_MAKER_BEFORE = re.compile(r"(?P<one>[^\W\d_]+)(?:[ \t]+(?:de|von|nach|di|da|do|du|des|of|d['’]))?[ \t'’-]+$")
_GRADE_AFTER = re.compile(r"['’]?s?[ \t-]+(?:[IVX]{1,4}[abc]?|\d{1,2}[abc]?)(?![^\W_])")
_SENTENCE_START = re.compile(r"(?:^|[.:;!?•*|-][ \t]+|\n[ \t]*|[\"“(]|\d[.)][ \t]+)$")
_LOOK_BEFORE, _FAR = 40, 3
_ACRONYM = 6
_IN = re.compile(r"(?<![^\W_])(?:in|at|from|of|near|to|visited|our|the|de|en|a|em|aus|bei|nach|à)[ \t]+$", re.IGNORECASE)
_NAMELY = Sense.GIVEN | Sense.SURNAME
_CANDIDATE = _NAMELY | Sense.UNKNOWN
_STATE_AFTER = re.compile(
    r",?[ \t]+(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|"
    r"W[AIVY]|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|"
    r"Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|"
    r"Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|"
    r"Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|"
    r"Wisconsin|Wyoming|Ontario|Quebec|Québec|Alberta|Manitoba|Saskatchewan|British Columbia|Nova Scotia)(?![^\W_])"
)


class _Word(NamedTuple):
    start: int
    end: int
    sense: Sense


class Names(NamedTuple):
    """What stands in a text.

    Attributes
    ----------
    found
        Names of persons and towns.
    terms
        Where names are parts of terms, so that nothing but what is known may be taken there.
    """

    found: list[Shape]
    terms: list[tuple[int, int]]


def find_names(wording: Wording, *, strict: bool) -> Names:
    """Return names in a text.

    Parameters
    ----------
    wording
        The text.
    strict
        Whether a capitalised word that is in no list is a name where nothing tells that it is not; for a text that
        nothing else looks at.
    """
    text = wording.text
    words = [
        _Word(match.start(), match.end(), sense)
        for match in _CAPITAL.finditer(text)
        if (sense := sense_of(match[0].lower())) & ~(Sense.WORD | Sense.CORE | Sense.MAKES_TERM) or match.end() - match.start() == 1
    ]
    terms = [(word.start, word.end) for word in words if _is_term(text, word)]
    aside = {start for start, _ in terms}
    taken = [False] * len(words)
    _take_sure(words, taken, aside)
    _take_pairs(text, words, taken, aside)
    _take_beside(text, words, taken, aside)
    if strict:
        _take_unknown(text, words, taken, aside)
    found = [
        Shape(word.start, word.end, IdentifierKind.PERSON_NAME) for word, is_taken in zip(words, taken, strict=True) if is_taken
    ]
    found += _initials(text, words, taken)
    found += _small(wording)
    found += find_towns(wording, words, aside)
    return Names(_joined(text, found), [span for span in terms if not any(span[0] == shape.start for shape in found)])


def _is_term(text: str, word: _Word) -> bool:
    """Say whether a name is part of a term: before or behind a word that makes terms, or one that is hardly a name."""
    sense = word.sense
    if sense & Sense.EPONYM:
        return True
    eponym = bool(sense & Sense.EPONYM_TOO)
    unlisted = bool(sense & Sense.UNKNOWN)
    if not eponym and not unlisted:
        return False
    after = _MAKER_AFTER.match(text, word.end)
    if after is not None:
        one = sense_of(after["one"].lower())
        if one & Sense.MAKES_TERM and not after["one"][0].isupper():
            return True
        if eponym:
            if one & Sense.MAKES_TERM or (one & (Sense.EPONYM | Sense.EPONYM_TOO) and text[word.end] == "-"):
                return True
            two = sense_of((after["two"] or "").lower())
            if after["two"] and two & Sense.MAKES_TERM and one & (Sense.EPONYM | Sense.EPONYM_TOO | Sense.WORD):
                return True
    if eponym and _GRADE_AFTER.match(text, word.end):
        return True
    before = _MAKER_BEFORE.search(text, max(0, word.start - _LOOK_BEFORE), word.start)
    if before is None:
        return False
    one = sense_of(before["one"].lower())
    if one & Sense.MAKES_TERM and before["one"].islower():
        return True
    return eponym and text[word.start - 1] == "-" and bool(one & (Sense.EPONYM | Sense.EPONYM_TOO))


def _take_sure(words: Sequence[_Word], taken: list[bool], aside: set[int]) -> None:
    for index, word in enumerate(words):
        if word.sense & Sense.NAME and word.start not in aside and word.end - word.start > 2 and not word.sense & Sense.PLACE:
            taken[index] = True


def _take_pairs(text: str, words: Sequence[_Word], taken: list[bool], aside: set[int]) -> None:
    """Take a given name and a surname in a row, whatever else they mean (Grace Long; Long, Grace)."""
    for index in range(len(words) - 1):
        left, right = words[index], words[index + 1]
        if left.start in aside or not _is_beside(text, left, right):
            continue
        gap = text[left.end : right.start]
        given, family = (right, left) if "," in gap else (left, right)
        if given.sense & Sense.CORE or family.sense & Sense.CORE or min(_size(given), _size(family)) < 2:
            continue
        if given.sense & Sense.GIVEN and family.sense & (Sense.SURNAME | Sense.UNKNOWN | Sense.EPONYM_TOO) and not (
            right.start in aside and not right.sense & Sense.EPONYM_TOO and not right.sense & Sense.EPONYM
        ):
            taken[index] = taken[index + 1] = True


def _take_beside(text: str, words: Sequence[_Word], taken: list[bool], aside: set[int]) -> None:
    """Take the words of names that stand beside one that was taken, to the right and then to the left."""
    for order in (range(1, len(words)), range(len(words) - 2, -1, -1)):
        step = -1 if order.step > 0 else 1
        for index in order:
            other = index + step
            if taken[index] or not taken[other] or words[index].start in aside:
                continue
            left, right = sorted((words[index], words[other]))
            if words[index].sense & (Sense.CORE | Sense.PARTICLE) or not _is_beside(text, left, right):
                continue
            if words[index].sense & _CANDIDATE or _size(words[index]) == 1:
                taken[index] = True


def _take_unknown(text: str, words: Sequence[_Word], taken: list[bool], aside: set[int]) -> None:
    for index, word in enumerate(words):
        value = text[word.start : word.end]
        if word.sense & Sense.UNKNOWN and word.start not in aside and len(value) > 2:
            taken[index] = not (value.isupper() and len(value) <= _ACRONYM) or taken[index]


def _is_beside(text: str, left: _Word, right: _Word) -> bool:
    if right.start - left.end > 1 + _FAR * 6:
        return False
    return bool(
        _BESIDE.fullmatch(text, left.end, right.start) or _PARTICLES.fullmatch(text, left.end, right.start)
    )


def _size(word: _Word) -> int:
    return word.end - word.start


def _initials(text: str, words: Sequence[_Word], taken: Sequence[bool]) -> Iterator[Shape]:
    """Yield given names with the initial of a surname (Anna S.), and initials behind a name that was taken."""
    for word, is_taken in zip(words, taken, strict=True):
        if not is_taken and not word.sense & Sense.GIVEN:
            continue
        if _size(word) < 2 or word.sense & (Sense.CORE | Sense.EPONYM):
            continue
        match = _INITIAL.match(text, word.end)
        if match is not None and (is_taken or text[match.end("initial") : match.end("initial") + 1] == "."):
            yield Shape(word.start, match.end("initial"), IdentifierKind.PERSON_NAME)


def _small(wording: Wording) -> Iterator[Shape]:
    """Yield given names written small that are nothing else, with what follows if it could be a surname."""
    text = wording.text
    names = {word for word in wording.present if len(word) > 3 and _is_given_only(word)}
    for start in wording.starts(names) if names else ():
        end = start + next(_SMALL.finditer(text, start)).end() - start
        if not text[start].islower():
            continue
        follow = _SMALL.match(text, end + 1) if text[end : end + 1] == " " else None
        if follow is not None:
            sense = sense_of(follow[0].lower())
            if sense & (Sense.NAME | Sense.UNKNOWN) and len(follow[0]) > 2:
                end = follow.end()
        yield Shape(start, end, IdentifierKind.PERSON_NAME)


def _is_given_only(word: str) -> bool:
    sense = sense_of(word)
    return bool(sense & Sense.GIVEN and sense & Sense.NAME) and not sense & (
        Sense.WORD | Sense.CORE | Sense.EPONYM | Sense.MAKES_TERM | Sense.PLACE
    )


def find_towns(wording: Wording, words: Sequence[_Word], aside: set[int]) -> Iterator[Shape]:
    """Yield towns: those of more words, those of one that are nothing else, the others behind ``in`` or before a state."""
    text = wording.text
    for word in words:
        if word.sense & (Sense.PLACE | Sense.PLACE_TOO) and word.start not in aside:
            state = _STATE_AFTER.match(text, word.end)
            if word.sense & Sense.PLACE or state or _IN.search(text, max(0, word.start - 12), word.start):
                yield Shape(word.start, state.end() if state else word.end, IdentifierKind.ADDRESS)
    longer = places().longer
    for start in wording.starts(frozenset(longer)):
        if not text[start].isupper():
            continue
        first = next(_SMALL.finditer(text, start))
        for name in longer[_folded(first[0])] if _folded(first[0]) in longer else ():
            end = _matched(text, first.end(), name[1:])
            if end is not None:
                state = _STATE_AFTER.match(text, end)
                yield Shape(start, state.end() if state else end, IdentifierKind.ADDRESS)
                break


def _matched(text: str, at: int, words: Sequence[str]) -> int | None:
    for word in words:
        match = re.compile(r"[ \t.'’-]{1,2}([^\W\d_]+)").match(text, at)
        if match is None or _folded(match[1]) != word:
            return None
        at = match.end()
    return at


def _folded(word: str) -> str:
    from scanward.deidentify.text.folding import fold

    return fold(word)


def _joined(text: str, found: list[Shape]) -> list[Shape]:
    """Join parts of one name between which only a blank, a mark or a particle stands."""
    joined: list[Shape] = []
    for shape in sorted(found):
        if joined and shape.kind is joined[-1].kind and shape.kind is IdentifierKind.PERSON_NAME:
            last = joined[-1]
            gap = text[last.end : shape.start]
            if shape.start <= last.end or re.fullmatch(r"[ \t.'’-]{1,2}", gap) or (len(gap) < 20 and _PARTICLES.fullmatch(gap)):
                joined[-1] = Shape(last.start, max(last.end, shape.end), last.kind)
                continue
        joined.append(shape)
    return joined
