"""Simulate what the Airshower room's README shows and keep the numbers in ``numbers.json``.

Takes two minutes on one core, then runs ``page.py``, which makes the figures and the tables from the
record. Measured Xmax distributions are read from ``../shared/realdata`` beside the repository; only their means
and spreads are kept, and without that file they are left out.
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
RECORD = HERE / "numbers.json"
MEASURED = HERE.parents[2] / "shared" / "realdata" / "auger_xmax_histograms.txt"
N_DEFAULT, N_OTHER, N_XMAX = 100_000, 20_000, 400_000
CHUNK = 2000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TRIGGERS = (1.2, 1.24, 1.28, 1.32)
XMAX_EDGES = np.arange(600, 1201, 10)
SIGNAL_EDGES = np.linspace(0, 7.2, 73)  # lg(VEM)
ENERGY_EDGES = np.round(np.arange(18.5, 20.01, 0.1), 1)

Floats = NDArray[np.float64]


class Sums:
    """What is kept of a sample: all Xmax, and sums over stations."""

    def __init__(self) -> None:
        self.xmax: list[NDArray[np.float32]] = []
        self.n_triggered: list[NDArray[np.int64]] = []
        self.squares = 0.0
        self.largest = 0.0
        self.stations = np.zeros(len(SIGNAL_EDGES) - 1, np.int64)
        self.bins = np.zeros(len(SIGNAL_EDGES) - 1, np.int64)

    def add(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take in one chunk of events."""
        time = arrays["arrival_time"].reshape(-1, 81).astype(np.float64)
        active = time != -1
        n = active.sum(axis=1)
        mean = np.sum(time, axis=1, where=active) / np.maximum(n, 1)
        self.squares += float(np.sum((time - mean[:, None]) ** 2, where=active))
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


def measured() -> dict[str, list[float]] | None:
    """Mean and spread of the measured Xmax histograms of the same energies; None without the file."""
    if not MEASURED.exists():
        print(f"{MEASURED.name} is not there: its points are left out", file=sys.stderr)
        return None
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


def simulate_all() -> dict[str, Any]:
    """Everything that takes time, as one record of plain numbers."""
    default = sample(N_DEFAULT, 1, Config())
    config = Config()
    energies, zenith_max = (config.lg_energy_min, config.lg_energy_max), float(np.deg2rad(config.zenith_max))
    rng = np.random.default_rng(2)
    showers = draw_showers(N_XMAX, config.primaries, energies, zenith_max, config.core_radius, rng)
    return {
        "default": default.summary(),
        "triggers": {f"{t:.2f}": sample(N_OTHER, 3, Config(trigger=t)).summary() for t in TRIGGERS},
        "variants": {
            name: sample(N_OTHER, 4, Config(**variant.config)).summary() for name, variant in CARD.variants.items()
        },
        "xmax": {
            "edges": XMAX_EDGES.tolist(),
            "counts": np.histogram(np.concatenate(default.xmax), XMAX_EDGES)[0].tolist(),
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
