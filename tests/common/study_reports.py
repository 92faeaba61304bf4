"""Reports on the sample studies, one in each way of writing, with everything in them that identifies."""

from __future__ import annotations

import io
import json
import zipfile
from xml.sax.saxutils import escape

from tests.common.documents import make_pdf
from tests.common.patients import Study

FINDING = "There is a 7 mm nodule in the right upper lobe. No pleural effusion."
"""What has to stay."""


def prose_of(study: Study) -> list[str]:
    """Return what a radiologist writes of a study, in lines."""
    patient = study.patient
    doctor = study.referring.split("^")[0]
    return [
        f"CT of {patient.given} {patient.family}, born {patient.birth:%d.%m.%Y}, seen on {study.day:%m/%d/%Y}.",
        FINDING,
        f"{patient.family.upper()} was told. Discussed with Dr. {doctor}, who can be reached at {patient.phone}.",
    ]


def secrets_of(study: Study) -> tuple[str, ...]:
    """Return what must not be in any output made of reports on a study."""
    patient = study.patient
    return (
        patient.family, patient.given, patient.patient_id, patient.patient_id.removeprefix("MRN"), patient.birth_date,
        f"{patient.birth:%d.%m.%Y}", f"{patient.birth:%Y-%m-%d}", study.accession, patient.phone, patient.street,
        study.referring.split("^")[0], study.hospital,
    )  # fmt: skip


def make_text(study: Study) -> bytes:
    """Make a report in plain text."""
    patient = study.patient
    lines = [
        study.hospital,
        f"Accession Number: {study.accession}",
        f"Patient: {patient.family}, {patient.given}    MRN: {patient.patient_id}    DOB: {patient.birth:%m/%d/%Y}",
        "",
        "FINDINGS:",
        *prose_of(study),
        "",
        f"Electronically signed by: {study.performing.replace('^', ' ').strip()}",
    ]
    return "\n".join(lines).encode()


def make_hl7(study: Study) -> bytes:
    """Make an ORU^R01 message (HL7 v2.5.1)."""
    patient = study.patient
    segments = [
        f"MSH|^~\\&|RIS|{study.hospital}|PACS|X|{study.date}101500||ORU^R01^ORU_R01|M1|P|2.5.1",
        (f"PID|1||{patient.patient_id}^^^RIS^MR||{patient.name}||{patient.birth_date}|{patient.sex}|||"
        f"{patient.street}^^{patient.town}||{patient.phone}"),
        f"OBR|1||{study.accession}|24627-2^CT chest^LN|||{study.date}|||||||||1^{study.referring}",
        *(
            f"OBX|{number}|TX|24627-2^CT chest^LN||{line}||||||F"
            for number, line in enumerate(prose_of(study), 1)
        ),
    ]  # fmt: skip
    return ("\r".join(segments) + "\r").encode()


def make_fhir(study: Study) -> bytes:
    """Make a DiagnosticReport (FHIR R4) with its patient inside."""
    patient = study.patient
    return json.dumps(
        {
            "resourceType": "DiagnosticReport",
            "id": "report-1",
            "contained": [
                {
                    "resourceType": "Patient",
                    "id": "p1",
                    "identifier": [{"value": patient.patient_id}],
                    "name": [{"family": patient.family, "given": [patient.given]}],
                    "birthDate": f"{patient.birth:%Y-%m-%d}",
                }
            ],
            "identifier": [
                {
                    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]},
                    "value": study.accession,
                }
            ],
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "24627-2", "display": "CT Chest"}]},
            "subject": {"reference": "#p1", "display": f"{patient.given} {patient.family}"},
            "effectiveDateTime": f"{study.day:%Y-%m-%d}",
            "conclusion": " ".join(prose_of(study)),
        }
    ).encode()


def make_cda(study: Study) -> bytes:
    """Make a clinical document (CDA R2)."""
    patient = study.patient
    body = "".join(f"<paragraph>{escape(line)}</paragraph>" for line in prose_of(study))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="1.2.276.0.9.1" extension="{study.accession}"/>
  <code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="Diagnostic imaging report"/>
  <title>CT of {escape(patient.family)}</title>
  <effectiveTime value="{study.date}"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <recordTarget><patientRole><id extension="{patient.patient_id}" root="1.2.276.0.9.2"/>
    <addr><streetAddressLine>{patient.street}</streetAddressLine><city>{patient.town}</city></addr>
    <patient><name><given>{patient.given}</given><family>{patient.family}</family></name>
      <birthTime value="{patient.birth_date}"/></patient></patientRole></recordTarget>
  <author><time value="{study.date}"/><assignedAuthor><id extension="77" root="1.2.276.0.9.3"/><assignedPerson>
    <name><family>{study.performing.split("^")[0]}</family></name></assignedPerson></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.276.0.9"/>
    <name>{escape(study.hospital)}</name></representedCustodianOrganization></assignedCustodian></custodian>
  <inFulfillmentOf><order><id extension="{study.accession}" root="1.2.276.0.9.4"/></order></inFulfillmentOf>
  <component><structuredBody><component><section><title>Findings</title><text>{body}</text></section></component>
  </structuredBody></component>
</ClinicalDocument>
""".encode()


def make_docx(study: Study) -> bytes:
    """Make a Word document, with a name that is written in two runs."""
    patient = study.patient
    lines = [f"Accession Number: {study.accession}", *prose_of(study)]
    half = len(patient.family) // 2
    split = (
        f"<w:p><w:r><w:t>{patient.family[:half]}</w:t></w:r><w:r><w:rPr><w:b/></w:rPr>"
        f"<w:t>{patient.family[half:]}</w:t></w:r><w:r><w:t> comes back in six months.</w:t></w:r></w:p>"
    )
    paragraphs = "".join(f'<w:p><w:r><w:t xml:space="preserve">{escape(line)}</w:t></w:r></w:p>' for line in lines)
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        'officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{paragraphs}{split}</w:body></w:document>',
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return stream.getvalue()


def make_pdf_report(study: Study) -> bytes:
    """Make a PDF of text."""
    patient = study.patient
    lines = [
        f"Accession Number: {study.accession}",
        f"Patient: {patient.given} {patient.family}  MRN: {patient.patient_id}",
        *prose_of(study),
    ]
    return make_pdf(lines, title=f"Report {patient.family}", author=study.performing.split("^")[0], compress=True)


REPORTS = {
    "report.txt": make_text,
    "report.hl7": make_hl7,
    "report.json": make_fhir,
    "report.xml": make_cda,
    "report.docx": make_docx,
    "report.pdf": make_pdf_report,
}
"""Makes each, by name of file."""
