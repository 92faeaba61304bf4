"""What becomes of an instance by how a look at its pixels ends, and which instances are looked at together."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from scanward.deidentify.header.scan import InstanceFacts
from scanward.errors import DicomFormatError, EngineError, HoldError, OutputError, TextFoundError
from scanward.flow.pixels import FEWEST_STACKED, PixelLooker, Stacks, find_stacks
from scanward.model.pixels import UNSEEN, PixelMode, PixelOutcome, PixelPolicy

PROVEN = PixelOutcome(is_proven=True)
START, KNOWN = object(), object()


@dataclass
class Cleaner:
    """Answers as a test says (stands in for `scanward.deidentify.pixels.clean.PixelCleaner`)."""

    outcome: PixelOutcome | Exception = PROVEN
    together: object = None
    stacks: list[object] = field(default_factory=list)
    engines: object = field(
        default_factory=lambda: SimpleNamespace(text=SimpleNamespace(name="one"), second=SimpleNamespace(name="two"))
    )

    def clean(self, start, facts, known, *, stack=None):
        self.stacks.append(stack)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def look_through(self, instances):
        for opener in instances:
            with opener():
                pass
        if isinstance(self.together, Exception):
            raise self.together
        return self.together


class Missing:
    @property
    def engines(self):
        raise EngineError("expected the package openvino, found none", remedy="pip install it")


def facts(modality: str = "US", *, series: bytes = b"1", rows: int = 8, frames: bytes = b"") -> InstanceFacts:
    values = {
        0x00080060: modality.encode(), 0x0020000E: series, 0x00280010: rows.to_bytes(2, "little"),
        0x00280011: b"\x08\0", 0x00280008: frames, 0x00080018: b"1.2",
    }  # fmt: skip
    return InstanceFacts(values, (), "1.2.840.10008.1.2.1", little=True)


def looker(cleaner: object, **policy: object) -> PixelLooker:
    return PixelLooker(lambda _: cleaner, PixelPolicy(**policy))


def look(one: PixelLooker, modality: str = "US", **more: object) -> PixelOutcome:
    return one.look(START, facts(modality), KNOWN, **more)


def test_nobody_looks_where_the_policy_says_so_or_nothing_is_there_to_look():
    cleaner = Cleaner()
    assert look(looker(cleaner, mode=PixelMode.OFF)) is UNSEEN
    assert look(looker(cleaner, modes={"US": PixelMode.OFF})) is UNSEEN
    assert look(PixelLooker(None, PixelPolicy())) is UNSEEN
    assert cleaner.stacks == []
    assert look(looker(cleaner, mode=PixelMode.OFF, modes={"US": PixelMode.DETECT})) is PROVEN


def test_an_engine_that_is_missing_is_looked_for_once_and_kept_in_mind():
    made = []
    one = PixelLooker(lambda _: made.append(1) or Missing(), PixelPolicy())
    assert [look(one), look(one), one.look_through([])] == [UNSEEN, UNSEEN, None]
    assert made == [1]
    assert "openvino" in str(one.missing)
    assert one.names == ()


@pytest.mark.parametrize(
    ("ends", "raised", "may_stay"),
    [
        (TextFoundError("text"), TextFoundError, False),
        (HoldError("no decoder"), HoldError, True),
        (EngineError("failed its test"), HoldError, True),
        (DicomFormatError("damaged"), DicomFormatError, True),
        (OutputError("full"), OutputError, False),
    ],
)
def test_what_a_person_takes_upon_them_is_what_cannot_be_looked_at_and_no_more(ends, raised, may_stay):
    one = looker(Cleaner(outcome=ends))
    with pytest.raises(raised):
        look(one)
    if may_stay:
        assert look(one, may_stay_unseen=True) is UNSEEN
    else:
        with pytest.raises(raised):
            look(one, may_stay_unseen=True)


def test_whoever_looked_is_named():
    one = looker(Cleaner())
    look(one)
    assert one.names == ("one", "two")


def test_slices_of_one_size_in_one_series_are_looked_at_together():
    many = [facts("CT") for _ in range(FEWEST_STACKED)]
    others = [facts("CT", series=b"2"), facts("CT", rows=9), facts("CT", frames=b"3"), facts("CT", rows=0), None]
    others += [facts("CR") for _ in range(FEWEST_STACKED)]
    one = looker(Cleaner())
    assert find_stacks(one, [*others, *many]) == [list(range(len(others), len(others) + len(many)))]
    assert find_stacks(one, many[1:]) == []
    assert find_stacks(looker(Cleaner(), modes={"CT": PixelMode.OFF}), many) == []


@pytest.mark.parametrize(
    ("together", "given"), [("stack", "stack"), (HoldError("no"), None), (EngineError("no"), None)]
)
def test_slices_that_cannot_be_looked_at_together_are_looked_at_alone(together, given):
    opened = []

    @contextmanager
    def opener():
        opened.append(1)
        yield START, facts("CT")

    one = looker(Cleaner(together=together))
    stacks = Stacks(one, [facts("CT")] * FEWEST_STACKED, [opener] * FEWEST_STACKED)
    assert [stacks.find(place) for place in range(FEWEST_STACKED)] == [given] * FEWEST_STACKED
    assert len(opened) == FEWEST_STACKED, "once for all of them"


def test_a_full_disk_is_no_fault_of_the_slices():
    @contextmanager
    def opener():
        yield START, facts("CT")

    full = looker(Cleaner(together=OutputError("full")))
    with pytest.raises(OutputError):
        Stacks(full, [facts("CT")] * FEWEST_STACKED, [opener] * FEWEST_STACKED).find(0)
