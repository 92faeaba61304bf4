"""QIDO-RS (PS3.18 Section 10.6) over what a recipient may fetch: new UIDs, the pseudonym, and what an instance is."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from fastapi import APIRouter, Request

from scanward.model.release import OutboxItem
from scanward.web.access import Services
from scanward.web.dicomweb.json import DicomJsonResponse, attribute
from scanward.web.dicomweb.offered import Fetcher, Uid, offers
from scanward.web.problems import Problem

MAX_RESULTS = 1000
"""Of one answer; `offset` goes on from there."""

_MATCHED: dict[str, Callable[[OutboxItem], str]] = {
    "0020000D": lambda item: item.study_uid,
    "0020000E": lambda item: item.series_uid,
    "00080018": lambda item: item.sop_instance_uid,
    "00080016": lambda item: item.sop_class_uid,
    "00080060": lambda item: item.modality,
    "00080061": lambda item: item.modality,
    "00100020": lambda item: item.patient,
}

_KEYWORDS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
    "SOPClassUID": "00080016",
    "Modality": "00080060",
    "ModalitiesInStudy": "00080061",
    "PatientID": "00100020",
}

_OPTIONS = frozenset({"includefield", "fuzzymatching", "limit", "offset"})
_ATTRIBUTE = re.compile(r"[A-Za-z0-9]{1,64}(\.[A-Za-z0-9]{1,64})*")

router = APIRouter(tags=["DICOMweb"])


@dataclass(slots=True)
class _Query:
    """What was asked for."""

    matching: dict[str, frozenset[str]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    limit: int = MAX_RESULTS
    offset: int = 0

    def matches(self, item: OutboxItem) -> bool:
        """Whether `item` is among what was asked for."""
        return all(_MATCHED[tag](item) in values for tag, values in self.matching.items())

    def only(self, tag: str) -> str:
        """Return the one value that an Attribute has to have; empty where any or several will do."""
        values = self.matching.get(tag, frozenset())
        return next(iter(values)) if len(values) == 1 else ""


def _parse(request: Request) -> _Query:
    query = _Query()
    for name, value in request.query_params.multi_items():
        tag = _KEYWORDS.get(name, name.upper())
        if name in {"limit", "offset"}:
            if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
                raise Problem(400, f"expected {name} to be a number")
            setattr(query, name, int(value))
        elif tag in _MATCHED:
            values = frozenset(re.split(r"[,\\]", value))
            if value not in {"", "*"}:  # universal matching (PS3.4 Section C.2.2.2.3)
                query.matching[tag] = query.matching.get(tag, values) & values
        elif not _ATTRIBUTE.fullmatch(name):
            raise Problem(400, "expected Attributes and options of PS3.18 as query parameters")
        elif name not in _OPTIONS:
            query.ignored.append(name)
    query.limit = min(query.limit, MAX_RESULTS)
    return query


@dataclass(slots=True)
class _Group:
    """Instances of one study or series."""

    first: OutboxItem
    modalities: set[str] = field(default_factory=set)
    series: set[str] = field(default_factory=set)
    instances: int = 0

    def add(self, item: OutboxItem) -> None:
        """Count an instance."""
        self.modalities.add(item.modality)
        self.series.add(item.series_uid)
        self.instances += 1


def _grouped(items: Iterable[OutboxItem], key: Callable[[OutboxItem], str]) -> Iterable[_Group]:
    """Return items by study or series, in the order in which the first of each was released."""
    groups: dict[str, _Group] = {}
    for item in items:
        groups.setdefault(key(item), _Group(item)).add(item)
    return groups.values()


def _found(services: Services, principal: Fetcher, query: _Query, study: str, series: str) -> Iterator[OutboxItem]:
    found = offers(
        services,
        principal,
        study=study or query.only("0020000D"),
        series=series or query.only("0020000E"),
        instance=query.only("00080018"),
        modality=query.only("00080060"),
    )
    return (item for _, item, _ in found if query.matches(item))


def _study(group: _Group, base: str) -> dict[str, object]:
    item = group.first
    return {
        "00080056": attribute("CS", "ONLINE"),
        "00080061": attribute("CS", *sorted(group.modalities)),
        "00081190": attribute("UR", f"{base}/studies/{item.study_uid}"),
        "00100020": attribute("LO", item.patient),
        "0020000D": attribute("UI", item.study_uid),
        "00201206": attribute("IS", len(group.series)),
        "00201208": attribute("IS", group.instances),
    }


def _series(group: _Group, base: str) -> dict[str, object]:
    item = group.first
    return {
        "00080060": attribute("CS", item.modality),
        "00081190": attribute("UR", f"{base}/studies/{item.study_uid}/series/{item.series_uid}"),
        "0020000D": attribute("UI", item.study_uid),
        "0020000E": attribute("UI", item.series_uid),
        "00201209": attribute("IS", group.instances),
    }


def _instance(item: OutboxItem, base: str) -> dict[str, object]:
    url = f"{base}/studies/{item.study_uid}/series/{item.series_uid}/instances/{item.sop_instance_uid}"
    return {
        "00080016": attribute("UI", item.sop_class_uid),
        "00080018": attribute("UI", item.sop_instance_uid),
        "00080056": attribute("CS", "ONLINE"),
        "00080060": attribute("CS", item.modality),
        "00081190": attribute("UR", url),
        "0020000D": attribute("UI", item.study_uid),
        "0020000E": attribute("UI", item.series_uid),
        "00083002": attribute("UI", item.transfer_syntax_uid),
    }


def _answer(query: _Query, results: Iterable[dict[str, object]]) -> DicomJsonResponse:
    page = list(islice(results, query.offset, query.offset + query.limit + 1))
    warnings = []
    if query.ignored:
        warnings.append(f'299 scanward "not matched on: {", ".join(query.ignored[:20])}"')
    if len(page) > query.limit:
        warnings.append('299 scanward "there are more results; ask again with an offset"')
    headers = {"Warning": ", ".join(warnings)} if warnings else None
    return DicomJsonResponse(page[: query.limit], headers=headers)


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/dicom-web"


def _search_studies(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    query = _parse(request)
    groups = _grouped(_found(services, principal, query, "", ""), lambda item: item.study_uid)
    return _answer(query, (_study(group, _base(request)) for group in groups))


def _search_series(request: Request, services: Services, principal: Fetcher, study: str) -> DicomJsonResponse:
    query = _parse(request)
    groups = _grouped(_found(services, principal, query, study, ""), lambda item: item.series_uid)
    return _answer(query, (_series(group, _base(request)) for group in groups))


def _search_instances(
    request: Request, services: Services, principal: Fetcher, study: str, series: str
) -> DicomJsonResponse:
    query = _parse(request)
    items = _found(services, principal, query, study, series)
    return _answer(query, (_instance(item, _base(request)) for item in items))


@router.get("/studies", response_class=DicomJsonResponse)
def search_studies(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    """Studies that the recipient of the token may fetch."""
    return _search_studies(request, services, principal)


@router.get("/series", response_class=DicomJsonResponse)
def search_series(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    """Series that the recipient of the token may fetch."""
    return _search_series(request, services, principal, "")


@router.get("/studies/{study}/series", response_class=DicomJsonResponse)
def search_series_of_study(request: Request, services: Services, principal: Fetcher, study: Uid) -> DicomJsonResponse:
    """Series of a study that the recipient of the token may fetch."""
    return _search_series(request, services, principal, study)


@router.get("/instances", response_class=DicomJsonResponse)
def search_instances(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    """Instances that the recipient of the token may fetch."""
    return _search_instances(request, services, principal, "", "")


@router.get("/studies/{study}/instances", response_class=DicomJsonResponse)
def search_instances_of_study(
    request: Request, services: Services, principal: Fetcher, study: Uid
) -> DicomJsonResponse:
    """Instances of a study that the recipient of the token may fetch."""
    return _search_instances(request, services, principal, study, "")


@router.get("/studies/{study}/series/{series}/instances", response_class=DicomJsonResponse)
def search_instances_of_series(
    request: Request, services: Services, principal: Fetcher, study: Uid, series: Uid
) -> DicomJsonResponse:
    """Instances of a series that the recipient of the token may fetch."""
    return _search_instances(request, services, principal, study, series)
