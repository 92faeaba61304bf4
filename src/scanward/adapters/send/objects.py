"""An object store as a door out, through fsspec (implements :class:`scanward.ports.network.Sender`).

An object appears whole or not at all, and one put again replaces the one before. Where a store does not answer, it is
asked what it holds.

Trust: whatever is in the store has left. The options hold keys that let a thief do there what they allow.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scanward.adapters import object_store
from scanward.adapters.send.outgoing import UNREADABLE, exact_chunks, find_path_parts, report, report_all
from scanward.errors import ConfigError, StoreError
from scanward.model.agreement import ObjectStoreEndpoint
from scanward.model.release import Delivery, DeliveryReport
from scanward.ports.network import Outgoing

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

NOT_REACHED = "the object store cannot be reached"
"""Detail of a report where nothing was sent."""


class ObjectSender:
    """Sends into an object store: ``{url}/patient/study/series/instance.dcm``, by pseudonyms and new UIDs.

    Parameters
    ----------
    endpoint
        The store.

    Raises
    ------
    ConfigError, KeyStoreError
        When nothing could ever be sent this way.
    """

    def __init__(self, endpoint: ObjectStoreEndpoint) -> None:
        self._fs, self._root = _open(endpoint)

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Put each file to its place; what is there under its name is replaced."""
        reached = False
        for index, file in enumerate(files):
            parts = find_path_parts(file)
            if parts is None:
                yield report(file, Delivery.REFUSED, "the path of the file is not made of pseudonyms and UIDs")
                continue
            path = "/".join((self._root, *parts))
            reached = reached or self._is_reached(path)
            if not reached:
                yield from report_all(files[index:], Delivery.NOT_SENT, NOT_REACHED)
                return
            delivery, detail = self._put(path, file)
            reached = delivery is not Delivery.UNKNOWN
            yield report(file, delivery, detail)

    def _is_reached(self, path: str) -> bool:
        """Whether the store answers at all, before anything is sent: afterwards a failure cannot tell."""
        try:
            self._fs.invalidate_cache()
            self._fs.info(path)
        except (FileNotFoundError, PermissionError):
            return True  # an answer; who may only write may not look
        except Exception:  # noqa: BLE001 - each store's library has errors of its own, and none may lose an outcome
            return False
        return True

    def _put(self, path: str, file: Outgoing) -> tuple[Delivery, str]:
        try:
            object_store.put_object(self._fs, path, file.size_bytes, exact_chunks(file))
        except StoreError:
            return Delivery.NOT_SENT, UNREADABLE
        except (FileNotFoundError, PermissionError):
            if self._holds(path, file):
                return Delivery.CONFIRMED, ""
            return Delivery.NOT_SENT, "the object store does not let us put objects there"
        except Exception:  # noqa: BLE001 - as above
            if self._holds(path, file):
                return Delivery.CONFIRMED, ""
            return Delivery.UNKNOWN, "the object store did not say whether it stored it"
        return Delivery.CONFIRMED, ""

    def _holds(self, path: str, file: Outgoing) -> bool:
        """Whether the store holds the bytes of `file` at `path`, for certain."""
        try:
            self._fs.invalidate_cache()
            if self._fs.info(path)["size"] != file.size_bytes:
                return False
            there = hashlib.sha256()
            for start in range(0, file.size_bytes, object_store.ONE_REQUEST_BYTES):
                end = min(start + object_store.ONE_REQUEST_BYTES, file.size_bytes)
                there.update(self._fs.cat_file(path, start=start, end=end))
            ours = hashlib.sha256()
            for chunk in exact_chunks(file):
                ours.update(chunk)
        except Exception:  # noqa: BLE001 - as above; what cannot be looked at is not known
            return False
        return there.digest() == ours.digest()


def _open(endpoint: ObjectStoreEndpoint) -> "tuple[AbstractFileSystem, str]":
    """Return the store and the path of the prefix in it."""
    options = object_store.read_options(endpoint.options_file)
    if endpoint.url.partition("://")[0] in {"s3", "s3a"}:
        _bind_s3(options)
    return object_store.open_store(
        endpoint.url, options, for_a_folder="For a folder of this machine take an endpoint of kind folder."
    )


def _bind_s3(options: dict[str, object]) -> None:
    """Take no proxy from the environment, and leave tries again to s3fs and the outbox, which wait in between."""
    given = options.get("config_kwargs", {})
    if not isinstance(given, dict):
        raise ConfigError("expected config_kwargs among the options of an object store to be a JSON object")
    options["config_kwargs"] = {"proxies": {}, "retries": {"max_attempts": 0}} | given
