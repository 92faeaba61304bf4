"""WADO-RS (PS3.18 Section 10.4) of what a recipient may fetch, decided on again before each instance leaves."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from scanward.errors import ScanwardError, StateError, StoreError
from scanward.model.release import OutboxItem, Release
from scanward.ports.network import Outgoing
from scanward.web.access import Services
from scanward.web.dicomweb.accept import parse_accept
from scanward.web.dicomweb.json import DICOM_JSON, DicomJsonResponse, described
from scanward.web.dicomweb.metadata import metadata_of
from scanward.web.dicomweb.offered import Fetcher, Offer, Uid, offers
from scanward.web.metrics import Metrics
from scanward.web.multipart import parse_media_type
from scanward.web.problems import BrokenOffError, Problem
from scanward.web.services import WebServices

log = structlog.get_logger("scanward.web")

router = APIRouter(tags=["DICOMweb"])

DECISION_SECONDS = 0.5
"""A decision holds for the instances of a release that follow each other so closely."""

_PARTS = described("multipart/related", text="Instances, each a part.")
_PARTS_OR_FILE = described("multipart/related", "application/dicom", text="The instance, as a part or alone.")

_STUDY = "/studies/{study}"
_SERIES = "/studies/{study}/series/{series}"
_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"


class _Hand:
    """Hands offers out, each only while it is permitted."""

    def __init__(self, services: WebServices, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._decided: dict[str, tuple[float, Callable[[OutboxItem], bool]]] = {}

    def _is_permitted(self, release: Release, item: OutboxItem) -> bool:
        """Whether an instance is permitted, by a decision on its release no longer than `DECISION_SECONDS` ago."""
        now = time.monotonic()
        decided = self._decided.get(release.release_id)
        if decided is None or now - decided[0] > DECISION_SECONDS:
            decided = self._decided[release.release_id] = now, self._services.may_still_leave(release)
        return decided[1](item)

    def open(self, offer: Offer) -> Outgoing:
        """Return the file of an offer, noted as fetched: it counts so from before its first byte leaves.

        Raises `Problem` 404 where it may not (any more) be had.
        """
        release, item, blob = offer
        if not self._is_permitted(release, item):
            raise Problem(404)
        try:
            outgoing = self._services.open_outgoing(release, item, blob)
            self._services.note_fetched(release, item)
        except (StateError, StoreError) as error:
            # Stopped, or deleted, since it was found.
            log.warning("offer_gone", kind=type(error).__name__)
            raise Problem(404) from None
        self._metrics.fetched.inc()
        return outgoing


def _retrieve(
    request: Request, services: Services, principal: Fetcher, study: str, series: str = "", instance: str = ""
) -> Response:
    found = list(offers(services, principal, study=study, series=series, instance=instance))
    if not found:
        raise Problem(404)
    accepted = parse_accept(request.headers.get("accept", ""), single=bool(instance))
    fitting = [way for way in accepted if all(way.takes(item.transfer_syntax_uid) for _, item, _ in found)]
    if not fitting:
        raise Problem(406, "instances are sent in the Transfer Syntax that they have: ask for transfer-syntax=*")
    hand = _Hand(services, request.app.state.metrics)
    first = hand.open(found[0])
    return _multipart(hand, found, first) if fitting[0].multipart else _single(first)


def _single(outgoing: Outgoing) -> Response:
    headers = {"Content-Length": str(outgoing.size_bytes)}
    kind = f"application/dicom; transfer-syntax={outgoing.transfer_syntax_uid}"
    return StreamingResponse(_or_broken_off(outgoing.chunks()), headers=headers, media_type=kind)


def _or_broken_off(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `parts`; whatever ends them early ends the answer without its end."""
    try:
        yield from parts
    except (Problem, ScanwardError) as error:
        log.warning("retrieve_failed", kind=type(error).__name__)
        raise BrokenOffError from None


