"""What paths are called."""

from __future__ import annotations

import pytest

from scanward.seal.names import name_of_path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("00100010", "Patient's Name"),
        ("00081140[12].00081155", "Referenced Image Sequence > Referenced SOP Instance UID"),
        ("52009230[17]", "Per-Frame Functional Groups Sequence"),
        ("52009230[*]", "Per-Frame Functional Groups Sequence"),
        ('0029"ACME 1.2"10', "private Attribute (0029,xx10) of ACME 1.2"),
        ('0029"ACME 1.2"', "Private Creator of group 0029"),
        ('0029"ACME"10[0].00080104#2', "private Attribute (0029,xx10) of ACME > Code Meaning"),
        ("00291010", "private Attribute (0029,1010)"),
        ("00089999", "Attribute (0008,9999)"),
        ("60020010", "Overlay Rows"),
    ],
)
def test_a_path_is_called_by_the_names_of_the_standard(path, name):
    assert name_of_path(path) == name
