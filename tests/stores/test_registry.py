"""Recipients and consents."""

import pytest

from scanward.adapters.store import registry
from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import UnknownError
from scanward.model.consent import Effect, Provision
from tests.common.ledgers import NOW, after, parse_recipient

PERMIT = Provision(effect=Effect.PERMIT, purposes=frozenset({"HRESCH", "TREAT"}), starts=NOW, ends=after(1000))
DENY = Provision(effect=Effect.DENY, purposes=frozenset({"*"}), recipients=frozenset({"vendor", "other"}))


def save(ledger: SqlLedger, document: str, seconds: float = 0) -> None:
    ledger.save_recipient(parse_recipient(document), document, "officer", after(seconds))


def test_the_last_version_is_in_force(ledger: SqlLedger):
    assert ledger.find_recipient("vendor") is None
    save(ledger, "vendor|First")
    save(ledger, "vendor|Second", 1)
    save(ledger, "vendor|Second", 2)  # repeated
    save(ledger, "a-vendor|Other", 3)
    assert ledger.find_recipient("vendor") == parse_recipient("vendor|Second")
    assert [one.recipient_id for one in ledger.recipients()] == ["a-vendor", "vendor"]
    versions = ledger.recipient_versions("vendor")
    assert [(document, at, by) for _, document, at, by in versions] == [
        ("vendor|Second", after(1), "officer"),
        ("vendor|First", after(0), "officer"),
    ]
    assert versions[0][0] == parse_recipient("vendor|Second").version


def test_a_recipient_that_ended_is_not_in_force(ledger: SqlLedger):
    save(ledger, "vendor")
    ledger.end_recipient("vendor", "officer", after(1))
    assert ledger.find_recipient("vendor") is None
    assert ledger.recipients() == []
    assert len(ledger.recipient_versions("vendor")) == 1
    with pytest.raises(UnknownError):
        ledger.end_recipient("vendor", "officer", after(1))
    save(ledger, "vendor", 2)
    assert ledger.find_recipient("vendor") is not None
    assert [(one.what, one.by) for one in ledger.history("vendor")] == [
        ("saved", "officer"),
        ("ended", "officer"),
        ("saved", "officer"),
    ]


def test_what_is_parsed_is_remembered_within_bounds(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "MAX_PARSED", 2)
    for number in range(4):
        save(ledger, f"v{number}")
    for _ in range(2):
        assert len(ledger.recipients()) == 4
        assert len(ledger._parsed) <= 2


def test_provisions_are_kept_in_order(ledger: SqlLedger):
    assert ledger.provisions("p") == []
    first = ledger.add_provision("p", PERMIT, "officer", after(1))
    second = ledger.add_provision("p", DENY, "officer", after(2))
    assert ledger.add_provision("p", DENY, "officer", after(2)) == second  # repeated
    assert ledger.add_provision("p", DENY, "officer", after(3)) > second
    assert ledger.add_provision("q", DENY, "officer", after(2)) > second
    kept = ledger.provisions("p")
    assert [one.provision for one in kept] == [PERMIT, DENY, DENY]
    assert [one.provision_id for one in kept][:2] == [first, second]
    assert (kept[0].recorded, kept[0].recorded_by, kept[0].revoked) == (after(1), "officer", None)


def test_a_provision_is_revoked_once(ledger: SqlLedger):
    provision_id = ledger.add_provision("p", PERMIT, "officer", NOW)
    ledger.revoke_provision(provision_id, "other", after(5))
    assert ledger.provisions("p")[0].revoked == after(5)
    for unknown in (provision_id, provision_id + 1):
        with pytest.raises(UnknownError):
            ledger.revoke_provision(unknown, "other", after(6))
    assert ledger.provisions("p")[0].revoked == after(5)
    assert [(one.what, one.by) for one in ledger.history("p")] == [
        ("provision recorded", "officer"),
        ("provision revoked", "other"),
    ]
