"""The tables of states in the documentation are those that the ledger enforces."""

import re
from pathlib import Path

import pytest

from scanward.flow.states import ITEM_MOVES, RELEASE_MOVES, RESULT_MOVES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "gateway.md"


def table(name: str) -> dict[str, set[str]]:
    """Return state -> states that may follow, of the table whose first column has this name."""
    text = PAGE.read_text(encoding="utf-8")
    (body,) = re.findall(rf"(?m)^\| {name} \| then \|\n\| --- \| --- \|\n((?:\|.*\|\n)+)", text)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]
    return {state: set(filter(None, moves.split(", "))) for state, moves in rows}


@pytest.mark.parametrize(
    ("name", "moves"), [("release", RELEASE_MOVES), ("instance", ITEM_MOVES), ("result", RESULT_MOVES)]
)
def test_states_are_those_of_the_ledger(name, moves):
    assert table(name) == {state.value: {one.value for one in after} for state, after in moves.items()}
    assert set(moves) == set(type(next(iter(moves))))
