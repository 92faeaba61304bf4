"""The plan: for each Attribute one operation, from Table E.1-1, the options of the profile and the IOD.

The plan is data and looks at no value. An Attribute is treated, in this order, by a rule of the profile; by its row
in the table, an option's column before the Basic profile's; by what its Value Representation can carry, where the
standard knows it and the table does not name it; and goes where nothing of that holds. Where an agreement names the
Attributes that its purpose needs, the others go besides.
"""

from enum import Enum
from functools import cache
from typing import NamedTuple

from scanward.deidentify.header.necessary import Need, need_of
from scanward.model.attribute import Action, Path, Reason, Tag
from scanward.model.profile import Option, Profile
from scanward.standard.confidentiality import ConfidentialityRow, find_row
from scanward.standard.dictionary import AttributeEntry, find_attribute, keyword_of
from scanward.standard.iods import attribute_type, is_known_sop_class


class Method(Enum):
    """How an action is carried out on a value."""

    KEEP = "keep what cannot carry an identity"
    KEEP_CHECKED = "keep unless an identifier is in it"
    REMOVE = "remove"
    EMPTY = "write no value"
    DUMMY = "write a dummy value"
    PSEUDONYM = "write the patient's pseudonym"
    UID = "replace UIDs"
    CLEAN_TEXT = "clean text"
    SHIFT = "move a date"
    CAP_AGE = "cap an age"
    DESCEND = "look inside a sequence"


class Operation(NamedTuple):
    """What is done with an Attribute.

    Attributes
    ----------
    method
        How.
    action
        The action code, for the report.
    reason
        Why, for the report.
    option
        The option of the profile that decided, or None.
    attribute_type
        Type in the IOD: ``1``, ``1C``, ``2``, ``2C`` or ``3``; empty where it is not known.
    """

    method: Method
    action: Action
    reason: Reason
    option: Option | None
    attribute_type: str

    @property
    def is_required(self) -> bool:
        """Whether the Attribute needs a value where it is present."""
        return self.attribute_type in ("1", "1C")


PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020

TEXT_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC"})
DATE_VRS = frozenset({"DA", "DT"})
NUMBER_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})
_BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})

_OPTION_ORDER = (
    Option.CLEAN_GRAPHICS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.RETAIN_UIDS,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
    Option.RETAIN_INSTITUTION_IDENTITY,
    Option.RETAIN_FULL_DATES,
    Option.RETAIN_MODIFIED_DATES,
    Option.CLEAN_DESCRIPTORS,
    Option.RETAIN_DEVICE_IDENTITY,
)
"""Where the columns of several options that are on say something, the first of these decides: cleaning a description
of a device comes before keeping it as it is, as the narrower promise."""

MARKS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280302, 0x00280303})
"""The Attributes that tell what was done: never taken over from the input, always written anew or left out."""

_GROUPS_OF_STRUCTURE = frozenset({0x0000, 0x0002, 0x0004, 0x0006, 0xFFFC, 0xFFFE})

_CODED = frozenset(
    (
        "CodeValue", "LongCodeValue", "URNCodeValue", "CodingSchemeDesignator", "CodingSchemeVersion",
        "CodingSchemeRegistry", "CodingSchemeName", "CodingSchemeResponsibleOrganization", "ContextIdentifier",
        "MappingResource", "MappingResourceName", "TemplateIdentifier", "Manufacturer", "ManufacturerModelName",
        "SoftwareVersions", "ConvolutionKernel", "SequenceName", "PulseSequenceName", "ReceiveCoilName",
        "TransmitCoilName", "ImagedNucleus", "ResonantNucleus", "ApplicationVersion",
        "LUTExplanation", "ModalityLUTType", "WindowCenterWidthExplanation",
        "ICCProfile", "AlgorithmVersion",
        "ReconstructionAlgorithm", "DetectorElementPhysicalSize", "RescaleType", "FilterType", "Units",
    )
)  # fmt: skip
"""Text Attributes whose values are codes or technical names: vendors' words, which no vocabulary holds."""


_NEWER_DESCRIPTORS = frozenset({0x003A0020, 0x003A0203, 0x003A020C, 0x00400556, 0x0040B020, 0x00700006})
"""Labels, descriptions and annotations that only the newer edition of the table names, whose options' columns are not
at hand: they describe what is seen, like others that Clean Descriptors names, and are cleaned under it."""

_ALWAYS_REMOVED = frozenset({"EncryptedAttributesSequence"})
"""What the table does not name and must not stay: identifying Attributes, encrypted for whoever has the key."""

