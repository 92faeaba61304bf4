"""What is compared: each tool as a finder of what identifies somebody in texts.

A tool runs in a process of its own: ``python benchmarks/text/peers.py NAME TEXTS FOUND`` reads texts as JSON, by name,
and writes where the tool found something in each, and how long it took.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Find = Callable[[str], list[tuple[int, int]]]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A tool.

    Attributes
    ----------
    name
        For the table.
    load
        Returns it as a finder, and what it runs on (versions, models).
    modules
        What it cannot run without.
    package
        Where that comes from.
    is_ours
        Whether it is Scanward.
    """

    name: str
    load: Callable[[], tuple[Find, str]]
    modules: tuple[str, ...] = ()
    package: str = ""
    is_ours: bool = False

    def is_there(self) -> bool:
        """Return whether it can be run here."""
        try:
            return all(find_spec(name) for name in self.modules)
        except ModuleNotFoundError:
            return False


def _scanward() -> tuple[Find, str]:
    from scanward.deidentify.text.recogniser.crf import load_recogniser

    recogniser = load_recogniser()
    return _cleaner(recogniser), f"with its recogniser {recogniser.name}"


def _scanward_patterns() -> tuple[Find, str]:
    return _cleaner(None), "patterns and lists only"


def _cleaner(recogniser: Any) -> Find:
    from scanward.deidentify.text.known import KnownIdentifiers
    from scanward.deidentify.text.prose import TextCleaner
    from scanward.deidentify.text.replace import Labels

    cleaner = TextCleaner(KnownIdentifiers(), Labels(), recogniser=recogniser)
    return lambda text: [(shape.start, shape.end) for shape in cleaner.find(text)]


def _presidio() -> tuple[Find, str]:
    from importlib.metadata import version

    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # Otherwise it asks the network for the list of top-level domains.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    said = f"presidio-analyzer {version('presidio-analyzer')}, spaCy {spacy.__version__}"
    for model in ("en_core_web_lg", "en_core_web_sm"):
        if spacy.util.is_package(model):
            language = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": model}])
            engine = AnalyzerEngine(nlp_engine=language, supported_languages=["en"])
            return _analysed(engine), f"{said}, {model}"
    language = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    language.nlp = {"en": spacy.blank("en")}
    engine = AnalyzerEngine(nlp_engine=language, supported_languages=["en"])
    return _analysed(engine), f"{said} blank: its models are on no package registry"


def _analysed(engine: Any) -> Find:
    def find(text: str) -> list[tuple[int, int]]:
        return [(one.start, one.end) for one in engine.analyze(text=text, language="en")]

    return find


def _pydeid() -> tuple[Find, str]:
    from importlib.metadata import version

    from pydeid import deid_string  # type: ignore[attr-defined]

    def find(text: str) -> list[tuple[int, int]]:
        found, _ = deid_string(text)
        return [(one["phi_start"], one["phi_end"]) for one in found]

    return find, f"pyDeid {version('pydeid')}"


CONTENDERS = (
    Contender(name="Scanward", load=_scanward, is_ours=True),
    Contender(name="Scanward, patterns only", load=_scanward_patterns, is_ours=True),
    Contender(
        name="Presidio", load=_presidio, modules=("presidio_analyzer", "spacy"), package="presidio-analyzer from PyPI"
    ),
    Contender(
        name="pyDeid", load=_pydeid, modules=("pydeid.phi",), package="the package of that name on PyPI has no code"
    ),
)


def main() -> None:
    """Run one tool over texts."""
    name, source, target = sys.argv[1:]
    tool = next(one for one in CONTENDERS if one.name == name)
    find, said = tool.load()
    texts: dict[str, str] = json.loads(Path(source).read_text(encoding="utf-8"))
    for text in list(texts.values())[:3]:
        find(text)
    found: dict[str, list[tuple[int, int]]] = {}
    seconds: dict[str, float] = {}
    for key, text in texts.items():
        start = time.process_time()
        found[key] = find(text)
        seconds[key] = time.process_time() - start
    Path(target).write_text(json.dumps({"found": found, "seconds": seconds, "said": said}), encoding="utf-8")


if __name__ == "__main__":
    # The first place to look for modules is the folder of this file, where `text` is no package.
    sys.path[0] = os.path.dirname(sys.path[0])  # noqa: PTH120
    main()
