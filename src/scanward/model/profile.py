"""A de-identification profile: the Basic profile of PS3.15 Annex E with the options chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from scanward.model.attribute import Action, Tag
from scanward.model.bodies import BodyPolicy
from scanward.model.faces import FacePolicy
from scanward.model.pixels import PixelPolicy
from scanward.model.text import TextPolicy


class Option(Enum):
    """The options of PS3.15 Annex E.3: (column of Table E.1-1, CID 7050 code, code meaning)."""

    RETAIN_SAFE_PRIVATE = ("rtnSafePrivOpt", "113111", "Retain Safe Private Option")
    RETAIN_UIDS = ("rtnUIDsOpt", "113110", "Retain UIDs Option")
    RETAIN_DEVICE_IDENTITY = ("rtnDevIdOpt", "113109", "Retain Device Identity Option")
    RETAIN_INSTITUTION_IDENTITY = ("rtnInstIdOpt", "113112", "Retain Institution Identity Option")
    RETAIN_PATIENT_CHARACTERISTICS = ("rtnPatCharsOpt", "113108", "Retain Patient Characteristics Option")
    RETAIN_FULL_DATES = (
        "rtnLongFullDatesOpt",
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
    )
    RETAIN_MODIFIED_DATES = (
        "rtnLongModifDatesOpt",
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    )
    CLEAN_DESCRIPTORS = ("cleanDescOpt", "113105", "Clean Descriptors Option")
    CLEAN_STRUCTURED_CONTENT = ("cleanStructContOpt", "113104", "Clean Structured Content Option")
    CLEAN_GRAPHICS = ("cleanGraphOpt", "113103", "Clean Graphics Option")

    @property
    def column(self) -> str:
        """The column of Table E.1-1, as the generated table names it."""
        return self.value[0]

    @property
    def code(self) -> str:
        """Code Value in CID 7050, coding scheme DCM."""
        return self.value[1]

    @property
    def meaning(self) -> str:
        """Code Meaning in CID 7050."""
        return self.value[2]


BASIC_PROFILE_CODE = ("113100", "Basic Application Confidentiality Profile")
"""Code Value and Meaning of the Basic profile in CID 7050."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What leaves and what does not, as data.

    Attributes
    ----------
    name
        The name the command line takes.
    description
        For whom it is and what it keeps, in a sentence or two; shown in reports.
    options
        The options of Annex E that are on.
    rules
        Attributes that are treated otherwise than the table and the options say.
    needed
        Optional Attributes that the purpose needs, with what is inside them: others are left out besides. None leaves
        it to the rest of the profile.
    pixels
        What is done about text in pixels.
    faces
        What is done about faces in head scans.
    body
        What stays of the body that scans show.
    text
        What is done about reports, documents and other text that people wrote.
    """

    name: str
    description: str
    options: frozenset[Option] = frozenset()
    rules: Mapping[Tag, Action] = field(default_factory=dict)
    needed: frozenset[Tag] | None = None
    pixels: PixelPolicy = field(default_factory=PixelPolicy)
    faces: FacePolicy = field(default_factory=FacePolicy)
    body: BodyPolicy = field(default_factory=BodyPolicy)
    text: TextPolicy = field(default_factory=TextPolicy)
