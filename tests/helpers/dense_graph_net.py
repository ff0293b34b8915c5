"""GraphNet as one writes it at first: padded nodes, dense adjacency, PyTorch's own layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pd4ml.graphs.packed import PackedGraphs
from pd4ml.models.graph_net import GraphNet
from pd4ml.models.registry import ModelInputs

__all__ = ["DenseGraphNet", "dense_inputs"]


def dense_inputs(graphs: PackedGraphs) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes (B, P, F + K) with their kinds as one-hot, normalised adjacency (B, P, P), mask (B, P)."""
    features, mask = graphs.dense_nodes()
    nodes = torch.from_numpy(features)
    if graphs.n_tokens:
        kinds = torch.from_numpy(graphs.dense_tokens())
        one_hot = nn.functional.one_hot(kinds.clamp(min=0), graphs.n_tokens) * torch.from_numpy(mask)[..., None]
        nodes = torch.cat([nodes, one_hot.to(nodes.dtype)], dim=-1)
    return nodes, torch.from_numpy(graphs.normalised_adjacency()), torch.from_numpy(mask)


class DenseGraphNet(nn.Module):
    """The network of `GraphNet`, with the same names of layers.

    With ``masked`` it is the same function: batch norm and pooling take real nodes only. Without, they take the
    padding too, as in the published code, which is less work here.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        width: int = 256,
        dropout: float = 0.2,
        last: float = 0.1,
        masked: bool = True,
    ) -> None:
        super().__init__()
        self.masked = masked
        self.first = nn.Linear(inputs.n_features + inputs.n_tokens, width)
        self.node_layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.node_activations = nn.ModuleList(_activation(width, dropout) for _ in range(3))
        dropouts = [dropout] * 6 + [last]
        self.event_layers = nn.ModuleList(nn.Linear(width, width) for _ in dropouts)
        self.event_activations = nn.ModuleList(_activation(width, p) for p in dropouts)
        self.head = nn.Linear(width, 1)

    def forward(self, nodes: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        """(B,) logits of padded graphs."""
        x = torch.relu(self.first(nodes))
        for layer in self.node_layers:
            x = torch.relu(layer(x))
        for convolution, activation in zip(self.convolutions, self.node_activations, strict=True):
            x = torch.relu(adjacency @ convolution(x))
            if self.masked:
                real = torch.zeros_like(x)
                real[mask] = activation(x[mask])
                x = real
            else:
                x = activation(x.flatten(0, 1)).view(x.shape)
        x = x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1) if self.masked else x.mean(1)
        for layer, activation in zip(self.event_layers, self.event_activations, strict=True):
            x = activation(torch.relu(layer(x)))
        result: Tensor = self.head(x).squeeze(-1)
        return result

    def take(self, model: GraphNet) -> DenseGraphNet:
        """With the weights of ``model``."""
        state = dict(model.state_dict())
        kinds = state.pop("first.kinds", None)
        weight = state.pop("first.features.weight")
        state["first.weight"] = weight if kinds is None else torch.cat([weight, kinds.T], dim=1)
        names = (
            (".1.slope", ".1.weight"),
            ("first.features.", "first."),
        )
        renamed = {}
        for name, value in state.items():
            for old, new in names:
                name = name.replace(old, new)
            if not name.startswith("target_"):
                renamed[name] = value
        self.load_state_dict(renamed)
        return self


def _activation(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(width, eps=1e-3), nn.PReLU(width), nn.Dropout(dropout))
