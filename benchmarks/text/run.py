"""Free text: what each tool finds of the identifiers in it that nobody told it of, and what it takes besides.

Run by ``benchmarks/run.py``, or by itself: ``PYTHONPATH=src:.:benchmarks python benchmarks/text/run.py``. All tools see
the same texts and nothing else: no header, no order. Corpora are read from the folder of test data, if there is one.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from contenders import ENVIRONMENT, ROOT
from measure import CommandFailedError
from table import format_table

from text import planted
from text.bodies import BODIES, bodies, expand
from text.corpora import (
    PRESIDIO_IDENTIFIERS,
    Document,
    halves,
    read_aci,
    read_asq,
    read_meddocan,
    read_obi,
    read_presidio,
)
from text.known_grid import known_grid
from text.peers import CONTENDERS, Contender
from text.scoring import Score, score

ASQ, MEDDOCAN = "ASQ-PHI, held half", "MEDDOCAN (es), held half"
PLANTED, HELD = "planted reports", "planted, held-out styles"
BODIES_HELD = "reports of nobody"
SPEED = "reports, for the speed"
NOTES = {
    ASQ: "queries to assistants; the even half was trained on",
    MEDDOCAN: "Spanish clinical cases; the even half was trained on; sex, countries, ages below 90 do not count",
    "presidio-research": f"no clinical text; of its labels {', '.join(sorted(PRESIDIO_IDENTIFIERS))}",
    "presidio-research, all labels": "also organisations, titles, ages, nationalities",
    "obi": "notes as the project's own tool marked them",
    "aci-bench": "conversations and notes; names and dates are not marked, so that finding them counts as taken",
    PLANTED: "made-up people in reports of 13 styles in five languages",
    HELD: "six styles with names of their own; 98.3 at the first look, before general rules were mended",
    BODIES_HELD: "findings without identifiers; every second body, of which none was trained on",
    SPEED: "planted reports of all styles with three bodies each, about 1.3 kB",
}
GOALS = (
    (ASQ, "recall", 0.995),
    (ASQ, "clean_share", 0.15),
    (MEDDOCAN, "recall", 0.95),
    (PLANTED, "recall", 0.995),
    (HELD, "recall", 0.995),
    (BODIES_HELD, "over", 0.001),
)
GOAL_SPEED = 1.0
_MB = 1e6


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--data", type=Path, default=_find_corpora(), help="folder of the corpora")
    parser.add_argument("--quick", action="store_true", help="a part of each corpus")
    parser.add_argument("--peers", nargs="*", metavar="NAME", help="only these tools beside Scanward")
    parser.add_argument("--missed", type=int, default=0, help="show so many of what Scanward missed and took, each")
    return parser.parse_args()


def _find_corpora() -> Path | None:
    folder = Path(os.environ.get("SCANWARD_TEST_DATA") or ROOT.parent / "shared" / "data")
    return (folder / "text").resolve() if (folder / "text").is_dir() else None


def read_all(data: Path | None, *, quick: bool) -> dict[str, list[Document]]:
    """Return the texts, by corpus; fewer of each where it has to be quick."""
    found: dict[str, list[Document]] = {}
    if data is not None:
        found[ASQ] = halves(read_asq(data))[1]
        found[MEDDOCAN] = halves(read_meddocan(data))[1]
        found["presidio-research"] = read_presidio(data, PRESIDIO_IDENTIFIERS)
        found["presidio-research, all labels"] = read_presidio(data)
        found["obi"] = read_obi(data)
        found["aci-bench"] = read_aci(data)
    count = 5 if quick else 60
    found[PLANTED] = planted.make(planted.STYLES, count, seed=5)
    found[HELD] = planted.make(planted.HELD, count, seed=6)
    rng = random.Random(4)
    found[BODIES_HELD] = [
        Document(f"body {number}.{copy}", expand(body, rng), ())
        for number, body in enumerate(BODIES[1::2])
        for copy in range(3 if quick else 12)
    ]
    findings = planted.by_language(bodies(12_000, seed=5))
    longer = {
        language: tuple("\n\n".join(rng.sample(some, min(3, len(some)))) for _ in range(40))
        for language, some in findings.items()
    }
    found[SPEED] = planted.make(planted.STYLES + planted.HELD, 4 if quick else 15, seed=77, bodies=longer)
    if quick:
        found = {name: documents[: max(40, len(documents) // 5)] for name, documents in found.items()}
    return {name: _numbered(name, documents) for name, documents in found.items()}


def _numbered(corpus: str, documents: Iterable[Document]) -> list[Document]:
    return [one._replace(name=f"{corpus} {number}") for number, one in enumerate(documents)]


def run_tool(tool: Contender, texts: Path, folder: Path) -> dict[str, Any]:
    """Run a tool over all texts, in a process of its own."""
    out = folder / "found.json"
    command = [sys.executable, str(Path(__file__).with_name("peers.py")), tool.name, str(texts), str(out)]
    done = subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandFailedError(f"{tool.name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    ran: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return ran


def main() -> None:
    """Measure, print, write."""
    arguments = parse_arguments()
    corpora = read_all(arguments.data, quick=arguments.quick)
    if arguments.data is None:
        print("Only planted reports: SCANWARD_TEST_DATA names no corpora.")
    figures: dict[str, Any] = {"tools": {}, "texts": {name: len(texts) for name, texts in corpora.items()}}
    scores: dict[str, dict[str, Score]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        texts = Path(temporary) / "texts.json"
        by_name = {document.name: document.text for documents in corpora.values() for document in documents}
        texts.write_text(json.dumps(by_name), encoding="utf-8")
        for tool in _tools(arguments.peers):
            try:
                ran = run_tool(tool, texts, Path(temporary))
            except CommandFailedError as error:
                print(f"{tool.name} is not measured: {error}")
                continue
            scores[tool.name] = {name: score(documents, ran["found"]) for name, documents in corpora.items()}
            figures["tools"][tool.name] = _figures(ran, corpora, scores[tool.name])
    _print(corpora, scores, figures)
    if arguments.missed:
        _show(corpora, scores["Scanward"], arguments.missed)
    print("\nWhat is known, in every way of writing\n")
    figures["known"] = known_grid(quick=arguments.quick)
    print(figures["known"])
    print("\nThe same reports as PDF\n")
    figures["pdf"] = _measure_pdf(quick=arguments.quick)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures), encoding="utf-8")


def _measure_pdf(*, quick: bool) -> dict[str, Any]:
    """Clean reports set as PDF; what it takes is not there everywhere, so it is looked for late."""
    from text import pdf

    styles = tuple(style for style in planted.STYLES + planted.HELD if style.language == "en")
    figures = pdf.measure(planted.make(styles, 2, seed=21), quick=quick)
    pdf.print_figures(figures)
    return figures


def _tools(peers: Sequence[str] | None) -> list[Contender]:
    wanted = [tool for tool in CONTENDERS if tool.is_ours or peers is None or tool.name in peers]
    for tool in wanted:
        if not tool.is_there():
            print(f"{tool.name} is not measured: it is not installed ({tool.package}).")
    return [tool for tool in wanted if tool.is_there()]


def _figures(ran: dict[str, Any], corpora: dict[str, list[Document]], scores: dict[str, Score]) -> dict[str, Any]:
    return {
        "said": ran["said"],
        "corpora": {
            name: {**scores[name].figures(), "mb_per_second": _speed(ran["seconds"], documents)}
            for name, documents in corpora.items()
        },
    }


def _speed(seconds: dict[str, float], documents: Sequence[Document]) -> float:
    size = sum(len(document.text.encode()) for document in documents)
    return size / _MB / max(1e-9, sum(seconds[document.name] for document in documents))


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f}"


def _print(corpora: dict[str, list[Document]], scores: dict[str, dict[str, Score]], figures: dict[str, Any]) -> None:
    print("\nIdentifiers that nobody told of: whole ones found, %\n")
    names = list(scores)
    rows = [
        [name, str(sum(len(one.gold) for one in documents)), *(_percent(scores[tool][name].recall) for tool in names)]
        for name, documents in corpora.items()
        if any(one.gold for one in documents)
    ]
    print(format_table(["", "identifiers", *names], rows))
    print("\nOther words taken, %\n")
    rows = [
        [name, str(next(iter(scores.values()))[name].words), *(_percent(scores[tool][name].over, 2) for tool in names)]
        for name in corpora
    ]
    print(format_table(["", "words", *names], rows))
    print("\nTexts without identifiers that were touched, %\n")
    rows = [
        [
            name,
            str(next(iter(scores.values()))[name].clean_texts),
            *(_percent(scores[tool][name].clean_share) for tool in names),
        ]
        for name, documents in corpora.items()
        if any(not one.gold for one in documents)
    ]
    print(format_table(["", "texts", *names], rows))
    print("\nMB/s of a core\n")
    rows = [
        [name, *(f"{figures['tools'][tool]['corpora'][name]['mb_per_second']:.3f}" for tool in names)]
        for name in corpora
    ]
    print(format_table(["", *names], rows))
    for name in names:
        print(f"{name}: {figures['tools'][name]['said']}.")
    for name in corpora:
        print(f"{name}: {NOTES[name]}.")
    _print_goals(scores, figures)


def _print_goals(scores: dict[str, dict[str, Score]], figures: dict[str, Any]) -> None:
    if "Scanward" not in scores:
        return
    ours = scores["Scanward"]
    for corpus, measure, goal in GOALS:
        value = getattr(ours[corpus], measure) if corpus in ours else None
        if value is not None:
            met = value >= goal if measure == "recall" else value <= goal
            what = {"recall": "found", "clean_share": "texts without identifiers touched", "over": "words taken"}[
                measure
            ]
            bound = "at least" if measure == "recall" else "at most"
            print(f"{corpus}: {what} {value:.2%}, goal {bound} {goal:.1%}: {'met' if met else 'missed'}")
    speed = figures["tools"]["Scanward"]["corpora"][SPEED]["mb_per_second"]
    print(f"{SPEED}: {speed:.2f} MB/s, goal {GOAL_SPEED:.0f}: {'met' if speed >= GOAL_SPEED else 'missed'}")


def _show(corpora: dict[str, list[Document]], scores: dict[str, Score], count: int) -> None:
    """Print what was missed and taken; the texts are made up, or published."""
    for corpus, documents in corpora.items():
        texts = {document.name: document.text for document in documents}
        for name, gold in scores[corpus].missed[:count]:
            text = texts[name]
            print(f"{corpus}: missed {gold.label}: {_around(text, gold.start, gold.end)}")
        for name, start, end in scores[corpus].wrong[:count]:
            print(f"{corpus}: took {_around(texts[name], start, end)}")


def _around(text: str, start: int, end: int) -> str:
    return repr(f"{text[max(0, start - 30) : start]}<<{text[start:end]}>>{text[end : end + 20]}")


if __name__ == "__main__":
    main()
