"""What was measured, as tables of text, and beside it what was aimed at."""

from collections.abc import Iterable, Mapping
from typing import Any

from table import format_table

from faces.eyes import CNN, DETECTORS, HAAR, HOG
from faces.measure_head import ORIGINAL
from faces.peers import AIR, SKIN
from faces.score import (
    BACK_POINTS,
    CHANCE_POINTS,
    MOST_BYTES,
    MOST_CPU_SECONDS,
    MOST_EARS,
    MOST_FACE,
    MOST_RMS_MM,
    MOST_WALL_SECONDS,
    Goal,
)

_FILLS = {"air": AIR, "skin": SKIN}


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def print_heads(heads: Mapping[str, Any]) -> None:
    """Print one row for each tool, over real and over made heads, and one for each head."""
    if heads["real"]:
        _print_summary("real heads", heads["real"], chance=heads["chance"])
    if heads["made"]:
        _print_summary("made heads, whose brain is known", heads["made"], chance=None)
    _print_each(heads["each"])


def _print_summary(title: str, rows: Mapping[str, Any], *, chance: float | None) -> None:
    head = [
        "", "heads let out", "face kept", "worst", "ears kept", "brain voxels changed",
        *DETECTORS, "shape RMS", "rank 1", "CPU s", "peak MB",
    ]  # fmt: skip
    print(f"\nFaces of {title}\n")
    print(format_table(head, [_summary_row(name, one) for name, one in rows.items()]))
    print(
        f"\nOver the {rows[ORIGINAL]['counted']} heads that all tools let out; the worst face and brain voxels over all"
        " that a tool let out."
    )
    back = rows[ORIGINAL]["back_hits"]
    print("Back of the head, as it was: " + ", ".join(f"{name} {_two(back[name])}" for name in DETECTORS))
    if chance is not None:
        print(
            f"Rank 1: the nearest of all renders of the scans as they were is of the same person; chance {chance:.2f}"
        )


def _summary_row(name: str, one: Mapping[str, Any]) -> list[str]:
    brain = "-" if one["brain_changed"] is None else f"{one['brain_changed']} in {one['brains_touched']}"
    peak = one["peak_rss_bytes"]
    return [
        name, f"{one['done']} of {one['heads']}", _two(one["face_kept"]), _two(one["face_kept_most"]),
        _two(one["ears_kept"]), brain, *(_two(one["hits"][detector]) for detector in DETECTORS),
        "-" if one["shape_rms_mm"] is None else f"{one['shape_rms_mm']:.2f} mm", _two(one["rank_one"]),
        "-" if one["cpu_seconds"] is None else f"{one['cpu_seconds']:.1f}",
        "-" if peak is None else f"{peak / 1e6:.0f}",
    ]  # fmt: skip


def _print_each(each: Mapping[str, Any]) -> None:
    rows = []
    for name, one in each.items():
        air, skin = (one["tools"].get(tool, {}) for tool in (AIR, SKIN))
        before = one["tools"].get(ORIGINAL, {})
        brain_ml = "-" if one["brain_ml"] is None else f"{one['brain_ml']:.0f}"
        rows.append(
            [name, one["finding"].lower().replace("_", " "), brain_ml]
            + [f"{_two(air.get(key))} / {_two(skin.get(key))}" for key in ("face_kept", "ears_kept")]
            + [str(air.get("brain_changed", "-"))]
            + [
                " / ".join(str(part.get("hits", {}).get(detector, "-")) for part in (before, air, skin))
                for detector in DETECTORS
            ]
        )
    print("\nScanward by head: air / skin; hits before / air / skin\n")
    print(format_table(["", "found", "brain ml", "face kept", "ears kept", "brain voxels", *DETECTORS], rows))


def print_negatives(rows: Mapping[str, Any]) -> None:
    """Print what each tool did with what has no face, or does not lie as it says."""
    names = [name for name in next(iter(rows.values()))["tools"] if name != AIR]
    table = []
    for name, row in rows.items():
        ours = row["tools"][AIR]
        peers = [_changed(row["tools"][peer]) for peer in names]
        table.append([name, row["expected"], ours["finding"].lower().replace("_", " "), _changed(ours), *peers])
    print("\nNo face, or not as it lies: what was found, and the share of voxels that changed\n")
    print(format_table(["", "expected", "Scanward", "changed", *names], table))


def _changed(one: Mapping[str, Any]) -> str:
    share = one["changed_share"]
    return "nothing let out" if share is None else "0" if not one["changed_voxels"] else f"{100 * share:.2f} %"


