"""``scanward serve``: the gateway."""

from pathlib import Path

import click

from scanward.cli.home import home_option


@click.command()
@home_option
@click.option("--no-work", is_flag=True, help="Receive and show only; `scanward worker` processes do the work.")
@click.option("--verbose", is_flag=True, help="Log more.")
def serve(home: Path | None, *, no_work: bool, verbose: bool) -> None:
    """Run the gateway: receive, decide, de-identify, account, release, bring results back. Stop with Ctrl-C."""
    from scanward.adapters.logs import set_up_logs
    from scanward.bootstrap.memory import keep_loaded
    from scanward.bootstrap.stores import open_stores
    from scanward.web.serve import run

    set_up_logs(verbose=verbose)
    with open_stores(home) as stores:
        if no_work and not stores.settings.ledger_url:
            raise click.UsageError("--no-work needs a PostgreSQL ledger, on which workers can be")
        keep_loaded()
        run(stores, works=not no_work, said=click.echo)
