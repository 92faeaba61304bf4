"""What becomes of each field of an HL7 v2 message, and of each component of a data type; what is not named goes.

Fields as in HL7 2.5.1 chapters 2, 3, 4, 7 and 9, and those that later and earlier versions have at the same places.
"""

from collections.abc import Mapping
from enum import Enum, auto

from scanward.model.identifier import IdentifierKind


class Treat(Enum):
    """What becomes of a field."""

    KEEP = auto()
    """It stays: numbers, flags and codes of the standard."""
    CODED = auto()
    """A code and its words (CE, CWE): the code stays, the words are cleaned."""
    PROSE = auto()
    """Text that people wrote."""
    DATE = auto()
    BIRTH_DATE = auto()
    PATIENT_NAME = auto()
    """XPN."""
    NAME = auto()
    """XPN of somebody else."""
    PROVIDER = auto()
    """XCN: an ID, then a name."""
    NESTED_PROVIDER = auto()
    """NDL: the same, one level down."""
    PATIENT_ID = auto()
    """CX."""
    ACCESSION = auto()
    """EI or CX."""
    OTHER_ID = auto()
    """EI or CX."""
    DEVICE = auto()
    UID = auto()
    ADDRESS = auto()
    """XAD."""
    PHONE = auto()
    """XTN."""
    INSTITUTION = auto()
    """XON."""
    VALUE = auto()
    """OBX-5: by the type in OBX-2."""
    NUMBER = auto()
    """A number that the message must have: counted anew."""
    YEAR = auto()
    """The date of the message, which it must have: the year at least."""


KINDS = {
    Treat.PATIENT_NAME: IdentifierKind.PATIENT_NAME,
    Treat.NAME: IdentifierKind.PERSON_NAME,
    Treat.PROVIDER: IdentifierKind.PERSON_NAME,
    Treat.NESTED_PROVIDER: IdentifierKind.PERSON_NAME,
    Treat.PATIENT_ID: IdentifierKind.PATIENT_ID,
    Treat.ACCESSION: IdentifierKind.ACCESSION,
    Treat.OTHER_ID: IdentifierKind.OTHER_ID,
    Treat.DEVICE: IdentifierKind.DEVICE,
    Treat.UID: IdentifierKind.UID,
    Treat.ADDRESS: IdentifierKind.ADDRESS,
    Treat.PHONE: IdentifierKind.PHONE,
    Treat.INSTITUTION: IdentifierKind.INSTITUTION,
    Treat.DATE: IdentifierKind.DATE,
    Treat.BIRTH_DATE: IdentifierKind.BIRTH_DATE,
}
"""As what a field identifies somebody."""


def _segment(**treats: str) -> Mapping[int, Treat]:
    """Return the treatment by number of the field; numbers are parted by blanks, ranges have a dash."""
    found: dict[int, Treat] = {}
    for name, numbers in treats.items():
        for piece in numbers.split():
            first, _, last = piece.partition("-")
            found.update(dict.fromkeys(range(int(first), int(last or first) + 1), Treat[name.upper()]))
    return found


