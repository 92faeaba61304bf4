"""The ledger on SQLite or PostgreSQL, put together from its sections."""

from collections.abc import Callable

from sqlalchemy import Engine

from scanward.adapters.store.database import Database
from scanward.adapters.store.desk import DeskSection
from scanward.adapters.store.face_findings import FaceFindingsSection
from scanward.adapters.store.healing import HealingSection
from scanward.adapters.store.holding import HoldsSection
from scanward.adapters.store.intake import IntakeSection
from scanward.adapters.store.monitor import MonitorSection
from scanward.adapters.store.offers import OffersSection
from scanward.adapters.store.outbox import OutboxSection
from scanward.adapters.store.patients import PatientsSection
from scanward.adapters.store.priors import PriorsSection
from scanward.adapters.store.registry import RegistrySection
from scanward.adapters.store.renewal import RenewalSection
from scanward.adapters.store.results import ResultsSection
from scanward.adapters.store.routing import RoutingSection
from scanward.adapters.store.screens import ScreensSection
from scanward.adapters.store.tokens import TokensSection
from scanward.adapters.store.workers import WorkersSection
from scanward.model.agreement import Recipient
from scanward.ports.stores import Sealing


class SqlLedger(
    IntakeSection,
    HealingSection,
    PriorsSection,
    RoutingSection,
    HoldsSection,
    OutboxSection,
    RenewalSection,
    ResultsSection,
    WorkersSection,
    MonitorSection,
    DeskSection,
    RegistrySection,
    TokensSection,
    PatientsSection,
    OffersSection,
    ScreensSection,
    FaceFindingsSection,
):
    """Studies, decisions, disclosures, work items, recipients and consents; for any number of threads and processes.

    Implements :class:`scanward.ports.ledger.Ledger`, :class:`scanward.ports.ledger.Registry` and
    :class:`scanward.ports.ledger.Desk`. Trusted: what it says permits. If stolen: who was sent where, under encryption.
    If lost: restore from backup.

    Parameters
    ----------
    engine
        As :func:`scanward.adapters.store.engine.make_engine` makes it, on a database brought up to date by
        :func:`scanward.adapters.store.migrations.upgrade`.
    sealing
        Seals what tells who a patient is.
    parse
        Reads a recipient's document.
    """

    def __init__(self, engine: Engine, sealing: Sealing, parse: Callable[[str], Recipient]) -> None:
        self._parse = parse
        super().__init__(Database(engine), sealing)
