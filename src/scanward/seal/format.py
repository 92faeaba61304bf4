r"""A seal as bytes, to be kept beside what it seals.

The layout, version 1; numbers are big-endian:

======================  ========================================================================================
``SCANWARD SEAL\n``      14 bytes
version                 1 byte: 1
key                     32 bytes
file digest             32 bytes, SHA-256
file bytes              8 bytes
Transfer Syntax         1 byte for the length, then a UID; empty for a picture that is no DICOM
pixel kind              1 byte: 0 none, 1 bytes, 2 samples
layout                  rows 4, columns 4, samples per pixel 1, Bits Stored 1, is signed 1, frames 4
photometric             1 byte for the length, then text
tiles                   32 bytes each; how many the layout says, or 1 for bytes, or 0 for none
Attributes              4 bytes for the number, then each: 1 byte grade (0 immutable, 1 coercible), 2 bytes for the
                        length of its path, path, 32 bytes; ordered by path
root                    32 bytes: `seal_root` of all before
======================  ========================================================================================

Every seal has exactly one form, and nothing else is taken for one. The root shows damage; that a seal is the one that
was made, only the log shows.
"""

import re
from struct import Struct
from typing import Final

from scanward.errors import EvidenceError
from scanward.model.seal import DIGEST_BYTES, KEY_BYTES, Grade, HeaderLeaf, PixelKind, PixelSeal, Seal
from scanward.seal.digest import MAX_TILES
from scanward.seal.faults import SealFault
from scanward.seal.header import MAX_LEAVES, MAX_PATH_CHARACTERS
from scanward.seal.make import seal_root

MAGIC: Final = b"SCANWARD SEAL\n"
VERSION: Final = 1

MAX_SEAL_BYTES: Final = MAX_TILES * DIGEST_BYTES + MAX_LEAVES * (MAX_PATH_CHARACTERS + 3 + DIGEST_BYTES) + 1024
"""All tiles and all Attributes that there may be, and a little for the rest."""

_KINDS: Final = (PixelKind.NONE, PixelKind.BYTES, PixelKind.SAMPLES)
_GRADES: Final = (Grade.IMMUTABLE, Grade.COERCIBLE)
_LAYOUT: Final = Struct(">IIBBBI")
_LEAF: Final = Struct(">BH")

_UID: Final = re.compile(r"[0-9.]{0,64}")
_PHOTOMETRIC: Final = re.compile(r"[A-Z0-9_ ]{1,16}")
_STEP: Final = r'(?:[0-9A-F]{8}|[0-9A-F]{4}"[A-Za-z0-9 _.%-]+"(?:[0-9A-F]{2})?)(?:#[0-9]+)?'
_PATH: Final = re.compile(rf"{_STEP}(?:\[[0-9]+\]\.{_STEP})*(?:\[(?:[0-9]+|\*)\])?")

_REMEDY: Final = "Take the seal from where it was kept first, or from a backup; it cannot be put right."


def encode_seal(seal: Seal) -> bytes:
    """Return a seal as bytes."""
    pixels = seal.pixels
    syntax, photometric = seal.transfer_syntax_uid.encode("ascii"), pixels.photometric.encode("ascii")
    layout = _LAYOUT.pack(
        pixels.rows,
        pixels.columns,
        pixels.samples_per_pixel,
        pixels.bits_stored,
        int(pixels.is_signed),
        pixels.frames,
    )
    parts = [
        MAGIC,
        bytes((VERSION,)),
        seal.key,
        seal.file_digest,
        seal.file_bytes.to_bytes(8, "big"),
        bytes((len(syntax),)),
        syntax,
        bytes((_KINDS.index(pixels.kind),)),
        layout,
        bytes((len(photometric),)),
        photometric,
        pixels.digests,
        len(seal.header).to_bytes(4, "big"),
    ]
    for leaf in seal.header:
        path = leaf.path.encode("ascii")
        parts += (_LEAF.pack(_GRADES.index(leaf.grade), len(path)), path, leaf.digest)
    return b"".join((*parts, seal_root(seal)))