SEGMENTS: Mapping[str, Mapping[int, Treat]] = {
    # 1 and 2 are the separators, which are written apart.
    "MSH": _segment(keep="9 11-12 15-21", year="7", number="10"),
    "MSA": _segment(keep="1", number="2"),
    "EVN": _segment(keep="1 4", date="2 3 6", provider="5"),
    "PID": _segment(
        keep="1 8 30", patient_id="2-4", patient_name="5 9", name="6", birth_date="7", address="11", phone="13-14",
        other_id="18-19", date="29",
    ),
    "PD1": _segment(institution="3", provider="4"),
    "NK1": _segment(keep="1", name="2", coded="3", address="4", phone="5-6"),
    "MRG": _segment(patient_id="1 2 4", patient_name="7"),
    "PV1": _segment(keep="1 2 4 14 18", provider="7-9 17 52", coded="10", other_id="19 50", date="44-45"),
    "PV2": _segment(coded="3"),
    "ORC": _segment(
        keep="1 5 6", accession="2 3", other_id="4", date="9 15", provider="10-12 19", coded="16", institution="21",
        address="22 24", phone="14 23",
    ),
    "OBR": _segment(
        keep="1 5 11 24 25 30", accession="2 3 18", coded="4 15 31 43-45", date="6-8 14 22 36", provider="10 16 28",
        prose="13 46", phone="17", other_id="19-21", nested_provider="32-35",
    ),
    "OBX": _segment(
        keep="1 2 4 6 8-11", coded="3 17", value="5", prose="7", date="12 14 19", provider="16 25", device="18",
        institution="23", address="24",
    ),
    "NTE": _segment(keep="1 2 4", prose="3"),
    "TXA": _segment(
        keep="1-3 17-20", date="4 6-8", provider="5 9-11 22", other_id="12-13", accession="14-15",
    ),
    "ZDS": _segment(uid="1"),
    "IPC": _segment(accession="1", other_id="2 4", uid="3", coded="5-6"),
    "TQ1": _segment(keep="1 9", date="7 8"),
    "GT1": _segment(keep="1", name="3 4", address="5", phone="6-7"),
    "IN1": _segment(keep="1", name="16", date="18", address="19", other_id="36"),
    "AL1": _segment(keep="1 4", coded="2 3", prose="5", date="6"),
    "DG1": _segment(keep="1 2 6", coded="3", prose="4", date="5"),
    "ROL": _segment(keep="2", coded="3", provider="4"),
    "BTS": _segment(keep="1"),
    "FTS": _segment(keep="1"),
    "FHS": {},
    "BHS": {},
}  # fmt: skip
"""What stays of each segment. Segments and fields that are not here go."""

VALUE_TYPES: Mapping[str, Treat] = {
    "TX": Treat.PROSE, "FT": Treat.PROSE, "ST": Treat.PROSE, "CE": Treat.CODED, "CWE": Treat.CODED, "CNE": Treat.CODED,
    "CF": Treat.CODED, "IS": Treat.KEEP, "ID": Treat.KEEP, "NM": Treat.KEEP, "SN": Treat.KEEP, "SI": Treat.KEEP,
    "TM": Treat.KEEP, "DT": Treat.DATE, "TS": Treat.DATE, "DTM": Treat.DATE, "PN": Treat.NAME, "XPN": Treat.NAME,
    "XCN": Treat.PROVIDER, "CN": Treat.PROVIDER, "CX": Treat.OTHER_ID, "EI": Treat.OTHER_ID, "XAD": Treat.ADDRESS,
    "AD": Treat.ADDRESS, "XTN": Treat.PHONE, "TN": Treat.PHONE, "XON": Treat.INSTITUTION, "HD": Treat.OTHER_ID,
}  # fmt: skip
"""What becomes of OBX-5 by OBX-2. ED (a document) is looked at apart; other types go."""

CODED_WORDS = frozenset({2, 5, 9})
"""Components of CE and CWE that are words (HL7 2.5.1 Section 2.A.13); the others are codes."""

CHARACTER_SETS = {
    "": "", "ASCII": "ascii", "8859/1": "latin-1", "8859/2": "iso8859-2", "8859/3": "iso8859-3", "8859/4": "iso8859-4",
    "8859/5": "iso8859-5", "8859/6": "iso8859-6", "8859/7": "iso8859-7", "8859/8": "iso8859-8", "8859/9": "iso8859-9",
    "8859/15": "iso8859-15", "UNICODE UTF-8": "utf-8", "UNICODE": "utf-8", "UTF-8": "utf-8", "GB 18030-2000": "gb18030",
    "BIG-5": "big5", "KS X 1001": "euc-kr", "CNS 11643-1992": "big5",
}  # fmt: skip
"""Encodings by what MSH-18 says (table 0211). Others, which switch within the text, are not read."""
