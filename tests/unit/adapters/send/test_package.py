"""Packages: opened with Debian's age; what is in them is what the manifest says."""

import hashlib
import io
import json
import subprocess
import tarfile
import tracemalloc
from dataclasses import replace
from datetime import date

import pytest
from pyrage import x25519

from scanward.adapters.send import folder_drop
from scanward.adapters.send.package import MANIFEST, PackageSender, Terms
from scanward.errors import ConfigError
from scanward.model.agreement import Obligation, PackageEndpoint
from scanward.model.release import Consignment, Delivery
from tests.common.outgoing import make_outgoing, make_several

TERMS = Terms(
    purpose="HRESCH",
    region="DE",
    obligations=frozenset(Obligation),
)
FIRST = Consignment(package="ab" * 16, is_repeated=False, delete_by=date(2027, 3, 1))


@pytest.fixture
def identity():
    return x25519.Identity.generate()


@pytest.fixture
def drop(tmp_path):
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@pytest.fixture
def sender(drop, identity):
    endpoint = PackageEndpoint(path=str(drop), age_recipients=(str(identity.to_public()),))
    return PackageSender(endpoint, terms=TERMS, consignment=FIRST)


@pytest.fixture
def repeating(drop, identity):
    endpoint = PackageEndpoint(path=str(drop), age_recipients=(str(identity.to_public()),))
    return PackageSender(endpoint, terms=TERMS, consignment=replace(FIRST, is_repeated=True))


def packages(drop):
    return sorted(path for path in drop.rglob("*") if path.is_file())


def unpack(path, identity, tmp_path):
    key = tmp_path / "key"
    key.write_text(str(identity) + "\n")
    plain = subprocess.run(["/usr/bin/age", "--decrypt", "-i", str(key), str(path)], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(plain.stdout)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


@pytest.mark.peers("age")
def test_age_opens_a_package_with_the_files_and_a_manifest(sender, drop, identity, tmp_path):
    files = make_several(3)
    assert {each.delivery for each in sender.send(files)} == {Delivery.CONFIRMED}
    (package,) = packages(drop)
    members = unpack(package, identity, tmp_path)
    manifest = json.loads(members.pop(MANIFEST))
    assert members == {f"{file.sop_instance_uid}.dcm": file.content for file in files}
    listed = manifest.pop("instances")
    assert {each["name"]: (each["size_bytes"], each["sha256"]) for each in listed} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in members.items()
    }
    assert manifest == {
        "format": "scanward-package-1",
        "purpose": "HRESCH",
        "region": "DE",
        "obligations": sorted(Obligation),
        "delete_by": "2027-03-01",
    }


@pytest.mark.peers("age")
def test_sending_again_replaces_in_any_order_and_without_what_stays_by_now(sender, repeating, drop, identity, tmp_path):
    files = make_several(3)
    list(sender.send(files))
    first = packages(drop)
    list(repeating.send(list(reversed(files))))
    assert packages(drop) == first
    list(repeating.send(files[:2]))
    assert packages(drop) == first
    names = {MANIFEST, *(f"{file.sop_instance_uid}.dcm" for file in files[:2])}
    assert set(unpack(first[0], identity, tmp_path)) == names


def test_a_package_that_may_be_there_is_replaced_by_the_whole_of_it_only(sender, repeating, drop):
    files = make_several(3)
    list(sender.send(files))
    before = packages(drop)[0].read_bytes()
    files[1].breaks_after = 5000
    assert {each.delivery for each in repeating.send(files)} == {Delivery.NOT_SENT}
    (package,) = packages(drop)
    assert package.read_bytes() == before


def test_the_name_is_the_one_on_record_and_says_nothing(sender, drop):
    files = make_several(2)
    list(sender.send(files))
    (package,) = packages(drop)
    assert package.name == f"{FIRST.package}.tar.age"
    assert not any(file.sop_instance_uid in package.name for file in files)
    assert files[0].sop_instance_uid.encode() not in package.read_bytes()


@pytest.mark.peers("age")
def test_a_file_that_cannot_be_read_stays_and_the_others_go(sender, drop, identity, tmp_path):
    files = make_several(3)
    files[1].breaks_after = 5000
    reports = {each.sop_instance_uid: each.delivery for each in sender.send(files)}
    assert [reports[file.sop_instance_uid] for file in files] == [
        Delivery.CONFIRMED,
        Delivery.NOT_SENT,
        Delivery.CONFIRMED,
    ]
    (package,) = packages(drop)
    members = unpack(package, identity, tmp_path)
    assert set(members) == {MANIFEST, *(f"{file.sop_instance_uid}.dcm" for file in (files[0], files[2]))}


def test_nothing_to_send_makes_no_package(sender, drop):
    assert list(sender.send([])) == []
    file = make_outgoing()
    file.breaks_after = 0
    assert [each.delivery for each in sender.send([file])] == [Delivery.NOT_SENT]
    assert packages(drop) == []


def test_a_name_that_is_no_uid_is_refused(sender, drop):
    file = make_outgoing()
    file.sop_instance_uid = "../DOE"
    assert [each.delivery for each in sender.send([file])] == [Delivery.REFUSED]
    assert packages(drop) == []


def test_no_room_leaves_nothing(sender, drop, monkeypatch):
    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_drop.os, "write", full)
    assert {(each.delivery, each.detail) for each in sender.send(make_several(2))} == {
        (Delivery.NOT_SENT, "no room left in the recipient's folder")
    }
    assert packages(drop) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path, identity):
    endpoint = PackageEndpoint(path=str(tmp_path / "not-there"), age_recipients=(str(identity.to_public()),))
    reports = list(PackageSender(endpoint, terms=TERMS, consignment=FIRST).send(make_several(2)))
    assert [each.delivery for each in reports] == [Delivery.NOT_SENT] * 2


@pytest.mark.parametrize("keys", [(), ("age1nonsense",), ("AGE-SECRET-KEY-1QQQQ",)])
def test_a_package_that_nobody_could_open_is_refused_at_once(drop, keys):
    with pytest.raises(ConfigError):
        PackageSender(PackageEndpoint(path=str(drop), age_recipients=keys), terms=TERMS, consignment=FIRST)


def test_a_package_is_never_whole_in_memory(sender, drop):
    files = make_several(8, rows=1024)  # 16 MB
    tracemalloc.start()
    try:
        list(sender.send(files))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert packages(drop)[0].stat().st_size > 16 * 1024**2
    assert peak < 4 * 1024**2
