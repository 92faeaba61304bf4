"""Reads the keys of a parsed document one by one, each with its type, and refuses what is left over."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TypeVar

from scanward.errors import AgreementError

MAX_TEXT_LENGTH = 1000
MAX_LIST_LENGTH = 1000

T = TypeVar("T")

_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


def refuse(where: str, expected: str, got: str) -> AgreementError:
    """Return the error that says what was expected at the key `where`, and what was there."""
    return AgreementError(f"{where}: expected {expected}, got {got}", remedy="See docs/reference/recipients.md.")


class Fields:
    """The keys of one table.

    Parameters
    ----------
    content
        The table, parsed and not looked at.
    where
        The keys that lead to it, joined by dots; empty for the document itself.
    """

    def __init__(self, content: Mapping[str, object], where: str = "") -> None:
        self._content = content
        self._where = where
        self._asked: set[str] = set()

    def named(self, key: str) -> str:
        """Return a key as messages name it."""
        return f"'{self._where}.{key}'" if self._where else f"'{key}'"

    def end(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._content:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise AgreementError(f"unknown key {self.named(str(key))}", remedy=f"Known keys here: {known}.")

    def text(self, key: str, *, default: str | None = None, pattern: str = "", expected: str = "") -> str:
        """Return a text without outer blanks, all of it printable; `pattern` has to match the whole."""
        if default is not None and not self._has(key):
            return default
        value = self._get(key)
        if not isinstance(value, str):
            raise refuse(self.named(key), "text", _kind_of(value))
        return self._checked(key, value, pattern, expected)

    def texts(
        self, key: str, *, default: tuple[str, ...] | None = None, pattern: str = "", expected: str = ""
    ) -> tuple[str, ...]:
        """Return a list of texts, each as `text` wants it, none twice."""
        if default is not None and not self._has(key):
            return default
        value = self._get(key)
        if not isinstance(value, list):
            raise refuse(self.named(key), "a list of texts", _kind_of(value))
        if len(value) > MAX_LIST_LENGTH:
            raise refuse(self.named(key), f"at most {MAX_LIST_LENGTH} entries", str(len(value)))
        found: list[str] = []
        for entry in value:
            if not isinstance(entry, str):
                raise refuse(self.named(key), "a list of texts", f"{_kind_of(entry)} in it")
            found.append(self._checked(key, entry, pattern, expected))
        if len(set(found)) < len(found):
            raise refuse(self.named(key), "each entry once", "one twice")
        return tuple(found)

    def number(self, key: str, *, least: int, most: int, default: int | None = None) -> int:
        """Return a whole number from `least` to `most`."""
        if default is not None and not self._has(key):
            return default
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse(self.named(key), "a whole number", _kind_of(value))
        if not least <= value <= most:
            raise refuse(self.named(key), f"{least} to {most}", str(value))
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        if not self._has(key):
            return default
        value = self._get(key)
        if not isinstance(value, bool):
            raise refuse(self.named(key), "true or false", _kind_of(value))
        return value

    def date(self, key: str) -> date:
        """Return a day."""
        value = self._get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise refuse(self.named(key), "a day such as 2026-12-31, without quotation marks", _kind_of(value))
        return value

    def find_moment(self, key: str) -> datetime | None:
        """Return a time given as ISO 8601 with its offset, in UTC; None where it is missing or null."""
        value = self._content.get(key)
        self._asked.add(key)
        if value is None:
            return None
        expected = "a time with its offset, such as 2026-12-31T23:59:59Z"
        if not isinstance(value, str):
            raise refuse(self.named(key), expected, _kind_of(value))
        try:
            moment = datetime.fromisoformat(value)
            if moment.utcoffset() is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise refuse(self.named(key), expected, "something else")

    def choice(self, key: str, choices: Mapping[str, T]) -> T:
        """Return what one of the words in `choices` stands for."""
        return self._chosen(key, self.text(key), choices)

    def choices(self, key: str, choices: Mapping[str, T], *, default: tuple[str, ...]) -> tuple[T, ...]:
        """Return what a list of words in `choices` stands for."""
        return tuple(self._chosen(key, word, choices) for word in self.texts(key, default=default))

    def table(self, key: str) -> "Fields":
        """Return a table within this one."""
        value = self._get(key)
        if not isinstance(value, dict):
            raise refuse(self.named(key), "a table", _kind_of(value))
        return Fields(value, f"{self._where}.{key}" if self._where else key)

    def find_table(self, key: str) -> "Fields | None":
        """Return a table within this one, or None where there is none."""
        return self.table(key) if self._has(key) else None

    def _has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._content

    def _get(self, key: str) -> object:
        if not self._has(key):
            raise AgreementError(f"missing key {self.named(key)}", remedy="See docs/reference/recipients.md.")
        return self._content[key]

    def _checked(self, key: str, value: str, pattern: str, expected: str) -> str:
        stripped = value.strip()
        if not stripped or len(stripped) > MAX_TEXT_LENGTH or not stripped.isprintable():
            raise refuse(self.named(key), f"1 to {MAX_TEXT_LENGTH} printable characters", f"{len(stripped)} characters")
        if pattern and not re.fullmatch(pattern, stripped, re.ASCII):
            raise refuse(self.named(key), expected, "something else")
        return stripped

    def _chosen(self, key: str, word: str, choices: Mapping[str, T]) -> T:
        if word not in choices:
            raise refuse(self.named(key), f"one of {', '.join(choices)}", repr(word))
        return choices[word]


def _kind_of(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)