_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, Double Float and plain Pixel Data. Inside of a sequence they are a preview or a copy, in which text stands as
in the image itself, and nobody looks at them."""

_CODE_PARTS = frozenset({"CodeValue", "LongCodeValue", "URNCodeValue", "CodeMeaning", "CodingSchemeDesignator"})


@cache
def _codes_a_person(tag: Tag) -> bool:
    """Whether the items of a sequence are codes that stand for a person or institution: D of Table E.1-1."""
    keyword = keyword_of(tag)
    return keyword.endswith("IdentificationCodeSequence") or keyword == "InstitutionCodeSequence"


class Plan:
    """Operations for the instances of one SOP Class under one profile, worked out as they are asked for.

    Parameters
    ----------
    profile
        What is to be done.
    sop_class_uid
        Gives the IOD, and so the Types that conditional actions (X/Z, X/D ...) depend on.
    """

    def __init__(self, profile: Profile, sop_class_uid: str) -> None:
        self.profile = profile
        self.sop_class_uid = sop_class_uid
        self._known_sop_class = is_known_sop_class(sop_class_uid)
        self._operations: dict[tuple[Path, bytes], Operation] = {}

    def operation(self, path: Path, vr: bytes) -> Operation:
        """Return what is done with the Attribute at `path` (the last tag is its own), encoded with `vr`.

        Private data elements are not asked for here: they depend on their creator.
        """
        key = (path, vr)
        operation = self._operations.get(key)
        if operation is None:
            operation = self._resolve(path, vr.decode("ascii"))
            if self.profile.needed is not None:
                operation = _narrow(operation, path, self.sop_class_uid, self.profile.needed)
            self._operations[key] = operation
        return operation

    def _resolve(self, path: Path, encoded_vr: str) -> Operation:
        tag = path[-1]
        group = tag >> 16
        if tag & 0xFFFF == 0 or group in _GROUPS_OF_STRUCTURE:
            return Operation(Method.REMOVE, Action.REMOVE, Reason.STRUCTURAL, None, "")
        if tag in MARKS:
            return Operation(Method.REMOVE, Action.REMOVE, Reason.MARK, None, "")
        entry = find_attribute(tag)
        if entry is None or not entry.vr:
            return Operation(Method.REMOVE, Action.REMOVE, Reason.UNKNOWN, None, "")
        kind = attribute_type(self.sop_class_uid, path) or ""
        if tag in _PIXELS and len(path) > 1:
            return Operation(Method.REMOVE, Action.REMOVE, Reason.RULE, None, kind)
        vr = _effective_vr(entry, encoded_vr)
        rule = self.profile.rules.get(tag)
        if rule is not None:
            return self._operate(rule, Reason.RULE, None, entry, vr, kind)
        if group & 0xFF00 in (0x5000, 0x6000):
            # Curves and overlays: their graphics cannot be cleaned in part, and what is left would be no plane.
            option = Option.CLEAN_GRAPHICS if Option.CLEAN_GRAPHICS in self.profile.options else None
            return Operation(Method.REMOVE, Action.REMOVE, Reason.TABLE, option, kind)
        if entry.keyword in _ALWAYS_REMOVED:
            return Operation(Method.REMOVE, Action.REMOVE, Reason.RULE, None, kind)
        if entry.keyword in _CODE_PARTS and any(_codes_a_person(outer) for outer in path[:-1]):
            return Operation(Method.DUMMY, Action.DUMMY, Reason.TABLE, None, kind)
        row = find_row(tag)
        if row is not None:
            return self._by_table(row, entry, vr, kind)
        return self._by_representation(entry, vr, kind)

    def _by_table(self, row: ConfidentialityRow, entry: AttributeEntry, vr: str, kind: str) -> Operation:
        for option in _OPTION_ORDER:
            code = row.options.get(option.column)
            if code is not None and option in self.profile.options:
                return self._operate(Action(code), Reason.OPTION, option, entry, vr, kind)
        if entry.tag in _NEWER_DESCRIPTORS and Option.CLEAN_DESCRIPTORS in self.profile.options:
            return self._operate(Action.CLEAN, Reason.OPTION, Option.CLEAN_DESCRIPTORS, entry, vr, kind)
        action = self._resolve_conditional(row.basic, kind)
        if action is Action.REMOVE and kind in ("1", "2"):
            # The table says X where most IODs have Type 3; an IOD that requires it gets a dummy or no value.
            action = Action.DUMMY if kind == "1" else Action.EMPTY
        return self._operate(action, Reason.TABLE, None, entry, vr, kind)

    def _resolve_conditional(self, basic: str, kind: str) -> Action:
        """Resolve X/Z, X/D, Z/D, X/Z/D and X/Z/U* by the Type in the IOD (PS3.15 Table E.1-1a)."""
        choices = basic.split("/")
        if len(choices) == 1:
            return Action(basic)
        if "U*" in choices:
            return Action.UID
        if not kind and not self._known_sop_class:
            return Action.DUMMY if "D" in choices else Action.EMPTY
        wanted = {"1": "D", "1C": "D", "2": "Z", "2C": "Z"}.get(kind, "X")
        if wanted in choices:
            return Action(wanted)
        if wanted == "D":
            return Action.EMPTY
        if wanted == "Z":
            return Action.DUMMY if "D" in choices else Action.REMOVE
        return Action(choices[0])

    def _operate(
        self, action: Action, reason: Reason, option: Option | None, entry: AttributeEntry, vr: str, kind: str
    ) -> Operation:
        method = _METHODS[action](entry, vr, option)
        return Operation(method, action, reason, option, kind)

    def _by_representation(self, entry: AttributeEntry, vr: str, kind: str) -> Operation:
        """Treat an Attribute that the standard knows and the table does not name by what its VR can carry."""
        options = self.profile.options
        required = kind in ("1", "1C")
        if vr == "PN":
            action = Action.DUMMY if required else Action.EMPTY
        elif vr in ("DA", "DT", "TM"):
            if Option.RETAIN_FULL_DATES in options:
                return Operation(Method.KEEP_CHECKED, Action.KEEP, Reason.OPTION, Option.RETAIN_FULL_DATES, kind)
            if Option.RETAIN_MODIFIED_DATES in options:
                method = _clean(entry, vr, Option.RETAIN_MODIFIED_DATES)
                return Operation(method, Action.CLEAN, Reason.OPTION, Option.RETAIN_MODIFIED_DATES, kind)
            action = Action.DUMMY if required else Action.EMPTY
        elif vr in ("AE", "UR"):
            action = Action.DUMMY if required else Action.REMOVE
        elif vr == "UI":
            if Option.RETAIN_UIDS in options:
                return Operation(Method.KEEP_CHECKED, Action.KEEP, Reason.OPTION, Option.RETAIN_UIDS, kind)
            return Operation(Method.UID, Action.UID, Reason.SAFE, None, kind)
        elif vr in TEXT_VRS and entry.keyword not in _CODED:
            return Operation(Method.CLEAN_TEXT, Action.CLEAN, Reason.TEXT, None, kind)
        else:
            return Operation(_keep(entry, vr, None), Action.KEEP, Reason.SAFE, None, kind)
        return Operation(_METHODS[action](entry, vr, None), action, Reason.SAFE, None, kind)


_WITHOUT_VALUE = frozenset({Method.REMOVE, Method.EMPTY, Method.PSEUDONYM})


def _narrow(operation: Operation, path: Path, sop_class_uid: str, needed: frozenset[Tag]) -> Operation:
    """Take away what the purpose does not need of what the profile would leave in."""
    if operation.method in _WITHOUT_VALUE:
        return operation
    need = need_of(path, sop_class_uid, needed)
    if need is Need.STAYS:
        return operation
    method, action = (Method.EMPTY, Action.EMPTY) if need is Need.EMPTY else (Method.REMOVE, Action.REMOVE)
    return Operation(method, action, Reason.NOT_NEEDED, None, operation.attribute_type)


def _effective_vr(entry: AttributeEntry, encoded_vr: str) -> str:
    """Return the VR to treat a value by: the dictionary's where a file has another one that would hide text."""
    if encoded_vr in entry.vr:
        return encoded_vr
    expected = entry.vr[0]
    if encoded_vr in TEXT_VRS and expected not in ("PN", "DA", "DT", "TM", "SQ"):
        return encoded_vr
    return expected


