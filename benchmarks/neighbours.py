"""The search for neighbours of networks on a CPU: its compiled form against the plain one, in turns.

The plain form is a matrix product (up to four coordinates: differences) and PyTorch's ``topk``; that both give the
same neighbours is tested (tests/models/test_neighbours.py). ``python benchmarks/neighbours.py`` prints JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from pd4ml.models.batch import GraphBatch
from pd4ml.models.neighbours import nearest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.graph_net import row

__all__ = ["rows"]

N_GRAPHS = 64
# Nodes, from and to; coordinates; neighbours. The last have as many nodes as the largest grid.
CASES = (
    *(((20, 100), c, k) for c in (2, 3, 4, 7, 64, 128, 256) for k in (7, 16, 20)),
    *(((200, 200), c, 16) for c in (2, 64, 256, 512)),
    *(((576, 576), c, 16) for c in (2, 64, 256, 512)),
)


def case(sizes: tuple[int, int], n_dimensions: int, k: int) -> dict[str, Any]:
    """Graphs of ``sizes`` nodes with random coordinates; of many, half are zero, as after a ReLU."""
    generator = torch.Generator().manual_seed(0)
    n_graphs = N_GRAPHS if sizes[1] <= 100 else 8
    offsets = torch.randint(sizes[0], sizes[1] + 1, (n_graphs,), generator=generator).cumsum(0)
    offsets = torch.nn.functional.pad(offsets, (1, 0))
    points = torch.randn(int(offsets[-1]), n_dimensions, generator=generator)
    points = points if n_dimensions < 8 else points.relu()
    batch = GraphBatch(points, torch.zeros(2, 0, dtype=torch.int64), offsets, sizes[1])
    nodes = f"{sizes[0]} to {sizes[1]}" if sizes[0] < sizes[1] else f"{sizes[0]}"
    found = row(
        f"{k} neighbours in {n_dimensions} dimensions, graphs of {nodes} nodes",
        "PyTorch, dense distances and topk",
        n_graphs,
        lambda: nearest(points, batch, k),
        lambda: nearest(points, batch, k, plain=True),
        1.0,
    )
    return {**found, "unit": "graphs/s"}


def rows() -> list[dict[str, Any]]:
    """One row for each case."""
    return [case(*one) for one in CASES]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=2))
