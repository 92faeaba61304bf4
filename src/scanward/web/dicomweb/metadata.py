"""The Attributes of a file about to leave, without its bulk data, in the DICOM JSON Model."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scanward.errors import StoreError
from scanward.ports.network import Outgoing

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from typing_extensions import Buffer

BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


class _Head(io.RawIOBase):
    """The beginning of a file, read only as far as somebody looks."""

    name = ""
    """Asked for by the reader of DICOM."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._have = bytearray()
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be sought in."""
        return True

    def tell(self) -> int:
        """Return where it is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; the end is only known once all was read."""
        if whence == io.SEEK_END:
            self._have += b"".join(self._chunks)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._have)}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: "Buffer") -> int:
        """Fill `buffer` as far as there is something; return how far."""
        with memoryview(buffer) as view:
            end = self._at + view.nbytes
            while len(self._have) < end:
                chunk = next(self._chunks, b"")
                if not chunk:
                    break
                self._have += chunk
            data = self._have[self._at : end]
            view[: len(data)] = data
        self._at += len(data)
        return len(data)


def metadata_of(outgoing: Outgoing) -> dict[str, Any]:
    """Return the Attributes of `outgoing`; those that hold bulk data are left out. Raises `StoreError`."""
    import warnings

    from pydicom import dcmread

    with warnings.catch_warnings():
        # Values that break the rules of their VR came so, and their warnings would show them.
        warnings.simplefilter("ignore")
        chunks = iter(outgoing.chunks())
        try:
            ds = dcmread(io.BufferedReader(_Head(chunks)), stop_before_pixels=True)
            _drop_bulk(ds)
            found: dict[str, Any] = ds.to_json_dict(suppress_invalid_tags=True)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - the reader raises whatever it likes, with values in the message
            raise StoreError("the Attributes of an instance cannot be shown as JSON") from None
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
    return found


def _drop_bulk(ds: "Dataset") -> None:
    for element in list(ds):
        if element.VR in BULK_VRS:
            del ds[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                _drop_bulk(item)
