"""What a change of consent would stop and let go is what it then does stop and let go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scanward.adapters.documents import parse_provision, parse_recipient_document
from scanward.adapters.sealing import MasterSealing
from scanward.errors import AgreementError, UnknownError
from scanward.flow.foresight import Change
from scanward.flow.staff import Staff
from scanward.model.release import ItemState, ReleaseState
from tests.common.desk import NOW, Desk, make_recipient

DENY_ALL = {"effect": "deny", "purposes": ["*"]}
PERMIT_RESEARCH = {"effect": "permit", "purposes": ["HRESCH"]}
PATIENT = "PID-1"


@pytest.fixture
def desk():
    desk = Desk(MasterSealing(b"m" * 32))
    for recipient in (make_recipient("carer"), make_recipient("lab", purpose="HRESCH", approval=True)):
        desk.save_recipient(recipient, "", "me", NOW)
    return desk


@pytest.fixture
def staff(desk):
    return Staff(
        ledger=desk,
        registry=desk,
        desk=desk,
        sealing=desk.sealing,
        parse_document=parse_recipient_document,
        parse_provision=parse_provision,
        clock=lambda: NOW,
    )


def put(desk, number, recipient, state, *items):
    study = desk.put_study(number, patient=PATIENT, instances=4)
    release_id = desk.put_release(study, recipient, state, items=items)
    if recipient == "lab":
        desk.released[release_id] = replace(desk.released[release_id], purpose="HRESCH")
    return release_id


def told(foresight):
    return {one.release.release_id: (one.change, one.instances, one.left) for one in foresight.releases}


def test_what_a_refusal_stops(desk, staff):
    patient = staff.patient(PATIENT)
    queued, sent = ItemState.QUEUED, ItemState.SENT
    preparing = put(desk, 1, "carer", ReleaseState.PERMITTED)
    sending = put(desk, 2, "carer", ReleaseState.ACCOUNTED, sent, queued, queued)
    offered = put(desk, 3, "carer", ReleaseState.DONE, ItemState.AVAILABLE, sent)
    gone = put(desk, 4, "carer", ReleaseState.DONE, sent, ItemState.UNKNOWN)
    asked = put(desk, 5, "carer", ReleaseState.AWAITING_APPROVAL)
    put(desk, 6, "carer", ReleaseState.STOPPED, ItemState.STOPPED)
    put(desk, 7, "lab", ReleaseState.DENIED)
    put(desk, 8, "carer", ReleaseState.DONE, ItemState.EXCLUDED)
    foresight = staff.foresee_provision(patient, DENY_ALL)
    assert foresight.at == NOW
    assert told(foresight) == {
        preparing: (Change.STOPPED, 4, 0),
        sending: (Change.STOPPED, 2, 1),
        offered: (Change.STOPPED, 1, 1),
        gone: (Change.LEFT, 2, 2),
        asked: (Change.KEPT, 4, 0),
    }
    assert desk.provisions(patient) == []
    assert told(staff.foresee_provision(patient, {**DENY_ALL, "recipients": ["lab"]})) == {}


def test_what_a_permit_lets_go(desk, staff):
    patient = staff.patient(PATIENT)
    denied = put(desk, 1, "lab", ReleaseState.DENIED)
    refused = put(desk, 2, "lab", ReleaseState.DENIED)
    desk._note(refused, "refused", "me")
    stopped = put(desk, 3, "lab", ReleaseState.STOPPED, ItemState.STOPPED)
    foresight = staff.foresee_provision(patient, PERMIT_RESEARCH)
    assert told(foresight) == {
        denied: (Change.LET_GO, 4, 0),
        refused: (Change.STAYS_REFUSED, 4, 0),
        stopped: (Change.STAYS_STOPPED, 4, 0),
    }
    assert all(one.approval for one in foresight.releases)
    another = staff.patient("PID-2")
    assert told(staff.foresee_provision(another, PERMIT_RESEARCH)) == {}


def test_what_begins_later_is_foreseen_as_of_then(desk, staff):
    patient = staff.patient(PATIENT)
    put(desk, 1, "carer", ReleaseState.PERMITTED)
    later = NOW + timedelta(days=7)
    foresight = staff.foresee_provision(patient, {**DENY_ALL, "starts": later.isoformat()})
    assert (foresight.at, len(foresight.releases)) == (later, 1)
    ended = {**DENY_ALL, "ends": (NOW - timedelta(days=1)).isoformat()}
    assert staff.foresee_provision(patient, ended).releases == []


def test_what_a_withdrawal_changes(desk, staff):
    patient = staff.patient(PATIENT)
    number = staff.add_provision(patient, PERMIT_RESEARCH, "me")
    waiting = put(desk, 1, "lab", ReleaseState.AWAITING_APPROVAL)
    assert told(staff.foresee_revocation(patient, number)) == {waiting: (Change.KEPT, 4, 0)}
    again = staff.add_provision(patient, PERMIT_RESEARCH, "me")
    assert told(staff.foresee_revocation(patient, number)) == {}  # the other one still permits
    staff.revoke_provision(patient, again, "me")
    for call in (staff.foresee_revocation, lambda *which: staff.revoke_provision(*which, "me")):
        for which in ((patient, again), (staff.patient("PID-2"), number), (patient, 99)):
            with pytest.raises(UnknownError):
                call(*which)
    with pytest.raises(AgreementError):
        staff.foresee_provision(patient, {"effect": "permit", "purposes": ["*"]})


def test_what_each_recipient_may_have_by_consent(desk, staff):
    patient = staff.patient(PATIENT)
    (carer, none), (lab, why) = staff.consented(patient)
    assert (carer.recipient_id, none, lab.recipient_id, len(why)) == ("carer", (), "lab", 1)
    staff.add_provision(patient, PERMIT_RESEARCH, "me")
    staff.add_provision(patient, {**DENY_ALL, "recipients": ["carer"]}, "me")
    (_, why), (_, none) = staff.consented(patient)
    assert (len(why), none) == (1, ())
