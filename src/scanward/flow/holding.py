"""Holds instances of a release for their pixels, and lets go those that a person looked at.

A decision is bound to the content that the person decided on: its digest is made under the study's data key, so that it
tells nobody else what the content is, and nothing at all once that key is destroyed.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanward.decide.necessary import find_setback, is_needed
from scanward.deidentify.header.scan import COLUMNS, NUMBER_OF_FRAMES, ROWS, InstanceFacts
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import FaceError, HoldError, PhotographError, TextFoundError, UnseenError
from scanward.flow.face_plans import InstanceFace
from scanward.flow.pixels import PixelLooker, has_pixels, shows_nothing
from scanward.model.decision import Permit
from scanward.model.holds import Finding, HoldKind, LetGo, PixelHold, TextStaysError
from scanward.model.instance import ByteSource
from scanward.model.pixels import NO_PIXELS, PixelOutcome
from scanward.model.study import StoredInstance

if TYPE_CHECKING:
    from scanward.deidentify.pixels.stack import Stack

CleanInside = Callable[[DataSetStart, InstanceFacts], PixelOutcome | None]
"""Returns what came of the document that an instance encapsulates; None where it has none."""

OTHER_CONTENT = "its content is not what a person decided to let go"

_LABEL = b"scanward held instance"
_CHUNK_BYTES = 1 << 20


class HeldError(HoldError):
    """An instance is held for its pixels; `hold` is what a person decides on."""

    def __init__(self, message: str, *, hold: PixelHold) -> None:
        super().__init__(message)
        self.hold = hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """On which terms instances of a unit leave.

    Attributes
    ----------
    permit
        The decision.
    form
        Digest of how they are de-identified.
    sight
        What looks at pixels here, by names and versions.
    known
        What is known of the patient and study.
    key
        The study's data key.
    """

    permit: Permit
    form: str
    sight: str
    known: KnownIdentifiers
    key: bytes


def look_or_hold(
    terms: Terms,
    looker: PixelLooker,
    instance: StoredInstance,
    start: DataSetStart,
    facts: InstanceFacts,
    *,
    face: InstanceFace,
    stack: "Stack | None" = None,
    let_go: LetGo | None = None,
    clean_document: CleanInside | None = None,
) -> PixelOutcome:
    """Return what looking at the pixels of an instance came to, as far as it may leave then.

    Parameters
    ----------
    terms
        On which it leaves.
    looker
        Looks.
    instance, start, facts
        What.
    face
        What is done about a face in it.
    stack
        What looking at the slices came to that it is one of.
    let_go
        That a person lets it go, whatever the machine says of it.
    clean_document
        Cleans the document that an instance encapsulates; None where nobody does.

    Raises
    ------
    HeldError
        Its pixels, or the document in it, hold it.
    DicomFormatError
        They cannot be decoded.
    """
    try:
        face.require_leave()
        document = None if clean_document is None else clean_document(start, facts)
        if document is not None:
            return document
        return face.apply(start, facts, _look(terms, looker, instance, start, facts, stack))
    except HoldError as error:
        held = error
    digest = digest_of(terms.key, start.reader.source)
    if let_go is not None:
        try:
            if not hmac.compare_digest(let_go.digest, digest):
                raise HoldError(OTHER_CONTENT)
            pixels = looker.look_as_far(start, facts, terms.known, as_it_is=let_go.as_it_is)
            # What the profile cuts off a body is for no person to let go.
            return (face.cut if let_go.kind is HoldKind.FACE else face.apply)(start, facts, pixels)
        except HoldError as error:
            held = _again(held, error)
    hold = PixelHold(
        kind=_kind_of(held), digest=digest, finding=_finding_of(held, facts), form=terms.form, sight=terms.sight
    )
    raise HeldError(f"{held}. {held.remedy}".rstrip(". "), hold=hold)


def why_not_now(permit: Permit, instance: StoredInstance) -> str | None:
    """Return why an instance does not leave, in words; None where looking at it will tell."""
    return None if is_needed(permit, instance) else find_setback(permit, instance, are_proven=True)


def digest_of(key: bytes, source: ByteSource) -> str:
    """Return what tells the content of an instance from any other, under its study's data key."""
    digest = hmac.new(key, _LABEL, "sha256")
    for at in range(0, source.size, _CHUNK_BYTES):
        digest.update(source.read(at, _CHUNK_BYTES))
    return digest.hexdigest()


def _look(
    terms: Terms,
    looker: PixelLooker,
    instance: StoredInstance,
    start: DataSetStart,
    facts: InstanceFacts,
    stack: "Stack | None",
) -> PixelOutcome:
    permit = terms.permit
    pixels = looker.look(start, facts, terms.known, stack=stack, may_stay_unseen=permit.unchecked_pixels)
    why_not = find_setback(permit, instance, are_proven=pixels.holds_nothing_back)
    if why_not is None:
        return pixels
    if shows_nothing(start):
        return NO_PIXELS
    missing = looker.missing
    if missing is not None and has_pixels(facts):
        raise _NobodyLookedError(f"{why_not} What would look at it is not there: {missing}", remedy=missing.remedy)
    raise _NobodyLookedError(why_not)


class _NobodyLookedError(HoldError):
    """Nobody looked, and nobody was asked to, or there was nobody to ask."""


def _again(before: HoldError, now: HoldError) -> HoldError:
    """Return why an instance stays that a person let go: for the same reason as before, and what is said of it now."""
    finding = before.finding if isinstance(before, TextStaysError) else None
    kind = type(before)
    said = str(now) if str(now) == str(before) else f"{now}; {before}"
    if finding is not None:
        return TextStaysError(said, remedy=now.remedy, finding=finding)
    return kind(said, remedy=now.remedy)


def _kind_of(error: HoldError) -> HoldKind:
    for kind, which in _KINDS.items():
        if isinstance(error, kind):
            return which
    return HoldKind.UNREADABLE


_KINDS = {
    TextFoundError: HoldKind.TEXT,
    PhotographError: HoldKind.PHOTOGRAPH,
    FaceError: HoldKind.FACE,
    UnseenError: HoldKind.ENGINE,
    _NobodyLookedError: HoldKind.UNSEEN,
}


def _finding_of(error: HoldError, facts: InstanceFacts) -> Finding:
    if isinstance(error, TextStaysError):
        return error.finding
    frames = facts.text(NUMBER_OF_FRAMES).strip("\0 ")
    count = int(frames) if frames.isdecimal() and len(frames) < 7 else 1
    rows, columns = facts.number(ROWS), facts.number(COLUMNS)
    return Finding(rows=rows or 0, columns=columns or 0, frames=count if rows and columns else 0)
