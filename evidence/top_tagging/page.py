"""Figures and tables of the TopTagging room's README, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
import mplhep
from published_jets import shares

from pd4ml.text import put_between

HERE = Path(__file__).parent
ROOM = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "top_tagging"
BEGIN, END = "<!-- numbers: evidence/top_tagging/evidence.py -->", "<!-- end of numbers -->"
CLASSES = ("qcd", "top")
COLOURS = {"qcd": "tab:blue", "top": "tab:red"}
# Constituents a jet within the edges of the published histograms (ln E in GeV, Delta R to the axis).
_SHARES = (
    ("e_log", -9.0, -0.75, "constituents below 0.47 GeV"),
    ("e_log", -0.75, 0.5, "constituents of 0.47 to 1.65 GeV"),
    ("dR", 0.0, 0.2, "constituents within Delta R 0.2"),
    ("dR", 0.5, 0.8, "constituents within Delta R 0.5 to 0.8"),
)
_SPECTRA = {"e_log": "ln(E / GeV)", "pt_log": "ln(pT / GeV)", "dR": "Delta R"}
LABELS = {
    "mass": "jet mass [GeV]",
    "multiplicity": "constituents in a jet",
    "leading_energy": "energy of the leading constituent [GeV]",
    "pt": "jet pT [GeV]",
}


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _facts(record: dict[str, Any]) -> str:
    s, leading = record["shapes"], record["histograms"]["leading_energy"]
    peaks = {p: leading["edges"][int(np.argmax(leading[p]))] + 10.0 for p in CLASSES}
    return f"""Of {record["jets"]:,} default jets:

- The mass of top jets peaks at {s["top_mass_peak"]:.1f} GeV. Within 35 GeV of 173 GeV lie {s["top_in_peak"]:.1%}
  of the top jets and {s["qcd_in_peak"]:.1%} of the QCD jets; within 15 GeV of the W mass, where a top jet is that
  has lost its b quark, {s["top_in_w"]:.2%} of the top jets: the matching asks for all three quarks.
