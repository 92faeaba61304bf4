"""Doors out to real peers: what they hold is what was sent, once."""

import ssl
from collections.abc import Iterator
from io import BytesIO

import pytest
from pydicom import dcmread

from scanward.adapters.send.dimse import DimseSender
from scanward.adapters.send.stow import StowSender
from scanward.model.agreement import DimseEndpoint, StowEndpoint, TlsFiles
from scanward.model.release import Delivery
from tests.common.certificates import Authority
from tests.common.dcmtk import run_storescp
from tests.common.orthanc import Orthanc, run_orthanc
from tests.common.outgoing import data_set_of, from_bytes, make_outgoing, make_several
from tests.common.stow_service import run_stow_service

CONFIRMED, REFUSED, NOT_SENT, UNKNOWN = Delivery.CONFIRMED, Delivery.REFUSED, Delivery.NOT_SENT, Delivery.UNKNOWN

UNCOMPRESSED = ["chrX2.dcm", "reportsi.dcm", "rtplan.dcm", "SC_rgb_small_odd_big_endian.dcm"]
COMPRESSED = [
    "SC_rgb_rle.dcm",
    "JPEG2000.dcm",
    "JPEG-lossy.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "image_dfl.dcm",
]
REAL = UNCOMPRESSED + COMPRESSED
"""Of each kind of Transfer Syntax one."""


@pytest.fixture(scope="session")
def real(test_data):
    folder = test_data / "dicom" / "pydicom__pydicom"
    contents = [(folder / name).read_bytes() for name in REAL]
    # A deflated Data Set has to be padded to even length (PS3.5 Section A.5), which this one is not and ours are.
    return [from_bytes(content + b"\0" * (len(content) % 2)) for content in contents]


def deliveries(sender, files):
    reports = list(sender.send(files))
    found = {each.sop_instance_uid: each for each in reports}
    assert len(reports) == len(found) == len(files)
    return [found[file.sop_instance_uid].delivery for file in files]


def dimse(port, ae_title, **more):
    return DimseSender(DimseEndpoint(host="127.0.0.1", port=port, called_ae=ae_title, **more))


def held(scp):
    """Data sets that a storescp holds, by SOP Instance UID; each has to be there once."""
    found = {}
    for path in scp.received():
        uid = str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        assert uid not in found
        found[uid] = data_set_of(path.read_bytes())
    return found


# DCMTK

KEEP_BITS = ("+B", "+xa")


@pytest.mark.peers("storescp")
@pytest.mark.realdata
def test_storescp_holds_each_data_set_byte_for_byte_once(tmp_path, real):
    with run_storescp(tmp_path / "scp", *KEEP_BITS) as scp:
        sender = dimse(scp.port, scp.ae_title)
        for _ in range(2):
            assert deliveries(sender, real) == [CONFIRMED] * len(real)
        assert held(scp) == {file.sop_instance_uid: data_set_of(file.content) for file in real}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


def tls_options(authority, certificate):
    return ("+tls", str(certificate.key), str(certificate.certificate), "+cf", str(authority.certificate))


@pytest.mark.peers("storescp")
def test_storescp_over_mutual_tls(tmp_path, authority):
    theirs, ours = authority.issue("storescp"), authority.issue("scanward")
    files = make_several(3)
    with run_storescp(tmp_path / "scp", *KEEP_BITS, *tls_options(authority, theirs)) as scp:
        tls = TlsFiles(authority=str(authority.certificate), certificate=str(ours.certificate), key=str(ours.key))
        assert deliveries(dimse(scp.port, scp.ae_title, tls=tls), files) == [CONFIRMED] * 3
        assert held(scp) == {file.sop_instance_uid: data_set_of(file.content) for file in files}


@pytest.mark.peers("storescp")
def test_nothing_goes_to_a_peer_of_another_authority_or_without_our_certificate(tmp_path, authority):
    other = Authority(tmp_path / "other", "Other authority")
    ours = authority.issue("scanward")
    with run_storescp(tmp_path / "scp", *KEEP_BITS, *tls_options(authority, authority.issue("storescp"))) as scp:
        strangers = TlsFiles(authority=str(other.certificate), certificate=str(ours.certificate), key=str(ours.key))
        nameless = TlsFiles(authority=str(authority.certificate))
        for tls in (strangers, nameless, None):
            assert NOT_SENT is deliveries(dimse(scp.port, scp.ae_title, tls=tls), [make_outgoing()])[0]
        assert scp.received() == []


