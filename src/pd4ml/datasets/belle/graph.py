"""Belle's events as graphs: particles are nodes, mothers and daughters are joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.datasets.belle.features import N_TOKENS, continuous, real, tokens
from pd4ml.graphs.packed import PackedGraphs, no_edges, packed_offsets
from pd4ml.graphs.tree import tree_edges
from pd4ml.storage.store import Array

__all__ = ["graphs"]


def graphs(arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True) -> PackedGraphs:
    """Make the graphs of events with 8 continuous features and a token of 183 as nodes.

    ``particles`` (N, 100, 9) float32 and ``mother_index`` (N, 100) are as on the card; ``fitted`` is what
    ``features.fit`` gave for the train split. Raises DataError for a PID that is no token and for a mother index
    that makes no forest.
    """
    particles = np.asarray(arrays["particles"])
    mask = real(particles)
    if edges:
        edge_index, offsets = tree_edges(arrays["mother_index"], mask)
    else:
        edge_index, offsets = no_edges(), packed_offsets(mask.sum(axis=1))
    nodes = particles[mask]
    return PackedGraphs(
        continuous(nodes, fitted),
        edge_index,
        offsets,
        particles.shape[1],
        tokens=tokens(nodes, fitted),
        n_tokens=N_TOKENS,
    )
