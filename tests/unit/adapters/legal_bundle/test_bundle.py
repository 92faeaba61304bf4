"""A legal bundle checked by its own check.py, on its own: no Scanward, an empty folder, isolated Python."""

import base64
import datetime as dt
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from scanward.adapters.legal_bundle.bundle import BundleFile, BundleStatement, write_bundle
from scanward.adapters.signing.cms import sign_cms
from scanward.adapters.signing.timestamps import HttpTimestampAuthority, make_request
from scanward.errors import EvidenceError, OutputError
from scanward.model.signing import KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.statement import digest_of, entry_of, make_body, sign_statement
from scanward.tlog.checkpoint import Checkpoint
from scanward.tlog.merkle import leaf_hash, make_inclusion_proof, tree_hash
from scanward.tlog.note import Note, NoteAlgorithm, NoteKey, sign_text
from scanward.tlog.proof import LogProof
from tests.common.signing import NOW, Clock, blinding, make_chain, make_ring, make_statement, refused
from tests.common.timestamp_authority import TimestampMachine, serve

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing (Debian package openssl)")

FILE = b"\0" * 128 + b"DICM" + bytes(1000)
FACTS = [{"file_sha256": hashlib.sha256(FILE).hexdigest()}]
ORIGIN = "example.com/log"


class Maker:
    """Makes good bundles, and bad ones that are sealed as well as a forger with all the keys could."""

    def __init__(self, folder, seconds_ago: int = 3600) -> None:
        self.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.clock = Clock(self.now - dt.timedelta(seconds=seconds_ago))
        self.ring = make_ring(folder / "home", self.clock)
        self.signer = self.ring.signer(KeyUse.STATEMENTS)
        self.log = self.ring.signer(KeyUse.LOG)
        self.witness = make_ring(folder / "witness", self.clock).signer(KeyUse.LOG)
        self.time = TimestampMachine(folder / "time")
        self.at = self.clock.at

    @property
    def log_keys(self) -> list[NoteKey]:
        return [
            NoteKey.from_record(self.log.record, ORIGIN),
            NoteKey.from_record(self.witness.record, "witness.example", NoteAlgorithm.COSIGNATURE),
        ]

    def chain(self, **changes):
        chain = make_chain(self.signer, facts=FACTS, at=self.at, **changes)
        return [
            BundleStatement(signed=signed, proof=proof) for signed, proof in zip(chain, self.proofs(chain), strict=True)
        ]

    def proofs(self, chain, *, witnessed: bool = True) -> list[bytes]:
        entries = [b"another", *(entry_of(signed) for signed in chain), b"one more"]
        leaves = [leaf_hash(entry) for entry in entries]
        text = Checkpoint(origin=ORIGIN, size=len(leaves), root=tree_hash(leaves)).text()
        log, witness = self.log_keys
        signatures = [sign_text(text, log, self.log.sign)]
        if witnessed:
            signatures.append(sign_text(text, witness, self.witness.sign, self.at + dt.timedelta(minutes=5)))
        note = Note(text=text, signatures=tuple(signatures)).encode()
        node = lambda level, index: tree_hash(leaves[index << level : (index + 1) << level])  # noqa: E731
        return [
            LogProof(index=index, hashes=make_inclusion_proof(index, len(leaves), node), checkpoint=note).encode()
            for index in range(1, len(chain) + 1)
        ]

    def write(self, statements=None, **changes) -> bytes:
        out = io.BytesIO()
        fields = {
            "files": [BundleFile(name="1.dcm", content=FILE, statement=0, fact="file_sha256")],
            "statements": self.chain() if statements is None else statements,
            "records": self.ring.records(),
            "authorities": self.ring.authorities(),
            "log_keys": [key.text() for key in self.log_keys],
            "signer": self.signer,
            "made_at": self.at + dt.timedelta(minutes=30),
            "timestamp_roots": [self.time.root],
        }
        write_bundle(out, **{**fields, **changes})
        return out.getvalue()

    def resealed(self, folder) -> None:
        """Make the list of sums in an unpacked bundle anew, and sign it."""
        names = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith("SHA256SUMS")
        )
        sums = "".join(
            f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names
        ).encode()
        (folder / "SHA256SUMS").write_bytes(sums)
        (folder / "SHA256SUMS.cms").write_bytes(sign_cms(sums, self.signer, self.at))

    def stamp(self, digest: bytes) -> bytes:
        """A token over a digest."""
        with serve(self.time.reply) as url:
            clock = lambda: dt.datetime.now(dt.UTC)  # noqa: E731
            return HttpTimestampAuthority(url, [self.time.root], clock).stamp(digest)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    return Maker(tmp_path_factory.mktemp("maker"))


