"""By what it is told whether pixels would be looked at with other eyes than before."""

from importlib import metadata

from scanward.bootstrap.pixels import sight_of
from scanward.model.screens import Layout

LAYOUT = Layout(
    manufacturer="maker", model="one", sop_classes=frozenset({"1.2", "1.3"}), rows=480, columns=640,
    boxes=((0, 0, 9, 9),), source="a person",
)  # fmt: skip


def test_another_version_or_layout_is_another_sight(monkeypatch):
    before = sight_of(())
    assert "openvino" in before
    assert sight_of(()) == before
    assert sight_of([LAYOUT]) not in {before, ""}
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.0.1" if name == "openvino" else version(name))
    assert sight_of(()) not in {before, ""}


def test_nothing_looks_where_a_part_is_missing(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert sight_of([LAYOUT]) == ""
