"""Numbers and codes of persons, orders, devices and cars in prose, without the words that say what they are."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind

_CUE_WORDS = frozenset(
    "mrn mrns medrec ssn nss nass nuss nhc nhs cip cipa dni nif nie cif ipp nir insee bsn npi dea vin crm cpf rg cns "
    "cro csn hicn hic "
    "col colegiado colegiada ncol nºcol licence license licencia lizenz lic plate plates kennzeichen matrícula "
    "matricula immatriculation "
    "placa accession acc acct account policy póliza police insurance insur ins member subscriber beneficiary "
    "certificate "
    "group plan hpn hmo case encounter visit episodio episodios expediente historia hist dossier prontuário prontuario "
    "convênio "
    "convenio carteira fallnummer fallnr fall patnr patid patientennummer auftragsnummer auftragsnr versichertennummer "
    "versicherungsnummer versicherung serial device implant lot sn udi passport pasaporte id ids identifier "
    "identification "
    "reference ref file chart record records number no nr num nº número numéro nummer número order requisition "
    "specimen badge "
    "employee pin card tarjeta cuenta registro reg".split()
)
_STRONG = re.compile(
    r"(?<![^\W_])(?:mrns?|med\s?rec|medrec|ssn|n\.?s\.?s|nass|nuss|nhc|nhs|cipa?|dni|nif|nie|cif|ipp|nir|insee|bsn|npi|"
    r"dea|vin|crm|cpf|cns|cro|csn|"
    r"hicn?|(?:n\.?º?\s?)?(?:de\s)?col(?:egiad[oa])?|nº?col|licen[cs]e(?:\s(?:plates?|tag))?|licencia|lizenz|lic|"
    r"plates?|kennzeichen|matr[ií]cula|"
    r"immatriculation|placa|accession|acct?|account|policy|p[oó]liza|insurance|insur|ins|member|subscriber|beneficiary|"
    r"certificate|hpn|hmo|case|encounter|episodios?|expediente|historia(?:\scl[ií]nica)?|dossier|prontu[aá]rio|"
    r"conv[eê]nio|carteira|"
    r"fall(?:nummer|nr)?|pat(?:nr|id)|patientennummer|auftrags(?:nummer|nr)|versich\w+|serial|device|implant|udi|"
    r"passport|"
    r"pasaporte|chart|record|specimen|badge|employee|tarjeta|cuenta|requisition|id|identifier|reference)"
    r"(?:[\s./-]{0,2}(?:number|numbers|num|no|nr|nº|n°|nbr|id|ids|record|identifier|code|plan|tag|is|was|ending in|"
    r"with|group|de))*"
    r"[\s.]{0,2}(?:\(\s?)?[:=#]{0,2}\s{0,3}(?P<value>#?\s?(?=[A-Za-z/-]{0,6}[ -]?\d|[A-Z]{2,5}[ -]?\d|"
    r"\d)(?:[A-Za-z]{1,5}[-/ ]?)?[\dA-Z](?:[\w/-]*[\w])?"
    r"(?:[ .-]\d[\w-]*)*)",
    re.IGNORECASE,
)
_FEWEST_DIGITS = 2
_SHORTEST = 4
_YEAR = re.compile(r"(?:19|20)\d\d")
_CODED = re.compile(
    r"(?<![\w.,/-])#?\s?(?:[A-Z]{1,6}[-_]\d{4,}(?:[-_]?[A-Z0-9]+)*|[A-Z]{1,6}\d{5,}[A-Z0-9-]*|[A-Z]{2,5}-\d{3,}-\d{2,}|"
    r"\d{4,}-?[A-Z]{2,4}(?![\w])|"
    r"\d[A-Z]{3}\d{3})(?![\w]|[.,]\d)"
)
_HASHED = re.compile(r"#\s?[A-Z]{0,6}-?\d[\w-]{3,}")
_GROUPED = re.compile(
    r"(?<![\w./,-])\d{4} \d{4} \d{4} \d{3,4}(?![\w])|(?<![\w./,-])\d{3,6}-\d{3,6}(?:-\d{2,6})?(?![\w/-]|[.,]\d)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}|\(\d{2,3}\)\s?\d{4,5}[ .-]\d{4}|"
    r"[6-9]\d{2}([ .-])\d{3}\1\d{3}|9\d([ .-])\d{3}\2\d{2}\2\d{2}|[6-9]\d{2}([ .-])\d{2}\3\d{2}\3\d{2}|\d{3} \d{3}[ "
    r"-]\d{4}|"
    r"0\d{2,4}[ /-]\d{4,8}|\d{2} 9?\d{4}-\d{4}|9\d{4}-\d{4})(?![\w]|[.,]\d|-\d)"
)
_CUED_PHONE = re.compile(
    r"(?<![^\W_])(?:tel[eé]?(?:fono|fone|fon|phone|f)?|phone[ds]?|ph|fon|fax|cell(?:ular)?|mob(?:ile|il)?|handy|"
    r"m[oó]vil|page[rd]?|beeper|bleep|"
    r"tfno|tlf|call(?:back)?|extension|ext|durchwahl|x|reach\w*|contact\w*)"
    r"[\s.]{0,2}(?:no|nr|number|at|on|from|is|unter)?[\s.]{0,2}[:#=]?\s?(?P<value>[+(]?\d[\d ()/.-]{1,18}\d)(?![\w/]|"
    r"\.\d)",
    re.IGNORECASE,
)
_PHONE_WORDS = frozenset(
    "tel tele telefono teléfono telefone telefon telephone telf phone phoned phones ph fon fax cell cellular mob "
    "mobile mobil handy "
    "movil móvil pager page paged beeper bleep tfno tlf call callback extension ext durchwahl x reach reached "
    "contact contacted".split()
)
_FEWEST_PHONE_DIGITS = 4
MEASURED = re.compile(
    r"\s?(?:ml|mg|mm|cm|kg|ms|msec|sec|hz|khz|mhz|hu|kv|kvp|ma|mas|mgy|gy|cgy|rads?|bq|mbq|mci|ppm|%|px|mcg|µg|g|iu|units?|"
    r"cells|days?|weeks?|months?|"
    r"years?|hours?|hrs?|min|minutes|mmhg|bpm|x\s?\d)\b|\s?%",
    re.IGNORECASE,
)


def find_numbers(wording: Wording) -> Iterator[Shape]:
    """Yield numbers of persons, orders, devices, cars, cards and phones."""
    if wording.digits < _FEWEST_DIGITS:
        return
    text = wording.text
    for match in wording.matches(_STRONG, _CUE_WORDS):
        if _is_code(match["value"]):
            yield Shape(*match.span("value"), IdentifierKind.OTHER_ID)
    for match in wording.matches(_CUED_PHONE, _PHONE_WORDS):
        value = match["value"]
        if (
            _digits(value) >= _FEWEST_PHONE_DIGITS
            and not _YEAR.fullmatch(value)
            and not MEASURED.match(text, match.end())
        ):
            yield Shape(*match.span("value"), IdentifierKind.PHONE)
    for match in wording.matches_at_numbers(_PHONE, lead="+("):
        if MEASURED.match(text, match.end()) is None and _digits(match[0]) >= 8:
            yield Shape(*match.span(), IdentifierKind.PHONE)
    if wording.longest >= 3:
        yield from (Shape(*span, IdentifierKind.OTHER_ID) for span in _codes(wording))


def _codes(wording: Wording) -> Iterator[tuple[int, int]]:
    text = wording.text
    for start, end in wording.numbers:
        if end - start < 3:
            continue
        # A code is at most six letters and a mark before its first long number.
        at = start
        while at > 0 and start - at < 8 and (text[at - 1].isupper() or text[at - 1] in "-_#" or text[at - 1].isdigit()):
            at -= 1
        for begin in {at, start}:
            match = _CODED.match(text, begin) or _IBAN.match(text, begin)
            if match is not None and MEASURED.match(text, match.end()) is None:
                yield match.span()
        match = _GROUPED.match(text, start)
        if match is not None and _digits(match[0]) >= 7 and MEASURED.match(text, match.end()) is None:
            yield match.span()
    if "#" in text:
        for match in _HASHED.finditer(text):
            yield match.span()


def _is_code(value: str) -> bool:
    """Say whether what stands behind a cue is a number: not a year, nor one of a digit or two."""
    digits = _digits(value)
    return digits >= _FEWEST_DIGITS and len(value) >= _SHORTEST and not _YEAR.fullmatch(value)


def _digits(value: str) -> int:
    return sum(map(str.isdigit, value))
