"""Figures and tables of the Belle room's README, from ``numbers.json``."""

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
ROOM = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "belle"
BEGIN, END = "<!-- numbers: evidence/belle/evidence.py -->", "<!-- end of numbers -->"
UNITS = {
    "prod_time": "ns",
    "energy": "GeV",
    "x": "cm",
    "y": "cm",
    "z": "cm",
    "px": "GeV",
    "py": "GeV",
    "pz": "GeV",
}
# Seen of the published file in public notebooks (github.com/kahn-jms/belle-selective-mc-dataset); "" for nothing.
SEEN = {
    "prod_time": "0 to 10.8",
    "x": "within ± 10",
    "y": "within ± 10",
    "z": "within ± 10",
    "px": "± 2.7",
    "py": "± 2.7",
    "pz": "-2 to 3.5",
}
FAR = ("1.57", "1.62", "1.72")


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _percent(pair: list[float], digits: int = 2) -> str:
    return f"{100 * pair[0]:.{digits}f} ± {100 * pair[1]:.{digits}f} %"


def _against_published(d: dict[str, Any]) -> str:
    sizes = d["sizes"]
    rows = [
        [
            "particles in an event",
            "39.0 ± 0.8",
            f"{sizes['mean'][0]:.1f}, standard deviation {sizes['spread']:.1f}",
        ],
        ["highest mother index, most particles", "about 86", f"{sizes['largest']} particles"],
        ["energy of the Upsilon(4S) [GeV]", "about 11", f"{d['upsilon_energy']:.2f}"],
        ["energy of the B mesons [GeV]", "5.3 to 5.6", f"{d['b_energy'][0]:.2f} to {d['b_energy'][1]:.2f}"],
    ]
    for axis, seen, here in zip("xyz", FAR, sizes["far"], strict=True):
        rows.append([f"particles of an event beyond 0.5 cm in {axis}", seen, f"{here:.2f}"])
    for name, (low, high) in d["range"].items():
        rows.append([f"{name} [{UNITS[name]}]", SEEN.get(name, ""), f"{low:.3g} to {high:.3g}"])
    return _table(["quantity", "published (seen)", "generated"], rows)


def _facts(record: dict[str, Any]) -> str:
    d = record["default"]
    found, tokens, sizes = d["candidates"], d["tokens"], d["sizes"]
    m_bc, delta_e = found["m_bc"]["peak"], found["delta_e"]["peak"]
    tracks, photons = d["seen"]
    peak, width, error = 1000 * m_bc[0], 1000 * m_bc[1], 1000 * m_bc[1] / m_bc[2] ** 0.5
    return f"""Of {d["efficiency"]["events"][0]:,} default events:

- **natural efficiency**: {_percent(d["efficiency"]["passes"], 3)} pass the selection
  ({_percent(d["efficiency"]["candidate"], 3)} have a candidate, before the cuts on the event);
- the detector sees {tracks:.2f} tracks and {photons:.2f} photons on average;
- of the most probable candidates of events that pass, {_percent(found["matched"], 1)} are made of exactly the
  decay products of one B0; their mean signal probability is {100 * found["expected"]:.1f} %. There are
  {found["per_event"][0]:.1f} candidates in an event that passes (median {found["per_event"][1]:.0f});
- M_bc of the true ones is {peak:.2f} ± {error:.2f} MeV on average, with a standard deviation of {width:.2f} MeV
  (the B0 has {1000 * found["m_bc"]["b_mass"]:.2f} MeV); their Delta E has the median {1000 * delta_e[0]:.1f} MeV
  and a standard deviation of {1000 * delta_e[1]:.0f} MeV;
- a B decays to leptons at once in {_percent(d["lepton"]["pass"], 1)} of the events that pass and in
  {_percent(d["lepton"]["fail"], 1)} of the others;
- events that pass have {sizes["mean"][1]:.1f} particles, the others {sizes["mean"][2]:.1f};
  {sizes["full"]} have 100 or more;
- {tokens["different"]} different tokens occur; particles without one of their own are
  {100 * tokens["unknown"]:.3f} % of all."""


