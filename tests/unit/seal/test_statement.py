"""Custody statements: one way to write each, and chains in which nothing can be changed, left out or put elsewhere."""

import datetime as dt
import hashlib
import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from scanward.errors import EvidenceError, SigningError
from scanward.model.custody import NO_STATEMENT, CustodyEvent, Statement
from scanward.model.signing import KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.statement import (
    MAX_BODY_BYTES,
    digest_of,
    entry_of,
    link_commitment,
    make_body,
    opens_link,
    parse_body,
    sign_statement,
    verify_chain,
    verify_entry,
    verify_statement,
)
from tests.common.signing import NOW, Clock, blinding, make_chain, make_ring, make_statement, refused

LATER = NOW + dt.timedelta(days=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
FACTS = st.dictionaries(TEXTS, TEXTS | st.integers(-(2**53) + 1, 2**53 - 1), max_size=5)


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return make_ring(tmp_path_factory.mktemp("ring") / "home", Clock())


@pytest.fixture(scope="module")
def signer(ring):
    return ring.signer(KeyUse.STATEMENTS)


def fields() -> dict:
    return json.loads(make_body(make_statement()))


def body(**changes) -> bytes:
    return rfc8785.dumps({**fields(), **changes})


def without(key: str) -> bytes:
    return rfc8785.dumps({name: value for name, value in fields().items() if name != key})


@given(
    object_id=TEXTS,
    actor=TEXTS,
    event=st.sampled_from(CustodyEvent),
    at=st.integers(-(10**9), 10**11).map(
        lambda seconds: NOW + dt.timedelta(seconds=seconds, microseconds=seconds % 10**6)
    ),
    facts=FACTS,
)
def test_a_statement_comes_back_as_it_was_written(object_id, actor, event, at, facts):
    statement = make_statement(object_id=object_id, actor=actor, event=event, at=at, facts=facts)

    assert parse_body(make_body(statement)) == statement


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_else(data):
    with pytest.raises(EvidenceError):
        parse_body(data)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_no_value_of_a_field_makes_it_raise_anything_else(value):
    for key in fields():
        try:
            changed = json.dumps({**fields(), key: value}, sort_keys=True, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            continue
        if json.loads(changed) != fields():
            try:
                parsed = parse_body(changed)
            except EvidenceError:
                continue
            assert make_body(parsed) == changed


def test_times_of_other_zones_are_written_in_utc():
    east = make_statement(at=NOW.astimezone(dt.timezone(dt.timedelta(hours=9))))

    assert make_body(east) == make_body(make_statement())


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", SignatureFault.STATEMENT_JSON),
        (b"\xff\xfe", SignatureFault.STATEMENT_JSON),
        (b"[" * 50_000, SignatureFault.STATEMENT_JSON),
        (b" " * (MAX_BODY_BYTES + 1), SignatureFault.STATEMENT_SIZE),
        (make_body(make_statement()) + b"\n", SignatureFault.STATEMENT_CANONICAL),
        (json.dumps(fields()).encode(), SignatureFault.STATEMENT_CANONICAL),
        (make_body(make_statement()).replace(b"object-1", b"object\\u002d1"), SignatureFault.STATEMENT_CANONICAL),
        (make_body(make_statement()).replace(b'{"actor"', b'{"actor":"x","actor"'), SignatureFault.STATEMENT_DUPLICATE_KEY),
        (make_body(make_statement()).replace(b'"instances":0', b'"a":1,"a":2'), SignatureFault.STATEMENT_DUPLICATE_KEY),
        (make_body(make_statement()).replace(b'"instances":0', b'"instances":0.5'), SignatureFault.STATEMENT_FLOAT),
        (make_body(make_statement()).replace(b'"number":0', b'"number":0.0'), SignatureFault.STATEMENT_FLOAT),
        (make_body(make_statement()).replace(b'"number":0', b'"number":NaN'), SignatureFault.STATEMENT_FLOAT),
        (b"[]", SignatureFault.STATEMENT_TYPE),
        (body(type="scanward.keys.v1"), SignatureFault.STATEMENT_TYPE),
        (without("type"), SignatureFault.STATEMENT_TYPE),
        (without("facts"), SignatureFault.STATEMENT_FIELDS),
        (body(extra="x"), SignatureFault.STATEMENT_FIELDS),
        (body(object=7), SignatureFault.STATEMENT_VALUE),
        (body(object=""), SignatureFault.STATEMENT_VALUE),
        (body(number=True), SignatureFault.STATEMENT_VALUE),
        (body(number=-1), SignatureFault.STATEMENT_VALUE),
        (body(number=1), SignatureFault.STATEMENT_VALUE),
        (body(previous="A" * 64), SignatureFault.STATEMENT_VALUE),
        (body(previous="ab"), SignatureFault.STATEMENT_VALUE),
        (body(facts=[]), SignatureFault.STATEMENT_VALUE),
        (body(facts={"a": None}), SignatureFault.STATEMENT_VALUE),
        (body(facts={"a": True}), SignatureFault.STATEMENT_VALUE),
        (body(facts={"a": {"b": "c"}}), SignatureFault.STATEMENT_VALUE),
        (body(event="forged"), SignatureFault.STATEMENT_EVENT),
        (body(at="2026-03-01T12:00:00Z"), SignatureFault.STATEMENT_TIME),
        (body(at="2026-03-01T12:00:00.000000+00:00"), SignatureFault.STATEMENT_TIME),
        (body(at="yesterday"), SignatureFault.STATEMENT_TIME),
        (body(at="2026-03-01T12:00:00.5Z"), SignatureFault.STATEMENT_CANONICAL),
    ],
)  # fmt: skip
def test_what_is_not_written_in_the_one_way_is_refused(data, fault):
    with refused(fault):
        parse_body(data)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"at": NOW.replace(tzinfo=None)}, SignatureFault.STATEMENT_TIME),
        ({"facts": {"a": 1.5}}, SignatureFault.STATEMENT_VALUE),
        ({"facts": {"a": 2**53}}, SignatureFault.STATEMENT_VALUE),
        ({"facts": {"": "x"}}, SignatureFault.STATEMENT_VALUE),
        ({"actor": ""}, SignatureFault.STATEMENT_VALUE),
        ({"actor": "\ud800"}, SignatureFault.STATEMENT_VALUE),
        ({"facts": {"a": "x" * MAX_BODY_BYTES}}, SignatureFault.STATEMENT_SIZE),
    ],
)
def test_what_could_not_be_read_back_is_not_written(changes, fault):
    with refused(fault):
        make_body(make_statement(**changes))


