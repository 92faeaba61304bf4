"""Samples with words in their pixels, as scanners write them; made by the project, of patients who do not exist."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import cv2
import imagecodecs
import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, generate_uid

from tests.common import images
from tests.common.modules import phantom
from tests.common.patients import Study

SIZE = (192, 224)


@dataclass(frozen=True, kw_only=True)
class Word:
    """Text drawn with its left end at (x, y), y being its base line; `frames` None means all."""

    text: str
    x: int
    y: int
    scale: float = 0.6
    frames: tuple[int, ...] | None = None


def words_of(study: Study) -> tuple[Word, ...]:
    """Return what a scanner would write of a patient."""
    patient = study.patient
    return (
        Word(text=patient.name.replace("^", " "), x=8, y=22),
        Word(text=f"ID {patient.patient_id}", x=8, y=46),
        Word(text=study.date, x=120, y=184),
    )


def make_us(study: Study, *, frames: int = 1) -> Dataset:
    """Make an ultrasound image or clip with name, ID and date in its upper corners."""
    ds = images.make_us(study, frames=frames, size=SIZE)
    burn(ds, words_of(study))
    return ds


def make_sc(study: Study) -> Dataset:
    """Make a secondary capture with name, ID and date."""
    ds = images.make_sc(study)
    _resize(ds, np.repeat((phantom(*SIZE, seed=4, high=120)).astype(np.uint8)[..., None], 3, axis=-1))
    burn(ds, words_of(study))
    return ds


def make_cr(study: Study) -> Dataset:
    """Make a radiograph of 16 bits with name, ID and date."""
    ds = images.make_cr(study)
    _resize(ds, phantom(*SIZE, seed=5, low=0, high=2000).astype(np.uint16))
    burn(ds, words_of(study))
    return ds


def write_on(ds: Dataset, study: Study) -> None:
    """Enlarge a native colour image, and write on it what a scanner would."""
    _resize(ds, np.repeat((phantom(*SIZE, seed=6, high=140)).astype(np.uint8)[..., None], 3, axis=-1))
    burn(ds, words_of(study))


def burn(ds: Dataset, words: tuple[Word, ...]) -> None:
    """Draw words into native pixels, brighter than anything around."""
    frames = _frames(ds)
    bright = int(min(frames.max() * 1.4 + 40, (1 << ds.BitsStored) - 1))
    for number, frame in enumerate(frames):
        for word in words:
            if word.frames is None or number in word.frames:
                colour = (bright,) * 3 if frame.ndim == 3 else bright
                layer = np.ascontiguousarray(frame.astype(np.float32))
                cv2.putText(layer, word.text, (word.x, word.y), cv2.FONT_HERSHEY_SIMPLEX, word.scale, colour, 1)
                frame[:] = layer.astype(frame.dtype)
    ds.PixelData = frames.tobytes()


def mask_of(ds: Dataset, words: tuple[Word, ...]) -> np.ndarray:
    """Return which pixels words are drawn in, (rows, columns)."""
    layer = np.zeros((ds.Rows, ds.Columns), np.float32)
    for word in words:
        cv2.putText(layer, word.text, (word.x, word.y), cv2.FONT_HERSHEY_SIMPLEX, word.scale, 255.0, 1)
    return layer > 0


def frames_of(ds: Dataset) -> np.ndarray:
    """Return the stored values of an instance, frames first."""
    array = pixel_array(ds, raw=True)
    wanted = 3 if ds.SamplesPerPixel == 1 else 4
    return array if array.ndim == wanted else array[None]


def _frames(ds: Dataset) -> np.ndarray:
    kind = np.uint16 if ds.BitsAllocated == 16 else np.uint8
    shape = [int(ds.get("NumberOfFrames", 1) or 1), ds.Rows, ds.Columns]
    if ds.SamplesPerPixel == 3:
        shape.append(3)
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer(ds.PixelData[:size], kind).reshape(shape).copy()


def _resize(ds: Dataset, pixels: np.ndarray) -> None:
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.PixelData = pixels.tobytes()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def coded(ds: Dataset, syntax: UID, *, name: str) -> Dataset:
    """Return another instance with the same pixels, coded."""
    ds = another(ds, name=name)
    if syntax == JPEGBaseline8Bit:
        frames = [imagecodecs.jpeg8_encode(frame, level=92, subsampling="444") for frame in _frames(ds)]
        _encapsulate(ds, frames, syntax)
        ds.PhotometricInterpretation = "YBR_FULL"
        ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
        ds.LossyImageCompressionRatio = "5"
    elif syntax == JPEG2000Lossless:
        # pydicom has no coder for it here.
        frames = [
            imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, mct=False, codecformat="j2k")
            for frame in _frames(ds)
        ]
        _encapsulate(ds, frames, syntax)
    else:
        ds.compress(syntax, generate_instance_uid=False)
    return ds


def another(ds: Dataset, *, name: str) -> Dataset:
    """Return another instance of the same series with the same content."""
    ds = copy.deepcopy(ds)
    uid = generate_uid(entropy_srcs=[name, str(ds.SOPInstanceUID)])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
    return ds


def _encapsulate(ds: Dataset, frames: list[bytes], syntax: UID) -> None:
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = syntax
