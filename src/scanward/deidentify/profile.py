"""Profiles as TOML files, read into frozen values; whatever is not known is refused."""

import hashlib
import re
import tomllib
from collections.abc import Collection
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from scanward.deidentify.bodies.policy import parse_body_policy
from scanward.deidentify.faces.policy import parse_face_policy
from scanward.deidentify.pixels.policy import parse_pixel_policy
from scanward.deidentify.text.policy import parse_text_policy
from scanward.errors import ProfileError
from scanward.model.attribute import Action, Tag, parse_tag
from scanward.model.profile import Option, Profile
from scanward.standard.dictionary import find_attribute, tag_of

SHIPPED = ("basic", "ai-inference", "research", "patient-copy")
"""Names of the profiles that come with Scanward, the default first."""

_KEYS = frozenset({"name", "description", "options", "rules", "needed", "pixels", "faces", "body", "text"})

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

_RULE_ACTIONS = frozenset({Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.CLEAN, Action.KEEP, Action.UID})

_OPTIONS = {option.name.lower().replace("_", "-"): option for option in Option}


def load_profile(name_or_path: str) -> Profile:
    """Load a shipped profile by its name, or one of your own by the path of its TOML file, as it is now.

    Raises
    ------
    ProfileError
        There is none of that name, or the file says something that is not known.
    """
    return parse_profile(profile_text(name_or_path), where=name_or_path)


def profile_text(name_or_path: str) -> str:
    """Return the TOML text of a profile; raises `ProfileError` where there is none of that name."""
    if name_or_path in SHIPPED:
        return _shipped_text(name_or_path)
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise ProfileError(
            f"there is no profile named {name_or_path!r}",
            remedy=f"Choose one of {', '.join(SHIPPED)}, or give the path of a .toml file.",
        )
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeError):
        raise ProfileError(f"cannot read the profile {name_or_path!r}", remedy="Check the path.") from None


@cache
def _shipped_text(name: str) -> str:
    return (resources.files("scanward.deidentify") / "profiles" / f"{name}.toml").read_text("utf-8")


def profile_digest(name_or_path: str) -> str:
    """Return a hash of a profile's text, which changes when anything in it does."""
    return hashlib.sha256(profile_text(name_or_path).encode()).hexdigest()


@lru_cache(maxsize=64)
def parse_profile(text: str, *, where: str = "profile") -> Profile:
    """Parse the TOML text of a profile.

    Raises
    ------
    ProfileError
        It is not TOML, a key, option, Attribute or action is not known, or options contradict each other.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where}: expected TOML: {error}") from None
    unknown = sorted(set(content) - _KEYS)
    if unknown:
        raise ProfileError(f"{where}: unknown key {unknown[0]!r}", remedy=f"Known keys: {', '.join(sorted(_KEYS))}.")
    name = _text(content, "name", where)
    if not _NAME.fullmatch(name):
        raise ProfileError(f"{where}: expected 'name' of up to 32 lower-case letters, digits and dashes")
    profile = Profile(
        name=name,
        description=_text(content, "description", where),
        options=frozenset(_option(name, where) for name in _list(content, "options", where)),
        rules=_rules(_table(content, "rules", where), where),
        pixels=parse_pixel_policy(_table(content, "pixels", where), where),
        faces=parse_face_policy(_table(content, "faces", where), where),
        body=parse_body_policy(_table(content, "body", where), where),
        text=parse_text_policy(_table(content, "text", where), where),
    )
    if {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= profile.options:
        raise ProfileError(f"{where}: dates can be retained in full or modified, not both")
    return restrict(profile, _list(content, "needed", where)) if "needed" in content else profile


def restrict(profile: Profile, keywords: Collection[str]) -> Profile:
    """Return `profile` narrowed to the optional Attributes that a purpose needs; ``*`` alone leaves it as it is.

    Private elements have no keyword, so none of them is needed.

    Raises
    ------
    ProfileError
        A keyword is not known.
    """
    if set(keywords) == {"*"}:
        return profile
    tags = _needed(keywords, profile.name)
    return replace(
        profile,
        options=profile.options - {Option.RETAIN_SAFE_PRIVATE},
        needed=tags if profile.needed is None else tags & profile.needed,
    )


def _needed(keywords: Collection[object], where: str) -> frozenset[Tag]:
    tags = set()
    for keyword in keywords:
        tag = tag_of(keyword) if isinstance(keyword, str) else None
        if tag is None:
            raise ProfileError(
                f"{where}: unknown Attribute {keyword!r} among 'needed'", remedy="Give keywords of PS3.6."
            )
        tags.add(tag)
    return frozenset(tags)


def _text(content: dict[str, Any], key: str, where: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ProfileError(f"{where}: expected {key!r} as a text")
    return " ".join(value.split())


def _list(content: dict[str, Any], key: str, where: str) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise ProfileError(f"{where}: expected {key!r} as a list")
    return value


def _table(content: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise ProfileError(f"{where}: expected {key!r} as a table")
    return value


def _option(name: Any, where: str) -> Option:
    option = _OPTIONS.get(name) if isinstance(name, str) else None
    if option is None:
        raise ProfileError(f"{where}: unknown option {name!r}", remedy=f"Known options: {', '.join(sorted(_OPTIONS))}.")
    return option


def _rules(table: dict[str, Any], where: str) -> dict[Tag, Action]:
    rules: dict[Tag, Action] = {}
    for key, value in table.items():
        tag, action = _rule(key, value, where)
        if tag in rules:
            raise ProfileError(f"{where}: {key} has two rules, one by its keyword and one by its tag")
        rules[tag] = action
    return rules


def _rule(key: str, action: Any, where: str) -> tuple[Tag, Action]:
    tag = tag_of(key)
    if tag is None:
        try:
            tag = parse_tag(key)
        except ValueError:
            tag = None
    if tag is None or find_attribute(tag) is None:
        raise ProfileError(f"{where}: unknown Attribute {key!r}", remedy="Give a keyword or tag of PS3.6.")
    if not isinstance(action, str) or action not in {known.value for known in _RULE_ACTIONS}:
        raise ProfileError(f"{where}: unknown action {action!r} for {key}", remedy="Known actions: D Z X K C U.")
    return tag, Action(action)
