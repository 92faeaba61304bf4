"""Sealing: what digests cost beside plain SHA-256 of the same samples, and whether lossless transcoding stays silent.

Each figure is the median of rounds in one process, on one thread. Decoding is not in it: samples are in memory, as the
gateway has them when it seals. The limit is SHA-256 of the same bytes by the same library in the same run.
"""

import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

import numpy as np  # noqa: E402 - found by the paths above, as what follows
from pydicom import dcmread  # noqa: E402
from table import format_table  # noqa: E402

from scanward.adapters.engines.frames import ImageCodec  # noqa: E402
from scanward.errors import ScanwardError  # noqa: E402
from scanward.flow.scans import open_scan  # noqa: E402
from scanward.model.instance import BytesSource  # noqa: E402
from scanward.model.seal import KEY_BYTES, PixelKind  # noqa: E402
from scanward.ports.engines import FrameLayout, Samples  # noqa: E402
from scanward.seal.compare import compare  # noqa: E402
from scanward.seal.digest import pixel_root, seal_pixels  # noqa: E402
from scanward.seal.format import encode_seal, parse_seal  # noqa: E402
from scanward.seal.grades import Form  # noqa: E402
from scanward.seal.header import seal_header  # noqa: E402
from scanward.seal.make import make_seal, seal_root  # noqa: E402
from scanward.seal.scan import Scan  # noqa: E402
from tests.common.images import make_ct, make_enhanced_mr  # noqa: E402
from tests.common.patients import make_patient, make_study  # noqa: E402
from tests.common.transcoding import TRANSCODERS, is_lossless, made_images  # noqa: E402

KEY = bytes(range(KEY_BYTES))
ROUNDS = 15
MAX_SOURCE_BYTES = 1_000_000
"""Larger scans are left out of the sweep: they say no more, and take its time."""

UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
"""Without these, GDCM makes some up, which no seal can take for the same."""


class Decoded:
    """Frames that are decoded already."""

    def __init__(self, samples: Samples, *, stored: int) -> None:
        self._samples = samples
        self.count = 1
        self.decoded_photometric = "MONOCHROME2"
        self.layout = FrameLayout(
            rows=samples.shape[0],
            columns=samples.shape[1],
            samples_per_pixel=1,
            bits_allocated=8 * samples.dtype.itemsize,
            bits_stored=stored,
            high_bit=stored - 1,
            is_signed=samples.dtype.kind == "i",
            is_planar=False,
            photometric="MONOCHROME2",
        )

    def frame(self, _index: int) -> Samples:
        """Return the samples."""
        return self._samples


def _milliseconds(work: Callable[[], object], rounds: int) -> float:
    work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return median(taken)


