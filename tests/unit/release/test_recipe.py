"""A recipe and its source give the very file that the file command would have written."""

import io

import pytest
from pydicom import dcmread

from scanward.errors import OutputError, StoreError
from scanward.model.instance import BytesSource, Content, Range
from scanward.release import recipe as recipe_module
from scanward.release.recipe import CHUNK_BYTES, assemble, encode_pieces, encode_recipes, length_bytes, read_recipe
from tests.common import memory
from tests.common.memory import MemoryFolder, deidentify_in_memory
from tests.common.studies import make_samples


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """Each checked sample with its input's name, the file that a folder would hold, and the inputs."""
    seen = []

    class Folder(MemoryFolder):
        def write(self, one):
            path = super().write(one)
            made = one.instance
            length = length_bytes(made.pieces, made.deflate_from, made.source)
            seen.append((one, self.outputs[path], read_all(made.source), length))
            return path

    def read_all(source):
        return source.read(0, source.size)

    monkeypatch.setattr(memory, "MemoryFolder", Folder)
    inputs = {}
    for number, sample in enumerate(make_samples(seed=11)):
        stream = io.BytesIO()
        sample.ds.save_as(stream, enforce_file_format=True)
        inputs[f"{number}"] = stream.getvalue()
    deidentify_in_memory(inputs, tmp_path)
    return inputs, seen


def test_each_sample_comes_out_as_written(checked):
    inputs, seen = checked
    assert len(seen) == len(inputs) > 10
    recipes = encode_recipes([one for one, *_ in seen])
    deflated = 0
    by_uid = {dcmread(io.BytesIO(data), stop_before_pixels=True).file_meta.MediaStorageSOPInstanceUID: data
              for data in inputs.values()}  # fmt: skip
    assert len(by_uid) == len(inputs)
    for index, (one, expected, source, length) in enumerate(seen):
        recipe = read_recipe(recipes, index)
        deflated += recipe.of_inflated
        if recipe.of_inflated:
            candidates = [data for data in inputs.values() if b"1.2.840.10008.1.2.1.99" in data[:400]]
        else:
            candidates = [source]
        made = [b"".join(assemble(recipe, BytesSource(data))) for data in candidates]
        assert expected in made
        assert length == len(expected)
        assert one.instance.placement.sop_instance_uid.encode() in expected
    assert deflated, "expected a deflated one among the samples"


@pytest.mark.parametrize("index", [-1, 10_000])
def test_a_recipe_that_is_not_there(checked, index):
    recipes = encode_recipes([one for one, *_ in checked[1]])
    with pytest.raises(StoreError):
        read_recipe(recipes, index)


def test_what_was_made_aside_is_taken_into_the_recipe():
    aside, source = BytesSource(b"0123456789"), BytesSource(b"abcdefghij")
    pieces = [b"x", Range(2, 5, Content.CODESTREAM, aside), Range(2, 5), Range(9, 1, Content.NATIVE_PIXELS, aside)]
    assert length_bytes(pieces, None, source) == 12
    recipe = read_recipe(encode_pieces([(pieces, None)]), 0)
    assert b"".join(assemble(recipe, source)) == b"x23456cdefg9"
    with pytest.raises(StoreError):
        encode_pieces([([Range(8, 5, Content.CODESTREAM, aside)], None)]).read(0, 1000)


def test_what_was_made_aside_is_never_in_memory_as_a_whole():
    class Long:
        """Many bytes, of which nobody may ask for many at once."""

        size = 300 * CHUNK_BYTES
        asked = 0

        def fileno(self):
            return None

        def read(self, offset, length):
            self.asked = max(self.asked, length)
            return bytes(min(length, self.size - offset))

    aside = Long()
    pieces = [b"head", Range(0, aside.size, Content.CODESTREAM, aside), Range(1, 2)]
    recipes = encode_pieces([(pieces, None)] * 3)
    assert recipes.size > 3 * aside.size
    assert aside.asked == 0
    recipe = read_recipe(recipes, 2)
    chunks = list(assemble(recipe, BytesSource(b"abc")))
    assert sum(map(len, chunks)) == 4 + aside.size + 2
    assert chunks[-1] == b"bc"
    assert aside.asked <= CHUNK_BYTES
    assert max(map(len, chunks)) <= CHUNK_BYTES


def test_more_made_aside_than_a_recipe_holds(monkeypatch):
    monkeypatch.setattr(recipe_module, "MAX_RECIPE_BYTES", 9)
    aside = BytesSource(b"0123456789")
    assert encode_pieces([([Range(0, 5, Content.CODESTREAM, aside), Range(0, 4, Content.CODESTREAM, aside)], None)])
    with pytest.raises(OutputError):
        encode_pieces([([Range(0, 5, Content.CODESTREAM, aside), Range(0, 5, Content.CODESTREAM, aside)], None)])


def test_bytes_that_are_no_recipes():
    with pytest.raises(StoreError):
        read_recipe(BytesSource(b"something else, longer than a head"), 0)
    with pytest.raises(StoreError):
        read_recipe(BytesSource(b""), 0)


def test_a_source_that_is_shorter_than_its_recipe(checked):
    one, _, source, _ = checked[1][0]
    recipe = read_recipe(encode_recipes([one]), 0)
    with pytest.raises(StoreError):
        b"".join(assemble(recipe, BytesSource(source[: len(source) // 2])))
