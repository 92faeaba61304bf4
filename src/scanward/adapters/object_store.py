"""Object stores through fsspec: one is opened by its URL and options, and an object appears whole or not at all."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.adapters.home import check_private
from scanward.errors import ConfigError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ONE_REQUEST_BYTES = 32 * 1024**2
"""Up to this size an object is put by one request, from memory; a larger one in parts of this size."""

MAX_OPTIONS_BYTES = 64 * 1024
"""A longer file holds no options."""

_LOCAL = frozenset({"file", "local"})


def read_options(name: str) -> dict[str, object]:
    """Return the options in the JSON file `name`; none where it is empty.

    Raises
    ------
    KeyStoreError
        Others can read the file.
    ConfigError
        It cannot be read, or is no JSON object.
    """
    if not name:
        return {}
    check_private(Path(name))
    try:
        with open(name, "rb") as file:
            content = file.read(MAX_OPTIONS_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the options of an object store: {os.strerror(error.errno or 0)}") from None
    try:
        options: object = json.loads(content) if len(content) <= MAX_OPTIONS_BYTES else None
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        raise ConfigError(
            f"expected the options of an object store to be a JSON object of up to {MAX_OPTIONS_BYTES} bytes"
        )
    return options


def open_store(url: str, options: Mapping[str, object], *, for_a_folder: str) -> "tuple[AbstractFileSystem, str]":
    """Return the store and the path of the prefix in it.

    Parameters
    ----------
    url
        As fsspec takes it: ``s3://bucket/prefix``.
    options
        Of fsspec, for the kind of store.
    for_a_folder
        What to do for a folder of this machine, which is no object store.

    Raises
    ------
    ConfigError
        The URL, the kind of store or an option is not known.
    """
    from fsspec.core import url_to_fs

    protocol, found, _ = url.partition("://")
    if not found or "::" in url or protocol in _LOCAL:
        raise ConfigError("expected the URL of an object store, such as s3://bucket/prefix", remedy=for_a_folder)
    try:
        # Others put and delete too, so that a listing from before is no use.
        fs, root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False, **options)
    except ImportError:
        raise ConfigError(
            "the library for this kind of object store is missing", remedy="For S3: pip install scanward[s3]"
        ) from None
    except (TypeError, ValueError, KeyError):
        raise ConfigError("the URL or an option of the object store is not known to fsspec") from None
    return fs, str(root).rstrip("/")


def put_object(fs: "AbstractFileSystem", path: str, size_bytes: int, pieces: Iterable[bytes]) -> None:
    """Put an object of so many bytes; raises whatever the library of the store, or `pieces`, raises."""
    if size_bytes <= ONE_REQUEST_BYTES:
        fs.pipe_file(path, b"".join(pieces))
        return
    handle = fs.open(path, "wb", block_size=ONE_REQUEST_BYTES, autocommit=False)
    try:
        for piece in pieces:
            handle.write(piece)
        handle.close()
    except BaseException:
        with suppress(AttributeError):  # only kinds that send by themselves let it be set
            handle.closed = True  # or it would send the rest when it is collected
        with suppress(Exception):  # parts that are no object; the store takes them away by its own rules
            handle.discard()
        raise
    handle.commit()
