"""Figures and tables of the Spinodal room's README, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from pd4ml.text import put_between

HERE = Path(__file__).parent
ROOM = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "spinodal"
BEGIN, END = "<!-- numbers: evidence/spinodal/evidence.py -->", "<!-- end of numbers -->"
CLASSES = ("spinodal", "Maxwell")
PUBLISHED = json.loads((HERE / "published.json").read_text())
# Of both classes together.
PUBLISHED_RANGE = {"rms radius": "5.0 to 5.5", "centroid": "near 9.3"}
NAMES = {
    "rms radius": ("rms radius [pixels]", 2),
    "centroid": ("centroid [index]", 2),
    "level 0": ("pixels below 1/256 of the maximum", 1),
    "levels 1 and 2": ("pixels from 1/256 to 3/256", 1),
    "max/mean": ("maximum over mean", 2),
    "autocorrelation": ("autocorrelation at one pixel", 2),
}
RINGS = {"profile": "mean in rings of one pixel", "fluctuation": "spread over mean in rings of two pixels"}
# arXiv:2107.00656; mean and spread over trainings, on published images.
PUBLISHED_SCORES = {
    "reference CNN": ("0.873 ± 0.004", "0.925 ± 0.005"),
    "GraphNet": ("0.854 ± 0.004", "0.916 ± 0.005"),
    "FCN": ("0.824 ± 0.001", "0.883 ± 0.001"),
}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with_error(value: float, error: float, digits: int) -> str:
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _against_published(record: dict[str, Any]) -> str:
    rows = []
    for name, (title, digits) in NAMES.items():
        for label in CLASSES:
            mean, error, spread, low, high = record["default"][name][label]
            found = [
                _with_error(mean, error, digits),
                f"{spread:.{digits}f}",
                f"{low:.{digits}f} to {high:.{digits}f}",
            ]
            z = f"{record['compared'][name][label]['z']:+.1f}" if name in record["compared"] else ""
            published = PUBLISHED_RANGE.get(name) or f"{PUBLISHED[label][name]:.{digits}f}"
            rows.append([f"{title}, {label}", published, *found, z])
    return _table(["quantity", "published (12 events)", "generated", "spread", "90 % of events", "z"], rows)


def _rings(record: dict[str, Any]) -> str:
    rows = []
    for name, title in RINGS.items():
        for label in CLASSES:
            found = record["compared"][name][label]
            z = np.array(found["z"])
            published, generated = (
                " ".join(f"{v:.2f}" for v in x) for x in (PUBLISHED[label][name], found["mean"])
            )
            rows.append([f"{title}, {label}", published, generated, f"{np.mean(z**2):.1f} ({len(z)})"])
    return _table(["from the centroid outwards", "published", "generated", "chi2 per ring (rings)"], rows)


def _scores(record: dict[str, Any]) -> str:
    e = record["learned"]
    rows = [[f"published: {name}", *scores] for name, scores in PUBLISHED_SCORES.items()]
    for s in e["cnn"]:
        accuracy = _with_error(s["accuracy"], s["error"], 3)
        rows.append([f"generated: the same CNN, seed {s['seed']}", accuracy, f"{s['auc']:.3f}"])
    quarter, peak = e["quarter"], e["max/mean"]
    few = f"generated: the same CNN, a quarter of the events, {2 * e['epochs']} epochs"
    for title, score in ((few, quarter), ("generated: trees on maximum over mean", peak)):
        rows.append([title, _with_error(score["accuracy"], score["error"], 3), f"{score['auc']:.3f}"])
    return _table(["model", "accuracy", "AUC"], rows)


def _variants(record: dict[str, Any]) -> str:
    rows = []
    for name, s in record["variants"].items():
        cells = [
            _with_error(s[key][label][0], s[key][label][1], 2)
            for key in ("max/mean", "rms radius")
            for label in CLASSES
        ]
        rows.append([f"`{name}`", *cells])
    header = [f"{key}, {label}" for key in ("max/mean", "rms radius") for label in CLASSES]
    return _table(["variant", *header], rows)


def numbers(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    e, s = record["learned"], record["learned"]["crossover"]
    nothing = f"{_with_error(s['accuracy'], s['error'], 3)}, AUC {s['auc']:.3f}"
    return "\n\n".join(
        [
            f"{record['default']['events']:,} default events against what was seen of twelve published ones, "
            "8 Maxwell and 4 spinodal. Errors\nare statistical, a spread is that of single events. z is generated "
            "minus published, over the spread of the\nsame number among groups of 8 or 4 generated events.",
            _against_published(record),
            "The mean pixel is 1; chi2 is of each ring for itself:",
            _rings(record),
            f"What is learned from {e['train']:,} events, tested on {e['test']:,} (the CNN in {e['epochs']} "
            "epochs). The first three\nlines are on 20,300 published images, the others on generated ones: two "
            "datasets.",
            _scores(record),
            f"Without a phase transition (`crossover`) the classes differ in name only. The CNN finds {nothing}\n"
            f"on {s['test']:,} images; a test holds that a fireball gives the same image in either class.",
            f"Variants ({record['variants']['default']['events']:,} events each; radius in pixels):",
            _variants(record),
            f"One core made {record['rate']:.0f} events a second of CPU time.",
            "![the same fireballs in either class](figures/pairs.png)\n![maximum over mean](figures/peak.png)",
        ]
    )


def _draw_pairs(record: dict[str, Any]) -> Any:
    figure, axes = plt.subplots(2, 6, figsize=(13, 4.4), layout="constrained")
    for row, label in zip(axes, ("Maxwell", "spinodal"), strict=True):
        for ax, event in zip(row, record["pairs"][label], strict=True):
            density = np.array(event)
            shown = ax.imshow(density.T, origin="lower", cmap="viridis")
            ax.set(xticks=[], yticks=[], title=f"max/mean {density.max() / density.mean():.1f}")
            ax.title.set_fontsize("x-small")
            plt.colorbar(shown, ax=ax, shrink=0.7)
        row[0].set_ylabel(label)
    figure.suptitle("the same six fireballs; colour: density [1/fm3]", fontsize="medium")
    return figure


def _draw_peak(record: dict[str, Any]) -> Any:
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    published = {"spinodal": (7.1, 6.0, 8.8), "Maxwell": (5.4, 4.4, 6.9)}
    for k, (label, colour) in enumerate(zip(CLASSES, ("tab:red", "tab:blue"), strict=True)):
        counts = np.array(record["peak"][label])
        share = counts / counts.sum()
        ax.stairs(share, record["peak"]["edges"], fill=True, alpha=0.4, color=colour, label=f"{label}, generated")
        mean, low, high = published[label]
        height = -0.012 * (k + 1)
        ax.errorbar(mean, height, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3)
    ax.plot([], [], "ko-", label="published: mean and range")
    ax.set(xlabel="maximum over mean", ylabel="share of events per 0.25")
    ax.legend(frameon=False)
    return figure


def main() -> None:
    """Draw the figures and put the numbers between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    folder = ROOM / "figures"
    folder.mkdir(exist_ok=True)
    for name, draw in (("pairs", _draw_pairs), ("peak", _draw_peak)):
        figure = draw(record)
        figure.savefig(folder / f"{name}.png", dpi=80)
        plt.close(figure)
    readme = ROOM / "README.md"
    readme.write_text(put_between(readme.read_text(), BEGIN, numbers(record), END))


if __name__ == "__main__":
    main()
