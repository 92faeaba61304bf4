"""What a digital signature in a DICOM file is over (PS3.3 C.12.1.1.3.1): the bytes, and which Attributes have to be in.

Values are taken as they stand in the file, never decoded and written anew: `dcmsign` has to come to the same bytes.
"""

import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, NoReturn

from scanward.errors import EvidenceError
from scanward.seal.signature_faults import SignatureFault

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

MAC_PARAMETERS = 0x4FFE0001
DIGITAL_SIGNATURES = 0xFFFAFFFA

_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_MAX_SHORT_BYTES = 0xFFFE
_ITEM = b"\xfe\xff\x00\xe0"
_END_OF_SEQUENCE = b"\xfe\xff\xdd\xe0"
_NOT_IN_MAC = frozenset({0x04000115, 0x04000120, 0x04000305, 0x04000310})  # certificate, signature, timestamp

_STOCK_BUFFER_BYTES = 16 * 1024
_STOCK_SLACK_BYTES = 16  # of a buffer that is passed on before it is full, as the next head does not fit

IDENTITY = frozenset({0x00080016, 0x00080018, 0x0020000D, 0x0020000E})
"""UIDs: every instance has them, and no signature counts without."""

_PROTECTED = IDENTITY | {
    0x00080008,  # Image Type
    0x00080060,  # Modality
    0x00080100,  # as part of coded content at the top: Code Value
    0x00100010,  # whose it is
    0x00100020,
    0x00100021,
    0x00100030,
    0x00100040,
    0x0040A040,  # content of structured reports
    0x0040A043,
    0x0040A050,
    0x0040A491,
    0x0040A493,
    0x0040A504,
    0x0040A730,
    0x00420010,  # encapsulated documents
    0x00420011,
    0x00420012,
    0x54000100,  # waveforms
}
_PROTECTED_GROUPS = frozenset({0x0020, 0x0028, 0x0062, 0x0070, 0x3004, 0x3006, 0x300A, 0x5200, 0x7FE0})
_COERCIBLE = frozenset({0x00200010, 0x00204000})  # Study ID, Image Comments: an archive may put them right


def is_protected(tag: int) -> bool:
    """Tell whether a signature has to cover an Attribute where an instance has it.

    UIDs, whose it is, geometry, rescale, how samples are stored, the samples, overlays, and what stands for them in
    objects that are no images. More than the Creator profile of PS3.15 C.2 asks for, which leaves out the patient.
    """
    group = tag >> 16
    overlay = 0x6000 <= group <= 0x60FF and group % 2 == 0
    return (tag in _PROTECTED or group in _PROTECTED_GROUPS or overlay) and tag not in _COERCIBLE


def is_signable(tag: int) -> bool:
    """Tell whether an Attribute may be in a signature at all (PS3.3 C.12.1.1.3.1.1)."""
    group, element = tag >> 16, tag & 0xFFFF
    structure = {0x00080001, 0x4FFE0001, 0xFFFCFFFC, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD}
    return element != 0 and group >= 0x0008 and tag not in structure and group != 0xFFFA


@contextmanager
def lenient() -> Iterator[None]:
    """Let pydicom read what breaks the rules without a word of values, and say all it raises in one way.

    Values are decoded when they are looked at, and broken ones raise whatever they do.
    """
    from pydicom import config
    from pydicom.errors import BytesLengthException, InvalidDicomError

    broken = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, EOFError, OSError)
    try:
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (*broken, NotImplementedError, struct.error, BytesLengthException, InvalidDicomError):
        _refuse(SignatureFault.DICOM_FORM, "expected a DICOM file, got something else, or one that is broken within")


def read_native(data: bytes) -> "Dataset":
    """Return the data set of a DICOM file as explicit VR, little-endian, with values as they stand.

    Raises
    ------
    EvidenceError
        Its pixels are encapsulated, or it is big-endian. What pydicom raises where it is no DICOM file, `lenient` says.
    """
    from pydicom import dcmread
    from pydicom.uid import UID

    ds = dcmread(BytesIO(data))
    syntax = UID(str(ds.file_meta.get("TransferSyntaxUID", "")))
    if syntax in {EXPLICIT_LITTLE, DEFLATED}:
        return ds
    if syntax == IMPLICIT_LITTLE:
        explicit = BytesIO()
        ds.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
        ds.save_as(explicit, implicit_vr=False, little_endian=True)
        return dcmread(BytesIO(explicit.getvalue()))
    if syntax.is_transfer_syntax and syntax.is_encapsulated:
        _refuse(
            SignatureFault.DICOM_ENCAPSULATED,
            "expected native pixels, got encapsulated ones, which stock tools neither sign nor verify",
            "Decode it first, as dcmdjpeg or gdcmconv --raw do; a signature holds for the native form alone.",
        )
    return _refuse(
        SignatureFault.DICOM_SYNTAX,
        "expected a little-endian Transfer Syntax, got another",
        "Convert it first, as dcmconv +te does.",
    )


