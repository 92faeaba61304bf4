"""Plain text: in UTF-8, in UTF-16 with its mark, or in Windows-1252 where nothing speaks against it."""

import re
from collections.abc import Collection, Iterator
from datetime import date
from typing import NamedTuple

from scanward.deidentify.documents.fields import Fields
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.variants import DATE_KINDS
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.written_dates import find_dates
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind

MAX_BYTES = 16 << 20
"""Larger texts are no reports: this is thousands of pages. They would hold all others up for minutes."""

PART_CHARACTERS = 1 << 18
"""Texts are cleaned in parts of about this size, cut at blank lines, so that memory stays bounded."""

_LONGEST_LINE = 1 << 16
_HEAD, _TAIL = 1 << 17, 1 << 15

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_UTF8_SEQUENCE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_BLANK_LINES = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_BLANK = re.compile(r"\s")

_LABELS = {
    IdentifierKind.PATIENT_NAME: (
        r"patient(?:'?s)?(?:[ _]name)?|pt(?:[ _]name)?|name(?: of patient)?|patientenname|patient(?:in)?|"
        r"nombre(?: y apellidos)?|apellidos|paciente|nom(?: du patient)?|paziente|nome(?: do paciente)?"
    ),
    IdentifierKind.PATIENT_ID: (
        r"mrn|m\.r\.n\.|medical record(?: (?:number|no\.?|#))?|patient[ _-]?(?:id|no\.?|number|#)|"
        r"pat(?:ienten)?-?(?:id|nr)\.?|pid|nhc|nhs (?:number|no\.?)|ipp|historia cl[ií]nica|"
        r"n(?:um|º|°)?\.? historia(?: cl[ií]nica)?"
    ),
    IdentifierKind.ACCESSION: (
        r"acc(?:ession)?[ ._-]?(?:number|no\.?|nr\.?|num|#)?|order (?:number|no\.?|#)|"
        r"auftrags-?(?:nr\.?|nummer)|exam (?:id|no\.?)"
    ),
    IdentifierKind.BIRTH_DATE: (
        r"d\.?o\.?b\.?|date of birth|birth ?date|born|geb(?:urtsdatum|oren(?: am)?|\.)|fecha de nacimiento|f\. ?nac\.?|"
        r"date de naissance|n[ée]e? le|data di nascita|data de nascimento"
    ),
    IdentifierKind.UID: r"study (?:instance )?uid",
    IdentifierKind.PERSON_NAME: (
        r"(?:referring|ordering|attending|requesting|reading) (?:physician|provider|doctor|md)|referred by|ordered by|"
        r"radiologist|technologist|dictated by|signed(?: electronically)?(?: by)?|electronically signed by|reported by|"
        r"read by|überweiser|befunder|médico|remitido por|médecin|prescripteur|medico richiedente"
    ),
    IdentifierKind.DATE: (
        r"(?:exam|study|report|procedure|service|scan)?[ _]?date(?: of (?:exam|study|service|report))?|datum|fecha"
    ),
}
_LABEL = re.compile(
    r"(?:^|(?<=[\n\r|;])|(?<=\t)|(?<= {2}))[ ]?(?:"
    + "|".join(f"(?P<{kind.name}>{words})" for kind, words in _LABELS.items())
    + r")[ ]?[:=][ \t]*(?P<value>[^\n\r|;\t]{1,120}?)(?=$|[\n\r|;\t]| {2})",
    re.IGNORECASE,
)
_ID = re.compile(r"(?=[\w./-]{3})[\w./-]*\d[\w./-]*")
_UID = re.compile(r"\d+(?:\.\d+){3,}")
_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)(?![\d/])")
_MONTHS = 12
_NAME = re.compile(r"[^\d:]{3,60}")
_AFTER_NAME = re.compile(r"[(\[,;]?\s*(?:\(|\[|\bDOB\b|\bMRN\b|\bage\b|\d).*", re.IGNORECASE | re.DOTALL)


class Decoded(NamedTuple):
    """A text and how it was written.

    Attributes
    ----------
    text
        The text, without a byte order mark.
    encoding
        Its encoding, as Python calls it.
    mark
        Its byte order mark.
    """

    text: str
    encoding: str
    mark: bytes

    def encode(self, text: str) -> bytes:
        """Return another text written like this one. Raises `DocumentError` where it has characters that cannot be."""
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError:
            raise DocumentError(
                "what stands for an identifier cannot be written in the encoding of the document",
                remedy="Convert the document to UTF-8.",
            ) from None


def read_facts(data: bytes) -> DocumentFacts:
    """Return what a text says behind labels: ``Patient: ...``, ``MRN: ...``, ``Accession: ...``, ``DOB: ...``.

    Parameters
    ----------
    data
        The document.

    Raises
    ------
    DocumentError
        It is no text, too large, or in an encoding that cannot be told.
    """
    text = decode(data).text
    return facts_of(text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}")


