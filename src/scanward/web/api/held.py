"""Instances of a release that are held for their pixels, and what a person decides on each."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from scanward.flow.reviewing import MIN_REASON_LENGTH, MOST_AT_ONCE, may_leave_as_it_is
from scanward.model.holds import Held, HoldKind, HoldState
from scanward.web.access import Services, allow
from scanward.web.api.schemas import BoxOut, Changed, Identifier, Taken
from scanward.web.auth import Principal
from scanward.web.roles import Operation, is_allowed

router = APIRouter(prefix="/releases/{release_id}/held", tags=["Releases"])

_Reader = Annotated[Principal, Depends(allow(Operation.READ_RELEASES))]
_Decider = Annotated[Principal, Depends(allow(Operation.DECIDE_RELEASES))]


class HeldOut(BaseModel):
    """An instance that is or was held for its pixels. No words of it, and no pixels."""

    instance_id: str
    series_id: str
    modality: str
    sop_class_uid: str
    size_bytes: int
    state: HoldState
    kind: HoldKind
    reason: str
    seen: str = Field(description="Send it with a decision: it is another one as soon as anything of the hold is.")
    rows: int
    columns: int
    frames: int
    regions: int = Field(description="How many were found.")
    boxes: list[BoxOut] = Field(description="Where they are, of the first ones.")
    may_leave_as_it_is: bool = Field(description="Whether no machine can take text out, as far as is known.")
    faces: str = Field(description="Where is said what was found of the study's head scans, if it is held for a face.")
    held_since: datetime
    decided_by: str
    decided: datetime | None
    decided_because: str
    series_uid: str = Field(default="", description="As received; for who may read identities.")
    sop_instance_uid: str = Field(default="", description="As received; for who may read identities.")

    @classmethod
    def of(cls, one: Held, *, with_uids: bool) -> Self:
        """Return a held instance as the API shows it."""
        finding = one.hold.finding
        return cls(
            instance_id=one.instance_id,
            series_id=one.series_id,
            modality=one.modality,
            sop_class_uid=one.sop_class_uid,
            size_bytes=one.size_bytes,
            state=one.state,
            kind=one.hold.kind,
            reason=one.reason,
            seen=one.seen,
            rows=finding.rows,
            columns=finding.columns,
            frames=finding.frames,
            regions=finding.count,
            boxes=[BoxOut.of(box) for box in finding.boxes],
            may_leave_as_it_is=may_leave_as_it_is(one),
            faces=f"/api/v1/releases/{one.release_id}/faces" if one.hold.kind is HoldKind.FACE else "",
            held_since=one.noted,
            decided_by=one.by,
            decided=one.decided,
            decided_because=one.why,
            series_uid=one.series_uid if with_uids else "",
            sop_instance_uid=one.sop_instance_uid if with_uids else "",
        )


class Which(Taken):
    """An instance, with what was seen of its hold."""

    instance_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    seen: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class HoldsToKeep(Taken):
    """Which instances stay held, and why, in words without identifiers."""

    held: Annotated[list[Which], Field(min_length=1, max_length=MOST_AT_ONCE)]
    reason: Annotated[str, Field(max_length=500)] = ""


class HoldsToLetGo(Taken):
    """Which instances leave though the machine cannot say that they show no text."""

    held: Annotated[list[Which], Field(min_length=1, max_length=MOST_AT_ONCE)]
    count: Annotated[int, Field(ge=1, description="How many these are: a decision on another number is refused.")]
    looked: Annotated[Literal[True], Field(description="Whoever decides looked at each in the archive.")]
    reason: Annotated[
        str, Field(min_length=MIN_REASON_LENGTH, max_length=500, description="Why, in words without identifiers.")
    ]
    as_it_is: Annotated[
        bool, Field(description="Pixels may leave as they are where no machine can take text out of them.")
    ] = False


@router.get("", summary="List what of a release is held for its pixels")
def list_held(services: Services, release_id: Identifier, principal: _Reader) -> list[HeldOut]:
    """Instances that are or were held, why, and who decided what."""
    with_uids = is_allowed(principal.roles, Operation.READ_IDENTITIES)
    return [HeldOut.of(one, with_uids=with_uids) for one in services.staff.holds.held(release_id)]


@router.post("/keep", status_code=204, summary="Keep instances held")
def keep(services: Services, release_id: Identifier, wanted: HoldsToKeep, principal: _Decider) -> Response:
    """They wait no more, and are not looked at again."""
    services.staff.holds.keep(release_id, _named(wanted.held), by=principal.subject, reason=wanted.reason)
    return Response(status_code=204)


@router.post("/let-go", status_code=204, summary="Let held instances go")
def let_go(services: Services, release_id: Identifier, wanted: HoldsToLetGo, principal: _Decider) -> Response:
    """They leave with what text the machine could take out taken out, without a claim, as far as is permitted then."""
    services.staff.holds.let_go(
        release_id,
        _named(wanted.held),
        by=principal.subject,
        reason=wanted.reason,
        count=wanted.count,
        as_it_is=wanted.as_it_is,
    )
    return Response(status_code=204)


@router.post("/look-again", summary="Have held instances looked at again")
def look_again(
    services: Services,
    release_id: Identifier,
    principal: Annotated[Principal, Depends(allow(Operation.RETRY_RELEASES))],
) -> Changed:
    """Those that wait for a person; what a person kept held stays."""
    return Changed(instances=services.staff.holds.look_again(release_id, by=principal.subject))


def _named(held: list[Which]) -> dict[str, str]:
    return {one.instance_id: one.seen for one in held}
