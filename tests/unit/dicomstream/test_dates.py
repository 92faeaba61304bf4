"""DICOM dates, times and ages."""

import pytest

from scanward.dicomstream.dates import CAPPED_AGE, cap_age, is_time, parse_da, shift_da, shift_dt


@pytest.mark.parametrize(
    ("value", "days", "expected"),
    [
        ("20200228", 1, "20200229"),
        ("20210228", 1, "20210301"),
        ("20200301", -1, "20200229"),
        ("19991231", 1, "20000101"),
        ("2004.01.19", -19, "2003.12.31"),
        ("20190617 ", 0, "20190617"),
        ("00010102", -1, "00010101"),
    ],
)
def test_a_date_moves_and_keeps_its_notation(value, days, expected):
    assert shift_da(value, days) == expected


@pytest.mark.parametrize(
    "value", ["", "2019", "20190230", "2019-06-17", "20190617-20190618", "abcdefgh", "201906170", "2019.0617"]
)
def test_what_is_no_date_raises_without_its_value(value):
    with pytest.raises(ValueError) as caught:
        shift_da(value, 1)
    assert not value or value not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_date_does_not_leave_the_calendar():
    with pytest.raises(ValueError):
        shift_da("99991231", 1)
    with pytest.raises(ValueError):
        parse_da("00000101")


@pytest.mark.parametrize(
    ("value", "days", "expected"),
    [
        ("20190617101530.123456+0200", -17, "20190531101530.123456+0200"),
        ("2019061710", 1, "2019061810"),
        ("20190617", 14, "20190701"),
        ("201906", -15, "201905"),
        ("201906", 1, "201906"),
        ("2019", -365, "2018"),
        ("2019+0100", 0, "2019+0100"),
        ("20190617101560 ", 1, "20190618101560"),
    ],
)
def test_a_datetime_moves_and_keeps_its_precision(value, days, expected):
    assert shift_dt(value, days) == expected


@pytest.mark.parametrize(
    "value", ["", "201", "20191301", "2019061725", "201906171015301", "20190617T10", "20190617101530+01"]
)
def test_what_is_no_datetime_raises(value):
    with pytest.raises(ValueError):
        shift_dt(value, 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1015", True), ("10:15:30.5", True), ("235960", True), ("2400", False), ("", False), ("10:1530", False)],
)
def test_times(value, expected):
    assert is_time(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("089Y", "089Y"),
        ("090Y", CAPPED_AGE),
        ("103Y", CAPPED_AGE),
        ("999M", "999M"),
        ("999W", "999W"),
        ("999D", "999D"),
        ("003D ", "003D"),
    ],
)
def test_ages_over_89_are_one_group(value, expected):
    assert cap_age(value) == expected


@pytest.mark.parametrize("value", ["", "45", "45Y", "0045Y", "045X"])
def test_what_is_no_age_raises(value):
    with pytest.raises(ValueError):
        cap_age(value)
