"""Layouts of screens of known devices: read, matched, proposed."""

import io
import random

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from scanward.deidentify.pixels.header import read_pixel_header
from scanward.deidentify.pixels.layouts import (
    find_boxes,
    format_layout,
    parse_layouts,
    propose,
    read_screen,
    shipped_layouts,
)
from scanward.deidentify.pixels.rectangle import Rectangle
from scanward.dicomstream.opening import open_dicom
from scanward.errors import ConfigError
from scanward.model.instance import BytesSource
from scanward.model.screens import Screen

US = "1.2.840.10008.5.1.4.1.1.6.1"
ENTRY = f"""[[layout]]
manufacturer = "Example Ultrasound"
model = "One"
sop_classes = ["{US}"]
rows = 480
columns = 640
boxes = [[0, 0, 640, 24], [10, 460, 100, 12]]
source = "decided on by a person"
"""


def screen(**other):
    values = {"manufacturer": "example ultrasound", "model": "one", "sop_class_uid": US, "rows": 480, "columns": 640}
    return Screen(**values | other)


def test_a_layout_is_read():
    (layout,) = parse_layouts(ENTRY, where="site.toml")

    assert layout.boxes == (Rectangle(0, 0, 640, 24), Rectangle(10, 460, 100, 12))
    assert parse_layouts(format_layout(layout), where="again") == (layout,)
    assert parse_layouts("", where="empty") == ()


def test_a_layout_holds_for_its_screen_only():
    layouts = parse_layouts(ENTRY, where="site.toml")

    assert len(find_boxes(layouts, screen())) == 2
    assert len(find_boxes(layouts, screen(manufacturer="EXAMPLE  Ultrasound"))) == 2
    for other in (
        {"manufacturer": "example"},
        {"model": "one two"},
        {"sop_class_uid": "1.2"},
        {"rows": 481},
        {"columns": 600},
    ):
        assert find_boxes(layouts, screen(**other)) == ()
    assert find_boxes(layouts, None) == ()


def test_a_site_adds_to_what_is_shipped():
    site = parse_layouts(
        ENTRY.replace("Example Ultrasound", "ALOKA CO., LTD.").replace('"One"', '"SSD-4000"'), where="site.toml"
    )
    aloka = screen(manufacturer="aloka co., ltd.", model="ssd-4000")

    assert find_boxes(shipped_layouts(), aloka) == (Rectangle(0, 0, 640, 24),)
    assert find_boxes((*shipped_layouts(), *site), aloka) == (Rectangle(0, 0, 640, 24), Rectangle(10, 460, 100, 12))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("rows = 480", "rows = ", "TOML"),
        ("[[layout]]", "[layout]", "nothing else"),
        ("[[layout]]", "[[layouts]]", "nothing else"),
        ('model = "One"', "", "missing key 'model'"),
        ("rows", "rowz", "missing key 'rows'"),
        ("rows = 480", "rows = 480\nextra = 1", "unknown key 'extra'"),
        ("rows = 480", "rows = 0", "'rows'"),
        ("rows = 480", "rows = true", "'rows'"),
        ("columns = 640", "columns = 65536", "'columns'"),
        ('model = "One"', 'model = " "', "'model'"),
        (f'["{US}"]', "[]", "sop_classes"),
        (f'["{US}"]', f'"{US}"', "sop_classes"),
        ("[0, 0, 640, 24]", "[0, 0, 641, 24]", "within 480 rows"),
        ("[0, 0, 640, 24]", "[-1, 0, 640, 24]", "within"),
        ("[0, 0, 640, 24]", "[0, 0, 640, 0]", "within"),
        ("[0, 0, 640, 24]", "[0, 0, 640]", "column, row"),
        ("[0, 0, 640, 24]", "[0, 0, 640, 24.5]", "column, row"),
        ("[0, 0, 640, 24]", "[0, 0, 640, 240]", "at most 40%"),
        ("boxes = [[0, 0, 640, 24], [10, 460, 100, 12]]", "boxes = []", "one at least"),
        ("boxes = [[0, 0, 640, 24], [10, 460, 100, 12]]", "boxes = 3", "one at least"),
    ],
)
def test_a_table_that_is_wrong_is_refused(old, new, word):
    assert old in ENTRY
    with pytest.raises(ConfigError, match=word):
        parse_layouts(ENTRY.replace(old, new, 1), where="site.toml")


