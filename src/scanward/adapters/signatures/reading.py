"""Tells of the digital signatures in DICOM files (implements :class:`scanward.ports.examining.SignatureReader`)."""

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from scanward.adapters.signatures.dicom import verify_dicom
from scanward.errors import EvidenceError
from scanward.model.instance import ByteSource
from scanward.model.signing import KeyRecord
from scanward.model.verdict import Found, Step, StepName

SIGNATURES: Final = 0xFFFAFFFA
"""Digital Signatures Sequence."""

MAX_BYTES: Final = 1024**3
_DEFERRED_BYTES: Final = 4096

_SEES: Final = "a change of what the signature covers, by whoever has not the key"
_MISSES: Final = "a signature that was cut out: then the file looks as if there never was one"


class SignatureSteps:
    """Checks signatures.

    Parameters
    ----------
    roots
        Returns the certificates (DER) of authorities that are trusted.
    records
        Returns what is known of keys.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        roots: Callable[[], Sequence[bytes]],
        records: Callable[[], Sequence[KeyRecord]],
        clock: Callable[[], datetime],
    ) -> None:
        self._roots = roots
        self._records = records
        self._clock = clock

    def __call__(self, content: ByteSource) -> Step:
        """Tell whether a file carries signatures, and whether they hold."""
        if content.size > MAX_BYTES:
            return _step(Found.NOT_DONE, "the file is too large to look for signatures in it")
        data = content.read(0, content.size)
        if not _has_any(data):
            return _step(Found.NO, "no digital signature is in the file")
        try:
            found = verify_dicom(data, self._roots(), now=self._clock(), records=self._records())
        except EvidenceError as error:
            says = f"a digital signature is in the file and does not hold: {error}"
            return _step(Found.CANNOT_TELL, says, {"fault": error.fault.value})
        figures = {"signed": [one.signed_at.isoformat() for one in found], "trusted": [one.trusted for one in found]}
        return _step(Found.YES, "what the signature in the file covers is as it was signed", figures)


def _has_any(data: bytes) -> bool:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return SIGNATURES in pydicom.dcmread(io.BytesIO(data), force=True, defer_size=_DEFERRED_BYTES)
    except (InvalidDicomError, ValueError, KeyError, TypeError, AttributeError, OSError, NotImplementedError, EOFError):
        return False


def _step(found: Found, says: str, figures: dict[str, object] | None = None) -> Step:
    return Step(name=StepName.SIGNATURE, found=found, says=says, sees=_SEES, misses=_MISSES, figures=figures or {})
