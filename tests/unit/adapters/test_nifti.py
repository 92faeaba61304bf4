"""NIfTI read and written: nibabel sees the masked voxels changed and no others, and nothing that names anyone."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest

from scanward.adapters.nifti import read_nifti, write_nifti
from scanward.deidentify.faces.write import VolumePatch
from scanward.errors import HoldError, OutputError, SourceError
from scanward.model.faces import VolumeFault
from tests.common.head_series import expected_at

SECRET = b"Doe^Jane 1961"
RIGHT = np.array([[3.0, 0, 0, -90], [0, 4, 0, -100], [0, 0, 5, -90], [0, 0, 0, 1]])
LEFT = np.array([[-3.0, 0, 0, 90], [0, 4, 0, -100], [0, 0, 5, -90], [0, 0, 0, 1]])
SAGITTAL = np.array([[0.0, 0, 5, -90], [3, 0, 0, -100], [0, -4, 0, 100], [0, 0, 0, 1]])


def make(path, *, affine=RIGHT, dtype=np.int16, slope=None, version=1, times=1, text=b"", change=None, modality="CT"):
    """Write a head as nibabel would; returns what is stored."""
    shape = (60, 50, 36)
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    values = expected_at(lps, shape[::-1], modality).transpose(2, 1, 0)
    raw = np.stack([values + time for time in range(times)], -1) if times > 1 else values
    raw = ((raw - (slope[1] if slope else 0)) / (slope[0] if slope else 1)).round().astype(dtype)
    image = (nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image)(raw, affine, dtype=dtype)
    header = image.header
    header.set_xyzt_units("mm")
    if text:
        for name in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
            if name in set(header.keys()):
                header[name] = text[:10]
        header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", text))
    if slope:
        header.set_slope_inter(*slope)
    if change is not None:
        change(header)
    nibabel.save(image, path)
    return raw


def face_of(volume):
    k, j, i = np.indices(volume.values.shape)
    _, y, z = np.einsum("ab,bkji->akji", volume.affine[:3], np.stack([i, j, k, np.ones_like(k)]))
    return (y < -55) & (z < 40)


@pytest.mark.parametrize("affine", [RIGHT, LEFT, SAGITTAL])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_voxels_lie_where_the_head_is(tmp_path, affine, modality):
    make(tmp_path / "one.nii", affine=affine, modality=modality)
    scan = read_nifti(tmp_path / "one.nii")
    assert scan.fault() is None
    volume = scan.volume()
    assert volume.modality == ("CT" if modality == "CT" else "")
    assert np.linalg.det(volume.affine[:3, :3]) > 0
    wanted = expected_at(volume.affine, volume.values.shape, modality)
    assert np.abs(volume.values - wanted).max() <= 0.5


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("affine", [RIGHT, LEFT, SAGITTAL])
@pytest.mark.parametrize(
    ("dtype", "slope", "version"),
    [(np.int16, None, 1), ("<f4", None, 1), (np.uint16, (0.5, -1024.0), 1), (">i2", None, 2), (np.float64, None, 2)],
)
def test_only_masked_voxels_change(tmp_path, suffix, affine, dtype, slope, version):
    before, after = tmp_path / f"before{suffix}", tmp_path / f"after{suffix}"
    make(before, affine=affine, dtype=dtype, slope=slope, version=version)
    scan = read_nifti(before)
    volume = scan.volume()
    mask = face_of(volume)
    write_nifti(
        scan, {0: VolumePatch(mask=mask, values=np.full(mask.sum(), -1000.0, np.float32), affine=volume.affine)}, after
    )
    one, other = nibabel.load(before), nibabel.load(after)
    assert type(one) is type(other)
    assert one.get_data_dtype() == other.get_data_dtype()
    assert np.array_equal(one.affine, other.affine)
    assert one.dataobj.slope == other.dataobj.slope
    assert one.dataobj.inter == other.dataobj.inter
    old, new = one.dataobj.get_unscaled(), other.dataobj.get_unscaled()
    here = mask[::-1] if scan.is_flipped else mask
    here = here.transpose(2, 1, 0)
    assert np.array_equal(old[~here], new[~here])
    assert np.all(np.asarray(other.dataobj)[here] == -1000)
    kept = [name for name in list(one.header.keys()) if name not in ("vox_offset", "descrip")]
    for name in kept:
        assert np.array_equal(one.header[name], other.header[name], equal_nan=one.header[name].dtype.kind == "f")
    # The same again, bit for bit.
    again = tmp_path / f"again{suffix}"
    write_nifti(
        read_nifti(before),
        {0: VolumePatch(mask=mask, values=np.full(mask.sum(), -1000.0, np.float32), affine=volume.affine)},
        again,
    )
    assert again.read_bytes() == after.read_bytes()


@pytest.mark.parametrize("version", [1, 2])
def test_what_could_name_someone_is_cleared(tmp_path, version):
    before, after = tmp_path / "jane.nii.gz", tmp_path / "after.nii.gz"
    make(before, version=version, text=SECRET)
    assert SECRET[:10] in gzip.decompress(before.read_bytes())
    scan = read_nifti(before)
    assert {"descrip", "aux_file", "intent_name", "extensions"} <= set(scan.cleared)
    write_nifti(scan, {}, after)
    unpacked = gzip.decompress(after.read_bytes())
    assert SECRET[:8] not in unpacked
    assert b"jane" not in after.read_bytes()
    assert b"after" not in after.read_bytes()
    assert len(unpacked) == (352 if version == 1 else 544) + scan.stored.nbytes
    assert read_nifti(after).cleared == ()
    assert not nibabel.load(after).header.extensions
    assert np.array_equal(nibabel.load(before).get_fdata(), nibabel.load(after).get_fdata())


def test_points_in_time_are_volumes_each(tmp_path):
    make(tmp_path / "one.nii", times=3, modality="MR")
    scan = read_nifti(tmp_path / "one.nii")
    assert scan.count == 3
    assert scan.volume(2).values.max() == scan.volume(0).values.max() + 2
    mask = face_of(scan.volume(1))
    patch = VolumePatch(mask=mask, values=np.zeros(mask.shape, np.float32), affine=scan.volume(1).affine)
    write_nifti(scan, {1: patch}, tmp_path / "after.nii")
    old, new = (nibabel.load(tmp_path / name).get_fdata() for name in ("one.nii", "after.nii"))
    assert np.array_equal(old[..., (0, 2)], new[..., (0, 2)])
    assert not np.array_equal(old[..., 1], new[..., 1])


def test_values_beyond_the_type_are_the_nearest_and_no_number_is_air(tmp_path):
    make(tmp_path / "one.nii", dtype=np.uint8, modality="MR")
    scan = read_nifti(tmp_path / "one.nii")
    mask = face_of(scan.volume())
    patch = VolumePatch(mask=mask, values=np.full(mask.shape, 9999, np.float32), affine=scan.affine)
    assert scan.with_patches({0: patch})[0][mask].min() == 255
    raw = np.full((20, 20, 20), 100, np.float32)
    raw[:5] = np.nan
    nibabel.save(nibabel.Nifti1Image(raw, np.eye(4)), tmp_path / "nan.nii")
    volume = read_nifti(tmp_path / "nan.nii").volume()
    assert np.isfinite(volume.values).all()


def test_units_of_space_are_minded(tmp_path):
    small = RIGHT.copy()
    small[:3] /= 1000
    make(tmp_path / "one.nii", affine=RIGHT)
    raw = nibabel.load(tmp_path / "one.nii")
    image = nibabel.Nifti1Image(np.asarray(raw.dataobj), small)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "metres.nii")
    assert read_nifti(tmp_path / "metres.nii").affine == pytest.approx(
        read_nifti(tmp_path / "one.nii").affine, abs=1e-3
    )


# What is refused


@pytest.mark.parametrize(
    ("shape", "sizes", "fault"),
    [
        ((60, 60, 14), (3, 3, 5), VolumeFault.FEW_SLICES),
        ((60, 60, 1), (3, 3, 5), VolumeFault.FEW_SLICES),
        ((60, 60, 20), (3, 3, 8.5), VolumeFault.WIDE_GAPS),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path, shape, sizes, fault):
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.int16), np.diag([*sizes, 1.0])), tmp_path / "one.nii")
    scan = read_nifti(tmp_path / "one.nii")
    assert scan.fault() is fault
    with pytest.raises(HoldError, match=fault.value[:20]):
        scan.volume()


def test_no_place_colours_and_headers_alone_are_held(tmp_path):
    def nowhere(header):
        header["sform_code"] = header["qform_code"] = 0

    path = tmp_path / "one.nii"
    make(path)
    data = bytearray(path.read_bytes())
    data[252:256] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(HoldError, match="qform or sform"):
        read_nifti(path)
    colours = np.zeros((20, 20, 20), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), path)
    with pytest.raises(HoldError, match="grey"):
        read_nifti(path)
    nibabel.save(nibabel.Nifti1Pair(np.zeros((20, 20, 20), np.int16), np.eye(4)), tmp_path / "pair.hdr")
    (tmp_path / "pair.nii").write_bytes((tmp_path / "pair.hdr").read_bytes().ljust(400, b"\0"))
    with pytest.raises(HoldError, match="one file"):
        read_nifti(tmp_path / "pair.nii")


@pytest.mark.parametrize("name", ["one.nii", "one.nii.gz"])
def test_no_foreign_error_of_what_is_broken(tmp_path, name):
    path = tmp_path / name
    make(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    kept = 0
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, min(348, len(data)), 6):
            data[at] = rng.integers(256)
        path.write_bytes(data[: rng.integers(1, len(data))] if rng.random() < 0.3 else data)
        try:
            scan = read_nifti(path)
            scan.volume()
            kept += 1
        except (SourceError, HoldError):
            continue
    assert kept < 60
    with pytest.raises(SourceError):
        read_nifti(tmp_path / "not there.nii")


def test_nothing_is_left_where_it_cannot_be_written(tmp_path):
    make(tmp_path / "one.nii")
    scan = read_nifti(tmp_path / "one.nii")
    with pytest.raises(OutputError):
        write_nifti(scan, {}, tmp_path / "no folder" / "after.nii")
    (tmp_path / "after.nii").mkdir()
    with pytest.raises(OutputError):
        write_nifti(scan, {}, tmp_path / "after.nii")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after.nii", "one.nii"]


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    ["FNNDSC__data/eun_uchar_8.nii.gz", "fepegar__torchio-data/t2.nii.gz", "neurolabusc__Clinical/T2.nii.gz",
     "niivue__niivue/otsu.nii.gz"],
)  # fmt: skip
def test_real_files_come_back_as_they_were(test_data, tmp_path, name):
    path = test_data / "heads" / name
    scan = read_nifti(path)
    assert scan.fault() is None
    volume = scan.volume()
    assert volume.valid is None
    patch = VolumePatch(mask=np.zeros(volume.values.shape, bool), values=np.zeros(0, np.float32), affine=volume.affine)
    write_nifti(scan, {0: patch}, tmp_path / "after.nii.gz")
    one, other = nibabel.load(path), nibabel.load(tmp_path / "after.nii.gz")
    assert np.array_equal(one.dataobj.get_unscaled(), other.dataobj.get_unscaled())
    assert np.array_equal(one.affine, other.affine)
    assert one.get_data_dtype() == other.get_data_dtype()
