"""What is written, and how it looks: phrases, fonts, and the pixels of each word."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_TRUETYPE = "/usr/share/fonts/truetype"
_OPENTYPE = "/usr/share/fonts/opentype"
FONTS = {
    "latin": (
        f"{_TRUETYPE}/dejavu/DejaVuSans.ttf", f"{_TRUETYPE}/dejavu/DejaVuSansMono.ttf",
        f"{_TRUETYPE}/dejavu/DejaVuSans-Bold.ttf", f"{_TRUETYPE}/liberation/LiberationSans-Regular.ttf",
        f"{_TRUETYPE}/liberation/LiberationMono-Bold.ttf", f"{_TRUETYPE}/liberation/LiberationSerif-Regular.ttf",
        f"{_TRUETYPE}/liberation/LiberationSansNarrow-Regular.ttf", f"{_TRUETYPE}/freefont/FreeSans.ttf",
        f"{_TRUETYPE}/freefont/FreeMono.ttf", f"{_TRUETYPE}/freefont/FreeSerifItalic.ttf",
    ),
    "cyrillic": (
        f"{_TRUETYPE}/dejavu/DejaVuSans.ttf", f"{_TRUETYPE}/liberation/LiberationSans-Regular.ttf",
        f"{_TRUETYPE}/liberation/LiberationSerif-Regular.ttf", f"{_TRUETYPE}/freefont/FreeSans.ttf",
    ),
    "japanese": (f"{_OPENTYPE}/ipafont-gothic/ipag.ttf", f"{_OPENTYPE}/ipafont-gothic/ipagp.ttf"),
    "arabic": (
        f"{_OPENTYPE}/fonts-hosny-amiri/Amiri-Regular.ttf", f"{_OPENTYPE}/fonts-hosny-amiri/Amiri-Bold.ttf",
        f"{_TRUETYPE}/dejavu/DejaVuSans.ttf", f"{_TRUETYPE}/dejavu/DejaVuSansMono.ttf",
    ),
}  # fmt: skip
"""Script -> files of fonts, from the Debian packages that ``tools/setup/peers`` names."""

_FAMILY = {
    "latin": "SMITH OKAFOR NGUYEN MARTINEZ O'BRIEN KOWALSKI SCHMIDT ANDERSSON ROSSI DUBOIS Haddad Lindqvist Walsh",
    "cyrillic": "ИВАНОВ ПЕТРОВА СМИРНОВ Кузнецова ШЕВЧЕНКО Васильев Соколова ЖУКОВ Цветаева Щербаков",
    "japanese": "山田 佐藤 鈴木 高橋 田中 渡辺 伊藤 中村 小林 加藤",
    "arabic": "الحسيني العلي حداد خليل منصور الشامي عبدالله ناصر",
}
_GIVEN = {
    "latin": "JOHN MARIA Wei AMARA Piotr Ingrid Luca Chloe OMAR Elif Thomas Grace",
    "cyrillic": "ИВАН Ольга СЕРГЕЙ Наталья Дмитрий Анна Юрий Елена",
    "japanese": "太郎 花子 健一 美咲 一郎 陽子 翔太 直美",
    "arabic": "محمد فاطمة أحمد ليلى يوسف مريم خالد سارة",
}
_HOSPITAL = {
    "latin": "St.Mary Northfield Riverside Uniklinik Charing Lakeview",
    "cyrillic": "Городская Областная Клиническая",
    "japanese": "中央病院 大学病院 市民病院",
    "arabic": "مستشفى المدينة الجامعي",
}
_LABEL = {
    "latin": ("Hospital", "DOB", "MRN:", "Acc", "Exam", "Dr."),
    "cyrillic": ("больница", "Дата", "Карта:", "Номер", "Исследование", "Врач"),
    "japanese": ("放射線科", "生年月日", "患者番号", "検査", "撮影日", "医師"),
    "arabic": ("قسم", "تاريخ", "رقم", "ملف", "فحص", "الطبيب"),
}
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A phrase drawn: for each word its opacity, from 0 to 1, all arrays of one shape."""

    words: tuple[tuple[str, NDArray[np.float32]], ...]

    @property
    def opacity(self) -> NDArray[np.float32]:
        """That of the whole phrase."""
        return np.maximum.reduce([opacity for _, opacity in self.words])


def missing_fonts() -> tuple[str, ...]:
    """Return the files of fonts that are not on this machine."""
    return tuple(sorted({font for fonts in FONTS.values() for font in fonts if not Path(font).exists()}))


