"""The pages on consents: nobody is named in an address or a log, nothing changes unseen, and nothing twice."""

import re
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from scanward.model.consent import Effect
from scanward.model.release import ItemState, ReleaseState
from scanward.web.app import create_app
from scanward.web.roles import Role
from scanward.web.staff.patients import COOKIE, Named
from scanward.web.staff.provisions import Form, purposes_to_choose
from tests.common.desk import NOW, make_recipient
from tests.web.conftest import BASE, Client
from tests.web.test_staff import EVIL, csrf_of, post, sign_in

PATIENT = "PID 4711/ä"
REFUSAL = {"effect": "deny", "purposes": "*", "whom": "every"}


@pytest.fixture
def officer(world, client):
    """A privacy officer's browser, in a world with a carer that has queued instances of a patient, and a lab."""
    for recipient in (make_recipient("carer", name="Carer Ltd"), make_recipient("lab", purpose="HRESCH")):
        world.desk.save_recipient(recipient, "", "me", NOW)
    world.study = world.desk.put_study(1, patient=PATIENT, instances=3)
    states = [ItemState.SENT, ItemState.QUEUED, ItemState.QUEUED]
    world.queued = world.desk.put_release(world.study, "carer", ReleaseState.ACCOUNTED, items=states)
    world.denied = world.desk.put_release(world.study, "lab", ReleaseState.DENIED)
    world.desk.released[world.denied] = replace(world.desk.released[world.denied], purpose="HRESCH")
    world.index = world.services.staff.patient(PATIENT)
    sign_in(client, world, Role.PRIVACY_OFFICER, subject="dr. officer")
    return client


def hidden(text, name):
    return re.search(rf'name="{name}" value="([^"]*)"', text)[1]


def look_up(client, patient=PATIENT, issuer=""):
    """Look a patient up; return the page that it leads to."""
    answer = post(client, "/staff/consents", patient_id=patient, issuer=issuer)
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/consents/patient")
    return client.get("/staff/consents/patient")


def fill(client, page, path="/staff/consents/check", **fields):
    return client.post(
        path,
        data={"csrf": hidden(page.text, "csrf"), "patient": hidden(page.text, "patient"), **fields},
        headers={"Origin": BASE},
    )


def confirm(client, checked, **changed):
    """Send the form by which what was shown is done."""
    form = checked.text[checked.text.rindex("<form") :]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)
    return client.post(re.search(r'action="([^"]+)"', form)[1], data={**fields, **changed}, headers={"Origin": BASE})


def test_what_a_refusal_would_stop_is_shown_before_it_is_recorded(world, officer):
    page = look_up(officer)
    assert "Nothing is recorded" in page.text
    checked = fill(officer, page, **REFUSAL)
    assert checked.status_code == 200
    assert "1 release would be stopped for good: 2 instances" in checked.text
    assert "every purpose" in checked.text
    assert world.desk.consents == {}
    done = confirm(officer, checked)
    assert (done.status_code, done.headers["location"]) == (303, "/staff/consents/patient?said=recorded")
    (recorded,) = world.desk.provisions(world.index)
    assert (recorded.provision.effect, recorded.recorded_by) == (Effect.DENY, "dr. officer")
    shown = officer.get(done.headers["location"])
    assert "Recorded." in shown.text
    assert "In force" in shown.text
    assert shown.text.count("May not have it") == 2


def test_what_a_permit_would_let_go_and_what_a_withdrawal_takes_back(world, officer):
    fields = {"effect": "permit", "purposes": ["HRESCH", "MLTRAINING"], "whom": "some", "recipients": "lab"}
    checked = fill(officer, look_up(officer), **fields, first="2026-11-20", last="2026-12-31")
    assert "1 release of 3 instances could leave" in checked.text
    assert "from 20 Nov 2026 until 31 Dec 2026, included" in checked.text
    confirm(officer, checked)
    (recorded,) = world.desk.provisions(world.index)
    provision = recorded.provision
    assert (provision.purposes, provision.recipients) == ({"HRESCH", "MLTRAINING"}, {"lab"})
    assert (provision.starts.isoformat(), provision.ends.isoformat()) == (
        "2026-11-20T00:00:00+00:00",
        "2027-01-01T00:00:00+00:00",
    )
    assert world.desk.released[world.denied].state is ReleaseState.OPEN
    page = officer.get("/staff/consents/patient")
    withdrawing = fill(officer, page, "/staff/consents/check-withdrawal", provision_id=recorded.provision_id)
    assert "1 release not decided on yet would be denied" in withdrawing.text
    assert world.desk.provisions(world.index)[0].revoked is None
    assert confirm(officer, withdrawing).headers["location"].endswith("said=withdrawn")
    assert world.desk.provisions(world.index)[0].revoked == NOW
    assert "Withdrawn or over" in officer.get("/staff/consents/patient").text


