"""Images as graphs: all 400 pixels are nodes, each joined to the up to eight around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.spinodal.features import features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.grid import grid_graphs

__all__ = ["graphs"]


def graphs(density: NDArray[np.float32], scale: float) -> PackedGraphs:
    """Make the graphs of images, with the features as nodes (pixels outside the contour included).

    Arguments and errors are those of ``features``; neighbours are those of arXiv:2107.00656, diagonals included.
    """
    return grid_graphs(features(density, scale))