def clean(data: bytes, cleaner: TextCleaner) -> CleanedDocument:
    """Return a text cleaned, in the same encoding, with the same line ends.

    Parameters
    ----------
    data
        The document.
    cleaner
        What cleans its text.

    Raises
    ------
    DocumentError
        It cannot be read, or something known stays.
    """
    decoded = decode(data)
    fields = Fields(cleaner)
    text = "".join(fields.prose(part) for part in parts(decoded.text))
    return fields.document(decoded.encode(text), "")


def decode(data: bytes, *, limit: int = MAX_BYTES) -> Decoded:
    """Decode a text.

    Raises
    ------
    DocumentError
        It is larger than `limit`, in no encoding for sure, or holds control characters.
    """
    if len(data) > limit:
        raise DocumentError(
            f"expected a document of {limit >> 20} MB at most, got {len(data) >> 20} MB", remedy="Split it."
        )
    decoded = _decoded(data)
    if _CONTROL.search(decoded.text):
        raise DocumentError(
            "expected text, found control characters", remedy="Give it the ending of its format if it is no plain text."
        )
    return decoded


def _decoded(data: bytes) -> Decoded:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return Decoded(data[len(mark) :].decode(encoding), encoding, mark)
            except UnicodeDecodeError:
                raise _bad_encoding(f"its mark says {encoding.upper()}, and it is not") from None
    try:
        return Decoded(data.decode("utf-8"), "utf-8", b"")
    except UnicodeDecodeError:
        pass
    if _UTF8_SEQUENCE.search(data):
        raise _bad_encoding("it is partly UTF-8 and partly not")
    try:
        return Decoded(data.decode("cp1252"), "cp1252", b"")
    except UnicodeDecodeError:
        raise _bad_encoding("it is neither UTF-8 nor Windows-1252") from None


def _bad_encoding(why: str) -> DocumentError:
    return DocumentError(f"the encoding of the text cannot be told: {why}", remedy="Save it as UTF-8.")


def parts(text: str) -> Iterator[str]:
    """Yield a text in parts of about `PART_CHARACTERS`, cut at blank lines, or else at line ends or blanks.

    Raises
    ------
    DocumentError
        There is nowhere to cut.
    """
    at = 0
    while len(text) - at > PART_CHARACTERS * 2:
        for pattern in (_BLANK_LINES, _NEWLINE, _BLANK):
            cut = pattern.search(text, at + PART_CHARACTERS, at + PART_CHARACTERS + _LONGEST_LINE)
            if cut is not None:
                break
        else:
            raise DocumentError(
                f"expected words and lines, got a run of more than {_LONGEST_LINE:,} characters without a blank",
                remedy="It is no text that people wrote; take it out of the document.",
            )
        yield text[at : cut.end()]
        at = cut.end()
    yield text[at:]


def facts_of(text: str) -> DocumentFacts:
    """Return what a text says behind labels."""
    day_first = frozenset(_day_first(text))
    found: dict[IdentifierKind, set[str]] = {kind: set() for kind in _LABELS}
    for match in _LABEL.finditer(text):
        kind = next(kind for kind in _LABELS if match[kind.name])
        value = _value_of(kind, match["value"].strip(), day_first)
        if value:
            found[kind].add(value)
    return DocumentFacts(
        identifiers=frozenset(Identifier(kind, value) for kind, values in found.items() for value in values),
        patient_ids=frozenset(found[IdentifierKind.PATIENT_ID]),
        accession_numbers=frozenset(found[IdentifierKind.ACCESSION]),
        study_uids=frozenset(found[IdentifierKind.UID]),
    )


def _day_first(text: str) -> Iterator[date]:
    """Yield the dates of a text that are read with the day first, where another date of it can be read no other way."""
    found = [*_SLASHED.finditer(text)]
    if any(int(match[1]) > _MONTHS for match in found) and not any(int(match[2]) > _MONTHS for match in found):
        for match in found:
            try:
                yield date(int(match[3]), int(match[2]), int(match[1]))
            except ValueError:
                continue


def _value_of(kind: IdentifierKind, text: str, days: Collection[date]) -> str:
    """Return what of the text behind a label is an identifier of `kind`; empty where nothing is."""
    if kind in {IdentifierKind.PATIENT_NAME, IdentifierKind.PERSON_NAME}:
        name = _AFTER_NAME.sub("", text).strip(" ,.")
        return name if _NAME.fullmatch(name) else ""
    if kind in DATE_KINDS:
        read = [one.day for one in find_dates(Wording(text), days) if one.day is not None]
        return f"{read[0]:%Y%m%d}" if read else ""
    match = (_UID if kind is IdentifierKind.UID else _ID).match(text)
    return match[0] if match is not None else ""
