"""Figure and tables of the JetImages room's README, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure

mpl.use("Agg")
import matplotlib.pyplot as plt

from pd4ml.text import put_between

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
README = ROOT / "src" / "pd4ml" / "datasets" / "jet_images" / "README.md"
FIGURE = ROOT / "docs" / "figures" / "jet_images.png"
BEGIN, END = "<!-- numbers: evidence/jet_images/evidence.py -->", "<!-- end of numbers -->"
CLASSES = ("W", "QCD")
QUANTITIES = {
    "mass": ("mass [GeV]", 1),
    "tau21": ("tau21", 3),
    "delta_r": ("distance of the subjets", 3),
    "pt": ("pT [GeV]", 1),
    "filled pixels": ("filled pixels", 0),
}
SINGLE = ("mass", "tau21", "delta_r", "filled pixels")
PANELS = {
    "difference": "mean of W - mean of QCD [GeV]",
    "correlation": "correlation of pixel and output",
    "attribution, W": "gradient x input, W",
    "attribution, QCD": "gradient x input, QCD",
}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _name(score: str) -> str:
    model, comma, seed = score.partition(", seed")
    if comma:
        return f"`{model}`, seed{seed}" if model != "gbdt" else "`gbdt`, trees on the summary of the image"
    return score if score.startswith("trees") else f"likelihood of {score}"


def _scores(record: dict[str, Any]) -> str:
    rows = []
    for name, s in record["scores"].items():
        gain = "" if name in SINGLE or name == "mass and tau21" else f"{s['gain']:+.1f} ± {s['gain_error']:.1f}"
        auc = f"{s['auc']:.3f} ± {s['auc_error']:.3f}"
        rows.append([_name(name), auc, f"{s['value']:.1f} ± {s['error']:.1f}", gain])
    return _table(["score", "AUC", "1/eps_B(0.5)", "minus that of mass and tau21"], rows)


def _classes(record: dict[str, Any]) -> str:
    rows = []
    for key, (title, digits) in QUANTITIES.items():
        cells = []
        for k in (1, 0):
            median, low, high = record["by class"][key][k]
            cells.append(f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        rows.append([title, *cells])
    return _table(["median (68 % of jets)", *CLASSES], rows)


def _variants(record: dict[str, Any]) -> str:
    rows = []
    for name, found in record["variants"].items():
        digits = {"tau21": 3, "filled pixels": 0, "pt": 1}
        cells = [f"{found[key][k]:.{d}f}" for key, d in digits.items() for k in (1, 0)]
        rows.append([f"`{name}`", *cells, f"{found['seconds']:.3f}"])
    header = [f"{key}, {of}" for key in ("tau21", "filled pixels", "pT [GeV]") for of in CLASSES]
    header.append("CPU time [s]")
    return _table(["variant, medians", *header], rows)


def numbers(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    n_qcd, n_w = record["by class"]["jets"]
    distance, expected = record["by class"]["ks"]
    took = "; ".join(
        f"`{name}` {f['parameters']:,} parameters, {f['seconds']:.0f} s"
        for name, f in record["networks"].items()
        if name != "gbdt"
    )
    small = " This is a small run: the errors are large." if record["jets"] < 10_000 else ""
    texts = (
        f"{n_w:,} W and {n_qcd:,} QCD jets of the train split. The largest difference of the cumulative "
        f"distributions of pT is {distance:.3f}; two samples of one distribution have {expected:.3f} in the "
        f"median.{small}",
        f"Scores on {record['test']:,} test jets, after training on {record['train']:,} (networks validate on a "
        "fifth of them). Errors are those of a bootstrap of the test jets, of differences a paired one. "
        "Likelihoods are ratios of histograms of the training jets, in 12 quantiles of one variable or 6 x 6 of "
        "two; mass, tau21 and distance are those of the jet, not of its pixels.",
        "What the convolutional network looks at, on the test jets: the difference of the classes' mean images, "
        "the correlation of each pixel with the network's output (both as in arXiv:1511.05190), and gradient "
        "times input, averaged over each class.",
        f"Variants whose jets are not the default's ({record['variant jets']} each); the CPU time is that of a "
        "jet, mean of both classes:",
    )
    of_classes, of_scores, of_maps, of_variants = (fill(text, 118) for text in texts)
    image = "![mean difference, correlation, attributions](../../../../docs/figures/jet_images.png)"
    took = fill(f"Trained in {took} (wall time).", 118)
    tables = _classes(record), _scores(record), _variants(record)
    return "\n\n".join([of_classes, tables[0], of_scores, tables[1], took, of_maps, image, of_variants, tables[2]])


def draw(record: dict[str, Any]) -> Figure:
    """The images side by side."""
    figure, axes = plt.subplots(1, len(PANELS), figsize=(15, 3.6), layout="constrained")
    for ax, (name, title) in zip(axes, PANELS.items(), strict=True):
        values = np.array(record["maps"][name])
        largest = np.abs(values).max()
        log = SymLogNorm(largest / 30, vmin=-largest, vmax=largest)
        norm = Normalize(-largest, largest) if name == "correlation" else log
        extent = (-1.25, 1.25, -1.25, 1.25)
        shown = ax.imshow(values, "RdBu_r", norm, origin="lower", extent=extent, interpolation="none")
        ticks = None if name == "correlation" else [-largest, -largest / 10, 0, largest / 10, largest]
        figure.colorbar(shown, ax=ax, shrink=0.85, ticks=ticks, format="%.2g")
        ax.set_title(title, fontsize="medium")
        ax.set_xlabel("x")
    axes[0].set_ylabel("y")
    return figure


def main() -> None:
    """Draw the figure and put the numbers between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    figure = draw(record)
    figure.savefig(FIGURE, dpi=80)
    plt.close(figure)
    README.write_text(put_between(README.read_text(), BEGIN, numbers(record), END))


if __name__ == "__main__":
    main()
