"""The report page and its JSON."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from scanward.adapters import report_page as page_module
from scanward.adapters.report import choose_paths, to_json, verify_writable, write_report
from scanward.adapters.report_facts import group_changes, headline
from scanward.adapters.report_page import render_page
from scanward.errors import OutputError
from scanward.model.attribute import Action, Reason
from scanward.model.pixels import FoundBy, PixelBox
from scanward.model.report import Change, Outcome, PixelTally, RunReport, StudyReport
from scanward.model.risks import ImageKind, Region, ResidualRisk, Shown, Source

REMOVED = Change("PatientName", "(0010,0010)", Action.REMOVE, Reason.TABLE)
KEPT = Change("KVP", "(0018,0060)", Action.KEEP, Reason.SAFE)
CLEANED = Change("StudyDescription", "(0008,1030)", Action.CLEAN, Reason.TEXT)
NESTED = Change("RequestAttributesSequence.AccessionNumber", "(0040,0275).(0008,0050)", Action.REMOVE, Reason.TABLE)


BOOK = Source(source_id="book", authors="A, B", year=2020, title="On films", published="A journal 1:2", doi="10.1/2")
RISK = ResidualRisk(
    risk_id="unseen",
    title="Unseen pixels",
    statement="Pixels were not looked at.",
    evidence="It was measured.",
    done="Nothing.",
    remains="All of it.",
    advice=("Look at them.", "Tell nobody."),
    sources=(BOOK,),
)
MAYBE = ResidualRisk(risk_id="rare", title="Rare findings", statement="One may be rare.", is_possible=True)


def study(number: int = 1, **more) -> StudyReport:
    values = {
        "patient": f"P{number:04}",
        "study_uid": f"2.25.{number}",
        "modalities": ["CT"],
        "outcomes": {Outcome.RELEASED: 5, Outcome.HELD: 1},
        "changes": {REMOVED: 5, KEPT: 5, CLEANED: 3, NESTED: 5},
        "stopped": {"pixels are likely to show text": 1},
        "residual": [RISK],
        "identifiers": {"patient name": 2},
    }
    return StudyReport(**(values | more))


def risk_of(text: str) -> ResidualRisk:
    """A risk that says `text` wherever it says something."""
    source = Source(source_id=text, authors=text, year=2020, title=text, published=text, doi=text)
    return ResidualRisk(
        risk_id=text, title=text, statement=text, evidence=text, done=text, remains=text, advice=(text,),
        sources=(source,),
    )  # fmt: skip


def report(studies=None, **more) -> RunReport:
    studies = [study()] if studies is None else studies
    outcomes = {one: sum(each.outcomes.get(one, 0) for each in studies) for one in Outcome}
    outcomes[Outcome.NOT_DICOM] = 2
    values = {
        "version": "1.2.3",
        "profile": "basic",
        "profile_description": "For anyone.",
        "recipient": "university-ai",
        "standard_edition": "2026c",
        "started": "2026-11-20T10:00:00+00:00",
        "finished": "2026-11-20T10:01:05+00:00",
        "found": sum(outcomes.values()),
        "bytes_released": 2_500_000,
        "outcomes": outcomes,
        "skipped": {"no DICOM prefix": 2},
        "studies": studies,
        "run_id": "abc123",
    }
    return RunReport(**(values | more))


class Page(HTMLParser):
    """What a reader gets: the text, and the tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text += " "
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def page(value: RunReport) -> Page:
    return Page(render_page(value))


def test_the_page_tells_counts_that_add_up():
    got = page(report())
    assert got.open == []
    text = " ".join(got.text.split())
    assert "5 of 8 inputs were released, in 1 study. 1 waits for a person. 2 are not DICOM." in text
    assert "1 min 5 s" in text
    assert "2.5 MB written" in text
    assert "add up to" not in text
    assert "add up to" in page(report(found=99)).text


def test_the_page_tells_what_was_done_and_why():
    text = " ".join(page(report()).text.split())
    assert "Removed X PS3.15 Table E.1-1 PatientName, RequestAttributesSequence.AccessionNumber" in text
    assert "Cleaned C free text, cleaned StudyDescription 3" in text
    assert "pixels are likely to show text" in text
    assert "Pixels were not looked at." in text
    assert "patient name 2" in text
    assert "no DICOM prefix" in text


