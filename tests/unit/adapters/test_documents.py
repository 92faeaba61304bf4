"""Recipient documents and provisions: what is known is read, everything else refused by its key."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID_dictionary

from scanward.adapters.documents import parse_provision, parse_recipient_document, provision_as_json
from scanward.adapters.regions import REGIONS
from scanward.deidentify.profile import restrict
from scanward.errors import AgreementError
from scanward.model.agreement import (
    Basis,
    DataScope,
    DimseEndpoint,
    FolderEndpoint,
    ObjectStoreEndpoint,
    Obligation,
    PackageEndpoint,
    PullEndpoint,
    StowEndpoint,
    TlsFiles,
)
from scanward.model.consent import Effect, Provision
from scanward.standard.act_reasons import in_words, is_primary
from scanward.standard.uids import find_sop_classes

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "recipients.md"
EXAMPLES = re.findall(r"^```toml title=.*?\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

DOCUMENT = """
id = "acme"
name = "Acme AI"
address = "1 Main Street"
purpose = "TREATDS"
basis = "treatment"
allowed_regions = ["GB"]

[endpoint]
kind = "pull"

[agreement]
purposes = ["TREATDS"]
region = "GB"
starts = 2026-01-01
ends = 2026-12-31
retention_days = 30

[agreement.data]
modalities = ["CT"]
"""


def document(old: str = "", new: str = "") -> str:
    assert old in DOCUMENT
    return DOCUMENT.replace(old, new, 1)


def with_endpoint(text: str) -> str:
    return document('kind = "pull"', text)


def test_the_examples_of_the_documentation_are_valid() -> None:
    reader, collection = (parse_recipient_document(text) for text in EXAMPLES)
    assert isinstance(reader.endpoint, StowEndpoint)
    assert reader.agreement.data.body_parts == {"CHEST", "LUNG"}
    assert collection.agreement.human_approval
    assert isinstance(collection.endpoint, PackageEndpoint)
    for recipient in (reader, collection):
        assert any(recipient.purpose == agreed for agreed in recipient.agreement.purposes)
        assert recipient.agreement.region in recipient.allowed_regions


def test_purposes_are_described_as_patients_read_them() -> None:
    rows = re.findall(r"^\| `([A-Z]+)` \| (.+?) \| (yes, unless refused|no) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 10
    assert rows == [(code, in_words(code), "yes, unless refused" if is_primary(code) else "no") for code, _, _ in rows]


def test_what_is_left_out_takes_its_default() -> None:
    recipient = parse_recipient_document(DOCUMENT)
    agreement = recipient.agreement
    assert (recipient.recipient_id, recipient.purpose, recipient.basis) == ("acme", "TREATDS", Basis.TREATMENT)
    assert recipient.endpoint == PullEndpoint()
    assert agreement.data == DataScope(modalities=frozenset({"CT"}))
    assert (agreement.starts, agreement.ends, agreement.retention_days) == (date(2026, 1, 1), date(2026, 12, 31), 30)
    assert agreement.obligations == frozenset(Obligation)
    assert (agreement.human_approval, agreement.unchecked_pixels, agreement.priors) == (False, False, 0)
    assert agreement.profile == "ai-inference"
    assert agreement.results.sop_classes == frozenset()


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (
            'kind = "dimse"\nhost = "10.0.0.1"\nport = 104\ncalled_ae = "AI"',
            DimseEndpoint(host="10.0.0.1", port=104, called_ae="AI"),
        ),
        (
            (
                'kind = "dimse"\nhost = "ai.example"\nport = 104\ncalled_ae = "AI"\ncalling_ae = "US"\n'
                '[endpoint.tls]\nauthority = "/a.pem"\ncertificate = "/c.pem"\nkey = "/k.pem"'
            ),
            DimseEndpoint(
                host="ai.example",
                port=104,
                called_ae="AI",
                calling_ae="US",
                tls=TlsFiles(authority="/a.pem", certificate="/c.pem", key="/k.pem"),
            ),
        ),
        ('kind = "stow"\nurl = "https://ai.example/dicom/"', StowEndpoint(url="https://ai.example/dicom")),
        ('kind = "stow"\nurl = "http://127.0.0.1:8042"', StowEndpoint(url="http://127.0.0.1:8042")),
        ('kind = "stow"\nurl = "http://[::1]:80/x"', StowEndpoint(url="http://[::1]:80/x")),
        ('kind = "stow"\nurl = "http://localhost/x"', StowEndpoint(url="http://localhost/x")),
        ('kind = "folder"\npath = "/out"', FolderEndpoint(path="/out")),
        (
            'kind = "object-store"\nurl = "s3://bucket/prefix"\noptions_file = "/o.json"',
            ObjectStoreEndpoint(url="s3://bucket/prefix", options_file="/o.json"),
        ),
        ('kind = "object-store"\nurl = "memory://out"', ObjectStoreEndpoint(url="memory://out")),
    ],
)
def test_endpoints_are_read(text: str, endpoint: object) -> None:
    assert parse_recipient_document(with_endpoint(text)).endpoint == endpoint


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (document('id = "acme"', 'id = "Acme"'), "'id'"),
        (document('id = "acme"', 'id = "*"'), "'id'"),
        (document('id = "acme"', f'id = "{"a" * 64}"'), "'id'"),
        (document('id = "acme"', "id = 7"), "'id'"),
        (document('id = "acme"\n'), "'id'"),
        (document('name = "Acme AI"', 'name = " "'), "'name'"),
        (document('name = "Acme AI"', r'name = "a\u0000"'), "'name'"),
        (document('address = "1 Main Street"\n'), "'address'"),
        (document('purpose = "TREATDS"', 'purpose = "treatment"'), "'purpose'"),
        (document('basis = "treatment"', 'basis = "because"'), "'basis'"),
        (document('purpose = "TREATDS"', 'purpose = "MLTRAINING"'), "'basis'"),
        (document('basis = "treatment"', 'basis = "individual"'), "'basis'"),
        (document('["GB"]', '["UK"]'), "'allowed_regions'"),
        (document('["GB"]', '["gb"]'), "'allowed_regions'"),
        (document('["GB"]', '["GB", "GB"]'), "'allowed_regions'"),
        (document('["GB"]', '"GB"'), "'allowed_regions'"),
        (document("[endpoint]", "surprise = 1\n[endpoint]"), "'surprise'"),
        (document("[endpoint]\n", "[[endpoint]]\n"), "'endpoint'"),
        (document('[endpoint]\nkind = "pull"\n'), "'endpoint'"),
        (document('purposes = ["TREATDS"]', 'purposes = ["*"]'), "'agreement.purposes'"),
        (document('purposes = ["TREATDS"]', 'purposes = ["PurposeOfUse"]'), "'agreement.purposes'"),
        (document('purposes = ["TREATDS"]\n'), "'agreement.purposes'"),
        (document('region = "GB"', 'region = "EU"'), "'agreement.region'"),
        (document("starts = 2026-01-01", 'starts = "2026-01-01"'), "'agreement.starts'"),
        (document("starts = 2026-01-01", "starts = 2026-01-01T00:00:00Z"), "'agreement.starts'"),
        (document("ends = 2026-12-31", "ends = 2025-12-31"), "'agreement.ends'"),
        (document("retention_days = 30", "retention_days = 0"), "'agreement.retention_days'"),
        (document("retention_days = 30", "retention_days = -1"), "'agreement.retention_days'"),
        (document("retention_days = 30", "retention_days = true"), "'agreement.retention_days'"),
        (document("retention_days = 30", "retention_days = 30.5"), "'agreement.retention_days'"),
        (document("retention_days = 30", "retention_days = 99999999"), "'agreement.retention_days'"),
        (document("retention_days = 30", "retention_days = 30\nprofile = 'none'"), "'agreement.profile'"),
        (document("retention_days = 30", "retention_days = 30\nprofile = '/no/such.toml'"), "'agreement.profile'"),
        (document("retention_days = 30", "retention_days = 30\nobligations = ['be nice']"), "'agreement.obligations'"),
        (document("retention_days = 30", "retention_days = 30\nhuman_approval = 1"), "'agreement.human_approval'"),
        (
            document("retention_days = 30", "retention_days = 30\nunchecked_pixels = 'no'"),
            "'agreement.unchecked_pixels'",
        ),
        (document("retention_days = 30", "retention_days = 30\npriors = 101"), "'agreement.priors'"),
        (document("retention_days = 30", "retention_days = 30\nregions = []"), "'agreement.regions'"),
        (document('modalities = ["CT"]\n'), "'agreement.data.modalities'"),
        (document('["CT"]', '["ct"]'), "'agreement.data.modalities'"),
        (document('["CT"]', '["CT", "*"]'), "'agreement.data.modalities'"),
        (DOCUMENT + 'body_parts = ["chest"]\n', "'agreement.data.body_parts'"),
        (DOCUMENT + 'sop_classes = ["CTStorage"]\n', "'agreement.data.sop_classes'"),
        (DOCUMENT + 'sop_classes = ["1.2.840.10008.1.1"]\n', "'agreement.data.sop_classes'"),
        (DOCUMENT + 'sop_classes = ["1.2.840.10008.5.1.4.1.1.2.999"]\n', "'agreement.data.sop_classes'"),
        (DOCUMENT + 'attributes = ["PatientsAge"]\n', "'agreement.data.attributes'"),
        (DOCUMENT + "laterality = []\n", "'agreement.data.laterality'"),
        (DOCUMENT + '[agreement.results]\nsop_classes = ["*"]\n', "'agreement.results.sop_classes'"),
        (DOCUMENT + "[agreement.results]\nclasses = []\n", "'agreement.results.sop_classes'"),
        (with_endpoint('kind = "ftp"'), "'endpoint.kind'"),
        (with_endpoint('kind = "pull"\npath = "/out"'), "'endpoint.path'"),
        (with_endpoint('kind = "folder"\npath = "out"'), "'endpoint.path'"),
        (with_endpoint('kind = "stow"\nurl = "http://ai.example"'), "'endpoint.url'"),
        (with_endpoint('kind = "stow"\nurl = "http://127.0.0.1.ai.example"'), "'endpoint.url'"),
        (with_endpoint('kind = "stow"\nurl = "ftp://ai.example"'), "'endpoint.url'"),
        (with_endpoint('kind = "stow"\nurl = "https://user:hunter2@ai.example"'), "'endpoint.url'"),
        (with_endpoint('kind = "stow"\nurl = "https://ai.example:99999"'), "'endpoint.url'"),
        (with_endpoint('kind = "stow"\nurl = "https://["'), "'endpoint.url'"),
        (with_endpoint('kind = "stow"\nurl = "https://a"\nclient_id = "x"'), "'endpoint.token_url'"),
        (with_endpoint('kind = "stow"\nurl = "https://a"\ntoken_url = "http://b"'), "'endpoint.token_url'"),
        (with_endpoint('kind = "object-store"\nurl = "bucket"'), "'endpoint.url'"),
        (with_endpoint('kind = "object-store"\nurl = "http://store/bucket"'), "'endpoint.url'"),
        (with_endpoint('kind = "object-store"\nurl = "file:///out"'), "has the kind 'folder', got a folder"),
        (with_endpoint('kind = "object-store"\nurl = "local://out"'), "has the kind 'folder', got a folder"),
        (with_endpoint('kind = "object-store"\nurl = "s3://key:hunter2@bucket"'), "'endpoint.url'"),
        (with_endpoint('kind = "package"\npath = "/out"\nage_recipients = []'), "'endpoint.age_recipients'"),
        (with_endpoint('kind = "package"\npath = "/out"\nage_recipients = ["age1x"]'), "'endpoint.age_recipients'"),
        (with_endpoint('kind = "dimse"\nhost = "a b"\nport = 104\ncalled_ae = "AI"'), "'endpoint.host'"),
        (with_endpoint('kind = "dimse"\nhost = "a"\nport = 0\ncalled_ae = "AI"'), "'endpoint.port'"),
        (
            with_endpoint('kind = "dimse"\nhost = "a"\nport = 104\ncalled_ae = "seventeen letters"'),
            "'endpoint.called_ae'",
        ),
        (
            with_endpoint('kind = "dimse"\nhost = "a"\nport = 104\ncalled_ae = "A"\n[endpoint.tls]\nkey = "/k"'),
            "'endpoint.tls.certificate'",
        ),
        (
            with_endpoint('kind = "dimse"\nhost = "a"\nport = 104\ncalled_ae = "A"\n[endpoint.tls]\nverify = false'),
            "'endpoint.tls.verify'",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_key(text: str, key: str) -> None:
    with pytest.raises(AgreementError) as caught:
        parse_recipient_document(text)
    assert key in str(caught.value)
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "id = ", "\ud800", "x" * 300_000, "a = " + "[" * 5000, "id = 1\nid = 2"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(AgreementError):
        parse_recipient_document(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('purposes = ["TREATDS"]', "purposes = []"),
        ('allowed_regions = ["GB"]', "allowed_regions = []"),
        ("ends = 2026-12-31", "ends = 2026-01-01"),
        ('modalities = ["CT"]', "modalities = []"),
    ],
)
def test_what_permits_nothing_is_valid(old: str, new: str) -> None:
    assert parse_recipient_document(document(old, new)).agreement is not None


def test_a_recipient_may_be_known_before_anything_is_agreed() -> None:
    assert parse_recipient_document(DOCUMENT.partition("[agreement]")[0]).agreement is None


def test_the_version_is_the_text_without_its_line_ends() -> None:
    version = parse_recipient_document(DOCUMENT).version
    assert re.fullmatch(r"[0-9a-f]{64}", version)
    assert parse_recipient_document(DOCUMENT.replace("\n", "\r\n")).version == version
    assert parse_recipient_document("\ufeff" + DOCUMENT + "\n\n").version == version
    assert parse_recipient_document(document("= 30", "= 31")).version != version


def test_sop_classes_are_named_by_keyword_or_uid() -> None:
    text = DOCUMENT + 'sop_classes = ["CTImageStorage", "1.2.840.10008.5.1.4.1.1.4", "1.2.276.0.7230010.3.1"]\n'
    assert parse_recipient_document(text).agreement.data.sop_classes == {
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.4",
        "1.2.276.0.7230010.3.1",
    }


@pytest.mark.parametrize(
    ("uid", "keyword"),
    [
        (uid, row[4])
        for uid, row in UID_dictionary.items()
        if row[1] == "SOP Class" and row[4].endswith(("Storage", "Presentation", "Processing")) and "5.1.4.1.1" in uid
    ],
)
def test_every_storage_sop_class_has_its_keyword(uid: str, keyword: str) -> None:
    assert uid in find_sop_classes(keyword)
    assert find_sop_classes(uid) == {uid}


def test_attributes_named_are_ones_that_a_profile_takes() -> None:
    from scanward.deidentify.profile import load_profile

    text = DOCUMENT + 'attributes = ["PatientAge", "KVP"]\n'
    agreement = parse_recipient_document(text).agreement
    assert restrict(load_profile(agreement.profile), agreement.data.attributes).needed == {0x00101010, 0x00180060}


def test_regions_are_countries() -> None:
    assert len(REGIONS) == 249
    assert {"US", "GB", "DE", "CH", "JP"} < REGIONS
    assert not REGIONS & {"UK", "EU", "XX", "AA"}


# Provisions


def test_a_provision_goes_there_and_back() -> None:
    content = {
        "effect": "permit",
        "purposes": ["HRESCH", "MLTRAINING"],
        "recipients": ["acme"],
        "starts": "2026-03-01T02:00:00+02:00",
        "ends": None,
    }
    provision = parse_provision(content)
    assert provision == Provision(
        effect=Effect.PERMIT,
        purposes=frozenset({"HRESCH", "MLTRAINING"}),
        recipients=frozenset({"acme"}),
        starts=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert provision_as_json(provision) == {**content, "starts": "2026-03-01T00:00:00+00:00"}
    assert parse_provision(provision_as_json(provision)) == provision


def test_a_denial_may_be_of_everything_for_everyone() -> None:
    provision = parse_provision({"effect": "deny", "purposes": ["*"]})
    assert provision == Provision(effect=Effect.DENY, purposes=frozenset({"*"}))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"effect": "allow"}, "effect"),
        ({"effect": None}, "effect"),
        ({"purposes": []}, "purposes"),
        ({"purposes": ["*"]}, "purposes"),
        ({"purposes": ["*", "TREAT"]}, "purposes"),
        ({"purposes": ["AI"]}, "purposes"),
        ({"purposes": "TREAT"}, "purposes"),
        ({"purposes": [["TREAT"]]}, "purposes"),
        ({"recipients": []}, "recipients"),
        ({"recipients": ["*", "acme"]}, "recipients"),
        ({"recipients": ["Acme AI"]}, "recipients"),
        ({"starts": "2026-01-01T00:00:00"}, "starts"),
        ({"starts": "2026-01-01"}, "starts"),
        ({"starts": "soon"}, "starts"),
        ({"starts": 0}, "starts"),
        ({"starts": "0001-01-01T00:00:00+23:59"}, "starts"),
        ({"starts": "2026-01-02T00:00:00Z", "ends": "2026-01-02T00:00:00Z"}, "ends"),
        ({"until": None}, "until"),
    ],
)
def test_a_provision_that_is_not_clear_is_refused(changes: dict, key: str) -> None:
    with pytest.raises(AgreementError, match=f"'{key}'"):
        parse_provision({"effect": "permit", "purposes": ["TREAT"], **changes})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["*", "TREAT", "acme"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("effect", "purposes", "recipients", "starts", "ends", "else"), JSON)
        | {"effect": st.sampled_from(["permit", "deny"]) | JSON},
    )
)
def test_whatever_comes_as_a_provision_is_one_or_is_refused(content: dict) -> None:
    try:
        provision = parse_provision(content)
    except AgreementError:
        return
    assert parse_provision(provision_as_json(provision)) == provision


@given(st.text(max_size=60), st.integers(min_value=0, max_value=len(DOCUMENT)), st.integers(min_value=0, max_value=60))
def test_whatever_comes_as_a_document_is_one_or_is_refused(text: str, at: int, gone: int) -> None:
    try:
        recipient = parse_recipient_document(DOCUMENT[:at] + text + DOCUMENT[at + gone :])
    except AgreementError:
        return
    assert recipient.agreement is None or recipient.agreement.retention_days > 0
