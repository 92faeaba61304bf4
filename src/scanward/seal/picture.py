"""Seals and compares pictures that are no DICOM: exports as PNG, JPEG or TIFF, by their decoded samples.

Such a file has no header that is sealed; what else is in it, only the digest of the whole file covers.
"""

from dataclasses import dataclass

from scanward.model.comparison import Comparison
from scanward.model.instance import ByteSource
from scanward.model.seal import Seal
from scanward.ports.engines import FrameLayout, Samples
from scanward.seal.compare import compare_frames, same_file
from scanward.seal.digest import seal_pixels
from scanward.seal.make import digest_file, require_key

_PHOTOMETRICS = {1: "MONOCHROME2", 3: "RGB", 4: "RGBA"}
"""By samples for each pixel; the last is none of DICOM's."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Picture:
    """A decoded picture as the one frame of an instance.

    Attributes
    ----------
    samples
        (rows, columns) or (rows, columns, 3 or 4), red first; unsigned, of 8 or 16 bits, in any byte order.
    """

    samples: Samples

    def __post_init__(self) -> None:
        """Refuse what is no picture."""
        shape = self.samples.shape
        if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] not in _PHOTOMETRICS):
            raise ValueError("expected a picture of rows, columns and 1, 3 or 4 samples")
        if self.samples.dtype.kind != "u" or self.samples.dtype.itemsize > 2:
            raise ValueError("expected samples of 8 or 16 bits without a sign")

    @property
    def layout(self) -> FrameLayout:
        """How its samples are."""
        bits = 8 * self.samples.dtype.itemsize
        samples = 1 if self.samples.ndim == 2 else self.samples.shape[2]
        return FrameLayout(
            rows=self.samples.shape[0],
            columns=self.samples.shape[1],
            samples_per_pixel=samples,
            bits_allocated=bits,
            bits_stored=bits,
            high_bit=bits - 1,
            is_signed=False,
            is_planar=False,
            photometric=_PHOTOMETRICS[samples],
        )

    @property
    def count(self) -> int:
        """One frame."""
        return 1

    @property
    def decoded_photometric(self) -> str:
        """Grey or red, green, blue."""
        return self.layout.photometric

    def frame(self, index: int) -> Samples:
        """Return the samples."""
        if index:
            raise IndexError("a picture has one frame")
        return self.samples


def seal_picture(picture: Picture, content: ByteSource, key: bytes) -> Seal:
    """Seal a picture.

    Parameters
    ----------
    picture
        As decoded.
    content
        The file that it came as, whole.
    key
        Drawn at random for this seal alone.
    """
    require_key(key)
    return Seal(
        key=key,
        pixels=seal_pixels(picture, key),
        header=(),
        file_digest=digest_file(content),
        file_bytes=content.size,
        transfer_syntax_uid="",
    )


def compare_picture(seal: Seal, picture: Picture, content: ByteSource, *, is_coded_with_loss: bool) -> Comparison:
    """Compare a picture with the seal of one.

    Parameters
    ----------
    seal
        Of the original, a picture too.
    picture
        The copy, as decoded.
    content
        The file that it came as, whole.
    is_coded_with_loss
        Whether it is a JPEG, whose coding alone changes samples.
    """
    if content.size == seal.file_bytes and digest_file(content) == seal.file_digest:
        return same_file(seal)
    return compare_frames(seal.pixels, picture, seal.key, is_coded_with_loss=is_coded_with_loss)
