"""Surrogates: other names, numbers, places and dates in the place and notation of those that were there.

What a cleaner missed does not stand out among them (hiding in plain sight: Carrell et al., JAMIA 20(2), 2013). Each is
drawn by HMAC with the recipient's key from the patient and the folded value, so that the same person has the same
surrogate in all documents for a recipient, and another one for the next.
"""

import re
from collections.abc import Iterator
from dataclasses import replace as with_changes
from datetime import date

from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.ages import CAPPED, OLDEST
from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.lexicon import is_clinical
from scanward.deidentify.text.months import month_words
from scanward.deidentify.text.places import GENERIC
from scanward.deidentify.text.replace import LABELS
from scanward.deidentify.text.surrogate_names import MOST_ATTEMPTS, NameBook, SurrogateNames, distance
from scanward.deidentify.text.surrogate_words import PLACES
from scanward.deidentify.text.variants import ID_KINDS, NAME_KINDS
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.written_dates import WrittenDate, find_dates, shift_written
from scanward.dicomstream.dates import parse_da
from scanward.model.identifier import IdentifierKind

_AGE = re.compile(r"(?P<before>\D*)(?P<age>9\d|1[0-3]\d)(?P<after>\D*)")
_AGE_WORD = re.compile(
    r"(?<![^\W\d_])(?:ages?|aged|alter|edad|[âa]ge|et[àa]|idade|y/?o|yrs?|years?|jahre?n?|jährige?r?|años|ans|anni|anos|jaar)(?![^\W_])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_PLACE_WORD = re.compile(r"[^\W_]+(?:['’][sS](?![^\W_]))?")
_CUE = re.compile(r"(?:[^\W\d_]++[.'/ \t]*+){1,4}[:#=\s-]*+(?<![^\W_])(?=\S*\d)")
_CUE_WORDS = frozenset(
    "mrn ssn nhs chi hsi nhc nss nuss cip dni nie nif ipp nir bsn pesel cpr cpf csn hic npi acc accession pid ptid "
    "patid id no nr num number nbr is tel fax phone fallnr fallnummer auftragsnummer versichertennummer "
    "expediente".split()
)
_HEX = re.compile(r"[\da-fA-F:-]{8,}")
_IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_URL = re.compile(r"(?:https?|ftp|file)://|www\.", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w-]+\.)+[a-z]{2,6}(?:[/:]\S*)?", re.IGNORECASE)
_US_PHONE = re.compile(
    r"(?P<lead>(?:\+?1[ .-]?)?)(?P<area>\(?\d{3}\)?[ .-]*)(?P<exchange>\d{3})(?P<gap>[ .-]?)(?P<line>\d{4})"
    r"(?P<rest>\D.*)?"
)
_LOCAL_PHONE = re.compile(r"(?P<exchange>\d{3})(?P<gap>[- ])(?P<line>\d{4})")
_COUNTRY = re.compile(r"\D*?(?:\+|00)\d{1,3}(?=[ ()/.-])")
_DAY_MONTH = re.compile(r"(?P<first>\d{1,2})(?P<gap>[/.])(?P<second>\d{1,2})\.?")
_ORDINAL = re.compile(r"(\d{1,2})(st|nd|rd|th)(?![^\W_])")
_STATE = re.compile(r"[A-Z]{2}")
_STATE_ZIP = re.compile(r",?\s+\d{5}")
_ACRONYM = re.compile(r"[A-ZÀ-Þ]{2,5}")
_KIND_ENDS = (
    "klinik", "kliniken", "klinikum", "krankenhaus", "spital", "hospital", "zentrum", "praxis", "institut", "straße",
    "strasse", "weg", "platz", "allee", "gasse", "ziekenhuis", "sjukhus", "sygehus", "straat", "laan", "gatan",
)  # fmt: skip
_KINDS = ("klinikum", "krankenhaus")
_STREETS = frozenset(
    "carrer avda avinguda passeig paseo placa pza carretera ctra camino travessa praca estrada largo viale "
    "corso vicolo boulevard chemin allee impasse quai route cours residence lotissement bis ter piso puerta escalera "
    "bajo izq dcha urb urbanizacion barrio close crescent gardens grove row walk mews terrace trail squares".split()
)
_SHORTEST_PLACE = 4
_GERMAN_HINT = re.compile(
    r"kliniku?m?|kranken|(?<!ho)spital|stra(?:ß|ss)e|str\.|platz|weg\b|gasse|allee|universit[äa]ts|praxis|zentrum|ziekenhuis|laan\b|straat",
    re.IGNORECASE,
)
_ROMANCE_HINT = re.compile(
    r"(?<![^\W_])(?:c/|calle|carrer|avda|avenida|avinguda|plaza|paseo|rua|via|viale|piazza|rue|clinica|clínica|ospedale|h[oô]pital|clinique|policlinico|"
    r"hospital (?:de|del|da|do|universitario|general|cl[ií]nic)|centro|de la|del)(?![^\W_])",
    re.IGNORECASE,
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_AGE_KINDS = frozenset({IdentifierKind.OTHER_ID, IdentifierKind.DATE, IdentifierKind.BIRTH_DATE})
_REMEMBERED = 4096
_LONGEST_VALUE = 1024
_BLOCK_DIGITS = 60
_FEWEST_ID_DIGITS = 6
_PHONE_KEY_DIGITS = 7
_FEWEST_LETTERS = 4
_YOUNG_ENOUGH = 1950  # for who was born since, nobody has to know what day it is before 2040
_ANY_YEAR = 2001


class Surrogates:
    """Writes surrogates for one patient and recipient.

    Parameters
    ----------
    pseudonyms
        The recipient's.
    patient
        Whose text it is (:func:`scanward.model.study.patient_key`).
    known
        What is known of the patient and of those around them: words of names get their role from it, and no surrogate
        is, or holds, any of it.
    as_of
        Day on which ages count; None for the latest date that is known. Without either, birth dates before 1950 are
        labelled.
    """

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        patient: str,
        known: KnownIdentifiers | None = None,
        *,
        as_of: date | None = None,
    ) -> None:
        self._pseudonyms = pseudonyms
        self._patient = f"{len(patient)}:{patient}"
        self._known = known if known is not None else KnownIdentifiers()
        self._days = frozenset(_known_days(self._known, IdentifierKind.DATE))
        self._births = frozenset(_known_days(self._known, IdentifierKind.BIRTH_DATE))
        self._as_of = as_of or max(self._days, default=None)
        self._offset_days = pseudonyms.offset_days(patient)
        self._made: dict[tuple[IdentifierKind, str], str] = {}
        self._taken = frozenset(
            fold(word) for one in self._known.identifiers for word in _WORD.findall(one.value) if len(word) > 1
        )
        self._numbers = {
            _digits(one.value).lstrip("0") for one in self._known.identifiers if one.kind in ID_KINDS
        }  # fmt: skip
        self._names = SurrogateNames(NameBook(self._known), self._draw, self._is_free)

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return a surrogate for `value` in its notation; a label where there is none that is surely another."""
        if not value.strip():
            return value
        made = self._made.get((kind, value))
        if made is None:
            made = self._replace(kind, value)
            if len(self._made) < _REMEMBERED:
                self._made[kind, value] = made
        return made

    def _replace(self, kind: IdentifierKind, value: str) -> str:
        if kind is IdentifierKind.UID:
            return self._pseudonyms.uid(value.strip())
        if len(value) > _LONGEST_VALUE:
            return f"[{LABELS[kind]}]"
        shown = (self._age(value) if kind in _AGE_KINDS else "") or self._of_kind(kind, value)
        if not shown or shown == value:
            return f"[{LABELS[kind]}]"
        return shown

    def _of_kind(self, kind: IdentifierKind, value: str) -> str:
        if kind in NAME_KINDS:
            return self._names.replace(kind, value)
        if kind in {IdentifierKind.DATE, IdentifierKind.BIRTH_DATE}:
            return self._date(kind, value)
        if kind is IdentifierKind.EMAIL:
            return self._mail(value)
        if kind is IdentifierKind.PHONE:
            return self._phone(value)
        if kind in {IdentifierKind.ADDRESS, IdentifierKind.INSTITUTION}:
            return self._place(value)
        return self._number(value)

    def _draw(self, purpose: str, value: str) -> int:
        return self._pseudonyms.number(purpose, f"{self._patient}|{value}")

    def _is_free(self, word: str) -> bool:
        """Say whether a word is nobody's who is known, nor a part of such a one's or the other way round."""
        folded = fold(word)
        if folded in self._taken:
            return False
        if any(len(one) >= _FEWEST_LETTERS and (one in folded or folded in one) for one in self._taken):
            return False
        return not self._known.find_closely(word.capitalize())

    def _age(self, value: str) -> str:
        """Return an age over 89 as ``90+``; empty where `value` is none."""
        match = _AGE.fullmatch(value)
        if match is None or not (_AGE_WORD.search(value) or match["age"] == value):
            return ""
        return f"{match['before']}{CAPPED}{match['after']}"

    def _date(self, kind: IdentifierKind, value: str) -> str:
        found = find_dates(Wording(value), self._days | self._births) or [*_day_and_month(value)]
        if len(found) != 1:
            return ""
        written = found[0]
        if kind is IdentifierKind.BIRTH_DATE and not self._may_show_birth(written.day):
            return ""
        if written.day is None:
            written = _in_any_year(value, written)
        moved = shift_written(value, written, self._offset_days)
        if moved is None:
            return ""
        return value[: written.start] + _ORDINAL.sub(_ordinal, moved) + value[written.end :]

    def _may_show_birth(self, day: date | None) -> bool:
        """Say whether the age that a moved birth date tells is that of many; it is as old as the patient."""
        if day is None or self._as_of is None:
            return day is not None and day.year >= _YOUNG_ENOUGH
        return (self._as_of - day).days < (OLDEST + 1) * 365.25

    def _mail(self, value: str) -> str:
        local = value.partition("@")[0]
        shown = "".join(
            self._digits_for("mail", run, 0, len(run))
            if run.isdigit()
            else self._names.replace(IdentifierKind.PERSON_NAME, run)
            for run in re.findall(r"\d+|\D+", local)
        )
        ascii_only = fold(shown)
        return f"{ascii_only if ascii_only.isascii() else 'contact'}@example.org"

    def _phone(self, value: str) -> str:
        digits = _digits(value)
        key = digits[-_PHONE_KEY_DIGITS:]
        start = next((index for index, char in enumerate(value) if char.isdigit() or char in "+("), 0)
        cue, number = value[:start], value[start:]
        line = f"01{self._draw('phone', key) % 100:02d}"
        american = _US_PHONE.fullmatch(number)
        if american is not None:
            area = self._digits_for("area", key, 0, 3)
            area = f"{2 + int(area[0]) % 8}{int(area[1]) % 9}{area[2]}"
            shown_area = re.sub(r"\d{3}", area, american["area"])
            rest = self._same_shape("phone", american["rest"] or "", key)
            return f"{cue}{american['lead']}{shown_area}555{american['gap']}{line}{rest}"
        local = _LOCAL_PHONE.fullmatch(number)
        if local is not None:
            return f"{cue}555{local['gap']}{line}"
        country = _COUNTRY.match(number)
        kept = country.end() if country is not None else 0
        # A leading zero is the prefix of the trunk, or of another country.
        kept = max(kept, len(number) - len(number.lstrip("0")))
        return cue + number[:kept] + self._same_shape("phone", number[kept:], key)

    def _same_shape(self, purpose: str, text: str, key: str) -> str:
        """Return `text` with other digits, drawn for `key` from the right."""
        count = sum(char.isdigit() for char in text)
        for attempt in range(MOST_ATTEMPTS):
            digits = self._digits_for(purpose, key, attempt, count)
            new = iter(digits)
            shown = "".join(next(new) if char.isdigit() else char for char in text)
            if (shown != text or not count) and not self._known.find_in_text(shown):
                return shown
        return ""

    def _digits_for(self, purpose: str, key: str, attempt: int, count: int) -> str:
        """Return `count` digits; fewer are the last of more, so that notations with and without a prefix agree."""
        blocks = (
            f"{self._draw(purpose, f'{key}|{attempt}|{block}') % 10**_BLOCK_DIGITS:0{_BLOCK_DIGITS}d}"
            for block in range(count // _BLOCK_DIGITS, -1, -1)
        )
        return "".join(blocks)[-count:] if count else ""

    def _number(self, value: str) -> str:
        """Return an ID, code or address in a network: letters for letters, digits for digits, of the same length."""
        if _URL.match(value):
            return f"https://example.org/{self._draw('url', fold(value)) % 16**8:08x}"
        if _IP.fullmatch(value):
            return f"192.0.2.{1 + self._draw('ip', value) % 254}"
        if _HOST.fullmatch(value) and not value.replace(".", "").isdigit():
            return f"host-{self._draw('host', fold(value)) % 16**4:04x}.example.org"
        cue = _CUE.match(value)
        at = cue.end() if cue is not None and self._is_cue(cue[0]) else 0
        body = value[at:]
        for attempt in range(MOST_ATTEMPTS):
            shown = self._code(body, attempt)
            if shown != body and not self._known.find_in_text(shown):
                return value[:at] + shown
        return ""

    def _is_cue(self, words: str) -> bool:
        folded = [fold(word) for word in _WORD.findall(words) if fold(word) not in _CUE_WORDS]
        if words.endswith("-"):
            return not folded
        return all((len(word) == 1 or is_clinical(word)) and word not in self._taken for word in folded)

    def _code(self, body: str, attempt: int) -> str:
        digits = _digits(body)
        bare = digits.lstrip("0")
        drawn = self._digits_for("digits", self._near_number(bare), attempt, len(bare))
        if bare and drawn[0] == "0":
            drawn = str(1 + int(self._digits_for("lead", bare, attempt, 1)) % 9) + drawn[1:]
        new_digits = iter("0" * (len(digits) - len(bare)) + drawn)
        letters = "".join(char for char in fold(body) if char.isalpha())
        alphabet = _LETTERS[:6] if _HEX.fullmatch(body) else _LETTERS
        pieces = []
        place = 0
        for char in body:
            place += char.isalnum()
            if char.isdecimal():
                pieces.append(next(new_digits))
            elif char.isalpha():
                others = alphabet.replace(fold(char).upper()[:1], "")
                new = others[self._draw("letters", f"{letters}|{attempt}|{place}") % len(others)]
                pieces.append(new.lower() if char.islower() else new)
            else:
                pieces.append(char)
        return "".join(pieces)

    def _near_number(self, bare: str) -> str:
        """Return the digits of the known ID that `bare` is, or is with one fault; else `bare` itself."""
        if len(bare) < _FEWEST_ID_DIGITS or bare in self._numbers:
            return bare
        near = (one for one in sorted(self._numbers) if abs(len(one) - len(bare)) <= 1 and distance(one, bare) == 1)
        return next(near, bare)

    def _place(self, value: str) -> str:
        """Return an address or institution with other words, numbers and postcodes in the same form."""
        language = "de" if _GERMAN_HINT.search(value) else "es" if _ROMANCE_HINT.search(value) else "en"
        pieces, at = [], 0
        for match in _PLACE_WORD.finditer(value):
            pieces += [value[at : match.start()], self._place_word(value, match, language)]
            at = match.end()
        return "".join(pieces) + value[at:]

    def _place_word(self, value: str, match: re.Match[str], language: str) -> str:
        word = match[0]
        folded = fold(word)
        if any(map(str.isdigit, word)):
            return self._code_alone(word)
        bare = folded.removesuffix("'s")
        if (
            bare in GENERIC
            or bare in _STREETS
            or folded.endswith(_KINDS)
            or (len(word) < _SHORTEST_PLACE and word.islower())
        ):
            return word
        if _STATE.fullmatch(word) and _STATE_ZIP.match(value, match.end()):
            return word
        if _ACRONYM.fullmatch(word) and (word == value or not value.isupper()):
            return self._code_alone(word)
        ending = next((end for end in _KIND_ENDS if folded.endswith(fold(end)) and len(folded) > len(end) + 2), "")
        tail = word[len(word) - len(ending) :] if ending else ""
        if folded.endswith("'s"):
            tail = word[-2:]
        stem = fold(word[: len(word) - len(tail)])
        for attempt in range(MOST_ATTEMPTS):
            new = PLACES[language][self._draw("place", f"{stem}|{attempt}") % len(PLACES[language])]
            if self._is_free(new):
                shown = new + tail
                return shown.upper() if word.isupper() else shown.lower() if word.islower() else shown
        return ""

    def _code_alone(self, word: str) -> str:
        for attempt in range(MOST_ATTEMPTS):
            shown = self._code(word, attempt)
            if shown != word and not self._known.find_in_text(shown):
                return shown
        return ""


def _digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())


def _known_days(known: KnownIdentifiers, kind: IdentifierKind) -> Iterator[date]:
    for identifier in known.identifiers:
        if identifier.kind is kind:
            try:
                yield parse_da(identifier.value[:8])
            except ValueError:
                continue


def _day_and_month(value: str) -> Iterator[WrittenDate]:
    match = _DAY_MONTH.fullmatch(value)
    if match is not None:
        american = match["gap"] == "/" and int(match["first"]) <= 12
        letters = "md" if american else "dm"
        yield WrittenDate(
            *match.span(), None, ((*match.span("first"), letters[0]), (*match.span("second"), letters[1]))
        )


def _in_any_year(value: str, written: WrittenDate) -> WrittenDate:
    """Read a day and month without a year as of a year without a leap day."""
    day = month = 0
    for start, end, letter in written.fields:
        text = value[start:end]
        if letter == "d":
            day = int(text)
        elif letter == "B":
            month = next((name.month for name in month_words().get(fold(text), ())), 0)
        elif letter == "m":
            month = int(text)
    years = [value[start:end] for start, end, letter in written.fields if letter in "Yy"]
    year = int(years[0]) if years and len(years[0]) == 4 else 2000 + int(years[0]) if years else _ANY_YEAR
    try:
        return with_changes(written, day=date(year, month, day))
    except ValueError:
        return written


def _ordinal(match: re.Match[str]) -> str:
    number = int(match[1])
    end = "th" if 10 <= number <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{end}"
