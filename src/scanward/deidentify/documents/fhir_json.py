"""FHIR as JSON and as XML, read into the same objects and written again; numbers keep their digits."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn, TypeAlias, Union

from scanward.deidentify.documents.fhir_types import RESOURCES
from scanward.errors import DocumentError

if TYPE_CHECKING:
    from scanward.deidentify.documents.markup import Element

MAX_BYTES = 64 << 20

_MAX_DEPTH = 64
_NAMESPACE = "{http://hl7.org/fhir}"
_XHTML_DIV = "{http://www.w3.org/1999/xhtml}div"
_REMEDY = "Have the system that wrote it write it anew."


class Number(str):
    """A number as it is written: 3.50 is not 3.5 in FHIR."""

    __slots__ = ()


Json: TypeAlias = Union[str, bool, "list[Json]", "dict[str, Json]", None]
"""A value; objects keep the order of their elements."""


def is_xml(data: bytes) -> bool:
    """Say whether a resource is written in XML."""
    return data.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<")


def parse_resource(data: bytes) -> "dict[str, Json]":
    """Read a resource.

    Parameters
    ----------
    data
        JSON or XML.

    Raises
    ------
    DocumentError
        It is neither, too large or deep, or has an element twice.
    """
    if is_xml(data):
        from scanward.deidentify.documents.markup import parse_xml

        return _from_xml(parse_xml(data))
    if len(data) > MAX_BYTES:
        raise DocumentError(
            f"expected a resource of {MAX_BYTES >> 20} MB at most, got {len(data) >> 20} MB", remedy="Split it."
        )
    try:
        found = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_float=Number,
            parse_int=Number,
            parse_constant=_none,
        )
    except (ValueError, RecursionError):
        # What the parser says may quote the document.
        raise DocumentError("expected a FHIR resource as JSON in UTF-8, got something else", remedy=_REMEDY) from None
    if not isinstance(found, dict):
        raise DocumentError("expected a FHIR resource, got another JSON value", remedy=_REMEDY)
    _bound(found, 0)
    return found


def _object(pairs: "list[tuple[str, Json]]") -> "dict[str, Json]":
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _none(_: str) -> NoReturn:
    raise ValueError


def _bound(value: Json, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise DocumentError(f"expected a resource of {_MAX_DEPTH} levels at most, got more", remedy=_REMEDY)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _bound(one, depth + 1)


def to_bytes(resource: "dict[str, Json]", *, xml: bool) -> bytes:
    """Write a resource as JSON or as XML, in UTF-8."""
    if xml:
        from scanward.deidentify.documents.markup import to_bytes as xml_bytes

        return xml_bytes(_to_xml(resource))
    return ("".join(_written(resource, "\n")) + "\n").encode()


def _written(value: Json, line: str) -> Iterator[str]:
    inner = f"{line}  "
    if isinstance(value, Number):
        yield str(value)
    elif isinstance(value, dict):
        yield "{"
        for number, (key, one) in enumerate(value.items()):
            yield f"{',' if number else ''}{inner}{json.dumps(key)}: "
            yield from _written(one, inner)
        yield f"{line}}}"
    elif isinstance(value, list):
        yield "["
        for number, one in enumerate(value):
            yield f"{',' if number else ''}{inner}"
            yield from _written(one, inner)
        yield f"{line}]"
    else:
        yield json.dumps(value, ensure_ascii=False)


def _from_xml(element: "Element") -> "dict[str, Json]":
    """Read an element of FHIR: what is repeated becomes a list, what has a value alone becomes this."""
    from lxml import etree

    found: dict[str, Json] = {}
    name = element.tag.removeprefix(_NAMESPACE)
    if name in RESOURCES or element.getparent() is None or _is_holder(element.getparent()):
        found["resourceType"] = name
    for child in element:
        if child.tag == _XHTML_DIV:
            _put(found, "div", etree.tostring(child, encoding="unicode", with_tail=False))
        elif not child.tag.startswith(_NAMESPACE):
            raise DocumentError("expected elements of FHIR, got others", remedy=_REMEDY)
        else:
            key = child.tag.removeprefix(_NAMESPACE)
            value = child.get("value")
            if _is_holder(child) and len(child):
                _put(found, key, _from_xml(child[0]))
            else:
                _put(found, key, value if value is not None else _from_xml(child))
    return found


def _is_holder(element: "Element | None") -> bool:
    return element is not None and element.tag in {f"{_NAMESPACE}resource", f"{_NAMESPACE}contained"}


def _put(found: "dict[str, Json]", key: str, value: Json) -> None:
    before = found.get(key)
    if before is None:
        found[key] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        found[key] = [before, value]


def _to_xml(resource: "dict[str, Json]") -> "Element":
    from lxml import etree

    root = etree.Element(f"{_NAMESPACE}{resource['resourceType']}", nsmap={None: _NAMESPACE.strip("{}")})
    _fill(root, resource)
    return root


def _fill(element: "Element", held: "dict[str, Json]") -> None:
    from lxml import etree

    for key, values in held.items():
        for value in values if isinstance(values, list) else [values]:
            if key == "resourceType":
                continue
            if key == "div":
                element.append(etree.fromstring(str(value)))
                continue
            child = etree.SubElement(element, f"{_NAMESPACE}{key}")
            if isinstance(value, dict):
                inner = value.get("resourceType")
                _fill(etree.SubElement(child, f"{_NAMESPACE}{inner}") if inner else child, value)
            else:
                child.set("value", str(value))
