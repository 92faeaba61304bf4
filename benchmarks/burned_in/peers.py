"""What is compared: each tool as a detector of cases, which are shown to it in the way it takes them best."""

import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burned_in.case import Case, Mask, Pixels
from burned_in.score import Detector, by_frame

Frame = NDArray[np.uint8]

_PADDING_PX = 2
"""Around each box of tesseract, as its boxes end with the ink."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A tool.

    Attributes
    ----------
    name
        For the table.
    load
        Returns it as a detector.
    modules, commands
        What it cannot run without.
    package
        Where that comes from.
    note
        What has to be known to read its figures.
    """

    name: str
    load: Callable[[], Detector]
    modules: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    package: str = ""
    note: str = ""

    def is_there(self) -> bool:
        """Return whether it can be run here."""
        return all(find_spec(name) for name in self.modules) and all(which(name) for name in self.commands)


def load_detector(name: str) -> Detector:
    """Return the detector ``module:function``; the function takes a `Case` and returns a mask of its frames."""
    module, _, function = name.partition(":")
    detector: Detector = getattr(importlib.import_module(module), function)
    return detector


# --- detectors of PP-OCR ---------------------------------------------------------------------------------------------


def _rapidocr() -> Detector:
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def detect(frame: Frame) -> Mask:
        found = engine(np.ascontiguousarray(frame[..., ::-1]), use_det=True, use_cls=False, use_rec=False)
        return _fill(frame, [] if found.boxes is None else found.boxes)

    return by_frame(detect)


def _rapidocr_v4() -> Detector:
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR()

    def detect(frame: Frame) -> Mask:
        boxes, _ = engine(np.ascontiguousarray(frame[..., ::-1]), use_det=True, use_cls=False, use_rec=False)
        return _fill(frame, boxes or [])

    return by_frame(detect)


# --- tesseract, and presidio, which reads with it --------------------------------------------------------------------


def _tesseract() -> Detector:
    import pytesseract
    from PIL import Image

    os.environ["OMP_THREAD_LIMIT"] = "1"  # more threads take more CPU time and find the same

    def detect(frame: Frame) -> Mask:
        found = pytesseract.image_to_data(
            Image.fromarray(frame), config="--psm 11", output_type=pytesseract.Output.DICT
        )  # fmt: skip
        edges = zip(found["text"], found["left"], found["top"], found["width"], found["height"], strict=True)
        return _fill(frame, [_box(x, y, w, h, _PADDING_PX) for text, x, y, w, h in edges if text.strip()])

    return by_frame(detect)


def _presidio_all_text() -> Detector:
    from presidio_analyzer import Pattern, PatternRecognizer

    anything = PatternRecognizer(
        supported_entity="TEXT", patterns=[Pattern(name="any_text", regex=r"(?s).*", score=0.5)]
    )
    return _presidio(use_metadata=False, recognizers=lambda: [anything])


def _presidio_default() -> Detector:
    return _presidio(use_metadata=True, recognizers=lambda: None)


def _presidio(*, use_metadata: bool, recognizers: Callable[[], list[Any] | None]) -> Detector:
    from presidio_image_redactor import DicomImageRedactorEngine, ImageAnalyzerEngine

    os.environ["OMP_THREAD_LIMIT"] = "1"
    engine = DicomImageRedactorEngine(image_analyzer_engine=ImageAnalyzerEngine(analyzer_engine=_analyzer()))

    def detect(case: Case) -> Mask:
        found = []
        for number, frame in enumerate(case.frames):
            known = [word.text for word in case.words if number in word.frames]
            _, boxes = engine.redact_and_return_bbox(
                _dataset(frame, case, known), use_metadata=use_metadata, ad_hoc_recognizers=recognizers()
            )  # fmt: skip
            found.append(_fill(frame, [_box(one["left"], one["top"], one["width"], one["height"]) for one in boxes]))
        return np.stack(found)

    return detect


def _analyzer() -> Any:
    """Return presidio's engine of text, without its language model where that is not installed."""
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # Otherwise it asks the network for the list of top-level domains.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    if spacy.util.is_package("en_core_web_lg"):
        return AnalyzerEngine()
    language = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    language.nlp = {"en": spacy.blank("en")}
    return AnalyzerEngine(nlp_engine=language, supported_languages=["en"])


def _dataset(frame: Pixels, case: Case, known: Iterable[str]) -> Any:
    """Return a frame as an instance whose header knows every word in its pixels."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = SecondaryCaptureImageStorage
    for keyword, value in case.attributes.items():
        setattr(ds, keyword, value)
    ds.OtherPatientNames = [word.replace("\\", "") for word in known]
    ds.Rows, ds.Columns = frame.shape[:2]
    ds.SamplesPerPixel = 1 if frame.ndim == 2 else 3
    if frame.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = frame.dtype.itemsize * 8
    ds.HighBit = int(ds.BitsStored) - 1
    ds.PixelData = np.ascontiguousarray(frame).tobytes()
    return ds


# --- boxes -----------------------------------------------------------------------------------------------------------


def _box(left: float, top: float, width: float, height: float, padding: float = 0) -> NDArray[np.float64]:
    right, bottom = left + width + padding, top + height + padding
    left, top = left - padding, top - padding
    return np.asarray([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def _fill(frame: Pixels, boxes: Iterable[Any]) -> Mask:
    """Return the pixels within boxes of four corners."""
    import cv2

    mask = np.zeros(frame.shape[:2], np.uint8)
    for box in boxes:
        cv2.fillPoly(mask, [np.rint(np.asarray(box)).astype(np.int32).reshape(-1, 2)], 1)
    return mask.astype(bool)


CONTENDERS = (
    Contender(
        name="rapidocr 3, PP-OCRv6", load=_rapidocr, modules=("rapidocr", "omegaconf", "onnxruntime"),
        package="rapidocr and onnxruntime from PyPI", note="its detector alone, as it comes",
    ),
    Contender(
        name="rapidocr 1, PP-OCRv4", load=_rapidocr_v4, modules=("rapidocr_onnxruntime", "pyclipper", "shapely"),
        package="rapidocr-onnxruntime from PyPI", note="its detector alone, as it comes",
    ),
    Contender(
        name="tesseract", load=_tesseract, modules=("pytesseract",), commands=("tesseract",),
        package="pytesseract from PyPI, Debian package tesseract-ocr", note="--psm 11, every word that it reads",
    ),
    Contender(
        name="presidio, all text", load=_presidio_all_text, modules=("presidio_image_redactor", "presidio_analyzer"),
        commands=("tesseract",), package="presidio-image-redactor from PyPI, Debian package tesseract-ocr",
        note="DicomImageRedactorEngine, told that all text is to go",
    ),
    Contender(
        name="presidio, default", load=_presidio_default, modules=("presidio_image_redactor", "presidio_analyzer"),
        commands=("tesseract",), package="presidio-image-redactor from PyPI, Debian package tesseract-ocr",
        note="DicomImageRedactorEngine with every burned-in word in its header, which no real header has; without "
        "en_core_web_lg, which is on no package index, unless it is installed",
    ),
)  # fmt: skip
"""In the order of the table, after Scanward."""
