"""The reference model of CaloTestBeam: a network that weighs hits by what lies around them.

After the idea of arXiv:2403.04632 and of local software compensation (arXiv:1207.4210), in which each hit counts
with a weight that depends on the density of energy; the network is this package's own. This module imports torch.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.datasets.calo_test_beam.features import FEATURES
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import average_nodes, dense, spread_nodes
from pd4ml.models.registry import ModelInputs, register
from pd4ml.models.sparse import sparse_product

__all__ = ["CompensationNet"]

# Of the features: ten times the root of a hit's share of the energy, log10 of a thousandth of the sum in MIP.
_ROOT_SHARE, _LOG_TOTAL = FEATURES.index("share"), FEATURES.index("log_total")
_RESPONSE = 41.5  # MIP/GeV, where the network starts


@register("compensation_net")
class CompensationNet(Model):
    """The energy is the sum of all hits, each with a weight of its own, times a factor for the whole event.

    Hits know their neighbours (averages over the graph's edges) and the averages of the event, in ``depth``
    residual steps; a hit's weight, from 1/e to e, is made of what it knows. The factor sees the event's
    averages, those weighted by energy, and the logarithm of the sum, so that it can make good what leaks.
    Weights and factor begin as one: a network that has learned nothing gives the plain sum. For classes the head
    gives logits.
    """

    permutation_invariant: ClassVar[bool] = True

    def __init__(self, inputs: ModelInputs, *, width: int = 32, depth: int = 2, dropout: float = 0.0) -> None:
        super().__init__(inputs)
        if min(width, depth) < 1:
            raise ValueError(f"expected width and depth of at least 1, found {width} and {depth}")
        if inputs.n_features != len(FEATURES):
            raise ValueError(f"it needs the features of CaloTestBeam's hits, {', '.join(FEATURES)}")
        self.first = dense(inputs.n_features, width)
        self.steps = nn.ModuleList(_Step(width, dropout) for _ in range(depth))
        self.norm, self.weight = nn.LayerNorm(width), nn.Linear(width, 1)
        self.event = dense(2 * width + 2, width)
        self.add_head(width + 1)
        for parameter in (*self.weight.parameters(), *self.head.parameters()):
            nn.init.zeros_(parameter)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width + 1); the last is the logarithm of the weighted sum in GeV."""
        x = functional.relu(self.first(batch.nodes))
        for step in self.steps:
            x = step(x, batch)
        x = self.norm(x)
        share = (batch.nodes[:, _ROOT_SHARE : _ROOT_SHARE + 1] / 10).square()
        n_hits = batch.sizes[:, None].to(x.dtype)
        weighted = n_hits * average_nodes(x * share, batch)
        total = average_nodes(batch.nodes[:, _LOG_TOTAL : _LOG_TOTAL + 1], batch)
        gain = (n_hits * average_nodes(share * torch.exp(torch.tanh(self.weight(x))), batch)).clamp(min=1e-3).log()
        of_event = torch.cat([average_nodes(x, batch), weighted, total, gain], dim=1)
        log_energy = gain + (total + 3) * math.log(10) - math.log(_RESPONSE)
        return torch.cat([functional.relu(self.event(of_event)), log_energy], dim=1)

    def output(self, x: Tensor | None) -> Tensor:
        """Energies in GeV (B,), or logits."""
        if x is None or self.inputs.task != "regression" or self.n_outputs != 1:
            return super().output(x)
        factor: Tensor = self.head(x)
        return torch.exp(x[:, -1] + factor.squeeze(-1))


class _Step(nn.Module):
    """x + W2 ReLU(W1 y + V mean(y of neighbours and itself) + U average(y)), with y the layer-normalised x."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.itself, self.around, self.all_hits = dense(width, width), dense(width, width), dense(width, width)
        self.last = dense(width, width)

    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:
        """(sum P, width) to the same."""
        y = self.norm(x)
        hidden = self.itself(y) + sparse_product(batch.normalised_adjacency, self.around(y))
        hidden = functional.relu(hidden + spread_nodes(self.all_hits(average_nodes(y, batch)), batch))
        result: Tensor = x + self.last(self.dropout(hidden))
        return result
