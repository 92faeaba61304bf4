"""Text that scanners burned into real scans: the boxes of its words, each drawn and looked at.

The boxes in presidio's X-rays agree with its own ground truth, which counts from 25 pixels outside the image.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from burned_in.case import Case, Mask, Pixels, Word, display, render
from burned_in.scans import read_scan

_PRESIDIO = "burnedin/microsoft__presidio"
_JOHN_SNOW = "burnedin/JohnSnowLabs__visual-nlp-workshop"
_PYDICOM = "burnedin/pydicom__pydicom-data"
_DAVIDSON = {
    "identifying": "DAVIDSON 2,0,241,37; DOUGLAS 262,0,492,37; [M] 510,0,570,45; 01.09.2012 588,0,814,36; "
    "DOB: 17,45,131,82; 06.16.1976 144,45,363,82",
    "other": "Semi-Upright 1749,19,2092,65; Portable 1895,103,2116,139; L 2038,178,2067,229",
    "mark": "L-1 2098,1655,2130,1722",
}
_KAUFMAN = {
    "identifying": "KAUFMAN 1,0,73,12; SCOTT 78,0,129,12; [M] 134,0,153,15; 03.09.2012 159,0,229,12; "
    "DOB: 5,15,40,26; 07.22.1943 46,15,114,26",
}
IMAGES: Mapping[str, Mapping[str, str]] = {
    f"{_PRESIDIO}/0_ORIGINAL.png": _DAVIDSON,
    f"{_PRESIDIO}/0_ORIGINAL_compressed.dcm": _DAVIDSON,
    f"{_PRESIDIO}/1_ORIGINAL.png": {
        "identifying": "MARTIN 1552,1850,1639,1868; CHAD 1649,1850,1714,1868; [U] 1724,1850,1751,1873; "
        "01.01.2000 1761,1850,1871,1868",
        "mark": "LA6 1713,122,1856,220",
    },
    f"{_PRESIDIO}/2_ORIGINAL.png": _KAUFMAN,
    f"{_PRESIDIO}/2_ORIGINAL.dicom": _KAUFMAN,
    f"{_JOHN_SNOW}/John_Stiles.dcm": {
        "identifying": "Acc: 518,38,548,50; 0545234234325V 554,38,680,50; 2018 518,56,552,69; Oct 557,56,583,69; "
        "23 587,56,604,69; 14:23:53 581,74,642,86; Name: 518,109,564,122; John 569,109,604,122; "
        "Stiles 608,109,647,122; Age: 518,127,550,143; 78 555,127,572,140; DOB: 518,145,556,158; "
        "05/12/42 561,145,623,158",
        "other": "Chest 25,41,66,53; Se: 25,59,47,71; 3/2 53,59,74,71; Im: 25,76,47,89; 1/1 52,76,71,89; "
        "Img 518,74,544,90; Tm: 549,74,575,87; Lat: 25,112,50,124; F 55,112,65,124; "
        "Id: 593,713,610,726; DCM 614,713,650,726; / 654,713,660,726; Lin: 664,713,690,726; "
        "DCM 693,713,730,726; / 733,713,740,726; Id: 743,713,763,726; ID 765,713,782,726; "
        "W: 592,731,611,744; 3498 615,731,651,744; L: 656,731,668,744; 2000 673,731,710,744",
        "mark": "MS 685,70,712,106",
    },
    # Its default window is 64 times as wide as its values: by it a viewer shows black.
    f"{_JOHN_SNOW}/example_input_1.dcm": {
        "identifying": "Institution 90,85,185,100; Name: 190,85,248,100; Mccoy 253,85,309,102; "
        "Medical 314,85,384,100; Clinic 389,85,439,100; Study 90,105,143,123; Date: 148,105,198,120; "
        "2023 201,105,246,120; Jul 250,105,274,120; 02 279,105,302,120; Patient 90,125,156,140; "
        "ID: 161,125,187,140; 339833062 190,125,291,140; Name: 90,145,149,160; Lura 152,145,192,160; "
        "Scrobola 197,145,278,160; Age: 90,165,132,182; 30 134,165,158,180; DOB: 90,185,136,200; "
        "10/08/1992 140,185,242,202",
    },
    "burnedin/pydicom__deid-data/GREYSCALE_IMAGE.dcm": {
        "identifying": "ZZZ 9,6,35,19; TEST 40,6,77,19; PATIENTFI... 83,6,174,19; 00079241539 184,6,281,19; "
        "DOB: 393,6,427,19; 08/29/1951 433,6,515,19; M 530,6,542,19; CCHS 557,6,597,19; "
        "CLEVELAN... 603,6,686,19; 03/02/2017 824,6,906,19; 05:24:57PM 924,6,1008,19",
        "other": "Adv 14,26,59,43; Breast 68,26,138,43; TIS0.0 828,26,897,43; MI 918,26,942,43; "
        "0.6 952,26,983,43; L12-5 16,54,75,71; 36Hz 15,78,68,95; M3 964,80,984,92; RS 16,100,40,115; "
        "2D 14,140,39,156; 60% 24,160,65,176; Dyn 16,181,47,200; R 56,181,67,196; 58 75,181,95,196; "
        "P 16,201,26,216; Med 35,201,71,216; Res 20,221,57,236; TAC1 20,241,65,256; "
        "x3 904,320,923,335; 4.0cm 857,700,915,715",
        "mark": "P 99,90,126,118",
    },
    f"{_PYDICOM}/US1_UNCR.dcm": {
        "identifying": "BAPTIST 20,26,88,38; MED 100,26,128,38; CTR 140,26,168,38; 630P630 20,42,88,54; "
        "+2:09:04 280,42,358,54",
        "other": "3cm3cm 500,26,558,38; M12L 580,26,618,38; MSCSKEL 549,42,618,54; 78F78 20,58,68,70; "
        "CINE 530,58,568,70; 0118 580,58,618,70; 44CG43 20,74,78,86; 22G22 570,74,618,86; "
        "IM#2 22,90,58,102; 78DR78 560,90,618,102; PWR 10,138,38,150; PWR 599,138,628,150; "
        "PWR 10,218,38,230; PWR 599,218,628,230; LYMPH 250,362,298,374; NODE 320,362,358,374; "
        "TIS<0.4 400,458,468,470; MI=0.8 480,458,538,470; AO=100% 550,458,618,470",
        "mark": "GE 306,25,332,41; 8 569,25,580,41",
    },
    f"{_PYDICOM}/gdcm-US-ALOKA-16.dcm": {
        "identifying": "*WESTWAY 80,1,160,12; MEDICAL* 168,1,249,12; ULTRASOUND 110,13,209,24; Y 471,1,480,12; "
        "24-MAY-02 550,1,640,12; :M 532,13,551,24; 11:24:20 561,13,640,24",
        "other": "127/128 251,36,320,48; 20Hz 290,49,331,60; 110/111 561,36,628,48; 20Hz 600,49,640,60; "
        "LO 80,60,102,72; 9123 41,433,78,443; 5.0 101,433,128,443; R15 141,433,168,443; "
        "G66 181,433,208,443; C6 221,433,238,443; A2 261,433,278,443; 9123 341,433,378,443; "
        "5.0 401,433,428,443; R15 441,433,468,443; G63 481,433,508,443; C6 521,433,538,443; "
        "A2 561,433,578,443; 3:PELVIS 21,457,98,467; DVA: 551,457,585,467; 94% 601,457,629,467",
        "mark": "1 320,36,331,49; 2 629,36,640,49; : 281,3,287,23; : 431,3,437,12",
    },
    f"{_PYDICOM}/JPGLosslessP14SV1_1s_1f_8b.dcm": {
        "other": "Adult 14,26,75,43; Echo 85,26,141,43; TIS0.4 828,26,897,43; MI 918,26,942,43; "
        "1.4 953,26,983,43; S5-1 15,54,60,71; Asc 106,66,148,83; Ao 155,66,185,83; "
        "Diam 194,66,247,83; 3.3 261,66,291,83; cm 299,71,329,83; 49Hz 14,78,68,95; "
        "M3 964,80,984,92; 16cm 15,99,63,114; Asc 106,96,148,113; Ao 155,96,185,113; "
        "Index 193,96,251,113; 2.0 299,96,330,113; 2D 14,140,39,156; 64% 26,160,65,176; "
        "C 15,181,27,196; 50 35,181,55,196; P 15,201,27,216; Low 35,201,70,216; HPen 21,221,66,236; "
        "G 47,416,57,428; R 86,446,96,458; 1.3 15,478,45,495; 2.6 58,478,89,495; "
        "65bpm 934,730,992,749",
        "mark": "P 571,83,597,110; P 6,440,28,464; X2 821,304,842,324",
    },
    "burnedin/cornerstonejs__cornerstone3D/US-YBR_FULL_422-EVRLE.dcm": {
        "other": "B 131,1,138,12; RES-A 151,1,200,12; G 260,1,269,12; 54% 282,1,310,12; P 151,16,158,27; "
        "30mm 172,16,209,27; XV 260,16,280,27; C3 300,16,318,27; PRC 151,31,180,42; "
        "16/4/1 191,30,249,44; PRS 260,31,288,42; 4 300,31,308,42; PST 151,46,180,57; "
        "0 201,46,209,57; C 260,46,269,57; 5 302,46,308,57; 6 0,60,10,72; 18 80,60,100,72; "
        "CODO 0,76,39,87; LA435 111,76,158,87; IZQ 169,497,204,512; NC 217,497,240,509",
        "mark": "0 788,79,800,90; 1 791,241,800,252; 2 791,403,800,414; e 190,84,208,101; M 0,6,31,36",
    },
    "burnedin/fo-dicom__fo-dicom/GH364.dcm": {
        "other": "RS 16,100,40,115; 2D 14,140,39,156; 32% 20,160,59,176; C 15,181,27,196; 55 35,181,55,196; "
        "P 15,201,27,216; Low 35,201,70,216; Gen 15,221,50,236; 14 892,716,914,731; "
        "Dist 37,742,79,759; 1.43 107,742,149,759; cm 157,747,187,759; Pancreas 401,741,526,761; "
        "TR 560,741,592,761",
        "mark": "P 373,131,401,159; x 908,430,919,442",
    },
    "burnedin/SMI__dicompixelanon/US-GE-4AICL142.dcm": {
        "other": "V 337,5,348,20; .42 602,13,625,26; [cm] 585,125,612,139; -.42 599,140,627,152; "
        "96 615,407,632,419; HR 613,421,633,433; 50 509,425,523,434; mm/s 524,425,554,434",
        "mark": "2 286,26,295,38; 4 271,57,280,69; 6 258,91,267,102; 1 586,164,595,178; 2 586,204,595,218; "
        "3 586,244,595,258; 4 586,285,595,299; 5 586,325,595,338; 6 586,364,595,378; "
        "7 586,404,595,418; -4 20,415,35,427; -3 155,415,171,427; -2 290,415,305,427; "
        "-1 425,415,439,427; 0 564,415,574,427",
    },
    "dicom/pydicom__pydicom-data/OBXXXX1A.dcm": {
        "identifying": "5/25/2011 670,9,772,25; 11-05-25-142825 97,37,263,49; 2:56:22 670,37,743,49; "
        "PM 753,37,779,49",
        "other": "OB 95,10,119,22; MI 575,10,597,22; 1.1 609,10,634,22; Philips 328,36,393,52; "
        "Healthcare 403,36,509,49; TIB 575,37,607,49; 0.2 617,37,645,49; Gen 4,68,39,80; "
        "OB 49,68,73,80; C5-1 4,87,46,99; Cist 144,88,174,100; Mag 180,88,213,103; "
        "1.06 242,88,274,100; cm 280,91,302,100; 28Hz 4,106,50,118; 11cm 6,125,52,137; "
        "2D 4,163,28,176; HGen 11,184,61,197; Gn 12,204,35,216; 60 45,204,66,216; C 12,223,22,235; "
        "61 32,223,52,235; 3/3/4 12,241,76,257",
        "mark": "PHILIPS 11,9,74,22; P 311,62,333,83; G 156,470,177,490; P 139,489,148,499; "
        "R 183,490,191,499; 1.8 142,508,163,519; 3.6 168,508,190,519",
    },
}  # fmt: skip
"""File -> what its words are -> the words with left, upper, right and lower edge.

