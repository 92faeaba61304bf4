"""What workers put aside is in its place only when the run takes it, whole."""

from pathlib import Path

import pytest

from scanward.adapters.send.folder import OutputFolder
from scanward.adapters.send.shards import ASIDE, ShardFolder, ShardPublisher
from scanward.errors import OutputError
from scanward.model import instance as instance_module
from scanward.model.instance import BytesSource, CheckedInstance, DeidentifiedInstance, Placement

FOLDER, SHARD = "ab" * 16, "cd" * 16


def instance(number: int, content: bytes = b"new") -> CheckedInstance:
    made = DeidentifiedInstance(source=BytesSource(b""), pieces=(content,), placement=place(number), deflate_from=None)
    return CheckedInstance(made, _seal=instance_module._SEAL)


def place(number: int) -> Placement:
    return Placement(patient="SW-1", study_uid="2.25.1", series_uid="2.25.2", sop_instance_uid=f"2.25.3.{number}")


@pytest.fixture
def out(tmp_path):
    output = OutputFolder(tmp_path / "out")
    output.prepare()
    yield output
    output.close()


@pytest.fixture
def publisher(out, tmp_path):
    publisher = ShardPublisher(out, tmp_path / "out", FOLDER)
    publisher.prepare()
    return publisher


def released(tmp_path: Path) -> dict[str, bytes]:
    """Return what is in releasable places."""
    out = tmp_path / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.dcm") if ASIDE not in path.parts}


def put_aside(folder: ShardFolder, *numbers: int, content: bytes = b"new") -> tuple[str, list[str]]:
    name = folder.begin(SHARD)
    paths = [folder.write(instance(number, content)) for number in numbers]
    folder.end()
    return name, paths


def test_outputs_come_to_their_places_all_at_once(tmp_path, publisher):
    folder = ShardFolder(tmp_path / "out", FOLDER)
    name, paths = put_aside(folder, 1, 2)
    assert released(tmp_path) == {}
    assert publisher.publish(name, paths, [])
    assert sorted(released(tmp_path)) == sorted(paths)
    publisher.discard(name)
    publisher.finish()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".scanward", ".scanward-staging", "SW-1"]


def test_a_shard_of_which_something_is_missing_is_not_taken(tmp_path, out, publisher):
    """Whatever lies at its place already may be from a run that knew less."""
    out.write(instance(2, b"old"))
    folder = ShardFolder(tmp_path / "out", FOLDER)
    name, paths = put_aside(folder, 1, 2)
    (tmp_path / "out" / ASIDE / FOLDER / name / paths[1]).unlink()
    assert not publisher.publish(name, paths, [])
    assert list(released(tmp_path).values()) == [b"old"]


def test_what_a_shard_refuses_is_taken_away_when_it_is_published(tmp_path, out, publisher):
    out.write(instance(5, b"old"))
    folder = ShardFolder(tmp_path / "out", FOLDER)
    name = folder.begin(SHARD)
    paths = [folder.write(instance(1))]
    folder.withdraw(place(5))
    withdrawn = folder.end()
    assert len(released(tmp_path)) == 1
    assert publisher.publish(name, paths, withdrawn)
    assert list(released(tmp_path)) == paths


def test_inputs_that_are_the_same_have_one_output(tmp_path, publisher):
    name, paths = put_aside(ShardFolder(tmp_path / "out", FOLDER), 1, 1)
    assert publisher.publish(name, paths, [])
    assert len(released(tmp_path)) == 1


def test_each_try_has_a_folder_of_its_own(tmp_path, publisher):
    one, other = ShardFolder(tmp_path / "out", FOLDER), ShardFolder(tmp_path / "out", FOLDER)
    first, paths = put_aside(one, 1, content=b"one")
    second, _ = put_aside(other, 1, content=b"other")
    assert first != second
    one.discard(first)
    assert publisher.publish(second, paths, [])
    assert list(released(tmp_path).values()) == [b"other"]


def test_who_does_not_see_the_outputs_begins_nothing(tmp_path, publisher):
    with pytest.raises(OutputError, match="cannot be seen"):
        ShardFolder(tmp_path / "elsewhere", FOLDER).begin(SHARD)
    with pytest.raises(OutputError, match="cannot be seen"):
        ShardFolder(tmp_path / "out", "ef" * 16).begin(SHARD)
    publisher.finish()
    with pytest.raises(OutputError):
        ShardFolder(tmp_path / "out", FOLDER).begin(SHARD)
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "out" / ASIDE).exists()


def test_leftovers_of_other_jobs_are_cleared(tmp_path, out, publisher):
    put_aside(ShardFolder(tmp_path / "out", FOLDER), 1)
    ShardPublisher(out, tmp_path / "out", "12" * 16).prepare()
    assert [path.name for path in (tmp_path / "out" / ASIDE).iterdir()] == ["12" * 16]


@pytest.mark.parametrize("path", ["../x/y/z.dcm", "a/b/c", "a/b/c/d/e.dcm", "/a/b/c.dcm", "a//c/d.dcm", "a/b/c/..", ""])
def test_paths_that_no_output_has_are_refused(tmp_path, out, path):
    (tmp_path / "staged").write_bytes(b"x")
    with pytest.raises(OutputError):
        out.take(str(tmp_path / "staged"), path)
    assert (tmp_path / "staged").exists()


@pytest.mark.parametrize("name", ["..", "", "a/b", "ABCDEF0123", "../../x"])
def test_names_that_no_folder_of_shards_has_are_refused(tmp_path, publisher, name):
    with pytest.raises(OutputError):
        ShardFolder(tmp_path / "out", name)
    with pytest.raises(OutputError):
        publisher.publish(name, [], [])
    with pytest.raises(OutputError):
        publisher.discard(name)


def test_nothing_is_written_outside_of_a_shard(tmp_path, publisher):
    folder = ShardFolder(tmp_path / "out", FOLDER)
    for use in (lambda: folder.write(instance(1)), lambda: folder.withdraw(place(1)), folder.end):
        with pytest.raises(OutputError):
            use()
