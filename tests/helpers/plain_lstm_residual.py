"""Airshower's reference model with every trace worked off on its own, and plain tensor operations throughout."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from pd4ml.datasets.airshower.reference import LSTMResidual
from pd4ml.models.batch import GraphBatch

__all__ = ["PlainLSTMResidual"]


class PlainLSTMResidual(nn.Module):
    """The network of ``model``, with a copy of its parameters."""

    def __init__(self, model: LSTMResidual) -> None:
        super().__init__()
        self.model: LSTMResidual = deepcopy(model).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) values in the target's unit."""
        model = self.model
        stations = batch.to_dense()
        sequence, _ = model.traces.both_ways(stations[..., :80].reshape(-1, 80, 1).transpose(0, 1))
        _, (state, _) = model.traces.last(sequence)
        x = torch.cat([state[0].view(*stations.shape[:2], 10), stations[..., 80:]], dim=-1)
        x = x.transpose(1, 2).reshape(len(batch), 11, 9, 9).contiguous()
        unit: Any
        for unit in model.array:
            if isinstance(unit, nn.MaxPool2d):
                x = unit(x)
                continue
            if unit.widen is not None:
                x = torch.relu(unit.widen(x))
            y = torch.relu(unit.norms[0](unit.convolutions[0](x)))
            x = torch.relu(unit.norms[1](unit.convolutions[1](y)) + x)
        result: Tensor = model.head(model.dropout(x.flatten(2).amax(dim=2)))
        return result.squeeze(-1) * model.target_scale + model.target_mean
