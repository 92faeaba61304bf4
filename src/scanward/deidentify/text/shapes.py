"""Numbers and addresses of persons by their shape: phones, e-mail, network addresses, IDs, long runs of digits."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind


class Shape(NamedTuple):
    """Where something identifying is in a text, and of which kind it is."""

    start: int
    end: int
    kind: IdentifierKind


_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_URL = re.compile(r"(?:https?|ftp|file)://\S+|www\.\S+", re.IGNORECASE)
_URL_WORDS = frozenset("http https ftp file www".split())
_HOST = re.compile(r"(?<![\w.@-])(?:[\w-]+\.)+[a-z]{2,5}(?![\w-])(?:[/:]\S*)?")
_DOMAINS = frozenset(
    "com org net edu gov mil info local lan intern uk de fr es it nl ch at be se no dk fi pl pt br cn jp kr "
    "ca au eu io".split()
)
_WORDY_DOMAINS = frozenset("it at be no es de se info local intern".split())
_PATH = re.compile(r"(?<!\w)[A-Za-z]:\\\S+|\\\\\S+|(?<!\S)/(?:home|users|data|mnt|var|opt)/\S+", re.IGNORECASE)
_NETWORK = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]\d|\d)")
_HARDWARE = re.compile(r"(?<!\w)(?:[\dA-Fa-f]{2}[:-]){5}[\dA-Fa-f]{2}(?!\w)")
_UID = re.compile(r"(?<![\w.])\d+(?:\.\d+){3,}(?![\w]|\.\d)")
KEPT_ROOTS = ("2.25.", "1.2.840.10008.")
"""UIDs that stay: those made anew from a hash, and those of the standard."""

_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d[\d ()/.-]{6,18}\d"
    r"|\(\d{2,5}\)\s?\d{2,4}[ .-]?\d{3,5}(?:[ .-]\d{2,4})?"
    r"|(?:1[-. ])?\d{3}[-.]\d{3}[-.]\d{4}|\d{3}[- ]\d{4}(?=$|[^\w-])(?<=-\d{4})"
    r"|0\d{1,4}[/-]\d{3,8}(?:[ -]?\d{2,6})?|0\d(?:[ .]\d\d){4}|0\d{2,4} \d{3,4} \d{3,4})"
    r"(?:\s*(?:x|ext\.?)\s?\d{2,6})?(?!\w|\.\d)"
)
_SPACED_PHONE = re.compile(r"(?<![\w.])\d{3} \d{3} \d{4}(?![\w.])")
_B_VALUES = re.compile(r"\b[bB]\s?=?[\d ,/]*$")
_CUED_PHONE = re.compile(
    r"(?<![^\W_])(?:tel(?:ephone|efon|efono|éfono|[eé]f)?|phone|ph|fon|fax|cell(?:ular)?|mob(?:ile|il)?|handy|"
    r"pager|beeper|tfno|tlf|call(?:back)?|ext)"
    r"\.?\s?(?:no|nr|number)?\.?\s?[:#=]?\s?(?P<value>[+(]?\d[\d ()/.-]{2,18}\d)(?!\w)",
    re.IGNORECASE,
)
_FEWEST_PHONE_DIGITS = 7
_FEWEST_CUED_DIGITS = 5
_HARDWARE_MARKS = 5
_SHORTEST_UID = 10

_PHONE_WORDS = frozenset(
    "tel telephone telefon telefono teléfono telef teléf phone ph fon fax cell cellular mob mobile mobil "
    "handy pager beeper tfno tlf call callback ext".split()
)
_VALUE = r"(?P<value>[A-Za-z]{0,6}[-/_]?\d[\w/-]*(?:[ .]\d{2,}(?![\d.,]))*)"
_STRONG_ID = re.compile(
    r"(?<![^\W_])(?:mrn|m\.r\.n\.?|med(?:ical)?\s?rec(?:ord)?|hosp(?:ital)?\s?(?:no|id|num(?:ber)?|#)|"
    r"pat(?:ient)?(?:en)?[\s_.-]?(?:id|nr|no|num(?:ber)?|#)|"
    r"pid|ptid|pt\.?\s?(?:id|no|#)|accession|acc(?:ession)?[\s.]?(?:no|nr|num(?:ber)?|#)|accnum|ssn|"
    r"soc(?:ial)?\s?sec(?:urity)?|nhs|chi|hsi|nhc|nss|nuss|cip|"
    r"dni|nie|ipp|nir|bsn|pesel|cpr|cpf|csn|health\s?(?:card|plan)|hic|medicare|member|policy|insurance|"
    r"account|acct|versichertennummer|"
    r"versicherungsnummer|fallnummer|fallnr|fall-nr|auftragsnummer|auftragsnr|auftrags-nr|n(?:um|º|"
    r"°)?\s?(?:hist(?:oria)?|expediente)|historia|expediente|"
    r"dossier|personnummer|личный|карта|病历号|病歴|患者番号|患者id|登录号|住院号|检查号)"
    r"(?:\s?(?:number|num|no|nr|nbr|id|is|n[º°o]))?\.?\s{0,2}[:#=-]{0,2}\s{0,2}" + _VALUE,
    re.IGNORECASE,
)
_STRONG_WORDS = frozenset(
    "mrn m med medical medrec hosp hospital pat patient patienten pid ptid pt accession acc accnum ssn soc "
    "social nhs chi hsi nhc nss nuss cip dni nie ipp nir "
    "bsn pesel cpr cpf csn health hic medicare member policy insurance account acct versichertennummer "
    "versicherungsnummer fallnummer fallnr fall "
    "auftragsnummer auftragsnr auftrags n num nº historia expediente dossier personnummer patid patnr "
    "patientid patientenid patienten".split()
)
_WEAK_ID = re.compile(
    r"(?<![^\W_])(?:id|case|visit|encounter|order|req(?:uest|uisition)?|exam|study|episode|fin|acc|specimen|"
    r"serial|s/n|sn|ref|record|rec|file|"
    r"event|subject|hosp|adm(?:ission)?|auftrag|fall|untersuchung|nr|no|n[º°])"
    r"(?:\s?(?:number|num|nr|nbr|id|n[º°o]))?\.?\s?(?:[:#=]\s?|(?:no|nr|number|num|id)\.?\s|\s)" + _VALUE,
    re.IGNORECASE,
)
_WEAK_WORDS = frozenset(
    "id case visit encounter order req request requisition exam study episode fin acc specimen serial s sn "
    "ref record rec file event subject hosp "
    "adm admission auftrag fall untersuchung nr no n nº".split()
)
_SHORTEST_WEAK_ID = 5
_HASH_ID = re.compile(r"(?<![\w&])#\s?(?P<value>\d{5,}[\w-]*)")
_GROUPED = re.compile(r"(?<![\w./-])\d{2,6}(?:-\d{2,8}){1,3}(?![\w/-]|\.\d)")
_YEARS = re.compile(r"(?:19|20)\d\d-(?:19|20)\d\d")
_FEWEST_GROUPED_DIGITS = 8
_LONG_RUN = re.compile(r"(?<!\d)(?<!\d[.,])(?:(?<![^\W_])[^\W\d_])?\d{7,}(?:[^\W\d_]{1,2}(?![^\W_]))?(?!\d|[.,]\d)")
_NATIONAL = re.compile(
    r"(?<![\w.-])(?:\d{3}-\d{2}-\d{4}|\d{6}[-+A]\d{3}[\dA-Z]|\d{3}\.\d{3}\.\d{3}-\d{2}|"
    r"\d{2}\.\d{3}\.\d{3}-[\dkK])(?![\w-])"
)
_LETTERED = {
    # National Insurance number, codice fiscale: by the number of letters that they start with.
    2: re.compile(r"(?<![\w.-])[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![\w-])"),
    6: re.compile(r"(?<![\w.-])[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![\w-])"),
}
_LONG_NUMBER = 7
_FEWEST_ID_DIGITS = 2
_GUID = re.compile(r"(?<!\w)[\dA-Fa-f]{8}-(?:[\dA-Fa-f]{4}-){1,3}[\dA-Fa-f]{2,12}(?!\w)")
_UNIT_AFTER = re.compile(
    r"\s?(?:ml|mg|mm|cm|kg|ms|msec|sec|hz|khz|mhz|hu|kv|kvp|ma|mas|mgy|gy|cgy|bq|mbq|kbq|mci|ppm|%|px|pixels?|"
    r"voxels?)\b",
    re.IGNORECASE,
)


def find_contacts(wording: Wording, *, values_only: bool = False) -> Iterator[Shape]:
    """Yield e-mail and network addresses, paths of files, and phone numbers.

    Parameters
    ----------
    wording
        The text.
    values_only
        Whether words that say what a number is stay out of its span.
    """
    text = wording.text
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Shape(*match.span(), IdentifierKind.EMAIL)
    for match in _locations(wording):
        yield Shape(*match.span(), IdentifierKind.OTHER_ID)
    if text.count(":") >= _HARDWARE_MARKS or text.count("-") >= _HARDWARE_MARKS:
        for match in _HARDWARE.finditer(text):
            yield Shape(*match.span(), IdentifierKind.DEVICE)
    if "." in text:
        for match in wording.matches_at_numbers(_NETWORK, longest=3):
            yield Shape(*match.span(), IdentifierKind.DEVICE)
    yield from _phones(wording, group="value" if values_only else 0)


def _locations(wording: Wording) -> Iterator[re.Match[str]]:
    """Yield URLs, names of hosts and paths of files."""
    text = wording.text
    yield from wording.matches(_URL, _URL_WORDS)
    if any(text[start - 1 : start] == "." for start, word in wording.words if word in _DOMAINS):
        for match in _HOST.finditer(text):
            labels = re.split(r"[/:]", match[0])[0].split(".")
            if labels[-1] in _DOMAINS and (labels[-1] not in _WORDY_DOMAINS or len(labels) > 2):
                yield match
    if "\\" in text or "/" in text:
        yield from _PATH.finditer(text)


def _phones(wording: Wording, group: str | int) -> Iterator[Shape]:
    text = wording.text
    if wording.digits >= _FEWEST_PHONE_DIGITS:
        for match in wording.matches_at_numbers(_PHONE, lead="+("):
            if _UNIT_AFTER.match(text, match.end()) is None:
                yield Shape(*match.span(), IdentifierKind.PHONE)
        for match in wording.matches_at_numbers(_SPACED_PHONE, shortest=3, longest=3):
            if _B_VALUES.search(text, 0, match.start()) is None:
                yield Shape(*match.span(), IdentifierKind.PHONE)
    for match in wording.matches(_CUED_PHONE, _PHONE_WORDS):
        if sum(char.isdigit() for char in match["value"]) >= _FEWEST_CUED_DIGITS:
            yield Shape(*match.span(group), IdentifierKind.PHONE)


def find_ids(wording: Wording, *, cued_only: bool = False, values_only: bool = False) -> Iterator[Shape]:
    """Yield numbers and codes of persons, orders and devices: after a cue, in the form of a country, or just long.

    Parameters
    ----------
    wording
        The text.
    cued_only
        Whether a cue that is sure (``MRN``) is needed.
    values_only
        Whether the cue stays out of the span.
    """
    if wording.digits < _FEWEST_ID_DIGITS:
        return
    text = wording.text
    for match in wording.matches(_STRONG_ID, _STRONG_WORDS) if text.isascii() else _STRONG_ID.finditer(text):
        if sum(char.isdigit() for char in match["value"]) >= _FEWEST_ID_DIGITS:
            yield Shape(*match.span("value" if values_only else 0), IdentifierKind.OTHER_ID)
    if cued_only or wording.digits < _SHORTEST_WEAK_ID - 1:
        return
    for match in wording.matches(_WEAK_ID, _WEAK_WORDS):
        value = match["value"]
        if len(value) >= _SHORTEST_WEAK_ID and sum(char.isdigit() for char in value) >= _SHORTEST_WEAK_ID - 1:
            yield Shape(*match.span("value"), IdentifierKind.OTHER_ID)
    for match in _formed(wording):
        yield Shape(*match.span(), IdentifierKind.OTHER_ID)
    if text.count(".") > 2:
        for match in wording.matches_at_numbers(_UID):
            if not match[0].startswith(KEPT_ROOTS) and len(match[0]) >= _SHORTEST_UID:
                yield Shape(*match.span(), IdentifierKind.UID)


def _formed(wording: Wording) -> Iterator[re.Match[str]]:
    """Yield what is an ID by its form alone."""
    text = wording.text
    if text.count("-") > 1:
        yield from _GUID.finditer(text)
    yield from _grouped(wording)
    if "#" in text:
        yield from _HASH_ID.finditer(text)
    yield from _national(wording)
    if wording.longest >= _LONG_NUMBER:
        for start, end in wording.numbers:
            if end - start >= _LONG_NUMBER:
                # One letter may stand before it.
                match = (_LONG_RUN.match(text, start - 1) if start else None) or _LONG_RUN.match(text, start)
                if match is not None and _UNIT_AFTER.match(text, match.end()) is None:
                    yield match


def _national(wording: Wording) -> Iterator[re.Match[str]]:
    yield from wording.matches_at_numbers(_NATIONAL, shortest=2)
    for start, word in wording.words:
        if len(word) in _LETTERED and wording.text[start].isupper():
            match = _LETTERED[len(word)].match(wording.text, start)
            if match is not None:
                yield match


def _grouped(wording: Wording) -> Iterator[re.Match[str]]:
    for match in wording.matches_at_numbers(_GROUPED, shortest=2, longest=6):
        groups = match[0].split("-")
        round_numbers = all(group.endswith("0") for group in groups)
        if sum(map(len, groups)) >= _FEWEST_GROUPED_DIGITS and not round_numbers and not _YEARS.fullmatch(match[0]):
            yield match


def kept_uids(text: str) -> list[tuple[int, int]]:
    """Return where UIDs are that stay, so that nothing else takes their digits for a number."""
    if "2.25." not in text and "1.2.840.10008." not in text:
        return []
    return [match.span() for match in _UID.finditer(text) if match[0].startswith(KEPT_ROOTS)] + [
        match.span() for match in re.finditer(r"(?<![\w.])2\.25\.\d+", text)
    ]
