"""Keys in a folder: made on first use, rotated, told as compromised; private halves for their owner alone."""

import datetime as dt
import json
from dataclasses import replace

import pytest

from scanward.adapters.keys import KeyFolder
from scanward.adapters.signing.certificates import verify_record
from scanward.adapters.signing.folder import KeyRingFolder
from scanward.adapters.signing.records import format_records, parse_records
from scanward.errors import SigningError, UnknownError
from scanward.model.signing import Algorithm, KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import verify_signature
from tests.common.signing import NOW, Clock, make_ring, refused

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ring(tmp_path, clock):
    return KeyRingFolder(tmp_path / "home", clock)


def test_a_key_is_made_on_first_use_and_is_the_same_after(ring, tmp_path, clock):
    record = ring.signer(KeyUse.STATEMENTS).record

    again = KeyRingFolder(tmp_path / "home", clock)
    assert again.signer(KeyUse.STATEMENTS).record == record
    verify_signature(record, b"message", again.signer(KeyUse.STATEMENTS).sign(b"message"))
    assert [one.use for one in again.records()] == [KeyUse.STATEMENTS]


def test_looking_makes_nothing(ring, tmp_path):
    assert ring.records() == ()
    assert ring.authorities() == ()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("use", "algorithm"),
    [
        (KeyUse.LOG, Algorithm.ED25519),
        (KeyUse.STATEMENTS, Algorithm.P256),
        (KeyUse.DICOM, Algorithm.P256),
        (KeyUse.DICOM, Algorithm.RSA),
    ],
)
def test_each_use_has_its_algorithm_and_certificate(tmp_path, clock, use, algorithm):
    ring = KeyRingFolder(tmp_path / "home", clock, algorithms={use: algorithm})
    signer = ring.signer(use)

    assert signer.record.algorithm is algorithm
    verify_signature(signer.record, b"m", signer.sign(b"m"))
    if use is KeyUse.LOG:
        assert signer.record.certificates == ()
    else:
        verify_record(signer.record, ring.authorities(), at=NOW)


def test_an_algorithm_that_does_not_fit_the_use_is_refused(tmp_path, clock):
    with pytest.raises(SigningError):
        KeyRingFolder(tmp_path / "home", clock, algorithms={KeyUse.DICOM: Algorithm.ED25519})


def test_a_certificate_is_valid_in_the_second_it_was_made(ring):
    record = ring.signer(KeyUse.STATEMENTS).record

    assert record.not_before == NOW - HOUR
    verify_record(record, ring.authorities(), at=NOW)


def test_nothing_is_open_to_others_or_in_the_clear(ring, tmp_path):
    for use in KeyUse:
        ring.signer(use)

    for path in [ring.folder, *ring.folder.iterdir()]:
        assert path.stat().st_mode & 0o077 == 0
        if path.suffix == ".key":
            assert b"\x30\x81" not in path.read_bytes()[:40]
    assert len(list(ring.folder.glob("*.key"))) == 4  # with the authority's


def test_a_folder_open_to_others_is_refused(ring):
    ring.signer(KeyUse.LOG)
    ring.folder.chmod(0o755)

    with pytest.raises(SigningError, match="closed to others"):
        ring.signer(KeyUse.LOG)


def test_a_private_half_moved_to_another_name_does_not_open(ring):
    log, statements = ring.signer(KeyUse.LOG).record, ring.signer(KeyUse.STATEMENTS).record
    (ring.folder / f"{log.key_id}.key").replace(ring.folder / f"{statements.key_id}.key")

    with pytest.raises(SigningError, match="does not open"):
        ring.signer(KeyUse.STATEMENTS)


def test_another_master_key_does_not_open_it(ring, tmp_path, clock):
    ring.signer(KeyUse.LOG)
    KeyFolder(tmp_path / "home").path.unlink()

    with pytest.raises(SigningError, match="does not open"):
        KeyRingFolder(tmp_path / "home", clock).signer(KeyUse.LOG)


class TestRotation:
    def test_the_new_key_signs_from_then_on(self, ring, clock):
        old = ring.signer(KeyUse.STATEMENTS)
        new = ring.rotate(KeyUse.STATEMENTS, clock())

        assert ring.signer(KeyUse.STATEMENTS).record == new
        assert next(one for one in ring.records() if one.key_id == old.record.key_id).retired == NOW
        with pytest.raises(SigningError, match="not sign any more"):
            old.sign(b"late")

    def test_it_can_be_made_ahead(self, ring, clock):
        old = ring.signer(KeyUse.STATEMENTS)
        new = ring.rotate(KeyUse.STATEMENTS, NOW + 24 * HOUR)

        assert ring.signer(KeyUse.STATEMENTS).record.key_id == old.record.key_id
        assert old.sign(b"still")
        clock.forward(hours=24)
        assert ring.signer(KeyUse.STATEMENTS).record.key_id == new.key_id
        with pytest.raises(SigningError):
            old.sign(b"late")

    def test_never_into_the_past(self, ring, clock):
        ring.signer(KeyUse.LOG)
        with pytest.raises(SigningError, match="past"):
            ring.rotate(KeyUse.LOG, NOW - HOUR)

    def test_not_before_one_that_was_made_ahead(self, ring):
        ring.rotate(KeyUse.LOG, NOW + 48 * HOUR)
        with pytest.raises(SigningError, match="already"):
            ring.rotate(KeyUse.LOG, NOW)

    def test_the_private_half_of_a_retired_key_is_destroyed(self, ring, clock):
        old = ring.signer(KeyUse.LOG).record
        ring.rotate(KeyUse.LOG, clock())

        assert not (ring.folder / f"{old.key_id}.key").exists()

    def test_another_process_sees_it_at_once(self, ring, tmp_path, clock):
        signer = ring.signer(KeyUse.LOG)
        KeyRingFolder(tmp_path / "home", clock).rotate(KeyUse.LOG, clock())

        with pytest.raises(SigningError):
            signer.sign(b"late")
        assert ring.signer(KeyUse.LOG).record.key_id != signer.record.key_id

    def test_an_authority_that_would_end_before_the_key_is_followed_by_another(self, tmp_path, clock):
        ring = KeyRingFolder(tmp_path / "home", clock)
        first = ring.signer(KeyUse.STATEMENTS).record
        clock.forward(days=7299)
        second = ring.rotate(KeyUse.STATEMENTS, clock())

        assert len(ring.authorities()) == 2
        verify_record(second, ring.authorities()[1:], at=clock())
        with refused(SignatureFault.CERTIFICATE_AUTHORITY):
            verify_record(second, ring.authorities()[:1], at=clock())
        assert first.key_id in {one.key_id for one in ring.records()}