``identifying``: names, numbers, dates and places, with their labels; ``other``: what the device writes besides;
``mark``: logos, scales, and letters of lead on the cassette.
"""


def make_real(data: Path | None, *, step: int = 1) -> Iterator[Case]:
    """Yield the real scans with text, or each `step`-th of them; none without test data."""
    for source in list(IMAGES)[::step] if data is not None else ():
        scan = read_scan(data, source)
        plain = _stretch(scan.frames[0], scan.attributes)
        words = tuple(
            _word(plain, style, *entry.rsplit(" ", 1))
            for style, entries in IMAGES[source].items()
            for entry in entries.split("; ")
        )
        owner = source.split("/")[1]
        yield Case(
            name=source, subset="real", background=f"{owner} {source}", frames=scan.frames, attributes=scan.attributes,
            words=words,
        )  # fmt: skip


def _stretch(frame: Pixels, attributes: Mapping[str, str | int | float]) -> Pixels:
    """Return a frame with all its values between black and white, whatever its default window."""
    if frame.ndim == 3:
        return render(frame, attributes).astype(np.float32)
    shown = display(frame, attributes)
    low, high = np.percentile(shown, (0.1, 99.9))
    return (np.clip((shown - low) / max(high - low, 1e-6), 0, 1) * 255)[..., None]


def _word(plain: Pixels, style: str, text: str, edges: str) -> Word:
    left, upper, right, lower = (int(edge) for edge in edges.split(","))
    mask, contrast = _glyphs(plain, slice(upper, lower), slice(left, right))
    height = int(np.ptp(np.flatnonzero(mask.any(axis=1)))) + 1
    is_mark = style == "mark"
    return Word(
        text=text, x=left, y=upper, mask=mask, size_px=0 if is_mark else round(height / 0.72), contrast=contrast,
        style=style, font="unknown",
    )  # fmt: skip


def _glyphs(plain: Pixels, rows: slice, columns: slice) -> tuple[Mask, float]:
    """Return which pixels of a box are those of glyphs: those that differ from what is around it; and by how much."""
    around = np.zeros(plain.shape[:2], bool)
    around[max(0, rows.start - 3) : rows.stop + 3, max(0, columns.start - 3) : columns.stop + 3] = True
    around[rows, columns] = False
    difference = np.abs(plain[rows, columns] - np.median(plain[around], axis=0)).max(axis=2)
    mask = difference > 0.5 * np.percentile(difference, 97)
    return mask, float(np.percentile(difference[mask], 40))
