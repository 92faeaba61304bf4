"""Upload of DICOM files and zip archives."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from scanward.errors import NotDicomError, ScanwardError, StoreError, StoreFullError
from scanward.model.source import RefusedFile, SourceFile
from scanward.model.study import Origin, OriginKind
from scanward.ports.files import Sources
from scanward.ports.intake import Receipt
from scanward.web.access import Services, allow
from scanward.web.api.schemas import UploadOut
from scanward.web.auth import Principal
from scanward.web.metrics import Metrics
from scanward.web.multipart import MultipartReader, PartEnd, PartStart, parse_media_type
from scanward.web.problems import Problem
from scanward.web.roles import Operation
from scanward.web.services import WebServices

MAX_REASONS = 50

router = APIRouter(tags=["Upload"])


@router.post(
    "/upload",
    summary="Upload studies",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                        "required": ["file"],
                    }
                }
            },
        }
    },
)
async def upload(
    request: Request, services: Services, principal: Annotated[Principal, Depends(allow(Operation.STORE_STUDIES))]
) -> UploadOut:
    """DICOM files, or zip archives of such; what is answered counts what is in them."""
    kind, parameters = parse_media_type(request.headers.get("content-type", ""))
    if kind != "multipart/form-data":
        raise Problem(415, "expected multipart/form-data")
    reader = MultipartReader(parameters.get("boundary", ""))
    origin = Origin(kind=OriginKind.UPLOAD, peer=principal.subject)
    metrics: Metrics = request.app.state.metrics
    result = UploadOut(accepted=0, quarantined=0, skipped=0, refused=0, reasons=[])
    async with aclosing(_files(request, reader, services.spool)) as paths:
        async for path in paths:
            await run_in_threadpool(_take_all, services, path, origin, result)
    counts = {"stored": result.accepted, "quarantined": result.quarantined, "failed": result.refused}
    for outcome, count in counts.items():
        metrics.received.labels(door="upload", outcome=outcome).inc(count)
    return result


async def _files(request: Request, reader: MultipartReader, spool: Path) -> AsyncGenerator[Path]:
    """Yield each uploaded file when it is whole; it is gone when the next one is asked for."""
    found = False
    with tempfile.TemporaryDirectory(dir=spool, prefix="upload-") as folder:
        path = Path(folder) / "file"
        writing = None
        try:
            async for chunk in request.stream():
                for event in reader.feed(chunk):
                    if isinstance(event, PartStart):
                        # Fields that are no files are of no interest here.
                        if "filename" in parse_media_type(event.headers.get("content-disposition", ""))[1]:
                            writing = path.open("wb")
                    elif writing is None:
                        continue
                    elif isinstance(event, PartEnd):
                        writing.close()
                        writing = None
                        found = True
                        yield path
                    else:
                        writing.write(event)
            reader.end()
        except OSError as error:
            raise StoreFullError(f"the spool cannot be written: {error.strerror}") from None
        finally:
            if writing is not None:
                writing.close()
    if not found:
        raise Problem(422, "expected at least one file in a field of the form")


def _take_all(services: WebServices, path: Path, origin: Origin, result: UploadOut) -> None:
    with services.open_upload(path) as sources:
        for file in sources.find():
            reason = _take(services, sources, file, origin, result)
            if reason and reason not in result.reasons and len(result.reasons) < MAX_REASONS:
                result.reasons.append(reason)


def _take(
    services: WebServices, sources: Sources, file: SourceFile | RefusedFile, origin: Origin, result: UploadOut
) -> str:
    """Take one file in, count what became of it, and return why it is not as it should be."""
    from scanward.dicomstream.opening import open_dicom

    if isinstance(file, RefusedFile):
        result.refused += 1
        return file.reason
    try:
        with sources.open(file) as content:
            try:
                open_dicom(content, services.spool)
            except NotDicomError:
                result.skipped += 1
                return "no DICOM"
            except ScanwardError:
                pass  # the intake says why, and keeps it
            receipt: Receipt = services.intake.take(content, origin)
    except StoreFullError:
        raise
    except StoreError as error:
        result.refused += 1
        return str(error)
    except ScanwardError as error:
        result.refused += 1
        return str(error)
    if receipt.accepted:
        result.accepted += 1
    else:
        result.quarantined += 1
    return receipt.reason
