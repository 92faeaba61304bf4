"""``scanward recipient``: who may receive what."""

import getpass
from pathlib import Path

import click

from scanward.cli.home import home_option
from scanward.cli.tables import print_table


@click.group()
def recipient() -> None:
    """Add, list and end recipients and what was agreed with them."""


@recipient.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@home_option
def add(file: Path, home: Path | None) -> None:
    """Put the recipient that FILE (TOML) describes in force, or a new version of it."""
    from scanward.adapters.documents import parse_recipient_document
    from scanward.bootstrap.desk import open_staff

    document = file.read_text("utf-8")
    parsed = parse_recipient_document(document)
    with open_staff(home) as staff:
        saved = staff.save_recipient(parsed.recipient_id, document, getpass.getuser())
    click.echo(f"{saved.recipient_id}: in force (version {saved.version[:12]})")
    if saved.agreement is None:
        click.echo("  Nothing is agreed with it, so nothing will leave for it.")


@recipient.command("list")
@home_option
def list_(home: Path | None) -> None:
    """List the recipients in force."""
    from scanward.bootstrap.stores import open_stores

    with open_stores(home) as stores:
        recipients = stores.ledger.recipients()
    if not recipients:
        click.echo("no recipients yet: scanward recipient add FILE.toml")
        return
    print_table(
        ("id", "name", "purpose", "region", "until", "keeps (days)", "approval"),
        [
            (
                one.recipient_id,
                one.name,
                one.purpose,
                one.agreement.region if one.agreement else "nothing agreed",
                one.agreement.ends.isoformat() if one.agreement else "",
                str(one.agreement.retention_days) if one.agreement else "",
                "a person" if one.agreement and one.agreement.human_approval else "",
            )
            for one in recipients
        ],
    )


@recipient.command()
@click.argument("recipient_id", metavar="ID")
@home_option
def end(recipient_id: str, home: Path | None) -> None:
    """Take the recipient ID out of force: nothing leaves for it any more, not even what is queued."""
    from scanward.bootstrap.desk import open_staff

    with open_staff(home) as staff:
        staff.end_recipient(recipient_id, getpass.getuser())
    click.echo(f"{recipient_id}: ended")
