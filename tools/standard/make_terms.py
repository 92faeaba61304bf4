"""Makes the list of Defined Terms and Enumerated Values of PS3.3."""

import re

from sources import Sources, read_json, write_json

_TERM = re.compile(r"<dt[^>]*>(.*?)</dt>", re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>")
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")  # PS3.5 Table 6.2-1, CS


def make(sources: Sources) -> None:
    """Write ``terms.json``: every term that the description of an Attribute lists."""
    terms = set()
    for name in ("module_to_attributes.json", "macro_to_attributes.json"):
        for row in read_json(sources.module_descriptions / name):
            for markup in _TERM.findall(row.get("description") or ""):
                term = _MARKUP.sub("", markup).strip()
                if _CODE_STRING.fullmatch(term) and not term.isdigit():
                    terms.add(term)
    write_json(sources.data / "terms.json", {"edition": "2020b", "terms": sorted(terms)})
