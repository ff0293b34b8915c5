"""FilterNet on one graph or one grid, with loops over nodes and neighbours and the weights of the fast one."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from pd4ml.models.batch import GraphBatch

__all__ = ["plain_filter_net", "plain_sums"]


def plain_sums(batch: GraphBatch, x: Tensor, weights: Tensor) -> Tensor:
    """(sum P, W): for each node the sum of its neighbours' ``x`` (sum P, W), times ``weights`` (E, heads)."""
    heads = weights.shape[1]
    total = [torch.zeros(x.shape[1] // heads, heads, dtype=x.dtype) for _ in x]
    for e, (source, target) in enumerate(batch.edge_index.T.tolist()):
        total[target] = total[target] + weights[e] * x[source].view(-1, heads)
    return torch.stack([row.flatten() for row in total])


def plain_filter_net(model: Any, batch: GraphBatch) -> Tensor:
    """(1,) output of ``model``, a FilterNet in evaluation mode, for a batch of one."""
    domain = model.domain
    x, see = _on_graph(domain, batch) if batch.grid is None else _on_grid(domain, batch)
    for i, block in enumerate(model.blocks):
        y = block.norm(x)
        hidden = block.itself(y) + block.around(see(i, y)) + block.all_nodes(y.mean(0))
        x = x + block.last(torch.relu(hidden))
    x = model.norm(x)
    shares = torch.softmax(model.attention(x), 0).repeat_interleave(x.shape[1] // model.attention.out_features, 1)
    if batch.grid is None:
        third = torch.log(torch.tensor([1.0 + len(x)], dtype=x.dtype))
    else:
        third = (x * model.by_position).mean(0)
    result: Tensor = model.head(model.event(torch.cat([x.mean(0), (shares * x).sum(0), third])))
    return result


def _on_graph(domain: Any, batch: GraphBatch) -> tuple[Tensor, Any]:
    both, pairs = domain.both(batch), []
    for source, target in batch.edge_index.T.tolist():
        difference = batch.nodes[source] - batch.nodes[target]
        pair = domain.difference(torch.log(difference**2 + 1e-4))
        pair = torch.relu(pair + both[target, : domain.hidden] + both[source, domain.hidden :])
        pairs.append(domain.filters(pair) / (batch.edge_index[1] == target).sum())
    weights = torch.stack(pairs).view(-1, domain.depth, domain.heads).unbind(1)
    return domain.first(batch), lambda i, y: plain_sums(batch, domain.values[i](y), weights[i])


def _on_grid(domain: Any, batch: GraphBatch) -> tuple[Tensor, Any]:
    assert batch.grid is not None
    stride = domain.first.stride[0]
    nodes = batch.nodes.view(*batch.grid, -1)
    x = _correlate(nodes, domain.first.weight, stride) + domain.first.bias
    shape = x.shape[:2]

    def see(i: int, y: Tensor) -> Tensor:
        kernel = torch.diag_embed(domain.convolutions[i].weight[:, 0].permute(1, 2, 0)).permute(2, 3, 0, 1)
        seen: Tensor = _correlate(y.view(*shape, -1), kernel, 1) + domain.convolutions[i].bias
        return seen.flatten(0, 1)

    embedded: Tensor = x.flatten(0, 1) + domain.position
    return embedded, see


def _correlate(image: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """(h, w, n_out) of ``image`` (H, W, n_in) and ``kernel`` (n_out, n_in, k, k), zeros around the image."""
    height, width = image.shape[:2]
    half = kernel.shape[-1] // 2
    rows = []
    for row, column in itertools.product(range(0, height, stride), range(0, width, stride)):
        total = torch.zeros(len(kernel), dtype=image.dtype)
        for y, x in itertools.product(range(-half, half + 1), repeat=2):
            if 0 <= row + y < height and 0 <= column + x < width:
                total = total + kernel[:, :, half + y, half + x] @ image[row + y, column + x]
        rows.append(total)
    return torch.stack(rows).view(-(-height // stride), -(-width // stride), -1)
