import cv2
import numpy as np
import pytest

from scanward.errors import EvidenceError
from scanward.seal.forensics import ForensicsFault
from scanward.seal.forensics.fingerprint import find_recipient, mark_export
from scanward.seal.forensics.register import register
from tests.common.copies import cut, jpeg, screenshot, shrunk
from tests.common.films import made_film

KEYS = {f"recipient {number}": bytes([number]) * 32 for number in range(40)}
ABOUT = b"export 1"


def made_picture(seed: int) -> np.ndarray:
    film = made_film(seed)
    return np.uint8(np.clip((film - film.min()) / (film.max() - film.min()) * 255, 0, 255))


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return made_picture(1)


@pytest.fixture(scope="module")
def marked(original):
    return mark_export(original, KEYS["recipient 7"], ABOUT)


def test_a_mark_is_hardly_seen(original, marked):
    assert cv2.PSNR(original, marked) >= 44
    assert marked.dtype == np.uint8
    assert (original == made_picture(1)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one,
        lambda one: jpeg(one, 75),
        lambda one: jpeg(shrunk(one, 0.5), 40),
        lambda one: jpeg(cut(one, 0.1), 75),
        screenshot,
    ],
)
def test_a_leaked_copy_names_who_had_it_and_an_unmarked_one_nobody(original, marked, change):
    found = find_recipient(original, change(marked), KEYS, ABOUT)
    assert found.recipient == "recipient 7"
    assert found.scores[0].name == "recipient 7"
    assert found.scores[1].score < found.least_score
    assert find_recipient(original, change(original), KEYS, ABOUT).recipient is None


def test_a_mark_of_another_export_names_nobody(original):
    other = mark_export(original, KEYS["recipient 7"], b"export 2")
    laid = register(original, other)
    assert find_recipient(original, other, KEYS, ABOUT, registered=laid).recipient is None
    assert find_recipient(original, other, KEYS, b"export 2", registered=laid).recipient == "recipient 7"


def test_no_name_and_no_score_is_in_what_is_printed(original, marked):
    found = find_recipient(original, marked, KEYS, ABOUT)
    assert "recipient 7" not in repr(found)
    assert "recipient" not in repr(found.scores[0]).replace("RecipientScore", "")


def test_archived_samples_are_not_marked():
    with pytest.raises(EvidenceError) as refused:
        mark_export(np.zeros((64, 64), np.uint16), bytes(32))
    assert refused.value.fault is ForensicsFault.NOT_EIGHT_BIT


@pytest.mark.parametrize("keys", [{}, {"a": bytes(32), "b": bytes(32)}, {"a": b"short"}])
def test_keys_that_can_name_nobody_are_refused(original, keys):
    with pytest.raises(EvidenceError) as refused:
        find_recipient(original, original, keys)
    assert refused.value.fault is ForensicsFault.KEY_UNFIT


def test_a_short_key_marks_nothing(original):
    with pytest.raises(EvidenceError) as refused:
        mark_export(original, b"short")
    assert refused.value.fault is ForensicsFault.KEY_UNFIT


def test_another_picture_cannot_be_laid_over(original):
    with pytest.raises(EvidenceError) as refused:
        find_recipient(original, made_picture(2), KEYS)
    assert refused.value.fault is ForensicsFault.NOT_ALIGNED
