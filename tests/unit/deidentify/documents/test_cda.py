"""Clinical documents: the order of elements stays, header and narrative say nothing of anybody."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from scanward.deidentify.documents import cda
from scanward.deidentify.documents.embedded import with_pdf
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.documents.tell import tell_kind
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import CLINICAL, SECRETS, STUDY_UID, assert_nothing_of, cda_document, cleaner_for

K = IdentifierKind
V3 = {"v": "urn:hl7-org:v3"}
DATA = cda_document()
HAS_NODULE = {b"[PATIENT] has a 3 mm nodule in the left lung.", b"[NAME] has a 3 mm nodule in the left lung."}


def clean(data=DATA, mode=TextMode.LABEL, **options):
    return cda.clean(data, cleaner_for(cda.read_facts(data), mode=mode), **options)


def root_of(data):
    return etree.fromstring(data)


def text_of(data, path=".//v:section/v:text"):
    return " ".join("".join(root_of(data).find(path, V3).itertext()).split())


@pytest.mark.parametrize("mode", list(TextMode))
def test_nothing_of_the_patient_stays(mode):
    done = clean(mode=mode)
    assert_nothing_of(SECRETS, done.data.decode())
    assert_nothing_of(SECRETS, "".join(root_of(done.data).itertext()))
    assert CLINICAL in text_of(done.data)
    assert done.removed == ("3 elements", "2 pictures")
    assert b"<!--" not in done.data
    assert b"<?xml-stylesheet" not in done.data


def test_the_header_is_the_facts():
    facts = cda.read_facts(DATA)
    assert facts.patient_ids == {"0012345"}
    assert facts.accession_numbers == {"CT-2024-777"}
    assert facts.study_uids == {STUDY_UID}
    assert facts.identifiers >= {
        Identifier(K.PATIENT_NAME, "García^Ana^M"),
        Identifier(K.PERSON_NAME, "O'Brien^Peter"),
        Identifier(K.PERSON_NAME, "Luis García"),
        Identifier(K.BIRTH_DATE, "19600215"),
        Identifier(K.DATE, "20240131"),
        Identifier(K.INSTITUTION, "Marienthal Hospital"),
        Identifier(K.ADDRESS, "12 Larkspur St^Springfield^IL^62704"),
        Identifier(K.PHONE, "(617)234-9876"),
        Identifier(K.EMAIL, "ana@x.example"),
    }


def order(element):
    return [etree.QName(one).localname for one in element.iter() if isinstance(one.tag, str)]


def test_the_order_of_elements_stays():
    left = order(root_of(clean().data))
    original = iter(order(root_of(DATA)))
    assert all(name in original for name in left)


def test_what_is_masked_says_so():
    root = root_of(clean(mode=TextMode.REMOVE).data)
    assert root.find(".//v:patient/v:name", V3).get("nullFlavor") is None
    assert root.find(".//v:patient/v:name/v:prefix", V3).text == "Mrs"
    assert root.find(".//v:patient/v:birthTime", V3).attrib == {"nullFlavor": "MSK"}
    assert root.find(".//v:assignedPerson/v:name", V3).attrib == {"nullFlavor": "MSK"}
    assert root.find(".//v:patientRole/v:id", V3).attrib == {"nullFlavor": "MSK"}
    assert root.find(".//v:telecom", V3).attrib == {"nullFlavor": "MSK"}
    assert root.find("v:effectiveTime", V3).attrib == {"nullFlavor": "MSK"}
    assert root.find(".//v:assignedAuthoringDevice/v:softwareName", V3).text == "Reporter 3.1"


def test_codes_and_results_stay():
    root = root_of(clean().data)
    assert root.find("v:code", V3).get("displayName") == "Diagnostic Imaging Report"
    values = root.findall(".//v:observation/v:value", V3)
    assert dict(values[0].attrib) == {
        "{http://www.w3.org/2001/XMLSchema-instance}type": "PQ",
        "value": "3",
        "unit": "mm",
    }
    assert values[1].find("v:low", V3).attrib == {"nullFlavor": "MSK"}
    assert values[2].text in {"[PATIENT], no change", "[NAME], no change"}
    low = root.find(".//v:observationRange/v:value/v:low", V3)
    assert dict(low.attrib) == {"value": "1", "unit": "mm"}


def test_uids_are_the_recipient_s():
    uid = Pseudonyms(b"k" * 32).uid(STUDY_UID)
    root = root_of(clean().data)
    assert root.find(".//v:serviceEvent/v:id", V3).get("root") == uid
    assert root.find(".//v:act/v:id", V3).get("root") == uid
    assert root.find("v:templateId", V3).get("root") == "2.16.840.1.113883.10.20.6"


def test_surrogates_agree_between_header_and_narrative():
    data = clean(mode=TextMode.SURROGATE).data
    family = root_of(data).find(".//v:patient/v:name/v:family", V3).text
    assert f"Ms. {family} has a {CLINICAL}" in text_of(data)
    assert root_of(data).find(".//v:guardianPerson/v:name", V3).text.endswith(f" {family}")


@pytest.mark.parametrize(
    "narrative",
    [
        "Seen was Gar<content>ci</content>a today",
        "Seen was <content>Ana<sub> </sub>Gar</content>cia",
        "<paragraph>Seen was Ana</paragraph><paragraph>Garcia</paragraph>",
        "A<br/>Garcia and Garc<content>ía</content>",
        "Seen <content>was <content>G</content>a</content>rcia",
    ],
)
def test_a_name_across_elements_is_found(narrative):
    body = f"<component><structuredBody><component><section><text>{narrative}</text></section></component></structuredBody></component>"
    text = "".join(root_of(clean(cda_document(body)).data).find(".//v:section/v:text", V3).itertext())
    assert_nothing_of(SECRETS, text)
    assert "Ana" not in text


def body_of(attributes, content):
    return cda_document(f"<component><nonXMLBody><text {attributes}>{content}</text></nonXMLBody></component>")


def test_a_body_of_text_is_cleaned():
    held = base64.b64encode(b"Ana Garcia has a 3 mm nodule in the left lung.").decode()
    done = clean(body_of('mediaType="text/plain" representation="B64"', held))
    assert base64.b64decode(text_of(done.data, ".//v:nonXMLBody/v:text")) in HAS_NODULE
    done = clean(body_of('mediaType="text/plain"', "Ana Garcia has a 3 mm nodule in the left lung."))
    assert text_of(done.data, ".//v:nonXMLBody/v:text").encode() in HAS_NODULE


def test_a_body_of_pdf_is_cleaned_by_what_cleans_pdf():
    data = body_of('mediaType="application/pdf" representation="B64"', "JVBERi0=")
    with pytest.raises(DocumentError, match="body"):
        clean(data)
    done = clean(data, embedded=with_pdf(lambda data, cleaner: CleanedDocument(data=data + b"clean")))
    assert base64.b64decode(text_of(done.data, ".//v:nonXMLBody/v:text")) == b"%PDF-clean"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<ClinicalDocument/>",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><ClinicalDocument xmlns='urn:hl7-org:v3'/>",
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><ClinicalDocument xmlns='urn:hl7-org:v3'>&b;</ClinicalDocument>",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'>"
        + b"<component>" * 250
        + b"</component>" * 250
        + b"</ClinicalDocument>",
        b"<?xml version='1.0' encoding='x-none'?><ClinicalDocument xmlns='urn:hl7-org:v3'/>",
        body_of("", ""),
        body_of('mediaType="image/png" representation="B64"', "AAAA"),
        body_of('mediaType="text/plain" representation="B64"', "%%%"),
        DATA.replace(
            b"</ClinicalDocument>",
            b"<component><nonXMLBody><text>a</text><text>b</text></nonXMLBody></component></ClinicalDocument>",
        ),
    ],
)
def test_what_is_not_understood_is_held(data):
    with pytest.raises(DocumentError):
        cda.clean(data, cleaner_for(DocumentFacts()))


def test_other_elements_and_attributes_go():
    data = DATA.replace(b"<typeId", b'<x:secret xmlns:x="y">Garcia</x:secret><unknown>Garcia</unknown><typeId')
    data = data.replace(b"<patientRole>", b'<patientRole owner="Garcia" classCode="PAT">Garcia')
    done = clean(data)
    assert_nothing_of(SECRETS, done.data.decode())
    assert b'classCode="PAT"' in done.data


def test_ids_that_are_known_do_not_stay_in_codes():
    done = clean(DATA.replace(b'code="x"', b'code="0012345"'))
    assert b"0012345" not in done.data


@given(st.text("<>ab/ \"'=&;", max_size=60))
def test_any_body_is_cleaned_or_held(body):
    with suppress(DocumentError):
        data = cda_document(f"<component><section><text>{body}</text></section></component>")
        cda.clean(data, cleaner_for(DocumentFacts()))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (DATA, "clinical document (CDA)"),
        (b"<v:ClinicalDocument xmlns:v='urn:hl7-org:v3'/>", "clinical document (CDA)"),
        (b"<!-- x --><Patient xmlns='http://hl7.org/fhir'/>", "FHIR resource"),
        (b"<html/>", None),
    ],
)
def test_xml_is_told(data, kind):
    assert tell_kind("x.xml", data[:4096]) == kind
