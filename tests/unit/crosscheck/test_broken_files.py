"""Whatever bytes an output has, the verifier reports; it does not fall over."""

from __future__ import annotations

import random
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanward.crosscheck.compare import compare
from tests.common.studies import Sample, make_samples, save


@cache
def samples() -> tuple[Sample, ...]:
    wanted = {"ct/1", "ct/2", "ct/3 deflated", "ct/4 rle", "sr/measurements", "sc/jpeg", "mr/3 jpeg2000", "pdf"}
    return tuple(sample for sample in make_samples() if sample.name in wanted)


@given(st.integers(0, 7), st.integers(0, 2**32), st.integers(1, 40), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_outputs_end_in_a_report(tmp_path_factory, which, seed, damages, cut):
    folder = tmp_path_factory.mktemp("damaged")
    sample = samples()[which]
    source, output = folder / "in" / "1.dcm", folder / "out" / "1.dcm"
    save(sample.ds, source)
    data, rng = bytearray(source.read_bytes()), random.Random(seed)
    for _ in range(damages):
        data[rng.randrange(132, len(data))] = rng.choice([0, 0xFF, rng.randrange(256)])
    output.parent.mkdir()
    output.write_bytes(bytes(data[: rng.randrange(132, len(data))] if cut else data))
    for sources, outputs in ((source, output), (output, source)):
        report = compare(sources, outputs)
        assert report.outputs == 1
        assert not report.passed
