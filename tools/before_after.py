"""The header of a file and of its de-identified copy side by side: for the demo, and as the picture of the README.

Usage, after ``make demo``: ``python tools/before_after.py`` writes docs/images/before-after.png; it needs Chromium.
"""

import html
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "before-after.png"
PAIRS = ROOT / "build" / "demo" / "pairs.json"
"""Written by the demo: title -> [input, output]."""

HEADER = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "InstitutionName",
    "ReferringPhysicianName", "OperatorsName", "StationName", "DeviceSerialNumber", "StudyDate", "StudyInstanceUID",
    "SOPInstanceUID", "StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments", "Manufacturer", "KVP",
    "ConvolutionKernel", "PixelSpacing", "ImagePositionPatient", "PatientIdentityRemoved", "DeidentificationMethod",
)  # fmt: skip
"""Attributes of an image to show, in this order."""

TEXTS = frozenset({"StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments"})
MAX_LENGTH = 160
MAX_UID_LENGTH = 44

REMOVED, EMPTIED, REPLACED, CLEANED, KEPT, ADDED = "removed", "emptied", "replaced", "cleaned", "kept", "added"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A value before and after.

    Attributes
    ----------
    name
        Of the Attribute, or of what a content item says.
    before, after
        None where it is not there.
    what
        What happened to it.
    """

    name: str
    before: str | None
    after: str | None
    what: str


def compare(source: Path, output: Path) -> list[Row]:
    """Return what became of the values of a file: of a report its content items, of an image its header."""
    before, after = dcmread(source), dcmread(output)
    if "ContentSequence" in before:
        heads = _header_rows(before, after, HEADER[:4])
        return heads + _pair(list(_content_items(before)), list(_content_items(after)))
    return [*_header_rows(before, after, HEADER), *_private_rows(before, after), _pixel_row(before, after)]


def _header_rows(before: Dataset, after: Dataset, keywords: Sequence[str]) -> list[Row]:
    names = [name for name in keywords if name in before or name in after]
    return [_row(name, _text(before, name), _text(after, name), is_text=name in TEXTS) for name in names]


def _text(ds: Dataset, keyword: str) -> str | None:
    if keyword not in ds:
        return None
    element = ds[keyword]
    if element.is_empty:
        return ""
    return "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value)


def _row(name: str, before: str | None, after: str | None, *, is_text: bool = False) -> Row:
    if before == after:
        what = KEPT
    elif after is None:
        what = REMOVED
    elif before is None:
        what = ADDED
    elif not after:
        what = EMPTIED
    else:
        what = CLEANED if is_text else REPLACED
    return Row(name=name, before=before, after=after, what=what)


def _private_rows(before: Dataset, after: Dataset) -> Iterator[Row]:
    for element in before:
        if element.tag.is_private and not element.tag.is_private_creator:
            same = str(after[element.tag].value) if element.tag in after else None
            yield _row(f"private {element.tag}", str(element.value), same)


def _pixel_row(before: Dataset, after: Dataset) -> Row:
    size = f"{len(before.PixelData):,} bytes"
    same = before.PixelData == after.PixelData
    return Row(
        name="PixelData",
        before=size,
        after=f"{size}, identical" if same else "changed",
        what=KEPT if same else REPLACED,
    )


def _content_items(root: Dataset) -> Iterator[tuple[str, str, bool]]:
    """Yield name, value and whether that is free text, of all items of a report in reading order."""
    stack = list(reversed(root.ContentSequence))
    counts: Counter[str] = Counter()
    while stack:
        node = stack.pop()
        stack += reversed(node.get("ContentSequence", []))
        concepts = node.get("ConceptNameCodeSequence", [])
        name = str(concepts[0].CodeMeaning) if concepts else str(node.get("ValueType", ""))
        value = next(
            (_text(node, key) for key in ("TextValue", "PersonName", "Date", "Time", "UID") if key in node), None
        )
        if value is None and "ConceptCodeSequence" in node:
            value = str(node.ConceptCodeSequence[0].CodeMeaning)
        if value is None:
            continue
        counts[name] += 1
        yield (f"{name} {counts[name]}" if counts[name] > 1 else name), value, "TextValue" in node


def _pair(before: list[tuple[str, str, bool]], after: list[tuple[str, str, bool]]) -> list[Row]:
    outs = {name: value for name, value, _ in after}
    return [_row(name, value, outs.get(name), is_text=is_text) for name, value, is_text in before]


def shorten(text: str | None) -> str:
    """Return `text` as a table can hold it: UIDs lose their middle, long texts their end."""
    if not text:
        return ""
    if text[0].isdigit() and text.count(".") > 2 and len(text) > MAX_UID_LENGTH:
        return f"{text[: MAX_UID_LENGTH - 15]}…{text[-14:]}"
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


# The picture

STYLE = """
:root { --ink:#1b2430; --soft:#5b6776; --line:#e6eaef; --bad:#a8231c; --bad-bg:#fdeceb; --good:#0f6139;
  --good-bg:#e5f5ec; --warn:#7a5200; --warn-bg:#fff3d6; --tint:#f1f4f8; }
* { box-sizing:border-box; }
body { margin:0; padding:22px 26px; background:#eef1f5; color:var(--ink);
  font:14.5px/1.34 system-ui,"Segoe UI",Roboto,"DejaVu Sans",Arial,sans-serif; }
section { background:#fff; border:1px solid #d9dfe6; border-radius:10px; padding:13px 20px 9px; margin-bottom:15px; }
table { border-collapse:collapse; width:100%; table-layout:fixed; }
col.name { width:18%; } col.what { width:8%; }
th { text-align:left; padding:0 8px 9px 0; white-space:nowrap; font-size:16px;
  border-bottom:2px solid var(--line); vertical-align:bottom; }
th small { display:block; font:12px/1.4 ui-monospace,"DejaVu Sans Mono",Menlo,monospace; color:var(--soft);
  overflow-wrap:anywhere; }
td { padding:4px 18px 4px 0; border-bottom:1px solid var(--line); vertical-align:top; overflow-wrap:anywhere; }
tr:last-child td { border-bottom:0; }
td:first-child { font-weight:600; white-space:nowrap; overflow:hidden; text-overflow:ellipsis; }
.v { font-family:ui-monospace,"DejaVu Sans Mono",Menlo,monospace; font-size:12.5px; }
.gone, .new { border-radius:4px; padding:1px 5px; margin-left:-5px;
  box-decoration-break:clone; -webkit-box-decoration-break:clone; }
.gone { color:var(--bad); background:var(--bad-bg); }
.new { color:var(--good); background:var(--good-bg); }
.tag { float:right; font-size:11.5px; font-weight:600; border-radius:9px; padding:0 9px; background:var(--tint);
  color:var(--soft); }
.tag.removed, .tag.emptied { background:var(--bad-bg); color:var(--bad); }
.tag.replaced, .tag.added { background:var(--good-bg); color:var(--good); }
.tag.cleaned { background:var(--warn-bg); color:var(--warn); }
.none { color:#9aa5b1; }
"""
WINDOW = (1400, 800)
SCALE = 1.5
SHOWN = frozenset({
    "PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "ReferringPhysicianName", "StudyDate",
    "StudyInstanceUID", "StudyDescription", "SeriesDescription", "ImageComments", "KVP", "ImagePositionPatient",
    "PatientIdentityRemoved", "PixelData", "private (0029,1010)", "Person Observer Name", "Finding",
})  # fmt: skip
"""Rows that the picture has room for."""


def render_page(tables: dict[str, tuple[str, str, list[Row]]]) -> str:
    """Return the page that the picture is taken of; title -> input, output, rows."""
    body = "".join(f"<section>{_html_table(title, *table)}</section>" for title, table in tables.items())
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}"


def _html_table(title: str, source: str, output: str, rows: list[Row]) -> str:
    head = (
        f"<tr><th>{html.escape(title)}<th>in<small>{html.escape(source)}</small>"
        f"<th>out<small>{html.escape(output)}</small><th></tr>"
    )
    body = "".join(_html_row(row) for row in rows if row.name in SHOWN)
    return f"<table><col class=name><col><col><col class=what>{head}{body}</table>"


def _html_row(row: Row) -> str:
    changed = row.what != KEPT
    before, after = _cell(row.before, "gone" if changed else ""), _cell(row.after, "new" if changed else "")
    return (
        f"<tr><td>{html.escape(row.name)}<td class=v>{before}<td class=v>{after}"
        f"<td><span class='tag {row.what}'>{row.what}</span></tr>"
    )


def _cell(value: str | None, style: str) -> str:
    if not value:
        return "<span class=none>–</span>"
    text = html.escape(shorten(value))
    return f"<span class={style}>{text}</span>" if style else text


def _short_path(path: Path) -> str:
    """Return the path below the folder of inputs or outputs, its UIDs shortened."""
    parts = path.resolve().relative_to(PAIRS.parent).with_suffix("").parts[1:]
    short = (f"{part[:8]}…{part[-4:]}" if part.startswith("2.25.") else part for part in parts)
    return "/".join(short) + path.suffix


def take_picture(page: str, picture: Path) -> None:
    """Render `page` with Chromium into `picture`."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Chromium is missing: sudo apt-get install chromium")
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page, encoding="utf-8")
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}/profile",
             "--hide-scrollbars", f"--force-device-scale-factor={SCALE}", "--window-size={},{}".format(*WINDOW),
             f"--screenshot={picture}", file.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def main() -> None:
    """Write the picture from the last run of the demo."""
    if not PAIRS.exists():
        raise SystemExit("No demo has run: make demo")
    pairs = json.loads(PAIRS.read_text(encoding="utf-8"))
    tables = {}
    for title, (source, output) in pairs.items():
        before, after = Path(source), Path(output)
        tables[title] = (_short_path(before), _short_path(after), compare(before, after))
    take_picture(render_page(tables), PICTURE)
    print(PICTURE.relative_to(ROOT))


if __name__ == "__main__":
    main()