def _modes(modes: dict[str, list[float]], what: str) -> str:
    rows = [[name, f"{100 * part:.1f} %", f"{100 * true:.0f} %"] for name, (part, true) in modes.items()]
    return _table([what, "candidates", "true"], rows)


def _steps(record: dict[str, Any]) -> str:
    rows = [
        [name, _percent(step["passes"]), f"{step['auc'][0]:.3f} ± {step['auc'][1]:.3f}"]
        for name, step in record["steps"].items()
    ]
    return _table(["what is asked for", "natural efficiency", "AUC of boosted trees"], rows)


def _variants(record: dict[str, Any]) -> str:
    rows = [["default", _percent(record["default"]["efficiency"]["passes"], 3)]]
    rows += [[name, _percent(pair, 3)] for name, pair in record["variants"].items()]
    return _table(["variant", "natural efficiency"], rows)


def _trained() -> str:
    """Scores of the trainings whose records lie beside the evidence."""
    rows = []
    for file in sorted((HERE / "records").glob("*.json")):
        run = json.loads(file.read_text())
        auc, accuracy = (run["metrics"][name] for name in ("auc", "accuracy"))
        rows.append(
            [
                f"{run['events']['train']:,}",
                f"{run['epochs']['trained']}",
                *(f"{found['value']:.4f} ± {found['error']:.4f}" for found in (auc, accuracy)),
            ]
        )
    return _table(["training events", "epochs", "AUC", "accuracy"], rows)


def numbers(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    found = record["default"]["candidates"]
    return "\n\n".join(
        [
            _facts(record),
            "Generated events against what was seen of the published ones:",
            _against_published(record["default"]),
            "Candidates by mode, one an event, and how many of them are true:",
            _modes(found["modes"], "mode"),
            "The selection, one change at a time; boosted trees on the summary features of 10,000 events:",
            _steps(record),
            "Natural efficiency by variant:",
            _variants(record),
            "The reference model in a short run (`pd4ml train Belle --recipe belle_graph_net_quick`):",
            _trained(),
        ]
    )


def write_readme(record: dict[str, Any]) -> None:
    """Put the numbers between their markers."""
    readme = ROOM / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(put_between(text, BEGIN, numbers(record), END), encoding="utf-8")


def _draw_candidates(axes: Any, histogram: dict[str, Any], label: str) -> None:
    edges = np.array(histogram["edges"])
    heights = [histogram["false"], histogram["true"]]
    axes.stackplot(
        np.repeat(edges, 2)[1:-1],
        *(np.repeat(h, 2) for h in heights),
        labels=["combinations", "all decay products of a B0"],
        colors=["lightgrey", "tab:red"],
    )
    axes.set_xlabel(label)
    axes.set_ylabel(f"events per {1000 * (edges[1] - edges[0]):.0f} MeV")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.35 * np.sum(heights, axis=0).max())
    axes.legend(frameon=False, loc="upper left")


def draw(record: dict[str, Any]) -> None:
    """The candidates, and the sizes of events."""
    folder = ROOM / "figures"
    folder.mkdir(exist_ok=True)
    found, sizes = record["default"]["candidates"], record["default"]["sizes"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    _draw_candidates(left, found["m_bc"], "beam-constrained mass M_bc [GeV]")
    _draw_candidates(right, found["delta_e"], "energy difference Delta E [GeV]")
    figure.savefig(folder / "candidates.png", dpi=90)
    plt.close(figure)
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    edges = np.array(sizes["edges"])
    for name, colour in (("pass", "tab:red"), ("fail", "tab:blue")):
        counts = np.array(sizes[name])
        axes.stairs(counts / counts.sum(), edges, color=colour, label=f"{name} the selection")
    axes.set_xlabel("particles in an event")
    axes.set_ylabel("share of events per 2 particles")
    axes.set_xlim(edges[0], edges[-1])
    axes.legend(frameon=False)
    figure.savefig(folder / "particles.png", dpi=90)
    plt.close(figure)


def main() -> None:
    """Write the figures and the README's numbers."""
    record = json.loads((HERE / "numbers.json").read_text())
    draw(record)
    write_readme(record)


if __name__ == "__main__":
    main()
