"""Opens the stores of a home folder."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from scanward.adapters.blobs.folder import FolderBlobs
from scanward.adapters.documents import parse_recipient_document
from scanward.adapters.engines.dbos import make_work_engine
from scanward.adapters.home import find_home, make_private_folder
from scanward.adapters.keys import KeyFolder
from scanward.adapters.sealing import MasterSealing
from scanward.adapters.settings import load_settings
from scanward.adapters.store.custody import SqlCustody
from scanward.adapters.store.database import Database
from scanward.adapters.store.engine import make_engine
from scanward.adapters.store.jobs import SqlJobs
from scanward.adapters.store.ledger import SqlLedger
from scanward.adapters.store.migrations import upgrade
from scanward.adapters.store.peers import SqlPeerBook
from scanward.adapters.vault import SqlVault
from scanward.config import GatewaySettings
from scanward.errors import ConfigError
from scanward.ports.stores import Blobs

LEDGER = "ledger.db"
VAULT = "vault.db"
ENGINE = "engine.db"
BLOBS = "blobs"
SPOOL = "spool"


@dataclass(frozen=True, kw_only=True)
class Stores:
    """The stores of a gateway; as a context manager they are closed at the end.

    Attributes
    ----------
    home
        The home folder.
    settings
        What ``scanward.toml`` in it says.
    keys, ledger, vault, blobs, sealing
        The stores.
    custody
        Seals and custody statements, in the ledger's database.
    jobs
        Batches of files, in the ledger's database.
    peers
        What is owed to DICOM peers, in the ledger's database.
    engine
        Of the database of durable work.
    spool
        Folder for what is on its way in or is inflated; closed to others.
    """

    home: Path
    settings: GatewaySettings
    keys: KeyFolder
    sealing: MasterSealing
    ledger: SqlLedger
    custody: SqlCustody
    jobs: SqlJobs
    peers: SqlPeerBook
    vault: SqlVault
    blobs: Blobs
    engine: Engine
    spool: Path
    engines: tuple[Engine, ...]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the databases."""
        self.close()

    def close(self) -> None:
        """Close the databases."""
        for engine in self.engines:
            engine.dispose()


def open_stores(home: Path | None = None, settings: GatewaySettings | None = None) -> Stores:
    """Open the stores, made or brought up to date where needed.

    Parameters
    ----------
    home
        The home folder; None takes ``SCANWARD_HOME`` or the platform's user data folder.
    settings
        Instead of those in the home folder.

    Raises
    ------
    ConfigError, KeyStoreError, StoreError
        Something is not as it has to be; nothing stays open.
    """
    folder = find_home(home)
    if settings is None:
        settings = load_settings(folder)
    make_private_folder(folder)
    spool = folder / SPOOL
    make_private_folder(spool)
    keys = KeyFolder(folder)
    sealing = MasterSealing(keys.derived_key("ledger"))
    with contextlib.ExitStack() as opened:
        ledger_engine = _open(opened, settings.ledger_url or f"sqlite:///{folder / LEDGER}")
        upgrade(ledger_engine)
        vault_engine = _open(opened, settings.vault_url or f"sqlite:///{folder / VAULT}")
        vault = SqlVault(vault_engine, keys.derived_key("vault"))
        vault.prepare()
        work_engine = _open(opened, settings.ledger_url) if settings.ledger_url else make_work_engine(folder / ENGINE)
        blobs = _open_blobs(folder, settings)
        opened.pop_all()
    return Stores(
        home=folder,
        settings=settings,
        keys=keys,
        sealing=sealing,
        ledger=SqlLedger(ledger_engine, sealing, parse_recipient_document),
        custody=SqlCustody(Database(ledger_engine), sealing),
        jobs=SqlJobs(Database(ledger_engine), sealing),
        peers=SqlPeerBook(Database(ledger_engine), sealing),
        vault=vault,
        blobs=blobs,
        engine=work_engine,
        spool=spool,
        engines=(ledger_engine, vault_engine, work_engine),
    )


def _open(opened: contextlib.ExitStack, url: str) -> Engine:
    engine = make_engine(url)
    opened.callback(engine.dispose)
    return engine


def _open_blobs(home: Path, settings: GatewaySettings) -> Blobs:
    if not settings.blobs_url:
        folder = home / BLOBS
        make_private_folder(folder)
        blobs = FolderBlobs(folder, min_free_bytes=settings.min_free_bytes)
        blobs.clear_staged()
        return blobs
    from scanward.adapters.blobs.objects import ObjectBlobs
    from scanward.adapters.object_store import read_options

    if settings.ledger_url.startswith("sqlite") or not settings.ledger_url:
        raise ConfigError(
            "expected a PostgreSQL ledger where blobs are in an object store",
            remedy="Set ledger_url and vault_url too, so that every worker sees the same.",
        )
    return ObjectBlobs(settings.blobs_url, read_options(settings.blobs_options_file))
