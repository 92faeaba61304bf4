"""The page on the API says what there is."""

import re
from pathlib import Path

from scanward.web.roles import ALLOWED, Operation, Role

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")


def test_every_address_is_in_the_page_and_no_other(world):
    described = world.app.openapi()["paths"]
    there = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert set(re.findall(r"^\| (GET|POST|PUT) \| `([^`]+)` \|", PAGE, re.MULTILINE)) == there


def test_the_table_of_roles_is_the_table_of_roles():
    head, *rows = re.findall(r"^\| (may|[a-z ]+) \|(.*)\|$", PAGE, re.MULTILINE)
    roles = [Role(cell.strip()) for cell in head[1].split("|")]
    said = {
        Operation(name): {role for role, cell in zip(roles, cells.split("|"), strict=True) if cell.strip()}
        for name, cells in rows
        if name in set(Operation)
    }
    assert said == {one: {role for role in Role if one in ALLOWED[role]} for one in Operation}