def print_repeated(same: Mapping[str, bool]) -> None:
    """Print whether two runs gave the same files."""
    others = [name for name, is_same in same.items() if not is_same]
    print(
        f"\nTwo runs of Scanward, the same bits: {sum(same.values())} of {len(same)}"
        + "".join(f"\n  not {o}" for o in others)
    )


def print_large(rows: Mapping[str, Any]) -> None:
    """Print what large scans cost."""
    table = [
        [
            f"{size}, {tool}",
            f"{use['cpu_seconds']:.1f}",
            f"{use['wall_seconds']:.1f}",
            f"{use['peak_rss_bytes'] / 1e6:.0f}",
        ]
        for size, tools in rows.items()
        for tool, use in tools.items()
    ]
    print("\nA head on larger grids\n")
    print(format_table(["", "CPU s", "wall s", "peak MB"], table))


# --- goals -----------------------------------------------------------------------------------------------------------


def print_goals(figures: Mapping[str, Any]) -> None:
    """Print what was aimed at, and whether it was met."""
    print()
    for goal in goals(figures):
        print(f"  {goal}")


def goals(figures: Mapping[str, Any]) -> list[Goal]:
    """Return what was aimed at: on real heads, or where there are none on made ones."""
    heads = figures["heads"]
    rows = heads["real"] or heads["made"]
    found = [goal for fill, tool in _FILLS.items() for goal in _face_goals(fill, rows[tool], rows[ORIGINAL], heads)]
    found += _brain_goals(heads)
    negatives = figures.get("negatives")
    if negatives is not None:
        wrong = sum(not _as_expected(row) for row in negatives.values())
        found.append(Goal(text=f"of {len(negatives)} without a face, treated wrongly", most=0, got=wrong, form=".0f"))
    same = figures["repeated"].values()
    found.append(Goal(text="two runs that differ", most=0, got=sum(not one for one in same), form=".0f"))
    return [*found, *_large_goals(figures.get("large", {}))]


def _as_expected(row: Mapping[str, Any]) -> bool:
    """Whether Scanward refused a scan or left it; a head stored otherwise has to be treated as any, or held."""
    changed = row["tools"][AIR]["changed_voxels"]
    return bool(changed) or changed is None if row["expected"].startswith("as") else not changed


def _face_goals(
    fill: str, ours: Mapping[str, Any], before: Mapping[str, Any], heads: Mapping[str, Any]
) -> Iterable[Goal]:
    yield Goal(text=f"{fill}: face kept", most=MOST_FACE[fill], got=ours["face_kept"])
    yield Goal(text=f"{fill}: ears kept", most=MOST_EARS, got=ours["ears_kept"])
    yield Goal(text=f"{fill}: {CNN} hits", most=0, got=ours["hits"][CNN])
    for name in (HAAR, HOG):
        back = before["back_hits"][name]
        if back is not None:
            most = back + BACK_POINTS
            yield Goal(text=f"{fill}: {name} hits, beside {back:.2f} of the back", most=most, got=ours["hits"][name])
    if heads["chance"] is not None:
        most = heads["chance"] + CHANCE_POINTS
        yield Goal(text=f"{fill}: rank 1, by chance {heads['chance']:.2f}", most=most, got=ours["rank_one"])
    if fill == "skin":
        yield Goal(text="skin: mm of difference between two faces", most=MOST_RMS_MM, got=ours["shape_rms_mm"])


def _brain_goals(heads: Mapping[str, Any]) -> Iterable[Goal]:
    for kind in ("real", "made"):
        for tool in _FILLS.values():
            if heads[kind]:
                got = heads[kind][tool]["brain_changed"]
                yield Goal(text=f"{tool}: brain voxels changed, {kind} heads", most=0, got=got, form=".0f")


def _large_goals(rows: Mapping[str, Any]) -> Iterable[Goal]:
    for size, tools in rows.items():
        for tool in _FILLS.values():
            use = tools.get(tool)
            if use is None:
                continue
            if size.startswith("256"):
                yield Goal(text=f"{size}, {tool}: CPU s", most=MOST_CPU_SECONDS, got=use["cpu_seconds"], form=".1f")
                gigabytes = use["peak_rss_bytes"] / 1e9
                yield Goal(text=f"{size}, {tool}: GB", most=MOST_BYTES / 1e9, got=gigabytes)
            else:
                yield Goal(text=f"{size}, {tool}: wall s", most=MOST_WALL_SECONDS, got=use["wall_seconds"], form=".1f")
