"""The ledger's section on tokens that are used up, for all processes that share it."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from scanward.adapters.store import tables
from scanward.adapters.store.database import Database, to_micros
from scanward.adapters.store.section import Section
from scanward.ports.stores import Sealing

_FORGET = delete(tables.used_tokens).where(tables.used_tokens.c.until <= bindparam("now"))
_USED = select(tables.used_tokens.c.token_id).where(tables.used_tokens.c.token_id == bindparam("id"))


class TokensSection(Section):
    """Login links that were used, sessions that were signed out of, forms that were sent."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        super().__init__(database, sealing)
        self._use_up = database.statements.insert_new(tables.used_tokens, "token_id")

    def use_up_token(self, token_id: str, *, until: datetime, at: datetime) -> bool:
        """Let a token be used no more; False where it was used up before. Forgets those whose `until` is over."""
        with self._database.writing() as writing:
            writing.execute(_FORGET, {"now": to_micros(at)})
            used = writing.execute(self._use_up, {"token_id": token_id, "until": to_micros(until)})
            return used.scalar_one_or_none() is not None

    def is_used_up(self, token_id: str) -> bool:
        """Return whether a token is used up."""
        with self._database.reading() as connection:
            return connection.execute(_USED, {"id": token_id}).scalar_one_or_none() is not None
