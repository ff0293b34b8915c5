"""What models see of a station: the logarithm of its trace and its arrival time, silent stations zero.

As the published reference model sees it (arXiv:2107.00656). This module imports numba, and what it compiles at the
first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import DataError
from pd4ml.graphs.blocks import over_blocks
from pd4ml.storage.store import Array, Events

__all__ = ["FIT_EVENTS", "N_FEATURES", "features", "fit", "fit_time_spread"]

N_FEATURES = 81
# The spread is fitted on this many events at the beginning of the split: some 200,000 stations, so to 0.2 %.
FIT_EVENTS = 20_000
_CHUNK = 2000
_BLOCK = 64  # events whose traces, 1.7 MB, are worked off at once


def fit(events: Events | Mapping[str, Array]) -> dict[str, Any]:
    """The spread of the arrival times, from the first 20,000 events."""
    return {"time_spread": fit_time_spread(events["arrival_time"])}


def fit_time_spread(arrival_time: NDArray[np.float32]) -> float:
    """Standard deviation (s) of the arrival times about their event's mean, over all stations that are not silent.

    arrival_time: (N, 9, 9, 1) float32 in s, -1 for silent stations; may be memory-mapped: the first ``FIT_EVENTS``
    events are read, 2,000 at a time. Raises DataError where the times do not vary.
    """
    n_stations, squares = 0, 0.0
    for start in range(0, min(len(arrival_time), FIT_EVENTS), _CHUNK):
        time = np.array(arrival_time[start : min(start + _CHUNK, FIT_EVENTS)], np.float64)
        time = time.reshape(len(time), -1)
        active = time != -1
        n_active = active.sum(axis=1)
        mean = np.sum(time, axis=1, where=active) / np.maximum(n_active, 1)
        squares += float(np.sum((time - mean[:, None]) ** 2, where=active))
        n_stations += int(n_active.sum())
    if not squares > 0:
        message = f"the arrival times of {n_stations} stations do not vary about their events' means"
        raise DataError(message)
    return math.sqrt(squares / n_stations)


def features(
    traces: NDArray[np.float32], arrival_time: NDArray[np.float32], time_spread: float
) -> NDArray[np.float32]:
    """Compute the features (N, 9, 9, 81) float32 of all stations.

    traces: (N, 9, 9, 80) float32 in VEM; arrival_time: (N, 9, 9, 1) float32 in s; silent stations are -1 in both.
    The first 80 features are log10(signal + 1), the last one is the arrival time minus its mean over the
    event's stations that are not silent, divided by ``time_spread`` (s). Silent stations are 0 everywhere.

    Raises DataError for other shapes or dtypes, and for a signal that is not finite or, in a station that is not
    silent, negative.
    """
    traces, arrival_time = np.asarray(traces), np.asarray(arrival_time)
    shapes = (traces.shape[1:], arrival_time.shape)
    if shapes != ((9, 9, 80), (len(traces), 9, 9, 1)) or {traces.dtype, arrival_time.dtype} != {np.dtype("f4")}:
        message = (
            "expected traces (N, 9, 9, 80) and arrival_time (N, 9, 9, 1) of float32, found "
            f"{traces.shape} of {traces.dtype} and {arrival_time.shape} of {arrival_time.dtype}"
        )
        raise DataError(message)
    nodes = np.empty((len(traces), 81, N_FEATURES), np.float32)

    def block(first: int, last: int) -> None:
        bad = int(
            _features(
                _plain(traces[first:last]).reshape(-1, 81, 80),
                _plain(arrival_time[first:last]).reshape(-1, 81),
                time_spread,
                nodes[first:last],
            )
        )
        if bad >= 0:
            event, station = divmod(bad, 81)
            message = (
                f"event {first + event}: station {station} holds a signal or time that is no finite number, or a "
                "negative signal; expected signals of at least 0, or -1 everywhere in a silent station"
            )
            raise DataError(message)

    over_blocks(block, len(traces), _BLOCK)
    return nodes.reshape(-1, 9, 9, N_FEATURES)


def _plain(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """One type for the compiler, whether the array is memory-mapped, read-only or a slice."""
    plain = np.require(array, requirements=["C", "A"]).view(np.ndarray)
    plain.flags.writeable = False
    return plain


@njit(cache=True, nogil=True)
def _features(
    traces: NDArray[np.float32], time: NDArray[np.float32], spread: float, nodes: NDArray[np.float32]
) -> int:
    """Fill ``nodes`` (N, 81, 81); return -1, or the number of the first bad station among those of all events."""
    for event in range(len(traces)):
        n_active, total = 0, 0.0
        for s in range(traces.shape[1]):
            if time[event, s] != -1:
                n_active += 1
                total += time[event, s]
        mean = total / max(n_active, 1)
        for s in range(traces.shape[1]):
            if time[event, s] == -1:
                nodes[event, s] = 0.0
                if traces[event, s, 0] != -1:
                    return int(event * traces.shape[1] + s)
                continue
            for i in range(traces.shape[2]):
                signal = traces[event, s, i]
                if not 0 <= signal < np.inf:  # true for NaN, too
                    return int(event * traces.shape[1] + s)
                nodes[event, s, i] = math.log10(np.float64(signal) + 1)
            value = (time[event, s] - mean) / spread
            if not abs(value) < np.inf:
                return int(event * traces.shape[1] + s)
            nodes[event, s, traces.shape[2]] = value
    return -1
