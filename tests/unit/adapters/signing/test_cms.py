"""Detached CMS and certificates, and each way in which one can be wrong."""

import datetime as dt
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanward.adapters.signing import der
from scanward.adapters.signing.certificates import (
    DOCUMENT_SIGNING,
    EMAIL_PROTECTION,
    TIME_STAMPING,
    make_authority,
    make_certificate,
    parse_pem,
    pem_of,
    record_of_certificate,
    verify_certificates,
    verify_record,
)
from scanward.adapters.signing.cms import sign_cms, to_pem, verify_cms
from scanward.adapters.signing.private_keys import make_p256, make_private, public_half
from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyUse
from scanward.seal.signature_faults import SignatureFault
from tests.common.signing import NOW, make_ring, refused

CONTENT = b"what is signed\r\n\0"
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return make_ring(tmp_path_factory.mktemp("ring") / "home")


@pytest.fixture(scope="module")
def cms(ring):
    return sign_cms(CONTENT, ring.signer(KeyUse.STATEMENTS), NOW)


def test_it_holds_as_der_and_as_pem(ring, cms):
    for form in (cms, to_pem(cms)):
        found = verify_cms(form, CONTENT, ring.authorities())
        assert found.signed_at == NOW
        assert found.certificates[0] == ring.signer(KeyUse.STATEMENTS).record.certificates[0]


def test_rsa_holds_too(tmp_path):
    ring = make_ring(tmp_path / "home", algorithms={KeyUse.DICOM: Algorithm.RSA})
    cms = sign_cms(CONTENT, ring.signer(KeyUse.DICOM), NOW)

    assert verify_cms(cms, CONTENT, ring.authorities(), usages=[DOCUMENT_SIGNING]).signed_at == NOW
    with refused(SignatureFault.CERTIFICATE_USE):
        verify_cms(cms, CONTENT, ring.authorities())


def test_a_key_without_certificate_signs_none(ring):
    with refused(SignatureFault.CERTIFICATE_MISSING):
        sign_cms(CONTENT, ring.signer(KeyUse.LOG), NOW)


def test_one_of_another_content_is_refused(ring, cms):
    with refused(SignatureFault.CMS_CONTENT):
        verify_cms(cms, CONTENT + b"x", ring.authorities())


def test_resealed_by_another_is_refused(ring, tmp_path):
    other = make_ring(tmp_path / "home").signer(KeyUse.STATEMENTS)
    with refused(SignatureFault.CERTIFICATE_AUTHORITY):
        verify_cms(sign_cms(CONTENT, other, NOW), CONTENT, ring.authorities())


def test_a_signature_of_another_time_is_refused(ring, cms):
    changed = cms.replace(b"260301120000Z", b"250301120000Z")
    assert changed != cms
    with refused(SignatureFault.CMS_SIGNATURE):
        verify_cms(changed, CONTENT, ring.authorities())


@pytest.mark.parametrize(("days", "fault"), [(731, SignatureFault.CERTIFICATE_EXPIRED), (-1, SignatureFault.CERTIFICATE_NOT_YET_VALID)])  # fmt: skip
def test_outside_the_validity_of_its_certificate_it_is_refused(ring, days, fault):
    cms = sign_cms(CONTENT, ring.signer(KeyUse.STATEMENTS), NOW + days * DAY)
    with refused(fault):
        verify_cms(cms, CONTENT, ring.authorities())
    assert verify_cms(cms, CONTENT, ring.authorities(), at=NOW)


def test_a_weaker_hash_is_refused(ring, cms):
    sha1 = der.encode(der.SEQUENCE, der.oid("1.3.14.3.2.26"))
    sha256 = der.encode(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.2.1"))
    changed = cms.replace(sha256, sha1 + der.encode(der.OCTETS, bytes(len(sha256) - len(sha1) - 2)))
    for form in (changed, cms.replace(der.oid("2.16.840.1.101.3.4.2.1"), der.oid("2.16.840.1.101.3.4.2.9"))):
        with pytest.raises(EvidenceError) as raised:
            verify_cms(form, CONTENT, ring.authorities())
        assert raised.value.fault in {SignatureFault.CMS_ALGORITHM, SignatureFault.CMS_FORM}


def test_the_algorithm_of_another_key_is_refused(ring, cms):
    ecdsa, other = der.oid("1.2.840.10045.4.3.2"), der.oid("1.2.840.10045.4.3.1")
    with refused(SignatureFault.CMS_ALGORITHM):
        verify_cms(cms[:-200] + cms[-200:].replace(ecdsa, other), CONTENT, ring.authorities())


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"junk", b"-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n"])
def test_what_is_no_cms_is_refused(ring, data):
    with refused(SignatureFault.CMS_FORM):
        verify_cms(data, CONTENT, ring.authorities())


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_change_of_a_byte_is_taken_or_raises_anything_else(ring, cms):
    roots = ring.authorities()
    for place in range(0, len(cms), 3):
        changed = cms[:place] + bytes([cms[place] ^ 0x21]) + cms[place + 1 :]
        try:
            verify_cms(changed, CONTENT, roots)
        except EvidenceError:
            continue
        # The certificate of the authority goes along for others; who pins it never reads that copy.
        assert roots[0] in cms
        assert cms.index(roots[0]) <= place < cms.index(roots[0]) + len(roots[0])


