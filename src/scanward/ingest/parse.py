"""What an instance says it is when it comes in (PS3.3 C.7, PS3.10 Section 7.1)."""

import re
from dataclasses import dataclass

from scanward.dicomstream.charset import decode_text
from scanward.dicomstream.part10 import (
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    DataSetStart,
)
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.similar import SimilarDataSets
from scanward.errors import DicomFormatError, NotDicomError
from scanward.model.attribute import Tag
from scanward.model.study import PatientIdentity, patient_key

MEDIA_STORAGE_DIRECTORY = b"1.2.840.10008.1.3.10"

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_DATE = 0x00080020
ACCESSION_NUMBER = 0x00080050
MODALITY = 0x00080060
STUDY_DESCRIPTION = 0x00081030
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
ISSUER_OF_PATIENT_ID = 0x00100021
PATIENT_BIRTH_DATE = 0x00100030
BODY_PART_EXAMINED = 0x00180015
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
BURNED_IN_ANNOTATION = 0x00280301

_WANTED = frozenset(
    (
        SPECIFIC_CHARACTER_SET, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_DATE, ACCESSION_NUMBER, MODALITY,
        STUDY_DESCRIPTION, PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID, PATIENT_BIRTH_DATE, BODY_PART_EXAMINED,
        STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, BURNED_IN_ANNOTATION,
    )
)  # fmt: skip

MAX_VALUE_BYTES = 1024
"""Longest value that is taken; an LO has at most 64 characters (PS3.5 Table 6.2-1), some writers exceed it."""

_UID = re.compile(r"[0-9.]{1,64}")
"""Leading zeros in components, which PS3.5 Section 9.1 forbids, are met in practice and harm nothing."""

_Values = dict[Tag, bytes]
_NOTHING: _Values = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class IncomingFacts:
    """What an instance says it is; texts decoded, empty where missing.

    Attributes
    ----------
    study_uid, series_uid, sop_instance_uid, sop_class_uid, transfer_syntax_uid
        Names of what it is and belongs to.
    patient
        Whose it is.
    study_date, study_description, accession_number
        Of its study.
    modality, body_part, burned_in_annotation
        What it shows.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    patient: PatientIdentity
    study_date: str
    study_description: str
    accession_number: str
    modality: str
    body_part: str
    burned_in_annotation: str

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "IncomingFacts()"


class Parser:
    """Reads what instances say they are; those of one series cost little after the first. Not for several threads."""

    def __init__(self) -> None:
        self._similar: SimilarDataSets[_Values] = SimilarDataSets(_process, _join)

    def parse(self, start: DataSetStart) -> IncomingFacts:
        """Walk the whole data set and return what it says.

        Raises
        ------
        NotDicomError
            It is a DICOMDIR.
        DicomFormatError
            It is not well formed, or has none of the UIDs that name an instance.
        """
        if start.meta.get(MEDIA_STORAGE_SOP_CLASS_UID) == MEDIA_STORAGE_DIRECTORY:
            raise NotDicomError("a DICOMDIR: an index of the files beside it")
        values: _Values = {}
        for part in self._similar.process(start):
            values.update(part)
        charset = values.get(SPECIFIC_CHARACTER_SET, b"").strip(b" \0")

        def text(tag: Tag) -> str:
            # PostgreSQL stores no NUL, and no text of DICOM has one but as padding.
            return decode_text(values.get(tag, b""), charset).replace("\0", "").strip()

        sop_instance_uid = _uid(values, start, SOP_INSTANCE_UID, MEDIA_STORAGE_SOP_INSTANCE_UID, "SOP Instance UID")
        # Old and exported files lack these two; such an instance is a study and series of its own.
        study_uid = text(STUDY_INSTANCE_UID) or sop_instance_uid
        return IncomingFacts(
            study_uid=study_uid,
            series_uid=text(SERIES_INSTANCE_UID) or sop_instance_uid,
            sop_instance_uid=sop_instance_uid,
            sop_class_uid=_uid(values, start, SOP_CLASS_UID, MEDIA_STORAGE_SOP_CLASS_UID, "SOP Class UID"),
            transfer_syntax_uid=start.transfer_syntax_uid,
            patient=PatientIdentity(
                key=patient_key(
                    patient_id=text(PATIENT_ID),
                    issuer=text(ISSUER_OF_PATIENT_ID),
                    name=text(PATIENT_NAME),
                    birth_date=text(PATIENT_BIRTH_DATE),
                    study_uid=study_uid,
                ),
                patient_id=text(PATIENT_ID),
                issuer=text(ISSUER_OF_PATIENT_ID),
                name=text(PATIENT_NAME),
                birth_date=text(PATIENT_BIRTH_DATE),
            ),
            study_date=text(STUDY_DATE),
            study_description=text(STUDY_DESCRIPTION),
            accession_number=text(ACCESSION_NUMBER),
            modality=text(MODALITY).upper(),
            body_part=text(BODY_PART_EXAMINED).upper(),
            burned_in_annotation=text(BURNED_IN_ANNOTATION).upper(),
        )


def _uid(values: _Values, start: DataSetStart, tag: Tag, meta_tag: Tag, name: str) -> str:
    uid = (values.get(tag) or start.meta.get(meta_tag, b"")).strip(b" \0").decode("ascii", "replace")
    if not uid:
        raise DicomFormatError(
            f"expected {name}, got none", remedy="Have the archive or modality send the instance whole."
        )
    if _UID.fullmatch(uid) is None:
        raise DicomFormatError(f"{name}: expected digits and dots, up to 64 characters (PS3.5 Section 9.1)")
    return uid


def _process(reader: Reader, element: Element, _end: int, _creator: bytes | None) -> _Values:
    if element.tag not in _WANTED or element.length > MAX_VALUE_BYTES:
        return _NOTHING
    return {element.tag: reader.read(element.value, element.length)}


def _join(parts: list[_Values]) -> _Values:
    joined: _Values = {}
    for part in parts:
        joined.update(part)
    return joined
