"""Pictures without text: regions of real scans, each of them looked at, and pictures that ``synthetic`` makes.

A detector must touch none of them. Side markers, scales and measuring marks with letters or digits count as text and
are cut off; lines, dots and the edges of a sector are left in, since they are what is taken for text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from burned_in import synthetic
from burned_in.case import Case, monochrome8
from burned_in.scans import read_scan

Crop = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a real scan without text.

    Attributes
    ----------
    kind
        Modality, or ``photograph``.
    source
        File, and frame or slice, as `scans.read_scan` takes it.
    crop
        Left, upper, right and lower edge; all of it if None.
    """

    kind: str
    source: str
    crop: Crop | None = None


_BURNED = "burnedin"
_CORNERSTONE = "dicom/cornerstonejs__cornerstone3D"
_PYDICOM = "dicom/pydicom__pydicom-data"
XA30 = "heads/neurolabusc__dcm_qa_xa30/0001_1.3.12.2.1107.5.2.43.67093.2022071112080825794102791.dcm"
"""An enhanced MR of 96 frames."""
_XRAYS = "images/noneedanick__DeepFakeXRay"
_SLICES: tuple[tuple[str, str, str, range], ...] = (
    ("CT", "heads/neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip", "", range(28)),
    ("CT", "images/FNNDSC__data/andrei_ct_first.zip", "", range(19)),
    ("CT", "heads/Slicer__Slicer/CTHeadAxial_dicom.zip", "", range(5, 93, 15)),
    ("CT", "images/wasserth__TotalSegmentator/example_ct.nii.gz", "z", range(6, 112, 13)),
    ("CT", "images/wasserth__TotalSegmentator/example_ct.nii.gz", "x", range(30, 100, 20)),
    ("CT", "images/wasserth__TotalSegmentator/example_ct.nii.gz", "y", range(25, 90, 20)),
    ("MR", "heads/FNNDSC__data/adi_brain_t1_dicom.zip", "", range(20, 215, 10)),
    ("MR", "heads/neurolabusc__dcm_qa_decubitus/decubitus_HFS_t1_dicom.zip", "", range(2, 35, 3)),
    ("MR", "heads/niivue__niivue/otsu.nii.gz", "z", range(15, 165, 18)),
    ("MR", "heads/niivue__niivue/otsu.nii.gz", "x", range(20, 165, 35)),
    ("MR", "heads/niivue__niivue/otsu.nii.gz", "y", range(30, 220, 45)),
    ("MR", "heads/fepegar__torchio-data/t2.nii.gz", "z", range(1, 26, 3)),
    ("MR", "heads/FNNDSC__data/eun_uchar_8.nii.gz", "z", range(30, 130, 25)),
    ("MR", "heads/neurolabusc__Clinical/T2.nii.gz", "z", range(15, 140, 20)),
    ("MR", "heads/pyvista__vtk-data/HeadMRVolume.mhd", "z", range(10, 40, 10)),
    ("MR", XA30, "", range(10, 90, 12)),
)  # fmt: skip
"""Kind, file, axis (none: frames, or members of a zip), numbers."""

