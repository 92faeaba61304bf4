"""Regions that an ultrasound scanner declares in the header (PS3.3 C.8.5.5.1), and what they tell of text.

Scanners declare which rectangles of the screen are calibrated: the image, the Doppler strip, the trace of the ECG. What
lies outside is screen: names and dates above, settings beside, comments below. This helps detection and never replaces
it, in either direction. Inside of a region text is looked for as anywhere, since measurements, body marks and whole
headers stand there; outside of it pixels are not filled for being outside, since colour bars, a trace that is not
declared and anatomy that reaches over stand there.

One thing is safe and of use: what stands above all regions is the header of the screen, so where text was found in it,
the rest of that row is header as well, with the faint or small words that detection may have missed. So a region of
text there is widened to the width of the screen. In the band below, where traces run, and beside the image, where bars
stand, it is not.

A declaration is believed only as a whole. Images that were scaled or cut after they left the scanner keep the regions
of the first screen: where one does not fit the image, none of them says anything.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from scanward.deidentify.pixels.header import Elements
from scanward.deidentify.pixels.rectangle import Rectangle, hull
from scanward.errors import DicomFormatError

SEQUENCE_OF_ULTRASOUND_REGIONS: Final = 0x00186011
_EDGES: Final = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)
"""Region Location Min X0, Min Y0, Max X1 and Max Y1."""

MAX_REGIONS: Final = 64
"""Of more regions none is believed; scanners declare up to about eight."""

SMALLEST_SHARE: Final = 0.2
"""Of the image, the smallest rectangle around all regions that is believed."""

MAX_HEADER_SHARE: Final = 0.25
"""Of the image, what lies above all regions and is believed to be a header; of real scanners it is 3 to 15 percent."""

MAX_ROW_SHARE: Final = 0.06
"""Of the image, the height of a row of text in a header: higher boxes are several rows, or none."""


def read_regions(header: Elements, rows: int, columns: int) -> tuple[Rectangle, ...]:
    """Return the regions that are declared; none where they cannot be those of an image of this size.

    Parameters
    ----------
    header
        Elements of the instance.
    rows, columns
        Size of its frames.
    """
    regions: list[Rectangle] = []
    try:
        for item in header.items(SEQUENCE_OF_ULTRASOUND_REGIONS):
            edges = [item.integer(tag) for tag in _EDGES]
            region = _region(edges, rows, columns)
            if region is None or len(regions) == MAX_REGIONS:
                return ()
            regions.append(region)
    except DicomFormatError:
        return ()
    if not regions or hull(regions).area < SMALLEST_SHARE * rows * columns:
        return ()
    return tuple(regions)


def _region(edges: Sequence[int | None], rows: int, columns: int) -> Rectangle | None:
    left, top, right, bottom = edges
    if left is None or top is None or right is None or bottom is None or right <= left or bottom <= top:
        return None
    # Some count the last column and row, others those behind.
    if right > columns or bottom > rows:
        return None
    return Rectangle(left, top, min(right + 1, columns) - left, min(bottom + 1, rows) - top)


def outside(regions: Sequence[Rectangle], rows: int, columns: int) -> tuple[Rectangle, ...]:
    """Return what is surely outside of all regions: the bands above, below, and to both sides of all of them.

    Parameters
    ----------
    regions
        As `read_regions` gives them; of none, nothing is outside.
    rows, columns
        Size of the frames.
    """
    if not regions:
        return ()
    inner = hull(regions)
    bands = (
        Rectangle(0, 0, columns, inner.y),
        Rectangle(0, inner.bottom, columns, rows - inner.bottom),
        Rectangle(0, inner.y, inner.x, inner.height),
        Rectangle(inner.right, inner.y, columns - inner.right, inner.height),
    )
    return tuple(band for band in bands if band.area)


def widened(boxes: Iterable[Rectangle], regions: Sequence[Rectangle], rows: int, columns: int) -> tuple[Rectangle, ...]:
    """Return the rows of the header of the screen in which text was found, in the width of the screen.

    Parameters
    ----------
    boxes
        Where text was found.
    regions
        As `read_regions` gives them.
    rows, columns
        Size of the frames.

    Returns
    -------
    tuple of Rectangle
        To be filled besides the boxes; none for boxes that reach into the rows of a region.
    """
    if not regions:
        return ()
    header = Rectangle(0, 0, columns, hull(regions).y)
    if header.height > MAX_HEADER_SHARE * rows:
        return ()
    spans = {
        Rectangle(0, box.y, columns, box.height)
        for box in boxes
        if header.holds(box) and box.height <= MAX_ROW_SHARE * rows and box.width > box.height
    }
    return tuple(sorted(spans))
