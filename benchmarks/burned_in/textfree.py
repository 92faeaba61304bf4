"""Regions of real scans that show no text, each looked at by a person."""

REGIONS: tuple[tuple[str, str, tuple[int, int, int, int] | None], ...] = (
    ("CT", "images/ymirsky__CT-GAN/ref_scan.dcm", None),
    ("CT", "images/FNNDSC__data/andrei_ct_first.zip#3", None),
    ("CT", "heads/neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip#14", None),
    ("CT", "dicom/cornerstonejs__cornerstone3D/CT2_J2KR", None),
    ("MR", "dicom/dcmjs-org__dcmjs/sample-dicom.dcm", None),
    ("MR", "burnedin/SMI__dicompixelanon/MR-SIEMENS-DICOM-WithOverlays.dcm", None),
    ("MR", "heads/FNNDSC__data/adi_brain_t1_dicom.zip#60", None),
    ("MR", "heads/neurolabusc__dcm_qa_decubitus/decubitus_HFS_t1_dicom.zip#17", None),
    ("MR", "heads/niivue__niivue/otsu.nii.gz#z80", None),
    ("CR", "images/pydicom__pydicom-data/RG1_J2KI.dcm", (0, 60, 1740, 1955)),
    ("CR", "dicom/pydicom__pydicom-data/RG3_J2KR.dcm", (480, 0, 1120, 1760)),
    ("CR", "images/mlmed__torchxrayvision/00000001_000.png", (0, 60, 512, 512)),
    ("US", "burnedin/pydicom__pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm", (170, 180, 730, 660)),
    ("US", "burnedin/fo-dicom__fo-dicom/GH364.dcm", (190, 140, 700, 560)),
    ("US", "burnedin/pydicom__deid-data/GREYSCALE_IMAGE.dcm", (130, 80, 890, 700)),
    ("PT", "burnedin/microsoft__presidio/RGB_ORIGINAL.dcm", None),
    ("photograph", "burnedin/microsoft__presidio/no_ocr.jpg", None),
    ("photograph", "burnedin/pydicom__deid-data/image1.dcm", None),
)
"""Kind, file (and frame or slice) and crop (left, upper, right, lower)."""