def unpack(data: bytes, folder) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)


def check(folder, *options: str) -> tuple[int, str]:
    """Run check.py as a stranger would: no site packages, no environment, its own folder."""
    command = [sys.executable, "-I", "-S", "check.py", *options]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, timeout=60, check=False
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def failed(folder, *options: str) -> str:
    """The name of what failed."""
    status, text = check(folder, *options)
    found = re.findall(r"^FAIL ([a-z0-9.-]+)", text, re.MULTILINE)
    assert status == 1, text
    assert len(found) == 1, text
    return found[0]


@pytest.fixture
def bundle(maker, tmp_path):
    unpack(maker.write(), tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_good_bundle_passes_alone(bundle, maker):
    fingerprint = hashlib.sha256(maker.ring.authorities()[0]).hexdigest()
    status, text = check(bundle, "--authority-sha256", fingerprint, "--log-key", maker.log_keys[0].text())

    assert status == 0, text
    assert "FAIL" not in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("OK")] == [
        "files", "maker", "keys", "statements", "stated", "log", "tokens", "times",
    ]  # fmt: skip
    assert text.count("NOTE custody") == 3
    assert "pinned: " + fingerprint in text


def test_tokens_of_all_three_kinds_pass(maker, tmp_path):
    chain = maker.chain()
    first = replace(
        chain[0],
        body_token=maker.stamp(hashlib.sha256(chain[0].signed.body).digest()),
        checkpoint_token=maker.stamp(hashlib.sha256(chain[0].proof.partition(b"\n\n")[2]).digest()),
    )
    unpack(maker.write([first, *chain[1:]], stamp=maker.stamp), tmp_path)
    status, text = check(tmp_path)

    assert status == 0, text
    assert "somebody else saw this bundle" in text


def test_what_is_on_its_way_to_the_log_is_noted(maker, tmp_path):
    chain = maker.chain()
    unpack(maker.write([*chain[:2], replace(chain[2], proof=None)]), tmp_path)
    status, text = check(tmp_path)

    assert status == 0
    assert "statements/0002: no proof" in text


def test_the_same_content_gives_the_same_bytes(maker, monkeypatch):
    statements = maker.chain()
    monkeypatch.setattr("scanward.adapters.legal_bundle.bundle.sign_cms", lambda *_: b"fixed")

    assert maker.write(statements) == maker.write(list(statements))


def test_a_large_file_is_read_where_it_lies(maker, tmp_path):
    (tmp_path / "source").write_bytes(FILE)
    file = BundleFile(name="1.dcm", content=tmp_path / "source", statement=0, fact="file_sha256")
    unpack(maker.write(files=[file]), tmp_path / "bundle")

    assert check(tmp_path / "bundle")[0] == 0


@pytest.mark.parametrize("names", [["../x"], ["a/b"], [""], [".hidden"], ["Doe^Jane"], ["a", "A"]])
def test_names_that_cannot_be_in_a_bundle_are_refused(maker, names):
    with pytest.raises(OutputError):
        maker.write(files=[BundleFile(name=name, content=b"") for name in names])


