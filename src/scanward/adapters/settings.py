"""Reads ``scanward.toml`` of the home folder, and writes the first one."""

import os
import tomllib
from pathlib import Path

from scanward.config import GatewaySettings, LogSettings
from scanward.errors import ConfigError

NAME = "scanward.toml"

TEMPLATE = """\
# Settings of the gateway. Every key, its unit and its default: docs/reference/settings.md. An unknown key is refused.
# What may leave is not set here: see `scanward recipient` and `scanward consent`.

# A study to which nothing came for so long is complete.
quiet_seconds = 60

# Empty: SQLite and a folder, in this home folder. PostgreSQL: "postgresql+psycopg://scanward@host/scanward".
ledger_url = ""
vault_url = ""
blobs_url = ""

[dimse]
host = "127.0.0.1" # "0.0.0.0" listens to the network
port = 11112
ae_title = "SCANWARD"
# certificate = "/etc/scanward/tls/scanward.pem"
# key = "/etc/scanward/tls/scanward.key"
# authority = "/etc/scanward/tls/hospital-ca.pem" # with it, a caller has to show a certificate

# Who may call; everybody else is turned away.
# [[dimse.peers]]
# name = "archive"
# ae_title = "PACS"
# hosts = ["10.0.0.5"]
# [[dimse.peers]]
# name = "lung-ai results"
# ae_title = "LUNGAI"
# recipient = "lung-ai"

[http]
host = "127.0.0.1"
port = 8042

# Where results go, and what studies and priors are fetched from.
# [archive]
# host = "10.0.0.5"
# port = 104
# ae_title = "PACS"

# [[watch]]
# path = "/srv/scanward/in"
# name = "modality export"
"""


def parse_settings(text: str) -> GatewaySettings:
    """Return the settings in the TOML `text`.

    Raises
    ------
    ConfigError
        It is no TOML, a key is not known, or a value does not fit; the message names the key and not the value.
    """
    # Costs a third of a second, and only the gateway has settings.
    from pydantic import TypeAdapter, ValidationError

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = getattr(error, "lineno", None)
        raise ConfigError(
            f"{NAME}: expected TOML, got something else" + (f" in line {place}" if place else "")
        ) from None
    try:
        settings = TypeAdapter(GatewaySettings).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{NAME}: '{key}': {first['msg']}", remedy="See docs/reference/settings.md.") from None
    _check(settings)
    return settings


def load_settings(home: Path) -> GatewaySettings:
    """Return the settings of a home folder; raises `ConfigError`, also where there are none yet."""
    try:
        return parse_settings((home / NAME).read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {NAME} in the home folder yet", remedy="Make one first: scanward init"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{NAME} cannot be read") from None


def write_template(home: Path) -> bool:
    """Write the first settings into a home folder; False where there are some already."""
    path = home / NAME
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(fd, "w", encoding="utf-8") as stream:
        stream.write(TEMPLATE)
    return True


def _check(settings: GatewaySettings) -> None:
    """Refuse what is well formed and makes no sense."""
    for key in ("quiet_seconds", "backoff_seconds", "backoff_max_seconds"):
        if getattr(settings, key) < 0:
            raise ConfigError(f"{NAME}: '{key}': expected 0 or more seconds")
    if bool(settings.ledger_url) != bool(settings.vault_url):
        raise ConfigError(
            f"{NAME}: expected ledger_url and vault_url, or neither",
            remedy="Each worker would have a vault of its own otherwise, and could not read what another one wrote.",
        )
    if settings.attempts < 1:
        raise ConfigError(f"{NAME}: 'attempts': expected at least 1")
    _check_log(settings.log)
    if not 1 <= settings.shard_instances <= 1000:
        raise ConfigError(f"{NAME}: 'shard_instances': expected 1 to 1000")
    if settings.dimse is not None:
        if bool(settings.dimse.certificate) != bool(settings.dimse.key):
            raise ConfigError(f"{NAME}: 'dimse': expected certificate and key, or neither")
        if settings.dimse.authority and not settings.dimse.certificate:
            raise ConfigError(f"{NAME}: 'dimse': expected a certificate of ours where an authority is named")
        for peer in settings.dimse.peers:
            if not 1 <= len(peer.ae_title.strip()) <= 16:
                raise ConfigError(f"{NAME}: 'dimse.peers': expected an AE Title of 1 to 16 characters")
    names = [peer.name for peer in settings.dimse.peers] if settings.dimse is not None else []
    if len(set(names)) < len(names):
        raise ConfigError(f"{NAME}: 'dimse.peers': expected each name once")


def _check_log(log: LogSettings) -> None:
    if not 1 <= log.threshold <= 1 + len(log.signers):
        raise ConfigError(f"{NAME}: 'log.threshold': expected at least 1, and no more than keys that sign")
    if any(not one.command for one in log.signers):
        raise ConfigError(f"{NAME}: 'log.signers.command': expected a program")
    if bool(log.timestamp_url) != bool(log.timestamp_authority):
        raise ConfigError(f"{NAME}: 'log': expected timestamp_url and timestamp_authority, or neither")
    if any(one in log.origin for one in "+ \t\n"):
        raise ConfigError(f"{NAME}: 'log.origin': expected a name without spaces and plus signs (C2SP signed-note)")
