"""Makes the word lists: what clinical and technical text is made of, and common names.

A word that is also a common name is ambiguous; a name that the sources only ever write with a capital (an eponym) is
left out, so that the vocabulary lets no person's name through.
"""

import ast
import html
import re
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from sources import Sources, read_assignments, read_json, write_lines

SURNAME_COUNT = 5000
GIVEN_NAME_COUNT = 2000
WIDESPREAD_LISTS = 4
COUNTRIES = frozenset(
    {
        "da_DK",
        "de_AT",
        "de_DE",
        "en_GB",
        "en_IN",
        "es_ES",
        "es_MX",
        "fi_FI",
        "fr_FR",
        "it_IT",
        "nl_NL",
        "no_NO",
        "pt_BR",
        "pt_PT",
        "sv_SE",
        "tr_TR",
        "zh_CN",
    }
)
FREQUENT_SURNAMES = 1000
FREQUENT_GIVEN_NAMES = 1000

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019]s\b)?")
_NAME_LIST = re.compile(r"(first|last)_(?:romanized_)?name")
_MARKUP = re.compile(r"<[^>]*>|https?://\S+")

# Schemes whose meanings are written in sentence case, so that a capital inside one marks a proper noun.
_SENTENCE_CASE = ("SCT", "RADLEX", "UMLS", "NCIt", "FMA", "I10")
# Schemes of codes for people's trades, substances and the like that add no words of image headers are not read.
_OTHER_SCHEMES = ("DCM", "LN", "IBSI", "MDC", "NEU", "RXNORM", "UCUM")


class _Evidence:
    """How the sources write each word."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.ordinary: set[str] = set()
        self.proper: set[str] = set()

    def add(self, text: str, *, title_case: bool = False, sentence_case: bool = False) -> None:
        """Take the words of `text`; in title case a capital says nothing, in sentence case it marks a proper noun."""
        for index, word in enumerate(split_words(text)):
            lower = word.lower()
            self.seen.add(lower)
            if word.islower() or title_case:
                self.ordinary.add(lower)
            elif sentence_case and index > 0 and word.istitle():
                self.proper.add(lower)


def split_words(text: str) -> Iterator[str]:
    """Yield the words of `text` of two letters or more, without possessive endings."""
    for match in _WORD.findall(text):
        word = re.split("['\u2019]", match)[0]
        if len(word) >= 2:
            yield word


def _read_imaging_words() -> set[str]:
    """Return the words of the project's own list."""
    path = Path(__file__).with_name("imaging_words.txt")
    lines = (line.partition("#")[0] for line in path.read_text(encoding="utf-8").splitlines())
    return {word for line in lines for word in line.split() if len(word) >= 2}


def _gather(sources: Sources) -> _Evidence:
    evidence = _Evidence()
    dictionary = read_assignments(sources.pydicom / "_dicom_dict.py")
    for _vr, _vm, name, _retired, _keyword in dictionary["DicomDictionary"].values():
        evidence.add(name, title_case=True)
    for name, *_rest in read_assignments(sources.pydicom / "_uid_dict.py")["UID_dictionary"].values():
        evidence.add(name, title_case=True)
    for entry in read_json(sources.standards / "attributes.json"):
        evidence.add(entry["name"], title_case=True)
    for table in ("modules.json", "ciods.json"):
        for entry in read_json(sources.standards / table):
            evidence.add(entry["name"], title_case=True)
            evidence.add(html.unescape(_MARKUP.sub(" ", entry["description"])))
    concepts = read_assignments(sources.pydicom / "sr" / "_concepts_dict.py")["concepts"]
    for scheme in _SENTENCE_CASE + _OTHER_SCHEMES:
        for meanings in concepts[scheme].values():
            for meaning, _context_groups in meanings.values():
                if "breed" in meaning.lower():  # breeds of animals bring in the names of half the world's villages
                    continue
                evidence.add(meaning, sentence_case=scheme in _SENTENCE_CASE)
    for word in _read_imaging_words():
        evidence.add(word, title_case=True)
    return evidence


def _read_census(archive: Path) -> tuple[list[str], list[str]]:
    """Return all surnames and all given names of the census, the most frequent first."""
    lists: dict[str, list[tuple[float, str]]] = {"last": [], "first": []}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            kind = member.name.rpartition(".")[2]
            handle = tar.extractfile(member) if "/names/dist." in member.name else None
            if handle is None:
                continue
            for line in handle.read().decode("ascii").splitlines():
                name, frequency = line.split()[:2]
                lists[kind].append((float(frequency), name.lower()))
    return _by_frequency(lists["last"]), _by_frequency(lists["first"])


def _read_world(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Return surnames and given names in Latin letters, with the number of countries' lists each is in.

    Of countries outside COUNTRIES only what another list has too: some lists are long and of rare names.
    """
    lists: dict[str, Counter[str]] = {"last": Counter(), "first": Counter()}
    chosen: dict[str, set[str]] = {"last": set(), "first": set()}
    for path in sorted(folder.glob("*/__init__.py")):
        found: dict[str, set[str]] = {"last": set(), "first": set()}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            match = _NAME_LIST.search(target.id) if isinstance(target, ast.Name) else None
            if match is not None:
                texts = (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
                found[match[1]].update(_split_names(str(text) for text in texts))
        for kind, names in found.items():
            lists[kind].update(names)
            if path.parent.name in COUNTRIES:
                chosen[kind] |= names
    for kind, counter in lists.items():
        for name in [name for name, count in counter.items() if count == 1 and name not in chosen[kind]]:
            del counter[name]
    return lists["last"], lists["first"]


def _split_names(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for word in re.findall(r"[^\W\d_]+", text):
            # Shorter ones are particles and initials.
            if len(word) >= 3 and all("LATIN" in unicodedata.name(letter, "") for letter in word):
                # The Turkish capital I with a dot becomes two characters.
                yield word.lower().replace("i\u0307", "i")


def _by_frequency(rows: Iterable[tuple[float, str]]) -> list[str]:
    highest: dict[str, float] = {}
    for frequency, name in rows:
        highest[name] = max(frequency, highest.get(name, 0.0))
    return sorted(highest, key=lambda name: (-highest[name], name))


def make(sources: Sources) -> None:
    """Write ``words.txt``, ``ambiguous_words.txt``, ``given_names.txt`` and ``surnames.txt``."""
    evidence = _gather(sources)
    imaging = _read_imaging_words()
    surnames, given = _read_census(sources.names)
    world_surnames, world_given = _read_world(sources.world_names)
    every_name = set(surnames) | set(given)
    # A word that every second description has (brain, bone) stays unless it is a truly frequent name.
    kept = imaging - set(surnames[:FREQUENT_SURNAMES]) - set(given[:FREQUENT_GIVEN_NAMES])
    surnames, given = surnames[:SURNAME_COUNT], given[:GIVEN_NAME_COUNT]
    widespread = {name for name, lists in (world_surnames + world_given).items() if lists >= WIDESPREAD_LISTS}
    common = (set(surnames) | set(given) | (widespread - imaging)) - kept

    nouns = evidence.proper - evidence.ordinary
    ambiguous = (common & evidence.ordinary) | (nouns - every_name)
    standard = evidence.seen - ambiguous - common - (every_name - evidence.ordinary)

    words = standard | ambiguous
    write_lines(sources.data / "words.txt", sorted(standard))
    write_lines(sources.data / "ambiguous_words.txt", sorted(ambiguous))
    write_lines(sources.data / "given_names.txt", sorted(set(given) | (set(world_given) - words)))
    write_lines(sources.data / "surnames.txt", sorted(set(surnames) | (set(world_surnames) - words)))
