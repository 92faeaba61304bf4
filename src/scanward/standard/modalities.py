"""Modalities (PS3.3 Section C.7.3.1.1.1), and which instances are likely to carry text burned into their pixels.

The choice is this project's: the risk lies where pixels come from a screen, a camera, a film or a page rather than from
a detector (PS3.15 Section E.3.1, Clean Pixel Data Option, is about what to do then).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MODALITIES: Final = frozenset(
    # Defined Terms of PS3.3 Section C.7.3.1.1.1, edition 2025
    "ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT "
    "IVUS KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG "
    "RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RX SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA "
    "XA XAPROTOCOL XC "
    # retired ones, still in archives
    "AS CD CF CP CS DD DF DM DS EC FA FS LP MA MS OPR ST VF "
    # not a term, yet written by many for Secondary Capture
    "SC".split()
)
"""Values of Modality that mean something; any other could be anything."""

BURNED_IN_MODALITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "US": "the scanner writes name, ID and date onto the image",
        "IVUS": "as ultrasound",
        "EC": "echocardiography (retired), as ultrasound",
        "CD": "color flow Doppler (retired), as ultrasound",
        "DD": "duplex Doppler (retired), as ultrasound",
        "SC": "secondary capture (not a standard code, yet used): a copy of a screen",
        "OT": "other: mostly captured screens, scanned paper and rendered reports",
        "XA": "the console writes name and date onto exported runs",
        "RF": "as angiography",
        "DS": "digital subtraction angiography (retired), as angiography",
        "CF": "cinefluorography (retired), as angiography",
        "DF": "digital fluoroscopy (retired), as angiography",
        "VF": "videofluorography (retired), as angiography",
        "ES": "endoscopy towers put name, ID and date beside the image",
        "CP": "culposcopy (retired), as endoscopy",
        "CS": "cystoscopy (retired), as endoscopy",
        "LP": "laparoscopy (retired), as endoscopy",
        "FS": "fundoscopy (retired), as endoscopy",
        "XC": "external camera: faces, wrist bands and labels in view",
        "DMS": "dermoscopy, as external camera",
        "GM": "general microscopy: slides photographed with their labels",
        "SM": "slide microscopy: label and overview images show the label of the slide",
        "DG": "diaphanography (retired): photographs",
        "HC": "hard copy: films carry a printed header",
        "FID": "fiducials are often kept on a captured screen",
        "DOC": "a document: pages with name and address",
        "PR": "presentation state: text is drawn over the image",
        "BDUS": "bone densitometry by ultrasound: the image is a printed report",
        "BMD": "bone densitometry by X-ray: the image is a printed report",
        "OPV": "visual field: the image is a printed report",
        "ECG": "as an image it is a captured tracing with a printed header",
        "EPS": "as an image it is a captured screen of the recorder",
        "HD": "as an image it is a captured screen of the recorder",
    }
)
"""Modality -> why its pixels are likely to show text."""

# Classes whose content is all waveform have no pixels, whatever their Modality.
_WITHOUT_PIXELS: Final = "1.2.840.10008.5.1.4.1.1.9."

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."

BURNED_IN_SOP_CLASSES: Final = frozenset(
    _STORAGE + suffix
    for suffix in (
        # Secondary Capture: single frame, and multi-frame bit, byte, word, true colour
        *("7", "7.1", "7.2", "7.3", "7.4"),
        # Ultrasound: multi-frame, single frame, volume, and the retired two
        *("3.1", "6.1", "6.2", "3", "6"),
        # Angiography and fluoroscopy: plain, enhanced, biplane (retired)
        *("12.1", "12.1.1", "12.2", "12.2.1", "12.3"),
        # Visible light: endoscopic, microscopic, slide coordinates, photographic, each with its video; trial ones
        *("77.1.1", "77.1.1.1", "77.1.2", "77.1.2.1", "77.1.3", "77.1.4", "77.1.4.1", "77.1", "77.2"),
        # Whole slide and dermoscopic photography
        *("77.1.6", "77.1.7"),
        # Encapsulated PDF, CDA, STL, OBJ, MTL
        *("104.1", "104.2", "104.3", "104.4", "104.5"),
        # Presentation states: grayscale, color, pseudo-color, blending, XA/XRF, planar and volumetric, advanced
        *("11.1", "11.2", "11.3", "11.4", "11.5", "11.6", "11.7", "11.8", "11.9", "11.10", "11.11", "11.12"),
        # Standalone overlays (retired)
        "8",
    )
) | {
    # Hard copies of films (retired), gray and color
    "1.2.840.10008.5.1.1.29",
    "1.2.840.10008.5.1.1.30",
}
"""SOP Classes whose pixels or document are likely to show text, whatever the Modality says."""


def likely_burned_in(modality: str, sop_class_uid: str) -> bool:
    """Return whether an instance is likely to show text that no work on its header removes.

    Parameters
    ----------
    modality
        Value of (0008,0060); spaces around it and case do not count.
    sop_class_uid
        Value of (0008,0016).
    """
    if sop_class_uid in BURNED_IN_SOP_CLASSES:
        return True
    if sop_class_uid.startswith(_WITHOUT_PIXELS):
        return False
    return modality.strip().upper() in BURNED_IN_MODALITIES
