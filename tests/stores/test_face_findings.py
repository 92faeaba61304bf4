"""Which blob says what was found of the faces of a release."""

import pytest
from sqlalchemy import Engine

from scanward.adapters.store.audit import SqlAudit
from scanward.adapters.store.database import Database
from scanward.adapters.store.ledger import SqlLedger
from scanward.errors import UnknownError
from tests.common.ledgers import NOW, add_study, after, permit_release


@pytest.fixture
def releases(ledger: SqlLedger):
    return [permit_release(ledger, add_study(ledger, f"{number}", patient=f"{number}")) for number in range(2)]


def test_the_last_one_is_kept_and_the_former_one_told(ledger: SqlLedger, releases):
    one, other = (release.release_id for release in releases)
    assert ledger.find_faces(one) == ""
    assert ledger.note_faces(one, "first", NOW) == ""
    assert ledger.note_faces(one, "first", NOW) == ""
    assert ledger.note_faces(one, "second", after(1)) == "first"
    assert ledger.note_faces(other, "third", after(1)) == ""
    assert (ledger.find_faces(one), ledger.find_faces(other)) == ("second", "third")


def test_it_can_be_taken_back(ledger: SqlLedger, releases):
    which = releases[0].release_id
    assert ledger.note_faces(which, "", NOW) == ""
    ledger.note_faces(which, "first", NOW)
    assert ledger.note_faces(which, "", after(1)) == "first"
    assert ledger.find_faces(which) == ""


def test_a_release_that_is_not_there(ledger: SqlLedger):
    with pytest.raises(UnknownError):
        ledger.note_faces("0" * 32, "first", NOW)
    assert ledger.find_faces("0" * 32) == ""


def test_a_check_of_all_stores_knows_it_as_of_its_study(ledger: SqlLedger, engine: Engine, releases):
    ledger.note_faces(releases[1].release_id, "first", NOW)
    (use,) = [one for one in SqlAudit(Database(engine)).blob_uses() if one.blob == "first"]
    assert (use.owner, use.needed) == (releases[1].study_id, False)
