"""Reads how studies get to a recipient."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from scanward.adapters.document_fields import Fields, refuse
from scanward.model.agreement import (
    DimseEndpoint,
    Endpoint,
    FolderEndpoint,
    ObjectStoreEndpoint,
    PackageEndpoint,
    PullEndpoint,
    StowEndpoint,
    TlsFiles,
)

_AE_TITLE = r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?"  # PS3.5 Table 6.2-1, AE: no backslash, 16 characters
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,252})?"
_PATH = r"/.*|[A-Za-z]:[\\/].*"
_STORE = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s].*|memory://.+")
_FOLDERS = ("file:", "local:")
_MAX_PORT = 65535


def read_endpoint(fields: Fields) -> Endpoint:
    """Return the endpoint that a table describes; raises `AgreementError`."""
    reader = fields.choice("kind", _READERS)
    endpoint = reader(fields)
    fields.end()
    return endpoint


def _read_dimse(fields: Fields) -> Endpoint:
    tls = fields.find_table("tls")
    ae_title = "up to 16 printable characters without backslash"
    endpoint = DimseEndpoint(
        host=fields.text("host", pattern=_HOST, expected="a host name or address"),
        port=fields.number("port", least=1, most=_MAX_PORT),
        called_ae=fields.text("called_ae", pattern=_AE_TITLE, expected=ae_title),
        calling_ae=fields.text("calling_ae", default="SCANWARD", pattern=_AE_TITLE, expected=ae_title),
        tls=_read_tls(tls) if tls is not None else None,
    )
    if tls is not None:
        tls.end()
    return endpoint


def _read_tls(fields: Fields) -> TlsFiles:
    files = TlsFiles(
        authority=_read_path(fields, "authority", default=""),
        certificate=_read_path(fields, "certificate", default=""),
        key=_read_path(fields, "key", default=""),
    )
    if bool(files.certificate) != bool(files.key):
        raise refuse(fields.named("certificate"), "a certificate and its key", "one of the two")
    return files


def _read_stow(fields: Fields) -> Endpoint:
    endpoint = StowEndpoint(
        url=_read_web_address(fields, "url"),
        token_url=_read_web_address(fields, "token_url", optional=True),
        client_id=fields.text("client_id", default=""),
        client_secret_file=_read_path(fields, "client_secret_file", default=""),
        scope=fields.text("scope", default=""),
        authority=_read_path(fields, "authority", default=""),
    )
    wanted = (endpoint.token_url, endpoint.client_id, endpoint.client_secret_file)
    if any(wanted) != all(wanted):
        raise refuse(fields.named("token_url"), "token_url, client_id and client_secret_file together", "some of them")
    return endpoint


def _read_folder(fields: Fields) -> Endpoint:
    return FolderEndpoint(path=_read_path(fields, "path"))


def _read_object_store(fields: Fields) -> Endpoint:
    url = fields.text("url")
    if url.startswith(_FOLDERS):
        raise refuse(fields.named("url"), "an object store; what goes to a folder has the kind 'folder'", "a folder")
    if not _STORE.fullmatch(url):
        raise refuse(fields.named("url"), "an address as s3://bucket/prefix", "something else")
    if url.startswith("http://"):
        raise refuse(fields.named("url"), "an encrypted connection", "http")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise refuse(fields.named("url"), "no password in the address; options_file takes it", "one")
    return ObjectStoreEndpoint(url=url, options_file=_read_path(fields, "options_file", default=""))


def _read_package(fields: Fields) -> Endpoint:
    from pyrage import RecipientError, x25519

    keys = fields.texts("age_recipients")
    if not keys:
        raise refuse(fields.named("age_recipients"), "at least one public key of age", "none")
    for key in keys:
        try:
            x25519.Recipient.from_str(key)
        except RecipientError:
            raise refuse(fields.named("age_recipients"), "public keys of age (age1...)", "something else") from None
    return PackageEndpoint(path=_read_path(fields, "path"), age_recipients=keys)


def _read_pull(_fields: Fields) -> Endpoint:
    return PullEndpoint()


_READERS: Mapping[str, Callable[[Fields], Endpoint]] = {
    "dimse": _read_dimse,
    "stow": _read_stow,
    "folder": _read_folder,
    "object-store": _read_object_store,
    "package": _read_package,
    "pull": _read_pull,
}


def _read_path(fields: Fields, key: str, default: str | None = None) -> str:
    return fields.text(key, default=default, pattern=_PATH, expected="an absolute path")


def _read_web_address(fields: Fields, key: str, *, optional: bool = False) -> str:
    """Return an address of https; http is for this machine alone, where nobody listens in."""
    text = fields.text(key, default="" if optional else None)
    if not text:
        return text
    address = _split(text)
    if address is None or address.scheme not in ("http", "https") or not address.hostname:
        raise refuse(fields.named(key), "an address of https", "something else")
    if address.scheme == "http" and not _is_loopback(address.hostname):
        raise refuse(fields.named(key), "https, as http is for this machine alone", "http")
    if address.username is not None or address.query or address.fragment:
        raise refuse(fields.named(key), "an address without password, query and fragment", "one with")
    return text.rstrip("/")


def _split(text: str) -> SplitResult | None:
    try:
        address = urlsplit(text)
        is_port = address.port != 0  # reading the port checks it
    except ValueError:
        return None
    return address if is_port else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