- The energy of the leading constituent peaks at {peaks["qcd"]:.0f} GeV in QCD jets and {peaks["top"]:.0f} GeV in
  top jets (bins of 20 GeV), and reaches {s["leading_energy_max"]:,.0f} GeV (published: near 120 GeV, and about
  2,200 GeV; for which class is not said)."""


def _spectra(record: dict[str, Any]) -> str:
    rows = []
    for kind, classes in record["spectrum"].items():
        for process, x in classes.items():
            ours, published = x["generated"], x["published"]
            chi2 = f"{x['chi2']:.1f} / {x['ndf']} = {x['chi2'] / x['ndf']:.2f}"
            mean = f"{ours['mean']:.1f} ({published['mean']:.1f})"
            slope = (
                f"{ours['slope']:.2f} ± {ours['error']:.2f} ({published['slope']:.2f} ± {published['error']:.2f})"
            )
            rows.append([kind, process, f"{x['jets']:,}", chi2, mean, slope])
    header = ["pt_spectrum", "class", "jets", "chi2 / ndf", "mean pT [GeV] (published)", "exponent (published)"]
    return table(header, rows)


def _kept(record: dict[str, Any]) -> str:
    rows = [
        [kind, process, *(f"{share:.3f}" for share in classes[process])]
        for kind, classes in record["kept"].items()
        for process in CLASSES
    ]
    return table(["pt_spectrum", "class", "550 to 575", "575 to 600", "600 to 625", "625 to 650 GeV"], rows)


def _published(record: dict[str, Any]) -> str:
    """Numbers of generated and published jets, one beside the other."""
    header = ["observable", "class", "published", *record["against"]]
    rows = []
    for process in CLASSES:
        of = {name: classes[process] for name, classes in record["against"].items()}
        some = next(iter(of.values()))

        def row(what: str, published: str, cells: list[str], process: str = process) -> None:
            rows.append([what, process, published, *cells])

        n = [x["multiplicity"] for x in of.values()]
        row("constituents, mean", f"{some['multiplicity']['mean'][1]:.1f}", [f"{x['mean'][0]:.1f}" for x in n])
        row(
            "constituents, spread",
            f"{some['multiplicity']['spread'][1]:.1f}",
            [f"{x['spread'][0]:.1f}" for x in n],
        )
        row("constituents, KS distance", "", [f"{x['ks']:.3f}" for x in n])
        for name, low, high, what in _SHARES:
            published, cells = _sum(some, name, low, high, "published"), list(of.values())
            row(what, f"{published:.2f}", [f"{_sum(x, name, low, high, 'generated'):.2f}" for x in cells])
        quantiles = [" ".join(f"{q:.1f}" for q in x["mass"]["quantiles"]) for x in of.values()]
        row("mass, 5 16 50 84 95 % [GeV]", " ".join(f"{q:.1f}" for q in some["mass"]["published"]), quantiles)
        row("mass, chi2 / bins", "", [f"{x['mass']['chi2']:.0f} / {x['mass']['bins']}" for x in of.values()])
        for name, of_what in _SPECTRA.items():
            kss = [f"{x['constituents'][name]['ks']:.3f}" for x in of.values()]
            row(f"{of_what} of constituents, KS distance", "", kss)
        row("constituents at the place of another", "", [f"{x['same_place']:.2f}" for x in of.values()])
        row(
            "second constituents at 42 to 49 GeV, over those around",
            "",
            [f"{x['spike']:.2f}" for x in of.values()],
        )
    return table(header, rows)


def _sum(x: dict[str, Any], name: str, low: float, high: float, which: str) -> float:
    """Constituents a jet between two edges of a histogram."""
    edges = np.array(x["constituents"][name]["edges"])
    inside = (edges[:-1] > low - 1e-6) & (edges[1:] < high + 1e-6)
    return float(np.array(x["constituents"][name][which])[inside].sum())


def _studied_jets() -> int:
    studied = json.loads((HERE / "residuals.json").read_text())
    return int(studied["default"]["qcd"]["jets"])


def _residuals() -> str:
    """What single changes of Pythia do to what is left of the differences."""
    studied = json.loads((HERE / "residuals.json").read_text())
    header = ["Pythia", "class", "constituents", "spread", "KS", "above 80 [%]", "below 0.47 GeV", "half width"]
    rows = []
    for process in CLASSES:
        of = studied["default"][process]
        wanted = [f"{of[name][1]:.1f}" for name in ("constituents", "spread")]
        tail = [f"{100 * of['tail'][1]:.1f}", f"{of['soft'][1]:.2f}", f"{of['half_width'][1]:.1f} GeV"]
        rows.append(["(published)", process, *wanted, "", *tail])
        for name, classes in studied.items():
            x = classes[process]
            numbers = [f"{x['constituents'][0]:.1f} ± {x['spread'][0] / x['jets'] ** 0.5:.1f}"]
            numbers += [f"{x['spread'][0]:.1f}", f"{x['ks']:.3f}"]
            error = 100 * (x["tail"][0] / x["jets"]) ** 0.5
            numbers += [f"{100 * x['tail'][0]:.1f} ± {error:.1f}", f"{x['soft'][0]:.2f}"]
            rows.append([name, process, *numbers, f"{x['half_width'][0]:.1f} GeV"])
    return table([*header[:-1], "half width of the mass"], rows)


def _learning() -> str:
    """AUC and background rejection by the number of training jets."""
    rows = json.loads((HERE / "learning.json").read_text())
    sizes = sorted({row["events"]["train"] for row in rows})
    lines = []
    for recipe in dict.fromkeys(row["recipe"] for row in rows):
        cells = []
        for size in sizes:
            found = [row for row in rows if (row["recipe"], row["events"]["train"]) == (recipe, size)]
            auc, rejection = (
                "{:.{digits}f} ± {:.{digits}f}".format(*found[0][name], digits=digits) if found else "-"
                for name, digits in (("auc", 4), ("background_rejection_0.3", 0))
            )
            cells.append(f"{auc}; {rejection}")
        lines.append([f"`{recipe}`", *cells])
    test = rows[0]["events"]["test"]
    return f"""AUC and background rejection at a signal efficiency of 0.3 on {test:,} test jets, by the
number of training jets (a fourth more validate), one seed, short schedules; errors are those of the test jets:

