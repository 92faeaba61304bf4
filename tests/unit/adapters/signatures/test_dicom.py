"""Signatures inside DICOM files (PS3.15 Annex C), and each way in which one can be wrong."""

import datetime as dt
import hashlib
from dataclasses import replace
from io import BytesIO

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from scanward.adapters.signatures.dicom import sign_dicom, verify_dicom
from scanward.adapters.signatures.dicom_mac import is_protected, mac_stream, read_native
from scanward.adapters.signing.certificates import make_authority, make_certificate
from scanward.adapters.signing.private_keys import make_p256, make_private, public_half, sign_with
from scanward.errors import EvidenceError, SigningError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import key_id_of
from tests.common.signing import NOW, Clock, make_ring, refused

DAY = dt.timedelta(days=1)
LATER = NOW + DAY
SIGNATURES, PARAMETERS = 0xFFFAFFFA, 0x4FFE0001


def load(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    with open(path, "rb") as file:  # noqa: PTH123 - a text from pydicom
        return file.read()


CT = load("CT_small.dcm")
MR = load("MR_small.dcm")


@pytest.fixture(scope="module")
def rings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rings")
    return {
        algorithm: make_ring(folder / algorithm, algorithms={KeyUse.DICOM: algorithm})
        for algorithm in (Algorithm.P256, Algorithm.RSA)
    }


@pytest.fixture(scope="module")
def ring(rings):
    return rings[Algorithm.P256]


@pytest.fixture(scope="module")
def signed(ring):
    return sign_dicom(CT, ring.signer(KeyUse.DICOM), NOW)


@pytest.fixture(scope="module")
def whole(ring):
    return sign_dicom(CT, ring.signer(KeyUse.DICOM), NOW, everything=True)


def verify(data: bytes, ring, **options):
    return verify_dicom(data, ring.authorities(), **{"now": LATER, "records": ring.records(), **options})


def changed(data: bytes, change) -> bytes:
    """`data` after `change` of its data set, written as it was coded."""
    ds = pydicom.dcmread(BytesIO(data))
    change(ds)
    out = BytesIO()
    ds.save_as(out)
    return out.getvalue()


def forged(data: bytes, signer_key, certificate: bytes, *, tags=None, syntax="1.2.840.10008.1.2.1", mac="SHA256", kind="X509_1993_SIG", at=NOW):  # fmt: skip
    """`data` signed by hand, with whatever a forger would like."""
    ds = read_native(data)
    tags = [int(tag) for tag in sorted(ds.keys()) if is_protected(int(tag))] if tags is None else tags
    item = Dataset()
    item.add_new(0x04000005, "US", 0)
    item.add_new(0x04000100, "UI", "2.25.1")
    item.add_new(0x04000105, "DT", at.strftime("%Y%m%d%H%M%S.000000+0000"))
    item.add_new(0x04000110, "CS", kind)
    signature = sign_with(signer_key, mac_stream(ds, tags, item))
    item.add_new(0x04000115, "OB", certificate + b"\0" * (len(certificate) % 2))
    item.add_new(0x04000120, "OB", signature + b"\0" * (len(signature) % 2))
    parameters = Dataset()
    parameters.add_new(0x04000005, "US", 0)
    parameters.add_new(0x04000010, "UI", UID(syntax))
    parameters.add_new(0x04000015, "CS", mac)
    parameters.add_new(0x04000020, "AT", list(tags))
    ds.add_new(PARAMETERS, "SQ", Sequence([parameters]))
    ds.add_new(SIGNATURES, "SQ", Sequence([item]))
    out = BytesIO()
    ds.save_as(out)
    return out.getvalue()


class Forger:
    """Somebody with a certificate by an authority that is trusted."""

    def __init__(self, *, not_before=NOW - DAY, not_after=NOW + 30 * DAY, key=None) -> None:
        authority_key = make_p256()
        self.key = key or make_p256()
        self.root = make_authority(
            authority_key, organisation="Forger", not_before=NOW - 99 * DAY, not_after=NOW + 99 * DAY
        )
        self.certificate = make_certificate(
            public_half(self.key), KeyUse.DICOM, issuer=self.root, issuer_key=authority_key, not_before=not_before, not_after=not_after
        )  # fmt: skip

    def verdict(self, fault, data=CT, **options) -> None:
        with refused(fault):
            verify_dicom(forged(data, self.key, self.certificate, **options), [self.root], now=LATER)


def test_a_signed_file_holds_and_says_what_it_covers(signed, ring):
    (found,) = verify(signed, ring)

    assert found.trusted
    assert found.signed_at == NOW
    assert {0x00080018, 0x0020000D, 0x00100020, 0x00200032, 0x00281053, 0x7FE00010} <= set(found.covered)
    assert 0x00081030 in found.uncovered or 0x00080020 in found.uncovered


def test_the_rest_of_the_file_stays_as_it_was(signed):
    before, after = pydicom.dcmread(BytesIO(CT)), pydicom.dcmread(BytesIO(signed))
    del after[SIGNATURES], after[PARAMETERS]

    assert after == before
    assert after.PixelData == before.PixelData


def test_all_that_can_be_covered_may_be(whole, ring):
    (found,) = verify(whole, ring, complete=True)
    assert found.uncovered == ()


@pytest.mark.parametrize("algorithm", [Algorithm.P256, Algorithm.RSA])
@pytest.mark.parametrize(
    "name", ["MR_small.dcm", "MR_small_implicit.dcm", "SC_rgb_small_odd.dcm", "rtplan.dcm", "test-SR.dcm", "image_dfl.dcm"]
)  # fmt: skip
def test_files_of_many_kinds_hold(rings, name, algorithm):
    ring = rings[algorithm]
    data = sign_dicom(load(name), ring.signer(KeyUse.DICOM), NOW)

    assert verify(data, ring)[0].trusted


def test_a_second_signature_stands_beside_the_first(signed, ring):
    twice = sign_dicom(signed, ring.signer(KeyUse.DICOM), NOW + dt.timedelta(hours=1))

    first, second = verify(twice, ring)
    assert first.uid != second.uid


def test_of_two_signatures_one_trusted_is_enough_but_both_hold(signed, ring, tmp_path):
    other = make_ring(tmp_path / "home")
    twice = sign_dicom(signed, other.signer(KeyUse.DICOM), NOW)

    assert [one.trusted for one in verify(twice, ring)] == [True, False]
    with refused(SignatureFault.DICOM_SIGNATURE):
        verify(changed(twice, lambda ds: ds[SIGNATURES].value[1].__setitem__(0x04000100, _uid("2.25.9"))), ring)


def _uid(text: str):
    return pydicom.DataElement(0x04000100, "UI", text)


def test_it_survives_what_changes_no_byte_of_what_it_covers(signed, ring):
    implicit = BytesIO()
    ds = pydicom.dcmread(BytesIO(signed))
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2")
    ds.save_as(implicit, implicit_vr=True, little_endian=True)

    assert verify(implicit.getvalue(), ring)[0].trusted
    assert verify(changed(signed, lambda ds: setattr(ds, "StudyDescription", "put right")), ring)[0].trusted


def test_a_private_attribute_of_unknown_vr_is_told_as_left_open(ring):
    def add(ds):
        ds.add_new(0x00091099, "UN", b"abcd")

    (found,) = verify(sign_dicom(changed(CT, add), ring.signer(KeyUse.DICOM), NOW, everything=True), ring)
    assert found.uncovered == (0x00091099,)
    with refused(SignatureFault.DICOM_ELEMENT_ADDED):
        verify(sign_dicom(changed(CT, add), ring.signer(KeyUse.DICOM), NOW, everything=True), ring, complete=True)


def test_private_attributes_break_once_their_vr_is_lost(ring):
    """As it is in implicit VR, which stock tools trip over too; so they are not covered unless it is asked for."""

    def add(ds):
        ds.private_block(0x0021, "TEST", create=True).add_new(1, "LO", "text")

    def lose(ds):
        tag = ds.private_block(0x0021, "TEST").get_tag(1)
        ds.add_new(tag, "UN", b"text")

    private = changed(CT, add)
    signer = ring.signer(KeyUse.DICOM)
    assert verify(changed(sign_dicom(private, signer, NOW), lose), ring)
    with refused(SignatureFault.DICOM_UNSIGNABLE):
        verify(changed(sign_dicom(private, signer, NOW, everything=True), lose), ring)


class TestSigning:
    def test_encapsulated_pixels_are_not_signed(self, ring):
        with refused(SignatureFault.DICOM_ENCAPSULATED):
            sign_dicom(load("JPEG2000.dcm"), ring.signer(KeyUse.DICOM), NOW)

    def test_big_endian_is_not_signed(self, ring):
        with refused(SignatureFault.DICOM_SYNTAX):
            sign_dicom(load("MR_small_bigendian.dcm"), ring.signer(KeyUse.DICOM), NOW)

    @pytest.mark.parametrize("data", [b"", b"junk", CT[:200], b"\0" * 128 + b"DICM"])
    def test_what_is_no_dicom_is_not_signed(self, ring, data):
        with pytest.raises(EvidenceError) as raised:
            sign_dicom(data, ring.signer(KeyUse.DICOM), NOW)
        assert raised.value.fault in {
            SignatureFault.DICOM_FORM,
            SignatureFault.DICOM_SYNTAX,
            SignatureFault.DICOM_TAG_LIST,
        }

    def test_an_instance_without_uids_is_not_signed(self, ring):
        with refused(SignatureFault.DICOM_TAG_LIST):
            sign_dicom(changed(CT, lambda ds: ds.__delitem__("StudyInstanceUID")), ring.signer(KeyUse.DICOM), NOW)

    def test_a_key_of_another_use_signs_none(self, ring):
        with refused(SignatureFault.KEY_USE):
            sign_dicom(CT, ring.signer(KeyUse.STATEMENTS), NOW)

    def test_a_key_that_may_not_sign_signs_none(self, tmp_path):
        clock = Clock()
        signer = make_ring(tmp_path / "home", clock).signer(KeyUse.DICOM)
        clock.forward(days=4000)
        with pytest.raises(SigningError):
            sign_dicom(CT, signer, NOW)

    def test_sequences_that_stock_tools_would_not_read_whole_are_said(self, ring):
        def lengthen(ds):
            items = []
            for number in range(400):
                inner = Dataset()
                inner.add_new(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2")
                inner.add_new(0x00081155, "UI", f"1.2.3.{number}")
                item = Dataset()
                item.add_new(0x00081140, "SQ", Sequence([inner]))
                items.append(item)
            ds.add_new(0x52009230, "SQ", Sequence(items))

        data = changed(CT, lengthen)
        with refused(SignatureFault.DICOM_STOCK_LIMIT):
            sign_dicom(data, ring.signer(KeyUse.DICOM), NOW)
        assert verify(sign_dicom(data, ring.signer(KeyUse.DICOM), NOW, stock=False), ring)

    def test_uids_that_stock_tools_would_put_right_are_said(self, ring):
        uid = str(pydicom.dcmread(BytesIO(CT)).SeriesInstanceUID).encode()
        padded = CT.replace(uid, uid[:-1] + b" ")
        with refused(SignatureFault.DICOM_STOCK_LIMIT):
            sign_dicom(padded, ring.signer(KeyUse.DICOM), NOW)


class TestTampered:
    """By whoever had the file: without any key."""

    def check(self, data, ring, fault, **options):
        with refused(fault):
            verify(data, ring, **options)

    def test_stripped(self, ring, signed):
        self.check(CT, ring, SignatureFault.DICOM_UNSIGNED)
        self.check(changed(signed, lambda ds: ds.__delitem__(SIGNATURES)), ring, SignatureFault.DICOM_UNSIGNED)
        empty = pydicom.DataElement(SIGNATURES, "SQ", Sequence([]))
        self.check(changed(signed, lambda ds: ds.__setitem__(SIGNATURES, empty)), ring, SignatureFault.DICOM_UNSIGNED)

    def test_parameters_stripped(self, ring, signed):
        self.check(changed(signed, lambda ds: ds.__delitem__(PARAMETERS)), ring, SignatureFault.DICOM_MAC_PARAMETERS)

    def test_one_bit_of_the_pixels(self, ring, signed):
        def flip(ds):
            ds.PixelData = bytes([ds.PixelData[0] ^ 1]) + ds.PixelData[1:]

        self.check(changed(signed, flip), ring, SignatureFault.DICOM_SIGNATURE)

    def test_swapped_pixels(self, ring, signed):
        def swap(ds):
            half = len(ds.PixelData) // 2
            ds.PixelData = ds.PixelData[half:] + ds.PixelData[:half]

        self.check(changed(signed, swap), ring, SignatureFault.DICOM_SIGNATURE)

    @pytest.mark.parametrize(
        ("keyword", "value"),
        [
            ("PatientID", "other"),
            ("PatientName", "Other^Name"),
            ("SOPInstanceUID", "1.2.3"),
            ("ImagePositionPatient", [0, 0, 0]),
            ("PixelSpacing", [9, 9]),
            ("RescaleSlope", "2"),
            ("RescaleIntercept", "0"),
            ("PhotometricInterpretation", "MONOCHROME1"),
            ("PixelRepresentation", 0),
            ("Rows", 64),
        ],
    )
    def test_a_changed_attribute(self, ring, signed, keyword, value):
        self.check(changed(signed, lambda ds: setattr(ds, keyword, value)), ring, SignatureFault.DICOM_SIGNATURE)

    @pytest.mark.parametrize("keyword", ["PatientID", "RescaleSlope", "ImageOrientationPatient", "PixelData"])
    def test_a_removed_attribute(self, ring, signed, keyword):
        self.check(changed(signed, lambda ds: delattr(ds, keyword)), ring, SignatureFault.DICOM_ELEMENT_REMOVED)

    @pytest.mark.parametrize(
        ("keyword", "value"),
        [("IssuerOfPatientID", "other"), ("PixelAspectRatio", [2, 1]), ("ModalityLUTSequence", []), ("OverlayRows", 5)],
    )
    def test_an_added_attribute_that_has_to_be_covered(self, ring, signed, keyword, value):
        def add(ds):
            if keyword == "OverlayRows":
                ds.add_new(0x60000010, "US", value)
            else:
                setattr(ds, keyword, value)

        self.check(changed(signed, add), ring, SignatureFault.DICOM_ELEMENT_ADDED)

    def test_any_added_attribute_where_all_was_covered(self, ring, whole):
        added = changed(whole, lambda ds: setattr(ds, "PatientComments", "added"))
        self.check(added, ring, SignatureFault.DICOM_ELEMENT_ADDED, complete=True)

    def test_a_list_made_shorter(self, ring, signed):
        def shrink(ds):
            ds[PARAMETERS].value[0][0x04000020].value = ds[PARAMETERS].value[0][0x04000020].value[:-1]

        self.check(changed(signed, shrink), ring, SignatureFault.DICOM_SIGNATURE)

    def test_a_list_in_another_order(self, ring, signed):
        def turn(ds):
            tags = ds[PARAMETERS].value[0][0x04000020].value
            ds[PARAMETERS].value[0][0x04000020].value = [tags[1], tags[0], *tags[2:]]

        self.check(changed(signed, turn), ring, SignatureFault.DICOM_SIGNATURE)

    def test_an_attribute_twice_in_the_list(self, ring, signed):
        def double(ds):
            tags = ds[PARAMETERS].value[0][0x04000020].value
            ds[PARAMETERS].value[0][0x04000020].value = [*tags, tags[-1]]

        self.check(changed(signed, double), ring, SignatureFault.DICOM_TAG_LIST)

    def test_the_signature_of_another_instance(self, ring, signed):
        other = pydicom.dcmread(BytesIO(sign_dicom(MR, ring.signer(KeyUse.DICOM), NOW)))

        def move(ds):
            ds[SIGNATURES], ds[PARAMETERS] = other[SIGNATURES], other[PARAMETERS]

        with pytest.raises(EvidenceError) as raised:
            verify(changed(signed, move), ring)
        assert raised.value.fault in {SignatureFault.DICOM_SIGNATURE, SignatureFault.DICOM_ELEMENT_REMOVED}

    def test_another_time_of_signing(self, ring, signed):
        def date(ds):
            ds[SIGNATURES].value[0][0x04000105].value = "20250101000000.000000+0000"

        self.check(changed(signed, date), ring, SignatureFault.DICOM_SIGNATURE)

    def test_a_time_that_is_none(self, ring, signed):
        forger = Forger()
        forger.verdict(SignatureFault.TIME_AHEAD, at=LATER + DAY)

        def date(ds):
            ds[SIGNATURES].value[0].add_new(0x04000105, "LO", "yesterday")

        self.check(changed(signed, date), ring, SignatureFault.DICOM_SIGNATURE)

    @pytest.mark.parametrize("data", [b"", b"\x30\x02", b"\x30\x00junk"])
    def test_a_certificate_that_is_none(self, ring, signed, data):
        def blank(ds):
            ds[SIGNATURES].value[0][0x04000115].value = data

        with pytest.raises(EvidenceError) as raised:
            verify(changed(signed, blank), ring)
        assert raised.value.fault in {SignatureFault.DICOM_FORM, SignatureFault.CERTIFICATE_FORM}

    def test_the_certificate_of_another(self, ring, signed, tmp_path):
        other = make_ring(tmp_path / "home").signer(KeyUse.DICOM).record.certificates[0]

        def put(ds):
            ds[SIGNATURES].value[0][0x04000115].value = other + b"\0" * (len(other) % 2)

        self.check(changed(signed, put), ring, SignatureFault.DICOM_SIGNATURE)

    def test_transcoded_after_signing(self, ring, signed):
        def label(ds):
            ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.90")
            ds.PixelData = pydicom.encaps.encapsulate([ds.PixelData])
            ds["PixelData"].is_undefined_length = True

        self.check(changed(signed, label), ring, SignatureFault.DICOM_ENCAPSULATED)


class TestForged:
    """By whoever has a key and a certificate, even one by an authority that is trusted."""

    def test_resealed_by_another_key(self, ring, tmp_path):
        other = make_ring(tmp_path / "home")
        with refused(SignatureFault.CERTIFICATE_AUTHORITY):
            verify(sign_dicom(CT, other.signer(KeyUse.DICOM), NOW), ring)

    def test_a_shrunken_list(self):
        Forger().verdict(SignatureFault.DICOM_TAG_LIST, tags=[0x00080016, 0x00080018])
        Forger().verdict(SignatureFault.DICOM_TAG_LIST, tags=[])
        uids = [0x00080016, 0x00080018, 0x0020000D, 0x0020000E]
        Forger().verdict(SignatureFault.DICOM_TAG_LIST, tags=uids)
        Forger().verdict(SignatureFault.DICOM_ELEMENT_ADDED, tags=[*uids, 0x7FE00010])

    def test_another_mac_algorithm(self):
        for mac in ("SHA1", "MD5", "RIPEMD160", ""):
            Forger().verdict(SignatureFault.DICOM_MAC_ALGORITHM, mac=mac)

    def test_over_another_syntax(self):
        Forger().verdict(SignatureFault.DICOM_SYNTAX, syntax="1.2.840.10008.1.2")
        Forger().verdict(SignatureFault.DICOM_SYNTAX, syntax="1.2.840.10008.1.2.2")

    def test_another_type_of_certificate(self):
        Forger().verdict(SignatureFault.DICOM_CERTIFICATE_TYPE, kind="X509_1993_ENC")

    def test_an_expired_certificate(self):
        Forger(not_after=NOW - dt.timedelta(hours=2)).verdict(SignatureFault.CERTIFICATE_EXPIRED)

    def test_a_certificate_that_is_not_valid_yet(self):
        Forger(not_before=NOW + dt.timedelta(hours=2)).verdict(SignatureFault.CERTIFICATE_NOT_YET_VALID)

    def test_an_ed25519_key(self):
        forger = Forger(key=make_private(Algorithm.ED25519))
        forger.verdict(SignatureFault.KEY_ALGORITHM)

    def test_the_certificate_of_an_authority(self):
        key = make_p256()
        root = make_authority(key, organisation="Forger", not_before=NOW - DAY, not_after=NOW + DAY)
        with refused(SignatureFault.CERTIFICATE_USE):
            verify_dicom(forged(CT, key, root), [root], now=LATER)

    def test_a_key_for_statements(self, ring):
        forger = Forger()
        public = public_half(forger.key)
        record = KeyRecord(
            key_id=key_id_of(public),
            use=KeyUse.STATEMENTS,
            algorithm=Algorithm.P256,
            public_key=public,
            not_before=NOW - DAY,
            not_after=NOW + DAY,
        )
        with refused(SignatureFault.KEY_USE):
            verify_dicom(forged(CT, forger.key, forger.certificate), [forger.root], now=LATER, records=[record])

    def test_a_key_that_was_compromised(self, ring, signed):
        key_id = ring.signer(KeyUse.DICOM).record.key_id
        records = [replace(one, compromised=NOW + DAY) if one.key_id == key_id else one for one in ring.records()]

        assert verify(signed, ring, records=records, attested=NOW + dt.timedelta(hours=1))
        with refused(SignatureFault.KEY_COMPROMISED_UNATTESTED):
            verify(signed, ring, records=records)
        with refused(SignatureFault.KEY_COMPROMISED):
            verify(signed, ring, records=records, attested=NOW + DAY)


@pytest.mark.filterwarnings("ignore")
def test_no_change_of_a_byte_changes_what_is_covered_or_raises_anything_else(ring):
    def crop(ds):
        ds.Rows, ds.Columns, ds.PixelData = 4, 4, ds.PixelData[:32]

    data = sign_dicom(changed(CT, crop), ring.signer(KeyUse.DICOM), NOW)
    covered = verify(data, ring)[0].covered
    before = read_native(data)
    for place in range(132, len(data), 23):
        bad = data[:place] + bytes([data[place] ^ 0x11]) + data[place + 1 :]
        try:
            verify(bad, ring)
        except EvidenceError:
            continue
        after = read_native(bad)
        assert all(after[tag] == before[tag] for tag in covered)


def test_no_message_tells_a_value(ring, signed):
    bad = changed(signed, lambda ds: setattr(ds, "PatientID", "SECRET-4711"))
    with pytest.raises(EvidenceError) as raised:
        verify(bad, ring)
    assert "4711" not in str(raised.value)
    assert hashlib.sha256(bad).hexdigest() not in repr(raised.value)
