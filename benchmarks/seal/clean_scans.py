"""Real scans that nobody edited, as arrays: films and slices out of the folder of real scans."""

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray

Samples = NDArray[np.generic]

DEEPFAKE = "images/noneedanick__DeepFakeXRay"
OTHER_FILMS = (
    "images/mlmed__torchxrayvision/00000001_000.png",
    "images/pydicom__pydicom-data/RG1_J2KI.dcm",
    "dicom/pydicom__pydicom-data/RG3_J2KR.dcm",
    "burnedin/microsoft__presidio/0_ORIGINAL.png",
    "burnedin/microsoft__presidio/1_ORIGINAL.png",
    "burnedin/microsoft__presidio/2_ORIGINAL.png",
    "burnedin/JohnSnowLabs__visual-nlp-workshop/example_input_1.dcm",
)
"""Radiographs of other sources: all there are, once each."""

SERIES = {
    "CT abdomen (FNNDSC)": "images/FNNDSC__data/andrei_ct_first.zip",
    "CT head (GE)": "heads/neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip",
    "MR T1 head (Siemens)": "heads/neurolabusc__dcm_qa_decubitus/decubitus_HFS_t1_dicom.zip",
    "MR T1 head (MEMPRAGE)": "heads/FNNDSC__data/adi_brain_t1_dicom.zip",
}
DICOM_FOLDERS = ("dicom", "burnedin")
MAX_FRAMES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """A radiograph with what is known of it."""

    name: str
    is_generated: bool
    samples: Samples


def read_picture(path: Path) -> Samples:
    """Return the samples of a PNG, JPEG or DICOM file with one frame."""
    if path.suffix.lower() in {".png", ".jpg", ".jpeg"}:
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise ValueError(path.name)
        return np.asarray(picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 2 else picture)
    return np.asarray(pydicom.dcmread(path).pixel_array)


def read_films(data: Path) -> list[Film]:
    """Return the 40 films of the public set, with their labels."""
    with (data / "inventory.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(DEEPFAKE)]
    return [
        Film(
            name=Path(row["file"]).name,
            is_generated=row["note"].startswith("AI-generated"),
            samples=read_picture(data / row["file"]),
        )
        for row in sorted(rows, key=lambda one: one["file"])
    ]


def read_other_films(data: Path) -> list[Film]:
    """Return the radiographs of other sources."""
    return [Film(name=Path(name).name, is_generated=False, samples=read_picture(data / name)) for name in OTHER_FILMS]


def read_series(data: Path, name: str, step: int = 1) -> list[Samples]:
    """Return the slices of one series in the order of their place, each `step`-th."""
    slices: list[tuple[float, Samples]] = []
    with zipfile.ZipFile(data / SERIES[name]) as archive:
        for member in sorted(archive.namelist())[::step]:
            if member.endswith("/"):
                continue
            ds = pydicom.dcmread(io.BytesIO(archive.read(member)), force=True)
            if "ImagePositionPatient" not in ds:
                continue
            normal = np.cross(*np.array(ds.ImageOrientationPatient, float).reshape(2, 3))
            slices.append((float(normal @ np.array(ds.ImagePositionPatient, float)), np.asarray(ds.pixel_array)))
    shape = slices[0][1].shape
    return [one for _, one in sorted(slices, key=lambda pair: pair[0]) if one.shape == shape]


def iterate_single_files(data: Path) -> Iterator[tuple[str, list[Samples]]]:
    """Yield the first frames of each DICOM file that lies loose in the folder and can be decoded."""
    for folder in DICOM_FOLDERS:
        for path in sorted((data / folder).rglob("*")):
            if not path.is_file() or path.suffix.lower() in {".zip", ".gz", ".json", ".png", ".txt", ".pdf"}:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ds = pydicom.dcmread(path, force=True)
                    pixels = np.asarray(ds.pixel_array)
            except Exception:  # noqa: BLE001, S112 - broken on purpose, many of them; what cannot be read is no scan
                continue
            many = int(ds.get("NumberOfFrames", 1) or 1) > 1
            yield str(path.relative_to(data)), list(pixels[:MAX_FRAMES]) if many else [pixels]
