"""Encrypted blobs in object stores: a server of S3 on loopback, and fsspec's memory."""

import errno
import json
import socket
import threading
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from scanward.adapters import object_store
from scanward.adapters.blobs.format import HEADER_BYTES, SEGMENT_BYTES, TAG_BYTES, stored_bytes
from scanward.adapters.blobs.objects import FRONT_BYTES, ObjectBlobs
from scanward.adapters.object_store import read_options
from scanward.errors import ConfigError, KeyStoreError, SourceError, StoreError, StoreFullError
from scanward.model.instance import BytesSource

KEY = bytes(range(32))
SEALED = SEGMENT_BYTES + TAG_BYTES
SIZES = [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 530_000]
QUICK = {"config_kwargs": {"proxies": {}, "retries": {"max_attempts": 0}, "connect_timeout": 2}}


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {"key": "k", "secret": "s", "endpoint_url": f"http://{host}:{port}", **QUICK}
    finally:
        server.stop()


class Shop:
    """A store with nothing in it and a way to look inside."""

    def __init__(self, url, options, fs):
        self.url, self.options, self.fs = url, options, fs
        self.blobs = ObjectBlobs(url, options)

    def path(self, name):
        return f"{self.url.partition('://')[2]}/{name[:2]}/{name[2:]}"

    def load(self, name):
        return self.fs.cat_file(self.path(name))

    def save(self, name, data):
        self.fs.pipe_file(self.path(name), data)

    def count(self):
        return len(self.fs.find(self.url.partition("://")[2]))


@pytest.fixture(params=["s3", "memory"])
def shop(request):
    name = f"b{abs(hash(request.node.nodeid)):x}"
    if request.param == "memory":
        yield Shop(f"memory://{name}", {}, fs := fsspec.filesystem("memory", skip_instance_cache=True))
        if fs.exists(name):
            fs.rm(name, recursive=True)
        return
    options = request.getfixturevalue("s3")
    fs = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False, **options)
    fs.mkdir(name)
    yield Shop(f"s3://{name}/of/hospital", options, fs)


def read_all(blobs, name, key=KEY):
    with blobs.open(key, name) as source:
        return source.read(0, source.size)


