"""An object store as a door out, through fsspec (implements :class:`scanward.ports.network.Sender`).

An object appears whole or not at all, and one put again replaces the one before. Where a store does not answer, it is
asked what it holds.

Trust: whatever is in the store has left. The options hold keys that let a thief do there what they allow.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.adapters.send.credentials import read_private
from scanward.adapters.send.outgoing import UNREADABLE, exact_chunks, find_path_parts, report, report_all
from scanward.errors import ConfigError, StoreError
from scanward.model.agreement import ObjectStoreEndpoint
from scanward.model.release import Delivery, DeliveryReport
from scanward.ports.network import Outgoing

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ONE_REQUEST_BYTES = 32 * 1024**2
"""Up to this size an instance is sent in one request, from memory; a larger one in parts of this size."""

NOT_REACHED = "the object store cannot be reached"
"""Detail of a report where nothing was sent."""

_LOCAL = frozenset({"file", "local"})


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
        self._fs, self._root = _open_store(endpoint)

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
            if file.size_bytes <= ONE_REQUEST_BYTES:
                self._fs.pipe_file(path, b"".join(exact_chunks(file)))
            else:
                self._put_parts(path, file)
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

    def _put_parts(self, path: str, file: Outgoing) -> None:
        """Put a large file; it appears when all parts are there."""
        handle = self._fs.open(path, "wb", block_size=ONE_REQUEST_BYTES, autocommit=False)
        try:
            for chunk in exact_chunks(file):
                handle.write(chunk)
            handle.close()
        except BaseException:
            handle.closed = True  # or it would send the rest when it is collected
            handle.discard()
            raise
        handle.commit()

    def _holds(self, path: str, file: Outgoing) -> bool:
        """Whether the store holds the bytes of `file` at `path`, for certain."""
        try:
            self._fs.invalidate_cache()
            if self._fs.info(path)["size"] != file.size_bytes:
                return False
            there = hashlib.sha256()
            for start in range(0, file.size_bytes, ONE_REQUEST_BYTES):
                end = min(start + ONE_REQUEST_BYTES, file.size_bytes)
                there.update(self._fs.cat_file(path, start=start, end=end))
            ours = hashlib.sha256()
            for chunk in exact_chunks(file):
                ours.update(chunk)
        except Exception:  # noqa: BLE001 - as above; what cannot be looked at is not known
            return False
        return there.digest() == ours.digest()


def _open_store(endpoint: ObjectStoreEndpoint) -> "tuple[AbstractFileSystem, str]":
    """Return the store and the path of the prefix in it."""
    from fsspec.core import url_to_fs

    protocol, found, _ = endpoint.url.partition("://")
    if not found or "::" in endpoint.url or protocol in _LOCAL:
        raise ConfigError(
            "expected the URL of an object store, such as s3://bucket/prefix",
            remedy="For a folder of this machine take an endpoint of kind folder.",
        )
    options = _read_options(endpoint.options_file)
    if protocol in {"s3", "s3a"}:
        _bind_s3(options)
    try:
        fs, root = url_to_fs(endpoint.url, skip_instance_cache=True, use_listings_cache=False, **options)
    except ImportError:
        raise ConfigError(
            "the library for this kind of object store is missing", remedy="For S3: pip install scanward[s3]"
        ) from None
    except (TypeError, ValueError, KeyError):
        raise ConfigError("the URL or an option of the object store is not known to fsspec") from None
    return fs, str(root).rstrip("/")


def _read_options(name: str) -> dict[str, object]:
    if not name:
        return {}
    try:
        options: object = json.loads(read_private(Path(name)))
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise ConfigError("expected the options of an object store to be a JSON object")
    return options


def _bind_s3(options: dict[str, object]) -> None:
    """Take no proxy from the environment, and leave tries again to s3fs and the outbox, which wait in between."""
    given = options.get("config_kwargs", {})
    if not isinstance(given, dict):
        raise ConfigError("expected config_kwargs among the options of an object store to be a JSON object")
    options["config_kwargs"] = {"proxies": {}, "retries": {"max_attempts": 0}} | given
