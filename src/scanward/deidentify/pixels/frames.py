"""The frames of an instance, one at a time: what memory is taken depends on one frame, never on how many there are."""

from collections.abc import Iterator
from typing import NamedTuple

from scanward.deidentify.codestream.fragments import Fragment, iter_fragments, iter_frames
from scanward.deidentify.header.scan import (
    BITS_ALLOCATED,
    COLUMNS,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    SAMPLES_PER_PIXEL,
    InstanceFacts,
)
from scanward.deidentify.pixels.header import Elements, read_pixel_header
from scanward.deidentify.pixels.native import ALLOCATED, HALVED, NativeFormat, require_native
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element
from scanward.errors import DicomFormatError, HoldError
from scanward.ports.engines import FrameCodec, FrameLayout, Samples

PLANAR_CONFIGURATION = 0x00280006
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103
OVERLAY_BITS_ALLOCATED, OVERLAY_BIT, OVERLAY_DATA = 0x0100, 0x0102, 0x3000
LOSSY_IMAGE_COMPRESSION = 0x00282110
FLOAT_PIXEL_DATA = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00009
PIXEL_DATA = 0x7FE00010

MAX_FRAME_BYTES = 512 * 1024 * 1024
"""Samples of one frame, and the bytes that they are coded in: twice the largest scanned slides."""

MAX_FRAME_PIXELS = 40_000_000
"""Rows times columns of one frame, twice the largest radiographs: looking takes some 100 bytes of memory for each."""

MAX_FRAMES = 100_000
"""Frames of one instance: an hour of video, a large slide in tiles."""

PHOTOMETRICS = frozenset(
    ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422",
     "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB"),
)  # fmt: skip
"""Photometric Interpretations that are understood (PS3.3 C.7.6.3.1.2, without those retired that no device made)."""

_IMAGE_MAGICS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n")
"""What a codestream may begin with, where nothing else tells the frames apart."""


_JPEG_XL = frozenset({"1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.112"})
"""Without JPEG recompression, whose samples are those of the JPEG."""


class CodedSpan(NamedTuple):
    """Where the Items of a frame lie: from the header of the first to the end of the last."""

    start: int
    end: int


