"""Showers as graphs: all 81 stations are nodes, each joined to the up to eight around it in the 9x9 array.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.datasets.airshower.features import features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.grid import grid_graphs
from pd4ml.storage.store import Array

__all__ = ["graphs"]


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of showers, with the 81 features as nodes (silent stations included).

    Arguments and errors are those of ``features``. As in arXiv:2107.00656, neighbours are those of the array's
    indices, diagonals included: the nearest eight of the cartesian array. In the layout "offset" only six of the
    eight are nearest, but models that look at the array as an image have the same one.
    """
    return grid_graphs(features(arrays["traces"], arrays["arrival_time"], fitted["time_spread"]), edges=edges)
