"""What was stated of a study or an instance: signed, chained, and each statement with its place in the log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from scanward.model.chains import Chain, CustodyReport, ProvenStatement
from scanward.model.custody import CustodyEvent
from scanward.web.access import Services, allow
from scanward.web.auth import Principal
from scanward.web.roles import Operation
from scanward.web.seal_files import seal_response

router = APIRouter(prefix="/custody/{uid}", tags=["Verify"])

_Uid = Annotated[
    str,
    Path(
        pattern=r"^[0-9.]{1,64}$",
        description="Study or SOP Instance UID, of the original or of a copy that left. Proxies may log it.",
    ),
]


class StatementOut(BaseModel):
    """A statement whose signature and place in its chain hold."""

    number: int
    at: datetime
    event: CustodyEvent
    actor: str
    facts: Mapping[str, str | int] = Field(description="Commitments, counts, ids; no value of a header.")
    log_index: int | None = Field(description="Its place in the log; null: on its way there.")
    seen_by_others: datetime | None = Field(description="When a witness or a timestamp saw it there.")

    @classmethod
    def of(cls, proven: ProvenStatement) -> Self:
        """Return a statement as the API shows it."""
        said = proven.statement
        return cls(
            number=said.number,
            at=said.at,
            event=said.event,
            actor=said.actor,
            facts=dict(said.facts),
            log_index=proven.index,
            seen_by_others=proven.attested,
        )


class FaultOut(BaseModel):
    """What does not hold."""

    name: str = Field(description="A dotted name.")
    says: str


class ChainOut(BaseModel):
    """The custody of one object."""

    kind: str = Field(description="study, instance, copy, release or result.")
    id: str = Field(description="A keyed digest that tells nothing.")
    fault: FaultOut | None = Field(description="Null: all of it holds.")
    statements: list[StatementOut] = Field(description="In order; none where something does not hold.")

    @classmethod
    def of(cls, chain: Chain) -> Self:
        """Return a chain as the API shows it."""
        return cls(
            kind=chain.kind,
            id=chain.object_id,
            fault=FaultOut(name=chain.fault_name, says=chain.fault) if chain.fault else None,
            statements=[StatementOut.of(one) for one in chain.statements],
        )


class LogOut(BaseModel):
    """The log that the statements are in."""

    origin: str
    size: int


class CustodyOut(BaseModel):
    """The custody of a study or an instance."""

    log: LogOut
    is_sound: bool
    objects: list[ChainOut]

    @classmethod
    def of(cls, report: CustodyReport) -> Self:
        """Return a report as the API shows it."""
        return cls(
            log=LogOut(origin=report.origin, size=report.log_size),
            is_sound=report.is_sound,
            objects=[ChainOut.of(one) for one in report.chains],
        )


@router.get("", summary="Show the custody of a study or an instance")
def show_custody(
    services: Services, uid: _Uid, _: Annotated[Principal, Depends(allow(Operation.READ_CUSTODY))]
) -> CustodyOut:
    """Signatures, chains and places in the log are checked first. 409: the log does not hold, and `fault` says how."""
    return CustodyOut.of(services.custody(uid))


@router.get(
    "/seal",
    summary="Get the seal file of an instance",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "For `scanward verify --proof`."}},
)
def get_seal(
    services: Services, uid: _Uid, _: Annotated[Principal, Depends(allow(Operation.READ_IDENTITIES))]
) -> Response:
    """The seal with its statements, proofs and keys. Who has it can try guesses at values of the header against it."""
    return seal_response(services.seal_file(uid))
