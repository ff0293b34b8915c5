"""Spectra as graphs: all 24 x 24 bins are nodes, each joined to the up to eight around it in the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.datasets.eosl.features import features
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array

__all__ = ["graphs"]


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of spectra, with the standardised counts as nodes; arguments and errors as in ``features``.

    As in arXiv:2107.00656, first and last azimuth bin are not neighbours.
    """
    return grid_graphs(features(arrays["pion_spectrum"], fitted["mean"], fitted["spread"]), edges=edges)
