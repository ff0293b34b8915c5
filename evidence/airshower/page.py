"""Figures and tables of the Airshower room's README, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
ROOM = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "airshower"
BEGIN, END = "<!-- numbers: evidence/airshower/evidence.py -->", "<!-- end of numbers -->"
# Read from published plots and files; their errors are not known.
PUBLISHED = {"mean": 771.7, "spread": 56.1, "triggered": 0.113, "time_spread": 3.90e-6, "largest": 2.4e6}
PUBLISHED_QUANTILES = {"5 %": 692, "25 %": 732, "50 %": 765, "75 %": 803, "95 %": 871}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with_error(pair: list[float], digits: int) -> str:
    return f"{pair[0]:.{digits}f} ± {pair[1]:.{digits}f}"


def _percent(pair: list[float]) -> str:
    return f"{100 * pair[0]:.2f} ± {100 * pair[1]:.2f} %"


def _against_published(record: dict[str, Any]) -> str:
    s = record["default"]
    rows = [
        ["Xmax, mean [g/cm2]", f"{PUBLISHED['mean']}", _with_error(s["xmax_mean"], 1)],
        ["Xmax, standard deviation [g/cm2]", f"{PUBLISHED['spread']}", _with_error(s["xmax_spread"], 1)],
    ]
    for (share, value), found in zip(PUBLISHED_QUANTILES.items(), s["xmax_quantiles"], strict=True):
        rows.append([f"Xmax, {share} quantile [g/cm2]", f"{value}", f"{found:.0f}"])
    rows += [
        ["triggered stations", f"about {100 * PUBLISHED['triggered']:.1f} %", _percent(s["triggered"])],
        ["spread of arrival times [s]", f"{PUBLISHED['time_spread']:.2e}", f"{s['time_spread']:.2e}"],
        ["largest signal in a bin [VEM]", f"about {PUBLISHED['largest']:.1e}", f"{s['largest']:.1e}"],
    ]
    return _table(["quantity", "published", "generated"], rows)


def _triggers(record: dict[str, Any]) -> str:
    rows = [
        [trigger, _percent(s["triggered"]), f"{s['time_spread']:.2e}"] for trigger, s in record["triggers"].items()
    ]
    rows.append(["published", f"about {100 * PUBLISHED['triggered']:.1f} %", f"{PUBLISHED['time_spread']:.2e}"])
    return _table(["`trigger`", "triggered stations", "spread of arrival times [s]"], rows)


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
    if data is None:
        return "(The measured distributions were not at hand when this was made.)"
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
    return "\n\n".join(
        [
            f"{n:,} default events against the published ones. The errors are statistical; those of the\n"
            "published numbers, which were read from plots, are not known.",
            _against_published(record),
            f"The trigger threshold, in units of the mean noise ({other:,} events each):",
            _triggers(record),
            f"Xmax in g/cm2: pure protons, the default mix, pure iron, and measured "
            f"({record['elongation']['showers']:,} showers):",
            _elongation(record),
            f"Variants ({other:,} events each, Xmax in g/cm2):",
            _variants(record),
        ]
    )


def _draw_xmax(record: dict[str, Any], axes: Any) -> None:
    edges, counts = np.array(record["xmax"]["edges"]), np.array(record["xmax"]["counts"])
    axes.stairs(counts / counts.sum(), edges, fill=True, color="tab:blue", alpha=0.4, label="generated")
    quantiles = zip(PUBLISHED_QUANTILES.values(), record["default"]["xmax_quantiles"], strict=True)
    for i, (published, found) in enumerate(quantiles):
        axes.axvline(published, color="k", lw=1, ls="--", label=None if i else "published quantiles")
        axes.axvline(found, color="tab:blue", lw=1, label=None if i else "generated quantiles")
    axes.set(xlabel="Xmax [g/cm2]", ylabel="share of events per 10 g/cm2", xlim=(620, 1100))
    axes.legend(frameon=False, fontsize="small", title="quantiles: 5, 25, 50, 75, 95 %", title_fontsize="small")


def _draw_signal(record: dict[str, Any], axes: Any) -> None:
    edges = np.array(record["signals"]["edges"])
    for name, label in (("stations", "sum of a trace"), ("bins", "bins of 25 ns above 1 VEM")):
        axes.stairs(np.array(record["signals"][name]) / record["default"]["events"], edges, label=label)
    axes.axvline(np.log10(PUBLISHED["largest"]), color="k", ls="--", lw=1, label="largest published bin")
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
        if e["measured"]:
            low, high = np.array(e["measured"]["low"]), np.array(e["measured"]["high"])
            middle = (low + high) / 2
            errors = {"xerr": (high - low) / 2, "yerr": e["measured"][name + "_error"]}
            ax.errorbar(middle, e["measured"][name], **errors, fmt="ko", ms=3, label="Auger, as measured")
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
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n{numbers(record)}\n\n{END}{after}")


if __name__ == "__main__":
    main()