def test_a_screen_is_read_from_the_header():
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = US, "2.25.1"
    data.Manufacturer, data.ManufacturerModelName = " Example  Ultrasound ", "ONE"

    def header():
        file = io.BytesIO()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.save_as(file, enforce_file_format=True)
        return read_pixel_header(open_dicom(BytesSource(file.getvalue())))

    assert read_screen(header(), 480, 640) == screen()
    del data.ManufacturerModelName
    assert read_screen(header(), 480, 640) is None


def images(count, seed=1):
    """Boxes as found in images of one device: a name at one place, a date, a label that moves, and chance finds."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        x, y = rng.randrange(100, 500), rng.randrange(100, 400)
        found.append(
            [
                Rectangle(10 + rng.randrange(2), 5 + rng.randrange(2), rng.randrange(60, 200), 14),
                Rectangle(520, 6, 100 + rng.randrange(3), 13),
                Rectangle(x, y, 60, 14),
            ]
        )
    return found


def test_what_stays_in_place_is_proposed():
    layout = propose(screen(), images(12))

    assert layout is not None
    left, right = layout.boxes
    assert left.x == 10
    assert 150 < left.width <= 202
    assert right == Rectangle(520, 6, 102, 13)
    assert layout.is_of(screen())
    assert parse_layouts(format_layout(layout), where="proposal") == (layout,)


def test_some_images_may_lack_a_line():
    found = images(10)
    for boxes in found[:2]:
        del boxes[0]
    assert len(propose(screen(), found).boxes) == 2
    for boxes in found[2:4]:
        del boxes[0]
    assert len(propose(screen(), found).boxes) == 1


def test_too_few_images_or_nothing_in_place_give_no_proposal():
    assert propose(screen(), images(4)) is None
    assert propose(screen(), [boxes[2:] for boxes in images(12)]) is None
    assert propose(screen(), [[] for _ in range(12)]) is None


def test_what_covers_much_of_the_image_is_not_proposed():
    assert propose(screen(), [[Rectangle(0, 0, 640, 300)]] * 8) is None


@given(
    st.lists(
        st.lists(st.builds(Rectangle, st.integers(-5, 600), st.integers(-5, 400), st.integers(1, 80), st.integers(1, 40)), max_size=6),
        min_size=5,
        max_size=8,
    )
)  # fmt: skip
def test_a_proposal_can_be_read_back(found):
    layout = propose(screen(), found)

    if layout is not None:
        assert parse_layouts(format_layout(layout), where="proposal") == (layout,)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("burnedin/pydicom__pydicom-data/gdcm-US-ALOKA-16.dcm", 1),
        ("dicom/pydicom__pydicom-data/gdcm-US-ALOKA-16_big.dcm", 1),
        ("burnedin/pydicom__pydicom-data/US1_UNCR.dcm", 1),
        ("dicom/pydicom__pydicom-data/OBXXXX1A.dcm", 1),
        ("dicom/pydicom__pydicom-data/OBXXXX1A_rle_2frame.dcm", 1),
        ("burnedin/pydicom__deid-data/GREYSCALE_IMAGE.dcm", 1),
        ("dicom/pydicom__pydicom/ExplVR_BigEnd.dcm", 0),
        ("burnedin/cornerstonejs__cornerstone3D/US-YBR_FULL_422-EVRLE.dcm", 0),
    ],
)
def test_real_devices(test_data, file, count):
    header = read_pixel_header(open_dicom(BytesSource((test_data / file).read_bytes())))
    found = read_screen(header, header.integer(0x00280010), header.integer(0x00280011))

    assert len(find_boxes(shipped_layouts(), found)) == count
