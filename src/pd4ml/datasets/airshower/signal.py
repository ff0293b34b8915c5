"""What the stations see of a shower: signals, traces, arrival times, noise, trigger.

The formulae are those of the parametrised simulation of arXiv:1708.00647. Where they leave a choice:

- A trace counts particles whose arrival times are log-normal. Few are drawn one by one; of many, up to 1e7, the
  numbers in the 80 bins are drawn from their exact multinomial distribution, bin after bin (binomial of what is
  left), which gives the same distribution without 1e7 draws. What arrives after 2,000 ns is lost.
- The noise of a bin is one normal number whose variance is the sum of the relative and the absolute one.
- The jitter of the arrival time follows the particles in the trace, before noise.
- The factors (1 - 0.2 DX/1000) and (1 - 0.1 DX/1000) are not let become negative; with the default settings they
  cannot.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.airshower.showers import GROUND, Showers
from pd4ml.physics.atmosphere import vertical_depth

__all__ = ["BIN_WIDTH", "N_BINS", "add_particles", "detect", "expectation"]

N_BINS = 80
BIN_WIDTH = 25.0  # ns
SPEED_OF_LIGHT = 3e8  # m/s, as rounded in the published simulation
LARGEST_SIGNAL = 1e7  # VEM
WIDTH = 0.7  # sigma of the log-normal arrival times
RELATIVE_NOISE = 0.05
NOISE_SPREAD = 0.5  # of the absolute noise, relative to its mean
JITTER = 60e-9  # s, times 8 / (1 + lg(S + 1))
EVENT_OFFSET = 50e-9  # s

# Below, particles are drawn one by one: one costs about a sixth of what a bin of the multinomial costs.
_FEW = 400


def detect(
    showers: Showers,
    stations: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    noise: float | NDArray[np.float64],
    threshold: float | NDArray[np.float64],
    signal_scale: float | NDArray[np.float64] = 1.0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Traces (N, S, 80) in VEM per 25 ns and arrival times (N, S) in s at ``stations`` (S, 3), in m.

    ``noise`` is the mean absolute noise of a bin in VEM. A station whose trace sums up to less than ``threshold``
    (VEM) is silent: -1 in all bins and as time. ``signal_scale`` multiplies all expected signals. All three
    may be (N,), too.
    """
    maximum = showers.maximum
    depth = vertical_depth(GROUND) - vertical_depth(maximum[:, 2])
    traces = np.full((len(depth), len(stations), N_BINS), -1, np.float32)
    arrival_time = np.full(traces.shape[:2], -1, np.float32)
    strength = signal_scale * 900 * 10 ** (showers.lg_energy - 19)
    geometry = (showers.axis, showers.core, maximum, depth, stations)
    means, thresholds = np.zeros(len(depth)) + noise, np.zeros(len(depth)) + threshold
    _detect(rng, strength, showers.mass, *geometry, means, thresholds, traces, arrival_time)
    return traces, arrival_time


@njit(cache=True)
def expectation(strength: float, mass: float, r: float, depth: float) -> tuple[float, float, float, float, float]:
    """Expected signals (VEM) of muons and of electrons and photons (em), and when they come (ns).

    ``strength`` is S0 in VEM, ``r`` the distance to the axis in m, ``depth`` the slant depth from the maximum to
    the station in g/cm2. Returns (signal mu, signal em, median time mu, median time em, shift of the em times).
    """
    muon_part, em_part = 0.3 * mass**0.15, 0.7
    log_r = math.log(max(r, 150.0) / 1000)
    log_depth = math.log(depth / 100)
    muon = strength * muon_part / (muon_part + em_part)
    em = strength * em_part / (muon_part + em_part)
    muon *= math.exp(-4.7 * log_r) * min(math.exp(-0.1 * log_depth), 10.0)
    em *= math.exp(-6.1 * log_r) * min(math.exp(-0.4 * log_depth), 10.0)
    cap = min(1.0, LARGEST_SIGNAL / (muon + em))
    front = (r / 750) ** 1.4
    muon_time = 50 + 140 * front * max(1 - 0.2 * depth / 1000, 0.0)
    em_time = 80 + 200 * front * max(1 - 0.1 * depth / 1000, 0.0)
    return cap * muon, cap * em, muon_time, em_time, (em_time - muon_time) / 1.5