def test_a_form_sent_twice_is_done_once_in_whatever_process(world, officer):
    checked = fill(officer, look_up(officer), **REFUSAL)
    other = Client(create_app(world.services))
    try:
        other.cookies.update(officer.cookies)
        assert [confirm(one, checked).headers["location"][-8:] for one in (officer, other)] == ["recorded", "d=before"]
    finally:
        other.close()
    assert len(world.desk.provisions(world.index)) == 1
    assert "was sent before" in officer.get("/staff/consents/patient?said=before").text


def test_nobody_is_named_in_an_address_a_log_or_a_cookie(world, officer):
    with capture_logs() as logs:
        page = look_up(officer, issuer="ISSUER-1")
        answers = [page, fill(officer, page, **REFUSAL), fill(officer, page, effect="x")]
        done = confirm(officer, answers[1])
    told = [*(str(one.headers) + str(one.request.url) for one in (*answers, done)), str(logs), str(officer.cookies)]
    for text in told:
        for secret in ("4711", "ISSUER-1", world.index, world.services.staff.patient(PATIENT, "ISSUER-1")):
            assert secret not in text
    for one in answers:
        for address in re.findall(r'(?:href|action)="([^"]*)"', one.text):
            assert "4711" not in address
    assert {one["route"] for one in logs if one["event"] == "http_request"} == {
        "/staff/",
        "/staff/consents",
        "/staff/consents/patient",
        "/staff/consents/check",
        "/staff/consents/record",
    }
    assert repr(Named(index="a", patient_id="b")) == "Named()"


def test_a_patient_who_is_not_here_yet(world, officer):
    page = look_up(officer, "UNKNOWN", "SOMEWHERE")
    assert "No study of this patient is here" in page.text
    assert "issued by <b>SOMEWHERE</b>" in page.text
    checked = fill(officer, page, **REFUSAL)
    assert "It holds for what comes" in checked.text
    confirm(officer, checked)
    assert world.desk.provisions(world.services.staff.patient("UNKNOWN", "SOMEWHERE"))
    assert post(officer, "/staff/consents", patient_id=" ").status_code == 422


