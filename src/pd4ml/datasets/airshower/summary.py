"""What the reconstruction of an air shower starts from: size, footprint, direction, curvature, rise times."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["summary"]

_HOTTEST = 3  # stations whose traces are looked at one by one
_RIDGE = 1e-3  # keeps a fit to few stations finite


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each shower; silent stations take no part.

    Signals in VEM, distances from the signal's centre in km, times in microseconds, times within traces in bins.
    """
    n = len(arrays["traces"])
    traces = np.asarray(arrays["traces"], np.float64).reshape(n, 81, 80)
    arrival = np.asarray(arrays["arrival_time"], np.float64).reshape(n, 81) * 1e6
    real = traces[..., 0] >= 0
    traces = np.where(real[..., None], traces, 0.0)
    signal = traces.sum(axis=2)
    total = np.maximum(signal.sum(axis=1), 1e-9)
    position = np.asarray(arrays["stations"], np.float64)[:, :2] / 1e3
    core = signal @ position / total[:, None]
    away = position[None] - core[:, None]
    distance = np.hypot(away[..., 0], away[..., 1])
    columns = {
        "log_total": np.log10(total),
        "stations": real.sum(axis=1),
        "log_largest": np.log10(np.maximum(signal.max(axis=1), 1e-9)),
        "largest_share": signal.max(axis=1) / total,
        "radius": np.sqrt((signal * distance**2).sum(axis=1) / total),
        "core_x": core[:, 0],
        "core_y": core[:, 1],
    }
    columns |= _lateral(signal, distance, real) | _front(arrival, away, distance, real)
    return columns | _times_in_traces(traces, signal, distance, real, total)


def _fit(design: Array, values: Array, weight: Array) -> Array:
    """(N, K) coefficients of weighted least squares of ``values`` (N, S) on ``design`` (N, S, K)."""
    weighted = design * weight[..., None]
    matrix = np.einsum("nsk,nsl->nkl", weighted, design) + _RIDGE * np.eye(design.shape[2])
    result: Array = np.linalg.solve(matrix, np.einsum("nsk,ns->nk", weighted, values)[..., None])[..., 0]
    return result


def _lateral(signal: Array, distance: Array, real: Array) -> dict[str, Array]:
    """Slope of log signal against log distance, and the signal that the fit has at 1 km."""
    design = np.stack([np.ones_like(distance), np.log10(distance + 0.1)], axis=-1)
    values = np.log10(np.maximum(signal, 1e-9))
    at_1_km, slope = _fit(design, np.where(real, values, 0.0), real.astype(float)).T
    return {"log_signal_1_km": at_1_km, "lateral_slope": slope}


def _front(arrival: Array, away: Array, distance: Array, real: Array) -> dict[str, Array]:
    """Direction of the plane front, the front's curvature about it, and how well both fit."""
    design = np.concatenate([np.ones_like(away[..., :1]), away, distance[..., None] ** 2], axis=-1)
    weight = real.astype(float)
    found = _fit(design, np.where(real, arrival, 0.0), weight)
    rest = np.where(real, arrival - np.einsum("nsk,nk->ns", design, found), 0.0)
    slope = np.hypot(found[:, 1], found[:, 2])
    return {
        "sin_zenith": slope * 0.3,  # km per microsecond, the speed of light
        "front_x": found[:, 1],
        "front_y": found[:, 2],
        "curvature": found[:, 3],
        "front_rms": np.sqrt((rest**2).sum(axis=1) / np.maximum(real.sum(axis=1), 1)),
    }


def _times_in_traces(traces: Array, signal: Array, distance: Array, real: Array, total: Array) -> dict[str, Array]:
    """From the bins in which 10, 50 and 90 % of a station's signal have come: means, trends, hottest stations."""
    share = np.cumsum(traces, axis=2) / np.maximum(signal, 1e-9)[..., None]
    ten, half, ninety = (np.sum(share < level, axis=2).astype(float) for level in (0.1, 0.5, 0.9))
    rise, design = half - ten, np.stack([np.ones_like(distance), distance], axis=-1)
    columns = {}
    for name, values in (("rise", rise), ("half", half), ("length", ninety - ten)):
        columns[f"{name}_mean"] = (values * real).sum(axis=1) / np.maximum(real.sum(axis=1), 1)
        columns[f"{name}_weighted"] = (values * signal).sum(axis=1) / total
        start, trend = _fit(design, np.where(real, values, 0.0), real.astype(float)).T
        columns[f"{name}_at_core"], columns[f"{name}_per_km"] = start, trend
    order = np.argsort(-signal, axis=1, kind="stable")[:, :_HOTTEST]
    for place, station in enumerate(order.T):
        event = np.arange(len(signal))
        columns[f"log_signal_{place}"] = np.log10(np.maximum(signal[event, station], 1e-9))
        columns[f"distance_{place}"] = distance[event, station]
        columns[f"rise_{place}"], columns[f"half_{place}"] = rise[event, station], half[event, station]
    return columns
