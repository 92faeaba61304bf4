"""What was decided of a volume, put into the stored values of each frame; all that is not masked keeps its bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scanward.deidentify.faces.noise import draw
from scanward.deidentify.faces.planes import Plane, Slice
from scanward.deidentify.faces.series import Scale, find_unscanned, plane_affine
from scanward.deidentify.faces.volume import Affine, Values, Voxels
from scanward.deidentify.header.scan import InstanceFacts
from scanward.deidentify.pixels.fill import Mask, read_background
from scanward.deidentify.pixels.frames import Frames, open_frames
from scanward.deidentify.pixels.patch import Slicer
from scanward.deidentify.pixels.rebuild import rebuild_with, reopen
from scanward.deidentify.pixels.samples import samples_of, stored_values, value_range
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import HoldError
from scanward.model.instance import Piece, Range
from scanward.model.pixels import PixelOutcome, PixelReplacement
from scanward.ports.engines import FrameCodec, FrameLayout, Samples

AIR_HU: Final = -1000
"""Air in a CT."""

_ON_GRID: Final = 1e-3
"""So far from a voxel, in voxels, a pixel may lie and be that voxel."""

_DARKEST_PERCENT: Final = 15
"""So many of the least values of an MR are the noise of air."""

_SEED: Final = 5

SKIN_HU: Final = -350
"""Air of a CT is below, skin above."""

_SKIN_SHARE: Final = 0.1
"""Skin is at least so bright, of the brightest of a frame."""

_SPECKS: Final = 0.005


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PlanePatch:
    """What changes in a frame.

    Attributes
    ----------
    mask
        (rows, columns): what changes.
    values
        (rows, columns): modality values for what changes; None for air.
    known
        (rows, columns): where the volume that tells lies; outside of it, nobody knows what should change.
    is_rest
        Whether all changes but a part of the body: then there may be no air in what stays that new air could be like.
    """

    mask: Mask
    values: Values | None
    known: Mask
    is_rest: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class VolumePatch:
    """What changes in a volume, for its own frames and for others of the same Frame of Reference.

    Attributes
    ----------
    mask
        (slices, rows, columns): what changes.
    values
        New modality values of what changes: as many as `mask` has, in its order; or a whole volume. None for air.
    affine
        Where the voxels lie, as in `Volume`.
    """

    mask: Voxels
    values: Values | None
    affine: Affine
    _starts: NDArray[np.int64] = field(init=False, repr=False)
    _box: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Require that values fit the mask."""
        counts = np.count_nonzero(self.mask, axis=(1, 2))
        object.__setattr__(self, "_starts", np.concatenate(([0], np.cumsum(counts))))
        object.__setattr__(self, "_box", _box_of(self.mask))
        if self.values is not None and self.values.shape not in (self.mask.shape, (int(counts.sum()),)):
            raise ValueError("expected one value for each voxel that changes, or for each voxel")

    def cut(self, plane: Plane) -> PlanePatch:
        """Return what changes in a frame of the volume: each pixel takes what the nearest voxel has.

        Parameters
        ----------
        plane
            Where the frame lies.
        """
        to_voxel = np.linalg.inv(self.affine) @ plane_affine(plane)
        number = float(to_voxel[2, 3])
        in_plane = to_voxel[:2, :2], to_voxel[2, :2]
        reach = max(plane.rows, plane.columns)
        is_parallel = np.abs(in_plane[1]).max() * reach < _ON_GRID
        is_same_grid = np.abs(in_plane[0] - np.eye(2)).max() * reach < _ON_GRID and (
            np.abs(to_voxel[:2, 3]).max() < _ON_GRID
        )
        if is_parallel and is_same_grid and (plane.rows, plane.columns) == self.mask.shape[1:]:
            return self._cut_slice(number)
        return self._cut_nearest(plane, to_voxel)

    def carry(self, plane: Plane) -> PlanePatch:
        """Return what changes in a frame of another series, without values: those would be of another kind.

        A pixel changes where the mask, interpolated, is at least a half.
        """
        from scipy.ndimage import map_coordinates

        places = _places(plane, np.linalg.inv(self.affine) @ plane_affine(plane))
        # A volume is as thick as its slices: what lies within half of one of the outermost is known.
        size = np.array(self.mask.shape, np.float64)[:, None, None]
        known: Mask = np.all((places >= -0.5) & (places <= size - 0.5), axis=0)
        low, high = self._box[:, 0, None, None], self._box[:, 1, None, None]
        near = known & np.all((places > low - 1) & (places < high + 1), axis=0)
        inside = np.clip(places[:, near], 0, size[:, 0] - 1)
        mask = np.zeros(near.shape, np.bool_)
        mask[near] = map_coordinates(self.mask.view(np.uint8), inside, np.float32, order=1, mode="nearest") >= 0.5
        return PlanePatch(mask=mask, values=None, known=known)

    def _cut_slice(self, number: float) -> PlanePatch:
        nearest = round(number)
        shape = self.mask.shape[1:]
        if not 0 <= nearest < len(self.mask):
            nothing = np.zeros(shape, np.bool_)
            return PlanePatch(mask=nothing, values=None, known=nothing)
        return PlanePatch(mask=self.mask[nearest], values=self._slice_values(nearest), known=np.ones(shape, np.bool_))

    def _cut_nearest(self, plane: Plane, to_voxel: Affine) -> PlanePatch:
        places = np.rint(_places(plane, to_voxel)).astype(np.int64)
        size = np.array(self.mask.shape)[:, None, None]
        known: Mask = np.all((places >= 0) & (places < size), axis=0)
        index = tuple(np.clip(places, 0, size - 1))
        mask: Mask = self.mask[index] & known
        if self.values is None:
            return PlanePatch(mask=mask, values=None, known=known)
        values = np.zeros(mask.shape, np.float32)
        for number in np.unique(index[0][mask]):
            here = mask & (index[0] == number)
            own = self._slice_values(int(number))
            if own is not None:
                values[here] = own[index[1][here], index[2][here]]
        return PlanePatch(mask=mask, values=values, known=known)

    def _slice_values(self, number: int) -> Values | None:
        if self.values is None:
            return None
        if self.values.ndim == 3:
            sliced: Values = self.values[number]
            return sliced
        values = np.zeros(self.mask.shape[1:], np.float32)
        values[self.mask[number]] = self.values[self._starts[number] : self._starts[number + 1]]
        return values


