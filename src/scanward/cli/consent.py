"""``scanward consent``: what a patient allowed and refused."""

import getpass
from pathlib import Path

import click

from scanward.cli.home import home_option
from scanward.cli.tables import print_table

_issuer = click.option("--issuer", default="", metavar="TEXT", help="Issuer of Patient ID, where instances name one.")


@click.group()
def consent() -> None:
    """Record, list and revoke what patients allowed and refused."""


@consent.command()
@click.argument("patient_id", metavar="PATIENT_ID")
@click.argument("effect", type=click.Choice(["permit", "deny"]))
@click.option("--purpose", "purposes", multiple=True, metavar="CODE", help="ActReason code; repeatable. [deny: all]")
@click.option("--recipient", "recipients", multiple=True, metavar="ID", help="Repeatable.  [default: all]")
@click.option("--from", "starts", metavar="TIME", help="ISO 8601 with offset.  [default: always]")
@click.option("--until", "ends", metavar="TIME", help="ISO 8601 with offset.  [default: open]")
@_issuer
@home_option
def add(
    patient_id: str,
    effect: str,
    purposes: tuple[str, ...],
    recipients: tuple[str, ...],
    starts: str | None,
    ends: str | None,
    issuer: str,
    home: Path | None,
) -> None:
    """Record that the patient permits or denies."""
    from scanward.bootstrap.desk import open_staff

    if effect == "permit" and not purposes:
        raise click.UsageError("a permit names its purposes: --purpose CODE")
    content: dict[str, object] = {
        "effect": effect,
        "purposes": list(purposes) or ["*"],
        "recipients": list(recipients) or ["*"],
    }
    content |= {key: value for key, value in (("starts", starts), ("ends", ends)) if value}
    with open_staff(home) as staff:
        number = staff.add_provision(staff.patient(patient_id, issuer), content, getpass.getuser())
    click.echo(f"recorded as {number}")


@consent.command("list")
@click.argument("patient_id", metavar="PATIENT_ID")
@_issuer
@home_option
def list_(patient_id: str, issuer: str, home: Path | None) -> None:
    """List what is recorded of the patient."""
    from scanward.adapters.documents import provision_as_json
    from scanward.bootstrap.desk import open_staff
    from scanward.bootstrap.stores import open_stores

    with open_stores(home) as stores, open_staff(stores=stores) as staff:
        recorded = stores.ledger.provisions(staff.patient(patient_id, issuer))
    rows = []
    for one in recorded:
        content = provision_as_json(one.provision)
        rows.append(
            (
                str(one.provision_id),
                str(content["effect"]),
                ", ".join(sorted(one.provision.purposes)),
                ", ".join(sorted(one.provision.recipients)),
                str(content.get("starts") or ""),
                str(content.get("ends") or ""),
                one.recorded.isoformat(timespec="seconds"),
                one.revoked.isoformat(timespec="seconds") if one.revoked else "",
            )
        )
    print_table(("no.", "effect", "purposes", "recipients", "from", "until", "recorded", "revoked"), rows)


@consent.command()
@click.argument("patient_id", metavar="PATIENT_ID")
@click.argument("number", type=int)
@_issuer
@home_option
def revoke(patient_id: str, number: int, issuer: str, home: Path | None) -> None:
    """Take a recorded permit or denial back from now on; what is queued is decided on again."""
    from scanward.bootstrap.desk import open_staff

    with open_staff(home) as staff:
        staff.revoke_provision(staff.patient(patient_id, issuer), number, getpass.getuser())
    click.echo(f"{number}: revoked")
