"""Showers for the eye: the footprint on the array, and what one plots of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """Stations on the ground: area and colour by signal, silent ones as small open circles."""
    x, y = np.asarray(event["stations"], np.float64)[:, :2].T / 1000
    traces = np.asarray(event["traces"], np.float64).reshape(len(x), -1)
    on = traces[:, 0] >= 0
    signal = np.log10(np.maximum(traces[on].sum(axis=1), 1))
    axes.scatter(x[~on], y[~on], s=10, facecolors="none", edgecolors="#8a8a8a", linewidths=0.7)
    shown = axes.scatter(x[on], y[on], s=12 + 22 * signal, c=signal, cmap="viridis", edgecolors="#8a8a8a", lw=0.7)
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="lg(signal / VEM)")
    axes.set(xlabel="x [km]", ylabel="y [km]", aspect="equal")
    axes.set_title(f"Xmax {float(event['xmax']):.0f} g/cm², {on.sum()} of {len(x)} stations")


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Xmax, triggered stations of an event, signal and arrival time of its stations."""
    traces = np.asarray(arrays["traces"]).reshape(len(arrays["xmax"]), 81, -1)
    time = np.asarray(arrays["arrival_time"], np.float64).reshape(len(traces), -1)
    on = traces[:, :, 0] >= 0
    mean = np.sum(time, axis=1, where=on) / np.maximum(on.sum(axis=1), 1)
    return {
        "Xmax [g/cm²]": np.asarray(arrays["xmax"]),
        "triggered stations per event": on.sum(axis=1),
        "lg(signal / VEM) of triggered stations": np.log10(np.maximum(traces[on].sum(axis=1), 1)),
        "arrival time about the event's mean [µs]": (time - mean[:, None])[on] * 1e6,
    }
