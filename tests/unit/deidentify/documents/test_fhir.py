"""FHIR: elements that are known stay, are replaced or cleaned; all others go; references stay whole."""

import base64
import copy
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from scanward.deidentify.documents import fhir
from scanward.deidentify.documents.fhir_types import RESOURCES, TYPES, Primitive
from scanward.deidentify.documents.kinds import DocumentFacts
from scanward.deidentify.documents.tell import tell_kind
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import CLINICAL, FHIR_BUNDLE, SECRETS, STUDY_UID, assert_nothing_of, cleaner_for, fhir_json

K = IdentifierKind
DATA = fhir_json(FHIR_BUNDLE)


def clean(data=DATA, mode=TextMode.LABEL, **more):
    if not isinstance(data, bytes):
        data = fhir_json(data)
    return fhir.clean(data, cleaner_for(fhir.read_facts(data), mode=mode, **more))


def resources(data):
    return {
        entry["resource"]["resourceType"]: entry["resource"]
        for entry in json.loads(data)["entry"]
        if "resource" in entry
    }


def texts(value):
    if isinstance(value, dict):
        for key, one in value.items():
            yield base64.b64decode(one).decode() if key == "data" else key
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    else:
        yield str(value)


@pytest.mark.parametrize("mode", list(TextMode))
def test_nothing_of_the_patient_stays(mode):
    done = clean(mode=mode)
    content = json.loads(done.data)
    assert_nothing_of(SECRETS, "\n".join(texts(content)))
    found = resources(done.data)
    assert set(found) == {"Patient", "Practitioner", "DiagnosticReport", "ImagingStudy", "Observation"}
    assert CLINICAL in found["DiagnosticReport"]["conclusion"]
    assert "<i>3 mm nodule</i> in the left lung." in found["DiagnosticReport"]["text"]["div"]
    assert done.removed == ("1 attachment", "5 elements", "1 picture", "1 resource")


def test_elements_are_the_facts():
    facts = fhir.read_facts(DATA)
    assert facts.patient_ids == {"0012345"}
    assert facts.accession_numbers == {"CT-2024-777"}
    assert STUDY_UID in facts.study_uids
    assert facts.identifiers >= {
        Identifier(K.PATIENT_NAME, "García^Ana^M"),
        Identifier(K.PERSON_NAME, "O'Brien^Peter"),
        Identifier(K.PERSON_NAME, "Dr. Rita Quintero"),
        Identifier(K.PERSON_NAME, "García^Luis"),
        Identifier(K.BIRTH_DATE, "19600215"),
        Identifier(K.DATE, "20240131"),
        Identifier(K.INSTITUTION, "Marienthal Hospital"),
        Identifier(K.ADDRESS, "12 Larkspur St^Springfield^62704"),
        Identifier(K.EMAIL, "ana@x.example"),
    }


def test_references_lead_to_the_same_resources():
    found = resources(clean().data)
    patient = found["Patient"]["id"]
    assert found["DiagnosticReport"]["subject"]["reference"] == f"Patient/{patient}"
    assert found["ImagingStudy"]["subject"]["reference"] == f"Patient/{patient}"
    entry = json.loads(clean().data)["entry"][0]
    assert entry["fullUrl"] == f"https://example.org/fhir/Patient/{patient}"
    report = found["DiagnosticReport"]
    assert report["performer"][0]["reference"] == f"#{report['contained'][0]['id']}"
    assert report["performer"][1]["reference"] == f"Practitioner/{found['Practitioner']['id']}"
    assert json.loads(clean().data)["entry"][1]["fullUrl"].startswith("urn:uuid:")


def test_uids_are_the_recipient_s():
    study = resources(clean().data)["ImagingStudy"]
    uid = Pseudonyms(b"k" * 32).uid
    assert study["identifier"] == [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid(STUDY_UID)}"}]
    assert study["series"][0]["uid"] == uid(f"{STUDY_UID}.1")


def test_codes_and_numbers_stay_as_written():
    done = clean()
    assert b'"value": 3.50' in done.data
    found = resources(done.data)
    assert found["DiagnosticReport"]["code"] == FHIR_BUNDLE["entry"][2]["resource"]["code"]
    assert found["Patient"]["gender"] == "female"
    assert found["Patient"]["deceasedBoolean"] is False
    assert "system" not in found["Patient"].get("identifier", [{}])[0]


def test_dates_move_or_go():
    removed = resources(clean().data)
    assert "birthDate" not in removed["Patient"]
    assert "effectiveDateTime" not in removed["DiagnosticReport"]
    moved = resources(clean(mode=TextMode.SURROGATE).data)
    assert len(moved["Patient"]["birthDate"]) == len("1960-02-15")
    assert moved["DiagnosticReport"]["issued"].endswith("T10:15:00.000Z")
    assert moved["DiagnosticReport"]["issued"][:10] == moved["DiagnosticReport"]["effectiveDateTime"]


