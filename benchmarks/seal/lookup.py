"""Look-up of sealed films: how often copies are found, by what happened to them, and how often films not taken up are.

Every radiograph at hand is taken up; then it is looked up as it comes back after each change (rank 1), and, taken out
again, looked up once more: whatever is named then is a false match. Films that show one patient, which also differ, are
counted apart. `--all` takes every film and every change, else a sample.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.table import format_table
from scanward.seal.forensics.features import Film, describe, encode_film, parse_film
from scanward.seal.forensics.lookup import Index, describe_query
from tests.common.copies import LOOKED_UP
from tests.common.films import made_film

FOLDERS = ("images/mlmed__torchxrayvision", "images/noneedanick__DeepFakeXRay", "images/pydicom__pydicom-data")
FILES = (
    "dicom/pydicom__pydicom-data/RG3_J2KI.dcm",
    "dicom/ImagingDataCommons__highdicom/dx_image.dcm",
    "burnedin/JohnSnowLabs__visual-nlp-workshop/John_Stiles.dcm",
    "burnedin/microsoft__presidio/0_ORIGINAL.png",
    "burnedin/microsoft__presidio/1_ORIGINAL.png",
)
"""The radiographs of the real data; others of its files show the same films."""

ALIKE = ({"Radio057.png", "Radio062.png", "Radio077.png"},)
"""Films that show the same neck bent, straight and stretched, as far as one can see."""

LARGE = 10_000

Picture = NDArray[np.uint8]


def load_films(data: Path | None, made: int = 24) -> dict[str, Picture]:
    """Return radiographs as they are shown, by name; made ones where there is no real data."""
    if data is None:
        return {f"made {seed}": to_eight_bits(made_film(seed)) for seed in range(made)}
    paths = [one for folder in FOLDERS for one in sorted((data / folder).iterdir())] + [data / one for one in FILES]
    return {one.name: to_eight_bits(_read(one)) for one in paths}


def to_eight_bits(values: NDArray[np.float32]) -> Picture:
    """Return grey values as a viewer shows them at first."""
    low, high = np.percentile(values, (0.1, 99.9))
    return np.asarray(np.clip((values - low) / (high - low), 0, 1) * 255, np.uint8)


def _read(path: Path) -> NDArray[np.float32]:
    if path.suffix != ".dcm":
        return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.float32)
    import pydicom

    header = pydicom.dcmread(path)
    values = np.asarray(header.pixel_array, np.float32)
    return -values if header.PhotometricInterpretation == "MONOCHROME1" else values


def run(data: Path | None, *, every: bool = False, queries: int = 1000) -> dict[str, Any]:
    """Print the tables, return their figures."""
    cv2.setNumThreads(1)
    pictures = load_films(data)
    films = {name: parse_film(encode_film(describe(picture))) for name, picture in pictures.items()}
    results: dict[str, Any] = {"films": len(films), "source": "real" if data else "made", "changes": {}}
    rows, wrong, alike, asked, seconds = [], 0, 0, 0, []
    for number, (what, change) in enumerate(LOOKED_UP.items()):
        names = list(pictures) if every else list(pictures)[number % 8 :: 8]
        found = 0
        for name in names:
            begin = time.perf_counter()
            query = describe_query(change(pictures[name]))
            seconds.append(time.perf_counter() - begin)
            matches = _index(films).find(query)
            found += bool(matches) and matches[0].name == name
            if asked < queries or every:
                asked += 1
                others = {one.name for one in _index(films, without=name).find(query)}
                kin = {one for group in ALIKE if name in group for one in group}
                wrong += bool(others - kin)
                alike += bool(others & kin)
        results["changes"][what] = {"found": found, "of": len(names)}
        rows.append((what, f"{found}/{len(names)}", f"{found / len(names):.1%}"))
        print(f"  {what}: {found}/{len(names)}; taken out {asked}, false {wrong}, same patient {alike}", flush=True)
    print(f"\nLook-up: {len(films)} films, first found, by what happened to the copy")
    print(format_table(("copy", "found", "share"), rows))
    results |= {"not_enrolled": asked, "false": wrong, "false_same_patient": alike}
    print(f"looked up with the film taken out: {asked}, false matches {wrong}; of the same patient {alike}")
    results["describe_seconds"] = float(np.median(seconds))
    results["large"] = _large(films, pictures)
    return results


_KEPT: dict[str | None, Index] = {}


def _index(films: dict[str, Film], without: str | None = None) -> Index:
    if without not in _KEPT:
        made = Index(films.__getitem__)
        for name, film in films.items():
            if name != without:
                made.add(name, film)
        _KEPT[without] = made
    return _KEPT[without]


def _large(films: dict[str, Film], pictures: dict[str, Picture], count: int = LARGE) -> dict[str, float]:
    """Measure an index of very many films: the places of the real ones, each changed by noise, in another mix."""
    rng = np.random.default_rng(1)
    pool = np.concatenate([one.descriptors for one in films.values()])
    index = Index(films.__getitem__)
    for name, film in films.items():
        index.add(name, film)
    begin = time.perf_counter()
    for film in _noisy(pool, count - len(films), rng):
        index.add(next(iter(films)), film)
    chosen = list(pictures)[::12]
    index.find(describe_query(pictures[chosen[0]]))
    built = time.perf_counter() - begin
    times: dict[str, list[float]] = {"as it is": [], "cut 25 %": [], "made": []}
    found = 0
    for name in chosen:
        for what in ("as it is", "cut 25 %"):
            query = describe_query(LOOKED_UP[what](pictures[name]))
            begin = time.perf_counter()
            matches = index.find(query)
            times[what].append(time.perf_counter() - begin)
            found += bool(matches) and matches[0].name == name
        query = describe_query(to_eight_bits(made_film(900 + len(times["made"]))))
        begin = time.perf_counter()
        index.find(query)
        times["made"].append(time.perf_counter() - begin)
    medians = {what: float(np.median(one)) for what, one in times.items()}
    print(f"\n{count:,} films taken up and put in order in {built:.0f} s; looked up, median seconds:")
    print(format_table(("copy", "seconds"), [(what, f"{one:.2f}") for what, one in medians.items()]))
    print(f"found {found} of {2 * len(chosen)}")
    return medians | {"built": built, "found": found, "of": 2 * len(chosen)}


def _noisy(pool: NDArray[np.uint8], count: int, rng: np.random.Generator) -> Iterator[Film]:
    for _ in range(count):
        mix = pool[rng.integers(0, len(pool), 600)].astype(np.int16)
        mix += rng.normal(0, 25, mix.shape).astype(np.int16)
        yield Film(
            rows=2000,
            columns=2000,
            quality=100,
            fingerprint=rng.bytes(32),
            points=np.asarray(rng.uniform(0, 768, (600, 2)), np.float32),
            descriptors=np.asarray(np.clip(mix, 0, 255), np.uint8),
        )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--all", action="store_true", dest="every")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = run(arguments.data, every=arguments.every)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
