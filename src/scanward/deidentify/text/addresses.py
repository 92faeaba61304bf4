"""Postal addresses and names of institutions by their shape."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import core_words, is_clinical
from scanward.deidentify.text.places import GENERIC
from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind

_CAPITAL = r"[A-ZÀ-Þ][\w.'’-]*"
_STREET_WORD = (
    r"(?:St(?:reet)?|Ave(?:nue)?|Rd|Road|Blvd|Boulevard|Ln|Lane|Dr(?:ive)?|Ct|Court|Pl(?:ace)?|Way|"
    r"Ter(?:race)?|Pkwy|Parkway|Cir(?:cle)?|Hwy|Highway|"
    r"Sq(?:uare)?|Trail|Plaza|Close|Crescent|Gardens|Grove|Row|Walk|Mews|Turnpike|STREET|AVE(?:NUE)?|ROAD|"
    r"BOULEVARD|LANE|DRIVE|COURT|PLACE|HIGHWAY)"
)
_UNIT = r"(?:\s*,?\s*(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|APT|SUITE|STE)\.?\s*#?\s*\w+)?"
_STREET_TRIGGERS = frozenset(
    "st street ave avenue rd road blvd boulevard ln lane dr drive ct court pl place way ter terrace pkwy "
    "parkway cir circle hwy highway sq square trail plaza "
    "close crescent gardens grove row walk mews turnpike".split()
)
_GERMANIC = tuple(
    "straße strasse str allee gasse damm ufer chaussee laan straat plein gracht kade gatan vägen vej gade weg "
    "platz ring steig".split()
)
_ROMANCE = frozenset(
    "c calle avd avda avenida av plaza pza pz pza paseo pº p carretera ctra crta carrer camino ronda rambla gran urb "
    "urbanización rua travessa praça estrada alameda via viale corso piazza largo".split()
)
_FRENCH = frozenset("rue avenue av boulevard bd place chemin allée impasse quai route cours square".split())
_GERMAN_PREPOSITIONS = frozenset("am an im in auf zum zur unter hinter".split())
_BOXES = frozenset("box postfach apartado postbus boîte bp".split())
_FROM_NUMBER = r"(?<![\w.])\d{1,"
"""So begins a pattern that starts at a number."""

_STREETS: tuple[tuple[re.Pattern[str], frozenset[str] | None], ...] = (
    (
        re.compile(
            rf"(?<![\w.])\d{{1,6}}[A-Za-z]?,?\s+(?:[NSEW]\.?\s+)?(?P<words>(?:{_CAPITAL}\s+){{1,4}}){_STREET_WORD}\b\.?{_UNIT}"
        ),
        _STREET_TRIGGERS,
    ),
    (re.compile(rf"\b(?P<words>(?:{_CAPITAL}\s+){{1,3}}){_STREET_WORD}\.?\s+\d{{1,6}}\b"), _STREET_TRIGGERS),
    (
        re.compile(
            r"(?<![^\W_])(?P<words>(?:[A-ZÄÖÜ][\wäöüß.-]*[ -]){0,2}[A-ZÄÖÜ][\wäöüß]*(?:straße|strasse|str\.|"
            r"allee|gasse|damm|ufer|chaussee|laan|straat|plein|gracht|kade|"
            r"gatan|vägen|vej|gade|weg|platz|ring|steig)|(?:[A-ZÄÖÜ][\wäöüß]+[ -])?(?:Straße|Strasse|Str\.|"
            r"Allee|Platz|Gasse|Weg))\s*\d{1,4}\s?[a-z]?\b"
        ),
        None,
    ),
    (
        re.compile(
            r"(?<![\w.])\d{1,4}(?:\s?(?:bis|ter))?,?\s+(?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|"
            r"impasse|quai|route|cours|square)\s+"
            r"(?:(?:de|du|des|la|le|les)\s+|[ld]['’])*(?P<words>[\w'’-]+(?:\s+[A-ZÀ-Þ][\w'’-]+)*)",
            re.IGNORECASE,
        ),
        _FRENCH,
    ),
    (
        re.compile(
            r"(?<![^\W_])(?:C/\.?|Calle|Avda?\.?|Avenida|Av\.|Plaza|Pl?za?\.?|Paseo|Pº|P\.º|Carretera|Ctra\.?|Crta\.?|"
            r"Carrer|Camino|"
            r"Ronda|Rambla|Gran Vía|Urb\.?|Urbanización|Rua|Travessa|Praça|Estrada|Alameda|Via|Viale|Corso|Piazza|"
            r"Largo)\s*"
            r"(?:(?:de|del|della|dei|la|las|los|el|da|do|"
            r"dos)\s+)*(?P<words>[A-ZÀ-Þ\d][\w'’.-]*(?:,?\s+(?:de|del|la|las|los|el|y|e|da|do|dos|[A-ZÀ-Þ][\w'’.-]*|"
            r"[a-zà-þ][\w'’-]*)){0,4}?),?\s*"
            r"(?:(?:n[º°o]?\.?|núm\.?|no\.)\s*)?(?:\d{1,4}|s/n)\b"
            r"(?:\s*[,-]?\s*(?:\d{1,2}\s?[.]?\s?[ºª°o]?\.?\s?[A-Za-z]?|esc(?:alera)?\.?\s?\w{1,2}|[Bb]ajo(?:\s[A-Z])?|"
            r"[A-Z]|[Dd]cha|[Ii]zda|[Ii]zq|"
            r"[Pp]iso\s\w+|[Pp]uerta\s\w+|[Pp]rincipal|planta\s\w+|\d{1,2}[ªº]?\s?planta|"
            r"bloque\s\w+)\b\.?(?![\w-])){0,3}"
        ),
        _ROMANCE,
    ),
    (
        re.compile(
            r"(?<![^\W_])(?:Am|An de[rnm]|Im|In de[rnm]|Auf de[rnm]|Zu[mr]|Unter den|Hinter de[rnm])[ ]"
            r"(?P<words>(?:[A-ZÄÖÜ][\w-]+[ ]){1,3})"
            r"\d{1,4}[ ]?[a-z]?(?=,?[ ](?:\d{5}|in[ ][A-ZÄÖÜ]))"
        ),
        _GERMAN_PREPOSITIONS,
    ),
    (
        re.compile(
            r"\bP\.?\s?O\.?\s?Box\s+\d+|\b(?:Postfach|Apartado|Postbus|Boîte postale|BP)\s+\d{2,}", re.IGNORECASE
        ),
        _BOXES,
    ),
)
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|IA|ID|IL|IN|KS|KY|LA|MA|MD|ME|MI|MN|MO|MS|MT|"
    "NC|ND|NE|NH|NJ|NM|NV|NY|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VA|VT|WA|WI|WV|WY|DC|PR"
)
_STATE_WORDS = frozenset(_STATES.lower().split("|"))
_SHORTEST_POSTCODE = 4
_STATE_ZIP = re.compile(rf"(?<![^\W_])(?:{_STATES}),?\s+\d{{5}}(?:-\d{{4}})?\b")
_TOWN = re.compile(rf"(?:{_CAPITAL},?\s+){{1,3}}$")
_LONGEST_TOWN = 60
_ZIP_TOWN = re.compile(r"(?<![\w./-])\d{4,5}[ \t]+(?P<town>[A-ZÀ-Þ][^\W\d_]{2,}(?:[ -][A-ZÀ-Þ][^\W\d_]+)*)")
_ZIP_WORDS = frozenset("zip zipcode postal postcode plz cap c cp".split())
_POSTCODE = re.compile(
    r"(?<!\w)(?:[A-Z]{2}\d{1,2}[A-Z]?|[BEGLMNSW]\d{1,2}[A-Z]?) \d[ABD-HJLNP-UW-Z]{2}(?!\w)|"
    r"(?<!\w)[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d(?!\w)"
)
_ZIP_CUE = re.compile(
    r"(?<![^\W_])(?:zip(?:\s?code)?|postal code|postcode|plz|cap|c\.p\.|cp)\s?[:=]?\s?\d{4,5}(?!\d)", re.IGNORECASE
)

_HEAD = re.compile(
    r"(?<![^\W_])(?:Hospitals?|Clinics?|Klinik(?:um|en)?|Krankenhaus|Spital|H[ôo]pital|CHU|CHRU|Clinique|"
    r"Ospedale|Policlinico|Cl[ií]nica|Infirmary|Hospice|"
    r"Medical (?:Center|Centre|Group|Associates)|Med Ctr|Health(?:care)? (?:System|Center|Centre|Services)|"
    r"Cancer (?:Center|Centre|Institute)|Imaging (?:Center|Centre)|"
    r"Radiology (?:Associates|Group|Center)|University|Universit[yé]|Universit[äa]t(?:s(?:klinikum|spital|"
    r"medizin))?|Universidad|Universit[àa]|Institute|Institut|Zentrum|Ziekenhuis|"
    r"Sjukhus|Szpital|Nemocnice|Praxis|Sanatorium|HOSPITALS?|CLINICS?|KLINIK(?:UM)?|KRANKENHAUS|H[OÔ]PITAL|"
    r"OSPEDALE|INFIRMARY|MEDICAL (?:CENTER|CENTRE|GROUP)|"
    r"MED CTR|UNIVERSITY|IMAGING (?:CENTER|CENTRE))(?![^\W_])"
)
_HEAD_WORDS = frozenset(
    "hospital hospitals clinic clinics klinik klinikum kliniken krankenhaus spital hôpital hopital chu chru "
    "clinique ospedale policlinico clínica clinica infirmary "
    "hospice medical med health healthcare cancer imaging radiology university université universite "
    "universität universitat universitätsklinikum "
    "universitätsspital universitätsmedizin universidad università universita institute institut zentrum "
    "ziekenhuis sjukhus szpital nemocnice praxis sanatorium".split()
)
_SAINT_WORDS = frozenset("st saint sankt san santa mount mt".split())
_LEFT = re.compile(r"(?P<word>[A-ZÀ-Þ][\w.'’&-]*|of|and|de|del|la|für|&|der|am|the|St\.)[ \t]+$")
_RIGHT = re.compile(
    r"[ \t]+(?P<word>(?:(?:of|at|de|del|della|di|la|las|los|du|des|für|am|im|der|do|da|dos)[ \t]+|d['’]|"
    r"l['’])*[A-ZÀ-Þ][\w'’-]+)"
)
_MOST_WORDS = 6
_JOINTS = frozenset({"of", "and", "de", "del", "la", "fur", "&", "der", "am", "the", "at", "di", "du", "des"})
_SAINT = re.compile(r"(?<![^\W_])(?:St\.|Saint|Sankt|San|Santa|Mount|Mt\.)[ \t]+[A-ZÀ-Þ][\w]+(?:['’]s?)?(?![^\W_])")


def find_addresses(wording: Wording) -> Iterator[Shape]:
    """Yield streets with their number, postcodes with their town, post office boxes."""
    if not wording.digits:
        return
    text = wording.text
    for match in _streets(wording):
        yield Shape(*match.span(), IdentifierKind.ADDRESS)
    for start, word in wording.words:
        if len(word) <= 2:
            postcode = _POSTCODE.match(text, start)
            if postcode is not None:
                yield Shape(*postcode.span(), IdentifierKind.ADDRESS)
    if wording.digits < _SHORTEST_POSTCODE:
        return
    for match in wording.matches(_STATE_ZIP, _STATE_WORDS):
        yield Shape(_town_start(text, match.start()), match.end(), IdentifierKind.ADDRESS)
    for match in wording.matches_at_numbers(_ZIP_TOWN, shortest=4, longest=5):
        terms = any(is_clinical(fold(word)) for word in re.findall(r"[^\W\d_]+", match["town"]))
        if not terms and not match["town"].isupper():
            yield Shape(*match.span(), IdentifierKind.ADDRESS)
    for match in wording.matches(_ZIP_CUE, _ZIP_WORDS):
        yield Shape(*match.span(), IdentifierKind.ADDRESS)


def _streets(wording: Wording) -> Iterator[re.Match[str]]:
    for pattern, triggers in _STREETS:
        if not _is_triggered(wording, triggers):
            continue
        for match in _matches(wording, pattern, triggers):
            words = re.findall(r"[^\W\d_]+", match["words"]) if "words" in pattern.groupindex else []
            core = [fold(word) in core_words() for word in words]
            # What begins with a word for a street is one if any word of it is a name.
            if not (all(core) and core if triggers in (_ROMANCE, _GERMAN_PREPOSITIONS) else any(core)):
                yield match


def _matches(wording: Wording, pattern: re.Pattern[str], triggers: frozenset[str] | None) -> Iterator[re.Match[str]]:
    """Yield the matches of `pattern`, which is tried only where it can start."""
    if triggers is _ROMANCE or triggers is _GERMAN_PREPOSITIONS:
        return wording.matches(pattern, triggers)
    if pattern.pattern.startswith(_FROM_NUMBER):
        return wording.matches_at_numbers(pattern)
    return pattern.finditer(wording.text)


def _is_triggered(wording: Wording, triggers: frozenset[str] | None) -> bool:
    if triggers is not None:
        return wording.has(triggers)
    return any(word.endswith(_GERMANIC) for word in wording.present)


def _town_start(text: str, end: int) -> int:
    """Return where the town that ends at `end` begins: behind the last word that is of protocols."""
    start = end
    match = _TOWN.search(text, max(0, end - _LONGEST_TOWN), end)
    for word in reversed(list(re.finditer(r"[\w'’-]+", match[0]))) if match else ():
        if fold(word[0]) in core_words():
            break
        start = (match.start() if match else 0) + word.start()
    return start


def find_institutions(wording: Wording) -> Iterator[Shape]:
    """Yield names of institutions: a word such as ``Hospital`` with what names it before or behind; alone it stays."""
    text = wording.text
    for match in wording.matches(_HEAD, _HEAD_WORDS):
        start, named = _name_before(text, match.start())
        end = match.end()
        for _ in range(_MOST_WORDS):
            right = _RIGHT.match(text, end)
            if right is None or (named and right["word"].split()[0] not in _JOINTS and not _is_generic(right["word"])):
                break
            if not _names(right["word"]) and not _is_generic(right["word"]):
                break
            end, named = right.end(), named or _names(right["word"])
        if named:
            yield Shape(start, end, IdentifierKind.INSTITUTION)
    for match in wording.matches(_SAINT, _SAINT_WORDS):
        yield Shape(*match.span(), IdentifierKind.INSTITUTION)


def _name_before(text: str, start: int) -> tuple[int, bool]:
    named = False
    for _ in range(_MOST_WORDS):
        match = _LEFT.search(text, max(0, start - 40), start)
        if match is None:
            break
        word = fold(match["word"].strip(".'’"))
        if word not in _JOINTS and word not in GENERIC and word in core_words():
            break
        named = named or (word not in _JOINTS and word not in GENERIC and len(word) > 1)
        start = match.start("word")
    # What begins with a joining word begins after it.
    while (joint := re.match(r"(?:of|and|de|del|la|für|&|der|am|the)[ \t]+", text[start:])) is not None:
        start += joint.end()
    return start, named


def _is_generic(word: str) -> bool:
    return fold(word) in GENERIC


def _names(words: str) -> bool:
    folded = [fold(word) for word in re.findall(r"[^\W\d_]+", words)]
    return any(word not in _JOINTS and word not in GENERIC and word not in core_words() for word in folded)