def mac_stream(ds: "Dataset", tags: Iterable[int], item: "Dataset") -> bytes:
    """Return what a signature is over: Attributes of `ds` in this order, then those of its own item.

    Raises
    ------
    EvidenceError
        One of `tags` is not there, or cannot be signed.
    """
    parts: list[bytes] = []
    for tag in tags:
        if tag not in ds:
            _refuse(SignatureFault.DICOM_ELEMENT_REMOVED, "expected all Attributes that were signed, one is missing")
        parts.extend(_encode(ds, tag))
    for tag in sorted(item.keys()):
        if tag not in _NOT_IN_MAC:
            parts.extend(_encode(item, tag))
    return b"".join(parts)


def stock_reads(ds: "Dataset", tags: Iterable[int]) -> bool:
    """Tell whether `dcmsign` (DCMTK 3.6.7) comes to the same bytes.

    It passes them on 16 KiB at a time, and where such a piece ends within nested sequences it loses the rest of the
    inner one: it neither covers nor verifies what lies there. And it takes spaces out of UIDs before it looks.
    """
    start = 0
    for tag in tags:
        if any(vr == "UI" and b" " in value for vr, value in _leaves(ds, tag)):
            return False
        end = start + sum(len(part) for part in _encode(ds, tag))
        if vr_of(ds.get_item(tag)) == "SQ":
            piece = start // _STOCK_BUFFER_BYTES + 1
            if end > piece * (_STOCK_BUFFER_BYTES - _STOCK_SLACK_BYTES):
                return False
        start = end
    return True


def has_unknown(ds: "Dataset", tag: int) -> bool:
    """Tell whether an Attribute, or one within it, has a VR that is not known or fits no explicit one."""
    return any(vr == "UN" or (vr not in _LONG and len(value) > _MAX_SHORT_BYTES) for vr, value in _leaves(ds, tag))


def _leaves(ds: "Dataset", tag: int) -> Iterator[tuple[str, bytes]]:
    """Yield VR and value of an Attribute, or of all that lie within it."""
    element = ds.get_item(tag)
    if vr_of(element) != "SQ":
        yield vr_of(element), _value(element)
        return
    for item in ds[tag].value:
        for inner in tuple(item.keys()):
            if is_signable(int(inner)):
                yield from _leaves(item, int(inner))


def vr_of(element: "RawDataElement | DataElement") -> str:
    """Return the VR of an element as it stands in the file; UN where nothing says it."""
    vr: str | None = element.VR
    return vr or "UN"


def _encode(ds: "Dataset", tag: int) -> Iterator[bytes]:
    """Yield the bytes of one Attribute: explicit VR, little-endian; sequences without lengths."""
    element = ds.get_item(tag)
    vr = vr_of(element)
    if vr == "UN":
        _refuse(SignatureFault.DICOM_UNSIGNABLE, "expected Attributes of known VR in a signature, got one that is not")
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr.encode("ascii")
    if vr == "SQ":
        yield head + b"\0\0"
        for item in ds[tag].value:
            yield _ITEM
            for inner in sorted(item.keys()):
                if is_signable(inner):
                    yield from _encode(item, inner)
        yield _END_OF_SEQUENCE
        return
    value = _value(element)
    padding = (b"\0" if vr in {"OB", "UI", "UN"} else b" ") if len(value) % 2 else b""
    length = len(value) + len(padding)
    if vr in _LONG:
        yield head + b"\0\0" + length.to_bytes(4, "little")
    elif length <= _MAX_SHORT_BYTES:
        yield head + length.to_bytes(2, "little")
    else:
        _refuse(SignatureFault.DICOM_UNSIGNABLE, "expected values that fit their VR, got a longer one")
    yield value
    yield padding


def _value(element: "RawDataElement | DataElement") -> bytes:
    """Return the value of an element as it stands in the file."""
    from pydicom.dataelem import RawDataElement
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    if isinstance(element, RawDataElement):
        return element.value or b""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_data_element(stream, element)
    return stream.getvalue()[8:]  # tag and length of implicit VR


def _refuse(fault: SignatureFault, message: str, remedy: str = "Do not rely on the signature.") -> NoReturn:
    raise EvidenceError(fault, message, remedy=remedy)
