"""The right door for each kind of endpoint."""

from datetime import date

import pytest

from scanward.adapters.send import package
from scanward.adapters.send.dimse import DimseSender
from scanward.adapters.send.folder_drop import FolderSender
from scanward.adapters.send.objects import ObjectSender
from scanward.adapters.send.package import PackageSender
from scanward.adapters.send.senders import Senders, make_sender
from scanward.adapters.send.stow import StowSender
from scanward.errors import ConfigError
from scanward.model.agreement import (
    Agreement,
    Basis,
    DataScope,
    DimseEndpoint,
    FolderEndpoint,
    ObjectStoreEndpoint,
    PackageEndpoint,
    PullEndpoint,
    Recipient,
    StowEndpoint,
    TlsFiles,
)
from scanward.model.release import Consignment

CONSIGNMENT = Consignment(package="ab" * 16, is_repeated=False, delete_by=date(2027, 2, 19))
KEY = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"

AGREEMENT = Agreement(
    purposes=frozenset({"HRESCH"}),
    data=DataScope(modalities=frozenset({"CT"})),
    region="DE",
    starts=date(2026, 1, 1),
    ends=date(2027, 1, 1),
    retention_days=90,
)


def recipient(endpoint, *, agreement=AGREEMENT, version="0"):
    return Recipient(
        recipient_id="university-ai",
        name="University AI",
        address="1 Road",
        purpose="HRESCH",
        endpoint=endpoint,
        agreement=agreement,
        allowed_regions=frozenset({"DE"}),
        basis=Basis.RESEARCH,
        version=version,
    )


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (DimseEndpoint(host="127.0.0.1", port=104, called_ae="AI"), DimseSender),
        (StowEndpoint(url="http://127.0.0.1/dicom-web"), StowSender),
        (FolderEndpoint(path="/nowhere"), FolderSender),
        (ObjectStoreEndpoint(url="memory://bucket"), ObjectSender),
        (PackageEndpoint(path="/nowhere", age_recipients=(KEY,)), PackageSender),
    ],
)
def test_each_endpoint_has_its_door(endpoint, kind):
    assert isinstance(make_sender(recipient(endpoint), CONSIGNMENT), kind)
    assert isinstance(Senders()(recipient(endpoint), CONSIGNMENT), kind)


def test_nothing_is_sent_to_who_fetches():
    with pytest.raises(ConfigError):
        make_sender(recipient(PullEndpoint()), CONSIGNMENT)


def test_the_manifest_of_a_package_says_what_was_agreed(monkeypatch):
    seen = []
    monkeypatch.setattr(
        package, "PackageSender", lambda endpoint, *, terms, consignment: seen.append((terms, consignment))
    )
    Senders()(recipient(PackageEndpoint(path="/nowhere", age_recipients=(KEY,))), CONSIGNMENT)
    ((terms, consignment),) = seen
    assert (terms.purpose, terms.region) == ("HRESCH", "DE")
    assert terms.obligations == AGREEMENT.obligations
    assert consignment == CONSIGNMENT


def test_no_package_without_an_agreement():
    with pytest.raises(ConfigError):
        make_sender(recipient(PackageEndpoint(path="/nowhere", age_recipients=(KEY,)), agreement=None), CONSIGNMENT)


def test_a_door_with_a_token_is_kept_until_the_recipient_changes():
    senders = Senders()
    endpoint = StowEndpoint(url="http://127.0.0.1/dicom-web")
    first = senders(recipient(endpoint), CONSIGNMENT)
    assert senders(recipient(endpoint), CONSIGNMENT) is first
    assert senders(recipient(endpoint, version="1"), CONSIGNMENT) is not first


@pytest.mark.parametrize(
    "wrong",
    [
        {"called_ae": ""},
        {"called_ae": "SEVENTEENLETTERS1"},
        {"calling_ae": "   "},
        {"called_ae": "É"},
        {"tls": TlsFiles(authority="/nowhere.pem")},
    ],
)
def test_a_dicom_endpoint_that_cannot_be_right_is_refused_at_once(wrong):
    with pytest.raises(ConfigError):
        DimseSender(DimseEndpoint(**({"host": "127.0.0.1", "port": 104, "called_ae": "AI"} | wrong)))
