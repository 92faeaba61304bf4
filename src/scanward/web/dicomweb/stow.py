"""STOW-RS, Store Instances (PS3.18 Section 10.5): each part is taken in as it arrives, not when all have come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from scanward.errors import ScanwardError, StoreError, StoreFullError
from scanward.model.study import Origin, OriginKind
from scanward.ports.intake import Intake, Receipt
from scanward.web.access import Services, allow
from scanward.web.auth import Principal
from scanward.web.dicomweb.json import DICOM_JSON, DicomJsonResponse, attribute, described, sequence
from scanward.web.dicomweb.offered import Uid
from scanward.web.metrics import Metrics
from scanward.web.multipart import MultipartReader, PartEnd, PartStart, parse_media_type
from scanward.web.problems import MEDIA_TYPE, Problem, log_unexpected
from scanward.web.roles import Operation, Role
from scanward.web.spool import Spooled

AT_ONCE = 4
"""So many instances of a request are taken in at once; while they are, no more of it is read."""

# Failure Reasons (PS3.18 Table 10.5.3-2, PS3.4 Table B.2-1, PS3.7 Annex C).
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
OTHER_STUDY = 0xA900
PROCESSING_FAILURE = 0x0110

router = APIRouter(tags=["DICOMweb"])


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one part: `failure` is its Failure Reason, None where it is durable here and understood."""

    receipt: Receipt
    failure: int | None


@dataclass(slots=True)
class _Store:
    """Stores the parts of one request, a few at once."""

    intake: Intake
    origin: Origin
    study: str
    spool: Path
    metrics: Metrics
    answers: dict[int, Stored] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    begun: int = 0

    async def put(self, part: Spooled) -> None:
        """Begin to store `part`, when there is a place free."""
        while len(self.tasks) >= AT_ONCE:
            await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._put(self.begun, part))
        self.begun += 1
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def finish(self) -> list[Stored]:
        """Wait for all and return what became of each part, in order."""
        while self.tasks:
            await asyncio.wait(self.tasks)
        return [self.answers[number] for number in range(self.begun)]

    async def _put(self, number: int, part: Spooled) -> None:
        answer = await run_in_threadpool(self._take, part)
        self.metrics.received.labels(door="stow", outcome="stored" if answer.failure is None else "failed").inc()
        self.answers[number] = answer

    def _take(self, part: Spooled) -> Stored:
        """Take one part in; closes it, as only here is known when nobody reads it any more."""
        nothing = Receipt(accepted=False)
        try:
            if self.study and not _is_of_study(part, self.study, self.spool):
                return Stored(nothing, OTHER_STUDY)
            receipt = self.intake.take(part, self.origin)
        except StoreFullError:
            return Stored(nothing, OUT_OF_RESOURCES)
        except StoreError:
            return Stored(nothing, PROCESSING_FAILURE)
        except Exception as error:  # noqa: BLE001 - one instance must not take the others of the request along
            log_unexpected(error)
            return Stored(nothing, PROCESSING_FAILURE)
        finally:
            part.close()
        return Stored(receipt, None if receipt.accepted else CANNOT_UNDERSTAND)


def _is_of_study(part: Spooled, study_uid: str, spool: Path) -> bool:
    """Whether an instance belongs to the study that the request names; one that is not understood is left to say so."""
    from scanward.dicomstream.opening import open_dicom
    from scanward.ingest.parse import Parser

    try:
        return Parser().parse(open_dicom(part, spool)).study_uid == study_uid
    except ScanwardError:
        return True


def origin_of(principal: Principal) -> Origin:
    """Return who brings an instance; whoever acts for a recipient brings results, and nothing else."""
    return Origin(kind=OriginKind.STOW, peer=principal.subject, recipient=principal.recipient)


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: described(DICOM_JSON, text="All are durable here."),
    202: described(DICOM_JSON, text="Some are durable here; of the others it says why."),
    409: described(DICOM_JSON, MEDIA_TYPE, text="None is taken; it says why."),
    507: described(DICOM_JSON, MEDIA_TYPE, text="There is no room; none is taken, and nothing was deleted."),
}