def time_pixels(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Time the digests of frames beside SHA-256 of their bytes."""
    import hashlib

    rng = np.random.default_rng(1)
    found = []
    for name, side, stored, kind in (
        ("CT slice 512 x 512, 16 bit", 512, 16, "i2"),
        ("CT slice 512 x 512, 12 of 16 bit", 512, 12, "u2"),
        ("radiograph 3000 x 3000, 16 bit", 3000, 16, "u2"),
        ("radiograph 3000 x 3000, 12 of 16 bit", 3000, 12, "u2"),
        ("radiograph 3000 x 3000, 8 bit", 3000, 8, "u1"),
    ):
        frames = Decoded(rng.integers(0, 1 << min(stored, 15), (side, side)).astype(kind), stored=stored)
        octets = frames.frame(0).tobytes()
        limit = _milliseconds(lambda octets=octets: hashlib.sha256(octets).digest(), rounds)
        taken = _milliseconds(lambda frames=frames: pixel_root(seal_pixels(frames, KEY)), rounds)
        found.append({"what": name, "seal_ms": taken, "sha256_ms": limit, "share_of_limit": limit / taken})
    return found


def time_headers(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Time the digests of headers, whole seals without decoding, and their bytes."""
    rng = random.Random(1)
    study = make_study(rng, make_patient(rng), "CT chest")
    found = []
    for name, ds in (
        ("CT slice 512 x 512", make_ct(study, 1, size=512)),
        ("enhanced MR, 200 frames of 16 x 16", make_enhanced_mr(study, frames=200)),
    ):
        source = BytesSource(_bytes_of(ds))
        scan = open_scan(source, None, ImageCodec())
        header = seal_header(scan.start, KEY, Form.DECODED)
        seal = make_seal(scan, source, KEY)
        data = encode_seal(seal)
        found.append(
            {
                "what": name,
                "leaves": len(header),
                "header_ms": _milliseconds(lambda scan=scan: seal_header(scan.start, KEY, Form.DECODED), rounds),
                "open_ms": _milliseconds(lambda source=source: open_scan(source, None, ImageCodec()), rounds),
                "seal_ms": _milliseconds(lambda scan=scan, source=source: make_seal(scan, source, KEY), rounds),
                "root_ms": _milliseconds(lambda seal=seal: seal_root(seal), rounds),
                "parse_ms": _milliseconds(lambda data=data: parse_seal(data), rounds),
                "seal_bytes": len(data),
                "file_bytes": source.size,
            }
        )
    return found


def _bytes_of(ds: Any) -> bytes:
    import io

    stream = io.BytesIO()
    ds.save_as(stream)
    return stream.getvalue()


def sweep(data: Path | None, *, step: int = 1) -> dict[str, Any]:
    """Transcode images that this project makes, and each so many-th real scan, in every way that there is.

    Returns
    -------
    dict
        By toolkit: how many copies it made that pydicom too decodes to the same samples (`lossless`), on how many of
        them the seal said so (`same_pixels`) and found nothing that nobody may change (`silent`); how many copies
        pydicom decodes to something else (`changed`), and on how many of those the seal said so (`changed_found`); how
        many pydicom has no decoder for, or refuses (`undecoded`), and on how many of these the seal found the same
        samples (`undecoded_same`). And all that were not silent, by name.
    """
    counts: dict[str, Counter[str]] = {}
    loud: list[str] = []
    with tempfile.TemporaryDirectory(prefix="scanward-bench-") as folder:
        source, target = Path(folder) / "source.dcm", Path(folder) / "target.dcm"
        for name, octets in _sources(data, step):
            source.write_bytes(octets)
            scan = _open(octets)
            if scan is None or scan.frames is None or not _has_uids(source):
                continue
            seal = make_seal(scan, BytesSource(octets), KEY)
            if seal.pixels.kind is not PixelKind.SAMPLES:
                continue
            for one in TRANSCODERS:
                target.unlink(missing_ok=True)
                count = counts.setdefault(one.toolkit, Counter())
                if not one.make(source, target):
                    count["refused"] += 1
                    continue
                _judge(f"{name}: {one.toolkit} {one.name}", seal, source, target, count, loud)
    return {"toolkits": {name: dict(count) for name, count in counts.items()}, "not_silent": loud}


def _judge(name: str, seal: Any, source: Path, target: Path, count: Counter[str], loud: list[str]) -> None:
    is_same = is_lossless(source, target)
    octets = target.read_bytes()
    copy = _open(octets)
    comparison = None if copy is None else compare(seal, copy, BytesSource(octets))
    holds = comparison is not None and comparison.are_pixels_same is True
    if is_same is None:
        count["undecoded"] += 1
        count["undecoded_same"] += holds
    elif is_same:
        count["lossless"] += 1
        count["same_pixels"] += holds
        is_silent = holds and comparison is not None and not comparison.altered_header
        count["silent"] += is_silent
        if not is_silent:
            changed = [] if comparison is None else [change.name for change in comparison.altered_header]
            loud.append(f"{name}: {'pixels' if not holds else ', '.join(changed)}")
    else:
        count["changed"] += 1
        count["changed_found"] += not holds


def _open(octets: bytes) -> Scan | None:
    try:
        return open_scan(BytesSource(octets), None, ImageCodec())
    except ScanwardError:
        return None


def _has_uids(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = dcmread(path, stop_before_pixels=True, force=True)
    return all(keyword in ds for keyword in UIDS)


def _sources(data: Path | None, step: int) -> Iterator[tuple[str, bytes]]:
    yield from made_images()
    if data is None:
        return
    paths = sorted(path for part in ("dicom", "burnedin", "images") for path in (data / part).rglob("*.dcm"))
    for path in paths[::step]:
        if path.stat().st_size <= MAX_SOURCE_BYTES:
            yield path.name, path.read_bytes()


def run(data: Path | None, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures.

    Parameters
    ----------
    data
        Folder of real scans, or None where there is none.
    quick
        Whether few rounds and scans do.
    """
    pixels, headers = time_pixels(5 if quick else ROUNDS), time_headers(5 if quick else ROUNDS)
    print("\nPixels: digests of decoded samples beside SHA-256 of the same bytes")
    print(
        format_table(
            ("frame", "seal ms", "SHA-256 ms", "share of limit"),
            [
                (one["what"], f"{one['seal_ms']:.2f}", f"{one['sha256_ms']:.2f}", f"{one['share_of_limit']:.0%}")
                for one in pixels
            ],
        )
    )
    print("\nHeaders and whole seals of native instances")
    print(
        format_table(
            ("instance", "Attributes", "open ms", "header ms", "seal ms", "root ms", "parse ms", "seal KB", "file KB"),
            [
                (
                    one["what"],
                    str(one["leaves"]),
                    *(f"{one[key]:.2f}" for key in ("open_ms", "header_ms", "seal_ms", "root_ms", "parse_ms")),
                    f"{one['seal_bytes'] / 1000:.1f}",
                    f"{one['file_bytes'] / 1000:.0f}",
                )
                for one in headers
            ],
        )
    )
    swept = sweep(data, step=8 if quick else 1)
    keys = ("lossless", "same_pixels", "silent", "changed", "changed_found", "undecoded", "undecoded_same", "refused")
    total: Counter[str] = Counter()
    for count in swept["toolkits"].values():
        total.update(count)
    print("\nCopies coded anew without loss, and what the seal says of them")
    print(
        format_table(
            ("toolkit", *(key.replace("_", " ") for key in keys)),
            [
                (name, *(str(count.get(key, 0)) for key in keys))
                for name, count in (*swept["toolkits"].items(), ("all", total))
            ],
        )
    )
    for line in swept["not_silent"]:
        print(f"not silent: {line}")
    return {"pixels": pixels, "headers": headers, "sweep": swept}


if __name__ == "__main__":
    folder = Path(os.environ.get("SCANWARD_TEST_DATA") or ROOT.parent / "shared" / "data")
    run(folder if folder.is_dir() else None, quick="--quick" in sys.argv)