@njit(cache=True)
def add_particles(
    rng: np.random.Generator, signal: float, median: float, shift: float, trace: NDArray[np.int64]
) -> None:
    """Draw how many particles come and add them to the bins of ``trace`` in which they arrive."""
    n = int(signal + math.sqrt(signal) * rng.standard_normal())
    if n < _FEW:
        for _ in range(n):
            time = shift + median * math.exp(WIDTH * rng.standard_normal())
            if time < N_BINS * BIN_WIDTH:
                trace[int(time / BIN_WIDTH)] += 1
        return
    later = 1.0  # probability to arrive after the bins so far
    for i in range(N_BINS):
        end = (i + 1) * BIN_WIDTH - shift
        if end <= 0.0:
            continue
        after = 0.5 * math.erfc(math.log(end / median) / (WIDTH * math.sqrt(2.0)))
        here = rng.binomial(n, 1.0 - after / later)
        trace[i] += here
        n -= here
        later = after
        if n == 0:
            return


@njit(cache=True)
def _add_noise(
    rng: np.random.Generator, particles: NDArray[np.int64], noise: float, trace: NDArray[np.float32]
) -> float:
    """Fill ``trace`` with the particles and noise; return its sum."""
    absolute = (NOISE_SPREAD * noise) ** 2
    total = 0.0
    for i in range(N_BINS):
        n = particles[i]
        spread = math.sqrt((RELATIVE_NOISE * n) ** 2 + absolute)
        signal = max(n + noise + spread * rng.standard_normal(), 0.0)
        trace[i] = signal
        total += signal
    return total


@njit(cache=True)
def _detect(
    rng: np.random.Generator,
    strength: NDArray[np.float64],
    mass: NDArray[np.float64],
    axis: NDArray[np.float64],
    core: NDArray[np.float64],
    maximum: NDArray[np.float64],
    depth: NDArray[np.float64],
    stations: NDArray[np.float64],
    noise: NDArray[np.float64],
    threshold: NDArray[np.float64],
    traces: NDArray[np.float32],
    arrival_time: NDArray[np.float32],
) -> None:
    """Fill in the stations that are not silent. ``depth`` is the vertical one from the maximum to the ground."""
    particles = np.empty(N_BINS, np.int64)
    trace = np.empty(N_BINS, np.float32)
    for event in range(len(strength)):
        offset = EVENT_OFFSET * (2 * rng.random() - 1)
        for s in range(len(stations)):
            to_axis, to_maximum, along = 0.0, 0.0, 0.0
            for k in range(3):
                from_core = stations[s, k] - core[event, k]
                along += from_core * axis[event, k]
                to_axis += from_core**2
                to_maximum += (maximum[event, k] - stations[s, k]) ** 2
            r = math.sqrt(max(to_axis - along**2, 0.0))
            cos_zenith = (maximum[event, 2] - stations[s, 2]) / math.sqrt(to_maximum)
            muon, em, muon_time, em_time, shift = expectation(
                strength[event], mass[event], r, depth[event] / cos_zenith
            )
            particles[:] = 0
            add_particles(rng, muon, muon_time, 0.0, particles)
            add_particles(rng, em, em_time, shift, particles)
            if _add_noise(rng, particles, noise[event], trace) < threshold[event]:
                continue
            traces[event, s] = trace
            jitter = JITTER * 8 / (1 + math.log10(particles.sum() + 1))
            arrival_time[event, s] = offset - along / SPEED_OF_LIGHT + jitter * rng.standard_normal()
