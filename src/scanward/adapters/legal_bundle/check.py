"""Check a legal bundle of Scanward: needs Python 3.9 or later and the program openssl 3, and nothing else.

    python3 check.py [FOLDER] [--authority-sha256 HEX] [--log-key NAME+ID+KEY]

FOLDER is where the bundle was unpacked; without it, the folder of this file. Every line of output begins with OK, NOTE
or FAIL and the name of what was checked; the exit status is 0 where nothing failed, else 1.

A bundle cannot vouch for who made it: give the fingerprint of the authority and the key of the log as you had them from
elsewhere, or compare those that are printed.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

Fields = dict[str, Any]

BODY_TYPE = "scanward.custody-statement.v1"
BUNDLE_TYPE = "scanward.legal-bundle.v1"
KEYS_TYPE = "scanward.keys.v1"
NO_STATEMENT = "0" * 64
SIGNED_DOMAIN = b"scanward/signed-statement/v1\0"
ENTRY_DOMAIN = b"scanward/log-entry/v1\0"
FIELDS = {"type", "object", "number", "previous", "event", "at", "actor", "facts"}
PROOF_HEAD = "c2sp.org/tlog-proof@v1"
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
TOLERANCE = timedelta(minutes=5)
MAX_LAG = timedelta(days=7)
NOT_SUMMED = {"SHA256SUMS", "SHA256SUMS.cms", "SHA256SUMS.tst"}
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
UTC = timezone.utc  # noqa: UP017 - for Python 3.9


class Failed(Exception):  # noqa: N818 - what a check says
    """A check that failed: its name, and what is wrong."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


