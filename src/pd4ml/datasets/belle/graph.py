"""Belle's events as graphs: particles are nodes, mothers and daughters are joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.features import N_TOKENS, continuous, real, tokens
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.graphs.tree import tree_edges

__all__ = ["graphs"]


def graphs(
    particles: NDArray[np.float32], mother_index: NDArray[np.int16], fitted: Mapping[str, Any]
) -> PackedGraphs:
    """Make the graphs of events with 8 continuous features and a token of 183 as nodes.

    particles: (N, 100, 9) float32 and mother_index: (N, 100) as on the card; ``fitted`` is what ``features.fit``
    gave for the train split. Raises DataError for a PID that is no token and for a mother index that makes no
    forest.
    """
    particles = np.asarray(particles)
    mask = real(particles)
    edge_index, offsets = tree_edges(mother_index, mask)
    nodes = particles[mask]
    return PackedGraphs(
        continuous(nodes, fitted),
        edge_index,
        offsets,
        particles.shape[1],
        tokens=tokens(nodes, fitted),
        n_tokens=N_TOKENS,
    )
