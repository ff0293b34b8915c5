"""Figures and tables of the Airshower room's README, from ``numbers.json``."""

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
ROOM = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "airshower"
BEGIN, END = "<!-- numbers: evidence/airshower/evidence.py -->", "<!-- end of numbers -->"
QUANTILES = ("5 %", "25 %", "50 %", "75 %", "95 %")


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with_error(pair: list[float], digits: int) -> str:
    return f"{pair[0]:.{digits}f} ± {pair[1]:.{digits}f}"


def _percent(pair: list[float]) -> str:
    return f"{100 * pair[0]:.2f} ± {100 * pair[1]:.2f} %"


def _against_published(record: dict[str, Any]) -> str:
    s, (mean, spread, *quantiles) = record["default"], record["published"]["xmax"]
    rows = [
        ["mean", f"{mean:.1f}", _with_error(s["xmax_mean"], 1)],
        ["standard deviation", f"{spread:.1f}", _with_error(s["xmax_spread"], 1)],
    ]
    for share, value, found in zip(QUANTILES, quantiles, s["xmax_quantiles"], strict=True):
        rows.append([f"{share} quantile", f"{value:.0f}", f"{found:.0f}"])
    rows.append(["chi2 / bins", "", _chi2(record["arrays"]["default"]["xmax"])])
    rows.append(["distance of cumulative shares", "", f"{record['arrays']['default']['xmax']['distance']:.4f}"])
    return _table(["Xmax [g/cm2]", "published", "generated"], rows)


def _chi2(fit: dict[str, float]) -> str:
    return f"{fit['chi2']:.0f} / {fit['bins']}"


def _arrays(record: dict[str, Any]) -> str:
    p, found = record["published"], record["arrays"]
    rows = [["triggered stations", *(_percent(x["triggered"]) for x in (p, *found.values()))]]
    rows.append(["spread of arrival times [s]", *(f"{x['spread']:.3e}" for x in (p, *found.values()))])
    for i, what in enumerate(("beyond 13.5 us", "beyond 17 us")):
        rows.append([f"times {what}", *(f"{x['far'][i]:,.0f}" for x in (p, *found.values()))])
    rows.append(["times, chi2 / bins", "", *(_chi2(x["time"]) for x in found.values())])
    rows.append(["times, distance", "", *(f"{x['time']['distance']:.4f}" for x in found.values())])
    rows.append(["times, fitted shift [ns]", "", *(f"{1e9 * x['time']['shift']:.0f}" for x in found.values())])
    rows.append(["signals, chi2 / bins", "", *(_chi2(x["signal"]) for x in found.values())])
    rows.append(["signals, distance", "", *(f"{x['signal']['distance']:.4f}" for x in found.values())])
    rows.append(["signals, fitted factor", "", *(f"{x['signal']['scale']:.3f}" for x in found.values())])
    return _table(["quantity", "published", *found], rows)


def _variants(record: dict[str, Any]) -> str:
    rows = [
        [
            f"`{name}`",
            _with_error(s["xmax_mean"], 1),
            _with_error(s["xmax_spread"], 1),
            _percent(s["triggered"]),
            f"{s['time_spread']:.2e}",
            f"{100 * s['without_plane']:.2f} %",
        ]
        for name, s in record["variants"].items()
    ]
    header = ["variant", "Xmax mean", "Xmax s.d.", "triggered", "time spread [s]", "events with < 3 stations"]
    return _table(header, rows)


def _elongation(record: dict[str, Any]) -> str:
    e = record["elongation"]
    data = e["measured"]
    rows = []
    for i, low in enumerate(e["energy"][:-1]):
        if low not in data["low"]:
            continue
        j = data["low"].index(low)
        place = f"{low:.1f} to {data['high'][j]:.1f}"
        bins = slice(i, e["energy"].index(data["high"][j]))
        cells = []
        for name in ("mean", "spread"):
            values = {who: np.mean(e[who][name][bins]) for who in ("p", "mix", "Fe")}
            cells.append(" / ".join(f"{value:.0f}" for value in values.values()))
            cells.append(f"{data[name][j]:.0f} ± {data[name + '_error'][j]:.0f}")
        rows.append([place, *cells])
    header = ["lg(E/eV)", "mean: p / mix / Fe", "measured", "s.d.: p / mix / Fe", "measured"]
    return _table(header, rows)


