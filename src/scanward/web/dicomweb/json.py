"""Attributes in the DICOM JSON Model (PS3.18 Annex F)."""

from collections.abc import Iterable

DICOM_JSON = "application/dicom+json"


def attribute(vr: str, *values: str | int) -> dict[str, object]:
    """Return an Attribute; without `Value` where there are none."""
    present = [value for value in values if value != ""]
    return {"vr": vr, "Value": present} if present else {"vr": vr}


def sequence(items: Iterable[dict[str, object]]) -> dict[str, object]:
    """Return a Sequence."""
    return {"vr": "SQ", "Value": list(items)}