@given(st.integers(0, 2**200), st.lists(st.binary(max_size=300), max_size=4))
@settings(max_examples=50)
def test_der_comes_back(number, parts):
    found = der.parse(der.encode(der.SEQUENCE, der.integer(number), *(der.encode(der.OCTETS, part) for part in parts)))

    first, *others = found.children()
    assert int.from_bytes(first.content, "big") == number
    assert [one.content for one in others] == parts


@given(st.binary(max_size=60))
def test_no_bytes_make_der_raise_anything_but_valueerror(data):
    try:
        found = der.parse(data)
        if found.tag & 0x20:
            found.children()
    except ValueError:
        return
    assert der.encode(found.tag, found.content) == data


@pytest.mark.parametrize("year", [1999, 2026, 2049, 2050, 2100])
def test_times_come_back(year):
    at = NOW.replace(year=year)
    assert der.parse_time(der.parse(der.time(at))) == at
    assert der.parse(der.time(at)).tag == (der.UTC_TIME if year < 2050 else der.GENERAL_TIME)


class TestCertificates:
    def test_the_record_and_its_certificate_are_of_one_key(self, ring):
        statements, dicom = ring.signer(KeyUse.STATEMENTS).record, ring.signer(KeyUse.DICOM).record
        verify_record(statements, ring.authorities(), at=NOW)
        with refused(SignatureFault.CERTIFICATE_USE):
            verify_record(replace(statements, certificates=dicom.certificates), ring.authorities(), at=NOW)
        with refused(SignatureFault.CERTIFICATE_KEY):
            verify_record(replace(dicom, certificates=statements.certificates), ring.authorities(), at=NOW)
        with refused(SignatureFault.CERTIFICATE_MISSING):
            verify_record(replace(dicom, certificates=()), ring.authorities(), at=NOW)

    def test_the_certificate_of_a_key_is_no_authority(self, ring):
        signer, key = ring.signer(KeyUse.STATEMENTS).record, make_p256()
        forged = make_certificate(
            public_half(key),
            KeyUse.STATEMENTS,
            issuer=signer.certificates[0],
            issuer_key=key,
            not_before=NOW - DAY,
            not_after=NOW + DAY,
        )
        with refused(SignatureFault.CERTIFICATE_AUTHORITY):
            verify_certificates([forged, *signer.certificates], ring.authorities(), at=NOW, usages=[])

    def test_an_authority_of_the_same_name_is_another(self, ring):
        key = make_p256()
        authority = make_authority(key, organisation="Scanward", not_before=NOW - DAY, not_after=NOW + DAY)
        forged = make_certificate(
            public_half(make_p256()),
            KeyUse.STATEMENTS,
            issuer=authority,
            issuer_key=key,
            not_before=NOW - DAY,
            not_after=NOW + DAY,
        )
        with refused(SignatureFault.CERTIFICATE_AUTHORITY):
            verify_certificates([forged, authority], ring.authorities(), at=NOW, usages=[])
        assert verify_certificates([forged], [authority], at=NOW, usages=[EMAIL_PROTECTION, DOCUMENT_SIGNING])

    def test_no_root_trusts_nothing(self, ring):
        with refused(SignatureFault.CERTIFICATE_AUTHORITY):
            verify_certificates(ring.signer(KeyUse.DICOM).record.certificates, [], at=NOW, usages=[])

    def test_a_use_it_does_not_name_is_refused(self, ring):
        with refused(SignatureFault.CERTIFICATE_USE):
            verify_certificates(
                ring.signer(KeyUse.STATEMENTS).record.certificates, ring.authorities(), at=NOW, usages=[TIME_STAMPING]
            )

    def test_an_authority_signs_nothing_itself(self, ring):
        with refused(SignatureFault.CERTIFICATE_USE):
            verify_certificates(ring.authorities(), ring.authorities(), at=NOW, usages=[])

    @pytest.mark.parametrize("data", [b"", b"junk", b"\x30\x03\x02\x01\x01"])
    def test_what_is_no_certificate_is_refused(self, ring, data):
        with refused(SignatureFault.CERTIFICATE_FORM):
            verify_certificates([data], ring.authorities(), at=NOW, usages=[])
        with refused(SignatureFault.CERTIFICATE_FORM):
            record_of_certificate(data, KeyUse.DICOM)

    def test_pem_comes_back(self, ring):
        chain = ring.signer(KeyUse.DICOM).record.certificates
        assert parse_pem(pem_of(*chain)) == chain
        with refused(SignatureFault.CERTIFICATE_FORM):
            parse_pem(b"junk")

    def test_it_names_nobody_but_the_organisation(self, ring):
        text = pem_of(*ring.signer(KeyUse.STATEMENTS).record.certificates)
        assert re.search(rb"BEGIN CERTIFICATE", text)
        from cryptography import x509

        for one in x509.load_pem_x509_certificates(text):
            names = {attribute.oid.dotted_string for attribute in one.subject}
            assert names == {"2.5.4.10", "2.5.4.3"}

    def test_an_ed25519_certificate_is_refused_for_dicom(self, tmp_path):
        key = make_p256()
        authority = make_authority(key, organisation="Scanward", not_before=NOW - DAY, not_after=NOW + DAY)
        certificate = make_certificate(
            public_half(make_private(Algorithm.ED25519)),
            KeyUse.DICOM,
            issuer=authority,
            issuer_key=key,
            not_before=NOW - DAY,
            not_after=NOW + DAY,
        )
        with refused(SignatureFault.KEY_ALGORITHM):
            record_of_certificate(certificate, KeyUse.DICOM)