def test_the_page_needs_nothing_from_elsewhere_and_no_script():
    got = page(report())
    names = {name for name, _ in got.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form"}
    for _, attributes in got.tags:
        assert not {name for name in attributes if name.startswith("on")} & {"onclick", "onload", "onerror"}
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in render_page(report())
    assert "@import" not in render_page(report())


def test_the_page_is_accessible():
    got = page(report([study(1), study(2)]))
    assert ("html", {"lang": "en"}) in got.tags
    headings = [int(name[1]) for name, _ in got.tags if re.fullmatch("h[1-6]", name)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(headings))
    assert all("scope" in attributes for name, attributes in got.tags if name == "th")
    (bar,) = [attributes for _, attributes in got.tags if attributes.get("role") == "img"]
    assert bar["aria-label"] == "Released 10, Held 2, Quarantined 0, Not DICOM 2"
    targets = {attributes["id"] for _, attributes in got.tags if "id" in attributes}
    assert {attributes["href"][1:] for name, attributes in got.tags if name == "a"} <= targets


def test_hostile_text_is_text():
    evil = "<script>alert(1)</script>"
    html = render_page(
        report([study(patient=evil, residual=[risk_of(evil)], stopped={evil: 1})], recipient=evil, skipped={evil: 1})
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_text_is_no_format_either():
    odd = "{0} {style} {{ %s %(x)s &amp;"
    changes = {Change(odd, odd, Action.KEEP, Reason.SAFE): 5}
    got = page(report([study(patient=odd, residual=[risk_of(odd)], stopped={odd: 1}, changes=changes)], recipient=odd))
    assert got.open == []
    assert got.text.count(odd) >= 7


def test_many_studies_stay_readable(monkeypatch):
    changes = {
        Change(f"Attribute{number}", f"(0018,{number:04X})", Action.KEEP, Reason.SAFE): 5 for number in range(200)
    }
    html = render_page(report([study(number, changes=changes) for number in range(500)]))
    assert len(html) < 5_000_000
    monkeypatch.setattr(page_module, "MAX_STUDIES_IN_DETAIL", 3)
    html = render_page(report([study(number) for number in range(10)]))
    assert html.count('<details class="study"') == 3
    assert "other 7 studies are in the JSON" in html
    assert 'href="#study-4"' not in html.split('id="studies"')[1]


@pytest.mark.parametrize(
    "value",
    [
        RunReport(
            version="1",
            profile="p",
            profile_description="",
            recipient="r",
            standard_edition="e",
            started="2026-11-20T10:00:00+00:00",
        ),
        report([]),
        report([study(changes={}, residual=[], stopped={}, identifiers={}, modalities=[], patient="", study_uid="")]),
    ],
)
def test_reports_with_little_in_them_are_pages_too(value):
    assert page(value).open == []


def test_what_was_filled_is_told_with_its_place(tmp_path, monkeypatch):
    still = PixelBox(first_frame=0, last_frame=0, x=8, y=4, width=120, height=14, found_by=FoundBy.TEXT)
    passing = PixelBox(first_frame=2, last_frame=4, x=9, y=5, width=30, height=12, found_by=FoundBy.SECOND_LOOK)
    tally = PixelTally(looked_at=5, unseen=2, kept_words=3, redactions={"2.25.7": (still, passing), "2.25.8": (still,)})
    whole = report([study(pixels=tally)], pixels="Text in pixels: taken out.", looked_by=["model 6", "model 4"])
    page = Page(render_page(whole))
    for words in (
        "Text in pixels: taken out.", "model 6", "5 instances were looked at", "2 instances: 3 regions",
        "3 words stayed", "Nobody looked at the pixels of 2 instances",
        "120 x 14 at (8, 4), by text detection", "30 x 12 at (9, 5), frames 3 to 5, by text detection on the result",
    ):  # fmt: skip
        assert words in page.text
    write_report(whole, tmp_path / "page.html", tmp_path / "page.json")
    told = json.loads((tmp_path / "page.json").read_text())
    assert told["looked_by"] == ["model 6", "model 4"]
    assert told["studies"][0]["pixels"]["filled"]["2.25.7"][1] == {
        "frames": [2, 4], "x": 9, "y": 5, "width": 30, "height": 12, "found_by": "text detection on the result"
    }  # fmt: skip
    assert {key: told["studies"][0]["pixels"][key] for key in ("looked_at", "not_looked_at", "words_kept", "regions")} == {
        "looked_at": 5, "not_looked_at": 2, "words_kept": 3, "regions": 3
    }  # fmt: skip
    monkeypatch.setattr(page_module, "MAX_FILLED", 1)
    assert "1 instance more in the JSON" in Page(render_page(whole)).text


def test_headline():
    assert headline(report([])) == "0 of 2 inputs were released, in 0 studies. 2 are not DICOM. Nothing was held back."
    one = report([study(outcomes={Outcome.RELEASED: 1, Outcome.QUARANTINED: 1})])
    assert headline(one) == (
        "1 of 4 inputs was released, in 1 study. 1 could not be de-identified with certainty. 2 are not DICOM."
    )


def test_changes_are_grouped_by_action_then_reason():
    groups = group_changes(study().changes)
    assert [(group.action, [name for name, _ in group.attributes]) for group in groups] == [
        (Action.REMOVE, ["PatientName", "RequestAttributesSequence.AccessionNumber"]),
        (Action.CLEAN, ["StudyDescription"]),
        (Action.KEEP, ["KVP"]),
    ]


def test_json_says_the_same(tmp_path):
    write_report(report(), tmp_path / "r.html", tmp_path / "r.json")
    got = json.loads((tmp_path / "r.json").read_text())
    assert got["outcomes"] == {"released": 5, "held": 1, "quarantined": 0, "not DICOM": 2}
    assert sum(got["outcomes"].values()) == got["found"] == 8
    (one,) = got["studies"]
    done = {got["changes"][number]["attribute"]: count for number, count in one["changes"]}
    assert done == {"PatientName": 5, "KVP": 5, "StudyDescription": 3, "RequestAttributesSequence.AccessionNumber": 5}
    assert {"attribute": "KVP", "tag": "(0018,0060)", "action": "K", "reason": Reason.SAFE.value} in got["changes"]
    assert got["run_id"] == "abc123"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json"]


def test_paths(tmp_path):
    assert choose_paths(report(), home=tmp_path, wanted=Path("x/y.html")) == (Path("x/y.html"), Path("x/y.json"))
    folder = tmp_path / "reports" / "20261120T100000-abc123"
    assert choose_paths(report(), home=tmp_path) == (folder / "report.html", folder / "report.json")
    write_report(report(), *choose_paths(report(), home=tmp_path))
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["a.json", "folder", "file/a.html"])
def test_a_report_that_cannot_be_written_is_told_before_the_run(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        verify_writable(tmp_path / name)


def test_a_disk_that_fails_leaves_no_half_report(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError):
        write_report(report(), tmp_path / "r.html", tmp_path / "r.json")
    assert list(tmp_path.iterdir()) == []


def test_each_risk_stands_once_on_the_page_with_its_evidence_and_what_to_do():
    got = page(report([study(1), study(2, residual=[RISK, MAYBE])]))
    text = " ".join(got.text.split())
    assert "Unseen pixels applies 2 studies Pixels were not looked at." in text
    assert text.count("How sure It was measured. [1]") == 1
    assert "What was done Nothing. What remains All of it. What you can do Look at them. Tell nobody." in text
    assert "A, B (2020). On films. A journal 1:2. doi:10.1/2" in text
    assert "Rare findings may apply 1 study One may be rare." in text
    assert text.index("Unseen pixels applies") < text.index("Rare findings may apply")
    ids = {attributes["id"] for _, attributes in got.tags if "id" in attributes}
    links = {attributes["href"][1:] for name, attributes in got.tags if name == "a"}
    assert {"risk-1", "risk-2", "source-1"} <= ids & links | {"source-1"}
    assert links <= ids


def test_the_json_has_each_risk_once_and_studies_name_it_by_its_place():
    value = to_json(report([study(1), study(2, residual=[MAYBE, RISK])]))
    assert [one["id"] for one in value["risks"]] == ["unseen", "rare"]
    assert [one["residual"] for one in value["studies"]] == [[0], [1, 0]]
    first = value["risks"][0]
    assert first["statement"] == "Pixels were not looked at."
    assert first["advice"] == ["Look at them.", "Tell nobody."]
    assert first["is_possible"] is False
    assert first["sources"][0]["doi"] == "10.1/2"


def test_the_json_tells_what_instances_show():
    shown = {
        Shown(kind=ImageKind.LOCALIZER): 2,
        Shown(kind=ImageKind.CT, region=Region.CHEST): 300,
    }
    got = to_json(report([study(shown=shown)]))["studies"][0]["shown"]
    assert [(one["kind"], one["body_part_named"], one["instances"]) for one in got] == [
        ("CT", "chest", 300),
        ("localisers", "a part of the body that the header does not tell", 2),
    ]
