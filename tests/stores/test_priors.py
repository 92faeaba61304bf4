"""Priors in the ledger: for which studies they are sought, which are whole, and which came by themselves, too."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scanward.adapters.store.ledger import SqlLedger
from scanward.model.prior import PriorSearch
from scanward.model.study import Batch, Completion, Origin, OriginKind, ReceivedInstance
from tests.common.ledgers import NOW, add_study, after, make_received, recount

STUDY = make_received("now").study_id
PRIOR = make_received("prior").study_id


def counts_of(ledger: SqlLedger) -> dict[str, int]:
    counts = {name: count for name, count in ledger.counts().items() if count}
    assert counts == recount(ledger)
    return {name.partition(":")[2]: count for name, count in counts.items() if name.startswith("prior searches:")}


def begin(ledger: SqlLedger, runner: int, now: float = 0, attempts: int = 0) -> PriorSearch:
    (due,) = ledger.queue_searches(after(now), after(now + 600), 10)
    assert due.attempts == attempts
    search = ledger.begin_search(due.study_id, attempts, runner, after(now + 900))
    assert search is not None
    return search


def said(ledger: SqlLedger, study_id: str) -> list[str]:
    return [one.what for one in ledger.history(study_id)]


# Searches


def test_a_search_is_queued_once_and_again_where_nothing_was_heard_of_it(ledger: SqlLedger):
    ledger.seek_priors(STUDY, ["vendor"], NOW)
    with ThreadPoolExecutor() as pool:
        queued = list(pool.map(lambda _: ledger.queue_searches(NOW, after(600), 10), range(4)))
    assert [one.study_id for some in queued for one in some] == [STUDY]
    assert ledger.queue_searches(after(599), after(1200), 10) == ()
    (again,) = ledger.queue_searches(after(600), after(1200), 10)
    # The first piece of work was not lost after all; whichever begins does it.
    assert ledger.begin_search(STUDY, again.attempts, 2, after(1500)) is not None
    assert ledger.begin_search(STUDY, again.attempts, 1, after(1500)) is None
    # The same one begins again where it was taken over from a dead worker.
    assert ledger.begin_search(STUDY, again.attempts, 2, after(1600)) is not None
    assert ledger.queue_searches(after(1599), after(9999), 10) == ()
    assert len(ledger.queue_searches(after(1600), after(9999), 10)) == 1
    assert counts_of(ledger) == {"waiting": 1}


def test_a_try_that_fails_is_due_again_and_given_up_at_last(ledger: SqlLedger):
    ledger.seek_priors(STUDY, ["vendor"], NOW)
    ledger.fail_search(begin(ledger, 1), 1, "no answer", after(5), NOW)
    assert ledger.queue_searches(after(4), after(600), 10) == ()
    # What was queued for the first try does nothing any more.
    assert ledger.begin_search(STUDY, 0, 1, after(900)) is None
    second = begin(ledger, 2, now=5, attempts=1)
    ledger.fail_search(replace(second, attempts=0), 2, "not its turn", None, NOW)
    ledger.end_search(second, 1, NOW)  # nor is it another's
    ledger.fail_search(second, 2, "cut off", None, after(9))
    assert counts_of(ledger) == {"failed": 1}
    assert ledger.queue_searches(after(99999), after(99999), 10) == ()
    told = [(one.what, one.detail) for one in ledger.history(STUDY)]
    assert told == [("priors not fetched yet", "try 1: no answer"), ("priors given up", "try 2: cut off")]
    # More of the study came: another chance.
    ledger.seek_priors(STUDY, ["vendor"], after(10))
    assert begin(ledger, 3, now=10).recipients == ("vendor",)


def test_a_recipient_that_joins_while_others_are_served_is_not_forgotten(ledger: SqlLedger):
    ledger.seek_priors(STUDY, ["vendor"], NOW)
    search = begin(ledger, 1)
    ledger.seek_priors(STUDY, ["other", "vendor"], NOW)
    ledger.end_search(search, 1, after(1))
    second = begin(ledger, 2, now=1)
    assert second.recipients == ("other", "vendor")
    ledger.end_search(second, 2, after(2))
    assert counts_of(ledger) == {"done": 1}
    ledger.seek_priors(STUDY, ["vendor"], after(3))
    assert counts_of(ledger) == {"done": 1}
    ledger.seek_priors(STUDY, ["third"], after(3))
    assert begin(ledger, 3, now=3).recipients == ("other", "third", "vendor")


# Priors


def sent(number: int, at: float, *, kind: OriginKind = OriginKind.FETCH, peer: str = "archive") -> ReceivedInstance:
    one = make_received("prior", number, at=after(at), blob=f"blob-{number}-{at}")
    return replace(one, origin=Origin(kind=kind, peer=peer))


def request(ledger: SqlLedger, *recipients: str, at: float = 0) -> bool:
    return ledger.request_prior(PRIOR, recipients, "archive", after(at + 100), after(at))


def close(ledger: SqlLedger, at: float) -> Batch | None:
    return ledger.close_study(PRIOR, Completion.QUIET, after(at))


def test_a_prior_is_asked_for_until_all_of_it_is_here(ledger: SqlLedger):
    assert ledger.find_prior_requests(PRIOR) == frozenset()
    assert request(ledger, "vendor")
    ledger.add_received([sent(1, 1)])
    assert not ledger.settle_prior(PRIOR, None, after(2), after(2))  # cut off
    assert request(ledger, "vendor", at=10)
    ledger.add_received([sent(1, 11), sent(2, 11)])
    assert not ledger.settle_prior(PRIOR, 3, after(12), after(12))  # the archive has one more
    assert request(ledger, "vendor", at=20)
    ledger.add_received([sent(3, 21)])
    assert ledger.settle_prior(PRIOR, 3, after(22), after(22))
    assert not request(ledger, "vendor", "other", at=30)
    assert ledger.settle_prior(PRIOR, None, after(31), after(31))  # another's try, that failed
    assert ledger.find_prior_requests(PRIOR) == {"vendor", "other"}
    assert said(ledger, PRIOR) == ["fetched as a prior", "received", "prior complete", "fetched as a prior"]


def test_nothing_at_all_is_not_whole(ledger: SqlLedger):
    assert request(ledger, "vendor")
    assert not ledger.settle_prior(PRIOR, 0, after(2), after(2))
    assert request(ledger, "vendor")


def test_a_study_that_came_by_itself_is_not_fetched(ledger: SqlLedger):
    batch = add_study(ledger, "prior")
    assert not request(ledger, "vendor")
    assert ledger.find_prior_requests(PRIOR) == frozenset()
    assert ledger.batches_of(PRIOR) == [batch]
    assert ledger.batches_of(STUDY) == []


def test_each_batch_of_a_prior_is_for_those_who_asked(ledger: SqlLedger):
    request(ledger, "vendor")
    for number in (1, 2):
        ledger.add_received([sent(number, number)])
        batch = close(ledger, number)
        assert batch is not None
        assert ledger.find_prior_requests(PRIOR) == {"vendor"}
        ledger.mark_routed(batch, after(number), as_prior=True)
    assert ledger.find_unrouted(10) == []


def test_a_prior_that_comes_by_itself_later_is_routed_again(ledger: SqlLedger):
    request(ledger, "vendor")
    ledger.add_received([sent(1, 1)])
    first = close(ledger, 2)
    assert first is not None
    ledger.mark_routed(first, after(3))
    ledger.add_received([sent(2, 4, kind=OriginKind.STOW, peer="modality")])
    second = close(ledger, 5)
    assert ledger.find_prior_requests(PRIOR) == frozenset()
    assert ledger.find_unrouted(10) == [first, second]
    assert request(ledger, "vendor", at=10)  # all of it is still wanted
    assert said(ledger, PRIOR).count("came by itself") == 1


def test_a_prior_that_comes_by_itself_while_it_is_routed_is_routed_again(ledger: SqlLedger):
    request(ledger, "vendor")
    ledger.add_received([sent(1, 1)])
    batch = close(ledger, 2)
    assert batch is not None
    assert ledger.find_prior_requests(PRIOR) == {"vendor"}  # so says the router, and opens the release
    ledger.add_received([sent(1, 3, kind=OriginKind.DIMSE, peer="modality")])
    ledger.mark_routed(batch, after(4), as_prior=True)
    assert ledger.find_unrouted(10) == [batch]
    assert ledger.find_prior_requests(PRIOR) == frozenset()
    ledger.mark_routed(batch, after(5))
    assert ledger.find_unrouted(10) == []


def test_known_instances_that_come_by_themselves_are_enough(ledger: SqlLedger):
    request(ledger, "vendor")
    ledger.add_received([sent(1, 1)])
    first = close(ledger, 2)
    assert first is not None
    ledger.mark_routed(first, after(3))
    ledger.add_received([sent(1, 4)])  # fetched once more
    assert ledger.find_prior_requests(PRIOR) == {"vendor"}
    ledger.add_received([sent(1, 5, kind=OriginKind.DIMSE)])  # the archive does say why it sends, and not so here
    assert ledger.find_prior_requests(PRIOR) == frozenset()
    assert ledger.find_unrouted(10) == [first]
    ledger.add_received([sent(1, 6, kind=OriginKind.DIMSE)])
    assert said(ledger, PRIOR).count("came by itself") == 1


def test_an_archive_that_does_not_say_why_it_sends_is_believed_while_it_is_asked(ledger: SqlLedger):
    request(ledger, "vendor")
    ledger.add_received([sent(1, 1, kind=OriginKind.DIMSE)])
    ledger.add_received([sent(1, 2, kind=OriginKind.DIMSE)])
    first = close(ledger, 3)
    assert ledger.find_prior_requests(PRIOR) == {"vendor"}
    assert ledger.settle_prior(PRIOR, 1, after(50), after(4))
    ledger.add_received([sent(2, 50, kind=OriginKind.DIMSE)])
    close(ledger, 51)
    assert ledger.find_prior_requests(PRIOR) == {"vendor"}
    ledger.add_received([sent(3, 51, kind=OriginKind.DIMSE)])
    close(ledger, 52)
    assert ledger.find_prior_requests(PRIOR) == frozenset()
    assert first in ledger.find_unrouted(10)


def test_somebody_else_who_sends_a_prior_while_it_is_asked_for_sends_a_study(ledger: SqlLedger):
    request(ledger, "vendor")
    ledger.add_received([sent(1, 1, kind=OriginKind.DIMSE, peer="modality")])
    close(ledger, 3)
    assert ledger.find_prior_requests(PRIOR) == frozenset()