def _keep(entry: AttributeEntry, vr: str, _option: Option | None) -> Method:
    if vr == "SQ":
        return Method.DESCEND
    if vr == "AS":
        return Method.CAP_AGE
    return Method.KEEP if vr in NUMBER_VRS and entry.vm in ("1", "2", "3") else Method.KEEP_CHECKED


def _clean(entry: AttributeEntry, vr: str, _option: Option | None) -> Method:
    if vr == "SQ":
        return Method.DESCEND
    if vr in DATE_VRS:
        return Method.SHIFT
    if vr in TEXT_VRS:
        return Method.KEEP_CHECKED if entry.keyword in _CODED else Method.CLEAN_TEXT
    if vr in ("TM", "CS", "DS", "IS", "AE", "UI"):
        return Method.KEEP_CHECKED
    if vr == "AS":
        return Method.CAP_AGE
    # Graphics and other binary values cannot be cleaned in part.
    return Method.KEEP if vr in NUMBER_VRS else Method.REMOVE


def _empty(entry: AttributeEntry, _vr: str, _option: Option | None) -> Method:
    return Method.PSEUDONYM if entry.tag in (PATIENT_NAME, PATIENT_ID) else Method.EMPTY


def _dummy(entry: AttributeEntry, vr: str, _option: Option | None) -> Method:
    if vr == "SQ":
        return Method.DESCEND
    return Method.PSEUDONYM if entry.tag in (PATIENT_NAME, PATIENT_ID) else Method.DUMMY


def _remove(_entry: AttributeEntry, _vr: str, _option: Option | None) -> Method:
    return Method.REMOVE


def _uid(_entry: AttributeEntry, vr: str, _option: Option | None) -> Method:
    return Method.DESCEND if vr == "SQ" else Method.UID


_METHODS = {
    Action.KEEP: _keep,
    Action.CLEAN: _clean,
    Action.EMPTY: _empty,
    Action.DUMMY: _dummy,
    Action.REMOVE: _remove,
    Action.UID: _uid,
}