class Frames:
    """The frames of an instance.

    Parameters
    ----------
    start
        The instance.
    facts
        What the scan found in it.
    header
        Its elements.
    element
        Its Pixel Data.
    codec
        Decodes encapsulated frames.

    Attributes
    ----------
    layout
        How samples are stored, as the header says.
    count
        How many frames there are.
    is_encapsulated
        Whether they are coded.
    decoded_photometric
        Photometric Interpretation of what `frame` gives.

    Raises
    ------
    DicomFormatError
        The header contradicts itself or the bytes that are there.
    HoldError
        The frames cannot be looked at: too large, too many, or of a kind that is not understood.
    """

    def __init__(
        self, start: DataSetStart, facts: InstanceFacts, header: Elements, element: Element, codec: FrameCodec
    ) -> None:
        self.start = start
        self.facts = facts
        self.header = header
        self.element = element
        self.codec = codec
        self.is_encapsulated = element.is_undefined
        self.layout = _read_layout(facts, header)
        self.count = _count(facts)
        _require_reasonable(self.layout, self.count)
        self.transfer_syntax_uid = facts.transfer_syntax_uid
        self.native = NativeFormat(
            layout=self.layout,
            little=start.encoding.little,
            swaps_words=not start.encoding.little and element.vr == b"OW" and self.layout.bits_allocated <= 8,
        )
        self._spans: list[CodedSpan] = []
        if self.is_encapsulated:
            if not codec.can_decode(self.transfer_syntax_uid):
                raise HoldError(
                    "Pixel Data: there is no decoder for its Transfer Syntax, so nobody has looked at the pixels",
                    remedy="Have the instance exported in a Transfer Syntax that can be decoded.",
                )
            self._spans = self._find_spans()
        else:
            self._require_native_length()

    @property
    def decoded_photometric(self) -> str:
        """Photometric Interpretation of what `frame` gives."""
        return decoded_photometric(self.layout, self.transfer_syntax_uid if self.is_encapsulated else "")

    @property
    def has_embedded_overlay(self) -> bool:
        """Whether the header says that bits of the samples are an overlay (PS3.3 C.9.2, retired)."""
        return any(_is_embedded(self.header, group) for group in range(0x6000, 0x6020, 2))

    def frame(self, index: int) -> Samples:
        """Return the samples of a frame, from 0, as an array of the caller's own.

        Raises
        ------
        DicomFormatError
            It cannot be decoded.
        """
        if self.is_encapsulated:
            return self.codec.decode(self.coded(index), self.transfer_syntax_uid, self.layout)
        offset, length, skip_bits = self.native.span(index)
        return self.native.unpack(self.start.reader.read(self.element.value + offset, length), skip_bits)

    def coded(self, index: int) -> bytes:
        """Return the codestream of a frame of encapsulated Pixel Data, its fragments joined."""
        read = self.start.reader.read
        parts = list(self.fragments(index))
        if sum(part.length for part in parts) > MAX_FRAME_BYTES:
            raise HoldError(f"Pixel Data: expected at most {MAX_FRAME_BYTES} bytes for a frame, got more")
        return b"".join(read(part.offset, part.length) for part in parts)

    def fragments(self, index: int) -> Iterator[Fragment]:
        """Give the fragments of a frame of encapsulated Pixel Data."""
        span = self._spans[index]
        at = span.start
        while at < span.end:
            length = int.from_bytes(self.start.reader.read(at + 4, 4), "little")
            yield Fragment(at + 8, length)
            at += 8 + length

    def coded_span(self, index: int) -> CodedSpan:
        """Return where the Items of a frame of encapsulated Pixel Data lie."""
        return self._spans[index]

    def _find_spans(self) -> list[CodedSpan]:
        reader = self.start.reader
        end = reader.end(self.element, reader.size)
        spans: list[CodedSpan] = []
        for fragments in iter_frames(reader.source.read, self.element.value, end, self.count, _IMAGE_MAGICS):
            first, last = -1, -1
            for fragment in fragments:
                first = fragment.offset - 8 if first < 0 else first
                last = fragment.offset + fragment.length
            if first < 0 or len(spans) >= self.count:
                break
            spans.append(CodedSpan(first, last))
        else:
            if len(spans) == self.count:
                return spans
        raise DicomFormatError("Pixel Data: expected as many coded frames as Number of Frames says, got others")

    def _require_native_length(self) -> None:
        require_native(self.layout)
        offset, length, _ = self.native.span(self.count - 1)
        there = self.element.length
        # Of 8 bit samples in words, a last word may have been left out that holds no sample.
        if offset + length > there:
            raise DicomFormatError(f"Pixel Data: expected {offset + length} bytes of samples, got {there}")
        if self.element.value + there > self.start.reader.size:
            raise DicomFormatError(f"Pixel Data: expected {there} bytes, got the end")

    def offset_table(self) -> Fragment:
        """Return where the Basic Offset Table of encapsulated Pixel Data lies."""
        reader = self.start.reader
        end = reader.end(self.element, reader.size)
        return next(iter_fragments(reader.source.read, self.element.value, end))


def open_frames(start: DataSetStart, facts: InstanceFacts, codec: FrameCodec) -> Frames | None:
    """Return the frames of an instance, or None where it has no pixels; raises as `Frames`."""
    header = read_pixel_header(start)
    for tag in (FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA):
        if tag in header:
            raise HoldError(
                "Float Pixel Data: expected pixels that are integers, so nobody has looked at these",
                remedy="Look at the instance yourself, or have it exported with integers and a rescale slope.",
            )
    element = header.find(PIXEL_DATA)
    if element is None or element.length == 0:
        return None
    return Frames(start, facts, header, element, codec)


