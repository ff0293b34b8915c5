"""Showers as graphs: all 81 stations are nodes, each joined to the up to eight around it in the 9x9 array.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.airshower.features import features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.grid import grid_graphs

__all__ = ["graphs"]


def graphs(traces: NDArray[np.float32], arrival_time: NDArray[np.float32], time_spread: float) -> PackedGraphs:
    """Make the graphs of showers, with the features as nodes (silent stations included).

    Arguments and errors are those of ``features``. As in arXiv:2107.00656, neighbours are those of the array's
    indices, diagonals included; in the plane, with its rows moved by half a spacing, six of the eight are nearest.
    """
    return grid_graphs(features(traces, arrival_time, time_spread))