class Checker:
    """All checks over the files of an unpacked bundle."""

    def __init__(self, folder: Path, work: Path, openssl: str) -> None:
        self.folder = folder
        self.work = work
        self.openssl = openssl
        self.failures = 0
        self.bundle: Fields = {}
        self.keys: dict[str, Fields] = {}
        self.statements: list[Fields] = []
        self.digests: list[str] = []
        self.seen: dict[int, datetime] = {}

    def read(self, name: str) -> bytes:
        """Return a file of the bundle."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise Failed("bundle.file-missing", name) from None

    def load(self, name: str) -> Fields:
        """Return the JSON object in a file of the bundle."""
        try:
            loaded = json.loads(self.read(name))
        except (ValueError, RecursionError):
            raise Failed("bundle.form", name + " is no JSON") from None
        if not isinstance(loaded, dict):
            raise Failed("bundle.form", name + " is no object")
        return loaded

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Run openssl."""
        command = [self.openssl, *(str(argument) for argument in arguments)]
        return subprocess.run(command, capture_output=True, check=False)

    def temporary(self, name: str, data: bytes) -> Path:
        """Return a file with `data`."""
        path = self.work / name
        path.write_bytes(data)
        return path

    # --- what is in the bundle

    def check_sums(self) -> None:
        """See that each file is as SHA256SUMS says, and that there is no other."""
        sums: dict[str, str] = {}
        for line in self.read("SHA256SUMS").decode("utf-8", "replace").splitlines():
            found = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)", line)
            if not found or ".." in found[2] or found[2].startswith("/"):
                raise Failed("bundle.form", "SHA256SUMS has a line that is none")
            sums[found[2]] = found[1]
        there = {str(path.relative_to(self.folder).as_posix()) for path in self.folder.rglob("*") if not path.is_dir()}
        for name in sorted(there - sums.keys() - NOT_SUMMED):
            raise Failed("bundle.file-added", name)
        for name, expected in sorted(sums.items()):
            if name not in there:
                raise Failed("bundle.file-missing", name)
            digest = hashlib.sha256()
            with (self.folder / name).open("rb") as file:
                while True:
                    chunk = file.read(1 << 20)
                    if not chunk:
                        break
                    digest.update(chunk)
            if digest.hexdigest() != expected:
                raise Failed("bundle.file-changed", name)

    def check_maker(self, pinned: str | None) -> None:
        """See that the authority that the bundle names signed what it says of itself."""
        self.bundle = self.load("bundle.json")
        if self.bundle.get("type") != BUNDLE_TYPE:
            raise Failed("bundle.form", "bundle.json is of another type")
        authorities = self.authorities()
        prints = [hashlib.sha256(one).hexdigest() for one in authorities]
        if pinned is not None and pinned.lower().replace(":", "") not in prints:
            raise Failed("authority.not-pinned", "the bundle was made under another authority")
        made = parse_time(self.bundle["made_at"])
        done = self.run(
            *("cms", "-verify", "-binary", "-inform", "DER", "-in", self.folder / "SHA256SUMS.cms"),
            *("-content", self.folder / "SHA256SUMS", "-CAfile", self.folder / "keys/authority.pem"),
            *("-no-CApath", "-no-CAstore", "-attime", str(int(made.timestamp())), "-out", self.work / "content"),
        )
        self.read("SHA256SUMS.cms")
        if done.returncode:
            raise Failed("bundle.cms", "the signature over SHA256SUMS does not hold")
        for one in prints:
            self.say("NOTE", "authority", ("pinned: " if pinned else "compare with what its owner publishes: ") + one)

    def authorities(self) -> list[bytes]:
        """Return the certificates of the authorities."""
        text = self.read("keys/authority.pem").decode("ascii", "replace")
        blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", text, re.DOTALL)
        return [base64.b64decode(block) for block in blocks]

    def check_keys(self) -> None:
        """See that each key for statements is certified by the authority, and has the id that it says."""
        document = self.load("keys/keys.json")
        if document.get("type") != KEYS_TYPE:
            raise Failed("bundle.form", "keys.json is of another type")
        for key in document["keys"]:
            public = base64.b64decode(key["public_key"])
            if hashlib.sha256(public).digest()[:16].hex() != key["key_id"]:
                raise Failed("key.id", "a key has the id of another")
            if key["key_id"] in self.keys:
                raise Failed("key.id", "a key is there twice")
            self.keys[key["key_id"]] = key
            if key["use"] != "statements":
                continue
            certificate = self.temporary("leaf.der", base64.b64decode(key["certificates"][0]))
            shown = self.run("x509", "-inform", "DER", "-in", certificate, "-noout", "-pubkey")
            if pem_body(shown.stdout) != public:
                raise Failed("certificate.key", "a certificate is of another key than it stands with")
            leaf = self.temporary("leaf.pem", self.run("x509", "-inform", "DER", "-in", certificate).stdout)
            middle = int((parse_time(key["not_before"]).timestamp() + parse_time(key["not_after"]).timestamp()) / 2)
            done = self.run(
                *("verify", "-CAfile", self.folder / "keys/authority.pem", "-no-CApath", "-no-CAstore"),
                *("-x509_strict", "-purpose", "smimesign", "-attime", str(middle), leaf),
            )
            if done.returncode:
                raise Failed("certificate.authority", "a key is not certified by the authority of the bundle")

    # --- statements

    def check_statements(self) -> None:
        """See that statements have their form, follow one another, and are signed by keys that were good."""
        count = self.bundle["statements"]
        if type(count) is not int or count < 1:
            raise Failed("chain.empty", "expected at least one statement")
        previous, last = NO_STATEMENT, None
        for number in range(count):
            stem = f"statements/{number:04d}"
            body, signature = self.read(stem + ".json"), self.read(stem + ".sig")
            kept = self.load(stem + ".log.json")
            statement = parse_body(body)
            if statement["object"] != self.bundle["object"]:
                raise Failed("chain.object", stem)
            if statement["number"] != number:
                raise Failed("chain.number", stem)
            if statement["previous"] != previous:
                raise Failed("chain.previous", stem)
            at = parse_time(statement["at"])
            if last is not None and at < last:
                raise Failed("chain.clock-back", stem)
            self.check_signature(stem, kept["key_id"])
            previous, last = digest_of(body, kept["key_id"], signature), at
            self.statements.append(statement)
            self.digests.append(previous)
        if previous != self.bundle["head"]:
            raise Failed("chain.end", "the last statement is not the one that the bundle names")

    def check_signature(self, stem: str, key_id: str) -> None:
        """See that a body is signed by a key for statements."""
        key = self.keys.get(key_id)
        if key is None:
            raise Failed("key.unknown", stem)
        if key["use"] != "statements" or key["algorithm"] != "ECDSA-P256-SHA256":
            raise Failed("key.use", stem)
        public = self.temporary("public.der", base64.b64decode(key["public_key"]))
        done = self.run(
            *("dgst", "-sha256", "-verify", public, "-keyform", "DER"),
            *("-signature", self.folder / (stem + ".sig"), self.folder / (stem + ".json")),
        )
        if done.returncode:
            raise Failed("signature.wrong", stem)

    def check_files(self) -> None:
        """See that files are those of which statements tell the SHA-256."""
        for entry in self.bundle["files"]:
            if entry["statement"] is None:
                self.say(
                    "NOTE", "bundle.file-not-stated", entry["name"] + " is there, but no statement tells its digest"
                )
                continue
            facts = self.statements[entry["statement"]]["facts"]
            digest = hashlib.sha256(self.read("files/" + entry["name"])).hexdigest()
            if facts.get(entry["fact"]) != digest:
                raise Failed("bundle.file-not-stated", entry["name"])

    # --- the log

    def check_proofs(self, log_key: str | None) -> None:
        """See that statements are in the log whose key the bundle has, and when others saw it."""
        keys = [line for line in self.read("keys/log.vkey").decode("utf-8").splitlines() if line]
        if not keys:
            self.say("NOTE", "log", "no key of a log is in the bundle: nothing is known of any log")
            return
        if log_key is not None and log_key not in keys:
            raise Failed("log.not-pinned", "the bundle has the key of another log")
        self.say("NOTE", "log", ("pinned: " if log_key else "compare with what its owner publishes: ") + keys[0])
        for number, digest in enumerate(self.digests):
            stem = f"statements/{number:04d}"
            if not (self.folder / (stem + ".tlog-proof")).exists():
                self.say("NOTE", "proof", f"{stem}: no proof, it was on its way to the log")
                continue
            kept = self.load(stem + ".log.json")
            blinding = bytes.fromhex(kept["blinding"])
            entry = hashlib.sha256(ENTRY_DOMAIN + blinding + bytes.fromhex(digest)).digest()
            if entry.hex() != kept["entry"]:
                raise Failed("statement.entry", stem)
            checkpoint = self.check_proof(stem, entry)
            self.check_checkpoint(stem, checkpoint, keys)

    def check_proof(self, stem: str, entry: bytes) -> bytes:
        """Return the checkpoint of a proof once the entry is under its root."""
        head, blank, checkpoint = self.read(stem + ".tlog-proof").partition(b"\n\n")
        lines = head.decode("ascii", "replace").split("\n")
        if not blank or lines[0] != PROOF_HEAD:
            raise Failed("proof.form", stem)
        rest = [line for line in lines[1:] if not line.startswith("extra ")]
        try:
            index = int(rest[0].split("index ")[1])
            hashes = [base64.b64decode(line, validate=True) for line in rest[1:]]
            _, size, root = checkpoint.decode("utf-8").split("\n")[:3]
            expected = base64.b64decode(root, validate=True)
            total = int(size)
        except (ValueError, IndexError, binascii.Error):
            raise Failed("proof.form", stem) from None
        if fold(hashlib.sha256(b"\0" + entry).digest(), index, total, hashes) != expected:
            raise Failed("proof.inclusion", stem)
        if self.read(stem + ".checkpoint") != checkpoint:
            raise Failed("checkpoint.other", stem)
        return checkpoint

    def check_checkpoint(self, stem: str, checkpoint: bytes, keys: list[str]) -> None:
        """See that a checkpoint is signed by the log, and note when witnesses saw it."""
        text, blank, signatures = checkpoint.decode("utf-8").rpartition("\n\n")
        text += "\n"
        signed = False
        for line in signatures.splitlines() if blank else []:
            dash, name, coded = [*line.split(" "), "", ""][:3]
            data = base64.b64decode(coded or "")
            key = next((one for one in keys if one.startswith(name + "+" + data[:4].hex() + "+")), None)
            if dash != "\u2014" or key is None:
                continue
            public = base64.b64decode(key.split("+", 2)[2])
            message, raw = text.encode(), data[4:]
            witnessed = public[0] == 0x04
            if witnessed:
                seconds, raw = int.from_bytes(data[4:12], "big"), data[12:]
                message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
                self.note_seen(stem, datetime.fromtimestamp(seconds, UTC))
            if not self.is_ed25519(public[1:], message, raw):
                raise Failed("checkpoint.signature", stem)
            signed = signed or (not witnessed and text.split("\n")[0] == name)
        if not signed:
            raise Failed("checkpoint.signature", stem)

    def is_ed25519(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether an Ed25519 signature holds."""
        key = self.temporary("note.der", SPKI_ED25519 + public)
        signed = self.temporary("note.sig", signature)
        text = self.temporary("note.txt", message)
        done = self.run(
            *("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", key, "-rawin"),
            *("-in", text, "-sigfile", signed),
        )
        return done.returncode == 0

    # --- time

    def check_tokens(self) -> None:
        """See that tokens of RFC 3161 hold, and note when they say that statements were there."""
        for number in range(len(self.statements)):
            for over in (f"statements/{number:04d}.json", f"statements/{number:04d}.checkpoint"):
                if (self.folder / (over + ".tst")).exists():
                    self.note_seen(over.rpartition(".")[0], self.check_token(over))
        if (self.folder / "SHA256SUMS.tst").exists():
            at = self.check_token("SHA256SUMS")
            self.say("NOTE", "bundle.time", "somebody else saw this bundle at " + at.isoformat())

    def check_token(self, over: str) -> datetime:
        """Return the time of the token over a file."""
        token = self.folder / (over + ".tst")
        shown = self.run("ts", "-reply", "-token_in", "-in", token, "-token_out", "-text")
        found = re.search(rb"Time stamp: (\w{3} +\d+ [\d:]{8})(?:\.\d+)? (\d{4}) GMT", shown.stdout)
        if found is None:
            raise Failed("token.form", over)
        text = (found[1] + b" " + found[2]).decode("ascii")
        at = datetime.strptime(text, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        done = self.run(
            *("ts", "-verify", "-token_in", "-in", token, "-data", self.folder / over),
            *("-CAfile", self.folder / "keys/tsa.pem", "-attime", str(int(at.timestamp()))),
        )
        if done.returncode:
            imprint = b"message imprint mismatch" in done.stderr
            raise Failed("token.imprint" if imprint else "token.signature", over)
        return at

    def note_seen(self, stem: str, at: datetime) -> None:
        """Note that somebody else saw a statement at a time."""
        number = int(stem.rpartition("/")[2])
        self.seen[number] = min(at, self.seen.get(number, at))

    def check_times(self) -> None:
        """See that each key was good when it signed, by what others saw where it was compromised."""
        vouched: datetime | None = None
        for number in reversed(range(len(self.statements))):
            stem = f"statements/{number:04d}"
            own = self.seen.get(number)
            if own is not None and (vouched is None or own < vouched):
                vouched = own  # each names the one before: what was seen vouches for all before it
            key = self.keys[self.load(stem + ".log.json")["key_id"]]
            at = parse_time(self.statements[number]["at"])
            self.check_key_time(stem, key, at, vouched)
            if own is not None and own - at > MAX_LAG:
                raise Failed("time.backdated", stem)

    def check_key_time(self, stem: str, key: Fields, at: datetime, seen: datetime | None) -> None:
        """See that a key was good at a time."""
        if at > datetime.now(UTC) + TOLERANCE:
            raise Failed("time.ahead", stem)
        if key["compromised"] is not None:
            if seen is None:
                raise Failed("key.compromised.no-attested-time", stem)
            if seen >= parse_time(key["compromised"]):
                raise Failed("key.compromised", stem)
        if seen is not None and at > seen + TOLERANCE:
            raise Failed("time.after-attested", stem)
        if at < parse_time(key["not_before"]):
            raise Failed("key.not-yet-valid", stem)
        if at >= parse_time(key["not_after"]):
            raise Failed("key.expired", stem)
        if key["retired"] is not None and at >= parse_time(key["retired"]):
            raise Failed("key.retired", stem)

    # --- all of it

    def check(self, pinned: str | None, log_key: str | None) -> int:
        """Run all checks, each only where those before it held, and return how many failed."""
        steps = (
            ("files", self.check_sums),
            ("maker", lambda: self.check_maker(pinned)),
            ("keys", self.check_keys),
            ("statements", self.check_statements),
            ("stated files", self.check_files),
            ("log", lambda: self.check_proofs(log_key)),
            ("tokens", self.check_tokens),
            ("times", self.check_times),
        )
        for name, step in steps:
            try:
                step()
            except Failed as failed:
                self.say("FAIL", failed.name, str(failed))
                return 1
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                self.say("FAIL", "bundle.form", f"{name}: {type(error).__name__}")
                return 1
            self.say("OK", name, "")
        for statement in self.statements:
            self.say("NOTE", "custody", f"{statement['number']} {statement['at']} {statement['event']}")
        return 0

    def say(self, kind: str, name: str, detail: str) -> None:
        """Print one line; what comes of the bundle cannot bring in another."""
        printable = "".join(letter if letter.isprintable() else "?" for letter in detail)
        sys.stdout.write(f"{kind} {name}{': ' + printable if printable else ''}\n")


def parse_body(body: bytes) -> Fields:
    """Return a statement, which has one way to be written (RFC 8785)."""

    def unique(pairs: list[tuple[str, object]]) -> Fields:
        if len({key for key, _ in pairs}) != len(pairs):
            raise Failed("statement.json.duplicate-key", "a key is there twice")
        return dict(pairs)

    def no_float(_: str) -> object:
        raise Failed("statement.json.float", "a number is not whole")

    try:
        found = json.loads(
            body.decode("utf-8"), object_pairs_hook=unique, parse_float=no_float, parse_constant=no_float
        )
    except (ValueError, RecursionError):
        raise Failed("statement.json", "a statement is no JSON") from None
    if not isinstance(found, dict) or found.get("type") != BODY_TYPE:
        raise Failed("statement.type", "a statement is of another type")
    if set(found) != FIELDS or not isinstance(found["facts"], dict):
        raise Failed("statement.fields", "a statement has other fields")
    if canonical(found) != body:
        raise Failed("statement.json.not-canonical", "a statement is not written in the one way")
    return found


def canonical(value: object) -> bytes:
    """Return JSON as RFC 8785 has it, for objects of texts and whole numbers: keys in the order of UTF-16."""
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
        return b"{" + b",".join(canonical(key) + b":" + canonical(item) for key, item in items) + b"}"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Failed("statement.value", "a statement has a value that is neither text nor whole number")
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def digest_of(body: bytes, key_id: str, signature: bytes) -> str:
    """Return the digest of a signed statement."""
    digest = hashlib.sha256(SIGNED_DOMAIN)
    for part in (body, key_id.encode(), signature):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def fold(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to (RFC 9162 Section 2.1.3.2); None where it has another length."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for one in hashes:
        if last == 0:
            return None
        if at % 2 or at == last:
            found = hashlib.sha256(b"\1" + one + found).digest()
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + one).digest()
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def parse_time(text: str) -> datetime:
    """Return a time of a bundle, which has its zone."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))  # noqa: FURB162 - for Python 3.9
    if at.utcoffset() is None:
        raise ValueError("a time without zone")
    return at


def pem_body(text: bytes) -> bytes:
    """Return the bytes in a PEM text."""
    return base64.b64decode(b"".join(line for line in text.splitlines() if b"-----" not in line))


def main() -> int:
    """Check the bundle that the command line names."""
    parser = argparse.ArgumentParser(description="Check a legal bundle of Scanward.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--authority-sha256", metavar="HEX", help="fingerprint of the authority, had from elsewhere")
    parser.add_argument("--log-key", metavar="KEY", help="verifier key of the log, had from elsewhere")
    given = parser.parse_args()
    openssl = shutil.which("openssl")
    if openssl is None:
        sys.stdout.write("FAIL openssl.missing: the program openssl is needed for signatures\n")
        return 1
    with tempfile.TemporaryDirectory() as work:
        return Checker(given.folder, Path(work), openssl).check(given.authority_sha256, given.log_key)


if __name__ == "__main__":
    sys.exit(main())
