"""Tokens that are used up: by whichever process, once."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text

from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.ledger import SqlLedger
from tests.common.ledgers import NOW, SEALING, after, parse_recipient


def test_a_token_is_used_up_for_every_process(url: str, ledger: SqlLedger):
    other = make_engine(url)
    try:
        elsewhere = SqlLedger(other, SEALING, parse_recipient)
        assert not elsewhere.is_used_up("t")
        assert ledger.use_up_token("t", until=after(60), at=NOW)
        assert elsewhere.is_used_up("t")
        assert not elsewhere.use_up_token("t", until=after(60), at=NOW)
        assert not elsewhere.is_used_up("another")
    finally:
        other.dispose()


def test_of_many_at_once_one_alone_uses_it(ledger: SqlLedger):
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: ledger.use_up_token("t", until=after(60), at=NOW), range(24)))
    assert sum(used) == 1


def test_what_is_over_is_forgotten(ledger: SqlLedger, engine: Engine):
    for number in range(5):
        ledger.use_up_token(f"t{number}", until=after(number), at=NOW)
    ledger.use_up_token("last", until=after(60), at=after(3))
    with engine.connect() as connection:
        left = connection.execute(text("SELECT token_id FROM used_tokens ORDER BY token_id")).scalars().all()
    assert left == ["last", "t4"]
