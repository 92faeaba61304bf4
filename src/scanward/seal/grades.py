"""What it means that an Attribute differs: typed data, with the section that each row is drawn from.

An Attribute in a sequence has the grade of the outermost sequence that it stands in: what a functional group says is
geometry, what a request says is somebody's order. What an archive may put right (PS3.4 Section B.4.1.3) is who the
patient is, what was ordered, and how things are named. Everything that another value of would show another picture, or
another place in the patient, or point to other instances, is immutable.
"""

from enum import Enum
from functools import cache
from typing import Final, NamedTuple

from scanward.model.attribute import Tag
from scanward.model.seal import Grade


class Rule(NamedTuple):
    """What holds for some Attributes.

    Attributes
    ----------
    grade
        Theirs; None where they are not sealed.
    source
        Section of the standard that says what they are.
    tags
        Which.
    """

    grade: Grade | None
    source: str
    tags: tuple[Tag, ...]


class Form(Enum):
    """How the pixels of the seal were taken, on which it depends whether their form in the file counts."""

    DECODED = "decoded"
    AS_IT_IS = "as it is"


_NAMED_GROUPS: Final = frozenset((0x0008, 0x0010, 0x0012, 0x0032, 0x0038, 0x0040, 0x0088, 0x0100, 0x0400, 0x4008))
"""Groups of who, when, where and why: identification, patient, trial, request, visit, procedure, storage (PS3.6)."""

IGNORED: Final = (
    Rule(None, "PS3.5 6.1.2.3: texts are compared as decoded", (0x00080005,)),
    Rule(None, "PS3.5 7.2: retired, a length of the encoding", (0x00080001,)),
    Rule(None, "PS3.3 C.7.6.3.1.8: where coded frames lie", (0x7FE00001, 0x7FE00002, 0x7FE00003)),
    Rule(None, "PS3.3 C.12.1.1.3: a signature may be put in at any time", (0x4FFE0001, 0xFFFAFFFA)),
    Rule(None, "PS3.10 7.2: padding", (0xFFFCFFFC,)),
)
"""What may differ without a word: it is about the encoding, not about the instance."""

FORM: Final = (
    Rule(
        Grade.IMMUTABLE,
        "PS3.3 C.7.6.3.1.3, PS3.5 8.1.1: how samples lie in words; decoded samples are what they held",
        (0x00280006, 0x00280100, 0x00280102),
    ),
    Rule(Grade.IMMUTABLE, "PS3.3 C.7.6.6: Number of Frames, which may be missing where there is one", (0x00280008,)),
)
"""What is not sealed where decoded samples are: lossless coders change it, and an edit of it shows in the samples."""

IMMUTABLE: Final = (
    Rule(Grade.IMMUTABLE, "PS3.3 C.12.1: SOP Class and Instance UID", (0x00080016, 0x00080018, 0x0008001A, 0x0008001B)),
    Rule(Grade.IMMUTABLE, "PS3.3 C.7.6.1: Image Type", (0x00080008,)),
    Rule(Grade.IMMUTABLE, "PS3.3 C.12.1: Synthetic Data", (0x0008001C,)),
    Rule(Grade.IMMUTABLE, "PS3.3 C.7.3.1: Modality; C.8.11.1: what a projection is for", (0x00080060, 0x00080068)),
    Rule(
        Grade.IMMUTABLE,
        "PS3.3 C.12.4, C.12.2: what instances it refers to",
        (
            0x00081115,
            0x00081130,
            0x00081134,
            0x0008113A,
            0x00081140,
            0x00081145,
            0x0008114A,
            0x0008114B,
            0x00081150,
            0x00081155,
            0x00081160,
            0x00081161,
            0x00081162,
            0x00081164,
            0x00081167,
            0x00081199,
            0x00081250,
            0x00082112,
            0x00089092,
            0x00089121,
            0x00089154,
            0x00089237,
            0x00089410,
        ),
    ),
    Rule(
        Grade.IMMUTABLE,
        "PS3.3 C.7.6.16.2.6: how it was derived; C.8.16: what values mean",
        (0x00089007, 0x00089124, 0x00089205, 0x00089206, 0x00089207, 0x00089208, 0x00089209, 0x00089215),
    ),
    Rule(Grade.IMMUTABLE, "PS3.3 C.8.5.6: transducer", (0x00082200, 0x00082204)),
    Rule(
        Grade.IMMUTABLE,
        "PS3.3 C.17: content of a document and its state",
        (
            0x0040A010,
            0x0040A040,
            0x0040A043,
            0x0040A168,
            0x0040A120,
            0x0040A121,
            0x0040A122,
            0x0040A124,
            0x0040A160,
            0x0040A30A,
            0x0040A300,
            0x0040A050,
            0x0040A360,
            0x0040A375,
            0x0040A385,
            0x0040A390,
            0x0040A491,
            0x0040A493,
            0x0040A504,
            0x0040A525,
            0x0040A730,
            0x0040B020,
        ),
    ),
    Rule(Grade.IMMUTABLE, "PS3.3 C.7.6.16.2.11, C.25.2: what real values are", (0x00409096, 0x004008EA)),
    Rule(Grade.IMMUTABLE, "PS3.3 C.7.6.14: Acquisition Context", (0x00400555,)),
)
"""What is immutable in groups that otherwise are not."""

