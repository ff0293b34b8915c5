"""Spectra as graphs: all 24 x 24 bins are nodes, each joined to the up to eight around it in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.datasets.eosl.features import features
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs

__all__ = ["graphs"]


def graphs(spectra: NDArray[np.float32], mean: ArrayLike, spread: ArrayLike) -> PackedGraphs:
    """Make the graphs of spectra, with the standardised counts as nodes; arguments and errors as in ``features``.

    As in arXiv:2107.00656, first and last azimuth bin are not neighbours.
    """
    return grid_graphs(features(spectra, mean, spread))
