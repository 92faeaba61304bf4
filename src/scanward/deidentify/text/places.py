"""The notations of addresses, institutions and e-mail addresses."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.folding import fold, spellings
from scanward.deidentify.text.lexicon import is_ordinary
from scanward.deidentify.text.names import PARTICLES, PLACEHOLDERS
from scanward.deidentify.text.notation import Edge, Gap, Notation, SearchContext
from scanward.model.identifier import IdentifierKind

GENERIC = frozenset(
    "id clinico clinica provincial comarcal infantil militar hospital hospitals clinic clinics klinik kliniken "
    "klinikum krankenhaus spital hopital clinique ospedale clinica policlinico hospitais "
    "medical medicine center centre centro zentrum health healthcare care general regional university "
    "universitat universitaet universitario "
    "universitaria universitaets universite universita college school institute institut instituto istituto "
    "imaging radiology radiologie "
    "radiologia radiologico diagnostic diagnostics department dept abteilung service services servicio group "
    "practice praxis associates "
    "memorial community county city state national royal public private saint st san santa sankt sainte mount "
    "mt north south east west "
    "northern southern eastern western central childrens children pediatric foundation trust nhs inc llc ltd "
    "gmbh ag co corp company "
    "system systems network campus ward unit office branch laboratory lab research science sciences surgery "
    "cancer heart emergency outpatient "
    "street str strasse road rd avenue ave av blvd boulevard lane ln drive dr court ct place pl square sq way "
    "parkway pkwy highway hwy suite "
    "ste apt apartment floor building bldg box po room rue calle via viale piazza plaza platz weg allee gasse "
    "laan straat plein rua avenida "
    "usa us uk gb de fr es it nl at ch be ca deutschland germany france spain italy austria netherlands "
    "united states kingdom america canada "
    "der des du della del de la le les los las of and und et y e the for fur fuer a am an im zu zum zur".split()
)
"""Words of which addresses and names of institutions are made, and countries: no one of them tells which."""

_WORD = re.compile(r"[^\W_]+")
_ADDRESS_PART = re.compile(r"[,^\n\r;=\\|]+")
_SHORTEST = 4


def institution_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield an institution: whole, in pairs of neighbouring words, and by the words that only it has."""
    words = _WORD.findall(value)
    telling = [_is_telling(fold(word)) for word in words]
    if not any(telling):
        return
    yield from _phrase(kind, words)
    if len(words) > 2:
        for index in range(len(words) - 1):
            if telling[index] or telling[index + 1]:
                yield from _phrase(kind, words[index : index + 2])
    for word, tells in zip(words, telling, strict=True):
        if tells:
            yield from _word(kind, word)


def address_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield an address: whole, each line or part of it, the street without its number, postcode and town."""
    parts = [part for part in _ADDRESS_PART.split(value) if part.strip()]
    if len(parts) > 1:
        yield from _phrase(kind, _WORD.findall(value))
    for part in parts:
        words = _WORD.findall(part)
        if not any(_is_telling(fold(word)) or any(map(str.isdigit, word)) for word in words):
            continue
        letters = [word for word in words if not any(map(str.isdigit, word))]
        yield from _phrase(kind, words)
        if len(words) > len(letters) > 1:
            yield from _phrase(kind, letters)
        for word in words:
            if word.isdigit():
                if len(word) >= 5:
                    yield Notation((word.encode(),), kind, SearchContext.TEXT, Edge.NUMBER, Gap.FREE)
            elif _is_telling(fold(word)):
                yield from _word(kind, word)


def email_notations(kind: IdentifierKind, value: str) -> Iterator[Notation]:
    """Yield an e-mail address: whole, and the part before the ``@``."""
    if "@" not in value:
        return
    whole = tuple(map(str.encode, _WORD.findall(fold(value))))
    if sum(map(len, whole)) >= 6:
        yield Notation(whole, kind, SearchContext.CODESTREAM, Edge.LOOSE, Gap.FREE)
    local = tuple(map(str.encode, _WORD.findall(fold(value.partition("@")[0]))))
    if sum(map(len, local)) >= 6 and not all(is_ordinary(part.decode()) for part in local):
        yield Notation(local, kind, SearchContext.BINARY, Edge.WORD, Gap.FREE)


def telling_words(value: str) -> Iterator[str]:
    """Yield the folded words of an address or institution that tell which it is."""
    for word in _WORD.findall(value):
        yield from (folded for folded in spellings(word) if _is_telling(folded))


def _is_telling(folded: str) -> bool:
    if folded in GENERIC or folded in PARTICLES or folded in PLACEHOLDERS or is_ordinary(folded):
        return False
    return (len(folded) >= 3 and not any(map(str.isdigit, folded))) or not folded.isascii()


def _phrase(kind: IdentifierKind, words: list[str]) -> Iterator[Notation]:
    """Yield neighbouring words, when there is something in them that tells."""
    folded = [fold(word) for word in words]
    size = sum(map(len, folded))
    tells = any(map(_is_telling, folded)) or (any(map(str.isdigit, folded)) and len(folded) > 2)
    if len(folded) < 2 or size < 6 or not tells:
        return
    for spelled in dict.fromkeys((tuple(folded), tuple(spellings(word)[-1] for word in words))):
        joined = "".join(spelled)
        reach = (
            SearchContext.TEXT
            if not joined.isascii()
            else SearchContext.BINARY
            if size < 8
            else SearchContext.CODESTREAM
        )
        yield Notation(tuple(map(str.encode, spelled)), kind, reach, Edge.TOKEN, Gap.FREE)


def _word(kind: IdentifierKind, word: str) -> Iterator[Notation]:
    for folded in spellings(word):
        if not folded.isascii():
            if len(folded) >= 2:
                yield Notation((folded.encode(),), kind, SearchContext.TEXT, Edge.LOOSE, Gap.FREE)
        elif len(folded) >= _SHORTEST - 1 and not is_ordinary(folded):
            reach = SearchContext.TEXT if len(folded) < 6 else SearchContext.HEADER
            yield Notation((folded.encode(),), kind, reach, Edge.WORD, Gap.FREE)
