"""Opens DICOM with the tables of the standard: VRs of Attributes (PS3.6) and encodings of Transfer Syntaxes."""

from pathlib import Path

from scanward.dicomstream.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding
from scanward.dicomstream.part10 import DataSetStart, open_data_set
from scanward.model.attribute import Tag
from scanward.model.instance import ByteSource
from scanward.standard.dictionary import vr_of
from scanward.standard.uids import find_transfer_syntax


def vr_bytes_of(tag: Tag) -> bytes:
    """Return the VR of a tag as the two bytes that encode it."""
    return vr_of(tag).encode("ascii")


def encoding_of(transfer_syntax_uid: str) -> tuple[Encoding, bool] | None:
    """Return layout and whether deflated of a Transfer Syntax, or None where it is unknown."""
    syntax = find_transfer_syntax(transfer_syntax_uid)
    if syntax is None:
        return None
    if not syntax.little_endian:
        return EXPLICIT_BIG, False
    return (IMPLICIT_LITTLE if syntax.implicit else EXPLICIT_LITTLE), syntax.deflated


def open_dicom(source: ByteSource, spool: Path | None = None) -> DataSetStart:
    """Open a DICOM file or bare data set with the tables of the standard; raises as `open_data_set`."""
    return open_data_set(source, vr_of=vr_bytes_of, encoding_of=encoding_of, spool=spool)
