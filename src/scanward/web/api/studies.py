"""Studies: what came, and what became of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from scanward.ports.ledger import StudyLine
from scanward.web.access import Services, allow
from scanward.web.api.moments import aware
from scanward.web.api.schemas import (
    Before,
    Changed,
    EventOut,
    Identifier,
    Identity,
    Limit,
    Patient,
    StudyDetail,
    StudyOut,
    StudyToFetch,
)
from scanward.web.auth import Principal
from scanward.web.problems import Problem
from scanward.web.roles import Operation, is_allowed

router = APIRouter(prefix="/studies", tags=["Studies"])

_Reader = Annotated[Principal, Depends(allow(Operation.READ_STUDIES))]


@router.get("", summary="List studies by last arrival, newest first")
def list_studies(services: Services, _: _Reader, limit: Limit = 100, before: Before = None) -> list[StudyOut]:
    """Studies with their releases; ids tell nothing of the patient."""
    return [StudyOut.of(line) for line in services.desk.studies(limit=limit, before=aware(before))]


@router.post("/search", summary="List the studies of one patient")
def search_studies(
    services: Services,
    patient: Patient,
    _: Annotated[Principal, Depends(allow(Operation.READ_IDENTITIES))],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[StudyOut]:
    """Studies of the patient with this ID and issuer."""
    index = services.staff.patient(patient.patient_id, patient.issuer)
    return [StudyOut.of(line) for line in services.desk.studies(limit=limit, patient_id=index)]


@router.post("/fetch", summary="Fetch a study from the archive")
def fetch_study(
    services: Services, study: StudyToFetch, _: Annotated[Principal, Depends(allow(Operation.FETCH_STUDIES))]
) -> Changed:
    """Have the archive send a study to our Storage SCP (C-MOVE); answers when it has."""
    return Changed(instances=services.staff.fetch_study(study.study_uid))


@router.get("/{study_id}", summary="Show a study")
def get_study(services: Services, study_id: Identifier, principal: _Reader) -> StudyDetail:
    """A study with its releases and history; the identity only for who may read identities."""
    study = services.ledger.get_study(study_id)
    line = _line_of(services, study_id, study.patient_id)
    identity = Identity.of(study) if is_allowed(principal.roles, Operation.READ_IDENTITIES) else None
    history = [EventOut.of(event) for event in services.desk.history(study_id)]
    return StudyDetail(**StudyOut.of(line).model_dump(), identity=identity, history=history)


def _line_of(services: Services, study_id: str, patient_id: str) -> StudyLine:
    for line in services.desk.studies(limit=1000, patient_id=patient_id):
        if line.study_id == study_id:
            return line
    raise Problem(404)
