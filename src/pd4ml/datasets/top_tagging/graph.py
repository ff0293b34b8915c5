"""Jets as graphs: constituents are nodes, near ones in (delta_eta, delta_phi) are joined.

This module imports numba; light modules import it in functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pd4ml.datasets.top_tagging.features import COORDINATES, MAX_NODES, features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.knn import knn, symmetric_edges
from pd4ml.graphs.packed import no_edges
from pd4ml.storage.store import Array

__all__ = ["graphs"]

_NEIGHBOURS = 7  # as in arXiv:2107.00656


def graphs(
    arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True, k: int = _NEIGHBOURS
) -> PackedGraphs:
    """Make the graphs of jets with the features as nodes and edges to the ``k`` nearest neighbours.

    ``constituents`` (N, 200, 4) float32 are (E, px, py, pz) in GeV, pT-sorted, zero-padded; nothing is fitted. A
    jet without constituents is a graph without nodes. Raises DataError as ``features``.
    """
    nodes, offsets = features(arrays["constituents"])
    if not edges:
        return PackedGraphs(nodes, no_edges(), offsets, MAX_NODES)
    neighbours = knn(nodes[:, COORDINATES], offsets, k, period=2 * math.pi)
    return PackedGraphs(nodes, symmetric_edges(neighbours, offsets), offsets, MAX_NODES)