@pytest.mark.peers("storescp")
@pytest.mark.realdata
def test_what_a_peer_does_not_take_is_refused_and_the_others_go(tmp_path, real):
    with run_storescp(tmp_path / "scp", "+B", "+xe") as scp:
        found = deliveries(dimse(scp.port, scp.ae_title), real)
        assert found == [REFUSED if name in COMPRESSED else CONFIRMED for name in REAL]
        assert len(scp.received()) == len(UNCOMPRESSED)


@pytest.mark.peers("storescp")
@pytest.mark.parametrize(
    ("option", "expected"),
    [("--refuse", {NOT_SENT}), ("--abort-after", {UNKNOWN, NOT_SENT}), ("--abort-during", {UNKNOWN, NOT_SENT})],
)
def test_a_peer_that_breaks_off_confirms_nothing(tmp_path, option, expected):
    with run_storescp(tmp_path / "scp", *KEEP_BITS, option) as scp:
        files = make_several(3, rows=256)
        found = deliveries(dimse(scp.port, scp.ae_title), files)
    assert set(found) <= expected
    assert option == "--refuse" or found[0] is UNKNOWN


# Orthanc


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory) -> Iterator[Orthanc]:
    with run_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def empty_orthanc(orthanc):
    for instance in orthanc.instances():
        orthanc.http.delete(f"/instances/{instance}").raise_for_status()
    return orthanc


def in_orthanc(orthanc):
    contents = [orthanc.file(instance) for instance in orthanc.instances()]
    return {str(dcmread(BytesIO(content), stop_before_pixels=True).SOPInstanceUID): content for content in contents}


def elements(content):
    """Values by tag, as Orthanc writes Data Sets anew when they come by DIMSE: without group lengths, deflated again."""
    ds = dcmread(BytesIO(content))
    return {element.tag: element.value for element in ds if element.tag.element != 0}


@pytest.mark.peers("Orthanc")
@pytest.mark.realdata
def test_orthanc_by_dimse(empty_orthanc, real):
    sender = dimse(empty_orthanc.dicom_port, empty_orthanc.ae_title)
    for _ in range(2):
        assert deliveries(sender, real) == [CONFIRMED] * len(real)
    there = in_orthanc(empty_orthanc)
    assert set(there) == {file.sop_instance_uid for file in real}
    for file in real:
        assert elements(there[file.sop_instance_uid]) == elements(file.content)


@pytest.mark.peers("Orthanc", "/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
@pytest.mark.realdata
def test_orthanc_by_stow(empty_orthanc, real):
    sender = StowSender(StowEndpoint(url=f"http://127.0.0.1:{empty_orthanc.http_port}/dicom-web"))
    for _ in range(2):
        assert deliveries(sender, real) == [CONFIRMED] * len(real)
    assert in_orthanc(empty_orthanc) == {file.sop_instance_uid: file.content for file in real}


@pytest.mark.peers("Orthanc", "/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
def test_orthanc_says_of_each_instance_what_it_took(empty_orthanc):
    files = make_several(3)
    bad = files[1]
    bad.content = bad.content[:144] + b"not DICOM any more" * 20
    sender = StowSender(StowEndpoint(url=f"http://127.0.0.1:{empty_orthanc.http_port}/dicom-web"))
    found = deliveries(sender, files)
    assert found[0] is found[2] is CONFIRMED
    assert found[1] is not CONFIRMED
    assert set(in_orthanc(empty_orthanc)) == {files[0].sop_instance_uid, files[2].sop_instance_uid}


# TLS of HTTP


def test_stow_over_tls_goes_to_whom_the_authority_vouches_for_only(tmp_path, authority):
    theirs = authority.issue("service")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(theirs.certificate, theirs.key)
    other = Authority(tmp_path / "other", "Other authority")
    files = make_several(2)
    with run_stow_service(tls=context) as service:
        for trusted, expected in (
            (str(other.certificate), NOT_SENT),
            ("", NOT_SENT),
            (str(authority.certificate), CONFIRMED),
        ):
            sender = StowSender(StowEndpoint(url=service.url, authority=trusted))
            assert deliveries(sender, files) == [expected] * 2
        assert len(service.requests) == 1
