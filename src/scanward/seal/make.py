"""Seals a scan: its pixels, its header and the whole file, under one root."""

from collections.abc import Iterator
from hashlib import sha256

from scanward.dicomstream.reader import Element, Reader
from scanward.errors import DicomFormatError, HoldError
from scanward.model.instance import ByteSource
from scanward.model.seal import KEY_BYTES, PixelKind, PixelSeal, Seal
from scanward.seal.digest import MAX_TILES, grid_of, pixel_root, seal_bytes, seal_pixels
from scanward.seal.elements import top_elements
from scanward.seal.grades import Form
from scanward.seal.header import CHUNK_BYTES, CONTENT, header_root, seal_header
from scanward.seal.overlays import digest_unused_bits
from scanward.seal.scan import Scan
from scanward.seal.values import WORD_BYTES, swapped

_ROOT = b"\2scanward seal 1\0"
_KEY = b"\2scanward seal key\0"


def make_seal(scan: Scan, content: ByteSource, key: bytes) -> Seal:
    """Seal an instance.

    What has no decoder, or cannot be decoded, is sealed as it stands: every instance gets a seal.

    Parameters
    ----------
    scan
        The instance.
    content
        The file that it came as, whole.
    key
        Drawn at random for this seal alone; the salts are made of it.

    Raises
    ------
    DicomFormatError
        The header is not well formed.
    """
    require_key(key)
    pixels = seal_content(scan, key)
    return Seal(
        key=key,
        pixels=pixels,
        header=seal_header(
            scan.start,
            key,
            form_of(pixels),
            photometric=pixels.photometric,
            overlays=digest_unused_bits(scan.start, scan.frames if pixels.kind is PixelKind.SAMPLES else None),
        ),
        file_digest=digest_file(content),
        file_bytes=content.size,
        transfer_syntax_uid=scan.start.transfer_syntax_uid,
    )


def require_key(key: bytes) -> None:
    """Raise `ValueError` where what is given for a key cannot be one."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")


def seal_content(scan: Scan, key: bytes) -> PixelSeal:
    """Digest the pixels of an instance, or what it has in their place."""
    frames = scan.frames
    if frames is not None and frames.count * grid_of(frames.layout).count <= MAX_TILES:
        try:
            return seal_pixels(frames, key)
        except (DicomFormatError, HoldError):
            # Damaged, or larger than can be held: then every byte of it counts.
            pass
    elements = [element for element in top_elements(scan.start) if element.tag in CONTENT and element.length]
    if not elements:
        return PixelSeal(kind=PixelKind.NONE)
    return seal_bytes(_read_content(scan.start.reader, elements), key)


def form_of(pixels: PixelSeal) -> Form:
    """Return how the pixels of a seal are taken."""
    return Form.DECODED if pixels.kind is PixelKind.SAMPLES else Form.AS_IT_IS


def digest_file(content: ByteSource) -> bytes:
    """Return SHA-256 of a whole file."""
    engine = sha256()
    for at in range(0, content.size, CHUNK_BYTES):
        engine.update(content.read(at, CHUNK_BYTES))
    return engine.digest()


def seal_root(seal: Seal) -> bytes:
    """Return the one commitment to all of a seal; it tells nothing to who has not the key."""
    return sha256(
        _ROOT
        + sha256(_KEY + seal.key).digest()
        + pixel_root(seal.pixels)
        + header_root(seal.header)
        + seal.file_digest
        + seal.file_bytes.to_bytes(8, "big")
        + seal.transfer_syntax_uid.encode("ascii")
    ).digest()


def _read_content(reader: Reader, elements: list[Element]) -> Iterator[bytes]:
    """Give what elements hold, each behind its tag and length, in little endian where their VR has words."""
    for element in elements:
        end = reader.end(element, reader.size)
        yield element.tag.to_bytes(4, "big") + (end - element.value).to_bytes(8, "big")
        width = 1 if element.encoding.little or element.is_undefined else WORD_BYTES.get(element.vr, 1)
        for at in range(element.value, end, CHUNK_BYTES):
            yield swapped(reader.read(at, min(CHUNK_BYTES, end - at)), width)
