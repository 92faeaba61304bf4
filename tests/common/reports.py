"""Reports of a made-up patient as text, HL7 v2, FHIR, CDA and DOCX, with identifiers planted in every place."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile

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


def _identifier(value: str, **more: object) -> dict[str, object]:
    return {"system": "http://marienthal.example.com/ids", "value": value, **more}


FHIR_BUNDLE = {
    "resourceType": "Bundle",
    "id": "garcia-bundle",
    "type": "collection",
    "timestamp": "2024-01-31T10:15:00+01:00",
    "entry": [
        {
            "fullUrl": "https://marienthal.example.com/fhir/Patient/garcia1",
            "resource": {
                "resourceType": "Patient",
                "id": "garcia1",
                "extension": [{"url": "http://x", "valueString": "Garcia"}],
                "identifier": [_identifier("0012345")],
                "name": [{"family": "García", "given": ["Ana", "M"], "text": "Ana García", "prefix": ["Mrs"]}],
                "telecom": [
                    {"system": "phone", "value": "(617) 234-9876"},
                    {"system": "email", "value": "ana@x.example"},
                ],
                "gender": "female",
                "birthDate": "1960-02-15",
                "_birthDate": {"extension": []},
                "address": [{"line": ["12 Larkspur St"], "city": "Springfield", "state": "IL", "postalCode": "62704"}],
                "contact": [{"name": {"family": "García", "given": ["Luis"]}}],
                "photo": [{"data": "AAAA"}],
                "deceasedBoolean": False,
            },
        },
        {
            "fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
            "resource": {
                "resourceType": "Practitioner",
                "id": "pr1",
                "identifier": [_identifier("99-1")],
                "name": [{"family": "O'Brien", "given": ["Peter"], "suffix": ["MD"]}],
            },
        },
        {
            "resource": {
                "resourceType": "DiagnosticReport",
                "id": "r1",
                "contained": [{"resourceType": "Organization", "id": "o1", "name": "Marienthal Hospital"}],
                "text": {
                    "status": "generated",
                    "div": '<div xmlns="http://www.w3.org/1999/xhtml" title="Garcia"><p>Ms. Gar<b>cia</b> has a <i>3 mm nodule</i> in the '
                    'left lung.</p><img src="garcia.png" alt="Garcia"/><table><tr><td>MRN</td><td>0012345</td></tr></table></div>',
                },
                "identifier": [_identifier("CT-2024-777")],
                "status": "final",
                "code": {
                    "coding": [{"system": "http://loinc.org", "code": "24627-2", "display": "CT Chest"}],
                    "text": "CT chest",
                },
                "subject": {"reference": "Patient/garcia1", "display": "Ana Garcia"},
                "effectiveDateTime": "2024-01-31",
                "issued": "2024-01-31T10:15:00.000Z",
                "performer": [{"reference": "#o1", "display": "Marienthal"}, {"reference": "Practitioner/pr1"}],
                "resultsInterpreter": [{"display": "Dr. Rita Quintero"}],
                "conclusion": "Ms. Garcia has a 3 mm nodule in the left lung. Told Dr. O'Brien on 01/31/2024.",
                "presentedForm": [
                    {
                        "contentType": "text/plain",
                        "data": _ATTACHED,
                        "title": "Report of Ana Garcia",
                        "url": "http://x/garcia",
                    },
                    {"contentType": "application/pdf", "data": "JVBERi0="},
                ],
            },
        },
        {
            "resource": {
                "resourceType": "ImagingStudy",
                "id": "s1",
                "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY_UID}"}],
                "status": "available",
                "subject": {"reference": "Patient/garcia1"},
                "started": "2024-01-31T10:00:00Z",
                "numberOfSeries": 1,
                "description": "CT chest of Garcia",
                "series": [
                    {"uid": f"{STUDY_UID}.1", "number": 1, "instance": [{"uid": f"{STUDY_UID}.1.1", "number": 1}]}
                ],
            },
        },
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "Size"},
                "subject": {"identifier": _identifier("0012345")},
                "valueQuantity": {"value": "NUMBER", "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm"},
            },
        },
        {"resource": {"resourceType": "Coverage", "id": "c1", "subscriberId": "0012345"}},
    ],
}
"""A bundle; `fhir_json` writes it."""


CDA_BODY = f"""\
<component><structuredBody><component><section>
  <templateId root="2.16.840.1.113883.10.20.6.1.2"/>
  <code code="121070" codeSystem="1.2.840.10008.2.16.4" displayName="Findings"/>
  <title>Findings of Ana Garcia</title>
  <text><paragraph ID="garcia" styleCode="Bold">Ms. Gar<content styleCode="Italics">cia</content> has a <content ID="f1">3 mm
 nodule</content> in the left lung.</paragraph>
    <list><item>Told Dr. O'Brien</item><item>MRN 0012345</item></list>
    <table border="1"><tbody><tr><td>DOB</td><td>02/15/1960</td></tr></tbody></table>
    <linkHtml href="http://marienthal.example.com/Garcia">images</linkHtml>
    <renderMultiMedia referencedObject="m1"/></text>
  <entry><act classCode="ACT" moodCode="EVN">
    <id root="{STUDY_UID}"/>
    <code code="113014" codeSystem="1.2.840.10008.2.16.4" displayName="Study"/>
    <effectiveTime value="20240131101500"/>
    <text mediaType="application/dicom"><reference value="http://www.example.org/wado?studyUID={STUDY_UID}"/></text>
  </act></entry>
  <entry><observation classCode="OBS" moodCode="EVN">
    <code code="246120007" codeSystem="2.16.840.1.113883.6.96" displayName="Nodule size"><originalText><reference value="#f1"/>
