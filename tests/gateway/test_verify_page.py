"""The staff page and the API tell what a gateway knows of a file, on real stores and a real log."""

import base64
import io
import json
import re
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from scanward.adapters.seal_file import parse_seal_file
from scanward.bootstrap.custody import log_folder, make_notary
from scanward.cli.custody import to_json as custody_json
from scanward.cli.verify import to_json as verdict_json
from scanward.config import HttpSettings
from scanward.model.instance import BytesSource
from scanward.web.app import create_app
from scanward.web.auth import issue_token
from scanward.web.roles import Role
from scanward.web.serve import web_services
from tests.common.films import made_film
from tests.common.gateway import TestGateway, bytes_of
from tests.common.studies import make_ct_series
from tests.web.conftest import Client

DX = "1.2.840.10008.5.1.4.1.1.1.1"


class Hospital:
    """A gateway in which scans were sealed, and who asks it."""

    def __init__(self, home) -> None:
        self.gateway = TestGateway(home)
        self.gateway.add_recipient()
        self.services = web_services(self.gateway, HttpSettings())
        self.services.staff._clock = self.gateway.clock
        self.client = Client(create_app(self.services))
        self.notary = make_notary(self.gateway.stores, self.gateway.clock)

    def work(self) -> None:
        self.gateway.settle()
        while self.notary.step():
            pass

    def bearer(self, role: Role) -> dict[str, str]:
        key, now = self.services.token_key, self.gateway.clock()
        return {"Authorization": f"Bearer {issue_token(key, 'x', [role], '', timedelta(hours=1), now=now)}"}

    def sign_in(self, role: Role) -> str:
        token = self.bearer(role)["Authorization"].removeprefix("Bearer ")
        assert self.client.post("/staff/enter", data={"token": token}).status_code == 303
        return re.search(r'name="csrf" value="([0-9a-f]{64})"', self.client.get("/staff/verify").text)[1]

    def ask(self, data: bytes, **more):
        headers = {**self.bearer(Role.AUDITOR), "Content-Type": "application/octet-stream"}
        return self.client.post("/api/v1/verify", content=data, headers=headers, **more)

    def close(self) -> None:
        self.notary.close()
        self.client.close()
        self.gateway.close()


@pytest.fixture
def hospital(tmp_path, monkeypatch):
    made = Hospital(tmp_path / "home")
    for module in ("chains", "verify"):
        monkeypatch.setattr(f"scanward.bootstrap.{module}.now", made.gateway.clock)
    yield made
    assert list(made.gateway.stores.spool.iterdir()) == [], "something of a file stayed"
    made.close()


def test_the_api_answers_as_the_command_line_does(hospital):
    one, two, three = hospital.gateway.take_ct()
    hospital.work()
    two.PatientName = "Put^Right"
    three.PixelData = bytes(len(three.PixelData))
    for ds, outcome in ((one, "sealed and unchanged"), (two, "sealed, header coerced"), (three, "altered")):
        data = bytes_of(ds)
        answer = hospital.ask(data, params={"pictures": "true"})
        assert answer.status_code == 200
        told = answer.json()
        pictures = told.pop("pictures")
        expected = verdict_json(hospital.services.verify(BytesSource(data)))
        assert told["outcome"] == outcome
        assert _with_plain_times(told) == _with_plain_times(expected)
        assert [one["frame"] for one in pictures] == ([1] if outcome == "altered" else [])
        assert all(base64.b64decode(one["png"]).startswith(b"\x89PNG") for one in pictures)
        assert "Put" not in answer.text


def test_what_is_sealed_after_a_look_is_known_at_the_next(hospital):
    hospital.gateway.take_ct(seed=3)
    hospital.work()
    (ds, *_) = hospital.gateway.take_ct(seed=11)
    assert hospital.ask(bytes_of(ds)).status_code == 200
    hospital.work()
    told = hospital.ask(bytes_of(ds)).json()
    assert (told["outcome"], told["seal"]["is_logged"]) == ("sealed and unchanged", True)


def test_custody_is_told_and_its_seal_verifies(hospital):
    (ds, *_) = hospital.gateway.take_ct()
    hospital.work()
    officer, auditor = hospital.bearer(Role.PRIVACY_OFFICER), hospital.bearer(Role.AUDITOR)
    for uid in (ds.StudyInstanceUID, ds.SOPInstanceUID):
        told = hospital.client.get(f"/api/v1/custody/{uid}", headers=auditor).json()
        assert told["is_sound"]
        assert _with_plain_times(told) == _with_plain_times(custody_json(hospital.services.custody(uid)))
    answer = hospital.client.get(f"/api/v1/custody/{ds.SOPInstanceUID}/seal", headers=officer)
    assert parse_seal_file(answer.content).log_proofs
    assert answer.headers["cache-control"] == "no-store"
    assert ds.SOPInstanceUID not in answer.headers["content-disposition"]
    assert hospital.client.get(f"/api/v1/custody/{ds.SOPInstanceUID}/seal", headers=auditor).status_code == 403
    assert hospital.client.get("/api/v1/custody/1.2.3", headers=auditor).status_code == 404


