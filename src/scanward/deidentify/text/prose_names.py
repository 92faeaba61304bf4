"""Names of persons and towns in prose, told from terms and words by the lists and by what stands beside them."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import given_words
from scanward.deidentify.text.prose_lexicon import Sense, places, sense_of
from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind

_CAPITAL = re.compile(r"(?<![^\W\d_])[A-ZÀ-ÖØ-ÞĀ-Ž][^\W\d_]*(?:['’](?!s\b)[^\W\d_]+)?")
_SMALL = re.compile(r"[^\W\d_]+")
_SMALL_BEFORE = re.compile(r"(?<![^\W_])[^\W\d_][a-zà-öø-ÿ]+[ ]$")
_GERMAN = frozenset("der die das und kein keine mit im des".split())
"""Where nouns have capitals, an unlisted word with one is seldom a name."""

_DRUG = re.compile(
    r"(?:mab|nib|pril|olol|statin|mycin|micin|cillin|azole?|parin|xaban|gliptin|tide|formin|sartan|pine|dine|mine|zine|"
    r"tine|"
    r"[aeiou]ine?|[aeiou]l|ide|ate|one|oxin|cept|vir|sone|lone|zepam|zolam|ium|ase|ane|ex|ix|ax|ia|itis|osis|oma|us|um|"
    r"ic|al)$"
)
_BESIDE = re.compile(r"[ \t]?[,.&^-]?[ \t]?|[ \t]['’]s?[ \t]")
_PARTICLES = re.compile(
    r"[ \t,]{1,2}(?:(?:van|von|de|der|den|del|della|di|da|dos|das|du|la|le|el|al|bin|ter|ten|zu|zur|y|e|los|las|st\.)[ "
    r"\t]+){1,3}"
)
_INITIAL = re.compile(r"[ \t]+(?P<initial>[A-Z])(?=\.|[,;:?!)\s'’]|$)")
_MAKER_AFTER = re.compile(r"['’]?s?[ \t\n-]{1,3}(?P<one>[^\W\d_]+)(?:[ \t\n-]{1,3}(?P<two>[^\W\d_]+))?")
_MAKER_BEFORE = re.compile(r"(?P<one>[^\W\d_]+)(?:[ \t]+(?:de|von|nach|di|da|do|du|des|of|d['’]))?[ \t'’-]+$")
_TITLES = (
    r"Dr|DR|Drs|Dra|Prof|Mr|Mrs|Ms|Miss|Mme|Mlle|Herrn?|Frau|Sra?|Srta|Don|Doña|Dña|D|M|Pr|Monsieur|Madame|"
    r"Mademoiselle|Docteur|Doctor|"
    r"Nurse|Oberarzt|Oberärztin|Chefarzt|Sig|Dott|Dona"
)
_TITLE_BEFORE = re.compile(rf"(?<![^\W_])(?:{_TITLES})\.?[ \t]+(?:[A-ZÀ-ÖØ-Þ][^\W\d_]*\.?[ \t]+)?$")
_TITLE_LEFT = re.compile(rf"(?<![^\W_])(?:(?:{_TITLES})(?:\.?(?:\(a\))?\.?[ \t]|\.)(?:med\.[ \t])?)+$")
_TITLE_RIGHT = re.compile(rf"(?:{_TITLES})(?![^\W_])")
_KIN = re.compile(
    r"(?:(?i:wife|husband|spouse|partner|son|daughter|mother|father|brother|sister|aunt|uncle|niece|nephew|cousin|"
    r"friend|"
    r"neighbou?r|caregiver|guardian|grandson|granddaughter|grandmother|grandfather|esposa|esposo|marido|mujer|hij[oa]|"
    r"madre|padre|herman[oa]|filh[oa]|m[ãa]e|pai|irm[ãa]o?|épouse|époux|mari|femme|fille|fils|mère|père|frère|soeur|"
    r"sœur)|"
    r"(?P<german>Ehefrau|Ehemann|Tochter|Sohn|Mutter|Vater|Bruder|Schwester|Lebensgefährt(?:e|in)|Kolleg(?:e|in|en)))"
    r",?[ \t]+(?P<name>[A-ZÀ-ÖØ-Þ][^\W\d_]+)(?![^\W_]|[ \t]*:)"
)
_KIN_WORDS = frozenset(
    "wife husband spouse partner son daughter mother father brother sister aunt uncle niece nephew cousin friend "
    "neighbor "
    "neighbour caregiver guardian grandson granddaughter grandmother grandfather esposa esposo marido mujer hijo hija "
    "madre "
    "padre hermano hermana filho filha mãe mae pai irmão irmao irmã irma épouse époux mari femme fille fils mère père "
    "frère "
    "soeur sœur ehefrau ehemann tochter sohn mutter vater bruder schwester lebensgefährte lebensgefährtin kollege "
    "kollegin "
    "kollegen".split()
)
_ARTICLE_BEFORE = re.compile(
    r"(?<![^\W_])(?:the|an?|el|la|los|las|un|una|unos|unas|de|del|sin|con|en|y|o|se|le|les|des|du|une|et|der|die|das|"
    r"den|dem|des|ein|eine|"
    r"os?|as?|um|uma|do|da|dos|das|no|na|e|il|lo|gli|i|più|muy|más|est|son|its?|no|of)[ \t]+$"
)
_WORD_BEFORE = re.compile(
    r"(?<![^\W_])(?P<one>[A-ZÀ-ÖØ-Þ][^\W\d_]+)[ \t]+(?:(?:van|von|de|der|del|di|da|dos|la|le)[ \t]+){0,2}$"
)
_GRADE_AFTER = re.compile(r"['’]?s?[ \t-]+(?:[IVX]{1,4}[abc]?|\d{1,2}[abc]?)(?![^\W_]|[./-]\d)")
_SENTENCE_START = re.compile(r"(?:^|[.:;!?•*|-][ \t]+|\n[ \t]*|[\"“(]|\d[.)][ \t]+)$")
_SIGNED = frozenset(
    "transcribed dictated typed signed entered scanned read reviewed performed acquired technologist tech "
    "initials".split()
)
_SIGNED_INITIALS = re.compile(
    r"(?i:transcribed|dictated|typed|signed|entered|scanned|read|reviewed|performed|acquired|technologist|tech|"
    r"initials)"
    r"(?:[^\n.;]{0,40}?[ \t](?i:by))?[ \t]*:?[ \t]*(?P<initials>[A-Z]{2,3}(?:/[A-Za-z]{2,3})?)(?![^\W_])(?![ "
    r"\t]+[A-Z][a-z])"
)
_TYPED_INITIALS = re.compile(
    r"(?i:transcribed|dictated|typed|entered)(?:[ \t]+(?i:by))?[ \t]*:[ \t]*(?P<initials>[a-z]{2,3})"
    r"(?=[ \t]*(?:\d|[.;,/\n]|$))"
)
_PARTED_INITIALS = re.compile(r"(?<=[a-z] / )(?P<initials>[A-Z]{2,3})(?= / \d)")
_LOOK_BEFORE, _FAR = 40, 3
_ACRONYM = 6
_SHORTEST_SMALL = 4
_LONGEST_WORD = 80
_IN = re.compile(
    r"(?<![^\W_])(?:in|at|from|of|near|to|visited|our|the|de|en|a|em|aus|bei|nach|à)[ \t]+$", re.IGNORECASE
)
_NAMELY = Sense.GIVEN | Sense.SURNAME
_EPONYMS = Sense.EPONYM | Sense.EPONYM_TOO
_CANDIDATE = _NAMELY | Sense.UNKNOWN
_STATE_AFTER = re.compile(
    r",?[ \t]+(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|"
    r"V[AT]|"
    r"W[AIVY]|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|"
    r"Illinois|"
    r"Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|"
    r"Montana|"
    r"Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|"
    r"Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West "
    r"Virginia|"
    r"Wisconsin|Wyoming|Ontario|Quebec|Québec|Alberta|Manitoba|Saskatchewan|British Columbia|Nova Scotia)(?![^\W_])"
)


_DEGREES = frozenset("MD DO RN NP PA MPH PhD BSN DDS FRCR FACR MBBS FRCP CRNP RT ARRT".split())
"""Behind a name they say what somebody is, and not who."""


class _Word(NamedTuple):
    start: int
    end: int
    sense: int


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
        if (sense := sense_of(match[0].lower())) & ~(Sense.WORD | Sense.CORE | Sense.MAKES_TERM)
        or match.end() - match.start() == 1
    ]
    terms = [(word.start, word.end) for word in words if _is_term(text, word)]
    aside = {start for start, _ in terms}
    aside.update(word.start for word in words if text[word.start : word.end] in _DEGREES)
    aside.update(word.start for word in words if is_title(text[word.start : word.end]))
    taken = [False] * len(words)
    _take_sure(words, taken, aside)
    _take_titled(text, words, taken)
    _take_pairs(text, words, taken, aside)
    _take_beside(text, words, taken, aside)
    if strict or wording.present.isdisjoint(_GERMAN):
        _take_unknown(text, words, taken, aside, inside_only=not strict)
    found = [
        Shape(word.start, word.end, IdentifierKind.PERSON_NAME)
        for word, is_taken in zip(words, taken, strict=True)
        if is_taken
    ]
    found += _initials(text, words, taken)
    found += _small(wording)
    found += find_towns(wording, words, aside)
    return Names(_joined(text, found), [span for span in terms if not any(span[0] == shape.start for shape in found)])


def _is_term(text: str, word: _Word) -> bool:
    """Say whether a name is part of a term: before or behind a word that makes terms, or one that is hardly a name."""
    if not word.sense & (Sense.EPONYM | Sense.EPONYM_TOO | Sense.UNKNOWN):
        return False
    titled = _TITLE_BEFORE.search(text, max(0, word.start - _LOOK_BEFORE), word.start) is not None
    if word.sense & Sense.EPONYM and not titled and not _given_before(text, word):
        return True
    return not titled and (_makes_term_after(text, word) or _makes_term_before(text, word))


def _makes_term_after(text: str, word: _Word) -> bool:
    eponym = word.sense & Sense.EPONYM_TOO
    after = _MAKER_AFTER.match(text, word.end)
    if after is not None:
        one = sense_of(after["one"].lower())
        if one & Sense.MAKES_TERM and (eponym or not after["one"][0].isupper()):
            return True
        if eponym and one & _EPONYMS and text[word.end] == "-":
            return True
        two = sense_of((after["two"] or "").lower())
        if eponym and two & Sense.MAKES_TERM and one & (_EPONYMS | Sense.WORD):
            return True
    return bool(eponym and _GRADE_AFTER.match(text, word.end))


def _makes_term_before(text: str, word: _Word) -> bool:
    eponym = word.sense & Sense.EPONYM_TOO
    before = _MAKER_BEFORE.search(text, max(0, word.start - _LOOK_BEFORE), word.start)
    if before is None:
        return False
    one = sense_of(before["one"].lower())
    if one & Sense.MAKES_TERM and (eponym or before["one"].islower()):
        return True
    return bool(eponym and text[word.start - 1] == "-" and one & _EPONYMS)


def _given_before(text: str, word: _Word) -> bool:
    """Say whether the capitalised word before `word` is a given name, and no name of which terms are made."""
    match = _WORD_BEFORE.search(text, max(0, word.start - _LOOK_BEFORE), word.start)
    if match is None:
        return False
    sense = sense_of(match["one"].lower())
    return bool(sense & Sense.GIVEN) and not sense & (Sense.EPONYM | Sense.EPONYM_TOO | Sense.CORE)


def _take_sure(words: Sequence[_Word], taken: list[bool], aside: set[int]) -> None:
    for index, word in enumerate(words):
        if (
            word.sense & Sense.NAME
            and word.start not in aside
            and word.end - word.start > 2
            and not word.sense & Sense.PLACE
        ):
            taken[index] = True


def _take_titled(text: str, words: Sequence[_Word], taken: list[bool]) -> None:
    """Take what stands behind a title and is not only a word of reports."""
    for index, word in enumerate(words):
        if not word.sense & Sense.CORE and _size(word) > 2 and not taken[index]:
            taken[index] = _TITLE_LEFT.search(text, max(0, word.start - _LOOK_BEFORE), word.start) is not None


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
        if (
            given.sense & Sense.GIVEN
            and family.sense & (Sense.SURNAME | Sense.UNKNOWN | Sense.EPONYM_TOO)
            and not (right.start in aside and not right.sense & Sense.EPONYM_TOO and not right.sense & Sense.EPONYM)
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
            if words[index].sense & _CANDIDATE or (
                _size(words[index]) == 1 and "," not in text[left.end : right.start]
            ):
                taken[index] = True


def _take_unknown(text: str, words: Sequence[_Word], taken: list[bool], aside: set[int], *, inside_only: bool) -> None:
    """Take capitalised words that are in no list; if `inside_only`, only those within sentences of small letters."""
    for index, word in enumerate(words):
        value = text[word.start : word.end]
        if not word.sense & Sense.UNKNOWN or word.start in aside or len(value) <= 2 or taken[index]:
            continue
        if inside_only:
            taken[index] = value[1:].islower() and len(value) > 3 and _is_inside(text, word) and not _DRUG.search(value)
        else:
            taken[index] = not (value.isupper() and len(value) <= _ACRONYM)


def _is_inside(text: str, word: _Word) -> bool:
    """Say whether a word not in capitals stands right before, and no mark that makes it part of another."""
    match = _SMALL_BEFORE.search(text, max(0, word.start - _LOOK_BEFORE), word.start)
    return match is not None and text[word.end : word.end + 1] not in {"-", "®", "™", "/"}


def _is_beside(text: str, left: _Word, right: _Word) -> bool:
    if right.start - left.end > 1 + _FAR * 6:
        return False
    return bool(_BESIDE.fullmatch(text, left.end, right.start) or _PARTICLES.fullmatch(text, left.end, right.start))


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


def find_kin(wording: Wording) -> Iterator[Shape]:
    """Yield what stands behind a word for a relative or colleague (her daughter, Imogen), whatever else it means."""
    for match in wording.matches(_KIN, _KIN_WORDS):
        # In German an ordinary noun behind it has a capital too.
        if not is_title(match["name"]) and not (match["german"] and sense_of(match["name"].lower()) & Sense.CORE):
            yield Shape(*match.span("name"), IdentifierKind.PERSON_NAME)


def find_initials(wording: Wording) -> Iterator[Shape]:
    """Yield the initials of who typed or signed."""
    if " / " in wording.text:
        for match in _PARTED_INITIALS.finditer(wording.text):
            yield Shape(*match.span("initials"), IdentifierKind.PERSON_NAME)
    for pattern in (_SIGNED_INITIALS, _TYPED_INITIALS):
        for match in wording.matches(pattern, _SIGNED):
            yield Shape(*match.span("initials"), IdentifierKind.PERSON_NAME)


def _small(wording: Wording) -> Iterator[Shape]:
    """Yield given names written small that are nothing else, with what follows if it could be a surname."""
    text = wording.text
    for start in wording.starts(_given_only()):
        end = start + next(_SMALL.finditer(text, start)).end() - start
        if not text[start].islower() or _ARTICLE_BEFORE.search(text, max(0, start - 8), start):
            continue
        follow = _SMALL.match(text, end + 1) if text[end : end + 1] == " " else None
        if follow is not None:
            sense = sense_of(follow[0].lower())
            if sense & (Sense.NAME | Sense.UNKNOWN) and len(follow[0]) > 2:
                end = follow.end()
        yield Shape(start, end, IdentifierKind.PERSON_NAME)


@cache
def _given_only() -> frozenset[str]:
    """Return the given names that are nothing else, in lower case."""
    other = Sense.WORD | Sense.CORE | Sense.EPONYM | Sense.MAKES_TERM | Sense.PLACE
    return frozenset(
        name
        for name in given_words()
        if len(name) >= _SHORTEST_SMALL and sense_of(name) & Sense.NAME and not sense_of(name) & other
    )


_TOWN_FURTHER = re.compile(
    r"[ \t](?:(?:de|del|da|do|am|an der|upon|sur|sous|di)(?:[ \t](?:la|los|las|el))?[ \t][A-ZÀ-Þ][^\W\d_]+|"
    r"(?i:metro(?:politan)?[ \t]area|metro|downtown|suburbs?|county|area)(?![^\W_]))"
)
_ZIP_AFTER = re.compile(r"[ \t]*[,.-]?[ \t]*(?:\(?\d{5}(?:-\d{3,4})?\)?)(?![\d.,/-]\d|\w)")
_ZIP_BEFORE = re.compile(r"(?<![\w.,/-])\d{4,5}[ \t]*[.,-]?[ \t]*(?:[A-Z]{1,2}-)?$")


def _town(text: str, start: int, end: int) -> Shape:
    """Return a town with its state and the postcode beside it."""
    further = _TOWN_FURTHER.match(text, end)
    end = further.end() if further else end
    state = _STATE_AFTER.match(text, end)
    end = state.end() if state else end
    code = _ZIP_AFTER.match(text, end)
    before = _ZIP_BEFORE.search(text, max(0, start - 12), start)
    return Shape(before.start() if before else start, code.end() if code else end, IdentifierKind.ADDRESS)


def find_towns(wording: Wording, words: Sequence[_Word], aside: set[int]) -> Iterator[Shape]:
    """Yield towns: of more words, of one that is nothing else, of others behind ``in`` or before a state."""
    text = wording.text
    for word in words:
        if word.sense & (Sense.PLACE | Sense.PLACE_TOO) and word.start not in aside:
            state = _STATE_AFTER.match(text, word.end)
            if word.sense & Sense.PLACE or state or _IN.search(text, max(0, word.start - 12), word.start):
                yield _town(text, word.start, word.end)
    longer = places().longer
    for start in wording.starts(frozenset(longer)):
        if start in aside or (not text[start].isupper() and not text.startswith("the ", start)):
            continue
        first = next(_SMALL.finditer(text, start))
        for name in longer.get(fold(first[0]), ()):
            end = _matched(text, first.end(), name[1:])
            if end is not None:
                yield _town(text, start, end)
                break


def _matched(text: str, at: int, words: Sequence[str]) -> int | None:
    for word in words:
        match = re.compile(r"[ \t.'’-]{1,2}([^\W\d_]+)").match(text, at)
        if match is None or fold(match[1]) != word:
            return None
        at = match.end()
    return at


def is_title(word: str) -> bool:
    """Say whether `word` is a title."""
    return _TITLE_RIGHT.fullmatch(word) is not None


def with_title(text: str, shape: Shape) -> Shape:
    """Return the name of a person with the title before it, and without ordinary words written small at its end."""
    start, end = shape.start, shape.end
    while (last := _LAST_SMALL.search(text, max(start, end - _LONGEST_WORD), end)) is not None:
        sense = sense_of(last["word"].lower())
        if sense & (Sense.NAME | Sense.GIVEN | Sense.SURNAME) and not sense & (Sense.WORD | Sense.CORE):
            break
        end = last.start()
    title = _TITLE_LEFT.search(text, max(0, start - _LOOK_BEFORE), start)
    return Shape(title.start() if title else start, end, shape.kind)


_LAST_SMALL = re.compile(r"[ \t,.]+(?P<word>[a-zà-öø-ÿ]+)[ \t,.]*$")


def _joined(text: str, found: list[Shape]) -> list[Shape]:
    """Join parts of one name between which only a blank, a mark or a particle stands."""
    joined: list[Shape] = []
    for shape in sorted(found):
        if joined and shape.kind is joined[-1].kind and shape.kind is IdentifierKind.PERSON_NAME:
            last = joined[-1]
            gap = text[last.end : shape.start]
            if (
                shape.start <= last.end
                or re.fullmatch(r"[ \t.'’-]{1,2}", gap)
                or (len(gap) < 20 and _PARTICLES.fullmatch(gap))
            ):
                joined[-1] = Shape(last.start, max(last.end, shape.end), last.kind)
                continue
        joined.append(shape)
    return joined
