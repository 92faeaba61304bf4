"""The door out for each kind of endpoint."""

import threading
from typing import assert_never

from scanward.errors import ConfigError
from scanward.model.agreement import (
    DimseEndpoint,
    FolderEndpoint,
    ObjectStoreEndpoint,
    PackageEndpoint,
    PullEndpoint,
    Recipient,
    StowEndpoint,
)
from scanward.model.release import Consignment
from scanward.ports.network import Sender


class Senders:
    """Makes doors out; keeps those that hold a token, so that it is asked for once. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Recipient, Sender]] = {}

    def __call__(self, recipient: Recipient, consignment: Consignment) -> Sender:
        """Return the door out to `recipient`, see `make_sender`."""
        if not isinstance(recipient.endpoint, StowEndpoint):
            return make_sender(recipient, consignment)
        with self._lock:
            known, sender = self._kept.get(recipient.recipient_id, (None, None))
            if sender is None or known != recipient:
                sender = make_sender(recipient, consignment)
                self._kept[recipient.recipient_id] = (recipient, sender)
            return sender


def make_sender(recipient: Recipient, consignment: Consignment) -> Sender:
    """Return the door out to `recipient`.

    Parameters
    ----------
    recipient
        To whom.
    consignment
        What is sent, as far as a package says it.

    Raises
    ------
    ConfigError, KeyStoreError
        When nothing could ever be sent to its endpoint, or when the recipient fetches.
    """
    match recipient.endpoint:
        case DimseEndpoint() as endpoint:
            from scanward.adapters.send.dimse import DimseSender

            return DimseSender(endpoint)
        case StowEndpoint() as endpoint:
            from scanward.adapters.send.stow import StowSender

            return StowSender(endpoint)
        case FolderEndpoint() as endpoint:
            from scanward.adapters.send.folder_drop import FolderSender

            return FolderSender(endpoint)
        case ObjectStoreEndpoint() as endpoint:
            from scanward.adapters.send.objects import ObjectSender

            return ObjectSender(endpoint)
        case PackageEndpoint() as endpoint:
            return _make_package_sender(recipient, endpoint, consignment)
        case PullEndpoint():
            raise ConfigError("nothing is sent to a recipient that fetches")
        case never:
            assert_never(never)


def _make_package_sender(recipient: Recipient, endpoint: PackageEndpoint, consignment: Consignment) -> Sender:
    from scanward.adapters.send.package import PackageSender, Terms

    agreement = recipient.agreement
    if agreement is None:
        raise ConfigError("expected an agreement with the recipient: the manifest of a package says what was agreed")
    terms = Terms(
        purpose=recipient.purpose,
        region=agreement.region,
        obligations=agreement.obligations,
    )
    return PackageSender(endpoint, terms=terms, consignment=consignment)
