"""The station response in the plainest way: one station after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pd4ml.datasets.airshower.showers import Showers
from pd4ml.physics.atmosphere import slant_depth

__all__ = ["plain_detect", "plain_expectation"]

Floats = NDArray[np.float64]
_BINS = np.arange(0, 2001, 25)


def plain_expectation(strength: float, mass: float, r: float, depth: float) -> tuple[float, ...]:
    """Signals of muons and em particles in VEM, medians of their times and shift of the latter in ns."""
    r1, r2 = 0.3 * mass**0.15, 0.7
    muon = strength * r1 / (r1 + r2) * (max(r, 150) / 1000) ** -4.7 * min((depth / 100) ** -0.1, 10)
    em = strength * r2 / (r1 + r2) * (max(r, 150) / 1000) ** -6.1 * min((depth / 100) ** -0.4, 10)
    if muon + em > 1e7:
        muon, em = muon * 1e7 / (muon + em), em * 1e7 / (muon + em)
    muon_time = 50 + 140 * (r / 750) ** 1.4 * (1 - 0.2 * depth / 1000)
    em_time = 80 + 200 * (r / 750) ** 1.4 * (1 - 0.1 * depth / 1000)
    return muon, em, muon_time, em_time, (em_time - muon_time) / 1.5


def _station(
    position: Floats, axis: Floats, core: Floats, maximum: Floats, strength: float, mass: float
) -> tuple[float, ...]:
    r = float(np.linalg.norm(np.cross(position - core, axis)))
    to_maximum = maximum - position
    zenith = np.arctan2(np.hypot(to_maximum[0], to_maximum[1]), to_maximum[2])
    depth = float(slant_depth(position[2], zenith) - slant_depth(maximum[2], zenith))
    return plain_expectation(strength, mass, r, depth)


def _histogram(
    rng: np.random.Generator, signal: float, median: float, shift: float, one_by_one: bool
) -> NDArray[np.int64]:
    n = max(int(signal + signal**0.5 * rng.standard_normal()), 0)
    if one_by_one or n < 400:
        return np.histogram(rng.lognormal(np.log(median), 0.7, n) + shift, _BINS)[0]
    share = np.diff(special.ndtr(np.log(np.maximum(_BINS - shift, 1e-300) / median) / 0.7))
    return rng.multinomial(n, [*share, 1 - share.sum()])[:80]


def plain_detect(
    showers: Showers,
    stations: Floats,
    rng: np.random.Generator,
    noise: float,
    threshold: float,
    *,
    one_by_one: bool = True,
) -> tuple[Floats, Floats]:
    """Traces (N, S, 80) and arrival times (N, S), as ``pd4ml.datasets.airshower.signal.detect`` gives them.

    ``one_by_one`` draws every particle's time, however many there are; otherwise NumPy's multinomial is used.
    """
    n_events, n_stations = len(showers.mass), len(stations)
    traces, times = np.full((n_events, n_stations, 80), -1.0), np.full((n_events, n_stations), -1.0)
    maximum = showers.maximum
    for event in range(n_events):
        axis, core = showers.axis[event], showers.core[event]
        strength = 900 * 10 ** (showers.lg_energy[event] - 19)
        offset = 100e-9 * (rng.random() - 0.5)
        for s in range(n_stations):
            muon, em, muon_time, em_time, shift = _station(
                stations[s], axis, core, maximum[event], strength, showers.mass[event]
            )
            trace = _histogram(rng, muon, muon_time, 0.0, one_by_one).astype(np.float64)
            trace += _histogram(rng, em, em_time, shift, one_by_one)
            sigma = 60e-9 * 8 / (1 + np.log10(trace.sum() + 1))
            trace += 0.05 * trace * rng.standard_normal(80)
            trace += noise * (1 + 0.5 * rng.standard_normal(80))
            trace = np.clip(trace, 0, None)
            if trace.sum() >= threshold:
                traces[event, s] = trace
                plane = -np.dot(stations[s] - core, axis) / 3e8
                times[event, s] = plane + offset + sigma * rng.standard_normal()
    return traces, times
