"""What each page of the staff shows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scanward.adapters.report_faces import faces_in_words
from scanward.adapters.report_facts import pixels_in_words
from scanward.errors import StoreError, UnknownError
from scanward.flow.staff import STOPPABLE
from scanward.model.agreement import PullEndpoint, Recipient
from scanward.model.faces import FaceVolume
from scanward.model.holds import HoldState
from scanward.model.release import ItemState, Release, ReleaseState, Result, ResultState
from scanward.model.report import PixelTally
from scanward.ports.ledger import ItemLine, StudyLine
from scanward.web.services import WebServices
from scanward.web.staff.stations import Line, line_of, line_of_study

RECENT = 8
PAGE = 30
WAITING_SHOWN = 100
ITEMS_SHOWN = 200
DISCLOSURES_SHOWN = 50
VOLUMES_SHOWN = 20

Context = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseRow:
    """A release with its line of stations, the name of its recipient, and whether that one fetches it."""

    release: Release
    line: Line
    recipient_name: str
    is_fetched: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRow:
    """A study with a row for each release; `line` is its own where it has none."""

    study: StudyLine
    line: Line
    releases: Sequence[ReleaseRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class Faces:
    """What was found of the head scans of a release, `shown` of them at once; `is_lost` where that cannot be read."""

    volumes: Sequence[FaceVolume] = ()
    is_lost: bool = False
    shown: int = VOLUMES_SHOWN

    @property
    def in_words(self) -> Sequence[str]:
        """What was found, in sentences."""
        return faces_in_words(self.volumes)

    @property
    def has_pictures(self) -> bool:
        """Whether there is a picture of any volume."""
        return any(one.before for one in self.volumes)


class Pages:
    """Gathers what pages show.

    Parameters
    ----------
    services
        What is known.
    """

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def overview(self) -> Context:
        """Counts, what needs a person, and what came last."""
        counts = self._services.desk.counts()
        return {
            "counts": counts,
            "needs": [(label, link, counts.get(key, 0)) for label, link, key in _NEEDS],
            "left": counts.get("items:sent", 0) + counts.get("items:unknown", 0),
            "studies": self._study_rows(self._services.desk.studies(limit=RECENT)),
        }

    def studies(self, before: datetime | None) -> Context:
        """A page of studies."""
        found = self._services.desk.studies(limit=PAGE + 1, before=before)
        shown = found[:PAGE]
        older = shown[-1].last_received.isoformat() if len(found) > PAGE else ""
        return {"studies": self._study_rows(shown), "older": older, "before": before}

    def study(self, study_id: str) -> Context:
        """One study."""
        study = self._services.ledger.get_study(study_id)
        lines = self._services.desk.studies(limit=1000, patient_id=study.patient_id)
        line = next((one for one in lines if one.study_id == study_id), None)
        if line is None:
            raise UnknownError("there is no such study")
        return {
            "study": study,
            "row": self._study_rows([line])[0],
            "held": self._held_of(line),
            "kinds": Counter((one.modality, one.sop_class_uid) for one in study.instances).most_common(),
            "history": self._services.desk.history(study_id),
        }

    def release(self, release_id: str) -> Context:
        """One release."""
        release = self._services.ledger.get_release(release_id)
        items = self._services.desk.release_items(release_id)
        states = Counter(ItemState(item.state) for item in items)
        row = self._release_row(release, self._recipients(), {release_id: states})
        return {
            "row": row,
            "states": states.most_common(),
            "items": items[:ITEMS_SHOWN],
            "more": max(0, len(items) - ITEMS_SHOWN),
            "setbacks": _setbacks(items),
            "held": Counter(one.state for one in self._services.ledger.held(release_id)),
            "pixels": pixels_in_words(_sum_pixels(items)),
            "faces": self._faces(release_id),
            "troubled": states[ItemState.FAILED] + states[ItemState.UNKNOWN],
            "stoppable": release.state in STOPPABLE
            and (release.state is not ReleaseState.DONE or _could_leave(row, states)),
            "history": self._services.desk.history(release_id),
        }

    def _faces(self, release_id: str) -> Faces:
        try:
            return Faces(volumes=self._services.find_volumes(release_id))
        except StoreError:  # the rest of the page is worth to be seen
            return Faces(is_lost=True)

    def _held_of(self, study: StudyLine) -> Mapping[str, int]:
        """Return how many instances of each release wait for a person, held for their pixels."""
        found = {
            one.release_id: sum(held.state is HoldState.OPEN for held in self._services.ledger.held(one.release_id))
            for one in study.releases
        }
        return {release_id: count for release_id, count in found.items() if count}

    def waiting(self) -> Context:
        """What a person has to decide."""
        desk = self._services.desk
        recipients = self._recipients()
        waiting = desk.releases(limit=WAITING_SHOWN, state=ReleaseState.AWAITING_APPROVAL)
        held = desk.results(limit=WAITING_SHOWN, state=ResultState.HELD)
        candidates = {one: desk.releases(limit=20, recipient=one) for one in {result.recipient for result in held}}
        return {
            "approvals": [self._release_row(one, recipients, {}) for one in waiting],
            "results": [(result, _fitting(result, candidates)) for result in held],
            "held": [
                (self._release_row(one.release, recipients, {}), one.instances, one.since)
                for one in self._services.ledger.held_releases(limit=WAITING_SHOWN)
            ],
            "quarantined": desk.quarantined(limit=WAITING_SHOWN),
            "names": {one: recipient.name for one, recipient in recipients.items()},
        }

    def recipients(self) -> Context:
        """Every recipient in force."""
        return {"recipients": self._services.registry.recipients()}

    def recipient(self, recipient_id: str) -> Context:
        """One recipient, in force or not any more."""
        versions = self._services.desk.recipient_versions(recipient_id)
        if not versions:
            raise UnknownError("there is no such recipient")
        releases = self._services.desk.releases(limit=RECENT, recipient=recipient_id)
        recipients = self._recipients()
        return {
            "recipient_id": recipient_id,
            "recipient": self._services.registry.find_recipient(recipient_id),
            "versions": versions,
            "releases": [self._release_row(one, recipients, self._states(releases)) for one in releases],
            "history": self._services.desk.history(recipient_id),
        }

    def disclosures(self) -> Context:
        """The last disclosures."""
        return {"disclosures": self._services.desk.disclosures(limit=DISCLOSURES_SHOWN)}

    def _recipients(self) -> Mapping[str, Recipient]:
        return {one.recipient_id: one for one in self._services.registry.recipients()}

    def _study_rows(self, studies: Sequence[StudyLine]) -> Sequence[StudyRow]:
        recipients = self._recipients()
        states = self._states(release for study in studies for release in study.releases)
        return [
            StudyRow(
                study=study,
                line=line_of_study(waiting=study.waiting),
                releases=[self._release_row(one, recipients, states) for one in study.releases],
            )
            for study in studies
        ]

    def _states(self, releases: Iterable[Release]) -> Mapping[str, Mapping[ItemState, int]]:
        """Return the states of the instances of releases that are done: only of these do they say more."""
        return self._services.desk.item_states([one.release_id for one in releases if one.state is ReleaseState.DONE])

    @staticmethod
    def _release_row(
        release: Release, recipients: Mapping[str, Recipient], states: Mapping[str, Mapping[ItemState, int]]
    ) -> ReleaseRow:
        recipient = recipients.get(release.recipient)
        fetched = recipient is not None and isinstance(recipient.endpoint, PullEndpoint)
        return ReleaseRow(
            release=release,
            line=line_of(release, fetched=fetched, items=states.get(release.release_id, {})),
            recipient_name=recipient.name if recipient is not None else release.recipient,
            is_fetched=fetched,
        )


_NEEDS = (
    ("Releases to approve", "/staff/waiting#approvals", f"releases:{ReleaseState.AWAITING_APPROVAL}"),
    ("Images held", "/staff/waiting#held", f"holds:{HoldState.OPEN}"),
    ("Results held", "/staff/waiting#results", f"results:{ResultState.HELD}"),
    ("Not understood", "/staff/waiting#quarantine", "quarantined"),
)


def _could_leave(row: ReleaseRow, states: Mapping[ItemState, int]) -> bool:
    """Whether something of a release that is done could still leave: be sent again, or fetched, even once more."""
    again = (ItemState.FAILED, ItemState.UNKNOWN, ItemState.AVAILABLE)
    return any(states.get(one) for one in again) or (row.is_fetched and bool(states.get(ItemState.SENT)))


def _sum_pixels(items: Sequence[ItemLine]) -> PixelTally:
    looked_at = [line.item for line in items if line.item is not None and line.item.pixels.is_proven]
    return PixelTally(
        looked_at=len(looked_at),
        kept_words=sum(item.pixels.kept_words for item in looked_at),
        redactions={item.sop_instance_uid: item.pixels.boxes for item in looked_at if item.pixels.boxes},
    )


def _setbacks(items: Sequence[ItemLine]) -> Sequence[tuple[str, int]]:
    """Return why instances go no further, with how many."""
    return Counter(item.detail for item in items if item.detail).most_common()


def _fitting(result: Result, candidates: Mapping[str, Sequence[Release]]) -> Sequence[Release]:
    """Return releases to which a result could belong: of its recipient, with something disclosed."""
    disclosed = {ReleaseState.ACCOUNTED, ReleaseState.DONE, ReleaseState.STOPPED}
    return [one for one in candidates[result.recipient] if one.state in disclosed]
