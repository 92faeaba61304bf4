"""Paths as a terminal may show them."""

from pathlib import Path


def shown_path(path: str | Path) -> str:
    """Return a path as a terminal may show it: a name in it may hold anything."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
