"""A file that identifiers are planted in: a Data Set, and all that can stand around and between its elements."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.common.patients import Study
from tests.common.tokens import Kind, date_notations


@dataclass(kw_only=True)
class Host:
    """One file in the making.

    Attributes
    ----------
    raw
        Encoded elements that are put among the others by tag; for what pydicom would not write.
    tail
        Bytes after the Data Set.
    """

    name: str
    study: Study
    ds: Dataset
    file_name: str = ""
    folder: str = ""
    preamble: bytes = bytes(128)
    raw: list[tuple[int, bytes]] = field(default_factory=list)
    tail: bytes = b""
    sidecars: dict[str, bytes] = field(default_factory=dict)
    pdf_parts: dict[str, list[str]] = field(default_factory=lambda: {"text": [], "title": [], "author": []})
    pdf_packed: bool = False

    @property
    def implicit(self) -> bool:
        """Whether the Data Set is in Implicit VR."""
        return bool(self.ds.file_meta.TransferSyntaxUID.is_implicit_VR)

    @property
    def little(self) -> bool:
        """Whether the Data Set is in little endian."""
        return bool(self.ds.file_meta.TransferSyntaxUID.is_little_endian)

    def add_raw(self, tag: int, vr: str, value: bytes) -> None:
        """Add an element with whatever VR and tag, encoded as the file is."""
        order = "little" if self.little else "big"
        value += b"\0" * (len(value) % 2)
        head = (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)
        if self.implicit:
            head += len(value).to_bytes(4, order)
        elif vr in {"OB", "OW", "UN", "UT", "UC", "UR", "SQ", "OF", "OD"}:
            head += vr.encode() + b"\0\0" + len(value).to_bytes(4, order)
        else:
            head += vr.encode() + len(value).to_bytes(2, order)
        self.raw.append((tag, head + value))

    def encode(self) -> bytes:
        """Return the file's bytes."""
        meta = DicomBytesIO()
        write_file_meta_info(meta, self.ds.file_meta, enforce_standard=True)
        body = self._body()
        if self.ds.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            body = packer.compress(body + self.tail) + packer.flush()
            body += b"\0" * (len(body) % 2)
        else:
            body += self.tail
        return self.preamble[:128].ljust(128, b"\0") + b"DICM" + meta.getvalue() + body

    def _body(self) -> bytes:
        out = BytesIO()
        start = 0
        charset = self.ds.get("SpecificCharacterSet", "iso8859")
        for tag, element in [*sorted(self.raw), (0x1_0000_0000, b"")]:
            part = self.ds[start : min(tag, 0xFFFFFFFF)]
            buffer = DicomBytesIO()
            buffer.is_little_endian, buffer.is_implicit_VR = self.little, self.implicit
            write_dataset(buffer, part, charset)
            out.write(buffer.getvalue() + element)
            start = tag
        return out.getvalue()


def known_values(study: Study) -> dict[str, tuple[Kind, str, str]]:
    """Return what a study's identifying elements give away: name to (kind, token searched for, text as written)."""
    patient = study.patient
    birth, day = patient.birth_date, study.date
    digits = patient.phone.replace(" ", "").replace("+", "")
    name = Kind.NAME
    values = {
        "family": (name, patient.family, patient.family),
        "FAMILY": (name, patient.family, patient.family.upper()),
        "given": (name, patient.given, patient.given),
        "full": (name, patient.family, f"{patient.given} {patient.family}"),
        "comma": (name, patient.family, f"{patient.family}, {patient.given}"),
        "glued": (name, patient.family, f"{patient.family}{patient.given}"),
        "lower": (name, patient.family, f"{patient.given}.{patient.family}".lower()),
        "initial": (name, patient.family, f"{patient.given[0]}. {patient.family}"),
        "pn": (name, patient.family, patient.name),
        "email": (name, patient.family, f"{patient.given}.{patient.family}@example.org".lower()),
        "pid": (Kind.ID, patient.patient_id, patient.patient_id),
        "pid_digits": (Kind.ID, patient.patient_id.strip("Q"), patient.patient_id.strip("Q")),
        "accession": (Kind.ID, study.accession, study.accession),
        "study_id": (Kind.ID, study.study_id, study.study_id),
        "phone": (Kind.PHONE, patient.phone, patient.phone),
        "phone_digits": (Kind.PHONE, patient.phone, f"030{digits[-8:]}"),
        "phone_dashes": (Kind.PHONE, patient.phone, f"{digits[-8:-4]}-{digits[-4:]}"),
        "street": (Kind.PLACE, patient.street, f"{patient.street} 12"),
        "hospital": (Kind.INSTITUTION, study.hospital, study.hospital),
        "station": (Kind.DEVICE, study.station, study.station),
        "serial": (Kind.DEVICE, study.serial, study.serial),
        "referring": (name, study.referring.split("^")[0], f"Dr. {study.referring.split('^')[0]}"),
        "performing": (name, study.performing.split("^")[0], study.performing.split("^")[0]),
        "operator": (name, study.operator.split("^")[0], study.operator.split("^")[0]),
        "birth_uid": (Kind.DATE, birth, f"1.2.826.0.1.3680043.10.777.{birth}.1"),
    }
    # Places in the tuple of notations: plain, ISO, dotted, US, in words.
    for label, token in (("birth", birth), ("day", day)):
        written = date_notations(token)
        for suffix, index in (("", 0), ("_iso", 1), ("_dots", 4), ("_us", 7), ("_words", 14), ("_mon", 13)):
            values[label + suffix] = (Kind.DATE, token, written[index])
    return values