def parse_seal(data: bytes) -> Seal:
    """Return a seal that was encoded.

    Raises
    ------
    EvidenceError
        The bytes are no seal, or not as they were; `SealFault` tells what is wrong.
    """
    # 1. What it is, before anything in it is believed.
    if len(data) > MAX_SEAL_BYTES:
        raise _fault(SealFault.TOO_LARGE, f"expected at most {MAX_SEAL_BYTES} bytes, got {len(data)}")
    if not data.startswith(MAGIC):
        raise _fault(SealFault.NOT_A_SEAL, "expected a seal, got something else")
    source = _Source(data, len(MAGIC))
    version = source.number(1)
    if version != VERSION:
        raise _fault(SealFault.VERSION, f"expected version {VERSION}, got {version}")
    # 2. Its parts.
    key, file_digest, file_bytes = source.take(KEY_BYTES), source.take(DIGEST_BYTES), source.number(8)
    syntax = source.text(1, _UID, SealFault.TRANSFER_SYNTAX, "a Transfer Syntax UID")
    pixels = _parse_pixels(source)
    header = _parse_header(source)
    root = source.take(DIGEST_BYTES)
    if source.at != len(data):
        raise _fault(SealFault.TRAILING, f"expected the end, got {len(data) - source.at} more bytes")
    # 3. That they belong together.
    seal = Seal(
        key=key,
        pixels=pixels,
        header=header,
        file_digest=file_digest,
        file_bytes=file_bytes,
        transfer_syntax_uid=syntax,
    )
    if seal_root(seal) != root:
        raise _fault(SealFault.ROOT, "expected the root of what is in it, got another")
    return seal


class _Source:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        if self.at + length > len(self._data):
            raise _fault(SealFault.TRUNCATED, f"expected {length} bytes at offset {self.at}, got the end")
        self.at += length
        return self._data[self.at - length : self.at]

    def number(self, length: int) -> int:
        """Return the next bytes as a number."""
        return int.from_bytes(self.take(length), "big")

    def text(self, length_bytes: int, pattern: re.Pattern[str], fault: SealFault, what: str) -> str:
        """Return the next text, behind its length."""
        text = self.take(self.number(length_bytes)).decode("latin-1")
        if not pattern.fullmatch(text):
            raise _fault(fault, f"expected {what}, got something else")
        return text


def _parse_pixels(source: _Source) -> PixelSeal:
    number = source.number(1)
    if number >= len(_KINDS):
        raise _fault(SealFault.PIXEL_KIND, f"expected a kind of pixels below {len(_KINDS)}, got {number}")
    kind = _KINDS[number]
    rows, columns, samples, stored, signed, frames = _LAYOUT.unpack(source.take(_LAYOUT.size))
    if kind is not PixelKind.SAMPLES:
        if any((rows, columns, samples, stored, signed, frames)):
            raise _fault(SealFault.LAYOUT, "expected no rows, columns or frames where there are no samples, got some")
        if source.number(1):
            raise _fault(SealFault.PHOTOMETRIC, "expected no Photometric Interpretation without samples, got one")
        return PixelSeal(kind=kind, digests=source.take(DIGEST_BYTES) if kind is PixelKind.BYTES else b"")
    if not (0 < rows <= 1 << 31 and 0 < columns <= 1 << 31 and samples in (1, 3, 4) and 0 < stored <= 32):
        raise _fault(SealFault.LAYOUT, "expected rows, columns, samples and bits of an image, got others")
    if signed > 1 or not frames:
        raise _fault(SealFault.LAYOUT, "expected a sign of 0 or 1 and at least one frame, got others")
    photometric = source.text(1, _PHOTOMETRIC, SealFault.PHOTOMETRIC, "a Photometric Interpretation")
    pixels = PixelSeal(
        kind=kind,
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        bits_stored=stored,
        is_signed=bool(signed),
        photometric=photometric,
        frames=frames,
    )
    down, across = pixels.grid
    tiles = down * across * frames
    if tiles > MAX_TILES:
        raise _fault(SealFault.TILES, f"expected at most {MAX_TILES} tiles, got {tiles}")
    return PixelSeal(
        kind=kind,
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        bits_stored=stored,
        is_signed=bool(signed),
        photometric=photometric,
        frames=frames,
        digests=source.take(tiles * DIGEST_BYTES),
    )


def _parse_header(source: _Source) -> tuple[HeaderLeaf, ...]:
    number = source.number(4)
    if number > MAX_LEAVES:
        raise _fault(SealFault.LEAF_COUNT, f"expected at most {MAX_LEAVES} Attributes, got {number}")
    leaves: list[HeaderLeaf] = []
    for _ in range(number):
        grade = source.number(1)
        if grade >= len(_GRADES):
            raise _fault(SealFault.GRADE, f"expected a grade below {len(_GRADES)}, got {grade}")
        path = source.text(2, _PATH, SealFault.PATH, "the path of an Attribute")
        if len(path) > MAX_PATH_CHARACTERS:
            raise _fault(SealFault.PATH, f"expected a path of at most {MAX_PATH_CHARACTERS} characters")
        if leaves and path <= leaves[-1].path:
            raise _fault(SealFault.ORDER, "expected Attributes ordered by path, each once, got others")
        leaves.append(HeaderLeaf(path=path, grade=_GRADES[grade], digest=source.take(DIGEST_BYTES)))
    return tuple(leaves)


def _fault(fault: SealFault, message: str) -> EvidenceError:
    return EvidenceError(fault, f"seal: {message}", remedy=_REMEDY)