def test_from_a_study_to_the_consents_of_its_patient(world, officer):
    assert "/staff/consents/of-study" in officer.get(f"/staff/studies/{world.study}").text
    assert post(officer, "/staff/consents/of-study", study_id=world.study).status_code == 303
    page = officer.get("/staff/consents/patient")
    assert PATIENT in page.text
    assert "Secret, Patient1" in page.text
    confirm(officer, fill(officer, page, **REFUSAL))
    assert len(world.desk.provisions(world.index)) == 1
    assert post(officer, "/staff/consents/of-study", study_id="0" * 32).status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose whether the patient allows or refuses."),
        ({"effect": "permit"}, "Choose at least one purpose."),
        ({"effect": "permit", "purposes": "*"}, "only a refusal can be for every purpose"),
        ({"effect": "permit", "purposes": "NONSENSE"}, "is not recorded yet"),
        ({**REFUSAL, "whom": "some"}, "Choose at least one recipient"),
        ({**REFUSAL, "recipients": "lab"}, "Choose either every recipient, or only those"),
        ({**REFUSAL, "first": "2026-13-01"}, "as year, month and day"),
        ({**REFUSAL, "last": "9999-12-31"}, "as year, month and day"),
        ({**REFUSAL, "first": "2026-12-02", "last": "2026-12-01"}, "not before the first one"),
    ],
)
def test_what_is_missing_or_wrong_is_asked_for_again(world, officer, fields, said):
    page = look_up(officer)
    answer = fill(officer, page, **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'role="alert"' in answer.text
    if fields.get("effect") == "deny":
        assert 'value="deny" required checked' in answer.text
    unseen = fill(officer, page, "/staff/consents/record", once="0" * 32, **fields)
    assert unseen.status_code == 422
    assert world.desk.consents == {}


def test_an_auditor_sees_and_changes_nothing(world, officer):
    number = world.services.staff.add_provision(world.index, {"effect": "deny", "purposes": ["*"]}, "me")
    forms = look_up(officer)
    sign_in(officer, world, Role.AUDITOR)
    page = look_up(officer)
    assert "Refuses" in page.text
    assert "/staff/consents/check" not in page.text
    assert "Secret" not in page.text
    assert post(officer, "/staff/consents/of-study", study_id=world.study).status_code == 303
    page = officer.get("/staff/consents/patient").text
    assert PATIENT not in page
    assert f'Patient of study <span class="mono">{world.study[:8]}' in page
    for path in ("check", "record", "check-withdrawal", "withdraw"):
        fields = {"csrf": csrf_of(officer), "patient": hidden(forms.text, "patient"), "provision_id": number}
        data = {**fields, **REFUSAL, "once": "0" * 32}
        assert officer.post(f"/staff/consents/{path}", data=data).status_code == 403
    assert [one.revoked for one in world.desk.provisions(world.index)] == [None]


def test_imaging_it_sees_no_consents(world, officer):
    sign_in(officer, world, Role.IMAGING_IT)
    assert "/staff/consents" not in officer.get("/staff/").text
    assert "/staff/consents" not in officer.get(f"/staff/studies/{world.study}").text
    for path in ("/staff/consents", "/staff/consents/patient"):
        assert officer.get(path).status_code == 403
    assert post(officer, "/staff/consents", patient_id=PATIENT).status_code == 403
    assert post(officer, "/staff/consents/of-study", study_id=world.study).status_code == 403


def test_nobody_else_looks_on(world, officer):
    page = look_up(officer)
    reference, shown = hidden(page.text, "patient"), officer.cookies[COOKIE]
    for path in ("/staff/consents/check", "/staff/consents/record", "/staff/consents", "/staff/consents/of-study"):
        forged = {"csrf": "0" * 64, "patient": reference, "patient_id": PATIENT, "study_id": world.study, **REFUSAL}
        assert officer.post(path, data={**forged, "once": "0" * 32}).status_code == 403
    # Signed in again, neither the form nor the cookie of before is of use.
    sign_in(officer, world, Role.PRIVACY_OFFICER)
    for wrong in (reference, shown, "", "é", "A" * 60):
        data = {"csrf": csrf_of(officer), "patient": wrong, **REFUSAL}
        assert officer.post("/staff/consents/check", data=data).status_code in {403, 422}
    assert officer.get("/staff/consents/patient").headers["location"] == "/staff/consents"
    # Nor can another patient's provision be withdrawn by this one's form.
    number = world.services.staff.add_provision(world.services.staff.patient("B"), {**REFUSAL_JSON}, "me")
    page = look_up(officer)
    for path, more in (("check-withdrawal", {}), ("withdraw", {"once": "0" * 32})):
        assert fill(officer, page, f"/staff/consents/{path}", provision_id=number, **more).status_code == 404
    assert look_up(officer, "B").text.count("In force") == 1
    post(officer, "/staff/sign-out")
    assert COOKIE not in officer.cookies


REFUSAL_JSON = {"effect": "deny", "purposes": ["*"]}


def test_hostile_names_are_text(world, officer):
    world.desk.save_recipient(make_recipient("evil", name=EVIL), "", "me", NOW)
    world.services.staff.add_provision(world.services.staff.patient(EVIL), REFUSAL_JSON, EVIL)
    page = look_up(officer, EVIL, EVIL)
    fields = {"effect": "permit", "purposes": "TREAT", "whom": "some", "recipients": "evil"}
    for answer in (page, fill(officer, page, **fields), fill(officer, page, effect=EVIL[:8], first=EVIL[:32])):
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_every_purpose_can_be_chosen_once():
    from scanward.standard.act_reasons import PRIMARY, SECONDARY

    usual, others = purposes_to_choose([make_recipient("a", purpose="TREATDS")])
    codes = [one.code for one in (*usual, *others)]
    assert sorted(codes) == sorted({*PRIMARY, *SECONDARY})
    assert "TREATDS" in [one.code for one in usual]
    (training,) = [one for one in usual if one.code == "MLTRAINING"]
    assert (training.below, training.alone) == ("Healthcare operations", True)
    assert Form(effect="deny", purposes=("*", "TREAT")).content()["purposes"] == ["*"]
