"""Registered UIDs and Transfer Syntaxes equal what pydicom knows."""

import pytest
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from scanward.standard.uids import find_transfer_syntax, is_registered, name_of

NO_DATA_SET_ENCODING = {"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2"}
# pydicom takes everything it does not know better for encapsulated and little endian.
PIXELS_ELSEWHERE = {
    f"1.2.840.10008.1.2.{suffix}" for suffix in ("4.94", "4.95", "4.204", "4.205", "7.1", "7.2", "7.3")
} | {"1.2.840.10008.1.20"}


@pytest.mark.parametrize("uid", sorted(UID_dictionary))
def test_what_pydicom_has_is_registered(uid: str) -> None:
    assert is_registered(uid)
    assert name_of(uid) == UID_dictionary[uid][0]


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008",
        "1.2.840.10008.",
        "1.2.840.10008.9.9.9",
        "1.2.840.10008.5.1.4.1.1.2.19560312",
        "1.2.840.10008.6.1.",
        "1.2.840.10008.6.1.0",
        "1.2.840.10008.6.1.2000",
        "1.2.840.10008.6.1.19560312",
        "1.2.840.10008.6.1.1.1",
        "1.2.840.10008.6.1.\u0661",
        "1.2.840.113619.5.2",
        "2.25.1",
        "",
    ],
)
def test_what_is_not_in_the_registry_is_not_registered(uid: str) -> None:
    assert not is_registered(uid)
    assert name_of(uid) == ""


@pytest.mark.parametrize("uid", ["1.2.840.10008.6.1.2", "1.2.840.10008.6.1.1000", "1.2.840.10008.1.4.1.1"])
def test_context_groups_and_frames_of_reference_are_registered(uid: str) -> None:
    assert is_registered(uid)


def test_transfer_syntaxes_are_encoded_as_pydicom_says() -> None:
    compared = 0
    for uid, (name, kind, *_rest) in UID_dictionary.items():
        if kind != "Transfer Syntax" or uid in NO_DATA_SET_ENCODING | PIXELS_ELSEWHERE:
            continue
        syntax = find_transfer_syntax(uid)
        assert syntax is not None
        assert syntax.name == name
        assert syntax.implicit is UID(uid).is_implicit_VR
        assert syntax.little_endian is UID(uid).is_little_endian
        assert syntax.deflated is UID(uid).is_deflated
        assert syntax.encapsulated is UID(uid).is_encapsulated
        compared += 1
    assert compared >= 49  # another library may have registered more


@pytest.mark.parametrize("uid", sorted(PIXELS_ELSEWHERE))
def test_syntaxes_without_fragments_are_not_encapsulated(uid: str) -> None:
    syntax = find_transfer_syntax(uid)
    assert syntax is not None
    assert not syntax.encapsulated
    assert syntax.little_endian
    assert syntax.deflated is uid.endswith(("4.95", "4.205"))
    assert syntax.implicit is uid.endswith(".20")


@pytest.mark.parametrize("suffix", ["4.110", "4.111", "4.112", "8.1"])
def test_syntaxes_newer_than_the_registry_are_known(suffix: str) -> None:
    syntax = find_transfer_syntax(f"1.2.840.10008.1.2.{suffix}")
    assert syntax is not None
    assert (syntax.implicit, syntax.little_endian, syntax.deflated, syntax.encapsulated) == (False, True, False, True)


@pytest.mark.parametrize("uid", ["1.2.840.113619.5.2", "1.2.840.10008.5.1.4.1.1.2", "", *sorted(NO_DATA_SET_ENCODING)])
def test_other_uids_are_no_transfer_syntax(uid: str) -> None:
    assert find_transfer_syntax(uid) is None