def numbers(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    n, other = record["default"]["events"], record["variants"]["default"]["events"]
    others = record["arrays"]["offset"]["events"]
    return "\n\n".join(
        [
            "Published are histograms of the 70,000 events of the train split, read off pictures. In chi2,\n"
            "errors are statistics and reading (a pixel). The distance is the largest of cumulative shares, as\n"
            f"in a Kolmogorov-Smirnov test. {n:,} default events, with statistical errors:",
            _against_published(record),
            f"The same events, and other arrays ({others:,} events each). Times are those of all triggered\n"
            "stations, far ones counted in 70,000 events; signals those of bins of 25 ns above 24,000 VEM. Two\n"
            "numbers are fitted, of the size of a pixel: a shift of the times and a factor on the signals.",
            _arrays(record),
            f"The largest signal in a bin is {record['default']['largest']:.2e} VEM, of the published events "
            f"{record['published']['largest']:.2e} VEM.",
            f"Xmax in g/cm2: pure protons, the default mix, pure iron, and measured "
            f"({record['elongation']['showers']:,} showers):",
            _elongation(record),
            f"Variants ({other:,} events each, Xmax in g/cm2):",
            _variants(record),
        ]
    )


def _draw_xmax(record: dict[str, Any], axes: Any) -> None:
    published = record["published"]["histograms"]["xmax"]
    edges = np.array(published["edges"])
    axes.stairs(record["arrays"]["default"]["xmax_per_event"], edges, fill=True, alpha=0.4, label="generated")
    axes.plot((edges[1:] + edges[:-1]) / 2, published["per_event"], "k.", ms=4, label="published")
    axes.set(xlabel="Xmax [g/cm2]", ylabel="share of events per bin", xlim=(620, 1100))
    axes.legend(frameon=False)


def _draw_time(record: dict[str, Any], axes: Any) -> None:
    published = record["published"]["histograms"]["time"]
    edges = np.array(published["edges"])
    width = edges[1] - edges[0]
    for name, style in (("default", "-"), ("offset", "--"), ("offset, trigger 1.28", ":")):
        times = record["arrays"][name]["times"]
        at = np.array(times["edges"])
        axes.stairs(np.array(times["per_event"]) / (at[1] - at[0]) * width, 1e6 * at, ls=style, label=name)
    axes.plot(5e5 * (edges[1:] + edges[:-1]), published["per_event"], "k.", ms=4, label="published")
    axes.set(xlabel="arrival time [us]", ylabel="triggered stations per event and 480 ns", yscale="log")
    axes.set(xlim=(-22, 22), ylim=(1e-5, 2))
    axes.legend(frameon=False, fontsize="small")


def _draw_signal(record: dict[str, Any], axes: Any) -> None:
    edges = np.array(record["signals"]["edges"])
    for name, label in (("stations", "sum of a trace"), ("bins", "bins of 25 ns above 1 VEM")):
        axes.stairs(np.array(record["signals"][name]) / record["default"]["events"], edges, label=label)
    axes.axvline(np.log10(record["published"]["largest"]), color="k", ls="--", lw=1, label="largest published bin")
    axes.set(xlabel="lg(signal / VEM), triggered stations", ylabel="number per event and 0.1", yscale="log")
    axes.legend(frameon=False)


def _draw_elongation(record: dict[str, Any], axes: Any) -> None:
    e = record["elongation"]
    edges = np.array(e["energy"])
    centre = (edges[1:] + edges[:-1]) / 2
    for ax, name, label in zip(axes, ("mean", "spread"), ("mean", "standard deviation"), strict=True):
        for primary, colour in (("p", "tab:red"), ("Fe", "tab:blue")):
            ax.plot(centre, e[primary][name], color=colour, label=f"EPOS-LHC, {primary}")
        ax.errorbar(
            centre,
            e["mix"][name],
            e["mix"][name + "_error"],
            fmt="s",
            ms=3,
            color="tab:green",
            label="default mix, generated",
        )
        low, high = np.array(e["measured"]["low"]), np.array(e["measured"]["high"])
        errors = {"xerr": (high - low) / 2, "yerr": e["measured"][name + "_error"]}
        ax.errorbar((low + high) / 2, e["measured"][name], **errors, fmt="ko", ms=3, label="Auger, as measured")
        ax.set(xlabel="lg(E/eV)", ylabel=f"{label} of Xmax [g/cm2]")
    axes[0].legend(frameon=False)


def _draw_event(record: dict[str, Any], axes: Any) -> None:
    e = record["event"]
    x, y = np.array(e["stations"]).T / 1000
    signal = np.array(e["signal"])
    on = signal >= 0
    axes[0].scatter(x[~on], y[~on], s=12, facecolors="none", edgecolors="grey", label="silent")
    shown = axes[0].scatter(x[on], y[on], s=40, c=np.log10(signal[on]), cmap="viridis")
    plt.colorbar(shown, ax=axes[0], label="lg(signal / VEM)")
    axes[0].set(xlabel="x [km]", ylabel="y [km]", aspect="equal", title=f"Xmax = {e['xmax']:.0f} g/cm2")
    for station, trace in e["traces"].items():
        axes[1].stairs(trace, 25 * np.arange(81), label=f"station {station}")
    axes[1].set(xlabel="time [ns]", ylabel="signal [VEM per 25 ns]", yscale="log")
    axes[1].legend(frameon=False)


def main() -> None:
    """Draw the figures and put the numbers between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    folder = ROOM / "figures"
    folder.mkdir(exist_ok=True)
    single, double = (6.0, 4.0), (10.0, 4.0)
    drawings: list[tuple[str, Any, tuple[float, float], int]] = [
        ("xmax", _draw_xmax, single, 1),
        ("time", _draw_time, single, 1),
        ("signal", _draw_signal, single, 1),
        ("elongation", _draw_elongation, double, 2),
        ("event", _draw_event, double, 2),
    ]
    for name, draw, size, columns in drawings:
        figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained")
        draw(record, axes)
        figure.savefig(folder / f"{name}.png", dpi=80)
        plt.close(figure)
    readme = ROOM / "README.md"
    readme.write_text(put_between(readme.read_text(), BEGIN, numbers(record), END))


if __name__ == "__main__":
    main()
