"""What the web needs, handed over by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scanward.config import HttpSettings
from scanward.flow.staff import Staff
from scanward.model.chains import CustodyReport
from scanward.model.faces import FaceVolume
from scanward.model.instance import ByteSource
from scanward.model.release import OutboxItem, Release
from scanward.model.verdict import Verdict
from scanward.ports.files import Sources
from scanward.ports.intake import Intake
from scanward.ports.ledger import Desk, Ledger, Registry
from scanward.ports.network import Outgoing
from scanward.ports.stores import Sealing


@dataclass(frozen=True, kw_only=True, slots=True)
class WebServices:
    """What the web needs.

    Attributes
    ----------
    intake
        Takes instances in.
    ledger, desk, registry, sealing
        What is known.
    staff
        What people may change.
    open_outgoing
        Opens the file of an item that a recipient may fetch, by release, item and source blob; raises `StoreError`.
    may_still_leave
        Which instances of a release may leave as of now, and as they are; asked before anything is handed out.
    note_fetched
        Notes that a recipient fetches an item, before it gets a byte; raises `StateError` where it may not any more.
    find_volumes
        Finds what looking for faces came to in the study of a release, with pictures that show who it is; raises
        `UnknownError`, `StoreError`.
    open_upload
        Opens an uploaded file, a zip archive or a DICOM file, as a place to find inputs in.
    verify
        Tells what is known of a file, for several threads; raises `EvidenceError` where what vouches for its seal does
        not hold, `StoreError`, and others where the file cannot be read.
    custody
        Returns the custody of a study or an instance, by its UID; raises `UnknownError`, `EvidenceError`, `StoreError`.
    seal_file
        Returns the seal of an instance with all that vouches for it, by its UID; raises as `custody`.
    http
        Settings.
    spool
        Folder for what is being received, as secret as the instances.
    min_free_bytes
        Not ready while the disk of the spool has less room.
    checks
        What else has to hold for being ready, by name.
    clock
        Tells the time, aware UTC.
    token_key
        Key of local tokens and sessions, at least 32 bytes.
    version
        Of Scanward.
    """

    intake: Intake
    ledger: Ledger
    desk: Desk
    registry: Registry
    sealing: Sealing
    staff: Staff
    open_outgoing: Callable[[Release, OutboxItem, str], Outgoing]
    may_still_leave: Callable[[Release], Callable[[OutboxItem], bool]]
    note_fetched: Callable[[Release, OutboxItem], None]
    find_volumes: Callable[[str], Sequence[FaceVolume]]
    open_upload: Callable[[Path], AbstractContextManager[Sources]]
    verify: Callable[[ByteSource], Verdict]
    custody: Callable[[str], CustodyReport]
    seal_file: Callable[[str], bytes]
    http: HttpSettings
    spool: Path
    clock: Callable[[], datetime]
    token_key: bytes = field(repr=False)
    version: str
    min_free_bytes: int = 0
    checks: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
