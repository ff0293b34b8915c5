"""Simulate what the Airshower room's README shows and keep the numbers in ``numbers.json``.

Takes three minutes on one core, then runs ``page.py``, which makes the figures and the tables from the
record. Published histograms and measured Xmax distributions are in ``data/``, with their sources.

The published histograms were read off pictures. The height of a bar is known to a pixel, which is mostly more than
its statistical error, and so is the place of an axis: a shift of all arrival times and a common factor on the
entries of the logarithmic axis of signals are fitted, and said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pd4ml.datasets.airshower.card import CARD
from pd4ml.datasets.airshower.showers import draw_showers
from pd4ml.datasets.airshower.simulator import Config, simulate
from pd4ml.datasets.airshower.xmax import MASS_NUMBERS, gumbel_parameters

HERE = Path(__file__).parent
DATA = HERE / "data"
RECORD = HERE / "numbers.json"
MEASURED = DATA / "auger_xmax.txt"
N_DEFAULT, N_OTHER, N_XMAX = 100_000, 20_000, 400_000
CHUNK = 2000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# What else could make fewer stations trigger than in the offset layout: its triangles as large as one station in
# (1,500 m)^2 needs, or a higher threshold (chosen so that the published fraction comes out).
ARRAYS: dict[str, dict[str, Any]] = {
    "offset": {"layout": "offset"},
    "offset, 1,612 m apart": {"layout": "offset", "spacing": 1500 / 0.75**0.25},
    "offset, trigger 1.28": {"layout": "offset", "trigger": 1.28},
}
SIGNAL_EDGES = np.linspace(0, 7.2, 73)  # lg(VEM)
ENERGY_EDGES = np.round(np.arange(18.5, 20.01, 0.1), 1)
Floats = NDArray[np.float64]
PUBLISHED = 70_000  # events
# Half the height of a pixel is the largest error, so its root-mean-square is the height over the root of 12.
PIXEL = {"time": 0.1083, "signal": 0.1007, "xmax": 15.3}  # of ln(entries), of ln(entries), entries
FEW = 30  # bins with fewer expected entries are left out
FINE_EDGES: Floats = np.arange(-3000.0, 3001.0) * 1e-8  # s
SHIFTS: Floats = np.arange(-24.0, 25.0) * 1e-8  # s, half a bin of the published histogram at most
FAR = (1.35e-5, 1.7e-5)  # s


class Footprint:
    """Histograms of generated events, in the bins of the published ones; of arrival times in finer ones."""

    def __init__(self) -> None:
        self.events = 0
        self.time = np.zeros(len(FINE_EDGES) - 1)
        self.signal, self.xmax = np.zeros(len(edges("signal")) - 1), np.zeros(len(edges("xmax")) - 1)

    def add(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take in one chunk of events."""
        time = arrays["arrival_time"].astype(np.float64)
        time = time[time != -1]
        self.events += len(arrays["xmax"])
        self.time += np.histogram(time, FINE_EDGES)[0]
        self.signal += np.histogram(arrays["traces"], edges("signal"))[0]
        self.xmax += np.histogram(arrays["xmax"], edges("xmax"))[0]


