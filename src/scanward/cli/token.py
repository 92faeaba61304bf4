"""``scanward token``: a token for the API, or a link to sign in to the staff page."""

from datetime import timedelta
from pathlib import Path

import click

from scanward.cli.home import home_option

ROLES = ("privacy-officer", "imaging-it", "researcher", "recipient", "auditor")

LOGIN_MINUTES = 10


@click.command()
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="Repeatable.")
@click.option("--subject", required=True, metavar="NAME", help="Who uses it; records show this name.")
@click.option("--recipient", default="", metavar="ID", help="With the role recipient: which one.")
@click.option("--hours", type=click.IntRange(1, 24 * 365), default=8, show_default=True, help="For how long.")
@click.option("--login", is_flag=True, help="Print a link that signs in to the staff page once, within ten minutes.")
@home_option
def token(roles: tuple[str, ...], subject: str, recipient: str, hours: int, *, login: bool, home: Path | None) -> None:
    """Issue a token. Whoever has it can do what its role may: pass it on with care."""
    from scanward.adapters.home import find_home
    from scanward.adapters.keys import KeyFolder
    from scanward.adapters.settings import load_settings
    from scanward.bootstrap.gateway import read_running
    from scanward.web.auth import AUDIENCE_BEARER, AUDIENCE_LOGIN, issue_token
    from scanward.web.roles import Role

    folder = find_home(home)
    http = load_settings(folder).http
    if http is None:
        raise click.UsageError("the gateway has no HTTP door: set [http]")
    issued = issue_token(
        KeyFolder(folder).derived_key("tokens"),
        subject,
        [Role(role) for role in roles],
        recipient,
        timedelta(minutes=LOGIN_MINUTES) if login else timedelta(hours=hours),
        audience=AUDIENCE_LOGIN if login else AUDIENCE_BEARER,
    )
    if not login:
        click.echo(issued)
        return
    running = read_running(folder)
    port = running["http_port"] if running else http.port
    scheme = "https" if http.certificate else "http"
    click.echo(f"{scheme}://{http.host}:{port}/staff/enter?token={issued}")
