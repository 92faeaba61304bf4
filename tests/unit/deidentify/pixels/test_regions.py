"""Regions that ultrasound scanners declare: read in every encoding, believed only where they fit the image."""

import io

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.deidentify.pixels.header import read_pixel_header
from scanward.deidentify.pixels.rectangle import Rectangle, hull
from scanward.deidentify.pixels.regions import outside, read_regions, widened
from scanward.dicomstream.opening import open_dicom
from scanward.model.instance import BytesSource

EPIQ = (14, 38, 1010, 758)
BODY = Rectangle(14, 38, 997, 721)
ROWS, COLUMNS = 768, 1024


def declare(*regions):
    items = []
    for left, top, right, bottom in regions:
        item = Dataset()
        item.RegionSpatialFormat = 1
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
        items.append(item)
    return items


def header_of(items, syntax=ExplicitVRLittleEndian):
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", "2.25.1"
    if items is not None:
        data.SequenceOfUltrasoundRegions = items
    data.Rows = ROWS
    file = io.BytesIO()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(file, enforce_file_format=True)
    return read_pixel_header(open_dicom(BytesSource(file.getvalue())))


def regions_of(*regions, rows=ROWS, columns=COLUMNS):
    return read_regions(header_of(declare(*regions)), rows, columns)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_regions_are_read_in_every_encoding(syntax):
    assert read_regions(header_of(declare(EPIQ, (20, 50, 90, 80)), syntax), ROWS, COLUMNS) == (
        BODY,
        Rectangle(20, 50, 71, 31),
    )


def test_an_image_without_regions_has_none():
    assert read_regions(header_of(None), ROWS, COLUMNS) == ()
    assert read_regions(header_of([]), ROWS, COLUMNS) == ()
    assert outside((), ROWS, COLUMNS) == ()
    assert widened([Rectangle(0, 0, 40, 12)], (), ROWS, COLUMNS) == ()


def test_edges_may_be_the_last_pixel_or_the_one_behind():
    assert regions_of((120, 60, 800, 518), rows=600, columns=800) == (Rectangle(120, 60, 680, 459),)
    assert regions_of((120, 60, 799, 518), rows=600, columns=800) == (Rectangle(120, 60, 680, 459),)


@pytest.mark.parametrize(
    "odd",
    [(14, 38, 1025, 758), (14, 38, 1010, 769), (90, 38, 90, 758), (500, 38, 90, 758), (14, 758, 1010, 38), (5, 5, 1 << 31, 9)],
)  # fmt: skip
def test_of_regions_of_which_one_does_not_fit_none_is_believed(odd):
    assert regions_of(EPIQ, odd) == ()


def test_a_scaled_image_with_the_regions_of_the_first_screen_has_none():
    assert regions_of((84, 31, 595, 414), rows=240, columns=320) == ()


def test_regions_that_leave_most_of_the_image_out_are_not_believed():
    assert regions_of((10, 10, 60, 60)) == ()


def test_very_many_regions_are_not_believed():
    assert regions_of(*[EPIQ] * 64) == (BODY,) * 64
    assert regions_of(*[EPIQ] * 65) == ()


def test_a_region_without_an_edge_is_not_believed():
    items = declare(EPIQ)
    del items[0].RegionLocationMaxX1
    assert read_regions(header_of(items), ROWS, COLUMNS) == ()


def test_what_is_outside_is_above_below_and_beside():
    assert outside((BODY,), ROWS, COLUMNS) == (
        Rectangle(0, 0, 1024, 38),
        Rectangle(0, 759, 1024, 9),
        Rectangle(0, 38, 14, 721),
        Rectangle(1011, 38, 13, 721),
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 79), st.integers(1, 100), st.integers(1, 80)).map(
            lambda some: Rectangle(some[0], some[1], min(some[2], 100 - some[0]), min(some[3], 80 - some[1]))
        ),
        min_size=1,
        max_size=5,
    )
)
def test_nothing_of_a_region_is_outside(regions):
    bands = outside(regions, 80, 100)

    assert not any(band.meets(region) for band in bands for region in regions)
    assert sum(band.area for band in bands) + hull(regions).area == 80 * 100


def test_a_name_in_the_header_takes_its_row_with_it():
    boxes = [Rectangle(9, 6, 110, 14), Rectangle(393, 5, 120, 16)]

    assert widened(boxes, (BODY,), ROWS, COLUMNS) == (Rectangle(0, 5, 1024, 16), Rectangle(0, 6, 1024, 14))


@pytest.mark.parametrize(
    "box",
    [
        Rectangle(14, 30, 60, 20),  # reaches into the region
        Rectangle(15, 80, 53, 17),  # in the region
        Rectangle(0, 760, 90, 8),  # below
        Rectangle(0, 300, 12, 8),  # beside
        Rectangle(10, 2, 10, 30),  # upright: a letter, or no line
    ],
)
def test_boxes_elsewhere_are_left_as_they_are(box):
    assert widened([box], (BODY,), ROWS, COLUMNS) == ()


def test_a_box_of_several_rows_is_left_as_it_is():
    tall = Rectangle(0, 120, 1024, 640)
    assert widened([Rectangle(9, 6, 300, 50)], (tall,), ROWS, COLUMNS) == ()
    assert widened([Rectangle(9, 6, 300, 46)], (tall,), ROWS, COLUMNS) == (Rectangle(0, 6, 1024, 46),)


def test_where_most_lies_above_the_regions_it_is_no_header():
    low = Rectangle(0, 400, 1024, 300)
    assert widened([Rectangle(9, 6, 110, 14)], (low,), ROWS, COLUMNS) == ()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "rows", "columns", "header"),
    [
        ("burnedin/pydicom__deid-data/GREYSCALE_IMAGE.dcm", 768, 1024, 38),
        ("dicom/pydicom__pydicom-data/OBXXXX1A.dcm", 600, 800, 60),
        ("dicom/pydicom__pydicom-data/OBXXXX1A_expb.dcm", 600, 800, 60),
        ("burnedin/pydicom__pydicom-data/gdcm-US-ALOKA-16.dcm", 480, 640, 24),
        ("dicom/pydicom__pydicom-data/gdcm-US-ALOKA-16_big.dcm", 480, 640, 24),
        ("burnedin/cornerstonejs__cornerstone3D/US-YBR_FULL_422-EVRLE.dcm", 555, 800, 75),
        ("burnedin/SMI__dicompixelanon/US-GE-4AICL142.dcm", 434, 636, 0),
        ("burnedin/pydicom__pydicom-data/US1_UNCR.dcm", 480, 640, None),
        ("dicom/pydicom__pydicom/examples_palette.dcm", 350, 800, None),
        ("dicom/pydicom__pydicom/examples_ybr_color.dcm", 240, 320, None),
    ],
)
def test_real_scanners(test_data, file, rows, columns, header):
    start = open_dicom(BytesSource((test_data / file).read_bytes()))
    regions = read_regions(read_pixel_header(start), rows, columns)

    assert (hull(regions).y if regions else None) == header