{table(["recipe", *(f"{size:,} jets" for size in sizes)], lines)}"""


def _variants(record: dict[str, Any]) -> str:
    rows = []
    for name, classes in record["variants"].items():
        cells = [classes[process][quantity] for process in CLASSES for quantity in ("mass", "multiplicity")]
        rows.append([name, *(f"{mean:.1f} ± {error:.1f}" for mean, error in cells)])
    return table(["variant", "QCD mass [GeV]", "QCD constituents", "top mass [GeV]", "top constituents"], rows)


def numbers(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    studied = record["studied"]
    return f"""{_facts(record)}

Jet pT against the published spectrum (bins of 5 GeV, both normalised to the same area):

{_spectra(record)}

Share of the jets that the generated range of the partons' pT keeps, by jet pT, found with a wider range
({studied["qcd"]:,} QCD jets and {studied["top"]:,} top jets):

{_kept(record)}

Jets against the published ones: number of constituents of all 1.2 million training jets, constituents by energy
and distance, mass of the first 20,000 (read off plots, about 1 %). Of the constituents of {record["real"]["jets"]}
whole published jets {record["real"]["same_place"]} have the place of another one in eta and phi.

{_published(record)}

What is left, one change of Pythia's settings at a time ({_studied_jets():,} jets a class; the half width is half
the distance between the 16 % and 84 % quantiles of the mass):

{_residuals()}

{_learning()}

Means by variant, with the statistical errors of these samples:

{_variants(record)}"""


def write_readme(record: dict[str, Any]) -> None:
    """Put the numbers between their markers."""
    readme = ROOM / "README.md"
    readme.write_text(put_between(readme.read_text(), BEGIN, numbers(record), END))


def draw(record: dict[str, Any], name: str) -> None:
    """One observable of both classes; of the jets' pT the published spectra as well."""
    histogram = record["histograms"][name]
    edges = histogram["edges"]
    figure, axes = plt.subplots(figsize=(6, 4))
    for process in CLASSES:
        counts = np.array(histogram[process], dtype=np.float64)
        shown: dict[str, Any] = {"label": process, "yerr": False}
        if name != "leading_energy":
            published = (
                np.array(record["published"][process]) if name == "pt" else shares(name, process, np.array(edges))
            )
            line = {"label": f"{process}, published", "yerr": False, "color": COLOURS[process]}
            mplhep.histplot(published / published.sum(), edges, ax=axes, edges=False, **line)
            shown = {
                "label": f"{process}, generated",
                "yerr": np.sqrt(counts) / counts.sum(),
                "histtype": "errorbar",
                "markersize": 4,
            }
        mplhep.histplot(counts / counts.sum(), edges, ax=axes, color=COLOURS[process], **shown)
    if name == "leading_energy":
        axes.set_yscale("log")
    axes.set_xlabel(LABELS[name])
    axes.set_ylabel(f"share of jets per {edges[1] - edges[0]:g}" + (" GeV" if "[GeV]" in LABELS[name] else ""))
    axes.set_xlim(edges[0], edges[-1])
    axes.legend(frameon=False)
    figure.savefig(ROOM / "figures" / f"{name}.png", dpi=90, bbox_inches="tight")
    plt.close(figure)


def draw_constituents(record: dict[str, Any]) -> None:
    """Constituents a jet by energy, transverse momentum and distance from the axis, and what is published."""
    figure, panels = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axes, (name, label) in zip(panels, _SPECTRA.items(), strict=True):
        for process in CLASSES:
            of = record["against"]["default"][process]["constituents"][name]
            line = {"ax": axes, "yerr": False, "color": COLOURS[process]}
            mplhep.histplot(np.array(of["published"]), of["edges"], label=f"{process}, published", **line)
            marks = {"histtype": "errorbar", "markersize": 4, "label": f"{process}, generated"}
            mplhep.histplot(np.array(of["generated"]), of["edges"], **line, **marks)
        axes.set_xlabel(f"{label} of constituents")
    panels[0].set_ylabel("constituents in a jet")
    panels[0].legend(frameon=False)
    figure.savefig(ROOM / "figures" / "constituents.png", dpi=90)
    plt.close(figure)


def main() -> None:
    """Write figures and README."""
    record = json.loads((HERE / "numbers.json").read_text())
    (ROOM / "figures").mkdir(exist_ok=True)
    for name in LABELS:
        draw(record, name)
    draw_constituents(record)
    write_readme(record)


if __name__ == "__main__":
    main()
