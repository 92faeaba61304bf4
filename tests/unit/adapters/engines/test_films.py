"""Whether two films are one, as copies of films are made."""

import cv2
import numpy as np
import pytest

from scanward.adapters.engines.films import LEAST_PLACES, Film, FilmMatcher
from scanward.model.lookups import Likeness
from tests.common.films import made_film

FILM = made_film(1)
ROWS, COLUMNS = FILM.shape


def as_jpeg(film: np.ndarray) -> np.ndarray:
    shown = ((film - film.min()) / np.ptp(film) * 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_GRAYSCALE)


def turned(film: np.ndarray, degrees: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((COLUMNS / 2, ROWS / 2), degrees, 0.9)
    return cv2.warpAffine(film, matrix, (COLUMNS, ROWS))


COPIES = {
    "scaled": cv2.resize(FILM, (COLUMNS // 2, ROWS // 2), interpolation=cv2.INTER_AREA),
    "square": cv2.resize(FILM, (320, 320), interpolation=cv2.INTER_AREA),
    "cut": FILM[ROWS // 8 : -ROWS // 8, COLUMNS // 8 : -COLUMNS // 8],
    "window": np.clip(FILM, *np.percentile(FILM, (20, 90))),
    "inverted": -FILM,
    "mirrored": FILM[:, ::-1],
    "inverted and mirrored": -FILM[:, ::-1],
    "on its side": np.rot90(FILM),
    "askew": turned(FILM, 12),
    "JPEG": as_jpeg(FILM),
}


@pytest.fixture(scope="module")
def matcher() -> FilmMatcher:
    return FilmMatcher()


@pytest.fixture(scope="module")
def known(matcher) -> Film:
    return matcher.describe(FILM)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_a_film_is_found(matcher, known, name):
    copy = np.ascontiguousarray(COPIES[name], np.float32)
    turned_copy = matcher.describe_turned(copy)
    got = matcher.compare(turned_copy, known)
    assert got.likeness is Likeness.SAME_FILM
    assert got.places >= LEAST_PLACES
    assert got == FilmMatcher().compare(turned_copy, known)


def test_the_same_values_are_the_same_pixels(matcher):
    assert (
        matcher.compare(matcher.describe_turned(FILM), matcher.describe(FILM.copy())).likeness is Likeness.SAME_PIXELS
    )


def test_films_of_others_do_not_match(matcher):
    films = [made_film(seed) for seed in range(10, 15)]
    known = [matcher.describe(film) for film in films]
    for place, film in enumerate(films):
        turned_film = matcher.describe_turned(film)
        others = [one for number, one in enumerate(known) if number != place]
        assert {matcher.compare(turned_film, one).likeness for one in others} == {Likeness.NO_MATCH}


def test_a_film_that_is_bent_is_alike_and_not_the_same(matcher):
    """As another exposure of a patient who breathed in between; bent by hand, as no such pair may lie in a repository."""
    down, across = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
    bent = cv2.remap(
        FILM, across + 9 * np.sin(down / 90).astype(np.float32), down + 9 * np.cos(across / 70).astype(np.float32),
        cv2.INTER_LINEAR,
    )  # fmt: skip
    got = matcher.compare(matcher.describe_turned(bent), matcher.describe(FILM))
    assert got.likeness is Likeness.ALIKE


@pytest.mark.parametrize(
    "empty",
    [
        np.zeros((200, 200)),
        np.full((200, 200), 7.0),
        np.linspace(0, 1, 200 * 200).reshape(200, 200),
        made_film(1, 3000, 100)[:, :70],
    ],
)
def test_what_shows_nothing_matches_nothing(matcher, empty):
    blank = empty.astype(np.float32)
    other = matcher.describe(FILM)
    assert matcher.compare(matcher.describe_turned(blank), other).likeness is Likeness.NO_MATCH
    assert matcher.compare(matcher.describe_turned(FILM), matcher.describe(blank)).likeness is Likeness.NO_MATCH


REAL = (
    "mlmed__torchxrayvision/00000001_000.png",  # four frontal chests
    "noneedanick__DeepFakeXRay/Radio065.png",
    "noneedanick__DeepFakeXRay/Radio073.png",
    "noneedanick__DeepFakeXRay/Radio120.png",
    "noneedanick__DeepFakeXRay/Radio057.png",  # two necks
    "noneedanick__DeepFakeXRay/Radio062.png",
)


def test_radiographs_of_people_are_told_apart_and_small_copies_are_found(matcher, test_data):
    films = []
    for name in REAL:
        picture = cv2.imread(str(test_data / "images" / name), cv2.IMREAD_GRAYSCALE)
        assert picture is not None, name
        films.append(picture.astype(np.float32))
    known = [matcher.describe(film) for film in films]
    for place, film in enumerate(films):
        small = cv2.resize(film, None, fx=224 / max(film.shape), fy=224 / max(film.shape), interpolation=cv2.INTER_AREA)
        copy = (matcher.describe(small),)
        got = [matcher.compare(copy, one).likeness for one in known]
        assert got[place] is Likeness.SAME_FILM
        assert {*got[:place], *got[place + 1 :]} == {Likeness.NO_MATCH}
