"""Profiles: what is known is read, everything else refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanward.deidentify.profile import SHIPPED, load_profile, parse_profile, profile_digest, profile_text, restrict
from scanward.errors import ProfileError
from scanward.model.attribute import Action
from scanward.model.pixels import KeptText, PixelMode, PixelPolicy
from scanward.model.profile import Option

HEAD = 'name = "own"\ndescription = "for us"\n'


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_load_under_their_name(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description


def test_the_default_retains_nothing() -> None:
    assert SHIPPED[0] == "basic"
    assert not [option for option in load_profile("basic").options if option.name.startswith("RETAIN")]


def test_only_what_a_patient_takes_away_keeps_uids_and_full_dates() -> None:
    for option in (Option.RETAIN_UIDS, Option.RETAIN_FULL_DATES):
        assert [name for name in SHIPPED if option in load_profile(name).options] == ["patient-copy"]


def test_options_and_rules_are_read() -> None:
    profile = parse_profile(
        HEAD + 'options = ["retain-uids", "clean-descriptors"]\n'
        '[rules]\nPatientSex = "K"\n"(0010,1010)" = "X"\n"00081030" = "C"\n'
    )
    assert profile.options == {Option.RETAIN_UIDS, Option.CLEAN_DESCRIPTORS}
    assert profile.rules == {0x00100040: Action.KEEP, 0x00101010: Action.REMOVE, 0x00081030: Action.CLEAN}


def test_every_option_has_a_name() -> None:
    names = [option.name.lower().replace("_", "-") for option in Option if option is not Option.RETAIN_FULL_DATES]
    assert len(parse_profile(HEAD + f"options = {names}").options) == len(names)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name = ", "TOML"),
        ('description = "x"', "name"),
        ('name = "own"', "description"),
        ('name = "own"\ndescription = "  "', "description"),
        ('name = 3\ndescription = "x"', "name"),
        ('name = "Own Näme"\ndescription = "x"', "name"),
        ('name = "../own"\ndescription = "x"', "name"),
        (HEAD + 'nmae = "x"', "unknown key 'nmae'"),
        (HEAD + 'options = "retain-uids"', "list"),
        (HEAD + 'options = ["retain-everything"]', "unknown option 'retain-everything'"),
        (HEAD + "options = [1]", "unknown option 1"),
        (HEAD + 'options = ["RETAIN_UIDS"]', "unknown option"),
        (HEAD + 'options = ["retain-full-dates", "retain-modified-dates"]', "not both"),
        (HEAD + 'rules = ["PatientName"]', "table"),
        (HEAD + '[rules]\nPatientNmae = "X"', "unknown Attribute 'PatientNmae'"),
        (HEAD + '[rules]\n"(0009,1001)" = "K"', "unknown Attribute"),
        (HEAD + '[rules]\n"zzzzzzzz" = "K"', "unknown Attribute"),
        (HEAD + '[rules]\nPatientName = "Y"', "unknown action 'Y' for PatientName"),
        (HEAD + '[rules]\nPatientName = "x"', "unknown action"),
        (HEAD + "[rules]\nPatientName = 1", "unknown action 1"),
        (HEAD + '[rules]\nPatientName = "X/Z"', "unknown action"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(text: str, word: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    assert word in str(caught.value)


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(HEAD, encoding="utf-8")
    assert load_profile(str(path)).name == "own"
    digest = profile_digest(str(path))
    path.write_text(HEAD + "# a comment\n", encoding="utf-8")
    assert profile_digest(str(path)) != digest


@pytest.mark.parametrize("name", ["bassic", "missing.toml", "", "/etc/passwd"])
def test_a_profile_that_is_not_there_is_refused_with_advice(name: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(name)
    assert caught.value.remedy


def test_a_profile_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError):
        load_profile(str(path))


def test_a_profile_may_name_what_is_needed() -> None:
    profile = parse_profile(HEAD + 'options = ["retain-safe-private"]\nneeded = ["PatientAge", "KVP"]\n')
    assert profile.needed == {0x00101010, 0x00180060}
    assert profile.options == frozenset()
    assert parse_profile(HEAD + "needed = []\n").needed == frozenset()
    assert parse_profile(HEAD).needed is None


def test_an_agreement_narrows_what_a_profile_needs_and_never_widens_it() -> None:
    profile = parse_profile(HEAD + 'needed = ["PatientAge", "KVP"]\n')
    assert restrict(profile, {"KVP", "PatientSex"}).needed == {0x00180060}
    assert restrict(profile, frozenset()).needed == frozenset()
    assert restrict(profile, {"*"}) is profile


@pytest.mark.parametrize("keywords", [("NoSuchAttribute",), ("*", "KVP"), ("(0010,1010)",), (7,)])
def test_what_is_needed_is_named_by_keyword(keywords: tuple) -> None:
    with pytest.raises(ProfileError):
        restrict(load_profile("basic"), keywords)


def test_shipped_profiles_take_text_out_of_all_pixels() -> None:
    for name in SHIPPED:
        assert load_profile(name).pixels == PixelPolicy()
        assert "[pixels]" in profile_text(name)
    assert PixelPolicy().mode is PixelMode.CLEAN
    assert not PixelPolicy().kept


def test_what_is_done_about_text_in_pixels_is_read() -> None:
    policy = parse_profile(
        HEAD + '[pixels]\nmode = "detect"\nkeep = ["laterality", "scale"]\nmodes = { CT = "clean", OT = "off" }\n'
    ).pixels

    assert policy.kept == {KeptText.LATERALITY, KeptText.SCALE}
    assert [policy.mode_of(modality) for modality in ("US", "CT", " ot ")] == [
        PixelMode.DETECT, PixelMode.CLEAN, PixelMode.OFF,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('pixels = "clean"', "table"),
        ('[pixels]\nmod = "clean"', "unknown key 'mod'"),
        ('[pixels]\nmode = "keep"', "unknown value 'keep'"),
        ("[pixels]\nmode = true", "unknown value True"),
        ('[pixels]\nkeep = "scale"', "list"),
        ('[pixels]\nkeep = ["names"]', "unknown value 'names'"),
        ('[pixels]\nmodes = ["CT"]', "table"),
        ('[pixels]\nmodes = { ct = "off" }', "unknown Modality 'ct'"),
        ('[pixels]\nmodes = { CT = "on" }', "unknown value 'on'"),
    ],
)
def test_an_unknown_word_about_pixels_is_refused(text: str, word: str) -> None:
    with pytest.raises(ProfileError, match=word):
        parse_profile(HEAD + text)