</originalText></code>
    <value xsi:type="PQ" value="3" unit="mm"/>
    <referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="1" unit="mm"/><high value="20240131"/></value>
</observationRange></referenceRange>
  </observation></entry>
  <entry><observation classCode="OBS" moodCode="EVN">
    <code code="x" codeSystem="1.2.3.4.5" displayName="Seen by O'Brien"/>
    <value xsi:type="IVL_TS"><low value="20240131"/></value>
  </observation></entry>
  <entry><observation classCode="OBS" moodCode="EVN"><code nullFlavor="UNK"/>
    <value xsi:type="ST">Garcia, no change</value></observation></entry>
  <entry><observationMedia classCode="OBS" moodCode="EVN" ID="m1"><value mediaType="image/png"
    representation="B64">AAAA</value></observationMedia></entry>
</section></component></structuredBody></component>"""


def cda_document(body: str = CDA_BODY) -> bytes:
    """Write a clinical document with a body."""
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="garcia.xsl"?>
<!-- of Ana Garcia -->
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc">
  <realmCode code="US"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.10.20.6"/>
  <id root="1.2.40.0.34.99.4" extension="DOC-0012345"/>
  <code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="Diagnostic Imaging Report"/>
  <title>CT chest of Garcia</title>
  <effectiveTime value="20240131101500+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="en-US"/>
  <recordTarget><patientRole>
    <id root="1.2.40.0.34.99.1" extension="0012345" assigningAuthorityName="Marienthal"/>
    <addr use="HP"><streetAddressLine>12 Larkspur St</streetAddressLine><city>Springfield</city><state>IL</state>
      <postalCode>62704</postalCode></addr>
    <telecom value="tel:(617)234-9876"/><telecom value="mailto:ana@x.example"/>
    <patient>
      <name><prefix>Mrs</prefix><given>Ana</given><given>M</given><family>García</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="19600215"/>
      <raceCode code="2106-3" codeSystem="2.16.840.1.113883.6.238"/>
      <sdtc:deceasedInd value="false"/>
      <guardian><guardianPerson><name>Luis García</name></guardianPerson></guardian>
    </patient>
    <providerOrganization><id root="1.2.40.0.34.99.3"/><name>Marienthal Hospital</name></providerOrganization>
  </patientRole></recordTarget>
  <author><time value="20240131"/><assignedAuthor><id root="2.16.840.1.113883.4.6" extension="99123459"/>
    <assignedPerson><name><given>Peter</given><family>O'Brien</family></name></assignedPerson></assignedAuthor></author>
  <author><time nullFlavor="UNK"/><assignedAuthor><id nullFlavor="NI"/><assignedAuthoringDevice>
    <softwareName>Reporter 3.1</softwareName></assignedAuthoringDevice></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.40.0.34.99.3"/>
    <name>Marienthal Hospital</name></representedCustodianOrganization></assignedCustodian></custodian>
  <inFulfillmentOf><order><id root="1.2.40.0.34.99.5" extension="CT-2024-777"/></order></inFulfillmentOf>
  <documentationOf><serviceEvent classCode="ACT"><id root="{STUDY_UID}"/><effectiveTime><low value="20240131"/></effectiveTime>
  </serviceEvent></documentationOf>
  {body}
</ClinicalDocument>
""".encode()


def fhir_json(resource: object) -> bytes:
    """Write a resource as JSON, with a number that has a trailing zero."""
    return json.dumps(resource, ensure_ascii=False).replace('"NUMBER"', "3.50").encode()


_WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"

