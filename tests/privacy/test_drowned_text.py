"""Words that noise or bone drowns, or that no model reads, are found all the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scanward.bootstrap import pixels
from scanward.deidentify.pixels.looks import look_at_lone_levels, looks_of_grey
from scanward.deidentify.pixels.search import find_text, mask_of

SHAPE = (400, 600)
RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def engine():
    return pixels.load_engines().text


@pytest.fixture
def noise():
    """Noise of 12 bit that is wider than any text in it stands out."""
    return np.random.default_rng(5).normal(1500, 350, SHAPE).round().clip(0, 4095)


def glyphs(text: str, x: int, y: int, height: float) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    cv2.putText(mask, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, height / 22, 1, 2, cv2.LINE_8)
    return mask > 0


def found(engine, values) -> np.ndarray:
    return mask_of(find_text(engine, looks_of_grey(values.astype(np.float32), [], None)), SHAPE)


def test_a_word_of_one_level_is_found_in_noise_that_hides_it(engine, noise):
    word = glyphs("ROSSI 84731", 120, 220, 26)
    noise[word] = 1600
    assert found(engine, noise)[word].mean() > 0.95


def test_noise_alone_has_no_lone_level(noise):
    nothing = np.zeros(SHAPE, bool)
    assert look_at_lone_levels(noise.astype(np.int64), nothing) is None


def test_gaps_and_repeats_of_a_coarse_scale_are_no_lone_levels(noise):
    # A scale of every third value, as a look-up table leaves it.
    coarse = (noise // 3).astype(np.int64) * 3
    assert look_at_lone_levels(coarse, np.zeros(SHAPE, bool)) is None


def test_words_in_values_that_the_header_calls_padding_are_found(engine):
    values = np.zeros(SHAPE, np.float32)
    values[300:] = np.random.default_rng(9).normal(2000, 100, (100, SHAPE[1]))
    page = np.zeros(SHAPE, np.uint8)
    cv2.putText(page, "ROSSI 84731", (120, 120), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 90, 2, cv2.LINE_AA)
    values += page
    looks = looks_of_grey(values, [(1500.0, 2500.0)], values <= 100)
    assert mask_of(find_text(engine, looks), SHAPE)[page > 45].mean() > 0.95


def test_what_was_found_is_not_looked_at_again(noise):
    word = glyphs("ROSSI 84731", 120, 220, 26)
    noise[word] = 1600
    covered = cv2.dilate(word.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert look_at_lone_levels(noise.astype(np.int64), np.zeros(SHAPE, bool)) is not None
    assert look_at_lone_levels(noise.astype(np.int64), covered) is None


def test_a_line_is_followed_to_where_it_is_hardly_seen(engine):
    picture = np.full((*SHAPE, 3), 20, np.uint8)
    texture = RNG.normal(0, 30, SHAPE)
    picture[:, 300:] = np.clip(150 + texture[:, 300:], 0, 255).astype(np.uint8)[..., None]
    left, right = glyphs("MRN:", 200, 220, 26), glyphs("55120", 306, 220, 26)
    picture[left] = 230
    picture[right] = 230
    quad = np.array([[190, 190], [290, 190], [290, 230], [190, 230]], np.float32)
    covered = mask_of([quad], SHAPE)
    followed = mask_of(engine.follow(picture, [quad], covered), SHAPE)
    assert followed[right].mean() > 0.9
    assert followed.mean() < 0.05


def test_nothing_follows_where_a_line_ends(engine):
    picture = np.full((*SHAPE, 3), 20, np.uint8)
    picture[glyphs("MRN:", 200, 220, 26)] = 230
    quad = np.array([[190, 190], [290, 190], [290, 230], [190, 230]], np.float32)
    assert engine.follow(picture, [quad], mask_of([quad], SHAPE)) == []


def test_a_line_that_runs_up_is_followed_up(engine):
    picture = np.full((SHAPE[1], SHAPE[0], 3), 20, np.uint8)
    level = np.full((*SHAPE, 3), 20, np.uint8)
    right = glyphs("55120", 306, 220, 26)
    level[glyphs("MRN:", 200, 220, 26) | right] = 230
    picture[:] = np.rot90(level)
    quad = np.array([[190, 410], [230, 410], [230, 310], [190, 310]], np.float32)
    followed = mask_of(engine.follow(picture, [quad], mask_of([quad], picture.shape[:2])), picture.shape[:2])
    assert followed[np.rot90(right)].mean() > 0.9


def test_words_in_a_script_that_no_model_reads_are_found(engine):
    font = next(
        (one for one in ("DejaVuSans.ttf", "FreeSans.ttf") if _has(one)),
        None,
    )
    if font is None:
        pytest.skip("no font with Arabic letters is installed")
    page = Image.new("L", (SHAPE[1], SHAPE[0]), 15)
    # Each letter in the form that it has within the word, from right to left.
    ImageDraw.Draw(page).text(
        (200, 180), "\ufee2\ufef3\ufeae\ufee3 \ufeea\ufef4\ufee0\ufecb", fill=225, font=ImageFont.truetype(font, 34)
    )
    picture = np.array(page)
    word = picture > 120
    assert found(engine, picture)[word].mean() > 0.95


def _has(font: str) -> bool:
    try:
        ImageFont.truetype(font, 12)
    except OSError:
        return False
    return True
