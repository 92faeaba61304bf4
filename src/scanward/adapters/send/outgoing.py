"""What every door out asks of a file before and while it leaves."""

import re
from collections.abc import Iterable, Iterator

from scanward.errors import StoreError
from scanward.model.release import Delivery, DeliveryReport
from scanward.ports.network import Outgoing

UNREADABLE = "the file to send cannot be read"
"""Detail of a report: ours, not the recipient's fault."""

_PART = re.compile(r"[0-9A-Za-z-][0-9A-Za-z.-]{0,127}")
_UID = re.compile(r"[0-9.]{1,64}")


def report(file: Outgoing, delivery: Delivery, detail: str = "") -> DeliveryReport:
    """Return how sending `file` ended."""
    return DeliveryReport(sop_instance_uid=file.sop_instance_uid, delivery=delivery, detail=detail)


def report_all(files: Iterable[Outgoing], delivery: Delivery, detail: str) -> Iterator[DeliveryReport]:
    """Yield the same end for each of `files`."""
    for file in files:
        yield report(file, delivery, detail)


def find_path_parts(file: Outgoing) -> tuple[str, ...] | None:
    """Return the parts of the path of `file`, or None when one of them could lead elsewhere or tell something."""
    parts = tuple(file.path.split("/"))
    sound = len(parts) == 4 and all(_PART.fullmatch(part) for part in parts) and parts[3].endswith(".dcm")
    return parts if sound and not parts[3].startswith(".dcm") else None


def has_sound_uid(file: Outgoing) -> bool:
    """Whether the SOP Instance UID is one, so that it can be part of a name."""
    return _UID.fullmatch(file.sop_instance_uid) is not None


def exact_chunks(file: Outgoing) -> Iterator[bytes]:
    """Yield the bytes of `file`, no empty ones, never more than its size.

    Raises
    ------
    StoreError
        When it cannot be read, or is not as long as it says: before anything beyond its length is yielded, and at the
        end when something lacks.
    """
    left = file.size_bytes
    for chunk in file.chunks():
        if not chunk:
            continue
        if len(chunk) > left:
            raise StoreError("a file to send is longer than recorded")
        left -= len(chunk)
        yield chunk
    if left:
        raise StoreError("a file to send is shorter than recorded")
