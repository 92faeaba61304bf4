"""Opens scans for sealing and for checking, in the gateway, on the command line and in the web alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanward.deidentify.header.scan import Scanner
from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, HoldError
from scanward.model.instance import ByteSource
from scanward.seal.scan import Scan

if TYPE_CHECKING:
    from scanward.ports.engines import FrameCodec

NO_PIXELS: Final = "there are no pixels"
NOBODY_DECODES: Final = "nothing is set up that decodes pixels"


def open_scan(source: ByteSource, spool: Path | None, codec: "FrameCodec | None") -> Scan:
    """Open an instance and its frames; what cannot be decoded is no error, but told.

    Parameters
    ----------
    source
        The file, or a bare data set.
    spool
        Folder for what a deflated data set inflates to; None for the system's.
    codec
        Decodes encapsulated frames; None where nothing is installed that does, so that there are no frames at all.

    Raises
    ------
    NotDicomError
        It is not DICOM.
    UnsupportedSyntaxError
        Its Transfer Syntax is not known.
    DicomFormatError
        Its header is not well formed, or names no instance.
    OutputError
        There is no room in `spool`.
    """
    start = open_dicom(source, spool)
    facts = Scanner().scan(start)
    if codec is None:
        return Scan(start=start, frames=None, without_frames=NOBODY_DECODES, is_unseen=True)
    # Loaded when the first scan is opened: commands that open none do not wait for it.
    from scanward.deidentify.pixels.frames import open_frames

    try:
        frames = open_frames(start, facts, codec)
    except (DicomFormatError, HoldError) as error:
        return Scan(start=start, frames=None, without_frames=str(error), is_unseen=isinstance(error, HoldError))
    if frames is None:
        return Scan(start=start, frames=None, without_frames=NO_PIXELS)
    return Scan(start=start, frames=frames)
