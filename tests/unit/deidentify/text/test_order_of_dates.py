"""Numeric dates of one text are read alike, so that what is moved keeps its intervals."""

from __future__ import annotations

from datetime import date

import pytest

from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.written_dates import find_dates


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("on 01/12/2012 only", ["2012-01-12"]),
        ("17/06/2016 y 01/12/2012", ["2016-06-17", "2012-12-01"]),
        ("06/17/2016 and 01/12/2012", ["2016-06-17", "2012-01-12"]),
        ("06-17-2016 and 01-12-2012", ["2016-06-17", "2012-01-12"]),
        ("01-12-2012 alone", ["2012-12-01"]),
        # One of each: nothing tells, and each is read as its notation usually is.
        ("13/05/2012, 05/13/2012, 01/12/2012", ["2012-05-13", "2012-05-13", "2012-01-12"]),
        ("99/99/2016 and 17/06/2016 and 01/12/2012", ["2016-06-17", "2012-12-01"]),
        ("2016-06-17 and 01/12/2012", ["2016-06-17", "2012-01-12"]),
    ],
)
def test_the_other_dates_of_a_text_tell_what_comes_first(text, days):
    assert [str(found.day) for found in find_dates(Wording(text))] == days


def test_a_date_of_the_study_tells_it_too():
    found = find_dates(Wording("seen 03/04/2019, again 05/06/2019"), {date(2019, 4, 3)})
    assert [str(one.day) for one in found] == ["2019-04-03", "2019-06-05"]