COERCIBLE: Final = (
    Rule(Grade.COERCIBLE, "PS3.3 C.7.3.1, C.7.4: names of a series and of its body part",
         (0x00180015, 0x00181030, 0x00189185)),
    Rule(
        Grade.COERCIBLE,
        "PS3.3 C.7.5.1, C.12.1: equipment, and what handled the instance since",
        (0x00181000, 0x00181002, 0x00181003, 0x00181004, 0x00181005, 0x00181007, 0x00181008, 0x00181009, 0x0018100A,
         0x00181010, 0x00181011, 0x00181012, 0x00181014, 0x00181016, 0x00181017, 0x00181018, 0x00181019, 0x0018101A,
         0x0018101B, 0x00181020, 0x00181200, 0x00181201, 0x00181202, 0x0018A001),
    ),
    Rule(Grade.COERCIBLE, "PS3.3 C.7.2.1, C.7.3.1: Study ID, Series Number", (0x00200010, 0x00200011)),
    Rule(
        Grade.COERCIBLE,
        "PS3.3 C.7.2.1, C.7.6.1, PS3.4 C.6: remarks, and counts that an archive makes up",
        (0x002000AA, 0x00201000, 0x00201001, 0x00201002, 0x00201003, 0x00201004, 0x00201005, 0x00201070, 0x00201200,
         0x00201202, 0x00201204, 0x00201206, 0x00201208, 0x00201209, 0x00203401, 0x00203402, 0x00203403, 0x00203404,
         0x00203405, 0x00203406, 0x00204000),
    ),
    Rule(
        Grade.COERCIBLE,
        "PS3.3 C.7.6.1: what is said of the picture",
        (0x00280300, 0x00280301, 0x00280302, 0x00280303, 0x00284000),
    ),
    Rule(
        Grade.COERCIBLE,
        "PS3.3 C.7.6.1.1.5: what is said of lossy compression; coders set it as they think, the samples tell the truth",
        (0x00282110, 0x00282112, 0x00282114),
    ),
)  # fmt: skip
"""What is coercible in groups that otherwise are not."""


def grade_of(tag: Tag, form: Form) -> Grade | None:
    """Return the grade of an Attribute of the top level and all that is in it; None where it is not sealed."""
    rules = _rules(form)
    if tag in rules:
        return rules[tag]
    group = tag >> 16
    return Grade.COERCIBLE if group & 1 or group in _NAMED_GROUPS else Grade.IMMUTABLE


@cache
def _rules(form: Form) -> dict[Tag, Grade | None]:
    found: dict[Tag, Grade | None] = {}
    for rule in (*IGNORED, *IMMUTABLE, *COERCIBLE, *FORM):
        found.update(dict.fromkeys(rule.tags, rule.grade))
    if form is Form.DECODED:
        found.update((tag, None) for rule in FORM for tag in rule.tags)
    return found
