import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.errors import EvidenceError
from scanward.model.evidence import FoundBy
from scanward.seal.forensics import ForensicsFault
from scanward.seal.forensics.features import MOST_FEATURES, describe, encode_film, parse_film
from scanward.seal.forensics.lookup import Index, compare, describe_query
from tests.common.copies import LOOKED_UP, cut
from tests.common.films import made_film


def made_picture(seed: int, rows: int = 700, columns: int = 600) -> np.ndarray:
    film = made_film(seed, rows, columns)
    return np.uint8(np.clip((film - film.min()) / (film.max() - film.min()) * 255, 0, 255))


@pytest.fixture(scope="module")
def films():
    return {f"film {seed}": parse_film(encode_film(describe(made_picture(seed)))) for seed in range(2, 6)}


@pytest.fixture(scope="module")
def index(films):
    made = Index(films.__getitem__)
    for name, film in films.items():
        made.add(name, film)
    return made


# A quarter of a made film has too few places, as most of it is smooth; the benchmark has that, and the others.
FOUND = (
    *("JPEG 20", "scaled 0.5", "cut 25 %", "gamma 0.6", "CLAHE", "inverted", "mirrored", "upside down"),
    *("turned 90", "turned 5", "screenshot"),
)


@pytest.mark.parametrize("name", FOUND)
def test_a_film_is_found_however_it_comes_back(index, name):
    found = index.find(describe_query(LOOKED_UP[name](made_picture(3))))
    assert [one.name for one in found] == ["film 3"]
    assert found[0].is_inverted == (name == "inverted")
    assert found[0].is_mirrored == (name in {"mirrored", "upside down"})


@pytest.mark.parametrize("seed", [100, 101])
def test_a_film_that_is_not_there_is_not_found(index, seed):
    for change in (LOOKED_UP["screenshot"], LOOKED_UP["as it is"]):
        assert index.find(describe_query(change(made_picture(seed)))) == ()


def test_a_part_is_found_by_its_places_and_lies_where_it_was_cut(index):
    picture = made_picture(2)
    (found,) = index.find(describe_query(cut(picture, 0.25)))
    assert found.found_by is FoundBy.PLACES
    a, b, c, d, e, f = found.to_film
    assert (a, b, d, e) == pytest.approx((1, 0, 0, 1), abs=0.01)
    assert (c, f) == pytest.approx((int(600 * 0.25 * 0.7), int(700 * 0.25 * 0.7)), abs=1.5)


def test_a_film_of_twelve_bits_is_the_one_that_was_shown_in_eight():
    film = made_film(4)
    assert compare(describe(made_picture(4)), describe(np.int16(film * 4 - 1000))) is not None


def test_films_added_later_are_found_too(films):
    index = Index(films.__getitem__)
    query = describe_query(made_picture(5))
    assert index.find(query) == ()
    index.add("film 2", films["film 2"])
    assert index.find(query) == ()
    index.add("film 5", films["film 5"])
    assert [one.name for one in index.find(query)] == ["film 5"]
    assert len(index) == 2


def test_the_same_markers_rulers_and_texts_make_no_match():
    pictures = [made_picture(seed) for seed in (11, 12)]
    for picture in pictures:
        for step in range(0, 640, 20):
            cv2.line(picture, (10, 30 + step), (30 if step % 100 else 45, 30 + step), 255, 2)
        cv2.putText(picture, "PORTABLE AP UPRIGHT 12:34", (60, 680), 0, 1.1, 255, 3)
        cv2.putText(picture, "L", (540, 80), 0, 2.5, 255, 6)
    assert compare(*map(describe, pictures)) is None
    assert compare(describe(pictures[0]), describe(pictures[0])) is not None


def test_any_number_of_threads_finds_the_same(films):
    picture = LOOKED_UP["screenshot"](made_picture(3))
    threads = cv2.getNumThreads()
    try:
        found = []
        for count in (1, 4):
            cv2.setNumThreads(count)
            overlay = compare(describe(picture), films["film 3"])
            found.append((encode_film(describe(picture)), overlay.places, overlay.to_film.tolist()))
    finally:
        cv2.setNumThreads(threads)
    assert found[0] == found[1]


def test_a_flat_picture_is_described_and_matches_nothing(index):
    flat = np.full((200, 300), 7, np.uint8)
    assert index.find(describe_query(flat)) == ()
    assert len(parse_film(encode_film(describe(flat))).points) == 0


def test_a_description_is_small_and_comes_back_the_same(films):
    data = encode_film(films["film 2"])
    assert len(data) <= 46 + MOST_FEATURES * 132
    assert encode_film(parse_film(data)) == data


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((31, 100), np.uint8),
        np.zeros((100, 100, 3), np.uint8),
        np.zeros(100, np.uint8),
        np.full((100, 100), np.nan, np.float32),
        np.zeros((32, 65_536), np.uint8),
    ],
)
def test_what_is_no_grey_picture_is_refused(picture):
    with pytest.raises(EvidenceError) as refused:
        describe(picture)
    assert refused.value.fault is ForensicsFault.PICTURE_UNFIT


def _damaged(data: bytes):
    yield b""
    yield data[:40]
    yield data[:-1]
    yield data + b"\0"
    yield b"SWF2" + data[4:]
    yield data[:4] + b"\0\x01" + data[6:]  # a film of one row
    yield data[:8] + b"\xff" + data[9:]  # quality
    yield data[:41] + b"\xff\xff" + data[43:]  # so many places
    yield data[:43] + b"\xff\xff" + data[45:]  # a place outside


@pytest.mark.parametrize("number", range(9))
def test_a_damaged_description_is_refused(films, number):
    with pytest.raises(EvidenceError) as refused:
        parse_film(list(_damaged(encode_film(films["film 2"])))[number])
    assert refused.value.fault is ForensicsFault.FILM_MALFORMED


@given(data=st.binary(max_size=400), begin=st.booleans())
def test_bytes_of_any_kind_are_parsed_or_refused(data, begin):
    try:
        film = parse_film((b"SWF1" if begin else b"") + data)
    except EvidenceError:
        return
    assert len(film.points) <= MOST_FEATURES
