"""Narrative of FHIR: a piece of XHTML that is made for people to read."""

from typing import Final

from lxml import etree

from scanward.deidentify.documents.fields import Fields
from scanward.deidentify.documents.markup import (
    XHTML,
    clean_slots,
    drop,
    keep_attributes,
    local_name,
    parse_xml,
    slots_of,
)

_BLOCKS: Final = frozenset(
    "div p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table caption thead tbody tfoot tr th td blockquote pre br hr".split()
)
_INLINE: Final = frozenset(
    "span b i em strong small big sub sup tt code cite q u s a abbr dfn kbd samp var col".split()
)
_ATTRIBUTES: Final = frozenset({"colspan", "rowspan"})


def clean_narrative(xhtml: str, fields: Fields) -> str:
    """Return a narrative with its text cleaned; pictures, links, styles and names of anchors go.

    Parameters
    ----------
    xhtml
        A ``div`` of XHTML.
    fields
        Those of the document that it is in.

    Raises
    ------
    DocumentError
        It is not well formed, or something known stays.
    """
    root = parse_xml(xhtml.encode())
    for element in list(root.iter()):
        name = local_name(element)
        if element is not root and (not element.tag.startswith(XHTML) or name not in _BLOCKS | _INLINE):
            fields.leave_out("picture" if name == "img" else "element")
            drop(element)
        else:
            keep_attributes(element, _ATTRIBUTES)
    clean_slots(list(slots_of(root, is_block=lambda element: local_name(element) in _BLOCKS)), fields)
    return str(etree.tostring(root, encoding="unicode"))


def text_of(xhtml: str) -> str:
    """Return the text of a narrative, to be looked at."""
    return "\n".join(filter(None, (text.strip() for text in map(str, parse_xml(xhtml.encode()).itertext()))))