_BODY = {
    "requestBody": {
        "required": True,
        "content": {'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}}},
    }
}

_Sender = Annotated[Principal, Depends(allow(Operation.STORE_STUDIES, Operation.STORE_RESULTS))]


@router.post("/studies", response_class=DicomJsonResponse, responses=_ANSWERS, openapi_extra=_BODY)
async def store_instances(request: Request, services: Services, principal: _Sender) -> DicomJsonResponse:
    """Store Instances (STOW-RS): ``multipart/related; type="application/dicom"``.

    With the role recipient, they are results. 200: all are durable here; 202: some; 409: none; each with its reason.
    """
    return await _store(request, services, principal, "")


@router.post("/studies/{study}", response_class=DicomJsonResponse, responses=_ANSWERS, openapi_extra=_BODY)
async def store_instances_of_study(
    request: Request, services: Services, principal: _Sender, study: Uid
) -> DicomJsonResponse:
    """Store Instances of one study; those of another are refused."""
    return await _store(request, services, principal, study)


async def _store(request: Request, services: Services, principal: Principal, study: str) -> DicomJsonResponse:
    if Role.IMAGING_IT not in principal.roles and not principal.recipient:
        raise Problem(403, "expected a token that is bound to a recipient")
    kind, parameters = parse_media_type(request.headers.get("content-type", ""))
    if kind != "multipart/related" or parameters.get("type", "application/dicom").lower() != "application/dicom":
        raise Problem(415, 'expected multipart/related; type="application/dicom"')
    reader = MultipartReader(parameters.get("boundary", ""))
    metrics: Metrics = request.app.state.metrics
    storing = _Store(services.intake, origin_of(principal), study, services.spool, metrics)
    try:
        async with aclosing(_read_parts(request, reader, services)) as parts:
            async for part in parts:
                await storing.put(part)
    finally:
        # Also when the body broke off: what came whole is being stored.
        stored = await storing.finish()
    if not stored:
        raise Problem(400, "multipart body: expected at least one part")
    return _answer(stored)


async def _read_parts(request: Request, reader: MultipartReader, services: Services) -> AsyncGenerator[Spooled]:
    """Yield each part when it is whole; whoever takes it closes it."""
    part: Spooled | None = None
    try:
        async for chunk in request.stream():
            for event in reader.feed(chunk):
                if isinstance(event, PartStart):
                    _check_part(event)
                    part = Spooled(services.spool)
                elif isinstance(event, PartEnd):
                    if part is not None:
                        whole, part = part, None
                        yield whole
                elif part is not None:
                    part.write(event)
        reader.end()
    finally:
        if part is not None:
            part.close()


def _check_part(start: PartStart) -> None:
    kind, _ = parse_media_type(start.headers.get("content-type", "application/dicom"))
    if kind != "application/dicom":
        raise Problem(415, "expected parts of type application/dicom")


def _answer(stored: list[Stored]) -> DicomJsonResponse:
    """Return the Store Instances Response Module (PS3.18 Section 10.5.3) and the status that goes with it."""
    failed = [one for one in stored if one.failure is not None]
    done = [one for one in stored if one.failure is None]
    content: dict[str, object] = {"00081190": attribute("UR")}
    if failed:
        content["00081198"] = sequence(map(_reference, failed))
    if done:
        content["00081199"] = sequence(map(_reference, done))
    if not failed:
        status = 200
    elif done:
        status = 202
    elif all(one.failure == OUT_OF_RESOURCES for one in failed):
        status = 507
    else:
        status = 409
    return DicomJsonResponse(content, status)


def _reference(stored: Stored) -> dict[str, object]:
    item: dict[str, object] = {
        "00081150": attribute("UI", stored.receipt.sop_class_uid),
        "00081155": attribute("UI", stored.receipt.sop_instance_uid),
    }
    if stored.failure is not None:
        item["00081197"] = attribute("US", stored.failure)
    return item