class Sums:
    """What is kept of a sample: all Xmax, and sums over stations."""

    def __init__(self) -> None:
        self.xmax: list[NDArray[np.float32]] = []
        self.n_triggered: list[NDArray[np.int64]] = []
        self.squares = 0.0
        self.largest = 0.0
        self.stations = np.zeros(len(SIGNAL_EDGES) - 1, np.int64)
        self.bins = np.zeros(len(SIGNAL_EDGES) - 1, np.int64)
        self.footprint = Footprint()

    def add(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take in one chunk of events."""
        time = arrays["arrival_time"].reshape(-1, 81).astype(np.float64)
        active = time != -1
        n = active.sum(axis=1)
        self.squares += float(np.sum(time**2, where=active))
        self.footprint.add(arrays)
        signal = arrays["traces"].reshape(-1, 81, 80)[active].astype(np.float64)
        self.largest = max(self.largest, float(signal.max()))
        self.stations += np.histogram(np.log10(signal.sum(axis=1)), SIGNAL_EDGES)[0]
        self.bins += np.histogram(np.log10(signal[signal >= 1]), SIGNAL_EDGES)[0]
        self.xmax.append(arrays["xmax"])
        self.n_triggered.append(n)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, with statistical errors where they are easily had."""
        xmax = np.concatenate(self.xmax).astype(np.float64)
        n = np.concatenate(self.n_triggered)
        spread = xmax.std()
        kurtosis = np.mean((xmax - xmax.mean()) ** 4) / spread**4
        return {
            "events": len(xmax),
            "xmax_mean": [xmax.mean(), spread / len(xmax) ** 0.5],
            "xmax_spread": [spread, spread * ((kurtosis - 1) / 4 / len(xmax)) ** 0.5],
            "xmax_quantiles": np.quantile(xmax, QUANTILES).tolist(),
            "triggered": [n.mean() / 81, n.std() / 81 / len(n) ** 0.5],
            "time_spread": (self.squares / n.sum()) ** 0.5,
            "largest": self.largest,
            "without_signal": float((n == 0).mean()),
            "without_plane": float((n < 3).mean()),
        }


def sample(n: int, seed: int, config: Config) -> Sums:
    """``n`` events, a chunk at a time."""
    sums = Sums()
    for chunk in np.random.SeedSequence(seed).spawn(n // CHUNK):
        sums.add(simulate(CHUNK, chunk, config))
    return sums


def read(name: str) -> tuple[Floats, Floats]:
    """Edges and entries of a published histogram: ``time``, ``signal`` or ``xmax``."""
    low, high, entries = np.loadtxt(DATA / f"{name}.csv", delimiter=",", unpack=True)
    return np.append(low, high[-1]), entries


def edges(name: str) -> Floats:
    """Edges of a published histogram."""
    return read(name)[0]


def compare(found: Footprint) -> dict[str, Any]:
    """Chi2 over bins and the largest distance of the cumulative shares, for each histogram."""
    factor = PUBLISHED / found.events
    place, time = read("time")
    sums = np.append(0, np.cumsum(found.time)) * factor
    at = [np.diff(np.interp(place + shift, FINE_EDGES, sums)) for shift in SHIFTS]
    fits = [_fit(time, expected, factor, PIXEL["time"] * time) for expected in at]
    best = int(np.argmin([fit["chi2"] for fit in fits]))
    signal = read("signal")[1][1:]
    expected = found.signal[1:] * factor
    scale = signal.sum() / expected.sum()
    return {
        "time": {**fits[best], "shift": float(SHIFTS[best])},
        "signal": {
            **_fit(signal, scale * expected, scale * factor, PIXEL["signal"] * signal),
            "scale": float(scale),
        },
        "xmax": _fit(read("xmax")[1], found.xmax * factor, factor, np.full(len(found.xmax), PIXEL["xmax"])),
        "spread": moments(FINE_EDGES, found.time)[1],
        "far": [_beyond(FINE_EDGES, found.time * factor, far) for far in FAR],
    }


def moments(edges: Floats, counts: Floats) -> tuple[float, float]:
    """Mean and standard deviation of a histogram; of bins that are no points, the width is taken out."""
    centre, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    mean = np.average(centre, weights=counts)
    variance = np.average((centre - mean) ** 2, weights=counts) - width**2 / 12
    return float(mean), float(variance**0.5)


def published() -> dict[str, Any]:
    """The same numbers of the published events."""
    place, time = read("time")
    at, xmax = read("xmax")
    levels = np.interp((0.05, 0.25, 0.5, 0.75, 0.95), np.append(0, np.cumsum(xmax)) / xmax.sum(), at)
    return {
        "triggered": [
            time.sum() / PUBLISHED / 81,
            PIXEL["time"] / 12**0.5 * float(np.sum(time**2)) ** 0.5 / PUBLISHED / 81,
        ],
        "spread": moments(place, time)[1],
        "far": [_beyond(place, time, far) for far in FAR],
        "xmax": [*moments(at, xmax), *levels.tolist()],
        "largest": float(edges("signal")[-1]),
        "histograms": {
            name: {"edges": of.tolist(), "per_event": (entries / PUBLISHED).tolist()}
            for name, (of, entries) in {"time": (place, time), "xmax": (at, xmax)}.items()
        },
    }


def _fit(entries: Floats, expected: Floats, factor: float, pixel: Floats) -> dict[str, float]:
    """Chi2 of ``entries`` with errors of both statistics (expected is ``factor`` times a count) and of reading."""
    used = expected > FEW
    variance = (entries + factor * expected + pixel**2 / 12)[used]
    shares = [np.cumsum(x) / x.sum() for x in (entries, expected)]
    return {
        "chi2": float(np.sum((entries - expected)[used] ** 2 / variance)),
        "bins": int(used.sum()),
        "distance": float(np.abs(shares[0] - shares[1]).max()),
    }


def _beyond(edges: Floats, counts: Floats, far: float) -> float:
    """Entries further than ``far`` from zero, with their share of the bins in which it lies."""
    sums = np.append(0, np.cumsum(counts))
    within = np.interp(far, edges, sums) - np.interp(-far, edges, sums)
    return float(sums[-1] - within)


def profile(lg_energy: Floats, xmax: Floats) -> dict[str, list[float]]:
    """Mean and spread of Xmax in bins of lg E, with the errors of both."""
    out: dict[str, list[float]] = {"mean": [], "mean_error": [], "spread": [], "spread_error": []}
    for low, high in pairwise(ENERGY_EDGES):
        x = xmax[(lg_energy >= low) & (lg_energy < high)]
        _append(out, x, np.ones(len(x)))
    return out


def _append(out: dict[str, list[float]], x: Floats, weight: Floats) -> None:
    n, mean = weight.sum(), np.average(x, weights=weight)
    spread = np.average((x - mean) ** 2, weights=weight) ** 0.5
    kurtosis = np.average((x - mean) ** 4, weights=weight) / spread**4
    errors = (spread / n**0.5, spread * ((kurtosis - 1) / 4 / n) ** 0.5)
    for name, value in zip(out, (mean, errors[0], spread, errors[1]), strict=True):
        out[name].append(float(value))


def analytic(primary: str) -> dict[str, list[float]]:
    """Mean and spread of the generalised Gumbel distribution at the bins' centres."""
    centre = (ENERGY_EDGES[1:] + ENERGY_EDGES[:-1]) / 2
    mu, sigma, shape = gumbel_parameters(centre, np.full(len(centre), float(MASS_NUMBERS[primary])))
    mean = mu - sigma * (special.digamma(shape) - np.log(shape))
    return {"mean": mean.tolist(), "spread": (sigma * special.polygamma(1, shape) ** 0.5).tolist()}


def measured() -> dict[str, list[float]]:
    """Mean and spread of the measured Xmax histograms of the same energies."""
    out: dict[str, list[float]] = {"mean": [], "mean_error": [], "spread": [], "spread_error": []}
    energies: dict[str, list[float]] = {"low": [], "high": []}
    for _, low, high, _, n_bins, first, last, *counts in np.loadtxt(MEASURED):
        if low >= ENERGY_EDGES[0]:
            edges = np.linspace(first, last, int(n_bins) + 1)
            _append(out, (edges[1:] + edges[:-1]) / 2, np.array(counts))
            energies["low"].append(float(low))
            energies["high"].append(float(high))
    return {**energies, **out}


def event() -> dict[str, Any]:
    """One event with about twelve triggered stations, for a picture."""
    arrays = simulate(50, np.random.SeedSequence(8), Config())
    n = (arrays["arrival_time"] != -1).sum(axis=(1, 2, 3))
    chosen = int(np.argmin(np.abs(n - 12)))
    traces = arrays["traces"][chosen].reshape(81, 80)
    best = np.argsort(-traces.sum(axis=1))[[0, 3, 6]]
    return {
        "xmax": float(arrays["xmax"][chosen]),
        "signal": np.where(traces[:, 0] < 0, -1, traces.sum(axis=1)).tolist(),
        "stations": arrays["stations"][:, :2].tolist(),
        "traces": {str(s): traces[s].round(2).tolist() for s in best},
    }


def against(sums: Sums) -> dict[str, Any]:
    """How a sample compares with the published events, and histograms to draw, those of time every 200 ns."""
    footprint = sums.footprint
    time = footprint.time.reshape(-1, 20).sum(axis=1) / footprint.events
    return {
        **compare(footprint),
        "triggered": sums.summary()["triggered"],
        "events": footprint.events,
        "times": {"edges": FINE_EDGES[::20].tolist(), "per_event": time.tolist()},
        "xmax_per_event": (footprint.xmax / footprint.events).tolist(),
    }


def simulate_all() -> dict[str, Any]:
    """Everything that takes time, as one record of plain numbers."""
    default = sample(N_DEFAULT, 1, Config())
    config = Config()
    energies, zenith_max = (config.lg_energy_min, config.lg_energy_max), float(np.deg2rad(config.zenith_max))
    rng = np.random.default_rng(2)
    showers = draw_showers(N_XMAX, config.primaries, energies, zenith_max, config.core_radius, rng)
    return {
        "default": default.summary(),
        "published": published(),
        "arrays": {
            "default": against(default),
            **{name: against(sample(N_OTHER, 3, Config(**config))) for name, config in ARRAYS.items()},
        },
        "variants": {
            name: sample(N_OTHER, 4, Config(**variant.config)).summary() for name, variant in CARD.variants.items()
        },
        "signals": {
            "edges": SIGNAL_EDGES.tolist(),
            "stations": default.stations.tolist(),
            "bins": default.bins.tolist(),
        },
        "elongation": {
            "showers": N_XMAX,
            "energy": ENERGY_EDGES.tolist(),
            "mix": profile(showers.lg_energy, showers.xmax),
            "p": analytic("p"),
            "Fe": analytic("Fe"),
            "measured": measured(),
        },
        "event": event(),
    }


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    RECORD.write_text(json.dumps(simulate_all(), indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
