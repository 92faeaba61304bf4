"""A ledger in memory, as far as people and recipients see it: what the web asks, and how it answers when it is told no.

It keeps the rules of :mod:`scanward.flow.states`, so that what the web must not do fails here as it does there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scanward.errors import StateError, StoreError, UnknownError
from scanward.flow.states import RELEASE_MOVES, RESULT_MOVES
from scanward.model.agreement import Agreement, Basis, DataScope, PullEndpoint, Recipient, ResultScope
from scanward.model.consent import RecordedProvision
from scanward.model.decision import DenyCode
from scanward.model.faces import FaceVolume
from scanward.model.holds import UNDECIDED, Finding, Held, HoldKind, HoldState, PixelHold
from scanward.model.pixels import FoundBy, PixelBox
from scanward.model.release import (
    Disclosure,
    ItemState,
    OutboxItem,
    RecordedDisclosure,
    Release,
    ReleaseState,
    Result,
    ResultState,
)
from scanward.model.screens import Layout, RecordedScreen, Screen, ScreenDecision
from scanward.model.study import Origin, OriginKind, PatientIdentity, StoredInstance, Study, patient_key
from scanward.ports.holds import HeldRelease
from scanward.ports.intake import Receipt
from scanward.ports.ledger import Event, ItemLine, Monitored, PatientRelease, Quarantined, StudyLine

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
EXPLICIT = "1.2.840.10008.1.2.1"


class Desk:
    """Ledger, registry and desk in one, all in memory."""

    def __init__(self, sealing) -> None:
        self.sealing = sealing
        self.known: dict[str, Study] = {}
        self.released: dict[str, Release] = {}
        self.items: dict[str, list[tuple[OutboxItem, ItemState]]] = {}
        self.setbacks: dict[str, list[ItemLine]] = {}
        self.holds: dict[str, list[Held]] = {}
        self.volumes: dict[str, list[FaceVolume]] = {}
        self.events: dict[str, list[Event]] = {}
        self.agreed: dict[str, Recipient] = {}
        self.documents: dict[str, list[tuple[str, str, datetime, str]]] = {}
        self.consents: dict[str, list[RecordedProvision]] = {}
        self.accounted: list[RecordedDisclosure] = []
        self.came_back: dict[str, Result] = {}
        self.apart: list[Quarantined] = []
        self.used: set[str] = set()
        self.seen: dict[str, RecordedScreen] = {}
        self.broken = False

    def _check(self) -> None:
        if self.broken:
            raise StoreError("the ledger cannot be reached")

    def _note(self, subject: str, what: str, by: str = "", detail: str = "", at: datetime = NOW) -> None:
        self.events.setdefault(subject, []).append(Event(at=at, what=what, by=by, detail=detail))

    # Registry

    def save_recipient(self, recipient, document, by, at):
        self._check()
        self.agreed[recipient.recipient_id] = recipient
        self.documents.setdefault(recipient.recipient_id, []).insert(0, (recipient.version, document, at, by))

    def end_recipient(self, recipient_id, by, at):
        if self.agreed.pop(recipient_id, None) is None:
            raise UnknownError("there is no such recipient")
        self._note(recipient_id, "ended", by)

    def find_recipient(self, recipient_id):
        self._check()
        return self.agreed.get(recipient_id)

    def recipients(self):
        self._check()
        return [self.agreed[one] for one in sorted(self.agreed)]

    def add_provision(self, patient_id, provision, by, at):
        number = sum(map(len, self.consents.values())) + 1
        recorded = RecordedProvision(provision_id=number, provision=provision, recorded=at, recorded_by=by)
        self.consents.setdefault(patient_id, []).append(recorded)
        return number

    def revoke_provision(self, provision_id, by, at):
        for provisions in self.consents.values():
            for index, one in enumerate(provisions):
                if one.provision_id == provision_id and one.revoked is None:
                    provisions[index] = replace(one, revoked=at)
                    return
        raise UnknownError("there is no such provision in force")

    def provisions(self, patient_id):
        self._check()
        return list(self.consents.get(patient_id, ()))

    def layouts(self):
        self._check()
        return [
            Layout(
                manufacturer=one.screen.manufacturer,
                model=one.screen.model,
                sop_classes=frozenset({one.screen.sop_class_uid}),
                rows=one.screen.rows,
                columns=one.screen.columns,
                boxes=one.boxes,
                source="decided on by a person",
            )
            for one in self.screens(ScreenDecision.FILLED, limit=100)
        ]

    def decide_screen(self, screen_id, decision, boxes, by, at):
        self.seen[screen_id] = replace(
            self.get_screen(screen_id), decision=decision, boxes=tuple(boxes), decided=at, decided_by=by
        )
        self._note(screen_id, decision.value, by, at=at)

    # Ledger

    def screens(self, decision, *, limit):
        self._check()
        return [one for one in self.seen.values() if one.decision is decision][:limit]

    def get_screen(self, screen_id):
        self._check()
        if screen_id not in self.seen:
            raise UnknownError("there is no such screen")
        return self.seen[screen_id]

    def get_study(self, study_id):
        self._check()
        if study_id not in self.known:
            raise UnknownError("there is no such study")
        return self.known[study_id]

    def get_release(self, release_id):
        if release_id not in self.released:
            raise UnknownError("there is no such release")
        return self.released[release_id]

    def _move(self, release_id, state, **changes):
        release = self.get_release(release_id)
        if state is not release.state and state not in RELEASE_MOVES[release.state]:
            raise StateError(f"a release cannot go from {release.state} to {state}")
        self.released[release_id] = replace(release, state=state, **changes)

    def record_decision(self, release_id, decision, state, at, *, grounds=None):
        self._move(release_id, state, reasons=tuple(decision.reasons), changed=at)
        self._note(release_id, state.value, detail="; ".join(decision.reasons))

    def stop(self, release_id, *, by, reason, at):
        self._move(
            release_id, ReleaseState.STOPPED, reasons=(reason or "A person stopped it.",), stopped_by=by, changed=at
        )
        self._note(release_id, "stopped", by, reason)

    def approve(self, release_id, by, at):
        if self.get_release(release_id).state is not ReleaseState.AWAITING_APPROVAL:
            raise StateError("expected a release that awaits approval")
        self._move(release_id, ReleaseState.OPEN, approved_by=by, changed=at)
        self._note(release_id, "approved", by)

    def refuse(self, release_id, by, reason, at):
        if self.get_release(release_id).state is not ReleaseState.AWAITING_APPROVAL:
            raise StateError("expected a release that awaits approval")
        self._move(release_id, ReleaseState.DENIED, reasons=(reason,), changed=at)
        self._note(release_id, "refused", by, reason)

    def reopen_denied(self, *, patient_id="", recipient="", at):
        moved = 0
        for one in list(self.released.values()):
            if (
                one.state is ReleaseState.DENIED
                and patient_id in ("", one.patient_id)
                and recipient in ("", one.recipient)
            ):
                self._move(one.release_id, ReleaseState.OPEN, changed=at)
                moved += 1
        return moved

    def retry_items(self, release_id, by, at):
        if self.get_release(release_id).state is ReleaseState.STOPPED:
            raise StateError("a release that is stopped is not tried again")
        items = self.items.get(release_id, [])
        again = [item for item in items if item[1] in (ItemState.FAILED, ItemState.UNKNOWN)]
        self.items[release_id] = [
            (item, ItemState.QUEUED if (item, state) in again else state) for item, state in items
        ]
        self._note(release_id, "tried again", by)
        return len(again)

    def find_volumes(self, release_id):
        self._check()
        self.get_release(release_id)
        return self.volumes.get(release_id, [])

    # Holds

    def held(self, release_id):
        self._check()
        return list(self.holds.get(release_id, ()))

    def held_releases(self, *, limit):
        found = []
        for release_id, ones in self.holds.items():
            waiting = [one for one in ones if one.state is HoldState.OPEN]
            if waiting:
                since = min(one.noted for one in waiting)
                found.append(HeldRelease(release=self.released[release_id], instances=len(waiting), since=since))
        return found[:limit]

    def _decide(self, release_id, held, **changes):
        ones = {one.instance_id: one for one in self.holds.get(release_id, ())}
        if not held.keys() <= ones.keys():
            raise UnknownError("expected instances of the release that are held")
        if any(ones[one].state not in UNDECIDED or ones[one].seen != seen for one, seen in held.items()):
            raise StateError("expected a decision on what is held now")
        self.holds[release_id] = [replace(one, **changes) if one.instance_id in held else one for one in ones.values()]

    def keep_held(self, release_id, held, *, by, reason, at):
        self._decide(release_id, held, state=HoldState.KEPT, by=by, why=reason, decided=at)
        self._note(release_id, "kept held", by, reason)

    def let_go(self, release_id, held, *, by, reason, as_it_is, at):
        self._decide(release_id, held, state=HoldState.LET_GO, by=by, why=reason, decided=at, as_it_is=as_it_is)
        self._note(release_id, "let go", by, reason)

    def look_again(self, release_id, *, by, at):
        self._note(release_id, "to be looked at again", by)
        return sum(one.state is HoldState.OPEN for one in self.holds.get(release_id, ()))

    def get_result(self, result_id):
        if result_id not in self.came_back:
            raise UnknownError("there is no such result")
        return self.came_back[result_id]

    def move_result(self, result_id, state, *, reason="", release_id="", outgoing="", next_attempt=None, by="", at):
        result = self.get_result(result_id)
        if state not in RESULT_MOVES[result.state]:
            raise StateError(f"a result cannot go from {result.state} to {state}")
        self.came_back[result_id] = replace(
            result, state=state, reason=reason or result.reason, release_id=release_id or result.release_id
        )
        self._note(result_id, state.value, by, reason)

    def instances_of(self, batch):
        return self.get_study(batch.study_id).instances

    def use_up_token(self, token_id, *, until, at):
        self._check()
        fresh = token_id not in self.used
        self.used.add(token_id)
        return fresh

    def is_used_up(self, token_id):
        self._check()
        return token_id in self.used

    # Desk

    def studies(self, *, limit, before=None, patient_id=""):
        self._check()
        found = [one for one in self.known.values() if patient_id in ("", one.patient_id)]
        found = sorted(found, key=lambda one: one.last_received, reverse=True)
        return [self._line(one) for one in found if before is None or one.last_received < before][:limit]

    def _line(self, study):
        releases = [one for one in self.released.values() if one.study_id == study.study_id]
        return StudyLine(
            study_id=study.study_id,
            patient_id=study.patient_id,
            modalities=sorted({one.modality for one in study.instances}),
            instances=len(study.instances),
            waiting=0 if releases else len(study.instances),
            first_received=study.first_received,
            last_received=study.last_received,
            releases=releases,
        )

    def releases(self, *, limit, state=None, recipient="", before=None):
        found = sorted(self.released.values(), key=lambda one: one.changed, reverse=True)
        return [
            one
            for one in found
            if state in (None, one.state)
            and recipient in ("", one.recipient)
            and (before is None or one.changed < before)
        ][:limit]

    def release_items(self, release_id):
        lines = [
            ItemLine(instance_id=item.instance_id, state=state.value, detail="", attempts=1, item=item)
            for item, state in self.items.get(release_id, ())
        ]
        return lines + self.setbacks.get(release_id, [])

    def item_states(self, release_ids):
        counted = {one: Counter(ItemState(line.state) for line in self.release_items(one)) for one in release_ids}
        return {one: states for one, states in counted.items() if states}

    def patient_releases(self, patient_id):
        self._check()
        return [
            PatientRelease(
                release=one,
                refused=any(event.what == "refused" for event in self.history(one.release_id)),
                items=Counter(state for _, state in self.items.get(one.release_id, ())),
            )
            for one in sorted(self.released.values(), key=lambda one: one.changed, reverse=True)
            if one.patient_id == patient_id
        ]

    def history(self, subject):
        return list(self.events.get(subject, ()))

    def disclosures(self, *, limit, patient_id="", recipient="", before=None, since=None, until=None):
        self._check()

        def place(one):
            return one.disclosure.disclosed, one.disclosure_id

        last = next((one for one in self.accounted if one.disclosure_id == before), None)
        if before is not None and last is None:
            raise UnknownError("there is no such disclosure")
        found = [
            one
            for one in sorted(self.accounted, key=place, reverse=True)
            if patient_id in ("", one.patient_id)
            and recipient in ("", one.disclosure.recipient)
            and (last is None or place(one) < place(last))
            and (since is None or one.disclosure.disclosed >= since)
            and (until is None or one.disclosure.disclosed < until)
        ]
        return found[:limit]

    def results(self, *, limit, state=None):
        return [one for one in self.came_back.values() if state in (None, one.state)][:limit]

    def quarantined(self, *, limit):
        return self.apart[:limit]

    def recipient_versions(self, recipient_id):
        return list(self.documents.get(recipient_id, ()))

    def available(
        self, recipient, *, study_uid="", series_uid="", sop_instance_uid="", modality="", limit=1000, offset=0
    ):
        found = [
            (release, item, f"blob-{item.instance_id}")
            for release in self.released.values()
            if release.recipient == recipient and release.state is not ReleaseState.STOPPED
            for item, state in self.items.get(release.release_id, ())
            if state in (ItemState.AVAILABLE, ItemState.SENT)
            and study_uid in ("", item.study_uid)
            and series_uid in ("", item.series_uid)
            and sop_instance_uid in ("", item.sop_instance_uid)
            and modality in ("", item.modality)
        ]
        return found[offset : offset + limit]

    def offered(self, recipient, wanted, *, series=False, after="", limit):
        found = {
            item.series_uid if series else item.study_uid
            for _, item, _ in self.available(recipient, limit=10**9)
            if all(
                not values or value in values
                for values, value in (
                    (wanted.studies, item.study_uid),
                    (wanted.series, item.series_uid),
                    (wanted.instances, item.sop_instance_uid),
                    (wanted.sop_classes, item.sop_class_uid),
                    (wanted.modalities, item.modality),
                    (wanted.patients, item.patient),
                )
            )
        }
        return sorted(one for one in found if one > after)[:limit]

    def counts(self):
        self._check()
        states = Counter(f"releases:{one.state}" for one in self.released.values())
        states.update(f"items:{state}" for items in self.items.values() for _, state in items)
        states.update(f"results:{one.state}" for one in self.came_back.values())
        instances = sum(len(one.instances) for one in self.known.values())
        states["holds:open"] = sum(one.instances for one in self.held_releases(limit=10**6))
        return {"studies": len(self.known), "instances": instances, "quarantined": len(self.apart), **states}

    def monitored(self, alive_since):
        self._check()
        waiting = [one.changed for one in self.released.values() if one.state is ReleaseState.ACCOUNTED]
        decisions = {("deny", DenyCode.CONSENT): 2, ("permit", ""): 5}
        return Monitored(waiting_since=min(waiting, default=None), workers=1, decisions=decisions)

    # What tests put in

    def put_study(self, number, *, patient="", modality="CT", instances=2, description="", issuer="", at=NOW):
        """Put a study in and return its id."""
        patient = patient or f"PID-{number:04d}"
        key = patient_key(patient_id=patient, issuer=issuer, name="", birth_date="", study_uid="")
        study_id = self.sealing.blind("study", f"1.2.3.{number}")
        self.known[study_id] = Study(
            study_id=study_id,
            patient_id=self.sealing.blind("patient", key),
            study_uid=f"1.2.3.{number}",
            patient=PatientIdentity(
                key=key, patient_id=patient, issuer=issuer, name=f"Secret^Patient{number}", birth_date="19600229"
            ),
            study_date="20261119",
            study_description=description or "CT THORAX NATIVE",
            accession_number=f"ACC{number:05d}",
            first_received=at - timedelta(minutes=3),
            last_received=at,
            instances=[
                StoredInstance(
                    instance_id=self.sealing.blind("instance", f"1.2.3.{number}.{index}"),
                    series_id=self.sealing.blind("series", f"1.2.3.{number}.0"),
                    sop_class_uid=CT,
                    transfer_syntax_uid=EXPLICIT,
                    modality=modality,
                    body_part="CHEST",
                    burned_in_annotation="",
                    size_bytes=526_336,
                    blob=f"blob{number}-{index}",
                )
                for index in range(instances)
            ],
        )
        self._note(study_id, "received", at=at - timedelta(minutes=3))
        self._note(study_id, "complete", detail="quiet time", at=at)
        return study_id

    def put_screen(self, model="one", *, images=6, boxes=((0, 0, 300, 20),), rows=480, columns=640):
        """Put a screen with text at the same places in so many images; return its id."""
        screen = Screen(
            manufacturer="maker", model=model, sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1", rows=rows, columns=columns
        )
        self.seen[screen.screen_id] = RecordedScreen(
            screen=screen,
            seen=NOW,
            images=(tuple(boxes),) * images,
            decision=ScreenDecision.OPEN,
            boxes=(),
            decided=None,
            decided_by="",
        )
        return screen.screen_id

    def put_held(self, release_id, *, kind=HoldKind.TEXT, count=1, reason="", state=HoldState.OPEN):
        """Hold instances of a release for their pixels; return their ids."""
        already = self.holds.setdefault(release_id, [])
        for number in range(len(already), len(already) + count):
            boxes = tuple(
                PixelBox(first_frame=0, last_frame=0, x=20 + 9 * row, y=20 + 40 * row, width=180 + 20 * number % 90,
                         height=24, found_by=FoundBy.TEXT)
                for row in range(3)
            )  # fmt: skip
            is_text = kind is HoldKind.TEXT
            finding = Finding(rows=480, columns=640, frames=1, count=3 * is_text, boxes=boxes if is_text else ())
            self.items.setdefault(release_id, [])
            already.append(
                Held(
                    release_id=release_id,
                    instance_id=self.sealing.blind("instance", f"{release_id}{number}"),
                    series_id=self.sealing.blind("series", f"{release_id}{kind}"),
                    modality="US",
                    sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
                    size_bytes=922_000,
                    hold=PixelHold(kind=kind, digest="d" * 64, finding=finding, form="f" * 32, sight="openvino 1"),
                    reason=reason or "text was found in the pixels, and the profile lets it be found, not taken out",
                    state=state,
                    noted=NOW,
                    series_uid="1.2.3.77",
                    sop_instance_uid=f"1.2.3.77.{number}",
                )
            )
        return [one.instance_id for one in already[-count:]]

    def put_release(self, study_id, recipient, state, *, items=(), reasons=(), changed=NOW, modality=""):
        """Put a release of a study in, with items of the given states, and return its id."""
        study = self.known[study_id]
        release_id = self.sealing.blind("release", f"{study_id}|{recipient}")
        self.released[release_id] = Release(
            release_id=release_id,
            study_id=study_id,
            patient_id=study.patient_id,
            batch=1,
            recipient=recipient,
            purpose="TREAT",
            state=state,
            reasons=tuple(reasons),
            approved_by="",
            changed=changed,
        )
        number = len(self.released)
        self.items[release_id] = [
            (
                OutboxItem(
                    instance_id=study.instances[index].instance_id,
                    sop_instance_uid=f"2.25.{number}.1.{index}",
                    series_uid=f"2.25.{number}.1",
                    study_uid=f"2.25.{number}",
                    patient=f"SW-{number:06d}",
                    sop_class_uid=CT,
                    transfer_syntax_uid=EXPLICIT,
                    modality=modality or study.instances[index].modality,
                    size_bytes=526_000,
                    recipe="recipe",
                    index=index,
                ),
                one,
            )
            for index, one in enumerate(items)
        ]
        self._note(release_id, "opened", at=changed)
        self._note(release_id, state.value, detail="; ".join(reasons), at=changed)
        return release_id

    def put_disclosure(self, release_id, *, at=NOW, basis=Basis.RESEARCH):
        """Account for a release."""
        release = self.released[release_id]
        recipient = self.agreed[release.recipient]
        states = Counter(state for _, state in self.items[release_id])
        self.accounted.append(
            RecordedDisclosure(
                disclosure_id=len(self.accounted) + 1,
                release_id=release_id,
                study_id=release.study_id,
                patient_id=release.patient_id,
                disclosure=Disclosure(
                    disclosed=at,
                    recipient=release.recipient,
                    recipient_name=recipient.name,
                    recipient_address=recipient.address,
                    purpose=release.purpose,
                    basis=basis,
                    description=f"CT, {sum(states.values())} images; de-identified; pseudonym SW-000001",
                    agreement_version=recipient.version,
                    region="DE",
                    delete_by=at.date() + timedelta(days=90),
                ),
                instances=sum(states.values()),
                states=dict(states),
            )
        )

    def put_result(self, name, recipient, state=ResultState.HELD, *, reason="matches no release", release_id=""):
        """Put a result in and return its id."""
        result_id = self.sealing.blind("result", f"{recipient}|{name}")
        self.came_back[result_id] = Result(
            result_id=result_id,
            recipient=recipient,
            release_id=release_id,
            sop_class_uid=SR,
            size_bytes=20_480,
            blob="blob",
            outgoing="",
            state=state,
            reason=reason,
            received=NOW,
            attempts=0,
        )
        return result_id

    def put_quarantined(self, number, reason="the data set ends in the middle of an element"):
        """Put an instance that is not understood in."""
        self.apart.append(
            Quarantined(
                quarantine_id=f"{number:032x}",
                digest=f"{number:032x}",
                reason=reason,
                blob="blob",
                size_bytes=1234,
                origin=Origin(kind=OriginKind.DIMSE, peer="ct-scanner-2"),
                received=NOW,
            )
        )


def make_recipient(recipient_id, *, name="", purpose="TREAT", basis=Basis.TREATMENT, approval=False):
    """Return a recipient that fetches, with an agreement."""
    return Recipient(
        recipient_id=recipient_id,
        name=name or recipient_id.replace("-", " ").title(),
        address="1 Cloud Way, Berlin, Germany",
        purpose=purpose,
        endpoint=PullEndpoint(),
        agreement=Agreement(
            purposes=frozenset({purpose}),
            data=DataScope(modalities=frozenset({"CT", "MR"}), body_parts=frozenset({"CHEST"})),
            region="DE",
            starts=NOW.date() - timedelta(days=30),
            ends=NOW.date() + timedelta(days=700),
            retention_days=90,
            human_approval=approval,
            results=ResultScope(sop_classes=frozenset({SR})),
        ),
        allowed_regions=frozenset({"DE"}),
        basis=basis,
        version="ab" * 32,
    )


class Intake:
    """Takes in what begins like a Part 10 file and remembers it; quarantines the rest."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, Origin]] = []
        self.failing: Exception | None = None

    def take(self, content, origin):
        if self.failing is not None:
            raise self.failing
        data = content.read(0, content.size)
        assert len(data) == content.size
        self.taken.append((data, origin))
        if data[128:132] != b"DICM":
            return Receipt(accepted=False, reason="expected a Part 10 file")
        return Receipt(accepted=True, sop_class_uid=CT, sop_instance_uid="1.2.3.4", study_uid="1.2.3")

    def complete(self, study_uid, how):
        return True

    def has(self, sop_class_uid, sop_instance_uid):
        return False
