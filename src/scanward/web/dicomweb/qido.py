"""QIDO-RS (PS3.18 Section 10.6) over what a recipient may fetch: new UIDs, the pseudonym, and what an instance is."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from fastapi import APIRouter, Request

from scanward.model.release import OutboxItem
from scanward.ports.ledger import Wanted
from scanward.web.access import Services
from scanward.web.dicomweb.bookmarks import Bookmarks, Place
from scanward.web.dicomweb.json import DicomJsonResponse, attribute
from scanward.web.dicomweb.offered import PAGE, Fetcher, Uid, offers
from scanward.web.problems import Problem

MAX_RESULTS = 1000
"""Of one answer; `offset` goes on from there."""

UIDS_AT_ONCE = 200
PROBED_AT_ONCE = 20
"""So many instances are looked at first where it is only asked whether there is one."""

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

    def wanted(self, study: str) -> Wanted:
        """Return what is asked for, of one study where it is given."""
        values = self.matching
        return Wanted(
            studies=frozenset({study}) if study else values.get("0020000D", frozenset()),
            series=values.get("0020000E", frozenset()),
            instances=values.get("00080018", frozenset()),
            sop_classes=values.get("00080016", frozenset()),
            modalities=values.get("00080060") or values.get("00080061", frozenset()),
            patients=values.get("00100020", frozenset()),
        )

    def name(self) -> Hashable:
        """Return by what the search is known again."""
        return frozenset(self.matching.items())

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


class _Search:
    """Goes through what a recipient may fetch by study, or by series, in the order of their UIDs."""

    def __init__(self, services: Services, principal: Fetcher, query: _Query, *, study: str, series: bool) -> None:
        self._services = services
        self._principal = principal
        self._query = query
        self._study = study
        self._series = series
        self.name: Hashable = (principal.recipient, study, series, query.name())

    def uids(self, after: str) -> Iterator[str]:
        """Yield UIDs behind `after` of which something may be there."""
        wanted = self._query.wanted(self._study)
        while True:
            page = self._services.desk.offered(
                self._principal.recipient, wanted, series=self._series, after=after, limit=UIDS_AT_ONCE
            )
            yield from page
            if len(page) < UIDS_AT_ONCE:
                return
            after = page[-1]

    def items(self, uid: str, page_size: int = PAGE) -> Iterator[OutboxItem]:
        """Yield what may be fetched of a study or series."""
        study, series = (self._study, uid) if self._series else (uid, "")
        found = offers(self._services, self._principal, study=study, series=series, page_size=page_size)
        return (item for _, item, _ in found)

    def has(self, uid: str) -> bool:
        """Whether something of a study or series that was asked for may be fetched."""
        return any(self._query.matches(item) for item in self.items(uid, PROBED_AT_ONCE))

    def gather(self, uid: str) -> _Group | None:
        """Return a study or series of which something that was asked for may be fetched."""
        group, matches = None, False
        for item in self.items(uid):
            group = group or _Group(item)
            group.add(item)
            matches = matches or self._query.matches(item)
        return group if matches else None


def _page_of_groups(request: Request, search: _Search, query: _Query) -> tuple[list[_Group], bool]:
    """Return the groups of one answer, and whether there are more."""
    bookmarks: Bookmarks = request.app.state.bookmarks
    place = bookmarks.find(search.name, query.offset)
    skip, last = place.skip, place.after
    found: list[_Group] = []
    for uid in search.uids(place.after):
        if skip:
            if search.has(uid):
                skip, last = skip - 1, uid
        elif len(found) < query.limit:
            group = search.gather(uid)
            if group is not None:
                found.append(group)
                last = uid
        elif search.has(uid):
            bookmarks.note(search.name, query.offset + len(found), Place(last))
            return found, True
    return found, False


def _page_of_items(request: Request, search: _Search, query: _Query) -> tuple[list[OutboxItem], bool]:
    """Return the instances of one answer, of whatever study, and whether there are more."""
    bookmarks: Bookmarks = request.app.state.bookmarks
    place = bookmarks.find(search.name, query.offset)
    skip, after = place.skip, place.after
    found: list[OutboxItem] = []
    for uid in search.uids(place.after):
        before = len(found) - skip
        for item in filter(query.matches, search.items(uid)):
            if skip:
                skip -= 1
            elif len(found) < query.limit:
                found.append(item)
            else:
                # Behind what this study brought: all of it is counted from `before`, skipped or found.
                bookmarks.note(search.name, query.offset + len(found), Place(after, len(found) - before))
                return found, True
        after = uid
    return found, False


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


def _answer(query: _Query, results: Sequence[dict[str, object]], *, more: bool) -> DicomJsonResponse:
    warnings = []
    if query.ignored:
        warnings.append(f'299 scanward "not matched on: {", ".join(query.ignored[:20])}"')
    if more:
        warnings.append('299 scanward "there are more results; ask again with an offset"')
    headers = {"Warning": ", ".join(warnings)} if warnings else None
    return DicomJsonResponse(results, headers=headers)


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/dicom-web"


def _search_groups(
    request: Request,
    services: Services,
    principal: Fetcher,
    describe: Callable[[_Group, str], dict[str, object]],
    *,
    study: str = "",
    series: bool = False,
) -> DicomJsonResponse:
    query = _parse(request)
    search = _Search(services, principal, query, study=study, series=series)
    groups, more = _page_of_groups(request, search, query)
    return _answer(query, [describe(group, _base(request)) for group in groups], more=more)


def _search_instances(
    request: Request, services: Services, principal: Fetcher, study: str = "", series: str = ""
) -> DicomJsonResponse:
    query = _parse(request)
    study, series, instance = study or query.only("0020000D"), series or query.only("0020000E"), query.only("00080018")
    if study or series or instance:
        found = offers(services, principal, study=study, series=series, instance=instance)
        matching = (item for _, item, _ in found if query.matches(item))
        page = list(islice(matching, query.offset, query.offset + query.limit + 1))
        items, more = page[: query.limit], len(page) > query.limit
    else:
        items, more = _page_of_items(request, _Search(services, principal, query, study="", series=False), query)
    return _answer(query, [_instance(item, _base(request)) for item in items], more=more)


@router.get("/studies", response_class=DicomJsonResponse)
def search_studies(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    """Studies that the recipient of the token may fetch."""
    return _search_groups(request, services, principal, _study)


@router.get("/series", response_class=DicomJsonResponse)
def search_series(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    """Series that the recipient of the token may fetch."""
    return _search_groups(request, services, principal, _series, series=True)


@router.get("/studies/{study}/series", response_class=DicomJsonResponse)
def search_series_of_study(request: Request, services: Services, principal: Fetcher, study: Uid) -> DicomJsonResponse:
    """Series of a study that the recipient of the token may fetch."""
    return _search_groups(request, services, principal, _series, study=study, series=True)


@router.get("/instances", response_class=DicomJsonResponse)
def search_instances(request: Request, services: Services, principal: Fetcher) -> DicomJsonResponse:
    """Instances that the recipient of the token may fetch."""
    return _search_instances(request, services, principal)


@router.get("/studies/{study}/instances", response_class=DicomJsonResponse)
def search_instances_of_study(
    request: Request, services: Services, principal: Fetcher, study: Uid
) -> DicomJsonResponse:
    """Instances of a study that the recipient of the token may fetch."""
    return _search_instances(request, services, principal, study)


@router.get("/studies/{study}/series/{series}/instances", response_class=DicomJsonResponse)
def search_instances_of_series(
    request: Request, services: Services, principal: Fetcher, study: Uid, series: Uid
) -> DicomJsonResponse:
    """Instances of a series that the recipient of the token may fetch."""
    return _search_instances(request, services, principal, study, series)
