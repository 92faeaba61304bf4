"""Headers in bytes."""

from __future__ import annotations

import pytest

from scanward.dicomstream.encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    encode_element,
    encode_header,
    encode_item_header,
)
from scanward.errors import DicomFormatError


@pytest.mark.parametrize(
    ("vr", "encoding", "expected"),
    [
        (b"PN", EXPLICIT_LITTLE, b"\x10\0\x10\0PN\4\0A^B "),
        (b"PN", EXPLICIT_BIG, b"\0\x10\0\x10PN\0\4A^B "),
        (b"PN", IMPLICIT_LITTLE, b"\x10\0\x10\0\4\0\0\0A^B "),
        (b"UN", EXPLICIT_LITTLE, b"\x10\0\x10\0UN\0\0\4\0\0\0A^B\0"),
        (b"UI", EXPLICIT_LITTLE, b"\x10\0\x10\0UI\4\0A^B\0"),
        (b"UT", EXPLICIT_BIG, b"\0\x10\0\x10UT\0\0\0\0\0\4A^B "),
        (b"OW", IMPLICIT_LITTLE, b"\x10\0\x10\0\4\0\0\0A^B\0"),
    ],
)
def test_odd_values_are_padded_as_their_vr_wants(vr, encoding, expected) -> None:
    assert encode_element(0x00100010, vr, b"A^B", encoding) == expected


def test_every_vr_of_the_standard_has_one_form() -> None:
    from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

    assert {vr.decode() for vr in LONG_VRS} == {str(vr.value) for vr in EXPLICIT_VR_LENGTH_32}
    assert {vr.decode() for vr in SHORT_VRS} == {str(vr.value) for vr in EXPLICIT_VR_LENGTH_16}


def test_a_length_that_does_not_fit_is_refused_and_names_the_attribute_only() -> None:
    with pytest.raises(DicomFormatError, match=r"\(0010,0010\) with VR PN: expected at most 65535 bytes, got 65536"):
        encode_element(0x00100010, b"PN", b"x" * 65536, EXPLICIT_LITTLE)
    with pytest.raises(DicomFormatError, match=r"\(0040,A730\): expected less than 4 GiB"):
        encode_header(0x0040A730, b"SQ", 1 << 32, EXPLICIT_LITTLE)
    with pytest.raises(DicomFormatError, match=r"\(FFFE,E000\): expected less than 4 GiB"):
        encode_item_header(0xFFFEE000, 1 << 32, EXPLICIT_BIG)
