"""Seal files for those who may have the scan; no browser and no proxy keeps them."""

from fastapi import Response

NAME = "scan.seal"
"""What each is called: its UID would say which scan it is of."""


def seal_response(data: bytes) -> Response:
    """Return a seal file as a download."""
    headers = {"Content-Disposition": f'attachment; filename="{NAME}"', "Cache-Control": "no-store"}
    return Response(data, media_type="application/octet-stream", headers=headers)
