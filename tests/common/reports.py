"""Reports of a made-up patient as text, HL7 v2, FHIR, CDA and DOCX, with identifiers planted in every place."""

from __future__ import annotations

import base64
import re

from scanward.deidentify.documents.kinds import DocumentFacts
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import make_replacer
from scanward.model.identifier import Identifier
from scanward.model.text import TextMode

SECRETS = (
    "Garcia", "García", "Brien", "0012345", "12345", "CT-2024-777", "2024777", "02/15/1960", "19600215", "1960-02-15", "Marienthal",
    "Quintero", "234-9876", "234 9876", "ana@", "Larkspur", "62704", "1.2.840.113619.2.55.3.1234567",
)  # fmt: skip
"""Of the patient and those around them; none may be in what leaves."""

STUDY_UID = "1.2.840.113619.2.55.3.1234567"

REPORT = """\
RADIOLOGY REPORT
Patient: GARCIA, ANA   MRN: 0012345  DOB: 02/15/1960
Accession Number: CT-2024-777
Referring Physician: Peter O'Brien, MD
Exam Date: 01/31/2024

FINDINGS: Ms. Garcia has a 3 mm nodule in the left lung. No pleural effusion.
Compared to Jan 3, 2023. The findings were told to Dr. O'Brien at (617) 234-9876.

Signed by: Dr. Peter O'Brien
"""

CLINICAL = "3 mm nodule in the left lung"

_ATTACHED = base64.b64encode(b"Report on Ana Garcia, MRN 0012345.\nThe lung is clear.").decode("ascii")

HL7_MESSAGE = "\r".join(
    [
        r"MSH|^~\&|RIS|Marienthal|PACS|X|20240131101500||ORU^R01^ORU_R01|MSG12345|P|2.5.1||||||UNICODE UTF-8",
        "EVN|R01|20240131",
        "PID|1||0012345^^^Marienthal&1.2.3.4.5.6&ISO^MR||García^Ana^M^^Mrs||19600215|F|||12 Larkspur St^^Springfield^IL^62704||(617)234-9876^PRN^PH^ana@example.com",
        "NK1|1|García^Luis|FTH^Father||617-234-9876",
        "PV1|1|O|WARD1^3^B||||123^O'Brien^Peter^^^Dr",
        "ORC|RE|P777|CT-2024-777|||||||||123^O'Brien^Peter",
        "OBR|1|P777|CT-2024-777^RIS|24627-2^CT chest^LN|||20240131||||||Pain, seen by Dr. O'Brien|||123^O'Brien^Peter||||||||CT|F||||||Rule out embolism|55&Quintero&Rita",
        f"ZDS|{STUDY_UID}^PACS^Application^DICOM",
        "OBX|1|TX|24627-2^CT chest^LN||Findings for Ana||||||F",
        r"OBX|2|TX|24627-2^CT chest^LN||Garcia: 3 mm nodule in the left lung \T\ a scar.\.br\DOB 02/15/1960.~Second line||||||F",
        "OBX|3|NM|8277-6^size^LN||3|mm|1-5||||F",
        "OBX|4|CWE|59776-5^finding^LN||27925004^nodule seen by O'Brien^SCT||||||F",
        f"OBX|5|ST|113014^Study Instance UID^DCM||{STUDY_UID}||||||F",
        f"OBX|6|ED|PDF^report||^TEXT^PLAIN^Base64^{_ATTACHED}||||||F",
        "OBX|7|ED|PDF^report||^application^octet-stream^Base64^JVBERi0=||||||F",
        "OBX|8|DT|date^of exam||20240131||||||F",
        "NTE|1||Call (617) 234-9876",
        "ZZZ|Garcia",
        "",
    ]
).encode()


def cleaner_for(
    facts: DocumentFacts,
    *more: Identifier,
    mode: TextMode = TextMode.LABEL,
    key: bytes = b"k" * 32,
    shift: bool = False,
) -> TextCleaner:
    """Return what cleans a document of which `facts` and `more` are known."""
    known = KnownIdentifiers([*facts.identifiers, *more])
    pseudonyms = Pseudonyms(key)
    replacer = make_replacer(mode, pseudonyms, known, "patient")
    moves = shift or mode is TextMode.SURROGATE
    return TextCleaner(known, replacer, shift_days=pseudonyms.offset_days("patient") if moves else None)


def assert_nothing_of(secrets: tuple[str, ...], text: str) -> None:
    """Fail where one of `secrets` is in `text`, whatever the case, with or without separators."""
    folded = text.casefold()
    bare = re.sub(r"[\W_]", "", folded)
    found = [
        one
        for one in secrets
        if one.casefold() in folded or (re.sub(r"[\W_]", "", one.casefold()) in bare and len(one) > 5)
    ]
    assert found == []
