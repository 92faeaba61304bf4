"""Texts with the identifiers that are in them, from corpora that others published and from templates of our own.

No corpus is part of this project; a folder that holds them is an argument. Halves are by the order of documents: the
even ones may be trained on, the odd ones are held out.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scanward.model.identifier import IdentifierKind

ASQ = "JamesWeatherhead__asq-phi/asq_phi_dev.txt"
MEDDOCAN = "PlanTL-GOB-ES__SPACCC_MEDDOCAN/meddocan_dev_brat.zip"
PRESIDIO = "microsoft__presidio-research/synth_dataset_v2.json"
OBI = "obi-ml-public__ehr_deidentification"
ACI = "wyim__aci-bench/valid_full.json"


class Gold(NamedTuple):
    """An identifier in a text: indices of characters, and its label in the corpus."""

    start: int
    end: int
    label: str


class Document(NamedTuple):
    """A text and what is in it.

    Attributes
    ----------
    name
        Which it is in its corpus.
    text
        The text.
    gold
        Its identifiers.
    aside
        What the corpus labels but what identifies nobody (ages below 90, sex, countries): counts neither way.
    """

    name: str
    text: str
    gold: tuple[Gold, ...]
    aside: tuple[Gold, ...] = ()


KINDS: dict[str, IdentifierKind | None] = {
    # ASQ-PHI
    "NAME": IdentifierKind.PERSON_NAME,
    "GEOGRAPHIC_LOCATION": IdentifierKind.INSTITUTION,
    "DATE": IdentifierKind.DATE,
    "MEDICAL_RECORD_NUMBER": IdentifierKind.OTHER_ID,
    "HEALTH_PLAN_BENEFICIARY_NUMBER": IdentifierKind.OTHER_ID,
    "PHONE_NUMBER": IdentifierKind.PHONE,
    "FAX_NUMBER": IdentifierKind.PHONE,
    "SOCIAL_SECURITY_NUMBER": IdentifierKind.OTHER_ID,
    "EMAIL_ADDRESS": IdentifierKind.EMAIL,
    "UNIQUE_IDENTIFIER": IdentifierKind.OTHER_ID,
    "ACCOUNT_NUMBER": IdentifierKind.OTHER_ID,
    "CERTIFICATE_LICENSE_NUMBER": IdentifierKind.OTHER_ID,
    # MEDDOCAN
    "NOMBRE_SUJETO_ASISTENCIA": IdentifierKind.PERSON_NAME,
    "NOMBRE_PERSONAL_SANITARIO": IdentifierKind.PERSON_NAME,
    "FECHAS": IdentifierKind.DATE,
    "TERRITORIO": IdentifierKind.ADDRESS,
    "CALLE": IdentifierKind.ADDRESS,
    "HOSPITAL": IdentifierKind.INSTITUTION,
    "INSTITUCION": IdentifierKind.INSTITUTION,
    "CENTRO_SALUD": IdentifierKind.INSTITUTION,
    "CORREO_ELECTRONICO": IdentifierKind.EMAIL,
    "NUMERO_TELEFONO": IdentifierKind.PHONE,
    "NUMERO_FAX": IdentifierKind.PHONE,
    "ID_SUJETO_ASISTENCIA": IdentifierKind.OTHER_ID,
    "ID_ASEGURAMIENTO": IdentifierKind.OTHER_ID,
    "ID_TITULACION_PERSONAL_SANITARIO": IdentifierKind.OTHER_ID,
    "ID_CONTACTO_ASISTENCIAL": IdentifierKind.OTHER_ID,
    "ID_EMPLEO_PERSONAL_SANITARIO": IdentifierKind.OTHER_ID,
    "IDENTIF_VEHICULOS_NRSERIE_PLACAS": IdentifierKind.OTHER_ID,
    "IDENTIF_DISPOSITIVOS_NRSERIE": IdentifierKind.DEVICE,
    "NUMERO_BENEF_PLAN_SALUD": IdentifierKind.OTHER_ID,
    "URL_WEB": IdentifierKind.OTHER_ID,
    "DIREC_PROT_INTERNET": IdentifierKind.DEVICE,
}
"""Labels of the corpora that may be trained on, and what they are here."""

_MEDDOCAN_ASIDE = frozenset(
    "EDAD_SUJETO_ASISTENCIA SEXO_SUJETO_ASISTENCIA PAIS PROFESION FAMILIARES_SUJETO_ASISTENCIA "
    "OTROS_SUJETO_ASISTENCIA".split()
)
PRESIDIO_IDENTIFIERS = frozenset(
    "PERSON STREET_ADDRESS GPE ZIP_CODE PHONE_NUMBER EMAIL_ADDRESS DATE_TIME CREDIT_CARD US_SSN US_DRIVER_LICENSE "
    "IBAN_CODE IP_ADDRESS DOMAIN_NAME".split()
)
"""Labels of presidio-research that identify in a clinical sense; not ORGANIZATION, TITLE, NRP and AGE."""

_OBI_SPAN = re.compile(r"<<(?P<label>[A-Z]+):(?P<value>.*?)>>", re.DOTALL)
_OLDEST_AGE = 89


def read_asq(data: Path) -> list[Document]:
    """Return the queries of ASQ-PHI, in their order."""
    documents = []
    for number, entry in enumerate((data / ASQ).read_text(encoding="utf-8").split("===QUERY===")[1:]):
        query, _, tags = entry.partition("===PHI_TAGS===")
        text = query.strip()
        values = [json.loads(line) for line in tags.strip().splitlines() if line.strip()]
        gold = tuple(_located(text, [(one["identifier_type"], one["value"]) for one in values]))
        documents.append(Document(f"asq {number}", text, gold))
    return documents


def _located(text: str, values: Iterable[tuple[str, str]]) -> Iterator[Gold]:
    """Yield where each value is: the first place that no other value has."""
    taken = bytearray(len(text))
    for label, value in sorted(values, key=lambda one: -len(one[1])):
        at = text.find(value)
        while at >= 0 and any(taken[at : at + len(value)]):
            at = text.find(value, at + 1)
        if at < 0:
            raise ValueError(f"a value of {label} is not in its text")
        taken[at : at + len(value)] = b"\1" * len(value)
        yield Gold(at, at + len(value), label)


def read_meddocan(data: Path) -> list[Document]:
    """Return the clinical cases of MEDDOCAN, in the order of their names."""
    documents = []
    with zipfile.ZipFile(data / MEDDOCAN) as archive:
        for name in sorted(one for one in archive.namelist() if one.endswith(".txt") and "/brat/" in one):
            text = archive.read(name).decode()
            marked = [_brat(line) for line in archive.read(name[:-3] + "ann").decode().splitlines() if line[:1] == "T"]
            gold = tuple(one for one in marked if not _is_aside(text, one))
            aside = tuple(one for one in marked if _is_aside(text, one))
            documents.append(Document(name, text, gold, aside))
    return documents


def _brat(line: str) -> Gold:
    label, start, end = line.split("\t")[1].split(" ")
    return Gold(int(start), int(end), label)


def _is_aside(text: str, one: Gold) -> bool:
    if one.label == "EDAD_SUJETO_ASISTENCIA":
        return not any(int(number) > _OLDEST_AGE for number in re.findall(r"\d+", text[one.start : one.end]))
    return one.label in _MEDDOCAN_ASIDE


def read_presidio(data: Path, labels: frozenset[str] | None = None) -> list[Document]:
    """Return the sentences of presidio-research; those of its labels that are not in `labels` are set aside."""
    documents = []
    for number, one in enumerate(json.loads((data / PRESIDIO).read_text(encoding="utf-8"))):
        spans = [Gold(s["start_position"], s["end_position"], s["entity_type"]) for s in one["spans"]]
        gold = tuple(span for span in spans if labels is None or span.label in labels)
        aside = tuple(span for span in spans if labels is not None and span.label not in labels)
        documents.append(Document(f"presidio {number}", one["full_text"], gold, aside))
    return documents


def read_obi(data: Path) -> list[Document]:
    """Return the notes of obi, by what its own tool marked; ages below 90 are set aside."""
    documents = []
    for number, line in enumerate((data / OBI / "deid.jsonl").read_text(encoding="utf-8").splitlines()):
        marked = json.loads(line)["deid_text"]
        pieces: list[str] = []
        spans: list[Gold] = []
        at = size = 0
        for match in _OBI_SPAN.finditer(marked):
            before = marked[at : match.start()]
            size += len(before)
            spans.append(Gold(size, size + len(match["value"]), match["label"]))
            size += len(match["value"])
            pieces += [before, match["value"]]
            at = match.end()
        text = "".join(pieces) + marked[at:]
        young = {one for one in spans if one.label == "AGE" and _is_young(text[one.start : one.end])}
        gold = tuple(one for one in spans if one not in young)
        documents.append(Document(f"obi {number}", text, gold, tuple(young)))
    return documents


def _is_young(value: str) -> bool:
    return all(int(number) <= _OLDEST_AGE for number in re.findall(r"\d+", value))


def read_aci(data: Path) -> list[Document]:
    """Return conversations and notes of aci-bench: few names are in them, which nobody marked."""
    documents = []
    for number, one in enumerate(json.loads((data / ACI).read_text(encoding="utf-8"))["data"]):
        documents += [Document(f"aci {number} {part}", one[part], ()) for part in ("src", "tgt")]
    return documents


def halves(documents: list[Document]) -> tuple[list[Document], list[Document]]:
    """Return the half that may be trained on, and the half held out."""
    return documents[::2], documents[1::2]


def merged(text: str, marked: Iterable[Gold]) -> list[Gold]:
    """Return the spans in order, without those inside of others."""
    found: list[Gold] = []
    for one in sorted(marked, key=lambda span: (span.start, -span.end)):
        if one.end <= len(text) and (not found or one.start >= found[-1].end):
            found.append(one)
    return found


Read = Callable[[Path], list[Document]]
Figures = dict[str, Any]
