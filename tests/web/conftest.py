"""An application on a ledger in memory, and who asks it."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from scanward.adapters.documents import parse_provision, parse_recipient_document
from scanward.adapters.receive.folder import FolderSources
from scanward.adapters.sealing import MasterSealing
from scanward.config import HttpSettings
from scanward.errors import UnknownError
from scanward.flow.staff import Staff
from scanward.model.chains import CustodyReport
from scanward.model.release import ItemState, ReleaseState
from scanward.model.verdict import Outcome, Verdict
from scanward.web.app import create_app
from scanward.web.auth import issue_token
from scanward.web.roles import Role
from scanward.web.services import WebServices
from tests.common.desk import NOW, Desk, Intake
from tests.common.outgoing import FileOutgoing, make_several

BASE = "http://scanward.test"
TOKEN_KEY = b"t" * 32


class Evidence:
    """What is said of files and of custody (a stand-in for :class:`scanward.bootstrap.verify_desk.VerifyDesk`)."""

    def __init__(self) -> None:
        self.verdict: Verdict | Exception = Verdict(outcome=Outcome.UNKNOWN, steps=())
        self.reports: dict[str, CustodyReport | Exception] = {}
        self.came: list[bytes] = []

    def verify(self, content) -> Verdict:
        self.came.append(content.read(0, content.size))
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    def custody(self, uid: str) -> CustodyReport:
        found = self.reports.get(uid, UnknownError("expected a UID of something that was sealed here"))
        if isinstance(found, Exception):
            raise found
        return found

    def seal_file(self, uid: str) -> bytes:
        self.custody(uid)
        return b"the seal"


@dataclass
class World:
    """An application and what is behind it."""

    desk: Desk
    intake: Intake
    services: WebServices
    app: FastAPI
    now: list = field(default_factory=lambda: [NOW])
    files: dict[str, FileOutgoing] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)

    def token(self, *roles: Role, recipient: str = "", subject: str = "someone", **more) -> str:
        """Return a token of ours."""
        lifetime = more.pop("lifetime", timedelta(hours=1))
        return issue_token(TOKEN_KEY, subject, roles, recipient, lifetime, now=more.pop("now", self.now[0]), **more)

    def bearer(self, *roles: Role, recipient: str = "", **more) -> dict[str, str]:
        """Return the header of a request in a role."""
        return {"Authorization": f"Bearer {self.token(*roles, recipient=recipient, **more)}"}

    def offer(self, number: int, recipient: str, *, count: int = 2, rows: int = 16) -> str:
        """Release study `number` for `recipient` to fetch; return the id of the release."""
        study_id = self.desk.put_study(number, instances=count)
        states = [ItemState.AVAILABLE] * count
        release_id = self.desk.put_release(study_id, recipient, ReleaseState.DONE, items=states)
        items = []
        files = make_several(count, rows=rows, study=number)
        for (item, state), file in zip(self.desk.items[release_id], files, strict=True):
            self.files[file.sop_instance_uid] = file
            patient, study_uid, series_uid, _ = file.path.split("/")
            uids = {"study_uid": study_uid, "series_uid": series_uid, "sop_instance_uid": file.sop_instance_uid}
            items.append((replace(item, patient=patient, **uids), state))
        self.desk.items[release_id] = items
        return release_id

    @property
    def officer(self) -> dict[str, str]:
        return self.bearer(Role.PRIVACY_OFFICER, subject="dr. officer")

    @property
    def it(self) -> dict[str, str]:
        return self.bearer(Role.IMAGING_IT, subject="pacs-1")


class _Archive:
    def fetch(self, study_uid):
        return 7


def make_world(tmp_path: Path, http: HttpSettings | None = None) -> World:
    sealing = MasterSealing(b"m" * 32)
    desk, intake = Desk(sealing), Intake()
    now = [NOW]
    files: dict[str, FileOutgoing] = {}
    forbidden: set[str] = set()
    fetched: list[str] = []
    evidence = Evidence()

    @contextlib.contextmanager
    def open_upload(path):
        sources = FolderSources((path,), exclude=path.with_name("nothing"), spool=tmp_path)
        try:
            yield sources
        finally:
            sources.close()

    services = WebServices(
        intake=intake,
        ledger=desk,
        desk=desk,
        registry=desk,
        sealing=sealing,
        staff=Staff(
            ledger=desk,
            registry=desk,
            desk=desk,
            sealing=sealing,
            parse_document=parse_recipient_document,
            parse_provision=parse_provision,
            clock=lambda: now[0],
            archive=_Archive(),
        ),
        open_outgoing=lambda release, item, blob: files[item.sop_instance_uid],
        may_still_leave=lambda release: lambda item: forbidden.isdisjoint({release.release_id, item.sop_instance_uid}),
        note_fetched=lambda release, item: fetched.append(item.sop_instance_uid),
        find_volumes=desk.find_volumes,
        open_upload=open_upload,
        verify=evidence.verify,
        custody=evidence.custody,
        seal_file=evidence.seal_file,
        http=http or HttpSettings(),
        spool=tmp_path,
        clock=lambda: now[0],
        token_key=TOKEN_KEY,
        version="1.2.3",
    )
    return World(desk, intake, services, create_app(services), now, files, forbidden, fetched, evidence)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


class Client:
    """Asks an application in this process; keeps cookies, follows no redirect."""

    def __init__(self, app: FastAPI) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 40_000))
        self._client = httpx.AsyncClient(transport=transport, base_url=BASE)
        self.cookies = self._client.cookies

    def request(self, method: str, url: str, **more) -> httpx.Response:
        return self._runner.run(self._client.request(method, url, **more))

    def get(self, url: str, **more) -> httpx.Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more) -> httpx.Response:
        return self.request("POST", url, **more)

    def put(self, url: str, **more) -> httpx.Response:
        return self.request("PUT", url, **more)

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    client = Client(world.app)
    yield client
    client.close()
