"""What stock tools say of what we sign: dcmsign (DCMTK) and openssl."""

import datetime as dt
import subprocess
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from scanward.adapters.signatures.dicom import sign_dicom, verify_dicom
from scanward.adapters.signing.certificates import pem_of
from scanward.adapters.signing.cms import sign_cms, to_pem
from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyUse
from scanward.seal.signature_faults import SignatureFault
from tests.common import dcmtk
from tests.common.signing import make_chain, make_ring

NATIVE = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_padded.dcm",
    "SC_rgb_small_odd.dcm",
    "ExplVR_LitEndNoMeta.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "rtdose.dcm",
    "rtdose_1frame.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
    "UN_sequence.dcm",
    "nested_priv_SQ.dcm",
    "waveform_ecg.dcm",
)
"""Of pydicom's wheel; some are encapsulated or lack what a signature needs, which is said."""

NOT_SIGNED = {
    SignatureFault.DICOM_ENCAPSULATED,
    SignatureFault.DICOM_FORM,
    SignatureFault.DICOM_TAG_LIST,
    SignatureFault.DICOM_SYNTAX,
    SignatureFault.DICOM_STOCK_LIMIT,
}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def rings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rings")
    return {
        algorithm: make_ring(folder / algorithm, now, algorithms={KeyUse.DICOM: algorithm})
        for algorithm in (Algorithm.P256, Algorithm.RSA)
    }


@pytest.fixture(scope="module")
def ring(rings):
    return rings[Algorithm.P256]


