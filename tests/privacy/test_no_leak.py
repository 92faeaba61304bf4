"""Fictional identifiers in every kind of place go through the real command: none may come out."""

from __future__ import annotations

import pytest
from pydicom import dcmread

from scanward.crosscheck import Severity, compare
from tests.common.leaks import KEPT_BY_PROFILE, find_leaks, leaking_places
from tests.common.places import PLACES
from tests.common.planter import plant_studies, signature
from tests.privacy.conftest import PROFILES, RELEASED, STOPPED

MAY_STOP = frozenset({"twice", "malformed", "tail", "tail implicit", "tail zeros", "pdf", "cda", "directory"})
"""Hosts that are broken, or carry a document that may not be cleanable: to keep such a file in is right too."""


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    return folder, plant_studies(folder)


def test_the_search_finds_every_place_in_the_inputs(planted):
    """What the search cannot see in an input it would not see in an output."""
    folder, files = planted
    found = set(leaking_places(find_leaks(files, folder)))
    assert [place.name for place in PLACES if place.name not in found] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_no_planted_identifier_comes_out(planted, run_on, profile):
    folder, files = planted
    run = run_on(folder, profile)
    assert run.exit_code in {RELEASED, STOPPED}, run.shown
    assert [(leak.place, leak.how) for leak in find_leaks(files, run.outputs, kept=KEPT_BY_PROFILE[profile])] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_neither_report_nor_terminal_shows_an_identifier(planted, run_on, profile):
    folder, files = planted
    run = run_on(folder, profile)
    (run.home / "shown.txt").write_text(run.shown.replace(str(folder), ""), encoding="utf-8")
    kept = KEPT_BY_PROFILE[profile]
    assert [(leak.place, leak.how, leak.file) for leak in find_leaks(files, run.home, kept=kept)] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_files_are_cleaned_and_not_just_kept_in(planted, run_on, profile):
    folder, files = planted
    run = run_on(folder, profile)
    released = {signature(dcmread(path, force=True)) for path in run.outputs.rglob("*.dcm")}
    stopped = {file.name for file in files if file.signature not in released}
    assert stopped <= MAY_STOP


@pytest.mark.parametrize("profile", PROFILES)
def test_the_independent_verifier_finds_nothing_either(planted, run_on, profile):
    folder, _ = planted
    report = compare(folder, run_on(folder, profile).outputs)
    found = [finding for finding in report.findings if finding.severity is not Severity.REVIEW]
    assert found == []
    assert report.matched == report.outputs
