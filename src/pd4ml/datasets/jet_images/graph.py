"""Images as graphs: all 625 pixels are nodes, each joined to the up to eight around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.datasets.jet_images.features import features
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array

__all__ = ["graphs"]


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of images, with the features as nodes; arguments and errors are those of ``features``."""
    return grid_graphs(features(arrays["image"], fitted["scale"]), edges=edges)
