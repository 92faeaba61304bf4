"""What the statements on residual risks rest on; a digital object identifier stands where it is known for certain."""

from typing import Final

from scanward.model.risks import Source

CHEST_2022: Final = Source(
    source_id="packhaeuser-2022",
    authors="Packhäuser K, Gündel S, Münster N, Syben C, Christlein V, Maier A",
    year=2022,
    title="Deep learning-based patient re-identification is able to exploit the biometric nature of medical chest "
    "X-ray data",
    published="Scientific Reports 12:14851",
    doi="10.1038/s41598-022-19045-3",
)
CHEST_2023: Final = Source(
    source_id="macpherson-2023",
    authors="Macpherson MS, Hutchinson CE, Horst C, Goh V, Montana G",
    year=2023,
    title="Patient Reidentification from Chest Radiographs: An Interpretable Deep Metric Learning Approach and Its "
    "Applications",
    published="Radiology: Artificial Intelligence 5(6):e230019",
    doi="10.1148/ryai.230019",
)
HIDING_2013: Final = Source(
    source_id="carrell-2013",
    authors="Carrell D, Malin B, Aberdeen J, Bayer S, Clark C, Wellner B, Hirschman L",
    year=2013,
    title="Hiding in plain sight: use of realistic surrogates to reduce exposure of protected health information in "
    "clinical text",
    published="Journal of the American Medical Informatics Association 20(2):342-348",
    doi="10.1136/amiajnl-2012-001034",
)
FACE_2019: Final = Source(
    source_id="schwarz-2019",
    authors="Schwarz CG, Kremers WK, Therneau TM, et al.",
    year=2019,
    title="Identification of Anonymous MRI Research Participants with Face-Recognition Software",
    published="New England Journal of Medicine 381:1684-1686",
    doi="10.1056/NEJMc1908881",
)
FACE_2021: Final = Source(
    source_id="schwarz-2021",
    authors="Schwarz CG, Kremers WK, Wiste HJ, et al.",
    year=2021,
    title="Changing the face of neuroimaging research: Comparing a new MRI de-facing technique with popular "
    "alternatives",
    published="NeuroImage 231:117845",
    doi="10.1016/j.neuroimage.2021.117845",
)
FACE_2022: Final = Source(
    source_id="schwarz-2022",
    authors="Schwarz CG, Kremers WK, Lowe VJ, et al.",
    year=2022,
    title="Face recognition from research brain PET: An unexpected PET problem",
    published="NeuroImage 258:119357",
    doi="10.1016/j.neuroimage.2022.119357",
)
BRAIN_2015: Final = Source(
    source_id="takao-2015",
    authors="Takao H, Hayashi N, Ohtomo K",
    year=2015,
    title="Brain morphology is individual-specific information",
    published="Magnetic Resonance Imaging 33(6):816-821",
)
BRAIN_2018: Final = Source(
    source_id="valizadeh-2018",
    authors="Valizadeh SA, Liem F, Mérillat S, Hänggi J, Jäncke L",
    year=2018,
    title="Identification of individual subjects on the basis of their brain anatomical features",
    published="Scientific Reports 8:5611",
    doi="10.1038/s41598-018-23696-6",
)
TRUNK_2025: Final = Source(
    source_id="heinrich-2025",
    authors="Heinrich A, Hubig M, Mall G, Teichgräber U",
    year=2025,
    title="Computer vision-based personal identification using 2D maximum intensity projection CT images",
    published="European Radiology",
    doi="10.1007/s00330-025-11630-0",
)
HEAD_SLICE_2024: Final = Source(
    source_id="heinrich-2024",
    authors="Heinrich A",
    year=2024,
    title="Automatic personal identification using a single CT image",
    published="European Radiology",
    doi="10.1007/s00330-024-11013-x",
)
TEETH_2020: Final = Source(
    source_id="heinrich-2020",
    authors="Heinrich A, Güttler FV, Schenkl S, Wagner R, Teichgräber UKM",
    year=2020,
    title="Automatic human identification based on dental X-ray radiographs using computer vision",
    published="Scientific Reports 10:3801",
    doi="10.1038/s41598-020-60817-6",
)
TEETH_DVI: Final = Source(
    source_id="interpol-dvi",
    authors="INTERPOL",
    year=2018,
    title="Disaster Victim Identification Guide",
    published="INTERPOL, Lyon",
)
SINUS_2005: Final = Source(
    source_id="christensen-2005",
    authors="Christensen AM",
    year=2005,
    title="Testing the Reliability of Frontal Sinuses in Positive Identification",
    published="Journal of Forensic Sciences 50(1):18-22",
)
BONES_2018: Final = Source(
    source_id="ubelaker-2018",
    authors="Ubelaker DH, Shamlou A, Kunkle A",
    year=2018,
    title="Contributions of forensic anthropology to positive scientific identification: a critical Review",
    published="Forensic Sciences Research",
    doi="10.1080/20961790.2018.1523704",
)
HAND_2005: Final = Source(
    source_id="koot-2005",
    authors="Koot MG, Sauer NJ, Fenton TW",
    year=2005,
    title="Radiographic human identification using bones of the hand: a validation study",
    published="Journal of Forensic Sciences 50(2):263-268",
)
RETINA_1935: Final = Source(
    source_id="simon-1935",
    authors="Simon C, Goldstein I",
    year=1935,
    title="A new scientific method of identification",
    published="New York State Journal of Medicine 35:901-906",
)
RETINA_2018: Final = Source(
    source_id="poplin-2018",
    authors="Poplin R, Varadarajan AV, Blumer K, et al.",
    year=2018,
    title="Prediction of cardiovascular risk factors from retinal fundus photographs via deep learning",
    published="Nature Biomedical Engineering 2:158-164",
    doi="10.1038/s41551-018-0195-0",
)
IRIS_2004: Final = Source(
    source_id="daugman-2004",
    authors="Daugman J",
    year=2004,
    title="How iris recognition works",
    published="IEEE Transactions on Circuits and Systems for Video Technology 14(1):21-30",
    doi="10.1109/TCSVT.2003.818350",
)
ECG_2001: Final = Source(
    source_id="biel-2001",
    authors="Biel L, Pettersson O, Philipson L, Wide P",
    year=2001,
    title="ECG analysis: a new approach in human identification",
    published="IEEE Transactions on Instrumentation and Measurement 50(3):808-812",
    doi="10.1109/19.930458",
)
SLIDES_2024: Final = Source(
    source_id="ganz-2024",
    authors="Ganz J, Ammeling J, Jabari S, Breininger K, Aubreville M",
    year=2024,
    title="Re-identification from histopathology images",
    published="arXiv:2403.12816",
)
TRAITS_2022: Final = Source(
    source_id="gichoya-2022",
    authors="Gichoya JW, Banerjee I, Bhimireddy AR, et al.",
    year=2022,
    title="AI recognition of patient race in medical imaging: a modelling study",
    published="The Lancet Digital Health 4(6):e406-e414",
    doi="10.1016/S2589-7500(22)00063-2",
)
UNIQUE_2006: Final = Source(
    source_id="golle-2006",
    authors="Golle P",
    year=2006,
    title="Revisiting the uniqueness of simple demographics in the US population",
    published="Workshop on Privacy in the Electronic Society (WPES), ACM",
)
HIPAA: Final = Source(
    source_id="45-cfr-164.514",
    authors="United States, Department of Health and Human Services",
    year=2013,
    title="Other requirements relating to uses and disclosures of protected health information, (b)(2)(i)(A) to (R)",
    published="45 CFR 164.514, as amended",
)
BIOMETRICS: Final = Source(
    source_id="28-cfr-202.204",
    authors="United States, Department of Justice",
    year=2025,
    title="Biometric identifiers",
    published="28 CFR 202.204",
)
PS315: Final = Source(
    source_id="ps3.15-e",
    authors="NEMA",
    year=2025,
    title="DICOM PS3.15, Security and System Management Profiles, Annex E: Attribute Confidentiality Profiles",
    published="National Electrical Manufacturers Association",
)