def _multipart(hand: _Hand, found: Sequence[Offer], first: Outgoing) -> Response:
    boundary = secrets.token_hex(16)

    def parts() -> Iterator[bytes]:
        # Should one not be permitted any more, or not be readable, the body breaks off without its last boundary.
        for number, offer in enumerate(found):
            outgoing = first if number == 0 else hand.open(offer)
            kind = f"application/dicom; transfer-syntax={outgoing.transfer_syntax_uid}"
            yield f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()
            yield from outgoing.chunks()
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return StreamingResponse(_or_broken_off(parts()), media_type=kind)


def _retrieve_metadata(
    request: Request, services: Services, principal: Fetcher, study: str, series: str = "", instance: str = ""
) -> Response:
    kinds = {parse_media_type(text)[0] for text in request.headers.get("accept", "*/*").split(",")}
    if not kinds & {"*/*", "application/*", DICOM_JSON, "application/json"}:
        raise Problem(406, f"expected to be asked for {DICOM_JSON}")
    found = list(offers(services, principal, study=study, series=series, instance=instance))
    if not found:
        raise Problem(404)
    hand = _Hand(services, request.app.state.metrics)
    first = metadata_of(hand.open(found[0]))

    def parts() -> Iterator[bytes]:
        yield b"[" + json.dumps(first).encode()
        for offer in found[1:]:
            yield b"," + json.dumps(metadata_of(hand.open(offer))).encode()
        yield b"]"

    return StreamingResponse(_or_broken_off(parts()), media_type=DICOM_JSON)


@router.get(_STUDY, response_class=Response, responses={200: _PARTS})
def retrieve_study(request: Request, services: Services, principal: Fetcher, study: Uid) -> Response:
    """Instances as they are stored, in ``multipart/related; type="application/dicom"``; nothing is transcoded."""
    return _retrieve(request, services, principal, study)


@router.get(_SERIES, response_class=Response, responses={200: _PARTS})
def retrieve_series(request: Request, services: Services, principal: Fetcher, study: Uid, series: Uid) -> Response:
    """Instances of a series, as they are stored."""
    return _retrieve(request, services, principal, study, series)


@router.get(_INSTANCE, response_class=Response, responses={200: _PARTS_OR_FILE})
def retrieve_instance(
    request: Request, services: Services, principal: Fetcher, study: Uid, series: Uid, instance: Uid
) -> Response:
    """An instance as it is stored; alone too, as ``application/dicom``."""
    return _retrieve(request, services, principal, study, series, instance)


@router.get(f"{_STUDY}/metadata", response_class=DicomJsonResponse)
def retrieve_metadata_of_study(request: Request, services: Services, principal: Fetcher, study: Uid) -> Response:
    """Attributes as DICOM JSON, without those that hold bulk data."""
    return _retrieve_metadata(request, services, principal, study)


@router.get(f"{_SERIES}/metadata", response_class=DicomJsonResponse)
def retrieve_metadata_of_series(
    request: Request, services: Services, principal: Fetcher, study: Uid, series: Uid
) -> Response:
    """Attributes of a series as DICOM JSON."""
    return _retrieve_metadata(request, services, principal, study, series)


@router.get(f"{_INSTANCE}/metadata", response_class=DicomJsonResponse)
def retrieve_metadata_of_instance(
    request: Request, services: Services, principal: Fetcher, study: Uid, series: Uid, instance: Uid
) -> Response:
    """Attributes of an instance as DICOM JSON."""
    return _retrieve_metadata(request, services, principal, study, series, instance)


@router.get(f"{_STUDY}/rendered", include_in_schema=False)
@router.get(f"{_SERIES}/rendered", include_in_schema=False)
@router.get(f"{_INSTANCE}/rendered", include_in_schema=False)
@router.get(f"{_STUDY}/thumbnail", include_in_schema=False)
@router.get(f"{_SERIES}/thumbnail", include_in_schema=False)
@router.get(f"{_INSTANCE}/thumbnail", include_in_schema=False)
@router.get(f"{_INSTANCE}/frames/{{frames}}", include_in_schema=False)
def not_supported(_: Fetcher) -> Response:
    """Say that nothing is rendered or taken apart here."""
    raise Problem(501, "instances are handed out whole, as they are stored")
