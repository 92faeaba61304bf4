"""PS3.3: Defined Terms and Enumerated Values, which are words of the standard and of nobody else.

From the descriptions of all Attributes together; edition 2020b. An Attribute may have terms that another one has.
"""

from functools import cache
from typing import Final

from scanward.standard._data import read_json

EDITION: Final = "2020b"


def is_defined_term(value: str) -> bool:
    """Return whether `value` is a term that the standard lists for some coded Attribute."""
    return value in _terms()


@cache
def _terms() -> frozenset[str]:
    return frozenset(read_json("terms.json")["terms"])