def test_a_file_that_is_gone_is_said(maker, tmp_path):
    with pytest.raises(OutputError):
        maker.write(files=[BundleFile(name="1.dcm", content=tmp_path / "gone")])


def test_a_bundle_without_statements_is_refused(maker):
    with refused(SignatureFault.CHAIN_EMPTY):
        maker.write([])


class TestTampered:
    """By whoever had the bundle: without any key."""

    def test_a_changed_file(self, bundle):
        (bundle / "files/1.dcm").write_bytes(FILE + b"\0")
        assert failed(bundle) == "bundle.file-changed"

    def test_a_missing_file(self, bundle):
        (bundle / "files/1.dcm").unlink()
        assert failed(bundle) == "bundle.file-missing"

    def test_an_added_file(self, bundle):
        (bundle / "files/2.dcm").write_bytes(FILE)
        assert failed(bundle) == "bundle.file-added"

    def test_a_changed_file_with_its_sum(self, bundle):
        changed = FILE + b"\0"
        (bundle / "files/1.dcm").write_bytes(changed)
        sums = (bundle / "SHA256SUMS").read_text()
        (bundle / "SHA256SUMS").write_text(
            sums.replace(hashlib.sha256(FILE).hexdigest(), hashlib.sha256(changed).hexdigest())
        )
        assert failed(bundle) == "bundle.cms"

    def test_a_missing_signature(self, bundle):
        (bundle / "SHA256SUMS.cms").unlink()
        assert failed(bundle) in {"bundle.file-missing", "bundle.cms"}

    def test_sums_that_lead_out_of_the_bundle(self, bundle):
        with (bundle / "SHA256SUMS").open("a") as sums:
            sums.write("0" * 64 + "  ../secret\n")
        assert failed(bundle) == "bundle.form"

    def test_a_bundle_of_somebody_else(self, bundle, tmp_path):
        other = Maker(tmp_path / "other")
        unpack(other.write(), tmp_path / "forged")
        assert check(tmp_path / "forged")[0] == 0
        assert failed(tmp_path / "forged", "--authority-sha256", "0" * 64) == "authority.not-pinned"
        assert failed(tmp_path / "forged", "--log-key", "example.com/log+00000000+AAAA") == "log.not-pinned"


def rewrite(bundle, name: str, change) -> None:
    path = bundle / name
    path.write_bytes(change(path.read_bytes()))


def rewrite_json(bundle, name: str, **changes) -> None:
    rewrite(bundle, name, lambda data: json.dumps({**json.loads(data), **changes}).encode())


