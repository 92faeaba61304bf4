"""A key behind a program: openssl plays the key service."""

import shutil
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scanward.adapters.signing.command import CommandSigner
from scanward.adapters.signing.private_keys import make_private, public_half
from scanward.errors import SigningError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.statement import verify_chain
from scanward.seal.trust import key_id_of, verify_signature
from tests.common.signing import NOW, Clock, make_chain, refused

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing (Debian package openssl)")


def make_key(folder, use=KeyUse.STATEMENTS, algorithm=Algorithm.P256):
    private = make_private(algorithm)
    path = folder / f"{use}.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = public_half(private)
    record = KeyRecord(
        key_id=key_id_of(public),
        use=use,
        algorithm=algorithm,
        public_key=public,
        not_before=NOW,
        not_after=NOW.replace(year=2036),
    )
    return ["openssl", "dgst", "-sha256", "-sign", str(path)], record


@pytest.mark.parametrize(("use", "algorithm"), [(KeyUse.STATEMENTS, Algorithm.P256), (KeyUse.DICOM, Algorithm.RSA)])
def test_what_it_signs_holds(tmp_path, use, algorithm):
    command, record = make_key(tmp_path, use, algorithm)

    verify_signature(record, b"message", CommandSigner(command, record, Clock()).sign(b"message"))


def test_it_signs_statements_as_a_key_of_the_folder_does(tmp_path):
    command, record = make_key(tmp_path)
    chain = make_chain(CommandSigner(command, record, Clock()), 2)

    assert len(verify_chain(chain, [record], now=NOW.replace(year=2027))) == 2


def test_a_signature_by_another_key_is_not_passed_on(tmp_path):
    command, _ = make_key(tmp_path)
    (tmp_path / "other").mkdir()
    _, record = make_key(tmp_path / "other")

    with pytest.raises(SigningError, match="no signature of this message"):
        CommandSigner(command, record, Clock()).sign(b"message")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit(3)", "status 3"),
        ("print('x' * 5000)", "status 0"),
        ("", "status 0"),
        ("print('junk')", "no signature of this message"),
        ("import sys; sys.stderr.write('secret'); sys.exit(1)", "status 1"),
        ("import threading; threading.Event().wait()", "within 0.5 s"),
    ],
)
def test_a_program_that_fails_is_said_and_its_words_are_not(tmp_path, code, message):
    _, record = make_key(tmp_path)
    signer = CommandSigner(
        [sys.executable, "-S", "-c", code], record, Clock(), timeout_seconds=0.5 if "wait" in code else 30
    )

    with pytest.raises(SigningError, match=message) as raised:
        signer.sign(b"message")
    assert "secret" not in f"{raised.value}{raised.value.remedy}"


def test_a_missing_program_is_said(tmp_path):
    _, record = make_key(tmp_path)
    with pytest.raises(SigningError, match="cannot be run"):
        CommandSigner([str(tmp_path / "none")], record, Clock()).sign(b"message")


def test_a_key_that_may_not_sign_is_never_asked(tmp_path):
    command, record = make_key(tmp_path)
    clock = Clock()
    for told in (replace(record, compromised=NOW), replace(record, retired=NOW), replace(record, not_after=NOW)):
        with pytest.raises(SigningError, match="may not sign"):
            CommandSigner(command, told, clock).sign(b"message")


def test_a_record_of_another_algorithm_or_id_is_refused(tmp_path):
    command, record = make_key(tmp_path)
    with refused(SignatureFault.KEY_ALGORITHM):
        CommandSigner(command, replace(record, use=KeyUse.LOG), Clock())
    with refused(SignatureFault.KEY_ID):
        CommandSigner(command, replace(record, key_id="0" * 32), Clock())