DOCX_BODY = """\
<w:p w:rsidR="00012345" w14:paraId="Garcia1"><w:pPr><w:pStyle w:val="Title"/></w:pPr><w:r><w:t>Radiology report</w:t></w:r></w:p>
<w:tbl><w:tblPr><w:tblCaption w:val="Garcia"/></w:tblPr><w:tblGrid><w:gridCol w:w="1"/></w:tblGrid><w:tr>
  <w:tc><w:p><w:r><w:t>Patient:</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>GARCIA, ANA</w:t></w:r></w:p></w:tc>
  <w:tc><w:p><w:r><w:t>MRN:</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>0012345</w:t></w:r></w:p></w:tc></w:tr><w:tr>
  <w:tc><w:p><w:r><w:t>DOB:</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>02/15/1960</w:t></w:r></w:p></w:tc>
  <w:tc><w:p><w:r><w:t>Accession:</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>CT-2024-777</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:bookmarkStart w:id="0" w:name="Garcia"/><w:r><w:t xml:space="preserve">Ms. Gar</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>ci</w:t>
  </w:r><w:r><w:t xml:space="preserve">a has a </w:t></w:r><w:ins w:id="1" w:author="Peter O'Brien" w:date="2024-01-31T10:00:00Z"><w:r>
  <w:t>3 mm nodule</w:t></w:r></w:ins><w:del w:id="2" w:author="Rita Quintero"><w:r><w:delText>Garcia</w:delText></w:r></w:del>
  <w:r><w:t xml:space="preserve"> in the left lung.</w:t></w:r><w:bookmarkEnd w:id="0"/><w:commentRangeStart w:id="3"/>
  <w:r><w:commentReference w:id="3"/></w:r></w:p>
<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>MERGEFIELD Garcia</w:instrText></w:r>
  <w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>Told Dr. O'Brien</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>
  <w:hyperlink r:id="rId7" w:tooltip="Garcia"><w:r><w:t xml:space="preserve"> images</w:t></w:r></w:hyperlink>
  <w:fldSimple w:instr="AUTHOR Garcia"><w:r><w:t xml:space="preserve"> Quintero</w:t></w:r></w:fldSimple></w:p>
<w:p><w:r><w:drawing><docPr xmlns="x" descr="Garcia"/></w:drawing></w:r><mc:AlternateContent><mc:Choice Requires="w14"><w:t>Garcia</w:t>
  </mc:Choice></mc:AlternateContent><w:sdt><w:sdtPr><w:alias w:val="Garcia"/></w:sdtPr><w:sdtContent><w:r><w:t>No effusion.</w:t></w:r>
  </w:sdtContent></w:sdt><w:r><w:footnoteReference w:id="4"/></w:r></w:p>
<w:sectPr><w:headerReference w:type="default" r:id="rId2"/><w:footerReference w:type="default" r:id="rId99"/>
  <w:pgSz w:w="11906" w:h="16838"/></w:sectPr>"""


def docx_parts(body: str = DOCX_BODY) -> dict[str, str]:
    """Return the parts of a Word document by name."""
    links = {
        "rId1": ("styles", "styles.xml"), "rId2": ("header", "header1.xml"), "rId3": ("footnotes", "footnotes.xml"),
        "rId4": ("comments", "comments.xml"), "rId5": ("image", "media/garcia.png"), "rId6": ("oleObject", "embeddings/garcia.bin"),
        "rId8": ("settings", "settings.xml"),
    }  # fmt: skip
    linked = "".join(
        f'<Relationship Id="{one}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for one, (kind, to) in links.items()
    )
    external = f'<Relationship Id="rId7" Type="{_OFFICE}/hyperlink" Target="http://x/garcia" TargetMode="External"/>'
    space = "http://schemas.openxmlformats.org/package/2006"
    note = "Footnote on Ana Garcia, called at (617) 234-9876"
    return {
        "[Content_Types].xml": f'<Types xmlns="{space}/content-types"><Override PartName="/word/document.xml" '
        f'ContentType="{_WORD_TYPE}.document.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{space}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
        f'Target="word/document.xml"/><Relationship Id="rId2" Type="{space}/relationships/metadata/core-properties" '
        'Target="docProps/core.xml"/></Relationships>',
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{space}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>Garcia</dc:title><dc:creator>Rita Quintero</dc:creator></cp:coreProperties>",
        "word/document.xml": f"<w:document {_WORD}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{space}/relationships">{linked}{external}</Relationships>',
        "word/styles.xml": f'<w:styles {_WORD}><w:style w:styleId="Title"><w:name w:val="Title"/></w:style></w:styles>',
        "word/header1.xml": f"<w:hdr {_WORD}><w:p><w:r><w:t>Marienthal Hospital: GARCIA, ANA</w:t></w:r></w:p></w:hdr>",
        "word/footnotes.xml": f'<w:footnotes {_WORD}><w:footnote w:id="4"><w:p><w:r><w:t>{note}</w:t></w:r></w:p></w:footnote></w:footnotes>',
        "word/comments.xml": f'<w:comments {_WORD}><w:comment w:id="3" w:author="Rita Quintero"><w:p/></w:comment></w:comments>',
        "word/media/garcia.png": "Garcia",
        "word/embeddings/garcia.bin": "Garcia",
        "word/settings.xml": f'<w:settings {_WORD}><w:rsids><w:rsid w:val="00012345"/></w:rsids></w:settings>',
    }


def make_docx(parts: dict[str, str] | None = None) -> bytes:
    """Pack a Word document."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (parts or docx_parts()).items():
            archive.writestr(name, text)
    return target.getvalue()


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
