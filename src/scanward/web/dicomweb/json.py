"""Attributes in the DICOM JSON Model (PS3.18 Annex F)."""

from collections.abc import Iterable
from typing import Any

from fastapi.responses import JSONResponse

DICOM_JSON = "application/dicom+json"


class DicomJsonResponse(JSONResponse):
    """An answer in the DICOM JSON Model."""

    media_type = DICOM_JSON


def described(*media_types: str, text: str) -> dict[str, Any]:
    """Return how an answer is described that comes in one of these media types."""
    return {"description": text, "content": {one: {} for one in media_types}}


def attribute(vr: str, *values: str | int) -> dict[str, object]:
    """Return an Attribute; without `Value` where there are none."""
    present = [value for value in values if value != ""]
    return {"vr": vr, "Value": present} if present else {"vr": vr}


def sequence(items: Iterable[dict[str, object]]) -> dict[str, object]:
    """Return a Sequence."""
    return {"vr": "SQ", "Value": list(items)}