def test_a_key_of_another_use_signs_no_statement(ring):
    with refused(SignatureFault.KEY_USE):
        sign_statement(make_statement(), ring.signer(KeyUse.LOG), blinding(0))


def test_a_short_blinding_is_refused(signer):
    with refused(SignatureFault.STATEMENT_BLINDING):
        sign_statement(make_statement(), signer, b"short")


def test_a_key_that_may_not_sign_signs_nothing(tmp_path):
    clock = Clock()
    signer = make_ring(tmp_path / "home", clock).signer(KeyUse.STATEMENTS)
    clock.forward(days=4000)

    with pytest.raises(SigningError):
        sign_statement(make_statement(), signer, blinding(0))


class TestChain:
    def test_a_chain_that_holds_gives_its_statements_in_order(self, ring, signer):
        chain = make_chain(signer, 5)

        found = verify_chain(chain, ring.records(), now=LATER, object_id="object-1", head=digest_of(chain[-1]))

        assert [statement.number for statement in found] == [0, 1, 2, 3, 4]
        assert all(isinstance(statement, Statement) for statement in found)

    def check(self, chain, ring, fault, **options):
        with refused(fault):
            verify_chain(chain, ring.records(), **{"now": LATER, **options})

    def test_no_statement_is_no_chain(self, ring):
        self.check([], ring, SignatureFault.CHAIN_EMPTY)

    def test_a_changed_field(self, ring, signer):
        chain = make_chain(signer)
        chain[2] = replace(chain[2], body=chain[2].body.replace(b"gateway", b"gatewax"))
        self.check(chain, ring, SignatureFault.SIGNATURE_WRONG)

    def test_a_changed_field_in_the_middle_breaks_what_follows_too(self, ring, signer):
        chain = make_chain(signer)
        chain[1] = sign_statement(replace(parse_body(chain[1].body), actor="other"), signer, blinding(1))
        self.check(chain, ring, SignatureFault.CHAIN_PREVIOUS)

    def test_a_signature_of_another_statement(self, ring, signer):
        chain = make_chain(signer)
        chain[2] = replace(chain[2], signature=make_chain(signer)[2].signature)
        self.check([chain[0], replace(chain[0], signature=chain[1].signature)], ring, SignatureFault.CHAIN_FORK)
        self.check([replace(chain[0], signature=chain[1].signature)], ring, SignatureFault.SIGNATURE_WRONG)

    def test_a_gap(self, ring, signer):
        chain = make_chain(signer)
        self.check([chain[0], chain[2]], ring, SignatureFault.CHAIN_GAP)

    def test_a_missing_beginning(self, ring, signer):
        self.check(make_chain(signer)[1:], ring, SignatureFault.CHAIN_GAP)

    def test_a_changed_order(self, ring, signer):
        chain = make_chain(signer)
        self.check([chain[0], chain[2], chain[1]], ring, SignatureFault.CHAIN_ORDER)

    def test_a_fork(self, ring, signer):
        chain = make_chain(signer)
        other = sign_statement(make_statement(1, digest_of(chain[0]), actor="other"), signer, blinding(1))
        self.check([chain[0], chain[1], other], ring, SignatureFault.CHAIN_FORK)

    def test_the_other_branch_of_a_fork(self, ring, signer):
        chain = make_chain(signer)
        other = sign_statement(make_statement(1, digest_of(chain[0]), actor="other"), signer, blinding(1))
        self.check([chain[0], other, chain[2]], ring, SignatureFault.CHAIN_PREVIOUS)

    def test_a_replay_to_another_object(self, ring, signer):
        chain = make_chain(signer)
        alien = make_chain(signer, object_id="object-2")
        self.check([*chain[:2], alien[2]], ring, SignatureFault.CHAIN_OBJECT)
        self.check(chain, ring, SignatureFault.CHAIN_OBJECT, object_id="object-2")

    def test_a_cut_off_end(self, ring, signer):
        chain = make_chain(signer)
        self.check(chain[:2], ring, SignatureFault.CHAIN_END, head=digest_of(chain[2]))

    def test_a_clock_that_goes_back_a_year(self, ring, signer):
        chain = make_chain(signer, 2)
        back = make_statement(2, digest_of(chain[1]), at=NOW - dt.timedelta(days=365))
        self.check([*chain, sign_statement(back, signer, blinding(2))], ring, SignatureFault.CHAIN_CLOCK_BACK)

    def test_a_time_to_come(self, ring, signer):
        self.check(make_chain(signer), ring, SignatureFault.TIME_AHEAD, now=NOW - dt.timedelta(hours=1))

    def test_an_unknown_key(self, tmp_path, signer):
        self.check(make_chain(signer), make_ring(tmp_path / "other"), SignatureFault.KEY_UNKNOWN)

    def test_resealed_by_another_key_under_the_same_id(self, ring, signer, tmp_path):
        other = make_chain(make_ring(tmp_path / "other").signer(KeyUse.STATEMENTS))
        chain = [replace(signed, key_id=signer.record.key_id) for signed in other]
        self.check(chain[:1], ring, SignatureFault.SIGNATURE_WRONG)

    def test_seen_much_later_than_it_says(self, ring, signer):
        seen = {0: NOW + dt.timedelta(days=30)}
        self.check(
            make_chain(signer), ring, SignatureFault.TIME_BACKDATED, attested=seen, now=NOW + dt.timedelta(days=60)
        )

    def test_seen_before_it_says_it_was_made(self, ring, signer):
        seen = {2: NOW - dt.timedelta(days=1)}
        self.check(make_chain(signer), ring, SignatureFault.TIME_AFTER_ATTESTED, attested=seen)

    def test_what_was_seen_of_the_last_vouches_for_all_before_a_compromise(self, ring, signer):
        chain = make_chain(signer)
        records = [
            replace(one, compromised=NOW + dt.timedelta(hours=2)) if one.key_id == signer.record.key_id else one
            for one in ring.records()
        ]

        seen = {2: NOW + dt.timedelta(hours=1)}
        assert len(verify_chain(chain, records, now=LATER, attested=seen)) == 3
        with refused(SignatureFault.KEY_COMPROMISED_UNATTESTED):
            verify_chain(chain, records, now=LATER, attested={1: NOW + dt.timedelta(hours=1)})
        with refused(SignatureFault.KEY_COMPROMISED):
            verify_chain(chain, records, now=LATER, attested={2: NOW + dt.timedelta(hours=3)})

    def test_an_old_statement_may_be_vouched_for_by_a_much_later_one(self, ring, signer):
        first = make_chain(signer, 1)[0]
        second = sign_statement(
            make_statement(1, digest_of(first), at=NOW + dt.timedelta(days=200)), signer, blinding(1)
        )
        seen = {1: NOW + dt.timedelta(days=201)}

        assert verify_chain([first, second], ring.records(), now=NOW + dt.timedelta(days=300), attested=seen)


