"""Compares a copy with the seal of what it is said to be a copy of: what differs, where, and what that means."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scanward.errors import DicomFormatError, HoldError
from scanward.model.comparison import Change, Comparison, FrameChange, FrameFate, HeaderChange, Standing
from scanward.model.instance import ByteSource
from scanward.model.seal import Grade, HeaderLeaf, PixelKind, PixelSeal, Seal
from scanward.seal.align import align_frames
from scanward.seal.digest import MAX_TILES, frame_digests, grid_of, sample_bytes
from scanward.seal.header import PHOTOMETRIC_INTERPRETATION, fold_of, seal_header
from scanward.seal.make import digest_file, form_of, seal_content
from scanward.seal.names import name_of_path
from scanward.seal.overlays import digest_unused_bits, embedded_overlays
from scanward.seal.scan import Scan

if TYPE_CHECKING:
    from scanward.ports.engines import FrameSource

_ROOT: Final = "1.2.840.10008.1.2.4."
LOSSY_SYNTAXES: Final = frozenset(
    _ROOT + last
    for last in ("50", "51", "53", "55", "81", "91", "93", "100", "100.1", "101", "101.1", "102", "102.1", "103",
                 "103.1", "104", "104.1", "105", "105.1", "106", "106.1", "107", "108", "111", "112", "203")
)  # fmt: skip
"""Transfer Syntaxes that change samples when they code, or may (PS3.5 Section 8.2)."""

LOSSY_SHARE: Final = 0.5
"""Coding with loss alters nearly every tile that shows something; an edit alters those it is in."""


def compare(seal: Seal, scan: Scan, content: ByteSource) -> Comparison:
    """Compare a copy with a seal.

    The seal is taken at its word: that it is the one that was logged, its root has to show.

    Parameters
    ----------
    seal
        Of the original.
    scan
        The copy.
    content
        The file that it came as, whole.

    Raises
    ------
    DicomFormatError
        The header of the copy is not well formed.
    """
    if content.size == seal.file_bytes and digest_file(content) == seal.file_digest:
        return same_file(seal)
    pixels = _compare_pixels(seal, scan)
    frames = scan.frames if seal.pixels.kind is PixelKind.SAMPLES else None
    header = compare_headers(
        seal.header,
        seal_header(
            scan.start,
            seal.key,
            form_of(seal.pixels),
            photometric="" if frames is None else frames.decoded_photometric,
            overlays=digest_unused_bits(scan.start, frames),
            fold=fold_of(seal.header),
        ),
    )
    if seal.pixels.kind is PixelKind.SAMPLES and frames is None:
        header = tuple(change for change in header if not _is_of_samples(change, scan))
    return replace(pixels, header=header, standing=_standing(pixels, header))


def _is_of_samples(change: HeaderChange, scan: Scan) -> bool:
    """Whether an Attribute was sealed as decoded samples have it, so that without these it says nothing."""
    tags = {PHOTOMETRIC_INTERPRETATION, *embedded_overlays(scan.start)}
    return change.change is Change.CHANGED and change.path in {f"{tag:08X}" for tag in tags}


def compare_headers(sealed: tuple[HeaderLeaf, ...], found: tuple[HeaderLeaf, ...]) -> tuple[HeaderChange, ...]:
    """Return the Attributes that differ, by path."""
    before = {leaf.path: leaf for leaf in sealed}
    after = {leaf.path: leaf for leaf in found}
    changes = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is not None and new is not None and old.digest == new.digest:
            continue
        change = Change.ADDED if old is None else Change.REMOVED if new is None else Change.CHANGED
        leaf = new if old is None else old
        if leaf is not None:
            changes.append(HeaderChange(path=path, name=name_of_path(path), grade=leaf.grade, change=change))
    return tuple(changes)


def same_file(seal: Seal) -> Comparison:
    """Return what is said of a copy that is the sealed file, byte for byte."""
    return Comparison(
        standing=Standing.UNCHANGED,
        is_same_file=True,
        pixel_kind=seal.pixels.kind,
        are_pixels_same=True,
        rows=seal.pixels.rows,
        columns=seal.pixels.columns,
        frame_count=seal.pixels.frames,
        sealed_frame_count=seal.pixels.frames,
    )


def _standing(pixels: Comparison, header: tuple[HeaderChange, ...]) -> Standing:
    if pixels.are_pixels_same is False or any(change.grade is Grade.IMMUTABLE for change in header):
        return Standing.ALTERED
    if pixels.are_pixels_same is None:
        return Standing.UNREADABLE
    return Standing.HEADER_COERCED if header else Standing.UNCHANGED


def _compare_pixels(seal: Seal, scan: Scan) -> Comparison:
    sealed = seal.pixels
    found = Comparison(
        standing=Standing.UNREADABLE,
        is_same_file=False,
        pixel_kind=sealed.kind,
        are_pixels_same=None,
        sealed_frame_count=sealed.frames,
    )
    if sealed.kind is not PixelKind.SAMPLES:
        # Whatever is there now is digested as the seal did, as bytes.
        now = seal_content(Scan(start=scan.start, frames=None), seal.key)
        return replace(found, are_pixels_same=now.kind is sealed.kind and now.digests == sealed.digests)
    if scan.frames is None:
        return replace(found, are_pixels_same=None if scan.is_unseen else False, why_unreadable=scan.without_frames)
    syntax = scan.start.transfer_syntax_uid
    compared = compare_frames(sealed, scan.frames, seal.key, is_coded_with_loss=syntax in LOSSY_SYNTAXES)
    was_lossy = seal.transfer_syntax_uid in LOSSY_SYNTAXES and syntax != seal.transfer_syntax_uid
    return replace(compared, is_of_lossy_original=was_lossy and not compared.are_pixels_same)


def compare_frames(sealed: PixelSeal, frames: "FrameSource", key: bytes, *, is_coded_with_loss: bool) -> Comparison:
    """Compare decoded samples with those that were sealed; the standing is that of the samples alone.

    Parameters
    ----------
    sealed
        Of samples.
    frames
        Of the copy.
    key
        Of the seal.
    is_coded_with_loss
        Whether coding may have changed the samples of the copy.
    """
    form = _differing_form(sealed, frames)
    is_alike = _is_cut_alike(sealed, frames)
    changes: tuple[FrameChange, ...] = ()
    if is_alike:
        contents = _read_contents(frames)
        changes = align_frames(contents, tuple(frame_digests(sealed)), key=key, grid=grid_of(frames.layout))
    is_same = is_alike and not changes and not form
    return Comparison(
        standing=Standing.UNCHANGED if is_same else Standing.ALTERED,
        is_same_file=False,
        pixel_kind=sealed.kind,
        are_pixels_same=is_same,
        form=form,
        frames=changes,
        is_lossy_copy=is_coded_with_loss and _is_altered_all_over(sealed, changes),
        rows=frames.layout.rows,
        columns=frames.layout.columns,
        frame_count=frames.count,
        sealed_frame_count=sealed.frames,
    )


def _read_contents(frames: "FrameSource") -> list[bytes | None]:
    from scanward.seal.samples import digest_contents

    found: list[bytes | None] = []
    for index in range(frames.count):
        try:
            found.append(digest_contents(frames.frame(index), frames.layout))
        except (DicomFormatError, HoldError):
            found.append(None)
    return found


def _differing_form(sealed: PixelSeal, frames: "FrameSource") -> tuple[str, ...]:
    layout = frames.layout
    pairs = (
        ("Rows", sealed.rows, layout.rows),
        ("Columns", sealed.columns, layout.columns),
        ("Samples per Pixel", sealed.samples_per_pixel, layout.samples_per_pixel),
        ("Bits Stored", sealed.bits_stored, layout.bits_stored),
        ("Pixel Representation", sealed.is_signed, layout.is_signed),
        ("Photometric Interpretation", sealed.photometric, frames.decoded_photometric),
        ("Number of Frames", sealed.frames, frames.count),
    )
    return tuple(name for name, before, now in pairs if before != now)


def _is_cut_alike(sealed: PixelSeal, frames: "FrameSource") -> bool:
    """Whether tiles can be compared with tiles."""
    layout, grid = frames.layout, grid_of(frames.layout)
    return (
        (sealed.rows, sealed.columns, sealed.samples_per_pixel)
        == (layout.rows, layout.columns, layout.samples_per_pixel)
        and sample_bytes(sealed.bits_stored) == grid.sample_bytes
        and frames.count * grid.count <= MAX_TILES
    )


def _is_altered_all_over(sealed: PixelSeal, changes: tuple[FrameChange, ...]) -> bool:
    down, across = sealed.grid
    altered = sum(len(change.tiles) for change in changes if change.fate is FrameFate.ALTERED)
    return altered >= LOSSY_SHARE * down * across * sealed.frames
