"""An object store as a door out, with a server of S3 on loopback."""

import json
import socket

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from scanward.adapters import object_store
from scanward.adapters.send.objects import ObjectSender
from scanward.errors import ConfigError, KeyStoreError
from scanward.model.agreement import ObjectStoreEndpoint
from scanward.model.release import Delivery
from tests.common.outgoing import make_outgoing, make_several

CONFIRMED, REFUSED, NOT_SENT, UNKNOWN = Delivery.CONFIRMED, Delivery.REFUSED, Delivery.NOT_SENT, Delivery.UNKNOWN


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def options_for(tmp_path, url, **more):
    path = tmp_path / "options.json"
    options = {"key": "k", "secret": "s", "endpoint_url": url}
    path.write_text(json.dumps(options | more))
    path.chmod(0o600)
    return path


@pytest.fixture
def bucket(s3, tmp_path, request):
    """Endpoint of a prefix in a new bucket, and the store itself to look into."""
    name = f"b{abs(hash(request.node.nodeid)):x}"
    options = options_for(tmp_path, s3)
    fs = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False, **json.loads(options.read_text()))
    fs.mkdir(name)
    return ObjectStoreEndpoint(url=f"s3://{name}/from/hospital", options_file=str(options)), fs, name


def send(endpoint, files):
    reports = list(ObjectSender(endpoint).send(files))
    found = {each.sop_instance_uid: each.delivery for each in reports}
    assert len(reports) == len(found)
    return [found[file.sop_instance_uid] for file in files]


def test_files_come_to_their_places_and_again_replace(bucket):
    endpoint, fs, name = bucket
    files = make_several(3)
    for _ in range(2):
        assert send(endpoint, files) == [CONFIRMED] * 3
    there = {path: fs.cat_file(path) for path in fs.find(name)}
    assert there == {f"{name}/from/hospital/{file.path}": file.content for file in files}


def test_a_large_file_goes_in_parts_and_appears_whole(bucket, monkeypatch):
    monkeypatch.setattr(object_store, "ONE_REQUEST_BYTES", 5 * 1024**2)
    endpoint, fs, name = bucket
    file = make_outgoing(rows=2400)  # 11.5 MB
    assert send(endpoint, [file]) == [CONFIRMED]
    assert fs.cat_file(f"{name}/from/hospital/{file.path}") == file.content


@pytest.mark.parametrize("limit", [5 * 1024**2, object_store.ONE_REQUEST_BYTES])
def test_a_file_that_cannot_be_read_leaves_nothing_and_the_others_go(bucket, monkeypatch, limit):
    monkeypatch.setattr(object_store, "ONE_REQUEST_BYTES", limit)
    endpoint, fs, name = bucket
    files = [make_outgoing(1), make_outgoing(2, rows=2400), make_outgoing(3)]
    files[1].breaks_after = 7 * 1024**2
    assert send(endpoint, files) == [CONFIRMED, NOT_SENT, CONFIRMED]
    assert len(fs.find(name)) == 2


def test_a_store_that_is_not_there(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    endpoint = ObjectStoreEndpoint(url="s3://bucket", options_file=str(options_for(tmp_path, url)))
    files = make_several(3)
    assert send(endpoint, files) == [NOT_SENT] * 3
    assert sum(file.reads for file in files) == 0


def test_a_bucket_that_is_not_there(s3, tmp_path):
    endpoint = ObjectStoreEndpoint(url="s3://missing-bucket", options_file=str(options_for(tmp_path, s3)))
    assert send(endpoint, make_several(2)) == [NOT_SENT] * 2


def test_a_path_that_leads_elsewhere_is_refused(bucket):
    endpoint, fs, name = bucket
    files = make_several(2)
    files[0].path = "../../elsewhere/x.dcm"
    assert send(endpoint, files) == [REFUSED, CONFIRMED]
    assert len(fs.find(name)) == 1


# Failures whose outcome is not known, with a store in memory that fails as told.


class Failing(MemoryFileSystem):
    """Stores `share` of what is put and then fails; looks as told."""

    cachable = False
    share = 1.0
    error: Exception = OSError(5, "lost")
    look: Exception | None = None
    failed = False

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        kept = value[: int(len(value) * self.share)]
        if kept:
            super().pipe_file(path, kept, **kwargs)
        type(self).failed = True
        raise self.error

    def info(self, path, **kwargs):
        if self.look is not None and self.failed:
            raise self.look
        return super().info(path, **kwargs)


def kind_of(**more):
    """Return a kind of store with things of its own, which `MemoryFileSystem` shares between all else."""
    return type("Told", (Failing,), more)


@pytest.mark.parametrize(
    ("share", "error", "look", "expected"),
    [
        (1.0, OSError(5, "lost"), None, CONFIRMED),
        (0.5, OSError(5, "lost"), None, UNKNOWN),
        (0.0, OSError(5, "lost"), None, UNKNOWN),
        (1.0, TimeoutError(), OSError(5, "lost"), UNKNOWN),
        (1.0, TimeoutError(), PermissionError(), UNKNOWN),
        (0.0, PermissionError(), None, NOT_SENT),
        (0.0, PermissionError(), PermissionError(), NOT_SENT),
        (0.0, FileNotFoundError(), None, NOT_SENT),
        (1.0, PermissionError(), None, CONFIRMED),
        (1.0, RuntimeError("what a library may raise"), None, CONFIRMED),
    ],
)
def test_a_failure_is_looked_into(share, error, look, expected):
    sender = ObjectSender(ObjectStoreEndpoint(url="memory://prefix"))
    sender._fs = kind_of(share=share, error=error, look=look, store={}, pseudo_dirs=[""])()
    (report,) = sender.send([make_outgoing()])
    assert report.delivery is expected


def test_other_content_of_the_same_length_is_not_taken_for_ours():
    file = make_outgoing()

    class Other(kind_of(store={}, pseudo_dirs=[""])):
        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            super().pipe_file(path, bytes(len(value)), mode, **kwargs)

    sender = ObjectSender(ObjectStoreEndpoint(url="memory://prefix"))
    sender._fs = Other()
    (report,) = sender.send([file])
    assert report.delivery is UNKNOWN


# Settings


@pytest.mark.parametrize(
    "url",
    ["/folder", "file:///folder", "local:///folder", "simplecache::s3://bucket", "nonsense://bucket", "s3:/bucket"],
)
def test_a_url_of_no_object_store_is_refused_at_once(url):
    with pytest.raises(ConfigError):
        ObjectSender(ObjectStoreEndpoint(url=url))


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"config_kwargs": 3}', '{"no_such_option_at_all": {"a": 1}, "key": "a", "username": "b"}']
)
def test_options_that_cannot_be_right_are_refused_at_once(tmp_path, content):
    path = tmp_path / "options.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        ObjectSender(ObjectStoreEndpoint(url="s3://bucket", options_file=str(path)))


def test_options_that_others_can_read_are_refused(tmp_path):
    path = options_for(tmp_path, "http://127.0.0.1:1")
    path.chmod(0o644)
    with pytest.raises(KeyStoreError):
        ObjectSender(ObjectStoreEndpoint(url="s3://bucket", options_file=str(path)))
