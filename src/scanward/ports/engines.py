"""What sees: models that find and read text, and coders of frames. Trusted to see, never to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""What a viewer would show: rows, columns, 3 (RGB), 8 bit."""

Samples = NDArray[np.generic]
"""Stored values of one frame: (rows, columns) or (rows, columns, samples per pixel), integers as wide as allocated."""

Quad = NDArray[np.float32]
"""Four corners, (4, 2): x and y in pixels, around the region in order."""


@dataclass(frozen=True, slots=True)
class FoundText:
    """A region that looks like text.

    Attributes
    ----------
    quad
        Where, with some margin.
    score
        How much it looks like text, 0 to 1.
    """

    quad: Quad
    score: float


@dataclass(frozen=True, slots=True)
class ReadText:
    """What a region reads as; never logged and never in an error.

    Attributes
    ----------
    text
        The characters.
    confidence
        Mean over the characters, 0 to 1.
    """

    text: str
    confidence: float

    def __repr__(self) -> str:
        """Tell the length only."""
        return f"ReadText(<{len(self.text)} characters>, {self.confidence:.2f})"


class TextEngine(Protocol):
    """Finds text in pictures; one for each process, loaded once."""

    @property
    def name(self) -> str:
        """Model and version, for the report."""
        ...

    def find(self, picture: Picture, *, enlarge: float = 1.0, seeded: bool = True) -> list[FoundText]:
        """Return all regions that look like text, in any script and direction.

        Parameters
        ----------
        picture
            What to look at.
        enlarge
            How much larger than usual it is looked at: what is small and faint is found, at the square of the cost.
        seeded
            Whether text is put beside the picture for the look, which the engine has to find as its own test.

        Raises
        ------
        EngineError
            The engine did not find the text that it put there itself: its word means nothing, so nothing may leave.
        """
        ...

    def follow(self, picture: Picture, quads: Sequence[Quad], covered: NDArray[np.bool_]) -> list[Quad]:
        """Return what stands in the lines of regions, to both sides of them, and does not look like text by itself.

        Parameters
        ----------
        picture
            What the regions are of.
        quads
            Regions that are text.
        covered
            Which pixels are known to be text: (rows, columns).
        """
        ...

    def read(self, picture: Picture, quads: Sequence[Quad]) -> list[ReadText]:
        """Return what regions read as, in their order; empty text where nothing can be read."""
        ...


class BarcodeEngine(Protocol):
    """Finds barcodes and QR codes."""

    def find(self, picture: Picture) -> list[Quad]:
        """Return where they are."""
        ...


class FaceEngine(Protocol):
    """Finds faces of people."""

    def find(self, picture: Picture) -> list[Quad]:
        """Return where they are."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameLayout:
    """How the samples of a frame are stored (PS3.3 C.7.6.3), raw as the header says.

    Attributes
    ----------
    rows, columns, samples_per_pixel, bits_allocated, bits_stored, high_bit
        Of each frame.
    is_signed
        Pixel Representation is 1.
    is_planar
        Planar Configuration is 1.
    photometric
        Photometric Interpretation.
    """

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    is_planar: bool
    photometric: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedFrame:
    """A frame as coded anew.

    Attributes
    ----------
    data
        The codestream, of even length, in one fragment.
    transfer_syntax_uid
        Its Transfer Syntax.
    photometric
        Photometric Interpretation that goes with it.
    is_lossy
        Whether coding may have changed pixels outside of what was filled.
    """

    data: bytes
    transfer_syntax_uid: str
    photometric: str
    is_lossy: bool


class FrameSource(Protocol):
    """The frames of an instance, one at a time."""

    @property
    def layout(self) -> FrameLayout:
        """How samples are stored, as the header says."""
        ...

    @property
    def count(self) -> int:
        """How many frames there are."""
        ...

    @property
    def decoded_photometric(self) -> str:
        """Photometric Interpretation of what `frame` gives."""
        ...

    def frame(self, index: int) -> Samples:
        """Return the samples of a frame, from 0: an array of the caller's own; raises `DicomFormatError`."""
        ...


class FrameCodec(Protocol):
    """Decodes and codes single frames of encapsulated Pixel Data."""

    def can_decode(self, transfer_syntax_uid: str) -> bool:
        """Whether frames of a Transfer Syntax can be looked at."""
        ...

    def decode(self, data: bytes, transfer_syntax_uid: str, layout: FrameLayout) -> Samples:
        """Return the stored values of one frame; colour in the colour space that `layout` names, not converted.

        Raises
        ------
        DicomFormatError
            It is no such codestream, or one of another shape or depth than `layout` says.
        UnsupportedSyntaxError
            There is no decoder.
        """
        ...

    def encode(
        self,
        samples: Samples,
        transfer_syntax_uid: str,
        layout: FrameLayout,
        *,
        original: bytes,
        changed: NDArray[np.bool_],
    ) -> CodedFrame | None:
        """Code one frame again; outside of `changed` it decodes to what it was, where the syntax allows.

        Parameters
        ----------
        samples
            As `decode` gives them, with some filled.
        transfer_syntax_uid, layout
            How the frame was coded.
        original
            The frame as it was coded.
        changed
            (rows, columns): what was filled.

        Returns
        -------
        CodedFrame or None
            None where there is no coder: the instance is written native then.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grid:
    """Values on an even grid along the axes.

    Attributes
    ----------
    values
        (z, y, x), float32.
    origin_mm
        Where the first value lies: x, y, z.
    spacing_mm
        Between neighbours, along each axis.
    """

    values: NDArray[np.float32]
    origin_mm: tuple[float, float, float]
    spacing_mm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """From where an alignment begins.

    Attributes
    ----------
    center_mm
        What is turned around: x, y, z.
    nod_degrees
        Turned around the axis from right to left.
    shift_mm
        Then moved by: x, y, z.
    """

    center_mm: tuple[float, float, float]
    nod_degrees: float
    shift_mm: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fit:
    """How two grids lie to each other.

    Attributes
    ----------
    affine
        (4, 4): mm of the first to mm of the second.
    metric
        Negated mutual information: the lower the better.
    freedom
        Degrees of freedom: 12, or 7 where 12 were too many for what was scanned.
    """

    affine: NDArray[np.float64]
    metric: float
    freedom: int


class HeadEngine(Protocol):
    """Finds how a head lies; the same answer for the same input, on any number of threads."""

    @property
    def name(self) -> str:
        """Method and version, for the report."""
        ...

    def align(self, head: Grid, within: NDArray[np.bool_], template: Grid, guesses: Sequence[Guess]) -> Fit | None:
        """Return the best alignment that is found from any of the guesses; None where there is none at all.

        Parameters
        ----------
        head
            What is to be aligned.
        within
            What of it counts, of the same shape: the rest was not scanned, or is nothing.
        template
            What it is aligned with.
        guesses
            Where to begin.
        """
        ...
