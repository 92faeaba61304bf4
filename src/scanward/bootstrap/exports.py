"""Makes pictures of scans for those who cannot show DICOM, and tells whose a leaked one was: `scanward picture`."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scanward import __version__
from scanward.adapters.home import find_home
from scanward.adapters.keys import KeyFolder
from scanward.adapters.private_files import write_private
from scanward.adapters.receive.folder import open_file
from scanward.bootstrap.chains import Custody, log_all
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import find_codec, make_notary, make_ring, make_sealer
from scanward.bootstrap.lookup import require_engines
from scanward.bootstrap.stores import Stores, open_stores
from scanward.dicomstream.opening import open_dicom
from scanward.errors import HoldError, OutputError, SourceError, UnknownError
from scanward.flow.scans import open_scan
from scanward.ingest.parse import Parser
from scanward.model.custody import CustodyEvent
from scanward.model.evidence import FingerprintFinding
from scanward.model.signing import KeyUse
from scanward.seal.statement import parse_body

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES: Final = 1024**3
QUALITY: Final = 92
"""Of JPEG: as good as nobody sees the difference."""

_DOMAIN: Final = b"scanward/export/v1\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportRequest:
    """What is exported.

    Attributes
    ----------
    scan
        The scan.
    out
        The picture: PNG or JPEG, by its suffix.
    frame
        Which frame, from 0.
    recipient
        For whom it is marked, so that a leaked copy tells whose it was; empty for nobody.
    carries
        Whether it carries its commitment in its samples, which `restore` takes out bit by bit; PNG alone.
    declares
        Whether it declares where it comes from (C2PA).
    """

    scan: Path
    out: Path
    frame: int = 0
    recipient: str = ""
    carries: bool = False
    declares: bool = True


def export_picture(request: ExportRequest, home: Path | None) -> str:
    """Write a picture of a scan, seal the scan, state the export, and return the commitment (hexadecimal).

    Raises
    ------
    EvidenceError
        It cannot be marked, or has no room for what it should carry.
    HoldError, DicomFormatError
        The scan shows no picture.
    SourceError, OutputError, StoreError, SigningError, EngineError
        Something cannot be read, written or used.
    """
    require_engines()
    mime = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}.get(request.out.suffix.lower(), "")
    if not mime or (request.carries and mime != "image/png"):
        raise OutputError("expected a name that ends in .png, or .jpg where nothing is carried", remedy="Name it so.")
    with open_stores(home) as stores:
        uid = _seal(request.scan, stores)
        commitment, blinding = _commit(stores, uid)
        data = _make(request, stores, uid, mime, commitment)
        if request.declares:
            from scanward.adapters.signatures.c2pa import sign_c2pa

            signer = make_ring(stores, now).signer(KeyUse.STATEMENTS)
            data = sign_c2pa(data, mime, signer, commitment=commitment, version=__version__)
        # Stated before it is there: what nobody finds on record was not exported by this program.
        _state(request, stores, uid, data, commitment, blinding)
        if request.out.exists():
            raise OutputError("the file for the picture is there already", remedy="Name a new file.")
        try:
            write_private(request.out, data)
        except OSError as error:
            raise OutputError(f"cannot write the picture: {os.strerror(error.errno or 0)}") from None
    return commitment.hex()


def trace_picture(picture: Path, original: Path, recipients: Sequence[str], home: Path | None) -> FingerprintFinding:
    """Return for whom a picture was marked, of those named or else of all recipients that the gateway knows.

    Raises
    ------
    EvidenceError
        The picture cannot be laid over the original.
    SourceError, HoldError
        One of them shows no picture.
    UnknownError
        Nobody is named or known.
    """
    require_engines()
    from scanward.adapters.engines.pictures import decode_grey
    from scanward.seal.forensics.fingerprint import find_recipient

    with open_file(picture) as source:
        suspect = decode_grey(source.read(0, min(source.size, MAX_BYTES)))
    if suspect is None:
        raise SourceError("expected a PNG, JPEG or TIFF as the leaked picture, got something else")
    names = list(recipients)
    if not names:
        with open_stores(home) as stores:
            names = [one.recipient_id for one in stores.ledger.recipients()]
    if not names:
        raise UnknownError("there is nobody whom it could be marked for", remedy="Name them: --recipient NAME.")
    uid, shown = _show(original, 0)
    keys = {name: _key_of(find_home(home), name) for name in names}
    return find_recipient(shown, suspect, keys, _about(uid))


def restore_picture(picture: Path, out: Path) -> str:
    """Write a picture as it was before it carried anything, and return what it carried (hexadecimal).

    Raises
    ------
    EvidenceError
        It carries nothing, or was changed since.
    SourceError, OutputError
        It cannot be read or written.
    """
    require_engines()
    import numpy as np

    from scanward.adapters.engines.pictures import decode_grey
    from scanward.seal.forensics.reversible import extract

    with open_file(picture) as source:
        samples = decode_grey(source.read(0, min(source.size, MAX_BYTES)))
    if samples is None or samples.dtype != np.uint8:
        raise SourceError("expected a PNG of 8 bits, got something else")
    carried, before = extract(samples.astype(np.uint8), 8)
    if out.exists():
        raise OutputError("the file for the picture is there already", remedy="Name a new file.")
    try:
        write_private(out, _encode(before, "image/png"))
    except OSError as error:
        raise OutputError(f"cannot write the picture: {os.strerror(error.errno or 0)}") from None
    return carried.hex()


def _make(request: ExportRequest, stores: Stores, uid: str, mime: str, commitment: bytes) -> bytes:
    from scanward.seal.forensics.fingerprint import mark_export
    from scanward.seal.forensics.reversible import embed

    shown: NDArray[np.integer[Any]]
    _, shown = _show(request.scan, request.frame)
    if shown.ndim != 2 and (request.recipient or request.carries):
        raise HoldError("expected a grey picture to be marked, got colours", remedy="Export it without a mark.")
    if request.recipient:
        shown = mark_export(shown.astype("uint8"), _key_of(stores.home, request.recipient), _about(uid))
    if request.carries:
        shown = embed(shown, commitment, 8)
    return _encode(shown, mime)


def _show(path: Path, frame: int) -> "tuple[str, NDArray[np.uint8]]":
    """Return the SOP Instance UID of a scan, and a frame as it is shown."""
    from scanward.adapters.engines.pictures import show_frame

    with open_file(path) as source:
        scan = open_scan(source, None, find_codec())
        uid = Parser().parse(scan.start).sop_instance_uid
        if scan.frames is None:
            raise HoldError(f"expected a scan that shows a picture: {scan.without_frames}")
        if not 0 <= frame < scan.frames.count:
            raise SourceError(f"expected a frame from 1 to {scan.frames.count}, got another")
        return uid, show_frame(scan.frames, frame)


def _encode(shown: "NDArray[np.integer[Any]]", mime: str) -> bytes:
    import cv2

    picture = cv2.cvtColor(shown, cv2.COLOR_RGB2BGR) if shown.ndim == 3 else shown
    kind, options = (".png", []) if mime == "image/png" else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    done, data = cv2.imencode(kind, picture, options)
    if not done:
        raise OutputError("the picture could not be coded")
    return data.tobytes()


def _seal(path: Path, stores: Stores) -> str:
    """Seal a scan, unless it is sealed already, and return its SOP Instance UID."""
    with open_file(path) as source:
        facts = Parser().parse(open_dicom(source, stores.spool))
        sealer = make_sealer(stores, now)
        if not sealer.seal_file(source, facts) and not sealer.is_sealed_as(source, facts):
            raise HoldError(
                "an instance with its SOP Instance UID was sealed before, and this one differs from it",
                remedy="See where: scanward verify. Export the original.",
            )
    log_all(stores)
    return facts.sop_instance_uid


def _commit(stores: Stores, uid: str) -> tuple[bytes, bytes]:
    """Return a commitment to the seal of a scan, which tells nothing by itself, and what opens it."""
    kept, _ = Custody(stores).find(uid)
    blinding = secrets.token_bytes(32)
    return hashlib.sha256(_DOMAIN + blinding + bytes.fromhex(kept.root)).digest(), blinding


def _state(request: ExportRequest, stores: Stores, uid: str, data: bytes, commitment: bytes, blinding: bytes) -> None:
    kept, statements = Custody(stores).find(uid)
    if not statements or parse_body(statements[0].signed.body).object_id != kept.object_id:
        raise UnknownError("expected the scan to be sealed and stated, and it is not")
    facts: dict[str, str | int] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "frame": request.frame + 1,
        "commitment": commitment.hex(),
        "opening": blinding.hex(),
    }
    if request.recipient:
        facts["marked_for"] = request.recipient
    notary = make_notary(stores, now)
    try:
        notary.say(kept.object_id, CustodyEvent.EXPORTED, facts, by="scanward picture")
    finally:
        notary.close()
    log_all(stores)


def _key_of(home: Path, recipient: str) -> bytes:
    """Return the key of the marks for a recipient."""
    return hmac.digest(KeyFolder(home).derived_key("fingerprint"), recipient.encode("utf-8", "surrogatepass"), "sha256")


def _about(uid: str) -> bytes:
    return hashlib.sha256(_DOMAIN + uid.encode("ascii", "replace")).digest()
