"""What is an ordinary word, and what is a name: the word lists, folded once, and word formation of medicine.

``protocol_words.txt`` beside this file adds to :mod:`scanward.standard.vocabulary` what headers are written in.
"""

import os
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from scanward.deidentify.text.folding import fold, spellings
from scanward.standard.vocabulary import ambiguous_words, given_names, standard_words, surnames

_PROTOCOL_WORDS = os.path.join(os.path.dirname(__file__), "protocol_words.txt")  # noqa: PTH118, PTH120 - start-up time

_FORMATION = re.compile(
    r".{2,}(?:"
    # English and international
    r"itis|itides|os[ei]s|[bcdglmnrstx]omas?|omata|[eo]ctom(?:y|ies)|[oa]tomy|ostomy|gra(?:ph(?:y|ic|ical|"
    r"ically)|m|ms|phies)|"
    r"scop(?:y|ic|ies)|algia|[an]?emi[ac]|uri[ac]|path(?:y|ies|ic)|plast(?:y|ic|ies)|megaly|penia|lysis|lytic|"
    r"pleg(?:ia|ic)|"
    r"rrh(?:ea|oea|age|agic|aphy)|troph(?:y|ic)|sclero(?:sis|tic)|steno(?:sis|tic)|ectas(?:is|es|ia)|centesis|"
    r"pexy|desis|"
    r"phasia|phagia|phobia|pnea|pnoea|cardia|cardial|cyte|cytic|cytosis|blastoma|oid|oidal|iform|genic|genous|genesis|"
    r"ologic|ological|ology|ologist|metr(?:y|ic)|thorax|vascular|cerebral|spinal|costal|venous|arterial|ventricular|"
    r"carpal|tarsal|condylar|axial|lateral|medial|cranial|caudal|hepatic|gastric|renal|cardiac|thoracic|"
    r"pelvic|abdominal|"
    r"tion|tions|sion|sions|ically|ization|isation|ability|ivity|osity|mentation|lucen(?:t|cy)|"
    # German
    r"gra(?:ph|f)ie|gramm|skopie|algie|[aä]mie|urie|pathie|plastik|tomie|logie|metrie|sklerose|stenose|thrombose|"
    r"(?:[bcdfgklmnprstz]|ier)ung|ungen|heit|keit|schaft|ismus|gelenke?|gelenks|knochen|wirbels?|saeule|saule|"
    r"schadels?|schaedels?|bauchs?|"
    r"sehne|arterien?|venen?|druse|druese|muskel|entzundung|entzuendung|veranderung|veraenderung|erkrankung|phase|"
    # Romance
    r"gra(?:ph|f)ia|gramas?|grafica|scopia|skopia|algia|emia|patia|plastia|tomia|logia|metria|cion|ciones|cao|"
    r"coes|zione|zioni|"
    r"amiento|imiento|amento|imento|idade|idad|"
    # Dutch
    r"grafie|scopie|ectomie|atie|heid|"
    # Slavic
    r"томография|графия|скопия|ония|итом?"
    r")"
)
_SHORTEST_FORMATION = 6
_ENDINGS = (
    ("ies", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("al", ""),
    ("ally", ""), ("ic", ""), ("er", ""), ("en", ""), ("n", ""), ("e", ""), ("a", ""), ("o", ""), ("i", ""),
    ("ae", "a"),
    ("i", "us"), ("a", "um"), ("es", "is"), ("oid", ""), ("ness", ""), ("less", ""), ("ular", ""), ("ar", ""),
)  # fmt: skip
_PREFIXES = tuple(
    "anti bi de dis endo epi extra hemi hyper hypo infra inter intra mega meta micro mid multi neo neuro non "
    "over para peri poly post pre pseudo quadri re retro "
    "semi sub super supra tele trans tri ultra un uni cardio cranio thoraco abdomino osteo myo angio arterio "
    "cerebro cervico costo femoro fibro gastro hepato ileo "
    "ilio lumbo maxillo musculo naso nephro oculo oro patello pneumo pulmo radio recto sacro sterno talo "
    "tempero tibio ulno uretero utero vaso veno ventriculo "
    "vesico mandibulo dento gluteo glosso laryngo pharyngo tracheo broncho oesophago esophago duodeno jejuno "
    "colo chole cholangio spleno reno pyelo cysto urethro "
    "prostato ovario hystero salpingo mammo masto encephalo meningo myelo spondylo arthro chondro teno dermo "
    "dermato lympho hemato haemato cyto histo patho bio "
    "immuno thermo photo electro echo magneto sono video tomo fluoro phlebo thrombo athero valvulo atrio "
    "aorto pneumato".split()
)
_SHORTEST_PART = 4


class _Protocol(NamedTuple):
    """The words of ``protocol_words.txt``, folded: plain ones, those on its lines ``?``, those on lines ``!``."""

    plain: frozenset[str]
    doubtful: frozenset[str]
    sure: frozenset[str]


@cache
def _protocol_words() -> _Protocol:
    words: dict[str, set[str]] = {"": set(), "?": set(), "!": set()}
    with open(_PROTOCOL_WORDS, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up time
        for line in file:
            mark = line[0] if line[0] in "?!" else ""
            if not line.startswith("#"):
                words[mark].update(line[len(mark) :].split())
    return _Protocol(*(_folded(words[mark]) for mark in ("", "?", "!")))


@cache
def listed_given() -> frozenset[str]:
    """Return all listed given names, folded, ordinary words or not."""
    return _folded(given_names())


@cache
def listed_surnames() -> frozenset[str]:
    """Return all listed surnames, folded, ordinary words or not."""
    return _folded(surnames())


@cache
def core_words() -> frozenset[str]:
    """Return the words of protocols and reports, folded; no neighbour makes a name of one of these."""
    protocol = _protocol_words()
    return (protocol.plain - protocol.doubtful - listed_given() - listed_surnames()) | (protocol.plain & protocol.sure)


@cache
def doubtful_words() -> frozenset[str]:
    """Return the words that are a name as often as an ordinary word, folded (long, brown, may)."""
    protocol = _protocol_words()
    return (_folded(ambiguous_words()) | protocol.doubtful | protocol.plain) - core_words()


@cache
def name_words() -> frozenset[str]:
    """Return the listed given names and surnames that are no ordinary words, folded."""
    return (listed_given() | listed_surnames()) - core_words() - _plain_words() - doubtful_words()


@cache
def given_words() -> frozenset[str]:
    """Return the listed given names that are no ordinary words, folded."""
    return listed_given() & name_words()


@cache
def _plain_words() -> frozenset[str]:
    # Words with accents are left out: they are in the tables of the standard as parts of eponyms (Müller manoeuvre).
    return frozenset(word for word in standard_words() if word.isascii()) - _protocol_words().doubtful


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word if word.isascii() else fold(word) for word in words)


def is_ordinary(word: str) -> bool:
    """Say whether the folded `word` is listed as ordinary or doubtful, so that alone it tells nothing of a person."""
    return word in core_words() or word in _plain_words() or word in doubtful_words()


@lru_cache(maxsize=1 << 15)
def is_clinical(word: str) -> bool:
    """Say whether the folded `word` may stay: listed, made of listed ones, or formed like a term."""
    if word in core_words() or word in _plain_words():
        return True
    if word in doubtful_words() or word in name_words():
        return False
    if any(word.endswith(end) and _is_listed(word[: -len(end)] + stem) for end, stem in _ENDINGS):
        return True
    if len(word) >= _SHORTEST_FORMATION and _FORMATION.fullmatch(word):
        return True
    return _is_compound(word)


def _is_listed(word: str) -> bool:
    return len(word) >= 3 and (word in core_words() or word in _plain_words())


def _is_compound(word: str) -> bool:
    """Split `word` once, into a prefix and a listed word or into two listed ones of which one is of protocols."""
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST_PART and _is_listed(word[len(prefix) :]):
            return True
    core, plain = core_words(), _plain_words()
    for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        left, right = word[:cut], word[cut:]
        if right not in core and right not in plain:
            continue
        for stem in (left, left.removesuffix("s"), left.removesuffix("n")):
            if len(stem) >= _SHORTEST_PART and (stem in core or (stem in plain and right in core)):
                return True
    return False


def is_name(word: str) -> bool:
    """Say whether the folded `word` is listed as a name, and not as an ordinary word."""
    return word in name_words() or any(spelling in name_words() for spelling in spellings(word))
