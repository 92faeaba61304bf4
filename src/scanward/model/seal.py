"""What a seal of an instance is: digests that show any later edit, and where.

A seal is as secret as what it seals: its key opens the salts, and with them a guess at a header value can be tried.
What leaves it, into the log, is a commitment that tells nothing.
"""

from dataclasses import dataclass, field
from enum import StrEnum

TILE_PIXELS = 64
"""Side of a tile: an edit is located to as much."""

DIGEST_BYTES = 32
"""SHA-256."""

KEY_BYTES = 32
"""Of the key that the salts of a seal are made of."""


class Grade(StrEnum):
    """What it means that a value of the header differs; what is in no grade is not sealed."""

    IMMUTABLE = "immutable"
    """It is another instance, or shows something else: UIDs, geometry, rescale, how samples are stored."""

    COERCIBLE = "coercible"
    """An archive may put it right (PS3.4 B.4.1.3): names, IDs, descriptions."""


class PixelKind(StrEnum):
    """What the digests of pixels are of."""

    SAMPLES = "samples"
    """Decoded samples, so that lossless transcoding changes nothing."""

    BYTES = "bytes"
    """The value of the element as it stands: video, and what has no decoder; any transcoding shows."""

    NONE = "none"
    """There are no pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderLeaf:
    """The digest of one value of the header.

    Attributes
    ----------
    path
        Where: tags in hexadecimal, items in brackets, as ``00081140[0].00081155``; private ones by their creator.
    grade
        What it means that it differs.
    digest
        Of the value, with its salt.
    """

    path: str
    grade: Grade
    digest: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelSeal:
    """The digests of the pixels of an instance.

    Attributes
    ----------
    kind
        What they are of.
    rows, columns, samples_per_pixel, bits_stored, is_signed, photometric
        How samples are, once decoded; 0 and empty unless `kind` is SAMPLES.
    frames
        How many.
    digests
        32 bytes each: the tiles of the first frame row by row, then those of the next; one alone for BYTES.
    """

    kind: PixelKind
    rows: int = 0
    columns: int = 0
    samples_per_pixel: int = 0
    bits_stored: int = 0
    is_signed: bool = False
    photometric: str = ""
    frames: int = 0
    digests: bytes = field(default=b"", repr=False)

    @property
    def grid(self) -> tuple[int, int]:
        """How many tiles a frame has: down and across."""
        return -(-self.rows // TILE_PIXELS), -(-self.columns // TILE_PIXELS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """What shows any later edit of an instance, and where.

    Attributes
    ----------
    key
        Of which the salts are made: secret, drawn for this seal alone.
    pixels
        Digests of the pixels.
    header
        Digests of the header, by path.
    file_digest
        SHA-256 of the whole file as it came.
    file_bytes
        Its length.
    transfer_syntax_uid
        How it was coded; empty for a picture that is no DICOM.
    """

    key: bytes = field(repr=False)
    pixels: PixelSeal
    header: tuple[HeaderLeaf, ...] = field(repr=False)
    file_digest: bytes = field(repr=False)
    file_bytes: int
    transfer_syntax_uid: str
