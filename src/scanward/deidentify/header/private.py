"""Private elements: all go, but those that are known to be safe where the profile keeps them (PS3.15 E.3.10)."""

from scanward.deidentify.header.plan import DATE_VRS, NUMBER_VRS, TEXT_VRS, Method, Operation
from scanward.dicomstream.reader import Element
from scanward.dicomstream.rewrite import Scope
from scanward.model.attribute import Action, Reason
from scanward.model.profile import Option, Profile
from scanward.standard.private import Disposition, PrivatePath, PrivateStep, find_disposition, is_known_creator

_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF
"""Elements that reserve a block for a private creator (PS3.5 Section 7.8.1)."""

_UNSAFE = Operation(Method.REMOVE, Action.REMOVE, Reason.PRIVATE, None, "3")
_STRUCTURAL = Operation(Method.REMOVE, Action.REMOVE, Reason.STRUCTURAL, None, "3")
_OPTION = Option.RETAIN_SAFE_PRIVATE


class PrivatePlan:
    """Operations for private elements.

    Parameters
    ----------
    profile
        Whether safe ones stay, and what happens to dates and UIDs among them.
    """

    def __init__(self, profile: Profile) -> None:
        self._keeps_safe = _OPTION in profile.options
        self._keeps_uids = Option.RETAIN_UIDS in profile.options
        self._keeps_dates = Option.RETAIN_FULL_DATES in profile.options
        self._shifts_dates = Option.RETAIN_MODIFIED_DATES in profile.options

    def operation(self, element: Element, scope: Scope) -> Operation:
        """Return what is done with a private element (odd group) that stands in `scope`."""
        number = element.tag & 0xFFFF
        if number == 0:
            return _STRUCTURAL
        if not self._keeps_safe or number < _FIRST_BLOCK:
            return _UNSAFE
        if number <= _LAST_BLOCK:
            return self._creator(element, scope)
        path = _path(element, scope)
        if path is None:
            return _UNSAFE
        vr = element.vr.decode("ascii")
        return self._by_disposition(find_disposition(path, vr), vr)

    def _creator(self, element: Element, scope: Scope) -> Operation:
        """A creator stays where something of its block may: it then reads as the knowledge base has it."""
        name = scope.creators.get(element.tag >> 16 << 8 | element.tag & 0xFF)
        if name is not None and is_known_creator(element.tag >> 16, _text(name)):
            return Operation(Method.KEEP, Action.KEEP, Reason.SAFE_PRIVATE, _OPTION, "3")
        return _UNSAFE

    def _by_disposition(self, disposition: Disposition | None, vr: str) -> Operation:
        if disposition is Disposition.HASH_UID:
            method = Method.KEEP_CHECKED if self._keeps_uids else Method.UID
            return Operation(method, Action.UID, Reason.SAFE_PRIVATE, _OPTION, "3")
        if disposition is Disposition.OFFSET_DATE and vr in DATE_VRS and self._shifts_dates:
            return Operation(Method.SHIFT, Action.CLEAN, Reason.SAFE_PRIVATE, _OPTION, "3")
        if disposition in (Disposition.OFFSET_DATE, Disposition.OFFSET_SECONDS) and self._keeps_dates:
            return Operation(Method.KEEP_CHECKED, Action.KEEP, Reason.SAFE_PRIVATE, _OPTION, "3")
        if disposition is not Disposition.KEEP or vr in ("PN", "DA", "DT"):
            return _UNSAFE
        return Operation(_method_for(vr), Action.KEEP, Reason.SAFE_PRIVATE, _OPTION, "3")


def _method_for(vr: str) -> Method:
    if vr == "SQ":
        return Method.DESCEND
    if vr == "UI":
        return Method.UID
    if vr in TEXT_VRS:
        return Method.CLEAN_TEXT
    return Method.KEEP if vr in NUMBER_VRS else Method.KEEP_CHECKED


def _text(creator: bytes) -> str:
    return creator.decode("iso8859-1").strip(" \0")


def _path(element: Element, scope: Scope) -> PrivatePath | None:
    """Return the path with each private step named by its creator, or None where one has none."""
    steps: list[PrivateStep | int] = []
    creators = (*scope.path_creators, scope.creator_of(element.tag))
    for tag, creator in zip((*scope.path, element.tag), creators, strict=True):
        if not tag & 0x10000:
            steps.append(tag)
        elif creator is None:
            return None
        else:
            steps.append((tag >> 16, _text(creator), tag & 0xFF))
    return tuple(steps)
