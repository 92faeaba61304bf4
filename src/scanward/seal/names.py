"""What a path in the header of a seal is called."""

from scanward.standard.dictionary import find_attribute

_PRIVATE = "private Attribute"


def name_of_path(path: str) -> str:
    """Return the names of an Attribute and of the sequences that it stands in, from the outside in."""
    return " > ".join(_name(part.partition("[")[0].partition("#")[0]) for part in _split(path))


def _split(path: str) -> list[str]:
    """Cut a path at its points, but not at those in the name of a private creator."""
    parts, start, is_quoted = [], 0, False
    for at, character in enumerate(path):
        if character == '"':
            is_quoted = not is_quoted
        elif character == "." and not is_quoted:
            parts.append(path[start:at])
            start = at + 1
    return [*parts, path[start:]]


def _name(part: str) -> str:
    if '"' in part:
        group, creator, number = part.split('"')
        return f"{_PRIVATE} ({group},xx{number}) of {creator}" if number else f"Private Creator of group {group}"
    tag = int(part, 16)
    if tag & 0x10000:
        return f"{_PRIVATE} ({part[:4]},{part[4:]})"
    entry = find_attribute(tag)
    return entry.name if entry is not None and entry.name else f"Attribute ({part[:4]},{part[4:]})"