class TestForged:
    """By whoever could sign the list of sums anew: the statements, keys and the log still tell."""

    def verdict(self, bundle, maker) -> str:
        maker.resealed(bundle)
        return failed(bundle)

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (lambda body: body.replace(b"gateway", b"gatewax"), "signature.wrong"),
            (lambda body: body + b"\n", "statement.json.not-canonical"),
            (lambda body: body.replace(b'{"actor"', b'{"actor":"x","actor"'), "statement.json.duplicate-key"),
            (lambda body: body.replace(b'"number":1', b'"number":1.0'), "statement.json.float"),
            (lambda body: body.replace(b"custody-statement.v1", b"other"), "statement.type"),
            (lambda body: body.replace(b'"actor":"gateway",', b""), "statement.fields"),
            (lambda body: body.replace(b'"instances":1', b'"instances":true'), "statement.value"),
            (lambda body: b"{", "statement.json"),
            (lambda body: body.replace(b"object-1", b"object-2"), "chain.object"),
            (lambda body: body.replace(b'"number":1', b'"number":5'), "chain.number"),
        ],
    )
    def test_a_statement(self, bundle, maker, change, fault):
        rewrite(bundle, "statements/0001.json", change)
        assert self.verdict(bundle, maker) == fault

    def test_a_statement_left_out(self, bundle, maker):
        for path in (bundle / "statements").glob("0002.*"):
            path.rename(path.with_name(path.name.replace("0002", "0001")))
        rewrite_json(bundle, "bundle.json", statements=2)
        assert self.verdict(bundle, maker) == "chain.number"

    def test_an_end_cut_off(self, bundle, maker):
        rewrite_json(bundle, "bundle.json", statements=2)
        assert self.verdict(bundle, maker) == "chain.end"

    def test_a_signature_of_another_statement(self, bundle, maker):
        shutil.copy(bundle / "statements/0000.sig", bundle / "statements/0002.sig")
        assert self.verdict(bundle, maker) == "signature.wrong"

    def test_a_statement_signed_anew(self, bundle, maker):
        signed = sign_statement(
            make_statement(1, json.loads((bundle / "statements/0001.json").read_bytes())["previous"], at=maker.at, actor="x"),
            maker.signer,
            blinding(1),
        )  # fmt: skip
        (bundle / "statements/0001.json").write_bytes(signed.body)
        (bundle / "statements/0001.sig").write_bytes(signed.signature)
        assert self.verdict(bundle, maker) == "chain.previous"

    def test_a_key_that_is_not_there(self, bundle, maker):
        rewrite_json(bundle, "statements/0002.log.json", key_id="0" * 32)
        assert self.verdict(bundle, maker) == "key.unknown"

    def test_a_key_of_another_use(self, bundle, maker):
        rewrite_json(bundle, "statements/0002.log.json", key_id=maker.log.record.key_id)
        assert self.verdict(bundle, maker) == "key.use"

    def test_a_key_of_another_authority(self, maker, tmp_path):
        other = make_ring(tmp_path / "other", maker.clock)
        chain = make_chain(other.signer(KeyUse.STATEMENTS), facts=FACTS, at=maker.at)
        statements = [
            BundleStatement(signed=one, proof=proof) for one, proof in zip(chain, maker.proofs(chain), strict=True)
        ]
        unpack(maker.write(statements, records=[*maker.ring.records(), *other.records()]), tmp_path / "bundle")
        assert failed(tmp_path / "bundle") == "certificate.authority"

    def test_a_certificate_of_another_key(self, bundle, maker):
        document = json.loads((bundle / "keys/keys.json").read_bytes())
        by_use = {one["use"]: one for one in document["keys"]}
        by_use["statements"]["certificates"] = by_use["dicom"]["certificates"]
        (bundle / "keys/keys.json").write_text(json.dumps(document))
        assert self.verdict(bundle, maker) == "certificate.key"

    def test_a_key_under_another_id(self, bundle, maker):
        document = json.loads((bundle / "keys/keys.json").read_bytes())
        document["keys"][0]["key_id"] = "0" * 32
        (bundle / "keys/keys.json").write_text(json.dumps(document))
        assert self.verdict(bundle, maker) == "key.id"

    def test_a_file_that_no_statement_tells(self, bundle, maker):
        rewrite(bundle, "files/1.dcm", lambda data: data + b"\0")
        assert self.verdict(bundle, maker) == "bundle.file-not-stated"

    def test_a_blinding_of_another_statement(self, bundle, maker):
        rewrite_json(bundle, "statements/0001.log.json", blinding="00" * 32)
        assert self.verdict(bundle, maker) == "statement.entry"

    def test_a_proof_of_another_entry(self, bundle, maker):
        shutil.copy(bundle / "statements/0000.tlog-proof", bundle / "statements/0001.tlog-proof")
        assert self.verdict(bundle, maker) == "proof.inclusion"

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (lambda data: data.replace(b"index 2", b"index 1"), "proof.inclusion"),
            (lambda data: data.replace(b"index 2", b"index 99"), "proof.inclusion"),
            (lambda data: data.replace(b"index 2", b"index x"), "proof.form"),
            (lambda data: data.replace(b"tlog-proof@v1", b"tlog-proof@v2"), "proof.form"),
            (lambda data: data.replace(b"example.com/log\n5", b"example.com/log\n6"), "checkpoint.other"),
            (lambda data: data.replace(b"example.com/log\n5", b"example.com/log\n9"), "proof.inclusion"),
            (lambda data: data.replace(b"example.com/log\n5", b"example.net/log\n5"), "checkpoint.other"),
        ],
    )
    def test_a_proof(self, bundle, maker, change, fault):
        rewrite(bundle, "statements/0001.tlog-proof", change)
        assert self.verdict(bundle, maker) == fault

    @pytest.mark.parametrize(
        "change",
        [
            lambda data: data.replace(b"\nexample.com/log\n", b"\nexample.net/log\n"),
            lambda data: b"".join(line for line in data.splitlines(True) if not line.startswith("— example".encode())),
            lambda data: data.replace(re.search(rb"log ([A-Za-z0-9+/=]{92})", data)[1][20:24], b"AAAA"),
        ],
    )
    def test_a_checkpoint(self, bundle, maker, change):
        rewrite(bundle, "statements/0001.tlog-proof", change)
        whole = (bundle / "statements/0001.tlog-proof").read_bytes()
        (bundle / "statements/0001.checkpoint").write_bytes(whole.partition(b"\n\n")[2])
        assert self.verdict(bundle, maker) == "checkpoint.signature"

    def test_a_token_over_something_else(self, bundle, maker):
        (bundle / "statements/0001.json.tst").write_bytes(maker.stamp(hashlib.sha256(b"other").digest()))
        assert self.verdict(bundle, maker) == "token.imprint"

    def test_a_token_of_an_unknown_authority(self, bundle, maker, tmp_path):
        body = (bundle / "statements/0001.json").read_bytes()
        machine = TimestampMachine(tmp_path / "other")
        with serve(machine.reply) as url:
            authority = HttpTimestampAuthority(url, [machine.root], lambda: dt.datetime.now(dt.UTC))
            (bundle / "statements/0001.json.tst").write_bytes(authority.stamp(hashlib.sha256(body).digest()))
        assert self.verdict(bundle, maker) == "token.signature"

    def test_what_is_no_token(self, bundle, maker):
        (bundle / "statements/0001.json.tst").write_bytes(make_request(bytes(32), 1))
        assert self.verdict(bundle, maker) == "token.form"


