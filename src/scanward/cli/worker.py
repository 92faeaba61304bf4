"""``scanward worker``: more hands for the same work."""

from pathlib import Path

import click

from scanward.cli.home import home_option


@click.command()
@home_option
@click.option("--verbose", is_flag=True, help="Log more.")
def worker(home: Path | None, *, verbose: bool) -> None:
    """Do the work of a gateway whose ledger is on PostgreSQL, beside any number of other workers.

    The home folder of a worker holds the same settings and keys as the gateway's. Stop with Ctrl-C or SIGTERM; a worker
    that dies is taken over by the others.
    """
    from scanward.adapters.logs import set_up_logs
    from scanward.bootstrap.memory import keep_loaded
    from scanward.bootstrap.stores import open_stores
    from scanward.worker import run_worker

    set_up_logs(verbose=verbose)
    with open_stores(home) as stores:
        if not stores.settings.ledger_url:
            raise click.UsageError("workers need a PostgreSQL ledger: set ledger_url, vault_url and blobs_url")
        keep_loaded()
        run_worker(stores)