def patterned(size):
    return b"".join(index.to_bytes(4, "big") for index in range(size // 4 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out(shop, size):
    content = patterned(size)
    name = shop.blobs.put(KEY, BytesSource(content))
    assert len(shop.load(name)) == stored_bytes(size)
    assert read_all(ObjectBlobs(shop.url, shop.options), name) == content
    with shop.blobs.open(KEY, name) as source:
        assert source.size == size
        assert source.fileno() is None
        for offset in range(0, size, 50_001):
            assert source.read(offset, 300) == content[offset : offset + 300]


def test_a_large_blob_goes_in_parts(shop, monkeypatch):
    monkeypatch.setattr(object_store, "ONE_REQUEST_BYTES", 5 * 1024**2)  # the least that S3 takes as a part
    content = patterned(11 * 1024**2)
    name = shop.blobs.put(KEY, BytesSource(content))
    assert read_all(shop.blobs, name) == content


class EndsEarly(BytesSource):
    """Content of which the end cannot be read."""

    def read(self, offset, length):
        if offset >= 6 * 1024**2:
            raise SourceError("an input could not be read")
        return super().read(offset, length)


def test_a_large_blob_that_cannot_be_read_to_its_end_is_not_there(shop, monkeypatch):
    monkeypatch.setattr(object_store, "ONE_REQUEST_BYTES", 5 * 1024**2)
    with pytest.raises(SourceError):
        shop.blobs.put(KEY, EndsEarly(patterned(11 * 1024**2)))
    assert shop.count() == 0
    if hasattr(shop.fs, "list_multipart_uploads"):
        assert shop.fs.list_multipart_uploads(shop.path("").partition("/")[0]) == []


def test_reading_a_header_takes_one_request(shop, monkeypatch):
    name = shop.blobs.put(KEY, BytesSource(patterned(530_000)))
    asked = []
    fetch = ObjectBlobs._fetch

    def counted(self, path, offset, length):
        asked.append((offset, length))
        return fetch(self, path, offset, length)

    monkeypatch.setattr(ObjectBlobs, "_fetch", counted)
    with shop.blobs.open(KEY, name) as source:
        for offset in range(0, 60_000, 1000):
            source.read(offset, 1000)
        assert asked == [(0, FRONT_BYTES)]
        source.read(SEGMENT_BYTES, source.size)
        assert len(asked) == 2


@pytest.mark.parametrize("size", [10, SEGMENT_BYTES, 3 * SEGMENT_BYTES])
def test_what_is_altered_in_the_store_does_not_open(shop, size):
    name = shop.blobs.put(KEY, BytesSource(patterned(size)))
    stored = shop.load(name)
    altered = [
        stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
        for at in (0, 9, 20, 50, HEADER_BYTES, -1 % len(stored))
    ]
    cut = [stored[:at] for at in (1, HEADER_BYTES, len(stored) - 1, len(stored) - SEALED) if 0 < at < len(stored)]
    for wrong in [*altered, *cut, stored + b"\0"]:
        shop.save(name, wrong)
        with pytest.raises(StoreError):
            read_all(shop.blobs, name)
    shop.save(name, stored)
    assert read_all(shop.blobs, name) == patterned(size)


def test_swapped_objects_and_other_keys_do_not_open(shop):
    first, second = (shop.blobs.put(KEY, BytesSource(content)) for content in (b"first", b"other"))
    one, other = shop.load(first), shop.load(second)
    shop.save(first, other)
    shop.save(second, one)
    for name in (first, second):
        with pytest.raises(StoreError, match="another key or name"):
            shop.blobs.open(KEY, name)
    shop.save(first, one)
    with pytest.raises(StoreError, match="another key or name"):
        shop.blobs.open(bytes(32), first)


def test_an_empty_object_in_the_place_of_a_blob_does_not_open(shop):
    name = shop.blobs.put(KEY, BytesSource(b"x"))
    shop.save(name, b"")
    with pytest.raises(StoreError):
        shop.blobs.open(KEY, name)


def test_names_come_with_their_time(shop):
    assert list(shop.blobs.names()) == []
    before = datetime.now(UTC) - timedelta(seconds=2)
    stored = {shop.blobs.put(KEY, BytesSource(b"x")) for _ in range(4)}
    shop.save("notes" * 3, b"by hand")
    listed = dict(shop.blobs.names())
    assert set(listed) == stored
    assert all(before < time < datetime.now(UTC) + timedelta(seconds=2) for time in listed.values())


def test_deleting_twice_is_deleting(shop):
    name = shop.blobs.put(KEY, BytesSource(b"x"))
    shop.blobs.delete(name)
    assert shop.count() == 0
    shop.blobs.delete(name)
    with pytest.raises(StoreError, match="is not there"):
        shop.blobs.open(KEY, name)


@pytest.mark.parametrize("name", ["", "../x", "a" * 31, "A" * 32, "a" * 32 + "\n"])
def test_only_names_of_blobs_lead_anywhere(shop, name):
    for act in (shop.blobs.delete, lambda given: shop.blobs.open(KEY, given)):
        with pytest.raises(StoreError, match="32 hexadecimal"):
            act(name)


def test_threads_share_a_store(shop):
    names = []

    def put(seed):
        names.extend((shop.blobs.put(KEY, BytesSource(bytes([seed, n]))), bytes([seed, n])) for n in range(5))

    threads = [threading.Thread(target=put, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 20
    assert all(read_all(shop.blobs, name) == content for name, content in names)


# --- failures


def test_a_store_that_is_not_there_is_told_of_without_names():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        options = {"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{free.getsockname()[1]}", **QUICK}
        blobs = ObjectBlobs("s3://secret-bucket/x", options)
        blobs._fs.retries = 1
        for act in (
            lambda: blobs.put(KEY, BytesSource(b"x")),
            lambda: blobs.open(KEY, "a" * 32),
            lambda: blobs.delete("a" * 32),
            lambda: list(blobs.names()),
        ):
            with pytest.raises(StoreError) as caught:
                act()
            assert "secret-bucket" not in str(caught.value) + caught.value.remedy
            assert "aaaa" not in str(caught.value)
            assert caught.value.__suppress_context__


def test_a_bucket_that_is_not_there_is_no_missing_blob(s3):
    blobs = ObjectBlobs("s3://no-such-bucket/x", s3)
    with pytest.raises(StoreError, match="the bucket is not there"):
        blobs.put(KEY, BytesSource(b"x"))


class ClientError(Exception):
    """As botocore makes them."""

    def __init__(self, code, status):
        super().__init__(code)
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


def caused(cause):
    try:
        raise OSError(errno.EIO, "x") from cause
    except OSError as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "x"), StoreFullError),
        (OSError(errno.EDQUOT, "x"), StoreFullError),
        (ClientError("QuotaExceeded", 403), StoreFullError),
        (ClientError("Anything", 507), StoreFullError),
        (caused(ClientError("XMinioStorageFull", 507)), StoreFullError),
        (ClientError("AccessDenied", 403), StoreError),
        (OSError(errno.EIO, "x"), StoreError),
        (RuntimeError("Doe^Jane"), StoreError),
    ],
)
def test_what_a_library_raises_becomes_ours(shop, monkeypatch, error, expected):
    pipe = type(shop.blobs._fs).pipe_file

    def stores_and_fails(*args, **kwargs):
        pipe(shop.blobs._fs, *args, **kwargs)
        raise error

    monkeypatch.setattr(shop.blobs._fs, "pipe_file", stores_and_fails)
    with pytest.raises(StoreError) as caught:
        shop.blobs.put(KEY, BytesSource(b"x"))
    assert type(caught.value) is expected
    assert "Doe" not in str(caught.value)
    assert shop.count() == 0


@pytest.mark.parametrize(
    "url", ["", "bucket", "file:///somewhere", "local://x", "simplecache::s3://b/x", "nonsense://x"]
)
def test_what_is_no_object_store_is_refused(url):
    with pytest.raises(ConfigError):
        ObjectBlobs(url)


@pytest.mark.parametrize("options", [{"key": "k", "username": "u"}, {"use_listings_cache": True}])
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(ConfigError, match="not known"):
        ObjectBlobs("s3://bucket/x", options)


def test_options_come_from_a_closed_file(tmp_path):
    path = tmp_path / "options.json"
    assert read_options("") == {}
    path.write_text(json.dumps({"key": "k"}))
    path.chmod(0o644)
    with pytest.raises(KeyStoreError, match="closed to others"):
        read_options(str(path))
    path.chmod(0o600)
    assert read_options(str(path)) == {"key": "k"}
    for wrong in ("[]", "{", "", "x" * 70_000, "[" * 60_000):
        path.write_text(wrong)
        with pytest.raises(ConfigError, match="JSON object") as caught:
            read_options(str(path))
        assert "xxx" not in str(caught.value)
    with pytest.raises(KeyStoreError):
        read_options(str(tmp_path / "none"))
