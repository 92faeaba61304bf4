"""The verifier is tested by leaking on purpose, place by place: it has to complain about each, and about nothing else."""

from __future__ import annotations

import json

import pytest

from scanward.crosscheck import Severity, compare
from tests.common.hosts import HOSTS
from tests.common.places import PLACES
from tests.common.planter import Kind
from tests.common.studies import write_sample_studies
from tests.unit.crosscheck.conftest import CLEAN

KNOWN = frozenset(place.name for place in PLACES if place.is_known or place.kind)


@pytest.mark.parametrize("host", HOSTS)
def test_it_complains_about_each_place_and_not_about_a_right_output(host, leak_each):
    found = leak_each(host)
    assert found.pop(CLEAN) == []
    assert [place for place, findings in found.items() if not findings] == []


@pytest.mark.parametrize("host", ["known", "report", "charset japanese", "charset cyrillic", "jpeg"])
def test_what_is_known_to_identify_is_more_than_a_matter_for_review(host, leak_each):
    found = leak_each(host)
    weak = [
        place
        for place, findings in found.items()
        if place in KNOWN and all(finding.severity is Severity.REVIEW for finding in findings)
    ]
    assert weak == []


def test_no_finding_shows_a_value(tmp_path):
    from tests.common.planter import plant_studies

    planted = plant_studies(tmp_path / "in")
    report = compare(tmp_path / "in", tmp_path / "in")
    shown = json.dumps(report.to_json(), ensure_ascii=False) + repr(report)
    tokens = {plant.token for file in planted for plant in (*file.places, *file.identity)}
    assert [token for token in tokens if token.casefold() in shown.casefold()] == []


def test_inputs_taken_for_outputs_leak_in_every_file(tmp_path):
    files = write_sample_studies(tmp_path)
    report = compare(tmp_path, tmp_path)
    assert report.counts()["leak"] >= 10 * len(files)
    assert not report.passed
    leaking = {finding.file for finding in report.findings if finding.severity is Severity.LEAK}
    assert len(leaking) == len(files)


def test_there_are_at_least_as_many_places_as_in_the_comparison_of_peers():
    assert len(PLACES) >= 250
    assert {Kind[place.what] for place in PLACES if place.what in Kind.__members__} == set(Kind)
