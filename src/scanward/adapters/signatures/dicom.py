"""Digital signatures inside DICOM files (PS3.15 Annex C, Base RSA profile and its like over P-256).

A signature names what it covers. One that leaves out a UID, the geometry or the pixels would hold and say nothing, so
that what has to be covered is checked here, as is that there is one at all: stock `dcmsign` needs ``+rg`` for that.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, NoReturn

from scanward.adapters.signatures.dicom_mac import (
    DIGITAL_SIGNATURES,
    EXPLICIT_LITTLE,
    IDENTITY,
    MAC_PARAMETERS,
    has_unknown,
    is_protected,
    is_signable,
    lenient,
    mac_stream,
    read_native,
    stock_reads,
)
from scanward.adapters.signing import der
from scanward.adapters.signing.certificates import record_of_certificate, verify_certificates
from scanward.errors import EvidenceError
from scanward.model.signing import Algorithm, KeyRecord, KeyUse
from scanward.ports.signing import Signer
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import CLOCK_TOLERANCE, find_record, verify_signature, verify_times

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CERTIFICATE_TYPE = "X509_1993_SIG"
MAC_ALGORITHM = "SHA256"

_MAX_SIGNATURES = 64
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_DATETIME = re.compile(r"(\d{14})(?:\.(\d{1,6}))?([+-]\d{4})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomSignature:
    """What a signature in a DICOM file says once it holds.

    Attributes
    ----------
    uid
        Its Digital Signature UID.
    signed_at
        When, as the signer says.
    certificates
        DER, the signer's.
    trusted
        Whether it leads to a pinned authority; at least one of a file does.
    covered
        Tags of what it covers.
    uncovered
        Tags of what it leaves open; nothing of it is a UID, the patient, geometry, rescale or samples.
    """

    uid: str
    signed_at: datetime
    certificates: tuple[bytes, ...]
    trusted: bool
    covered: tuple[int, ...]
    uncovered: tuple[int, ...]


def sign_dicom(data: bytes, signer: Signer, at: datetime, *, everything: bool = False, stock: bool = True) -> bytes:
    """Return a DICOM file with a signature more in it, in explicit VR little-endian.

    Parameters
    ----------
    data
        The file, native pixels.
    signer
        A key of use DICOM, with its certificate.
    at
        The signing time that it says.
    everything
        Cover all that can be covered; else what `is_protected` names, so that an archive may still put a name right.
        Attributes whose VR nobody knows can never be covered.
    stock
        Refuse what stock `dcmsign` could not verify (`stock_reads`): long nested sequences, as of RT structures.

    Raises
    ------
    EvidenceError
        The file cannot be signed so that it means anything.
    SigningError
        The key may not sign now.
    """
    record = signer.record
    if record.use is not KeyUse.DICOM:
        _refuse(SignatureFault.KEY_USE, f"expected a key for DICOM, got one for {record.use}")
    if not record.certificates or record.algorithm is Algorithm.ED25519:
        _refuse(SignatureFault.CERTIFICATE_MISSING, "expected a key with a certificate, got one without")
    with lenient():
        return _sign(data, signer, at, everything=everything, stock=stock)


def _sign(data: bytes, signer: Signer, at: datetime, *, everything: bool, stock: bool) -> bytes:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items
    from pydicom.uid import UID, generate_uid

    record = signer.record
    ds = read_native(data)
    tags = [tag for tag in _tags(ds) if (everything or is_protected(tag)) and not has_unknown(ds, tag)]
    _check_list(ds, tags)
    if stock and not stock_reads(ds, tags):
        _refuse(
            SignatureFault.DICOM_STOCK_LIMIT,
            "expected sequences that dcmsign reads whole, got longer ones, of which it loses a part",
        )
    number = _next_number(ds)

    item = Dataset()
    item.add_new(0x04000005, "US", number)
    item.add_new(0x04000100, "UI", generate_uid(prefix=None))
    item.add_new(0x04000105, "DT", at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000"))
    item.add_new(0x04000110, "CS", CERTIFICATE_TYPE)
    signature = signer.sign(mac_stream(ds, tags, item))
    item.add_new(0x04000115, "OB", _even(record.certificates[0]))
    item.add_new(0x04000120, "OB", _even(signature))
    parameters = Dataset()
    parameters.add_new(0x04000005, "US", number)
    parameters.add_new(0x04000010, "UI", UID(EXPLICIT_LITTLE))
    parameters.add_new(0x04000015, "CS", MAC_ALGORITHM)
    parameters.add_new(0x04000020, "AT", list(tags))
    ds.add_new(MAC_PARAMETERS, "SQ", Items([*_items(ds, MAC_PARAMETERS), parameters]))
    ds.add_new(DIGITAL_SIGNATURES, "SQ", Items([*_items(ds, DIGITAL_SIGNATURES), item]))

    ds.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
    out = BytesIO()
    ds.save_as(out, implicit_vr=False, little_endian=True)
    signed = out.getvalue()
    _verify_own(signed, number, record)
    return signed


def verify_dicom(
    data: bytes,
    roots: Sequence[bytes],
    *,
    now: datetime,
    records: Sequence[KeyRecord] = (),
    attested: datetime | None = None,
    complete: bool = False,
) -> tuple[DicomSignature, ...]:
    """Return the signatures of a DICOM file, once all of them hold and one is by a pinned authority.

    Parameters
    ----------
    data
        The file.
    roots
        Certificates (DER) of authorities that whoever checks trusts.
    now
        No signature is of later.
    records
        What is known of keys: a signature by one of them has to be of use DICOM, and before its compromise.
    attested
        When somebody else saw the file, where anybody did.
    complete
        Refuse whatever a trusted signature leaves open, not only what has to be covered.

    Raises
    ------
    EvidenceError
        With the ``dicom.*``, ``certificate.*``, ``key.*`` or ``time.*`` fault that says why not.
    """
    with lenient():
        return _verify(data, roots, now=now, records=records, attested=attested, complete=complete)


def _verify(
    data: bytes,
    roots: Sequence[bytes],
    *,
    now: datetime,
    records: Sequence[KeyRecord],
    attested: datetime | None,
    complete: bool,
) -> tuple[DicomSignature, ...]:
    ds = read_native(data)
    # 1. There are signatures
    items = _items(ds, DIGITAL_SIGNATURES)
    if not items:
        _refuse(SignatureFault.DICOM_UNSIGNED, "expected a digital signature, got a file without")
    if len(items) > _MAX_SIGNATURES:
        _refuse(SignatureFault.DICOM_FORM, f"expected at most {_MAX_SIGNATURES} signatures")
    # 2. Each is over what the file has now
    found = [_verify_item(ds, item, roots, now=now) for item in items]
    # 3. One at least leads to a pinned authority
    trusted = [signature for signature in found if signature.trusted]
    if not trusted:
        _refuse(SignatureFault.CERTIFICATE_AUTHORITY, "expected a signature by a pinned authority, got another's")
    for signature in trusted:
        # 4. Its key was good then
        _verify_key(signature, records, now=now, attested=attested)
        # 5. It leaves nothing open that it may not
        if complete and signature.uncovered:
            _refuse(SignatureFault.DICOM_ELEMENT_ADDED, "there are Attributes that the signature does not cover")
    return tuple(found)


def _verify_item(ds: "Dataset", item: "Dataset", roots: Sequence[bytes], *, now: datetime) -> DicomSignature:
    """Check one signature, up to whether its certificate is trusted."""
    # 1. How it was made: one way is taken
    if _text(item, 0x04000110) != CERTIFICATE_TYPE:
        _refuse(SignatureFault.DICOM_CERTIFICATE_TYPE, f"expected a certificate of type {CERTIFICATE_TYPE}")
    parameters = _parameters(ds, item)
    if _text(parameters, 0x04000015) != MAC_ALGORITHM:
        _refuse(SignatureFault.DICOM_MAC_ALGORITHM, f"expected a MAC of {MAC_ALGORITHM}, got another algorithm")
    if _text(parameters, 0x04000010) != EXPLICIT_LITTLE:
        _refuse(SignatureFault.DICOM_SYNTAX, "expected a signature over explicit VR little-endian, got another")
    # 2. By whom
    certificate = _der(_bytes(item, 0x04000115))
    record = record_of_certificate(certificate, KeyUse.DICOM)
    signature = _bytes(item, 0x04000120)
    # 3. Over what: nothing that has to be covered is left out
    tags = _signed_tags(parameters)
    stream = mac_stream(ds, tags, item)
    # 4. It holds
    try:
        verify_signature(record, stream, signature if record.algorithm is Algorithm.RSA else _der(signature))
    except EvidenceError as error:
        if error.fault is not SignatureFault.SIGNATURE_WRONG:
            raise
        _refuse(SignatureFault.DICOM_SIGNATURE, "signed Attributes were changed, or the signature is of another key")
    _check_list(ds, tags)
    # 5. When, and whether its certificate leads to a pinned authority
    signed_at = _time(_text(item, 0x04000105))
    if signed_at > now + CLOCK_TOLERANCE:
        _refuse(SignatureFault.TIME_AHEAD, "the signature says a time to come")
    return DicomSignature(
        uid=_text(item, 0x04000100),
        signed_at=signed_at,
        certificates=(certificate,),
        trusted=_is_trusted(certificate, roots, signed_at),
        covered=tuple(tags),
        uncovered=tuple(tag for tag in _tags(ds) if tag not in set(tags)),
    )


def _is_trusted(certificate: bytes, roots: Sequence[bytes], at: datetime) -> bool:
    """Tell whether a certificate leads to a pinned authority; one that does and has another fault is refused."""
    try:
        verify_certificates((certificate,), roots, at=at, usages=())
    except EvidenceError as error:
        if error.fault is SignatureFault.CERTIFICATE_AUTHORITY:
            return False
        raise
    return True


def _verify_key(
    signature: DicomSignature, records: Sequence[KeyRecord], *, now: datetime, attested: datetime | None
) -> None:
    key_id = record_of_certificate(signature.certificates[0], KeyUse.DICOM).key_id
    if any(record.key_id == key_id for record in records):
        known = find_record(records, key_id, KeyUse.DICOM)
        verify_times(known, at=signature.signed_at, now=now, attested=attested)


def _check_list(ds: "Dataset", tags: Sequence[int]) -> None:
    """Refuse a list of what is signed that leaves out what has to be in."""
    covered = set(tags)
    needed = IDENTITY | {tag for tag in _PIXELS if tag in ds}
    if not needed <= covered or any(tag not in ds for tag in IDENTITY):
        _refuse(SignatureFault.DICOM_TAG_LIST, "expected a signature over UIDs and pixels, got one over less")
    for tag in _tags(ds):
        if is_protected(tag) and tag not in covered and not has_unknown(ds, tag):
            _refuse(
                SignatureFault.DICOM_ELEMENT_ADDED,
                "an Attribute of the patient, geometry, rescale or samples is there that was not signed",
            )


def _verify_own(signed: bytes, number: int, record: KeyRecord) -> None:
    """Check what was written by reading it back: what was signed is what lies in the file."""
    ds = read_native(signed)
    item = next(one for one in _items(ds, DIGITAL_SIGNATURES) if one[0x04000005].value == number)
    signature = _bytes(item, 0x04000120)
    stream = mac_stream(ds, _signed_tags(_parameters(ds, item)), item)
    verify_signature(record, stream, signature if record.algorithm is Algorithm.RSA else _der(signature))


def _parameters(ds: "Dataset", item: "Dataset") -> "Dataset":
    """Return the MAC parameters that a signature names."""
    number = _text(item, 0x04000005)
    found = [one for one in _items(ds, MAC_PARAMETERS) if number and _text(one, 0x04000005) == number]
    if len(found) != 1:
        _refuse(SignatureFault.DICOM_MAC_PARAMETERS, "expected the MAC parameters of a signature once")
    return found[0]


def _signed_tags(parameters: "Dataset") -> list[int]:
    """Return what the list of signed Attributes names, in its order."""
    value = (parameters[0x04000020].value if 0x04000020 in parameters else None) or ()
    tags = [int(tag) for tag in (value if isinstance(value, Iterable) else (value,))]
    if len(set(tags)) != len(tags) or not all(is_signable(tag) for tag in tags):
        _refuse(SignatureFault.DICOM_TAG_LIST, "expected each signed Attribute once, and none that may not be")
    return tags


def _tags(ds: "Dataset") -> list[int]:
    """Return the tags of a data set that may be signed."""
    return [int(tag) for tag in sorted(ds.keys()) if is_signable(int(tag))]


def _items(ds: "Dataset", tag: int) -> "list[Dataset]":
    if tag not in ds:
        return []
    element = ds[tag]
    if element.VR != "SQ":
        _refuse(SignatureFault.DICOM_FORM, "expected signatures and their parameters as sequences")
    return list(element.value)


def _next_number(ds: "Dataset") -> int:
    """Return a MAC ID Number that no signature has yet."""
    return 1 + max((int(one[0x04000005].value) for one in _items(ds, MAC_PARAMETERS) if 0x04000005 in one), default=-1)


def _text(ds: "Dataset", tag: int) -> str:
    return str(ds[tag].value).strip("\0 ") if tag in ds else ""


def _bytes(ds: "Dataset", tag: int) -> bytes:
    value = ds[tag].value if tag in ds else None
    if not isinstance(value, bytes):
        _refuse(SignatureFault.DICOM_FORM, "expected a signature with its certificate, got one without")
    return value


def _der(data: bytes) -> bytes:
    """Return an element of DER without the byte that makes its length even."""
    try:
        return der.first(data, padding=1)
    except ValueError:
        _refuse(SignatureFault.DICOM_FORM, "expected a signature and its certificate in DER, got something else")


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def _time(text: str) -> datetime:
    found = _DATETIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError("no DT")
        digits, fraction, zone = found.groups()
        return datetime.strptime(f"{digits}.{fraction or 0}{zone or '+0000'}", "%Y%m%d%H%M%S.%f%z")
    except ValueError:
        _refuse(SignatureFault.DICOM_FORM, "expected the time of a signature as DT, got something else")


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(fault, message, remedy="Do not rely on the signature; check the copy against its seal.")
