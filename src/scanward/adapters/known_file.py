"""Reads who a document is about from a DICOM file of the study, or from a list in TOML or JSON."""

import json
import os
import tomllib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from scanward.adapters.receive.folder import FileSource
from scanward.deidentify.header.scan import Scanner, decode_identifiers
from scanward.dicomstream.dates import parse_da
from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, ScanwardError, SourceError
from scanward.model.identifier import Identifier, IdentifierKind

MAX_LIST_BYTES = 1 << 20
"""A longer list is none."""

KEYS = {
    "patient_names": IdentifierKind.PATIENT_NAME,
    "patient_ids": IdentifierKind.PATIENT_ID,
    "birth_dates": IdentifierKind.BIRTH_DATE,
    "person_names": IdentifierKind.PERSON_NAME,
    "dates": IdentifierKind.DATE,
    "accession_numbers": IdentifierKind.ACCESSION,
    "other_ids": IdentifierKind.OTHER_ID,
    "addresses": IdentifierKind.ADDRESS,
    "phones": IdentifierKind.PHONE,
    "emails": IdentifierKind.EMAIL,
    "institutions": IdentifierKind.INSTITUTION,
    "devices": IdentifierKind.DEVICE,
    "uids": IdentifierKind.UID,
}
"""Keys of a list; each has a list of texts."""

_DATES = frozenset({IdentifierKind.BIRTH_DATE, IdentifierKind.DATE})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before a document is read.

    Attributes
    ----------
    identifiers
        Of the patient, the study and everybody around them.
    patient_key
        What tells the patient from others, as in the study's instances; empty where no instance was read.
    """

    identifiers: frozenset[Identifier]
    patient_key: str = ""

    def __repr__(self) -> str:
        """Tell the number only."""
        return f"Known(<{len(self.identifiers)} identifiers>)"


def read_known(path: Path) -> Known:
    """Read a DICOM file, or a list that ends with ``.toml`` or ``.json``.

    Raises
    ------
    SourceError
        It cannot be read, or is neither.
    """
    if path.suffix.lower() in {".toml", ".json"}:
        return Known(frozenset(_read_list(path)))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with FileSource(fd, os.fstat(fd).st_size) as source:
            facts = Scanner().scan(open_dicom(source))
            return Known(decode_identifiers(chain.from_iterable(facts.identifiers), facts.charset), facts.patient_key)
    except OSError as error:
        raise SourceError(f"the file of --known cannot be read: {os.strerror(error.errno or 0)}") from None
    except DicomFormatError as error:
        raise SourceError(
            f"expected DICOM, TOML or JSON of --known: {error}", remedy="A list ends with .toml or .json."
        ) from None
    except ScanwardError as error:
        raise SourceError(f"the file of --known cannot be read: {error}", remedy=error.remedy) from None


def _read_list(path: Path) -> list[Identifier]:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise SourceError(f"expected a list of {MAX_LIST_BYTES >> 20} MB at most of --known, got a longer one")
        text = path.read_text("utf-8")
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        raise SourceError(f"the list of --known cannot be read: {os.strerror(error.errno or 0)}") from None
    except (UnicodeError, ValueError, RecursionError):
        # What a parser says may quote the line.
        raise SourceError("the list of --known is not valid TOML or JSON", remedy="Check how it is written.") from None
    if not isinstance(content, dict) or not set(content) <= set(KEYS):
        raise SourceError("the list of --known has a key that is not known", remedy=f"Known keys: {', '.join(KEYS)}.")
    return [identifier for key, values in content.items() for identifier in _identifiers(key, values)]


def _identifiers(key: str, values: object) -> list[Identifier]:
    texts = [values] if isinstance(values, str) else values
    if not isinstance(texts, list) or not all(isinstance(one, str) and one.strip() for one in texts):
        raise SourceError(f"expected {key!r} of --known to be a list of texts")
    kind = KEYS[key]
    return [Identifier(kind, _date(key, one) if kind in _DATES else one.strip()) for one in texts]


def _date(key: str, text: str) -> str:
    try:
        return f"{parse_da(text.strip().replace('-', '')):%Y%m%d}"
    except ValueError:
        raise SourceError(f"expected {key!r} of --known as YYYY-MM-DD") from None
