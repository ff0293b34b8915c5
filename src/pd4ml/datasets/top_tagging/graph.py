"""Jets as graphs: constituents are nodes, near ones in (delta_eta, delta_phi) are joined.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.top_tagging.features import COORDINATES, MAX_NODES, features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.knn import knn, symmetric_edges

__all__ = ["graphs"]


def graphs(constituents: NDArray[np.float32], k: int = 7) -> PackedGraphs:
    """Make the graphs of jets with the features as nodes and edges to the ``k`` nearest neighbours.

    constituents: (N, 200, 4) float32, (E, px, py, pz) in GeV, pT-sorted, zero-padded. k = 7 is what
    arXiv:2107.00656 uses. A jet without constituents is a graph without nodes. Raises DataError as ``features``.
    """
    nodes, offsets = features(constituents)
    neighbours = knn(nodes[:, COORDINATES], offsets, k, period=2 * math.pi)
    return PackedGraphs(nodes, symmetric_edges(neighbours, offsets), offsets, MAX_NODES)
