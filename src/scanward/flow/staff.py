"""What people may change, each change under the name of who made it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from scanward.decide.consented import find_objections
from scanward.deidentify.pixels.layouts import parse_boxes
from scanward.errors import AgreementError, ConfigError, ResultError, StateError, UnknownError
from scanward.flow.foresight import Foreseer, Foresight
from scanward.flow.reviewing import HoldDesk
from scanward.model.agreement import Recipient
from scanward.model.consent import Provision, RecordedProvision
from scanward.model.release import ReleaseState, ResultState
from scanward.model.screens import Box, ScreenDecision
from scanward.model.study import patient_key
from scanward.ports.ledger import Desk, Ledger, Registry
from scanward.ports.network import Archive
from scanward.ports.stores import Sealing

STOPPABLE = frozenset({ReleaseState.PERMITTED, ReleaseState.ACCOUNTED, ReleaseState.DONE})
"""States of a release in which something of it could still leave."""


class Staff:
    """What people may change.

    `by` is always the name of who does it, as their token says; reasons are theirs and must hold no identifiers.

    Parameters
    ----------
    ledger, registry, desk, sealing
        The stores.
    parse_document
        Reads a recipient's TOML document; raises `AgreementError`.
    parse_provision
        Reads a provision from JSON; raises `AgreementError`.
    clock
        Tells the time, aware UTC.
    archive
        Where studies are fetched from; None: nowhere.

    Attributes
    ----------
    holds
        What people decide on instances that are held for their pixels.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        desk: Desk,
        sealing: Sealing,
        parse_document: Callable[[str], Recipient],
        parse_provision: Callable[[Mapping[str, object]], Provision],
        clock: Callable[[], datetime],
        archive: Archive | None = None,
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._desk = desk
        self._sealing = sealing
        self._parse_document = parse_document
        self._parse_provision = parse_provision
        self._clock = clock
        self._archive = archive
        self._foreseer = Foreseer(ledger, desk, registry)
        self.holds = HoldDesk(ledger=ledger, registry=registry, clock=clock)

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """Return the blind index of a patient by Patient ID and issuer, the one that the intake makes."""
        if not patient_id:
            raise AgreementError("expected a Patient ID, got none")
        key = patient_key(patient_id=patient_id, issuer=issuer, name="", birth_date="", study_uid="")
        return self._sealing.blind("patient", key)

    def read_document(self, document: str) -> Recipient:
        """Return what a recipient's document says; raises `AgreementError`. Nothing changes."""
        return self._parse_document(document)

    def read_provision(self, content: Mapping[str, object]) -> Provision:
        """Return what a provision from JSON says; raises `AgreementError`. Nothing changes."""
        return self._parse_provision(content)

    # Releases

    def approve_release(self, release_id: str, by: str) -> None:
        """Approve a release that awaits approval; it is decided on again. Raises `UnknownError`, `StateError`."""
        self._ledger.approve(release_id, by, self._clock())

    def refuse_release(self, release_id: str, by: str, reason: str) -> None:
        """Refuse a release that awaits approval, for good. Raises `UnknownError`, `StateError`."""
        self._ledger.refuse(release_id, by, reason, self._clock())

    def stop_release(self, release_id: str, by: str, reason: str) -> None:
        """Let nothing more of a release leave; what has left stays on record. Raises `UnknownError`, `StateError`."""
        release = self._ledger.get_release(release_id)
        if release.state not in STOPPABLE:
            raise StateError(
                f"a release that is {release.state} cannot be stopped", remedy="Refuse it, or leave it as it is."
            )
        self._ledger.stop(release_id, by=by, reason=reason, at=self._clock())

    def retry_release(self, release_id: str, by: str) -> int:
        """Queue what failed of a release again; return how many instances. Raises `UnknownError`, `StateError`."""
        return self._ledger.retry_items(release_id, by, self._clock())

    # Recipients and consents

    def save_recipient(self, recipient_id: str, document: str, by: str) -> Recipient:
        """Put a recipient's document into force, and have what was denied to it decided again.

        Raises
        ------
        AgreementError
            The document is not valid, or is about another recipient.
        """
        recipient = self._parse_document(document)
        if recipient.recipient_id != recipient_id:
            raise AgreementError("expected a document whose id is the recipient's, got another id")
        now = self._clock()
        self._registry.save_recipient(recipient, document, by, now)
        # Again, though the registry did so: a release may have been opened and denied before that was visible.
        self._ledger.reopen_denied(recipient=recipient_id, at=now)
        return recipient

    def end_recipient(self, recipient_id: str, by: str) -> None:
        """Take a recipient out of force: nothing more leaves for it. Raises `UnknownError`."""
        self._registry.end_recipient(recipient_id, by, self._clock())

    def add_provision(self, patient: str, content: Mapping[str, object], by: str) -> int:
        """Record a provision of a patient (blind index); what was denied is decided again. Raises `AgreementError`."""
        provision = self._parse_provision(content)
        now = self._clock()
        provision_id = self._registry.add_provision(patient, provision, by, now)
        self._ledger.reopen_denied(patient_id=patient, at=now)
        return provision_id

    def foresee_provision(self, patient: str, content: Mapping[str, object]) -> Foresight:
        """Return what recording a provision would stop and let go; nothing changes. Raises `AgreementError`.

        As of now, or of when the provision begins where that is later.
        """
        provision = self._parse_provision(content)
        now = self._clock()
        before = _in_force(self._registry.provisions(patient))
        at = now if provision.starts is None else max(now, provision.starts)
        return self._foreseer.foresee(patient, before, [*before, provision], at)

    def foresee_revocation(self, patient: str, provision_id: int) -> Foresight:
        """Return what taking a provision back would stop and let go; nothing changes. Raises `UnknownError`."""
        recorded = self._registry.provisions(patient)
        _require_in_force(recorded, provision_id)
        after = _in_force(one for one in recorded if one.provision_id != provision_id)
        return self._foreseer.foresee(patient, _in_force(recorded), after, self._clock())

    def revoke_provision(self, patient: str, provision_id: int, by: str) -> None:
        """Take a provision back; what was denied is decided again. Raises `UnknownError` where it is not theirs."""
        _require_in_force(self._registry.provisions(patient), provision_id)
        now = self._clock()
        self._registry.revoke_provision(provision_id, by, now)
        self._ledger.reopen_denied(patient_id=patient, at=now)

    def consented(self, patient: str) -> Sequence[tuple[Recipient, Sequence[str]]]:
        """Return for each recipient in force why the patient's consent does not let it have scans now; empty: it does.

        In words a patient reads. What was agreed with the recipient is another matter.
        """
        provisions, now = _in_force(self._registry.provisions(patient)), self._clock()
        return [(one, tuple(find_objections(provisions, one, one.purpose, now))) for one in self._registry.recipients()]

    # Screens of devices

    def fill_screen(self, screen_id: str, boxes: Sequence[Box], by: str) -> None:
        """Have boxes filled in every image of a screen from now on, besides what is found.

        What was prepared before and has not left is prepared again.

        Raises
        ------
        AgreementError
            There is no box, one does not fit the screen, or they cover too much of it.
        UnknownError
            There is no such screen.
        """
        screen = self._desk.get_screen(screen_id).screen
        try:
            wanted = parse_boxes(sorted(set(boxes)), rows=screen.rows, columns=screen.columns, where="screen")
        except ConfigError as error:
            raise AgreementError(str(error)) from None
        self._registry.decide_screen(screen_id, ScreenDecision.FILLED, wanted, by, self._clock())

    def leave_screen(self, screen_id: str, by: str) -> None:
        """Have nothing filled on a screen for now, and nobody asked again. Raises `UnknownError`."""
        self._registry.decide_screen(screen_id, ScreenDecision.LEFT, (), by, self._clock())

    def stop_filling(self, screen_id: str, by: str) -> None:
        """Have nothing filled on a screen any more but what is found. Raises `UnknownError`."""
        self._registry.decide_screen(screen_id, ScreenDecision.OPEN, (), by, self._clock())

    # Results

    def assign_result(self, result_id: str, release_id: str, by: str) -> None:
        """Say to which release a held result belongs; it is looked at again.

        Raises
        ------
        ResultError
            The release went to another recipient.
        UnknownError, StateError
            There is no such result or release, or it is not held.
        """
        result = self._ledger.get_result(result_id)
        release = self._ledger.get_release(release_id)
        if release.recipient != result.recipient:
            raise ResultError("expected a release to the recipient that sent the result, got one to another")
        self._move_held(result_id, ResultState.RECEIVED, by, "assigned by a person", release_id)

    def retry_result(self, result_id: str, by: str) -> None:
        """Have a held result looked at again. Raises `UnknownError`, `StateError`."""
        self._move_held(result_id, ResultState.RECEIVED, by, "looked at again")

    def reject_result(self, result_id: str, by: str, reason: str) -> None:
        """Reject a held result, for good. Raises `UnknownError`, `StateError`."""
        self._move_held(result_id, ResultState.REJECTED, by, reason or "rejected by a person")

    def _move_held(self, result_id: str, state: ResultState, by: str, reason: str, release_id: str = "") -> None:
        if (found := self._ledger.get_result(result_id).state) is not ResultState.HELD:
            raise StateError(f"expected a result that is held, got one that is {found}")
        self._ledger.move_result(result_id, state, reason=reason, release_id=release_id, by=by, at=self._clock())

    # The archive

    def fetch_study(self, study_uid: str) -> int:
        """Have the archive send a study; return how many instances. Raises `StateError`, `NetworkError`."""
        if self._archive is None:
            raise StateError("no archive is set to fetch from", remedy="Name one in scanward.toml under [archive].")
        return self._archive.fetch(study_uid)


def _in_force(recorded: Iterable[RecordedProvision]) -> list[Provision]:
    return [one.provision for one in recorded if one.revoked is None]


def _require_in_force(recorded: Iterable[RecordedProvision], provision_id: int) -> None:
    if not any(one.provision_id == provision_id and one.revoked is None for one in recorded):
        raise UnknownError("expected a provision of this patient that is in force, got an id of none")
