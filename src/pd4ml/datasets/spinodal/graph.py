"""Images as graphs: all 400 pixels are nodes, each joined to the up to eight around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.datasets.spinodal.features import features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.grid import grid_graphs
from pd4ml.storage.store import Array

__all__ = ["graphs"]


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of images, with the features as nodes.

    Arguments and errors are those of ``features``; neighbours are those of arXiv:2107.00656, diagonals included.
    """
    return grid_graphs(features(arrays["density"], fitted["scale"]), edges=edges)