class TestTimes:
    def verdict(self, maker, folder, **changes) -> str:
        key_id = maker.signer.record.key_id
        records = [replace(one, **changes) if one.key_id == key_id else one for one in maker.ring.records()]
        unpack(maker.write(records=records), folder)
        return failed(folder)

    def test_signed_before_the_key_was_valid(self, maker, tmp_path):
        assert self.verdict(maker, tmp_path, not_before=maker.at + dt.timedelta(minutes=1)) == "key.not-yet-valid"

    def test_signed_after_it_expired(self, maker, tmp_path):
        assert self.verdict(maker, tmp_path, not_after=maker.at) == "key.expired"

    def test_signed_after_it_was_retired(self, maker, tmp_path):
        assert self.verdict(maker, tmp_path, retired=maker.at) == "key.retired"

    def test_compromised_before_anybody_saw_it(self, maker, tmp_path):
        assert self.verdict(maker, tmp_path, compromised=maker.at) == "key.compromised"

    def test_compromised_after_a_witness_saw_it(self, maker, tmp_path):
        key_id = maker.signer.record.key_id
        since = maker.at + dt.timedelta(minutes=6)
        records = [replace(one, compromised=since) if one.key_id == key_id else one for one in maker.ring.records()]
        unpack(maker.write(records=records), tmp_path)
        assert check(tmp_path)[0] == 0

    def test_compromised_and_nobody_saw_it(self, maker, tmp_path):
        signed = [one.signed for one in maker.chain()]
        statements = [
            BundleStatement(signed=one, proof=proof)
            for one, proof in zip(signed, maker.proofs(signed, witnessed=False), strict=True)
        ]
        key_id = maker.signer.record.key_id
        records = [replace(one, compromised=maker.at) if one.key_id == key_id else one for one in maker.ring.records()]
        unpack(maker.write(statements, records=records), tmp_path)
        assert failed(tmp_path) == "key.compromised.no-attested-time"

    def test_a_clock_that_goes_back_a_year(self, maker, tmp_path):
        first = make_chain(maker.signer, 1, facts=FACTS, at=maker.at)[0]
        back = make_statement(1, digest_of(first), at=maker.at - dt.timedelta(days=365))
        chain = [first, sign_statement(back, maker.signer, blinding(1))]
        unpack(maker.write([BundleStatement(signed=one) for one in chain]), tmp_path)
        assert failed(tmp_path) == "chain.clock-back"

    def test_a_time_to_come(self, maker, tmp_path):
        chain = make_chain(maker.signer, 1, facts=FACTS, at=maker.now + dt.timedelta(days=1))
        unpack(maker.write([BundleStatement(signed=one) for one in chain]), tmp_path)
        assert failed(tmp_path) == "time.ahead"

    def test_seen_long_after_it_says(self, maker, tmp_path):
        chain = make_chain(maker.signer, 1, facts=FACTS, at=maker.at - dt.timedelta(days=30))
        proofs = maker.proofs(chain)
        records = [replace(one, not_before=maker.at - dt.timedelta(days=40)) for one in maker.ring.records()]
        unpack(maker.write([BundleStatement(signed=chain[0], proof=proofs[0])], records=records), tmp_path)
        assert failed(tmp_path) == "time.backdated"

    def test_seen_before_it_says(self, maker, tmp_path):
        chain = make_chain(maker.signer, 1, facts=FACTS, at=maker.at + dt.timedelta(minutes=20))
        unpack(maker.write([BundleStatement(signed=chain[0], proof=maker.proofs(chain)[0])]), tmp_path)
        assert failed(tmp_path) == "time.after-attested"