_REGIONS: tuple[tuple[str, str, Crop | None], ...] = (
    ("CT", "images/ymirsky__CT-GAN/ref_scan.dcm", None),
    ("CT", f"{_CORNERSTONE}/CT2_J2KR", None),
    ("CT", "dicom/FNNDSC__ami/j2k.dcm", None),
    ("CT", f"{_PYDICOM}/eCT_Supplemental.dcm#0", None),
    ("CT", f"{_PYDICOM}/eCT_Supplemental.dcm#1", None),
    ("CT", f"{_PYDICOM}/bad_sequence.dcm", None),
    ("CT", f"{_PYDICOM}/explicit_VR-UN.dcm", None),
    ("CT", "dicom/pydicom__pydicom/J2K_pixelrep_mismatch.dcm", None),
    ("CT", f"{_CORNERSTONE}/CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm", None),
    ("MR", "dicom/dcmjs-org__dcmjs/sample-dicom.dcm", None),
    ("MR", "dicom/jonclayden__divest/02j.dcm", None),
    ("MR", "dicom/nipy__nibabel/0.dcm", None),
    ("MR", "dicom/nipy__nibabel/1.dcm", None),
    ("MR", "dicom/nipy__nibabel/slicethickness_empty_string.dcm", None),
    ("MR", f"{_PYDICOM}/MR2_J2KI.dcm", None),
    ("MR", "dicom/pydicom__pydicom/examples_overlay.dcm", None),
    ("MR", f"{_BURNED}/SMI__dicompixelanon/MR-SIEMENS-DICOM-WithOverlays.dcm", None),
    ("NM", f"{_PYDICOM}/JPEG-LL.dcm", None),
    ("PT", f"{_BURNED}/microsoft__presidio/RGB_ORIGINAL.dcm", None),
    ("CR", "images/pydicom__pydicom-data/RG1_J2KI.dcm", (0, 60, 1740, 1955)),
    ("CR", "images/pydicom__pydicom-data/RG1_J2KI.dcm", (100, 300, 900, 1100)),
    ("CR", "images/pydicom__pydicom-data/RG1_J2KI.dcm", (800, 900, 1700, 1900)),
    ("CR", f"{_PYDICOM}/RG3_J2KR.dcm", (480, 0, 1120, 1760)),
    ("CR", f"{_PYDICOM}/RG3_J2KR.dcm", (480, 900, 1100, 1760)),
    ("CR", "images/mlmed__torchxrayvision/00000001_000.png", (0, 60, 512, 512)),
    ("CR", "dicom/ImagingDataCommons__highdicom/dx_image.dcm", None),
    ("CR", f"{_BURNED}/microsoft__presidio/0_ORIGINAL_compressed.dcm", (0, 300, 1900, 1600)),
    ("CR", f"{_BURNED}/microsoft__presidio/1_ORIGINAL.png", (0, 300, 1600, 1800)),
    ("CR", f"{_BURNED}/microsoft__presidio/2_ORIGINAL.png", (0, 200, 394, 552)),
    ("CR", f"{_BURNED}/JohnSnowLabs__visual-nlp-workshop/John_Stiles.dcm", (0, 180, 800, 690)),
    *(("CR", f"{_XRAYS}/Radio{name}", None) for name in (
        "006.png 009.png 012.png 013.png 015.png 022.png 023.png 026.png 032.png 040.png 052.jpg 054.jpg 057.png "
        "062.png 065.png 073.png 077.png 078.jpg 081.jpg 082.jpg 089.jpeg 091.png 095.png 097.png 098.png 099.png "
        "10.png 101.png 103.png 109.png 112.png 120.png 122.png 123.png 124.png 126.png 129.png 145.png 148.png 151.png"
    ).split()),
    ("US", f"{_BURNED}/pydicom__deid-data/GREYSCALE_IMAGE.dcm", (130, 85, 880, 700)),
    ("US", f"{_BURNED}/pydicom__deid-data/GREYSCALE_IMAGE.dcm", (130, 400, 850, 700)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm", (130, 170, 590, 650)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm", (330, 460, 860, 655)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm", (260, 180, 560, 480)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/US1_UNCR.dcm", (60, 112, 570, 335)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/US1_UNCR.dcm", (95, 155, 312, 290)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/US1_UNCR.dcm", (325, 155, 542, 290)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/gdcm-US-ALOKA-16.dcm", (40, 105, 330, 405)),
    ("US", f"{_BURNED}/pydicom__pydicom-data/gdcm-US-ALOKA-16.dcm", (345, 95, 622, 405)),
    ("US", f"{_BURNED}/SMI__dicompixelanon/US-GE-4AICL142.dcm", (20, 130, 555, 400)),
    ("US", f"{_BURNED}/cornerstonejs__cornerstone3D/US-YBR_FULL_422-EVRLE.dcm", (260, 75, 760, 480)),
    ("US", f"{_BURNED}/fo-dicom__fo-dicom/GH364.dcm", (150, 170, 570, 700)),
    ("US", f"{_BURNED}/fo-dicom__fo-dicom/GH364.dcm", (620, 150, 870, 720)),
    ("US", f"{_BURNED}/fo-dicom__fo-dicom/GH364.dcm", (300, 450, 860, 720)),
    ("US", f"{_PYDICOM}/OBXXXX1A.dcm", (335, 62, 700, 270)),
    ("US", "dicom/pydicom__pydicom/examples_ybr_color.dcm#0", (20, 20, 280, 205)),
    ("US", "dicom/pydicom__pydicom/examples_ybr_color.dcm#15", (20, 20, 280, 205)),
    ("US", "dicom/pydicom__pydicom/ExplVR_BigEnd.dcm", None),
    ("photograph", f"{_BURNED}/microsoft__presidio/no_ocr.jpg", None),
    ("photograph", f"{_BURNED}/microsoft__presidio/no_ocr.jpg", (300, 500, 1300, 1500)),
    ("photograph", f"{_BURNED}/pydicom__deid-data/image1.dcm", None),
    ("photograph", f"{_BURNED}/pydicom__deid-data/image1.dcm", (200, 150, 1200, 900)),
)  # fmt: skip

REGIONS: tuple[Region, ...] = (
    *(
        Region(kind=kind, source=f"{file}#{axis}{number}")
        for kind, file, axis, numbers in _SLICES
        for number in numbers
    ),
    *(Region(kind=kind, source=source, crop=crop) for kind, source, crop in _REGIONS),
)
"""All regions of real scans."""

_MADE = 8
"""So many of each kind are made: the only mammograms, of which there are no real ones."""


def make_textfree(data: Path | None, *, step: int = 1) -> Iterator[Case]:
    """Yield the pictures without text, or each `step`-th of them."""
    for region in REGIONS[::step] if data is not None else ():
        scan = read_scan(data, region.source, region.crop)
        left, upper = (region.crop or (0, 0))[:2]
        yield Case(
            name=f"{region.source} {left},{upper}", subset="textfree", background=f"{region.kind} {region.source}",
            frames=scan.frames, attributes=scan.attributes,
        )  # fmt: skip
    made = [(name, number) for name in synthetic.MAKERS for number in range(_MADE)]
    for name, number in made[::step]:
        rng = np.random.default_rng([_MADE, number, len(name)])
        grey = synthetic.MAKERS[name](rng, *((512, 512), (600, 800))[number % 2])
        yield Case(
            name=f"{name} {number}", subset="textfree", background=f"made, {name}",
            frames=np.rint(grey).astype(np.uint8)[None], attributes=monochrome8(),
        )  # fmt: skip