class TestExpiry:
    def test_an_expired_key_signs_no_more_and_says_what_to_do(self, ring, clock):
        signer = ring.signer(KeyUse.STATEMENTS)
        clock.forward(days=731)

        with pytest.raises(SigningError) as raised:
            ring.signer(KeyUse.STATEMENTS)
        assert "rotate" in raised.value.remedy
        with pytest.raises(SigningError):
            signer.sign(b"late")

    def test_rotation_ends_it(self, ring, clock):
        ring.signer(KeyUse.STATEMENTS)
        clock.forward(days=731)
        ring.rotate(KeyUse.STATEMENTS, clock())

        assert ring.signer(KeyUse.STATEMENTS).sign(b"again")


class TestCompromise:
    def test_the_key_that_signs_is_followed_by_another(self, ring, clock):
        old = ring.signer(KeyUse.STATEMENTS)
        noted = ring.compromise(old.record.key_id, NOW - HOUR, clock())

        assert noted.compromised == NOW - HOUR
        assert noted.retired == NOW
        assert ring.signer(KeyUse.STATEMENTS).record.key_id != old.record.key_id
        with pytest.raises(SigningError):
            old.sign(b"late")

    def test_a_key_that_signs_no_more_is_noted_alone(self, ring, clock):
        old = ring.signer(KeyUse.LOG).record
        new = ring.rotate(KeyUse.LOG, clock())
        ring.compromise(old.key_id, NOW - HOUR, clock())

        assert len(ring.records()) == 2
        assert ring.signer(KeyUse.LOG).record == new

    def test_it_only_moves_to_an_earlier_time(self, ring, clock):
        key_id = ring.signer(KeyUse.LOG).record.key_id
        for since, expected in [(-1, -1), (-3, -3), (-2, -3), (5, -3)]:
            assert ring.compromise(key_id, NOW + since * HOUR, clock()).compromised == NOW + expected * HOUR
        assert len(ring.records()) == 2

    def test_a_time_to_come_is_taken_as_now(self, ring, clock):
        key_id = ring.signer(KeyUse.LOG).record.key_id
        assert ring.compromise(key_id, NOW + HOUR, clock()).compromised == NOW

    def test_with_one_made_ahead_there_is_still_a_key_that_signs(self, ring, clock):
        old = ring.signer(KeyUse.LOG).record
        ring.rotate(KeyUse.LOG, NOW + 48 * HOUR)
        ring.compromise(old.key_id, NOW, clock())

        assert ring.signer(KeyUse.LOG).sign(b"now")

    def test_an_unknown_key_is_said(self, ring, clock):
        with pytest.raises(UnknownError):
            ring.compromise("0" * 32, NOW, clock())


class TestRecords:
    def test_they_come_back_as_they_were_published(self, ring, clock):
        for use in KeyUse:
            ring.signer(use)
        ring.compromise(ring.signer(KeyUse.LOG).record.key_id, NOW, clock())

        assert parse_records(ring.published()) == (ring.records(), ring.authorities())

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: b"",
            lambda text: b"[]",
            lambda text: text.replace(b"scanward.keys.v1", b"scanward.keys.v2"),
            lambda text: text.replace(b'"use": "log"', b'"use": "other"'),
            lambda text: text.replace(b'"algorithm": "Ed25519"', b'"algorithm": "none"'),
            lambda text: text.replace(b'"retired"', b'"retried"'),
            lambda text: text.replace(b"+00:00", b""),
            lambda text: text.replace(b'"key_id": "', b'"key_id": "0'),
            lambda text: text.replace(b'"public_key": "M', b'"public_key": "?'),
        ],
    )
    def test_another_list_is_refused(self, ring, change):
        ring.signer(KeyUse.LOG)
        with refused(SignatureFault.KEY_RECORDS):
            parse_records(change(ring.published()))

    def test_a_key_twice_is_refused(self, ring):
        record = ring.signer(KeyUse.LOG).record
        with refused(SignatureFault.KEY_RECORDS):
            parse_records(format_records([record, replace(record, compromised=NOW)]))

    def test_they_tell_nothing_secret(self, tmp_path):
        ring = make_ring(tmp_path / "home")
        published = json.loads(ring.published())
        assert published.keys() == {"type", "authorities", "keys"}
        assert all("private" not in key for record in published["keys"] for key in record)
