"""PCT and SPCT (arXiv:2102.05073) graph by graph in the plainest arithmetic, with the weights of the fast ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pd4ml.models.batch import GraphBatch

__all__ = ["plain_pct", "plain_spct"]


def plain_spct(model: Any, batch: GraphBatch) -> Tensor:
    """(B,) output of ``model``, an SPCT in evaluation mode."""
    return torch.cat([_event(model, _spct_nodes(model, x)) for x, _ in _graphs(batch)])


def plain_pct(model: Any, batch: GraphBatch) -> Tensor:
    """(B,) output of ``model``, a PCT in evaluation mode."""
    return torch.cat([_event(model, _pct_nodes(model, x, joined)) for x, joined in _graphs(batch)])


def _graphs(batch: GraphBatch) -> list[tuple[Tensor, Tensor]]:
    """Features (P, F) and adjacency (P, P) with self-loops of each graph; ``[i, j]``: the edge j -> i."""
    found = []
    for low, high in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
        joined = torch.eye(int(high - low), dtype=torch.bool)
        for source, target in batch.edge_index.T:
            if low <= target < high:
                joined[target - low, source - low] = True
        found.append((batch.nodes[low:high], joined))
    return found


def _spct_nodes(model: Any, x: Tensor) -> Tensor:
    x = torch.relu(_norm(model.first_norm, x @ model.first.features.weight.T))
    x = _normalised(model.second, x)
    first = _attention(model.attention[0], x)
    second = _attention(model.attention[1], first)
    return torch.relu(model.join(torch.cat([first, second], 1)))


def _pct_nodes(model: Any, x: Tensor, joined: Tensor) -> Tensor:
    centre, offset = model.first_centre.features.weight, model.first_offset.features.weight
    x = _edge_conv(model.first_edges, centre, offset, x, joined)
    k = min(model.neighbours, len(x))
    distance = (x[:, None] - x).square().sum(-1)
    near = torch.zeros_like(joined)
    for i in range(len(x)):
        near[i, torch.argsort(distance[i])[:k]] = True
    x = _edge_conv(model.second_edges, model.second_centre.weight, model.second_offset.weight, x, near)
    seen = [x]
    for layer in model.attention:
        seen.append(_attention(layer, seen[-1]))
    return _normalised(model.join, torch.cat(seen, 1))


def _edge_conv(layers: Any, centre: Tensor, offset: Tensor, x: Tensor, joined: Tensor) -> Tensor:
    """The average over the neighbours j of two layers on (x_i, x_j - x_i)."""
    both, rows = torch.cat([centre, offset], 1), []
    for i in range(len(x)):
        others = x[joined[i]]
        edges = torch.cat([x[i].expand_as(others), others - x[i]], 1)
        rows.append(_normalised(layers.second, torch.relu(_norm(layers.norm, edges @ both.T))).mean(0))
    return torch.stack(rows)


def _attention(layer: Any, x: Tensor) -> Tensor:
    query, key, value = torch.split(_norm(layer.norm, x @ layer.dense.weight.T), layer.sizes, 1)
    weights = functional.softmax(query @ key.T, dim=1)
    weights = weights / weights.sum(0)
    return x + _normalised(layer.last, x - weights.T @ value)


def _normalised(layer: Any, x: Tensor) -> Tensor:
    return torch.relu(_norm(layer.norm, x @ layer.dense.weight.T))


def _norm(norm: Any, x: Tensor) -> Tensor:
    result: Tensor = (x - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias
    return result


def _event(model: Any, x: Tensor) -> Tensor:
    result: Tensor = model.head(_normalised(model.event[0], x.mean(0, keepdim=True)))
    return result.squeeze(-1)
