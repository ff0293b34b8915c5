"""Events as graphs: hits are nodes, each joined to all others of its event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muon_telescope.features import features
from muon_telescope.simulator import PLANES
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.builders import point_graphs
from pd4ml.storage.store import Array

__all__ = ["graphs"]


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of events, with the features as nodes; arguments and errors are those of ``features``."""
    nodes, offsets = features(arrays["deposits"])
    return point_graphs(nodes, offsets, coordinates=(0, 1), k=PLANES - 1, max_nodes=PLANES, edges=edges)