def choose_font(rng: random.Random, script: str) -> str:
    """Return the file of a font for a script."""
    there = [font for font in FONTS[script] if Path(font).exists()]
    if not there:
        raise FileNotFoundError(f"expected a font for {script}; install what tools/setup/peers names")
    return rng.choice(there)


def choose_phrase(rng: random.Random, script: str) -> str:
    """Return a phrase such as scanners burn in: a name, a number, a date, a place."""
    family, given = rng.choice(_FAMILY[script].split()), rng.choice(_GIVEN[script].split())
    hospital, birth, number, accession, exam, doctor = _LABEL[script]
    year, month, day = rng.randrange(1925, 2026), rng.randrange(1, 13), rng.randrange(1, 29)
    first = {
        "latin": f"{family}, {given}",
        "cyrillic": f"{family} {given}",
        "japanese": f"{family} {given} 様",
        "arabic": f"{given} {family}",
    }[script]
    place = rng.choice(_HOSPITAL[script].split())
    choices = [
        first,
        f"{family}^{given}" if script == "latin" else first,
        f"{given} {family} [{rng.choice('MF')}]" if script == "latin" else first,
        f"{number} {rng.randrange(10**6, 10**8)}",
        f"{accession} {rng.randrange(10**5, 10**7)}",
        f"{month:02}/{day:02}/{year}" if script != "japanese" else f"{year}年{month}月{day}日",
        f"{birth} {day:02}-{_MONTHS[month - 1]}-{year}" if script == "latin" else f"{birth} {day:02}.{month:02}.{year}",
        f"{place} {hospital}",
        f"{exam} {year}-{month:02}-{day:02} {rng.randrange(24):02}:{rng.randrange(60):02}",
        f"{doctor} {family}",
    ]
    return rng.choice(choices)


def draw(text: str, *, font: str, size: int, antialias: bool, rotation: str, right_to_left: bool = False) -> Phrase:
    """Draw a phrase.

    Parameters
    ----------
    rotation
        Degrees, counter-clockwise, or ``arc``: bent along a circle.
    right_to_left
        The first word stands at the right.
    """
    face = _face(font, size)
    words = text.split(" ")
    if right_to_left:
        words.reverse()
    canvas = (int(face.getlength(" ".join(words))) + size + 16, int(size * 2) + 8)
    drawn, left = [], 6.0
    for word in words:
        drawn.append((word, _draw_word(word, face, canvas, left, antialias=antialias)))
        left += face.getlength(word + " ")
    if rotation == "arc":
        return _cut([(word, _bend(np.asarray(image), antialias=antialias)) for word, image in drawn])
    resample = Image.Resampling.BICUBIC if antialias else Image.Resampling.NEAREST
    turned = [
        (word, image.rotate(int(rotation), expand=True, resample=resample) if rotation != "0" else image)
        for word, image in drawn
    ]
    return _cut([(word, np.asarray(image)) for word, image in turned])


@cache
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font, size)


def _draw_word(
    word: str, face: ImageFont.FreeTypeFont, canvas: tuple[int, int], left: float, *, antialias: bool
) -> Image.Image:
    image = Image.new("L", canvas, 0)
    pen = ImageDraw.Draw(image)
    if not antialias:
        pen.fontmode = "1"
    pen.text((left, 4), word, fill=255, font=face)
    return image


def _bend(image: NDArray[np.uint8], *, antialias: bool) -> NDArray[np.uint8]:
    """Bend a line of text upwards along a circle, by 50 degrees from end to end."""
    height, width = image.shape
    radius = width / np.radians(50)
    rise = int(radius * (1 - np.cos(np.radians(25)))) + 2
    rows, columns = np.mgrid[0 : height + rise, 0:width].astype(np.float32)
    dx, dy = columns - width / 2, radius + height - rows
    angle, distance = np.arctan2(dx, dy), np.hypot(dx, dy)
    bent = cv2.remap(
        image,
        (angle * radius + width / 2).astype(np.float32),
        (radius + height - distance).astype(np.float32),
        cv2.INTER_LINEAR if antialias else cv2.INTER_NEAREST,
    )
    return np.asarray(bent, np.uint8)


def _cut(words: Sequence[tuple[str, NDArray[np.uint8]]]) -> Phrase:
    """Cut off what is empty around a phrase, but for a margin."""
    whole = np.maximum.reduce([image for _, image in words])
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    box = slice(max(0, rows[0] - 2), rows[-1] + 3), slice(max(0, columns[0] - 3), columns[-1] + 4)
    return Phrase(words=tuple((word, image[box].astype(np.float32) / 255) for word, image in words))
