"""ParticleNet the plain way: padded jets, (B, P, k, C) edges, masks wherever padding could take part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pd4ml.models.batch import GraphBatch

__all__ = ["plain_neighbours", "plain_particle_net"]


def plain_particle_net(model: Any, batch: GraphBatch) -> Tensor:
    """(B,) output of ``model``, a ``particle_net`` without dropout, in training; running statistics learn."""
    n_places = max(int(batch.sizes.max()), 1)
    mask = torch.arange(n_places) < batch.sizes[:, None]
    x = batch.to_dense()[:, :n_places]
    points = x[..., model.coordinates]
    x = _norm(model.feature_norm, x, mask)
    if model.kinds is not None:
        kinds = torch.zeros(*mask.shape, model.kinds.shape[1], dtype=x.dtype)
        kinds[mask] = model.kinds[batch.tokens]
        x = torch.cat([x, kinds], dim=2)
    for block in model.blocks:
        x = _edge_conv(block, x, *plain_neighbours(points, mask, model.k), mask)
        points = x.detach()
    x = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    result: Tensor = model.head(functional.relu(model.dense(x)))
    return result.squeeze(1)


def plain_neighbours(points: Tensor, mask: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(B, P, k) places of the nearest nodes, and whether they are nodes, from all differences."""
    distance = (points[:, :, None] - points[:, None]).square().sum(3)
    distance = distance.masked_fill(~mask[:, None] | torch.eye(mask.shape[1], dtype=torch.bool), torch.inf)
    distance, places = distance.sort(dim=2)
    return places[..., :k], (distance[..., :k] < torch.inf) & mask[..., None]


def _edge_conv(block: Any, x: Tensor, places: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    centre = x[:, :, None].expand(-1, -1, places.shape[2], -1)
    other = x[torch.arange(len(x))[:, None, None], places]
    edge = torch.cat([centre, other - centre], dim=3)
    for layer, norm in zip(block.layers, block.norms, strict=True):
        edge = functional.relu(_norm(norm, layer(edge), real))
    mean = (edge * real[..., None]).sum(2) / real.sum(2, keepdim=True).clamp(min=1)
    return functional.relu(_norm(block.shortcut_norm, block.shortcut(x), mask) + mean)


def _norm(norm: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Batch norm over what is real."""
    result = torch.zeros_like(x)
    if mask.any():
        result[mask] = functional.batch_norm(
            x[mask], norm.running_mean, norm.running_var, norm.weight, norm.bias, True, norm.momentum, norm.eps
        )
    return result