def test_surrogates_agree_between_elements_and_text():
    found = resources(clean(mode=TextMode.SURROGATE).data)
    name = found["Patient"]["name"][0]
    assert name["text"] == f"{name['given'][0]} {name['family']}"
    assert found["DiagnosticReport"]["conclusion"].startswith(f"Ms. {name['family']} has")
    assert found["Observation"]["subject"]["identifier"]["value"] == found["Patient"]["identifier"][0]["value"]


def to_xml(value, name, parent=None):
    """Write a resource as XML, as its own small writer for the tests."""
    space = "{http://hl7.org/fhir}"
    element = (
        etree.Element(f"{space}{name}", nsmap={None: space[1:-1]})
        if parent is None
        else etree.SubElement(parent, f"{space}{name}")
    )
    for key, held in value.items():
        for one in held if isinstance(held, list) else [held]:
            if key in {"resourceType", "extension", "_birthDate"}:
                continue
            if key == "div":
                element.append(etree.fromstring(one))
            elif key in {"resource", "contained"}:
                to_xml(one, one["resourceType"], etree.SubElement(element, f"{space}{key}"))
            elif isinstance(one, dict):
                to_xml(one, key, element)
            else:
                etree.SubElement(element, f"{space}{key}").set(
                    "value", str(one).lower() if isinstance(one, bool) else str(one)
                )
    return element


def test_xml_is_cleaned_as_json_is():
    bundle = json.loads(DATA.replace(b"3.50", b'"3.50"'))
    data = etree.tostring(to_xml(bundle, "Bundle"), xml_declaration=True, encoding="UTF-8")
    done = fhir.clean(data, cleaner_for(fhir.read_facts(data)))
    root = etree.fromstring(done.data)
    assert_nothing_of(SECRETS, done.data.decode())
    cleaned_json = clean().data
    names = [etree.QName(one).localname for one in root.iter("{*}resource")]
    assert len(names) == len(resources(cleaned_json))
    (value,) = root.findall(".//{*}valueQuantity/{*}value")
    assert value.get("value") == "3.50"
    (conclusion,) = root.findall(".//{*}conclusion")
    assert conclusion.get("value") == resources(cleaned_json)["DiagnosticReport"]["conclusion"]
    assert fhir.read_facts(data) == fhir.read_facts(DATA)


@pytest.mark.parametrize("place", ["resource", "nested"])
def test_an_extension_that_changes_the_meaning_is_held(place):
    resource = copy.deepcopy(FHIR_BUNDLE["entry"][4]["resource"])
    (resource if place == "resource" else resource["valueQuantity"])["modifierExtension"] = [{"url": "http://x"}]
    with pytest.raises(DocumentError, match="changes"):
        clean(resource)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'{"resourceType": "Patient", "resourceType": "Patient"}',
        b'{"resourceType": "Coverage"}',
        b'{"resourceType": 3}',
        b'{"resourceType": "Patient", "x": NaN}',
        b'{"resourceType": "Patient", "id": "caf\xe9"}',
        b'{"resourceType": "Patient", "contact": ' + b"[" * 100 + b"]" * 100 + b"}",
        b"[" * 100_000,
        b'{"resourceType": "Patient", "text": {"status": "x", "div": "<div>"}}',
        b'{"resourceType": "Patient", "text": {"status": "x", "div": "<!DOCTYPE x [<!ENTITY a \'b\'>]><div>&a;</div>"}}',
        b'<Patient xmlns="http://hl7.org/fhir"><other xmlns="x" value="Garcia"/></Patient>',
        b'<!DOCTYPE Patient [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>',
    ],
)
def test_what_is_not_understood_is_held(data):
    with pytest.raises(DocumentError) as caught:
        fhir.clean(data, cleaner_for(DocumentFacts()))
    assert "Garcia" not in str(caught.value)


def test_values_of_another_shape_go():
    done = clean(
        {"resourceType": "Patient", "id": "p", "name": "Garcia", "gender": {"x": "Garcia"}, "birthDate": [["x"]]}
    )
    assert "Garcia" not in done.data.decode()


def test_all_types_name_others_that_are_there():
    for elements in TYPES.values():
        assert all(kind in TYPES or kind == "Resource" or Primitive(kind) for kind in elements.values())
    assert set(TYPES) >= RESOURCES


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


@given(
    st.dictionaries(
        st.sampled_from(sorted({key for elements in TYPES.values() for key in elements})),
        st.recursive(
            LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
        ),
        max_size=6,
    ),
    st.sampled_from(sorted(RESOURCES)),
)
def test_any_resource_is_cleaned_or_held(held, name):
    with suppress(DocumentError):
        content = json.loads(clean({**held, "resourceType": name}).data)
        assert content["resourceType"] == name
        assert set(content) <= set(TYPES[name]) | {"resourceType"}


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_held(data):
    with suppress(DocumentError):
        fhir.read_facts(data)


def test_resources_are_told():
    assert tell_kind("x.json", DATA[:4096]) == "FHIR resource"
    assert tell_kind("x.json", b'{"a": 1}') is None
