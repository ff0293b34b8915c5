"""Hits as graphs: each is joined to its nearest in x, y and layer.

This module imports numba where edges are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.datasets.calo_test_beam.features import FEATURES, HALF_DEPTH, HALF_WIDTH, MOST_HITS, features
from pd4ml.graphs.packed import PackedGraphs, no_edges
from pd4ml.storage.store import Array

__all__ = ["COORDINATES", "N_NEIGHBOURS", "graphs"]

N_NEIGHBOURS = 8
COORDINATES = tuple(FEATURES.index(name) for name in ("x", "y", "layer"))


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of events, with the features as nodes.

    Distances are in mm. Errors are those of ``features``; there is nothing to fit.
    """
    nodes, offsets = features(arrays["hits"])
    edge_index = no_edges()
    if edges:
        from pd4ml.graphs.knn import knn, symmetric_edges

        places = nodes[:, COORDINATES] * np.array([HALF_WIDTH, HALF_WIDTH, HALF_DEPTH], np.float32)
        edge_index = symmetric_edges(knn(np.ascontiguousarray(places), offsets, N_NEIGHBOURS), offsets)
    return PackedGraphs(nodes, edge_index, offsets, MOST_HITS)
