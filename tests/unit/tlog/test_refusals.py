"""Bad notes, checkpoints, keys, proofs and tiles: each is refused, each for its own reason."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm
from scanward.tlog.checkpoint import CLOCK_SKEW, Policy, parse_checkpoint
from scanward.tlog.faults import LogFault
from scanward.tlog.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    leaf_hash,
    make_consistency_proof,
    make_inclusion_proof,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from scanward.tlog.note import (
    MAX_NOTE_BYTES,
    Note,
    NoteAlgorithm,
    NoteKey,
    NoteSignature,
    cosignature_time,
    parse_note,
    sign_text,
)
from scanward.tlog.proof import MAX_PROOF_BYTES, LogProof, parse_proof
from scanward.tlog.tile import parse_bundle, parse_tile, parse_tile_path, write_bundle
from tests.common.logs import (
    NOW,
    ORIGIN,
    POLICY,
    SIGNER,
    WITNESS,
    WITNESS_KEY,
    LogSigner,
    make_entries,
    make_text,
    sign_checkpoint,
)

SIZE = 11
ENTRIES = make_entries(SIZE)
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOT = tree_hash(LEAVES)
TEXT = make_text(SIZE)
GOOD = sign_checkpoint(TEXT)
SECOND, THIRD, STRANGER = LogSigner(2), LogSigner(3), LogSigner(9)
W1 = (WITNESS, WITNESS_KEY.name, NOW)
W2 = (LogSigner(51), "witness.example/w2", NOW)
TWO_OF_THREE = Policy(origin=ORIGIN, keys=(SIGNER.key(), SECOND.key(), THIRD.key()), threshold=2)
WITNESSED = replace(POLICY, witnesses=(WITNESS_KEY,), quorum=1)
TWICE_WITNESSED = replace(POLICY, witnesses=(WITNESS_KEY, W2[0].witness_key(W2[1])), quorum=2)


def node_of(height, index):
    return tree_hash(LEAVES[index << height : (index + 1) << height])


PROOF = LogProof(index=5, hashes=make_inclusion_proof(5, SIZE, node_of), checkpoint=GOOD)
CONSISTENCY = make_consistency_proof(6, SIZE, node_of)
OLD_ROOT = tree_hash(LEAVES[:6])


def lines(data, change):
    """Bytes with their lines changed."""
    found = data.split(b"\n")
    return b"\n".join(change(found))


def put(number, line):
    return lambda found: [*found[:number], line, *found[number + 1 :]]


def forged(data):
    """A note whose last signature is of another text."""
    note = parse_note(data)
    last = note.signatures[-1]
    bad = replace(last, signature=last.signature[:-1] + bytes([last.signature[-1] ^ 1]))
    return Note(text=note.text, signatures=(*note.signatures[:-1], bad)).encode()


def with_key_id(data, key_id):
    note = parse_note(data)
    return Note(text=note.text, signatures=(replace(note.signatures[0], key_id=key_id),)).encode()


def signed_lines(*text_lines):
    return sign_checkpoint("".join(f"{line}\n" for line in text_lines))


BASE64_ROOT = base64.b64encode(ROOT).decode()
KEY_TEXT = SIGNER.key().text()
KEY_NAME, KEY_ID, KEY_DATA = KEY_TEXT.split("+", 2)

CHECKPOINTS = {
    "signature forged": (LogFault.SIGNATURE_FORGED, POLICY, forged(GOOD)),
    "signature of another text": (
        LogFault.SIGNATURE_FORGED,
        POLICY,
        Note(text=make_text(10), signatures=parse_note(GOOD).signatures).encode(),
    ),
    "signature cut": (
        LogFault.SIGNATURE_FORGED,
        POLICY,
        Note(text=TEXT, signatures=(replace(parse_note(GOOD).signatures[0], signature=b"short"),)).encode(),
    ),
    "one good and one forged": (LogFault.SIGNATURE_FORGED, TWO_OF_THREE, forged(sign_checkpoint(TEXT, [SIGNER, SECOND]))),
    "wrong key id": (LogFault.SIGNATURE_UNKNOWN_KEY, POLICY, with_key_id(GOOD, b"\0\1\2\3")),
    "unknown key": (LogFault.SIGNATURE_UNKNOWN_KEY, POLICY, sign_checkpoint(TEXT, [STRANGER])),
    "unknown key that claims a known id": (
        LogFault.SIGNATURE_FORGED,
        POLICY,
        with_key_id(sign_checkpoint(TEXT, [STRANGER]), SIGNER.key().key_id),
    ),
    "signed under another name": (LogFault.SIGNATURE_MISSING, POLICY, sign_checkpoint(TEXT, name="other.example/log")),
    "wrong origin": (LogFault.CHECKPOINT_ORIGIN, POLICY, sign_checkpoint(make_text(SIZE, origin="other.example/log"))),
    "one signature where two are asked for": (LogFault.SIGNATURE_THRESHOLD, TWO_OF_THREE, GOOD),
    "one signature twice where two are asked for": (
        LogFault.SIGNATURE_THRESHOLD,
        TWO_OF_THREE,
        sign_checkpoint(TEXT, [SIGNER, SIGNER]),
    ),
    "size with a leading zero": (LogFault.CHECKPOINT_SIZE, POLICY, signed_lines(ORIGIN, "011", BASE64_ROOT)),
    "size with a sign": (LogFault.CHECKPOINT_SIZE, POLICY, signed_lines(ORIGIN, "+11", BASE64_ROOT)),
    "size in other digits": (LogFault.CHECKPOINT_SIZE, POLICY, signed_lines(ORIGIN, "١١", BASE64_ROOT)),
    "size that no log has": (LogFault.CHECKPOINT_SIZE, POLICY, signed_lines(ORIGIN, MAX_SIZE + 1, BASE64_ROOT)),
    "root too short": (LogFault.CHECKPOINT_ROOT, POLICY, sign_checkpoint(make_text(SIZE, root=ROOT[:31]))),
    "root too long": (LogFault.CHECKPOINT_ROOT, POLICY, sign_checkpoint(make_text(SIZE, root=ROOT + b"x"))),
    "root in hexadecimal": (LogFault.CHECKPOINT_ROOT, POLICY, signed_lines(ORIGIN, SIZE, ROOT.hex() + "=")),
    "root in base64 with loose bits": (
        LogFault.CHECKPOINT_ROOT,
        POLICY,
        signed_lines(ORIGIN, SIZE, BASE64_ROOT[:-2] + chr(ord(BASE64_ROOT[-2]) + 1) + "="),
    ),
    "root missing": (LogFault.CHECKPOINT_FORM, POLICY, signed_lines(ORIGIN, SIZE)),
    "empty line among extensions": (
        LogFault.CHECKPOINT_FORM,
        POLICY,
        signed_lines(ORIGIN, SIZE, BASE64_ROOT, "", "extension"),
    ),
    "no blank line": (LogFault.NOTE_FORM, POLICY, GOOD.replace(b"\n\n", b"\n")),
    "no newline at the end": (LogFault.NOTE_FORM, POLICY, GOOD[:-1]),
    "nothing after the blank line": (LogFault.NOTE_FORM, POLICY, TEXT.encode() + b"\n"),
    "nothing": (LogFault.NOTE_FORM, POLICY, b""),
    "lines that end in CR LF": (LogFault.NOTE_CONTROL_CHARACTER, POLICY, GOOD.replace(b"\n", b"\r\n")),
    "a zero byte": (LogFault.NOTE_CONTROL_CHARACTER, POLICY, b"\0" + GOOD),
    "not UTF-8": (LogFault.NOTE_NOT_UTF8, POLICY, b"\xff" + GOOD),
    "a surrogate": (LogFault.NOTE_NOT_UTF8, POLICY, b"\xed\xa0\x80" + GOOD),
    "too long": (LogFault.NOTE_TOO_LONG, POLICY, GOOD + b"x" * MAX_NOTE_BYTES),
    "an extra line among signatures": (LogFault.NOTE_SIGNATURE_LINE, POLICY, GOOD + b"and so on\n"),
    "a hyphen for the dash": (LogFault.NOTE_SIGNATURE_LINE, POLICY, GOOD.replace("\u2014".encode(), b"-")),
    "two spaces": (LogFault.NOTE_SIGNATURE_LINE, POLICY, GOOD.replace("\u2014 ".encode(), "\u2014  ".encode())),
    "a plus in the name": (LogFault.NOTE_SIGNATURE_LINE, POLICY, lines(GOOD, put(4, "\u2014 a+b AAAAAAAA".encode()))),
    "a wide space in the name": (
        LogFault.NOTE_SIGNATURE_LINE,
        POLICY,
        lines(GOOD, put(4, "\u2014 a\u3000b AAAAAAAA".encode())),
    ),
    "a signature that is an id alone": (
        LogFault.NOTE_SIGNATURE_LINE,
        POLICY,
        lines(GOOD, put(4, f"\u2014 {ORIGIN} AAAAAA==".encode())),
    ),
    "a signature in URL-safe base64": (
        LogFault.NOTE_SIGNATURE_LINE,
        POLICY,
        lines(GOOD, put(4, f"\u2014 {ORIGIN} AAAAAAA-".encode())),
    ),
    "more signatures than anyone reads": (
        LogFault.NOTE_TOO_MANY_SIGNATURES,
        POLICY,
        sign_checkpoint(TEXT, [SIGNER] * 101),
    ),
    "no cosignature": (LogFault.COSIGNATURE_MISSING, WITNESSED, GOOD),
    "cosignature of an unknown witness": (
        LogFault.COSIGNATURE_UNKNOWN_WITNESS,
        WITNESSED,
        sign_checkpoint(TEXT, witnesses=[W2]),
    ),
    "cosignature by a strange key in the name of a witness": (
        LogFault.COSIGNATURE_UNKNOWN_WITNESS,
        WITNESSED,
        sign_checkpoint(TEXT, witnesses=[(STRANGER, WITNESS_KEY.name, NOW)]),
    ),
    "cosignature forged": (
        LogFault.COSIGNATURE_FORGED,
        WITNESSED,
        forged(sign_checkpoint(TEXT, witnesses=[W1])),
    ),
    "one cosignature where two are asked for": (
        LogFault.COSIGNATURE_THRESHOLD,
        TWICE_WITNESSED,
        sign_checkpoint(TEXT, witnesses=[W1]),
    ),
    "one cosignature twice where two are asked for": (
        LogFault.COSIGNATURE_THRESHOLD,
        TWICE_WITNESSED,
        sign_checkpoint(TEXT, witnesses=[W1, (WITNESS, WITNESS_KEY.name, NOW - timedelta(days=1))]),
    ),
    "cosignature from the future": (
        LogFault.COSIGNATURE_FUTURE,
        WITNESSED,
        sign_checkpoint(TEXT, witnesses=[(WITNESS, WITNESS_KEY.name, NOW + CLOCK_SKEW + timedelta(seconds=1))]),
    ),
    "cosignature at a time that no calendar has": (
        LogFault.COSIGNATURE_FORM,
        WITNESSED,
        Note(
            text=TEXT,
            signatures=(
                *parse_note(GOOD).signatures,
                NoteSignature(
                    name=WITNESS_KEY.name,
                    key_id=WITNESS_KEY.key_id,
                    signature=(2**62).to_bytes(8, "big") + WITNESS.sign(f"cosignature/v1\ntime {2**62}\n{TEXT}".encode()),
                ),
            ),
        ).encode(),
    ),
    "cosignature moved to another time": (
        LogFault.COSIGNATURE_FORGED,
        WITNESSED,
        Note(
            text=TEXT,
            signatures=(
                *parse_note(GOOD).signatures,
                replace(
                    sign_text(TEXT, WITNESS_KEY, WITNESS.sign, NOW),
                    signature=bytes(8) + sign_text(TEXT, WITNESS_KEY, WITNESS.sign, NOW).signature[8:],
                ),
            ),
        ).encode(),
    ),
    "plain signature of a witness": (
        LogFault.COSIGNATURE_UNKNOWN_WITNESS,
        WITNESSED,
        Note(
            text=TEXT,
            signatures=(
                *parse_note(GOOD).signatures,
                sign_text(TEXT, WITNESS.key(WITNESS_KEY.name), WITNESS.sign),
            ),
        ).encode(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "policy", "data"), CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_a_bad_checkpoint_is_refused(fault, policy, data):
    with pytest.raises(EvidenceError) as refusal:
        policy.verify(data, NOW)
    assert refusal.value.fault is fault
    assert ORIGIN not in str(refusal.value)


def test_a_good_checkpoint_is_accepted_with_who_signed_it():
    signed = POLICY.verify(GOOD)
    assert (signed.checkpoint.origin, signed.checkpoint.size, signed.checkpoint.root) == (ORIGIN, SIZE, ROOT)
    assert [key.record_id for key in signed.signers] == [SIGNER.record.key_id]
    assert signed.cosigned == {}
    assert signed.note.encode() == GOOD


def test_two_of_three_keys_and_two_witnesses_are_enough_among_strangers():
    policy = replace(TWICE_WITNESSED, keys=TWO_OF_THREE.keys, threshold=2)
    data = sign_checkpoint(TEXT, [THIRD, STRANGER, SIGNER], [W2, W1, (STRANGER, "stranger.example", NOW)])
    signed = policy.verify(data, NOW)
    assert set(signed.signers) == {SIGNER.key(), THIRD.key()}
    assert signed.cosigned == {WITNESS_KEY: NOW, W2[0].witness_key(W2[1]): NOW}


def test_checkpoints_of_a_key_before_stay_good_and_of_one_that_is_struck_off_do_not():
    both = replace(POLICY, keys=(SECOND.key(), SIGNER.key()))
    assert both.verify(GOOD).signers == (SIGNER.key(),)
    assert both.verify(sign_checkpoint(TEXT, [SECOND])).signers == (SECOND.key(),)
    with pytest.raises(EvidenceError) as refusal:
        replace(POLICY, keys=(SECOND.key(),)).verify(GOOD)
    assert refusal.value.fault is LogFault.SIGNATURE_UNKNOWN_KEY


def test_extension_lines_are_signed_and_kept():
    data = signed_lines(ORIGIN, SIZE, BASE64_ROOT, "one", "two")
    assert POLICY.verify(data).checkpoint.extensions == ("one", "two")


KEYS = {
    "no id": (LogFault.KEY_FORM, KEY_NAME),
    "no name": (LogFault.KEY_FORM, f"+{KEY_ID}+{KEY_DATA}"),
    "a space in the name": (LogFault.KEY_FORM, f"a b+{KEY_ID}+{KEY_DATA}"),
    "another id": (LogFault.KEY_ID, f"{KEY_NAME}+00000000+{KEY_DATA}"),
    "an id in capitals": (LogFault.KEY_ID, f"{KEY_NAME}+{KEY_ID.upper()}+{KEY_DATA}"),
    "another name": (LogFault.KEY_ID, f"x{KEY_TEXT}"),
    "another algorithm": (LogFault.KEY_ALGORITHM, f"{KEY_NAME}+{KEY_ID}+Ag{KEY_DATA[2:]}"),
    "cut": (LogFault.KEY_FORM, f"{KEY_NAME}+{KEY_ID}+{KEY_DATA[:40]}"),
}


@pytest.mark.parametrize(("fault", "text"), KEYS.values(), ids=KEYS)
def test_a_bad_key_is_refused(fault, text):
    with pytest.raises(EvidenceError) as refusal:
        NoteKey.parse(text)
    assert refusal.value.fault is fault


def test_a_key_that_is_not_ed25519_signs_no_log():
    with pytest.raises(EvidenceError) as refusal:
        NoteKey.from_record(replace(SIGNER.record, algorithm=Algorithm.P256), ORIGIN)
    assert refusal.value.fault is LogFault.KEY_ALGORITHM
    with pytest.raises(EvidenceError):
        NoteKey.from_record(replace(SIGNER.record, public_key=SIGNER.record.public_key[:-1]), ORIGIN)


POLICIES = {
    "no key": (LogFault.KEY_FORM, {"keys": ()}),
    "more signatures than keys": (LogFault.KEY_FORM, {"threshold": 2}),
    "no signature": (LogFault.KEY_FORM, {"threshold": 0}),
    "a larger quorum than witnesses": (LogFault.KEY_FORM, {"quorum": 1}),
    "a key twice": (LogFault.KEY_FORM, {"keys": (SIGNER.key(), SIGNER.key()), "threshold": 2}),
    "a key under two names": (LogFault.KEY_FORM, {"keys": (SIGNER.key(), SIGNER.key("other.example")), "threshold": 2}),
    "a key of the log as witness": (LogFault.KEY_FORM, {"witnesses": (SIGNER.witness_key("w.example"),)}),
    "a witness that does not cosign": (LogFault.KEY_ALGORITHM, {"witnesses": (WITNESS.key("w.example"),)}),
    "a witness as key of the log": (LogFault.KEY_ALGORITHM, {"keys": (WITNESS_KEY,)}),
}


@pytest.mark.parametrize(("fault", "change"), POLICIES.values(), ids=POLICIES)
def test_a_policy_that_trusts_less_than_it_says_is_refused(fault, change):
    with pytest.raises(EvidenceError) as refusal:
        replace(POLICY, **change)
    assert refusal.value.fault is fault


def test_a_cosignature_needs_a_time():
    with pytest.raises(ValueError, match="time"):
        sign_text(TEXT, WITNESS_KEY, WITNESS.sign)
    made = sign_text(TEXT, WITNESS_KEY, WITNESS.sign, NOW)
    assert cosignature_time(made) == NOW
    assert WITNESS_KEY.algorithm is NoteAlgorithm.COSIGNATURE


# Proofs

FILE = PROOF.encode()
PROOFS = {
    "another format": (LogFault.PROOF_FORM, FILE.replace(b"@v1", b"@v2")),
    "no checkpoint": (LogFault.PROOF_FORM, FILE.partition(b"\n\n")[0] + b"\n\n"),
    "no blank line": (LogFault.PROOF_FORM, FILE.partition(b"\n\n")[0]),
    "CR LF": (LogFault.PROOF_FORM, FILE.replace(b"\n", b"\r\n")),
    "not ASCII": (LogFault.PROOF_FORM, FILE.replace(b"index", "ïndex".encode())),
    "too long": (LogFault.PROOF_FORM, FILE + b"x" * MAX_PROOF_BYTES),
    "empty extra data": (LogFault.PROOF_EXTRA, lines(FILE, lambda found: [found[0], b"extra ", *found[1:]])),
    "bad extra data": (LogFault.PROOF_EXTRA, lines(FILE, lambda found: [found[0], b"extra A", *found[1:]])),
    "extra data twice": (
        LogFault.PROOF_INDEX,
        lines(FILE, lambda found: [found[0], b"extra AAAA", b"extra AAAA", *found[1:]]),
    ),
    "no index": (LogFault.PROOF_INDEX, lines(FILE, lambda found: [found[0], *found[2:]])),
    "index with a leading zero": (LogFault.PROOF_INDEX, FILE.replace(b"index 5", b"index 05")),
    "negative index": (LogFault.PROOF_INDEX, FILE.replace(b"index 5", b"index -5")),
    "a hash that is too short": (LogFault.PROOF_HASH, lines(FILE, put(2, b"AAAA"))),
    "a hash that is no base64": (LogFault.PROOF_HASH, lines(FILE, put(2, b"!" * 44))),
    "an extra line": (LogFault.PROOF_HASH, lines(FILE, lambda found: [*found[:2], b"and so on", *found[2:]])),
    "more hashes than any tree has levels": (
        LogFault.PROOF_HASH,
        replace(PROOF, hashes=(bytes(32),) * 64).encode(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "data"), PROOFS.values(), ids=PROOFS)
def test_a_bad_proof_file_is_refused(fault, data):
    with pytest.raises(EvidenceError) as refusal:
        parse_proof(data)
    assert refusal.value.fault is fault


INCLUSIONS = {
    "another entry": (LogFault.PROOF_MISMATCH, PROOF, ENTRIES[4]),
    "entries swapped": (LogFault.PROOF_MISMATCH, replace(PROOF, index=4), ENTRIES[5]),
    "wrong index": (LogFault.PROOF_MISMATCH, replace(PROOF, index=7), ENTRIES[5]),
    "index outside": (LogFault.PROOF_OUTSIDE, replace(PROOF, index=SIZE), ENTRIES[5]),
    "a hash too few": (LogFault.PROOF_TOO_SHORT, replace(PROOF, hashes=PROOF.hashes[:-1]), ENTRIES[5]),
    "a hash too many": (LogFault.PROOF_TOO_LONG, replace(PROOF, hashes=(*PROOF.hashes, bytes(32))), ENTRIES[5]),
    "hashes in another order": (LogFault.PROOF_MISMATCH, replace(PROOF, hashes=PROOF.hashes[::-1]), ENTRIES[5]),
    "a hash of another length": (LogFault.PROOF_HASH, replace(PROOF, hashes=(b"x", *PROOF.hashes[1:])), ENTRIES[5]),
    "an inner node as entry": (
        LogFault.PROOF_MISMATCH,
        LogProof(index=0, hashes=make_inclusion_proof(0, SIZE, node_of)[1:], checkpoint=sign_checkpoint(make_text(6, root=ROOT))),
        LEAVES[0] + LEAVES[1],
    ),
    "checkpoint of another size": (
        LogFault.PROOF_TOO_LONG,
        replace(PROOF, checkpoint=sign_checkpoint(make_text(8))),
        ENTRIES[5],
    ),
    "checkpoint of the same size, other root": (
        LogFault.PROOF_MISMATCH,
        replace(PROOF, checkpoint=sign_checkpoint(make_text(SIZE, root=EMPTY_ROOT))),
        ENTRIES[5],
    ),
    "checkpoint by an unknown key": (
        LogFault.SIGNATURE_UNKNOWN_KEY,
        replace(PROOF, checkpoint=sign_checkpoint(TEXT, [STRANGER])),
        ENTRIES[5],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "proof", "entry"), INCLUSIONS.values(), ids=INCLUSIONS)
def test_a_proof_of_something_else_is_refused(fault, proof, entry):
    with pytest.raises(EvidenceError) as refusal:
        parse_proof(proof.encode()).verify(entry, POLICY)
    assert refusal.value.fault is fault


def test_a_proof_is_verified_by_file_and_key_alone():
    signed = parse_proof(FILE).verify(ENTRIES[5], POLICY)
    assert signed.checkpoint.size == SIZE
    assert parse_proof(replace(PROOF, extra=b"more").encode()).extra == b"more"


def test_a_leaf_of_another_length_is_refused():
    with pytest.raises(EvidenceError) as refusal:
        verify_inclusion(b"short", 0, 1, [], ROOT)
    assert refusal.value.fault is LogFault.PROOF_HASH


CONSISTENCIES = {
    "rolled back": (LogFault.CONSISTENCY_SIZES, (SIZE, ROOT, 6, OLD_ROOT, CONSISTENCY)),
    "two roots for one size": (LogFault.SPLIT_VIEW, (SIZE, ROOT, SIZE, OLD_ROOT, ())),
    "another old root": (LogFault.CONSISTENCY_OLD_ROOT, (6, ROOT, SIZE, ROOT, CONSISTENCY)),
    "another new root": (LogFault.CONSISTENCY_NEW_ROOT, (6, OLD_ROOT, SIZE, OLD_ROOT, CONSISTENCY)),
    "an empty tree with a root": (LogFault.CONSISTENCY_OLD_ROOT, (0, ROOT, SIZE, ROOT, ())),
    "a hash too few": (LogFault.CONSISTENCY_TOO_SHORT, (6, OLD_ROOT, SIZE, ROOT, CONSISTENCY[:-1])),
    "no hash": (LogFault.CONSISTENCY_TOO_SHORT, (6, OLD_ROOT, SIZE, ROOT, ())),
    "a hash too many": (LogFault.CONSISTENCY_TOO_LONG, (6, OLD_ROOT, SIZE, ROOT, (*CONSISTENCY, bytes(32)))),
    "a hash for the same size": (LogFault.CONSISTENCY_TOO_LONG, (SIZE, ROOT, SIZE, ROOT, (ROOT,))),
    "a hash for the empty tree": (LogFault.CONSISTENCY_TOO_LONG, (0, EMPTY_ROOT, SIZE, ROOT, (ROOT,))),
    "a hash of another length": (LogFault.PROOF_HASH, (6, OLD_ROOT, SIZE, ROOT, (b"x", *CONSISTENCY[1:]))),
}


@pytest.mark.parametrize(("fault", "arguments"), CONSISTENCIES.values(), ids=CONSISTENCIES)
def test_an_inconsistent_log_is_refused(fault, arguments):
    with pytest.raises(EvidenceError) as refusal:
        verify_consistency(*arguments)
    assert refusal.value.fault is fault


def test_a_consistent_log_is_accepted():
    verify_consistency(6, OLD_ROOT, SIZE, ROOT, CONSISTENCY)
    verify_consistency(0, EMPTY_ROOT, SIZE, ROOT, ())
    verify_consistency(SIZE, ROOT, SIZE, ROOT, ())


# Tiles

TILES = {
    "tile truncated": (LogFault.TILE_TRUNCATED, lambda: parse_tile(b"".join(LEAVES)[:-1], SIZE)),
    "tile a hash short": (LogFault.TILE_TRUNCATED, lambda: parse_tile(b"".join(LEAVES[:-1]), SIZE)),
    "tile too long": (LogFault.TILE_OVERSIZED, lambda: parse_tile(b"".join(LEAVES), SIZE - 1)),
    "bundle truncated": (LogFault.BUNDLE_TRUNCATED, lambda: parse_bundle(write_bundle(ENTRIES)[:-1], SIZE)),
    "bundle cut in a length": (LogFault.BUNDLE_TRUNCATED, lambda: parse_bundle(write_bundle(ENTRIES)[:-33], SIZE)),
    "bundle an entry short": (LogFault.BUNDLE_TRUNCATED, lambda: parse_bundle(write_bundle(ENTRIES[:-1]), SIZE)),
    "bundle too long": (LogFault.BUNDLE_OVERSIZED, lambda: parse_bundle(write_bundle(ENTRIES), SIZE - 1)),
    **{
        f"path {path}": (LogFault.TILE_PATH, lambda path=path: parse_tile_path(path))
        for path in (
            "",
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/1000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/007",
            "tile/0/000.p/300",
            "tile/data/000",
            "tile/0/000/",
            "../tile/0/000",
            "tile/0/000\n",
            "tile/0/٠٠٠",
        )
    },
}


@pytest.mark.parametrize(("fault", "parse"), TILES.values(), ids=TILES)
def test_a_bad_tile_is_refused(fault, parse):
    with pytest.raises(EvidenceError) as refusal:
        parse()
    assert refusal.value.fault is fault


def test_faults_have_names_of_their_own():
    assert len({fault.value for fault in LogFault}) == len(LogFault)
    assert all(fault.value.startswith("log.") for fault in LogFault)


def test_nothing_of_an_unverified_checkpoint_is_shown():
    assert BASE64_ROOT not in repr(parse_checkpoint(TEXT))
