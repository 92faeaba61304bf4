"""Custody statements: one way to write each as bytes, its signature, its chain, and what of it goes into the log.

The body is signed as it stands, so that ``openssl dgst -sha256 -verify`` accepts it too; that it is a custody statement
and nothing else of this gateway is said by its ``type``, the last of its keys in canonical order.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from scanward.errors import EvidenceError
from scanward.model.custody import NO_STATEMENT, CustodyEvent, SignedStatement, Statement
from scanward.model.signing import KeyRecord, KeyUse
from scanward.ports.signing import Signer
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import verify_lag, verify_signed

BODY_TYPE = "scanward.custody-statement.v1"
"""What the JSON says it is; no other thing that this key signs begins or ends alike."""

MAX_BODY_BYTES = 64 * 1024
"""A statement has a few facts; what is longer is none."""

BLINDING_BYTES = 32
ROOT_BYTES = 32

_SIGNED_DOMAIN = b"scanward/signed-statement/v1\0"
_ENTRY_DOMAIN = b"scanward/log-entry/v1\0"
_LINK_DOMAIN = b"scanward/derived-from/v1\0"
_KEYS = frozenset({"type", "object", "number", "previous", "event", "at", "actor", "facts"})
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_MAX_INTEGER = 2**53 - 1  # RFC 8785 Section 3.1: what every reader of JSON takes for the same number


def make_body(statement: Statement) -> bytes:
    """Return `statement` as RFC 8785 JSON, the one way to write it.

    Raises
    ------
    EvidenceError
        A field has a value that a statement cannot have: a time without zone, a fact that is no text or whole number.
    """
    import rfc8785

    _check(statement)
    try:
        body = rfc8785.dumps(
            {
                "type": BODY_TYPE,
                "object": statement.object_id,
                "number": statement.number,
                "previous": statement.previous,
                "event": statement.event.value,
                "at": statement.at.astimezone(UTC).strftime(_TIME_FORMAT),
                "actor": statement.actor,
                "facts": dict(statement.facts),
            }
        )
    except ValueError:  # lone surrogates, which no UTF-8 has
        _refuse(SignatureFault.STATEMENT_VALUE, "expected texts of a statement to be Unicode, got what UTF-8 has not")
    if len(body) > MAX_BODY_BYTES:
        _refuse(SignatureFault.STATEMENT_SIZE, f"expected a statement of at most {MAX_BODY_BYTES} bytes")
    return body


def parse_body(body: bytes) -> Statement:
    """Return the statement in `body`; anything but the one way to write it is refused.

    Raises
    ------
    EvidenceError
        With the ``statement.*`` fault that says why.
    """
    # 1. JSON, without what two readers may understand in two ways
    fields = _load(body)
    # 2. This kind of statement, with all of its fields and no other
    if not isinstance(fields, dict) or fields.get("type") != BODY_TYPE:
        _refuse(SignatureFault.STATEMENT_TYPE, f"expected a statement of type {BODY_TYPE}, got another")
    if fields.keys() != _KEYS:
        _refuse(SignatureFault.STATEMENT_FIELDS, "expected the fields of a custody statement, got others")
    # 3. Each field of its type
    texts = [fields[key] for key in ("object", "previous", "event", "at", "actor")]
    facts = fields["facts"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(facts, dict):
        _refuse(SignatureFault.STATEMENT_VALUE, "expected fields of a statement to be texts and facts an object")
    number = fields["number"]
    if type(number) is not int:
        _refuse(SignatureFault.STATEMENT_VALUE, "expected the number of a statement to be a whole number")
    if texts[2] not in CustodyEvent.__members__.values():
        _refuse(SignatureFault.STATEMENT_EVENT, "expected an event of custody, got another word")
    statement = Statement(
        object_id=texts[0],
        number=number,
        previous=texts[1],
        event=CustodyEvent(texts[2]),
        at=_parse_time(texts[3]),
        actor=texts[4],
        facts=facts,
    )
    # 4. Written in the one way: the same statement gives the same bytes
    if make_body(statement) != body:
        _refuse(SignatureFault.STATEMENT_CANONICAL, "expected a statement in the canonical form of RFC 8785")
    return statement


def sign_statement(statement: Statement, signer: Signer, blinding: bytes) -> SignedStatement:
    """Return `statement` signed; `blinding` is 32 random bytes drawn for it alone.

    Raises
    ------
    EvidenceError
        The statement cannot be written, or the key is of another use.
    SigningError
        The key may not sign now.
    """
    _check_blinding(blinding)
    if signer.record.use is not KeyUse.STATEMENTS:
        _refuse(SignatureFault.KEY_USE, f"expected a key for statements, got one for {signer.record.use}")
    body = make_body(statement)
    return SignedStatement(body=body, key_id=signer.record.key_id, signature=signer.sign(body), blinding=blinding)


def digest_of(signed: SignedStatement) -> str:
    """Return what the next statement of the object names as ``previous``: 64 hexadecimal digits.

    SHA-256 over a domain, then body, key id and signature, each after its length in 8 bytes, big-endian.
    """
    digest = hashlib.sha256(_SIGNED_DOMAIN)
    for part in (signed.body, signed.key_id.encode("utf-8", "surrogatepass"), signed.signature):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def entry_of(signed: SignedStatement) -> bytes:
    """Return the entry of the log for a statement: a commitment that tells nothing to who has not its blinding.

    SHA-256 over a domain, the blinding and the digest of `digest_of`.
    """
    _check_blinding(signed.blinding)
    return hashlib.sha256(_ENTRY_DOMAIN + signed.blinding + bytes.fromhex(digest_of(signed))).digest()


def verify_entry(signed: SignedStatement, entry: bytes) -> None:
    """Raise `EvidenceError` unless `entry` of a log is of this statement."""
    if not hmac.compare_digest(entry_of(signed), entry):
        _refuse(SignatureFault.STATEMENT_ENTRY, "expected the entry of this statement, got one of something else")


def link_commitment(original_root: bytes, derived_root: bytes, blinding: bytes) -> bytes:
    """Return 32 bytes that bind a de-identified copy to its original for whoever has the blinding, and nobody else.

    It hides both roots (32 random bytes are in the hash) and cannot be opened to another pair (SHA-256).
    """
    _check_blinding(blinding)
    if len(original_root) != ROOT_BYTES or len(derived_root) != ROOT_BYTES:
        _refuse(SignatureFault.LINK_SIZE, f"expected roots of {ROOT_BYTES} bytes")
    return hashlib.sha256(_LINK_DOMAIN + original_root + derived_root + blinding).digest()


def opens_link(commitment: bytes, original_root: bytes, derived_root: bytes, blinding: bytes) -> bool:
    """Tell whether `commitment` is of this pair, which the holder of `blinding` alone can show."""
    return hmac.compare_digest(link_commitment(original_root, derived_root, blinding), commitment)


def verify_statement(
    signed: SignedStatement, records: Sequence[KeyRecord], *, now: datetime, attested: datetime | None = None
) -> Statement:
    """Return what a statement says once its form, signature and key hold.

    Parameters
    ----------
    signed
        The statement.
    records
        What is known of keys, trusted.
    now
        No statement is of later.
    attested
        When somebody else first saw it (RFC 3161 token, witnessed checkpoint), where there is such a time.

    Raises
    ------
    EvidenceError
        With the fault that says why not.
    """
    statement = parse_body(signed.body)
    _verify_signer(signed, statement, records, now=now, attested=attested)
    if attested is not None:
        verify_lag(statement.at, attested)
    return statement


def verify_chain(
    statements: Sequence[SignedStatement],
    records: Sequence[KeyRecord],
    *,
    now: datetime,
    object_id: str | None = None,
    attested: Mapping[int, datetime] | None = None,
    is_first: bool = True,
    head: str | None = None,
) -> tuple[Statement, ...]:
    """Return what the statements of one object say, in order, once all of it holds.

    Parameters
    ----------
    statements
        All of them, the first first.
    records
        What is known of keys, trusted.
    now
        No statement is of later.
    object_id
        Whose they have to be; None takes that of the first.
    attested
        When somebody else first saw a statement, by its number. As each names the one before, what was seen vouches
        for all before it too.
    is_first
        Whether these are the times at which they were seen first, so that a long lag tells of a clock set back. Not
        where others only began to look later, as at a log that was there before its witnesses.
    head
        `digest_of` the last one, where it is known from elsewhere: then nothing can be cut off the end.

    Raises
    ------
    EvidenceError
        With the fault that says why not.
    """
    if not statements:
        _refuse(SignatureFault.CHAIN_EMPTY, "expected at least one statement, got none")
    parsed = [parse_body(signed.body) for signed in statements]
    expected_object = parsed[0].object_id if object_id is None else object_id
    numbers = [statement.number for statement in parsed]
    times = _vouched(attested or {}, len(statements))
    previous = NO_STATEMENT
    for position, (signed, statement) in enumerate(zip(statements, parsed, strict=True)):
        # 1. Of this object
        if statement.object_id != expected_object:
            _refuse(SignatureFault.CHAIN_OBJECT, "expected statements of one object, got one of another")
        # 2. Numbered without a gap
        if statement.number != position:
            _refuse_number(position, numbers)
        # 3. Each names the one before it as it was signed
        if statement.previous != previous:
            _refuse(SignatureFault.CHAIN_PREVIOUS, f"statement {position} does not follow the one before it")
        # 4. No clock goes back
        if position and statement.at < parsed[position - 1].at:
            _refuse(SignatureFault.CHAIN_CLOCK_BACK, f"statement {position} says an earlier time than the one before")
        # 5. Signed, by a key that was good then
        _verify_signer(signed, statement, records, now=now, attested=times[position])
        if is_first and attested is not None and position in attested:
            verify_lag(statement.at, attested[position])
        previous = digest_of(signed)
    # 6. Nothing cut off
    if head is not None and head != previous:
        _refuse(SignatureFault.CHAIN_END, "expected the chain to end with the last known statement, got another end")
    return tuple(parsed)


def _verify_signer(
    signed: SignedStatement,
    statement: Statement,
    records: Sequence[KeyRecord],
    *,
    now: datetime,
    attested: datetime | None,
) -> None:
    verify_signed(
        records,
        key_id=signed.key_id,
        use=KeyUse.STATEMENTS,
        message=signed.body,
        signature=signed.signature,
        at=statement.at,
        now=now,
        attested=attested,
    )


def _vouched(attested: Mapping[int, datetime], count: int) -> list[datetime | None]:
    """Return for each statement the earliest time at which it or a later one, which names it, was seen."""
    times: list[datetime | None] = []
    earliest: datetime | None = None
    for number in range(count - 1, -1, -1):
        seen = attested.get(number)
        if seen is not None and (earliest is None or seen < earliest):
            earliest = seen
        times.append(earliest)
    return times[::-1]


def _refuse_number(position: int, numbers: Sequence[int]) -> NoReturn:
    """Say in which way the numbers of a chain are wrong at `position`."""
    found = numbers[position]
    if found in numbers[:position]:
        _refuse(SignatureFault.CHAIN_FORK, f"two statements have the number {found}")
    if position in numbers:
        _refuse(SignatureFault.CHAIN_ORDER, f"expected statement {position}, which comes later; the order was changed")
    _refuse(SignatureFault.CHAIN_GAP, f"expected statement {position}, which is missing")


def _check(statement: Statement) -> None:
    """Refuse values that a statement cannot have."""
    if not statement.object_id or not statement.actor:
        _refuse(SignatureFault.STATEMENT_VALUE, "expected a statement to name its object and actor")
    if type(statement.number) is not int or not 0 <= statement.number <= _MAX_INTEGER:
        _refuse(SignatureFault.STATEMENT_VALUE, "expected the number of a statement from 0 to 2^53 - 1")
    if len(statement.previous) != len(NO_STATEMENT) or not set(statement.previous) <= set("0123456789abcdef"):
        _refuse(SignatureFault.STATEMENT_VALUE, "expected the statement before as 64 small hexadecimal digits")
    if (statement.number == 0) != (statement.previous == NO_STATEMENT):
        _refuse(SignatureFault.STATEMENT_VALUE, "expected the first statement, and no other, to name none before it")
    if statement.at.utcoffset() is None:
        _refuse(SignatureFault.STATEMENT_TIME, "expected the time of a statement with its zone")
    for key, value in statement.facts.items():
        if not key or type(value) not in {str, int}:
            _refuse(SignatureFault.STATEMENT_VALUE, "expected facts to be named texts and whole numbers")
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            _refuse(SignatureFault.STATEMENT_VALUE, "expected whole numbers of facts within 2^53 - 1")


def _check_blinding(blinding: bytes) -> None:
    if len(blinding) != BLINDING_BYTES:
        _refuse(SignatureFault.STATEMENT_BLINDING, f"expected {BLINDING_BYTES} bytes of blinding, got {len(blinding)}")


def _load(body: bytes) -> object:
    """Return what the JSON of `body` says; refuses floats, keys that come twice, and what is no JSON."""
    if len(body) > MAX_BODY_BYTES:
        _refuse(SignatureFault.STATEMENT_SIZE, f"expected a statement of at most {MAX_BODY_BYTES} bytes")
    try:
        text = body.decode("utf-8")
        loaded: object = json.loads(
            text, object_pairs_hook=_unique, parse_float=_refuse_float, parse_constant=_refuse_float
        )
    except (ValueError, RecursionError):
        _refuse(SignatureFault.STATEMENT_JSON, "expected a statement as JSON in UTF-8, got something else")
    return loaded


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse(SignatureFault.STATEMENT_DUPLICATE_KEY, "expected each key of a statement once")
    return found


def _refuse_float(_: str) -> NoReturn:
    _refuse(SignatureFault.STATEMENT_FLOAT, "expected whole numbers in a statement, got another")


def _parse_time(text: str) -> datetime:
    try:
        at = datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        _refuse(SignatureFault.STATEMENT_TIME, "expected the time of a statement as RFC 3339 in UTC, to a microsecond")
    if at - datetime(1, 1, 1, tzinfo=UTC) < timedelta(days=1):  # so that no zone leads out of the calendar
        _refuse(SignatureFault.STATEMENT_TIME, "expected the time of a statement within the calendar")
    return at


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(
        fault, message, remedy="Do not rely on it; compare with another copy of the statements and of the log."
    )