def shows_beyond(values: Values, patch: PlanePatch, modality: str) -> bool:
    """Return whether a frame shows tissue where nobody knows what of it is face: the volume that tells ends before.

    Parameters
    ----------
    values
        Modality values of the frame.
    patch
        As `VolumePatch.carry` gave it.
    modality
        Of the frame.
    """
    beyond = values[~patch.known]
    if not beyond.size:
        return False
    skin = SKIN_HU if modality == "CT" else float(np.percentile(values, 99)) * _SKIN_SHARE
    # Noise and a table reach over the threshold here and there.
    return int(np.count_nonzero(beyond > skin)) > _SPECKS * beyond.size


class FaceEditor:
    """Changes what patches say in the frames of an instance (a `FrameEditor`).

    Parameters
    ----------
    frames
        Of the instance.
    slices
        What is known of its frames, by their numbers.
    patches
        What changes in them; frames that are not named keep their bits.

    Attributes
    ----------
    changed
        How many pixels were changed.
    """

    def __init__(self, frames: Frames, slices: Mapping[int, Slice], patches: Mapping[int, PlanePatch]) -> None:
        layout = frames.layout
        if layout.samples_per_pixel != 1:
            raise HoldError("head scan: expected grey values in a frame that a face goes from, got colours")
        if any(patch.mask.shape != (layout.rows, layout.columns) for patch in patches.values()):
            raise HoldError("head scan: expected a mask of the size of the frame, got another")
        self._frames = frames
        self._slices = slices
        self._patches = patches
        self.changed = 0

    def mask(self, index: int) -> Mask | None:
        """Return what may change in a frame; None where it is not touched."""
        patch = self._patches.get(index)
        return patch.mask if patch is not None and patch.mask.any() else None

    def edit(self, index: int, samples: Samples, mask: Mask) -> Samples:
        """Return new samples of a frame; what was not scanned stays."""
        one, patch, layout = self._slices[index], self._patches[index], self._frames.layout
        stored = stored_values(samples, layout)
        scale = Scale.of(one, layout)
        values = scale.values(stored)
        mask = mask & ~find_unscanned(self._frames, stored, values, one.modality)
        if patch.values is None:
            new = _air(one, stored, ~mask | patch.is_rest, scale, layout)
        else:
            new = scale.stored(patch.values, layout)
        new = self._admit(new)
        edited = samples.copy()
        edited[mask] = samples_of(new, layout, samples)[mask]
        self.changed += int(np.count_nonzero(edited != samples))
        return edited

    def _admit(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the nearest values that are no padding: what was filled is part of the image."""
        frames = self._frames
        padding = read_background(frames.layout, frames.facts, frames.header).padding
        if padding is None:
            return values
        low, high = padding
        least, largest = value_range(frames.layout)
        instead = high + 1 if high < largest else low - 1
        if not least <= instead <= largest:
            return values
        return np.where((values >= low) & (values <= high), instead, values)


def rebuild_faceless(
    frames: Frames,
    slices: Mapping[int, Slice],
    patches: Mapping[int, PlanePatch],
    *,
    folder: Path | None = None,
) -> PixelReplacement | None:
    """Return new Pixel Data in which patches were put; None where nothing changes.

    Parameters
    ----------
    frames
        Of the instance.
    slices
        What is known of its frames, by their numbers.
    patches
        What changes in them.
    folder
        For a temporary file, where the new bytes are many; None for the system's.

    Raises
    ------
    DicomFormatError, HoldError
        A frame that is touched cannot be decoded, or there would be too much to make.
    """
    if not any(patch.mask.any() for patch in patches.values()):
        return None
    return rebuild_with(frames, FaceEditor(frames, slices, patches), folder=folder)


def put_into(
    pixels: PixelOutcome,
    start: DataSetStart,
    facts: InstanceFacts,
    slices: Mapping[int, Slice],
    patches: Mapping[int, PlanePatch],
    codec: FrameCodec,
    *,
    folder: Path | None = None,
) -> PixelOutcome:
    """Return what pixels come to with patches put into them, after whatever was taken out before.

    Parameters
    ----------
    pixels
        What working on the instance came to so far.
    start, facts
        The instance.
    slices, patches, folder
        As `rebuild_faceless` takes them.
    codec
        Decodes.

    Raises
    ------
    DicomFormatError, HoldError
        As `rebuild_faceless`, or there are no pixels to change.
    """
    if not any(patch.mask.any() for patch in patches.values()):
        return pixels
    frames = open_frames(start, facts, codec)
    if frames is None:
        raise HoldError("Pixel Data: expected pixels that can be changed, got none", remedy="Leave the instance out.")
    before = pixels.replacement
    made = rebuild_faceless(frames if before is None else reopen(frames, before), slices, patches, folder=folder)
    if made is None:
        return pixels
    return replace(pixels, replacement=made if before is None else join(before, made))


def join(first: PixelReplacement, second: PixelReplacement) -> PixelReplacement:
    """Return one replacement for two, where the second was made of what the first left.

    Parameters
    ----------
    first
        Made of the instance.
    second
        Made of the frames that `rebuild.reopen` gave for the first.
    """
    slicer = Slicer(first.pieces)
    pieces: list[Piece] = []
    for piece in second.pieces:
        if isinstance(piece, Range) and piece.source is None:
            pieces += slicer.take(piece.offset, piece.offset + piece.length)
        else:
            pieces.append(piece)
    return PixelReplacement(
        transfer_syntax_uid=second.transfer_syntax_uid,
        is_encapsulated=second.is_encapsulated,
        pieces=pieces,
        values={**first.values, **second.values},
    )


def _box_of(mask: Voxels) -> NDArray[np.int64]:
    """Return the first and last slice, row and column that change: (3, 2)."""
    found = np.zeros((3, 2), np.int64)
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
        used = np.flatnonzero(mask.any(axis=others))
        found[axis] = (used[0], used[-1]) if len(used) else (0, -1)
    return found


def _places(plane: Plane, to_voxel: Affine) -> NDArray[np.float64]:
    """Return where each pixel of a frame lies among voxels: (3, rows, columns), slice, row, column."""
    rows = np.arange(plane.rows, dtype=np.float64)[:, None]
    columns = np.arange(plane.columns, dtype=np.float64)[None, :]
    return np.stack([to_voxel[axis, 0] * columns + to_voxel[axis, 1] * rows + to_voxel[axis, 3] for axis in (2, 1, 0)])


def _air(one: Slice, stored: NDArray[np.int64], like: Mask, scale: Scale, layout: FrameLayout) -> NDArray[np.int64]:
    """Return stored values of air for a frame; noise like that of some of its pixels."""
    if one.modality == "CT":
        return scale.stored(np.full(stored.shape, AIR_HU, np.float32), layout)
    if one.modality != "MR":
        # No uptake, no dose, no segment.
        return scale.stored(np.zeros(stored.shape, np.float32), layout)
    rest = np.sort((stored if scale.slope > 0 else -stored)[like], axis=None)
    if not len(rest):
        return scale.stored(np.full(stored.shape, scale.values(stored).min(), np.float32), layout)
    darkest = rest[: max(1, len(rest) * _DARKEST_PERCENT // 100)]
    chosen = darkest[draw(stored.size, len(darkest), _SEED, abs(one.number or 0), one.frame)].reshape(stored.shape)
    return chosen if scale.slope > 0 else -chosen