def test_without_openssl_nothing_passes(bundle):
    command = [sys.executable, "-I", "-S", "check.py"]
    done = subprocess.run(command, cwd=bundle, capture_output=True, text=True, env={"PATH": "/nowhere"}, check=False)

    assert done.returncode == 1
    assert done.stdout.startswith("FAIL openssl.missing")


def test_the_commands_of_the_readme_work(maker, tmp_path):
    chain = maker.chain()
    statements = [replace(one, body_token=maker.stamp(hashlib.sha256(one.signed.body).digest())) for one in chain]
    statements[0] = replace(
        statements[0], checkpoint_token=maker.stamp(hashlib.sha256(chain[0].proof.partition(b"\n\n")[2]).digest())
    )
    unpack(maker.write(statements, stamp=maker.stamp), tmp_path)
    lines = [line.strip() for line in (tmp_path / "README.txt").read_text().splitlines() if line.startswith("    ")]
    run = 0
    for line in lines:
        if line.startswith(("openssl", "sha256sum")):
            command = line.replace("KEY_ID", maker.signer.record.key_id).split()
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            run += 1
    assert run == 8


def test_a_statement_with_any_facts_is_canonical_to_both(maker):
    """check.py has a reader of its own of RFC 8785: it takes what the library writes."""
    facts = {"é": 'ü\u2028"\\', "\U0001f600": "\ue000", "\ufb33": 5, "a\tb": "\x7f\x00"}
    source = (
        __import__("importlib.resources").resources.files("scanward.adapters.legal_bundle") / "check.py"
    ).read_text()
    namespace: dict = {"__name__": "check"}
    exec(compile(source, "check.py", "exec"), namespace)

    body = make_body(make_statement(at=NOW, facts=facts))
    assert namespace["parse_body"](body)["facts"] == facts
    assert base64.b64encode(namespace["canonical"](json.loads(body))) == base64.b64encode(body)
    with pytest.raises(EvidenceError):
        make_body(make_statement(facts={"a": 1.0}))
