"""What is known of keys, as JSON that may be published."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import key_id_of

RECORDS_TYPE = "scanward.keys.v1"

MAX_RECORDS_BYTES = 16 * 1024 * 1024
"""Some thousands of keys with their certificates; what is longer is no list of keys."""

_KEYS = frozenset(
    {
        "key_id",
        "use",
        "algorithm",
        "public_key",
        "certificates",
        "not_before",
        "not_after",
        "retired",
        "compromised",
    }
)


def format_records(records: Sequence[KeyRecord], authorities: Sequence[bytes] = ()) -> bytes:
    """Return key records and the certificates (DER) of the authorities behind them as JSON."""
    document = {
        "type": RECORDS_TYPE,
        "authorities": [_encode(authority) for authority in authorities],
        "keys": [_fields(record) for record in records],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def parse_records(data: bytes) -> tuple[tuple[KeyRecord, ...], tuple[bytes, ...]]:
    """Return the key records of a published list, and the authorities.

    Raises
    ------
    EvidenceError
        It is no such list: an unknown key or value, or an id that is not that of the key.
    """
    try:
        if len(data) > MAX_RECORDS_BYTES:
            raise ValueError("too long")
        document = json.loads(data)
        if not isinstance(document, dict) or document.keys() != {"type", "authorities", "keys"}:
            raise ValueError("other keys")
        if document["type"] != RECORDS_TYPE:
            raise ValueError("another type")
        records = tuple(_record(fields) for fields in document["keys"])
        authorities = tuple(_decode(text) for text in document["authorities"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _refuse("expected a list of keys as Scanward writes it, got something else")
    if any(record.key_id != key_id_of(record.public_key) for record in records):
        _refuse("expected key records whose id is made of the public key, got another id")
    if len({record.key_id for record in records}) != len(records):
        _refuse("expected each key once, got one twice")
    return records, authorities


def _fields(record: KeyRecord) -> Mapping[str, object]:
    return {
        "key_id": record.key_id,
        "use": record.use.value,
        "algorithm": record.algorithm.value,
        "public_key": _encode(record.public_key),
        "certificates": [_encode(certificate) for certificate in record.certificates],
        "not_before": record.not_before.isoformat(),
        "not_after": record.not_after.isoformat(),
        "retired": record.retired.isoformat() if record.retired else None,
        "compromised": record.compromised.isoformat() if record.compromised else None,
    }


def _record(fields: Mapping[str, object]) -> KeyRecord:
    if fields.keys() != _KEYS:
        raise ValueError("other keys")
    certificates = fields["certificates"]
    if not isinstance(certificates, list):
        raise TypeError("no list")
    return KeyRecord(
        key_id=str(fields["key_id"]),
        use=KeyUse(str(fields["use"])),
        algorithm=Algorithm(str(fields["algorithm"])),
        public_key=_decode(fields["public_key"]),
        certificates=tuple(_decode(certificate) for certificate in certificates),
        not_before=_time(fields["not_before"]),
        not_after=_time(fields["not_after"]),
        retired=None if fields["retired"] is None else _time(fields["retired"]),
        compromised=None if fields["compromised"] is None else _time(fields["compromised"]),
    )


def _time(value: object) -> datetime:
    if not isinstance(value, str):
        raise TypeError("no text")
    time = datetime.fromisoformat(value)
    if time.utcoffset() is None:
        raise ValueError("no zone")
    return time


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError("no text")
    return base64.b64decode(value, validate=True)


def _refuse(message: str) -> NoReturn:
    raise EvidenceError(
        SignatureFault.KEY_RECORDS, message, remedy="Take the list of keys anew from whoever published it."
    )