def load(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is not in this pydicom")
    return Path(path).read_bytes()


def dcmsign(data: bytes, ring, folder: Path, *options: str) -> bool:
    """Tell whether dcmsign finds a signature and all that it finds good."""
    (folder / "ca.pem").write_bytes(pem_of(*ring.authorities()))
    (folder / "signed.dcm").write_bytes(data)
    done = dcmtk.run("dcmsign", "--verify", *(options or ("+rg",)), "+cf", folder / "ca.pem", folder / "signed.dcm")
    return done.returncode == 0


def rewritten(data: bytes, change) -> bytes:
    ds = pydicom.dcmread(BytesIO(data))
    change(ds)
    out = BytesIO()
    ds.save_as(out)
    return out.getvalue()


@pytest.mark.peers("/usr/bin/dcmsign")
class TestDcmsign:
    @pytest.mark.parametrize("everything", [False, True])
    @pytest.mark.parametrize("name", NATIVE)
    def test_it_accepts_each_file_that_is_signed(self, rings, tmp_path, name, everything):
        algorithm = Algorithm.RSA if everything else Algorithm.P256
        ring = rings[algorithm]
        try:
            data = sign_dicom(load(name), ring.signer(KeyUse.DICOM), now(), everything=everything)
        except EvidenceError as error:
            assert error.fault in NOT_SIGNED  # noqa: PT017 - which are, is told by the test below
            return
        assert dcmsign(data, ring, tmp_path)
        assert verify_dicom(data, ring.authorities(), now=now(), records=ring.records())[0].trusted

    def test_most_of_these_files_are_signed(self, ring):
        signed = 0
        for name in NATIVE:
            try:
                signed += bool(sign_dicom(load(name), ring.signer(KeyUse.DICOM), now()))
            except EvidenceError:
                continue
        assert signed >= 10

    def test_it_accepts_a_large_file_with_many_frames_private_tags_and_sequences(self, ring, tmp_path):
        def grow(ds):
            ds.NumberOfFrames, ds.Rows, ds.Columns = 12, 1024, 1024
            ds.PixelData = bytes(range(256)) * (12 * 1024 * 1024 * 2 // 256)
            block = ds.private_block(0x0021, "TEST", create=True)
            block.add_new(1, "LO", "text")
            block.add_new(2, "FD", [1.5, 2.5])
            item = Dataset()
            item.PatientName = "A^B"
            item.private_block(0x0021, "TEST", create=True).add_new(3, "OB", b"abc")
            ds.RequestAttributesSequence = Sequence([item, Dataset()])

        data = sign_dicom(rewritten(load("CT_small.dcm"), grow), ring.signer(KeyUse.DICOM), now(), everything=True)
        assert dcmsign(data, ring, tmp_path)

    def test_it_accepts_two_signatures(self, ring, tmp_path):
        once = sign_dicom(load("CT_small.dcm"), ring.signer(KeyUse.DICOM), now())
        assert dcmsign(sign_dicom(once, ring.signer(KeyUse.DICOM), now()), ring, tmp_path)

    def test_it_passes_a_stripped_file_unless_it_is_told_to_require_a_signature(self, ring, tmp_path):
        assert dcmsign(load("CT_small.dcm"), ring, tmp_path, "+rv")
        assert not dcmsign(load("CT_small.dcm"), ring, tmp_path, "+rg")

    @pytest.mark.parametrize(
        "change",
        [
            lambda ds: setattr(ds, "PixelData", bytes([ds.PixelData[0] ^ 1]) + ds.PixelData[1:]),
            lambda ds: setattr(ds, "PatientID", "other"),
            lambda ds: setattr(ds, "RescaleSlope", "3"),
            lambda ds: delattr(ds, "RescaleSlope"),
            lambda ds: setattr(ds[0x4FFE0001].value[0][0x04000020], "value", ds[0x4FFE0001].value[0][0x04000020].value[:-1]),
        ],
    )  # fmt: skip
    def test_it_refuses_what_we_refuse(self, ring, tmp_path, change):
        data = rewritten(sign_dicom(load("CT_small.dcm"), ring.signer(KeyUse.DICOM), now()), change)

        assert not dcmsign(data, ring, tmp_path)
        with pytest.raises(EvidenceError):
            verify_dicom(data, ring.authorities(), now=now())

    def test_it_passes_what_we_refuse_too_a_covered_attribute_that_was_added(self, ring, tmp_path):
        data = sign_dicom(load("CT_small.dcm"), ring.signer(KeyUse.DICOM), now())
        added = rewritten(data, lambda ds: setattr(ds, "PixelAspectRatio", [2, 1]))

        assert dcmsign(added, ring, tmp_path)
        with pytest.raises(EvidenceError) as raised:
            verify_dicom(added, ring.authorities(), now=now())
        assert raised.value.fault is SignatureFault.DICOM_ELEMENT_ADDED

    def test_it_refuses_another_authority(self, rings, tmp_path):
        data = sign_dicom(load("CT_small.dcm"), rings[Algorithm.RSA].signer(KeyUse.DICOM), now())
        assert not dcmsign(data, rings[Algorithm.P256], tmp_path)

    def test_it_survives_dcmconv_to_implicit_vr_where_no_private_tag_is_covered(self, ring, tmp_path):
        (tmp_path / "in.dcm").write_bytes(sign_dicom(load("CT_small.dcm"), ring.signer(KeyUse.DICOM), now()))
        assert dcmtk.run("dcmconv", "+ti", tmp_path / "in.dcm", tmp_path / "out.dcm").returncode == 0
        data = (tmp_path / "out.dcm").read_bytes()

        assert dcmsign(data, ring, tmp_path)
        assert verify_dicom(data, ring.authorities(), now=now())[0].trusted

    def test_a_signature_of_its_own_is_read_by_us(self, tmp_path):
        key, certificate, signed = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "out.dcm"
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
        make += ["-subj", "/O=Other/CN=Other", "-days", "2", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(make, check=True, capture_output=True)
        (tmp_path / "in.dcm").write_bytes(load("CT_small.dcm"))
        done = dcmtk.run("dcmsign", "+s", key, certificate, "+m2", tmp_path / "in.dcm", signed)
        assert done.returncode == 0, done.stderr
        from scanward.adapters.signing.certificates import parse_pem

        (found,) = verify_dicom(
            signed.read_bytes(), parse_pem(certificate.read_bytes()), now=now() + dt.timedelta(minutes=1)
        )
        assert found.trusted

    @pytest.mark.realdata
    def test_it_accepts_real_files_that_are_signed(self, rings, test_data, tmp_path):
        signed = 0
        for number, path in enumerate(sorted((test_data / "dicom").rglob("*"))):
            if not path.is_file() or path.stat().st_size > 1 << 20 or number % 2:
                continue
            ring = rings[Algorithm.P256 if number % 4 else Algorithm.RSA]
            try:
                data = sign_dicom(path.read_bytes(), ring.signer(KeyUse.DICOM), now(), everything=bool(number % 3))
            except EvidenceError as error:
                assert error.fault in NOT_SIGNED, path.name  # noqa: PT017 - any other is a defect
                continue
            assert dcmsign(data, ring, tmp_path), path.name
            signed += 1
        assert signed >= 20


def openssl(folder: Path, *arguments: str | Path) -> bool:
    done = subprocess.run(["openssl", *(str(one) for one in arguments)], cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(not Path("/usr/bin/openssl").exists(), reason="openssl is missing (Debian package openssl)")
class TestOpenssl:
    def test_it_verifies_the_signature_of_a_statement(self, ring, tmp_path):
        signer = ring.signer(KeyUse.STATEMENTS)
        (tmp_path / "key.der").write_bytes(signer.record.public_key)
        for signed in make_chain(signer, at=now()):
            (tmp_path / "body").write_bytes(signed.body)
            (tmp_path / "sig").write_bytes(signed.signature)
            command = ("dgst", "-sha256", "-keyform", "DER", "-verify", "key.der", "-signature", "sig", "body")
            assert openssl(tmp_path, *command)
            (tmp_path / "body").write_bytes(signed.body.replace(b"gateway", b"gatewax"))
            assert not openssl(tmp_path, *command)

    @pytest.mark.parametrize("algorithm", [Algorithm.P256, Algorithm.RSA])
    @pytest.mark.parametrize("content", [b"", b"text\r\n", bytes(100_000)])
    def test_it_verifies_detached_cms(self, rings, tmp_path, algorithm, content):
        ring = rings[algorithm]
        use = KeyUse.DICOM if algorithm is Algorithm.RSA else KeyUse.STATEMENTS
        cms = sign_cms(content, ring.signer(use), now())
        (tmp_path / "content").write_bytes(content)
        (tmp_path / "ca.pem").write_bytes(pem_of(*ring.authorities()))
        for form, data in (("DER", cms), ("PEM", to_pem(cms))):
            (tmp_path / "cms").write_bytes(data)
            command = ["cms", "-verify", "-binary", "-inform", form, "-in", "cms", "-content", "content"]
            command += ["-CAfile", "ca.pem", "-out", "out"]
            if use is KeyUse.DICOM:  # a key for documents is not one for mail, which openssl asks for
                assert not openssl(tmp_path, *command)
                command += ["-purpose", "any"]
            assert openssl(tmp_path, *command)
            assert (tmp_path / "out").read_bytes() == content
            assert openssl(tmp_path, *command, "-cades")
            (tmp_path / "content").write_bytes(content + b"x")
            assert not openssl(tmp_path, *command)
            (tmp_path / "content").write_bytes(content)

    def test_it_finds_nothing_wrong_with_the_certificates(self, rings, tmp_path):
        for ring in rings.values():
            (tmp_path / "ca.pem").write_bytes(pem_of(*ring.authorities()))
            for use in (KeyUse.STATEMENTS, KeyUse.DICOM):
                (tmp_path / "leaf.pem").write_bytes(pem_of(ring.signer(use).record.certificates[0]))
                assert openssl(tmp_path, "verify", "-x509_strict", "-check_ss_sig", "-CAfile", "ca.pem", "leaf.pem")

    def test_a_certificate_is_valid_at_once(self, tmp_path):
        ring = make_ring(tmp_path / "home", now)
        (tmp_path / "ca.pem").write_bytes(pem_of(*ring.authorities()))
        (tmp_path / "leaf.pem").write_bytes(pem_of(ring.signer(KeyUse.STATEMENTS).record.certificates[0]))
        assert openssl(tmp_path, "verify", "-CAfile", "ca.pem", "leaf.pem")


def test_the_lists_of_signed_attributes_are_in_the_order_of_the_data_set(ring):
    ds = pydicom.dcmread(BytesIO(sign_dicom(load("CT_small.dcm"), ring.signer(KeyUse.DICOM), now())))
    tags = [int(tag) for tag in ds[0x4FFE0001].value[0][0x04000020].value]

    assert tags == sorted(tags)
    assert ds.file_meta.TransferSyntaxUID == UID("1.2.840.10008.1.2.1")
