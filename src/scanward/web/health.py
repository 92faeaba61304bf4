"""Whether the gateway is alive and ready, and its metrics."""

import shutil
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from scanward.errors import ScanwardError
from scanward.web.access import Services, gate_of
from scanward.web.metrics import Metrics
from scanward.web.roles import Operation
from scanward.web.services import WebServices

router = APIRouter(tags=["Operation"])

_bearer = HTTPBearer(auto_error=False)

LOOPBACK = frozenset({"127.0.0.1", "::1"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/health/live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    """Say so; asks nothing of anything else."""
    return {"status": "alive"}


@router.get(
    "/health/ready", summary="Whether instances can be taken in", responses={503: {"description": "Not ready."}}
)
def ready(services: Services) -> JSONResponse:
    """Whether ledger, disk and workers are as they should be."""
    checks = {"ledger": _can_read(services), "room": _has_room(services)}
    checks |= {name: _holds(services, name) for name in services.checks}
    fine = all(checks.values())
    return JSONResponse({"status": "ready" if fine else "not ready", "checks": checks}, 200 if fine else 503)


def _can_read(services: WebServices) -> bool:
    try:
        services.registry.recipients()
    except ScanwardError:
        return False
    return True


def _has_room(services: WebServices) -> bool:
    try:
        return shutil.disk_usage(services.spool).free >= services.min_free_bytes
    except OSError:
        return False


def _holds(services: WebServices, name: str) -> bool:
    try:
        return services.checks[name]()
    except ScanwardError:
        return False


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Response:
    """Counts only. From this machine without a token, unless a proxy passes the request on."""
    direct = not any(name in request.headers for name in _FORWARDED)
    if not (direct and request.client is not None and request.client.host in LOOPBACK):
        gate = gate_of(request)
        gate.permit(await gate.enter(credentials.credentials if credentials else None), Operation.READ_METRICS)
    found: Metrics = request.app.state.metrics
    return Response(await run_in_threadpool(found.render), media_type=CONTENT_TYPE_LATEST)
