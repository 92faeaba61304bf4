"""Photographs: pixels that show people as others see them, and which of them a person has to look at.

A face tells who somebody is, and so may a tattoo, a scar, a birth mark, a ring or the room behind. No detector in a
wheel finds all of these, so a kind of image is held unless what it can show is bounded by how it is taken:

- **From outside** (external camera, dermoscopy, thermography): held, always. Whatever a detector does not find may be
  there, and these kinds are few.
- **From inside** (endoscopy): one still image leaves if no face was found in it. Mucosa tells nobody who it belongs to
  (45 CFR 164.514(b)(2)(i)(Q) names faces and comparable images), and a still is taken at a finding, by hand. A film is
  held: it runs while the camera goes in and comes out, and shows the patient, the room and the screen on the way. What
  a camera sees outside of the body is not told from what it sees inside by anything that could be shown to be safe:
  skin has the colours of mucosa.
- **Of the eye** (ophthalmic photography): held if a face was found, as in photographs of lids and squints. The pattern
  of a retina can tell a person only to somebody who has another image of it; `docs/security/limitations.md` says so.
- **Of a page or screen** (secondary capture, documents): held if a face was found: a passport, a portrait in the corner
  of a patient's file, a rendering of a head.

A face detector is evidence to hold, never to release: it misses faces that are turned, small or covered.
"""

from enum import Enum
from typing import Final


class Scene(Enum):
    """What a kind of image can show of people."""

    OUTSIDE = "photograph from outside"
    INSIDE = "endoscopy"
    EYE = "ophthalmic photography"
    PAGE = "captured page or screen"
    OTHER = "no photograph"


_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."

_SOP_CLASSES: Final = {
    # VL Photographic, Video Photographic, Dermoscopic Photography; VL Image and VL Multi-frame Image (trial)
    **{_STORAGE + suffix: Scene.OUTSIDE for suffix in ("77.1.4", "77.1.4.1", "77.1.7", "77.1", "77.2")},
    # VL Endoscopic, Video Endoscopic
    **{_STORAGE + suffix: Scene.INSIDE for suffix in ("77.1.1", "77.1.1.1")},
    # Ophthalmic Photography 8 Bit and 16 Bit
    **{_STORAGE + suffix: Scene.EYE for suffix in ("77.1.5.1", "77.1.5.2")},
    # Secondary Capture: single frame, and multi-frame bit, byte, word, true colour
    **{_STORAGE + suffix: Scene.PAGE for suffix in ("7", "7.1", "7.2", "7.3", "7.4")},
}

_MODALITIES: Final = {
    **dict.fromkeys(("XC", "DMS", "TG", "OSS", "DG"), Scene.OUTSIDE),
    # with the retired culposcopy, cystoscopy and laparoscopy
    **dict.fromkeys(("ES", "CP", "CS", "LP"), Scene.INSIDE),
    # with the retired fundoscopy
    **dict.fromkeys(("OP", "FS"), Scene.EYE),
    **dict.fromkeys(("OT", "SC", "DOC", "HC"), Scene.PAGE),
}

FROM_OUTSIDE: Final = (
    "a photograph from outside can show a face, a tattoo or another mark that no detector is sure to find"
)
FACE: Final = "a face was found in the pixels"
FILM: Final = "a film of an endoscopy shows people and the room while the camera goes in and comes out"
DECLARED: Final = (
    "the instance itself says that its pixels show who the patient is (Recognizable Visual Features is YES)"
)


def scene_of(modality: str, sop_class_uid: str) -> Scene:
    """Return what a kind of image can show of people; where Modality and SOP Class differ, the more revealing one.

    Parameters
    ----------
    modality
        Value of (0008,0060); spaces around it and case do not count.
    sop_class_uid
        Value of (0008,0016).
    """
    scenes = (_MODALITIES.get(modality.strip().upper()), _SOP_CLASSES.get(sop_class_uid.strip()))
    return next((scene for scene in Scene if scene in scenes), Scene.OTHER)


def needs_face_look(modality: str, sop_class_uid: str) -> bool:
    """Whether a face detector has to look before `photograph_hold` can be asked."""
    return scene_of(modality, sop_class_uid) in (Scene.INSIDE, Scene.EYE, Scene.PAGE)


def photograph_hold(
    *, modality: str, sop_class_uid: str, frames: int, recognizable_visual_features: str, has_face: bool
) -> str | None:
    """Return why a person has to look at an image, or None where what it shows of people holds nothing back.

    Parameters
    ----------
    modality, sop_class_uid
        What the instance says it is.
    frames
        How many it has.
    recognizable_visual_features
        Value of (0028,0302).
    has_face
        Whether a face was found in any frame; ask `needs_face_look` whether somebody has to look.
    """
    scene = scene_of(modality, sop_class_uid)
    if scene is Scene.OTHER:
        return None
    if has_face:
        return FACE
    if recognizable_visual_features.strip().upper() == "YES":
        return DECLARED
    if scene is Scene.OUTSIDE:
        return FROM_OUTSIDE
    if scene is Scene.INSIDE and frames > 1:
        return FILM
    return None