def test_the_pages_of_a_real_study(hospital):
    (ds, other, *_) = hospital.gateway.take_ct()
    hospital.work()
    csrf = hospital.sign_in(Role.IMAGING_IT)
    client = hospital.client
    (study,) = set(re.findall(r"/staff/studies/[0-9a-f]{32}", client.get("/staff/studies").text))
    assert f"{study}/custody" in client.get(study).text
    custody = client.get(f"{study}/custody").text
    assert "All of it holds" in custody
    assert custody.count("Sealed</th>") == 3
    for uid in (ds.StudyInstanceUID, ds.SOPInstanceUID):
        assert uid not in custody
    shown = client.post("/staff/custody", data={"csrf": csrf, "uid": f" {ds.SOPInstanceUID} "}).text
    assert "All of it holds" in shown
    assert "Download the seal file" not in shown
    ds.PixelData = other.PixelData
    page = client.post("/staff/verify", data={"csrf": csrf}, files={"file": ("a.dcm", bytes_of(ds))})
    assert page.status_code == 200
    assert "Altered since it was sealed" in page.text
    assert 'src="data:image/png;base64,' in page.text
    assert str(ds.PatientName) not in page.text


def take_film(hospital) -> np.ndarray:
    """Take a radiograph in and return what it shows."""
    film = made_film(5)
    ds = next(iter(make_ct_series(slices=1, size=16, seed=21))).ds
    ds.Modality, ds.SOPClassUID = "DX", DX
    ds.file_meta.MediaStorageSOPClassUID = DX
    ds.Rows, ds.Columns = film.shape
    ds.PixelData = np.clip(film, 0, 4095).astype("<u2").tobytes()
    ds.WindowCenter, ds.WindowWidth = 500, 1000
    ds.RescaleIntercept, ds.RescaleSlope = 0, 1
    assert hospital.gateway.take(ds).accepted
    hospital.work()
    return np.clip(film / 4, 0, 255).astype("uint8")


def picture_of(film: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(film).resize((480, 560)).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def test_a_sealed_film_in_another_form_is_shown_to_who_may_see_the_original(hospital):
    screenshot = picture_of(take_film(hospital))
    for role, is_shown in ((Role.AUDITOR, False), (Role.PRIVACY_OFFICER, True)):
        headers = {**hospital.bearer(role), "Content-Type": "image/jpeg"}
        told = hospital.client.post("/api/v1/verify?pictures=true", content=screenshot, headers=headers).json()
        assert told["outcome"] == "known picture in another form"
        assert bool(told["pictures"]) is is_shown
        csrf = hospital.sign_in(role)
        page = hospital.client.post("/staff/verify", data={"csrf": csrf}, files={"file": ("a.jpg", screenshot)}).text
        assert "it shows a film that was sealed here" in page
        assert ('src="data:image/png;base64,' in page) is is_shown
        assert ("Privacy officers see it" in page) is not is_shown


def test_a_film_whose_study_was_deleted_is_told_no_more(hospital):
    screenshot = picture_of(take_film(hospital))
    headers = {**hospital.bearer(Role.AUDITOR), "Content-Type": "image/jpeg"}
    assert hospital.client.post("/api/v1/verify", content=screenshot, headers=headers).json()["outcome"][:5] == "known"
    (study,) = hospital.gateway.stores.ledger.studies(limit=2)
    hospital.gateway.stores.vault.destroy_data_key(study.study_id)
    told = hospital.client.post("/api/v1/verify", content=screenshot, headers=headers).json()
    assert told["outcome"] == "unknown"


def test_a_log_that_does_not_hold_is_told_as_such(hospital):
    (ds, *_) = hospital.gateway.take_ct(slices=1)
    hospital.work()
    (log_folder(hospital.gateway.stores) / "checkpoint").write_text("scanward/other\n1\nAAAA\n\n")
    csrf = hospital.sign_in(Role.AUDITOR)
    answer = hospital.ask(bytes_of(ds))
    assert (answer.status_code, answer.json()["fault"][:4]) == (409, "log.")
    page = hospital.client.post("/staff/verify", data={"csrf": csrf}, files={"file": ("a.dcm", bytes_of(ds))})
    assert "What vouches for its seal does not hold" in page.text
    assert answer.json()["fault"] in page.text
    custody = hospital.client.post("/staff/custody", data={"csrf": csrf, "uid": ds.SOPInstanceUID})
    assert (custody.status_code, answer.json()["fault"] in custody.text) == (409, True)


def _with_plain_times(value):
    """Return JSON with each time in one form."""
    text = json.dumps(value, sort_keys=True)
    return json.loads(re.sub(r'"(\d{4}-\d\d-\d\d)[T ]([\d:.]+)(?:Z|\+00:00)"', r'"\1T\2Z"', text))