def test_one_statement_alone_is_checked_as_one_of_a_chain(ring, signer):
    signed = make_chain(signer)[1]

    assert verify_statement(signed, ring.records(), now=LATER).number == 1
    with refused(SignatureFault.TIME_BACKDATED):
        verify_statement(
            signed, ring.records(), now=LATER + dt.timedelta(days=99), attested=NOW + dt.timedelta(days=90)
        )


class TestEntry:
    def test_it_is_a_blinded_hash_of_the_signed_statement(self, signer):
        signed = make_chain(signer)[0]
        digest = bytes.fromhex(digest_of(signed))

        assert entry_of(signed) == hashlib.sha256(b"scanward/log-entry/v1\0" + blinding(0) + digest).digest()
        assert entry_of(replace(signed, blinding=blinding(9))) != entry_of(signed)
        verify_entry(signed, entry_of(signed))

    def test_the_entry_of_another_statement_is_refused(self, signer):
        first, second, _ = make_chain(signer)

        with refused(SignatureFault.STATEMENT_ENTRY):
            verify_entry(first, entry_of(second))

    def test_the_digest_tells_where_parts_begin(self, signer):
        signed = make_chain(signer)[0]
        moved = replace(signed, body=signed.body + signed.key_id[:1].encode(), key_id=signed.key_id[1:])

        assert digest_of(moved) != digest_of(signed) != NO_STATEMENT


class TestLink:
    def test_the_holder_opens_it_to_this_pair_alone(self):
        original, derived = b"o" * 32, b"d" * 32
        commitment = link_commitment(original, derived, blinding(7))

        assert opens_link(commitment, original, derived, blinding(7))
        assert not opens_link(commitment, b"x" * 32, derived, blinding(7))
        assert not opens_link(commitment, derived, original, blinding(7))
        assert not opens_link(commitment, original, derived, blinding(8))

    def test_a_root_or_blinding_of_another_size_is_refused(self):
        with refused(SignatureFault.LINK_SIZE):
            link_commitment(b"o", b"d" * 32, blinding(7))
        with refused(SignatureFault.STATEMENT_BLINDING):
            link_commitment(b"o" * 32, b"d" * 32, b"")


def test_no_message_tells_a_value(ring, signer):
    chain = make_chain(signer, object_id="PATIENT-4711")
    chain[1] = replace(chain[1], body=chain[1].body.replace(b"gateway", b"Doe^Jane"))

    with pytest.raises(EvidenceError) as raised:
        verify_chain(chain, ring.records(), now=LATER)

    assert "4711" not in str(raised.value)
    assert "Doe" not in str(raised.value)
    assert "4711" not in repr(chain)
