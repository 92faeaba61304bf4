"""What could still tell who somebody is, in what leaves of a study: each risk with its evidence and what to do."""

from dataclasses import dataclass
from enum import Enum


class ImageKind(Enum):
    """What instances are, as far as it matters for what could identify in their pixels."""

    RADIOGRAPH = "radiographs"
    MAMMOGRAM = "mammograms"
    DENTAL = "images of teeth and jaws"
    CT = "CT"
    MR = "MR"
    PET = "positron emission tomography"
    SCINTIGRAPHY = "nuclear medicine"
    LOCALIZER = "localisers"
    PICTURE = "renderings, projections or captured screens"
    FLUOROSCOPY = "angiography or fluoroscopy"
    ULTRASOUND = "ultrasound"
    ENDOSCOPY = "endoscopy"
    PHOTOGRAPH = "photographs of the body"
    EYE = "images of the eye"
    SLIDE = "microscopy"
    OUTLINE = "contours or surfaces"
    HEART_CURVE = "electrocardiograms"
    VOICE = "recorded sound"
    OTHER = "other"

    @property
    def is_volume(self) -> bool:
        """Whether slices make a volume."""
        return self in (ImageKind.CT, ImageKind.MR, ImageKind.PET)


class Region(Enum):
    """Which part of the body a header names. A hint: real ones are wrong or empty, so nothing is left out for it."""

    UNKNOWN = "a part of the body that the header does not tell"
    HEAD = "head"
    JAW = "jaws"
    CHEST = "chest"
    TRUNK = "trunk"
    SPINE = "spine"
    LIMB = "arm or leg"
    HAND = "hand"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What instances of one kind show.

    Attributes
    ----------
    kind
        What they are.
    region
        What their headers say of the part of the body.
    is_moving
        Whether there are several frames of what moves, such as a clip.
    is_video
        Whether it is coded as a film, which may have sound.
    """

    kind: ImageKind
    region: Region = Region.UNKNOWN
    is_moving: bool = False
    is_video: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where something is written.

    Attributes
    ----------
    source_id
        Stable name.
    authors, year, title, published
        As one cites it.
    doi
        Digital object identifier; empty where there is none or it is not known for certain.
    """

    source_id: str
    authors: str
    year: int
    title: str
    published: str
    doi: str = ""

    @property
    def citation(self) -> str:
        """The source as one cites it."""
        text = f"{self.authors} ({self.year}). {self.title}. {self.published}."
        return f"{text} doi:{self.doi}" if self.doi else text


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidualRisk:
    """One risk that is left in what was released of a study.

    Attributes
    ----------
    risk_id
        Stable name of the kind of risk.
    title
        In a few words.
    statement
        What is there, and what somebody could do with it.
    evidence
        How sure that is, with the figures of the sources.
    done
        What was done about it.
    remains
        What is left after that.
    advice
        What whoever answers for the data can do, each as a sentence.
    sources
        Where the evidence is from.
    is_possible
        Whether it only may apply: neither the kind of image nor its pixels tell, or the header says otherwise.
    """

    risk_id: str
    title: str
    statement: str
    evidence: str = ""
    done: str = ""
    remains: str = ""
    advice: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    is_possible: bool = False