def decoded_photometric(layout: FrameLayout, transfer_syntax_uid: str) -> str:
    """Return the Photometric Interpretation of samples as decoded.

    Chrominance comes in full; the colour transforms of JPEG 2000 and JPEG XL are part of their coding, and undone.

    Parameters
    ----------
    layout
        As the header says.
    transfer_syntax_uid
        How encapsulated frames are coded; empty for native ones.
    """
    if layout.samples_per_pixel == 3 and transfer_syntax_uid in _JPEG_XL:
        return "RGB"
    if layout.photometric in HALVED or layout.photometric == "YBR_PARTIAL_420":
        return "YBR_FULL"
    if transfer_syntax_uid and layout.photometric in ("YBR_ICT", "YBR_RCT", "XYB"):
        return "RGB"
    return layout.photometric


def _read_layout(facts: InstanceFacts, header: Elements) -> FrameLayout:
    rows, columns = facts.number(ROWS), facts.number(COLUMNS)
    allocated = facts.number(BITS_ALLOCATED)
    if not rows or not columns or not allocated:
        raise DicomFormatError("Pixel Data: expected Rows, Columns and Bits Allocated above 0")
    stored = header.integer(BITS_STORED) or allocated
    high = header.integer(HIGH_BIT)
    layout = FrameLayout(
        rows=rows,
        columns=columns,
        samples_per_pixel=facts.number(SAMPLES_PER_PIXEL) or 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high is None else high,
        is_signed=header.integer(PIXEL_REPRESENTATION) == 1,
        is_planar=header.integer(PLANAR_CONFIGURATION) == 1,
        photometric=facts.text(PHOTOMETRIC_INTERPRETATION),
    )
    _require_understood(layout)
    return layout


def _require_understood(layout: FrameLayout) -> None:
    if layout.photometric not in PHOTOMETRICS:
        raise HoldError("Photometric Interpretation: expected one that is understood, got none or another")
    if layout.samples_per_pixel != (1 if _is_single(layout.photometric) else 3):
        raise DicomFormatError("Samples per Pixel: expected the number that fits Photometric Interpretation")
    if layout.bits_allocated not in ALLOCATED:
        raise HoldError("Bits Allocated: expected 1, 8, 16 or 32, got another number")
    if layout.bits_allocated == 1 and layout.samples_per_pixel > 1:
        raise HoldError("Bits Allocated: expected more than single bits for colour")
    if layout.bits_stored > layout.bits_allocated or not layout.bits_stored <= layout.high_bit + 1 <= (
        layout.bits_allocated
    ):
        raise DicomFormatError("Bits Stored and High Bit: expected them to lie within Bits Allocated")


def _is_embedded(header: Elements, group: int) -> bool:
    allocated, position = (header.integer(group << 16 | number) for number in (OVERLAY_BITS_ALLOCATED, OVERLAY_BIT))
    has_own_data = group << 16 | OVERLAY_DATA in header
    return not has_own_data and ((allocated or 1) != 1 or (position or 0) != 0)


def _is_single(photometric: str) -> bool:
    return photometric.startswith("MONOCHROME") or photometric == "PALETTE COLOR"


def _count(facts: InstanceFacts) -> int:
    text = facts.text(NUMBER_OF_FRAMES).strip("\0 ")
    try:
        count = int(text) if text else 1
    except ValueError:
        raise DicomFormatError("Number of Frames: expected an integer") from None
    return max(count, 1)


def _require_reasonable(layout: FrameLayout, count: int) -> None:
    """Refuse before anything is allocated."""
    if count > MAX_FRAMES:
        raise HoldError(f"Number of Frames: expected at most {MAX_FRAMES}, got more")
    if layout.rows * layout.columns > MAX_FRAME_PIXELS:
        raise HoldError(f"Rows and Columns: expected at most {MAX_FRAME_PIXELS} pixels in a frame, got more")
    bytes_each = -(-layout.bits_allocated // 8)
    if layout.rows * layout.columns * layout.samples_per_pixel * bytes_each > MAX_FRAME_BYTES:
        raise HoldError(f"Rows and Columns: expected at most {MAX_FRAME_BYTES} bytes for a frame, got more")
