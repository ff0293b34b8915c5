"""Images as graphs: the pixels above threshold are nodes, each joined to the nearest of its plane.

A dense image has 49,152 pixels, of which one in a hundred holds charge: the sparse ones are what all shared models
can take, at the full resolution that the gap before a photon's shower needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.datasets.lar_tpc.card import MAX_NODES
from pd4ml.datasets.lar_tpc.features import features
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.builders import point_graphs
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["MAX_NODES", "graphs"]

_NEIGHBOURS = 8


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of images, with the features as nodes; of larger images the brightest pixels.

    Errors are those of ``features``.
    """
    content, offsets = entries(arrays["pixels"])
    sizes = np.minimum(np.diff(offsets), MAX_NODES)
    place = np.arange(len(content)) - np.repeat(offsets[:-1], np.diff(offsets))
    nodes, starts = features(content[place < MAX_NODES]), np.concatenate([[0], np.cumsum(sizes)])
    return point_graphs(nodes, starts, (0, 1, 2), _NEIGHBOURS, max_nodes=MAX_NODES, edges=edges)
