"""Reads a file with pydicom into flat rows, whatever is broken in it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanward.errors import DicomFormatError, NotDicomError, SourceError
from scanward.model.attribute import Tag, format_tag

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_ROWS = 500_000
"""More elements than this are not looked at: the largest enhanced multi-frame headers have fewer."""

DEFER_BYTES = 1 << 20
"""Longer values stay on the disk until they are looked at."""

_EXPECTED = ("SOPClassUID", "PatientID", "PatientName", "Modality")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One element: where it stands, what it is and its value as text or bytes."""

    path: str
    tags: str
    tag: Tag
    keyword: str
    vr: str
    text: str
    data: bytes
    length: int
    creator: str


@contextmanager
def _lenient() -> Iterator[None]:
    """Let pydicom read what breaks the rules: here it is shown, not written."""
    from pydicom import config

    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_data_set(path: Path) -> "Dataset":
    """Read the file at `path`, with or without preamble; long values are left on the disk.

    Raises
    ------
    SourceError
        When it cannot be read; `NotDicomError` when it is not DICOM.
    DicomFormatError
        When it is not well formed.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with _lenient():
        try:
            with path.open("rb") as stream:  # ours, since pydicom leaves it open on some errors
                ds = dcmread(stream, defer_size=DEFER_BYTES, force=True)
        except OSError as error:
            raise SourceError(f"the file cannot be read: {error.strerror or 'error'}") from None
        except InvalidDicomError:
            raise _not_dicom() from None
        except Exception as error:  # noqa: BLE001 - pydicom has no common base for what a broken file makes it raise
            raise DicomFormatError(
                f"expected a well-formed DICOM file, but reading it ended in a {type(error).__name__}"
            ) from None
    if not any(keyword in ds for keyword in _EXPECTED) and not getattr(ds, "file_meta", None):
        raise _not_dicom()
    return ds


def _not_dicom() -> NotDicomError:
    return NotDicomError("expected a DICOM file, got something else")


def read_rows(ds: "Dataset") -> Iterator[Row]:
    """Yield every element of `ds` in order, those inside sequences after the sequence itself."""
    with _lenient():
        levels: list[tuple[Dataset, Iterator[Any], str, str]] = [(ds, iter(sorted(ds.keys())), "", "")]
        count = 0
        while levels and count < MAX_ROWS:
            owner, tags, path, tag_path = levels[-1]
            tag = next(tags, None)
            if tag is None:
                levels.pop()
                continue
            count += 1
            row, items = _row(owner, int(tag), path, tag_path)
            yield row
            levels.extend((item, iter(sorted(item.keys())), f"{row.path}.", f"{row.tags}.") for item in reversed(items))


def _row(owner: "Dataset", tag: Tag, path: str, tag_path: str) -> tuple[Row, list["Dataset"]]:
    from pydicom.datadict import keyword_for_tag

    keyword = keyword_for_tag(tag)
    shown = keyword or format_tag(tag)
    try:
        element = owner[tag]
        vr, value = str(element.VR), element.value
    except Exception:  # noqa: BLE001 - a value that does not fit its VR still counts as an element
        vr, value = "UN", None
    items = list(value) if vr == "SQ" and value else []
    data = value if isinstance(value, bytes) else b""
    row = Row(
        path=f"{path}{shown}",
        tags=f"{tag_path}{format_tag(tag)}",
        tag=tag,
        keyword=keyword,
        vr=vr,
        text="" if vr == "SQ" or data or value is None else _text(value),
        data=data[:DEFER_BYTES],
        length=len(data),
        creator=_creator(owner, tag),
    )
    return row, items


def _text(value: Any) -> str:
    """Return a value as text, several joined by a backslash as in the file."""
    try:
        if isinstance(value, str):
            return value
        if hasattr(value, "__iter__") and not hasattr(value, "original_string"):
            return "\\".join(str(one) for one in value)
        return str(value)
    except Exception:  # noqa: BLE001 - a person name in a broken character set, for one
        return ""


def _creator(owner: "Dataset", tag: Tag) -> str:
    """Return the creator of a private element, empty for standard ones and where it is missing."""
    if not tag >> 16 & 1 or tag & 0xFFFF < 0x1000:
        return ""
    try:
        return str(owner[(tag >> 16 << 16) | (tag >> 8 & 0xFF)].value or "").strip()
    except Exception:  # noqa: BLE001 - not there, or not readable
        return ""
